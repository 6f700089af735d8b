// How classes of Python behind parts of a scenario are held and called, and what is said when they fail.
#pragma once

#include <fmt/format.h>
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <algorithm>
#include <span>
#include <string>
#include <utility>

#include "lang/units.h"
#include "testbed/extensions.h"

namespace looptwin::python {

/// An object of Python that outlives the call in which it came, and may be let go by any thread.
class Held {
 public:
  explicit Held(pybind11::object object) : object_(std::move(object)) {}
  Held(const Held&) = delete;
  Held& operator=(const Held&) = delete;
  ~Held() {
    const pybind11::gil_scoped_acquire acquire;
    object_ = pybind11::object();
  }
  const pybind11::object& operator*() const { return object_; }
  const pybind11::object* operator->() const { return &object_; }

 private:
  pybind11::object object_;
};

/// Ctrl-C that came within a class is heard once more by who can act on it.
void hear_again(const pybind11::error_already_set& error);

/// "ValueError: shapes differ (tanks.py:31)", which is heard again if it is Ctrl-C.
std::string text_of(pybind11::error_already_set& error);

pybind11::dict arguments_of(const testbed::ClassUse& use);

/// What `make` gives with the GIL held, or the exception as what is wrong with the class.
template <typename T, typename Make>
Result<T> asked(const testbed::ClassUse& use, Make&& make) {
  const pybind11::gil_scoped_acquire acquire;
  try {
    return make();
  } catch (pybind11::error_already_set& error) {
    return failure(use.span, fmt::format("the class '{}': {}", use.name, text_of(error)));
  } catch (const pybind11::cast_error& error) {
    return failure(use.span, fmt::format("the class '{}': {}", use.name, error.what()));
  }
}

inline pybind11::array_t<double> copied(std::span<const double> values) {
  return pybind11::array_t<double>(static_cast<pybind11::ssize_t>(values.size()), values.data());
}

inline void copy(const pybind11::array_t<double>& from, std::span<double> to) {
  std::copy_n(from.data(), to.size(), to.data());
}

Result<lang::Unit> unit_of(const lang::Units& units, const std::string& text);

}  // namespace looptwin::python
