#include "python/bindings/signals.h"

namespace looptwin::python {

namespace py = pybind11;

namespace {

/// How often Python has the word, on the wall.
constexpr double kEvery = 0.1;  // s

}  // namespace

bool Signals::asked() {
  if (raised_ || watch_.seconds() - asked_ < kEvery) return raised_ != nullptr;
  asked_ = watch_.seconds();
  const py::gil_scoped_acquire acquire;
  try {
    if (PyErr_CheckSignals() != 0) throw py::error_already_set();
    if (also_) also_();
  } catch (...) {
    raised_ = std::current_exception();
  }
  return raised_ != nullptr;
}

void Signals::raise(bool failed) {
  if (raised_) std::rethrow_exception(std::exchange(raised_, nullptr));
  if (failed && PyErr_CheckSignals() != 0) throw py::error_already_set();
}

}  // namespace looptwin::python
