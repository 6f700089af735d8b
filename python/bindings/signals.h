// Ctrl-C while C++ works without the GIL: Python is asked a few times a second, and what it raises ends the
// work early.
#pragma once

#include <pybind11/pybind11.h>

#include <exception>
#include <functional>
#include <optional>
#include <utility>

#include "base/stop.h"
#include "testbed/stopwatch.h"

namespace looptwin::python {

class Signals {
 public:
  /// What else is done when Python has the word, with the GIL; what it throws ends the work as well.
  explicit Signals(std::function<void()> also = {}) : also_(std::move(also)) {}
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

  /// Whether something was raised. Without the GIL.
  bool asked();
  /// With the GIL: raises what was raised meanwhile; where the work failed also what is waiting, which may be
  /// why. What else is waiting Python hears by itself.
  void raise(bool failed);

 private:
  std::function<void()> also_;
  testbed::Stopwatch watch_;
  double asked_ = 0;  // s of watch_
  std::exception_ptr raised_;
};

/// What `work` gives, which runs without the GIL and ends early where the StopAsked that it is given says so.
/// What was raised meanwhile takes the place of its result.
template <typename Work>
auto heeding_signals(Work&& work) {
  Signals signals;
  auto result = [&] {
    const pybind11::gil_scoped_release release;
    return work(StopAsked([&signals] { return signals.asked(); }));
  }();
  signals.raise(!result);
  return result;
}

/// Within a loop that holds the GIL: raises what is waiting, now and then.
inline void heed_signals(size_t turn) {
  constexpr size_t kEvery = 65'536;
  if (turn % kEvery == 0 && PyErr_CheckSignals() != 0) throw pybind11::error_already_set();
}

}  // namespace looptwin::python
