// Diagnostics as Python exceptions: looptwin.ScenarioError where the input is bad, looptwin.RunError where a
// run broke. Their text is what the command line prints. Needs the GIL.
#pragma once

#include <pybind11/pybind11.h>

#include <utility>

#include "base/result.h"

namespace looptwin::python {

/// looptwin.Problem objects: file, line, column, severity, message, hint.
pybind11::list problems_of(const Diagnostics& diagnostics);
[[noreturn]] void raise(const char* exception, const Diagnostics& problems);

/// The value of a result, or its diagnostics as a ScenarioError.
template <typename T>
T value_or_raise(Result<T>&& result) {
  if (!result) raise("ScenarioError", result.error());
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

}  // namespace looptwin::python
