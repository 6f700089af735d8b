// Answers about run folders, as the command line gives them: why, why not, and what two runs differ by. Each
// as text and as JSON.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>
#include <pybind11/stl/filesystem.h>

#include "python/bindings/errors.h"
#include "python/bindings/extensions.h"
#include "python/bindings/module.h"
#include "python/bindings/signals.h"
#include "testbed/explain/explanation.h"
#include "testbed/replay/report.h"

namespace looptwin::python {

namespace py = pybind11;

namespace {

using Path = std::filesystem::path;

/// What is wrong raises.
template <typename Ask>
auto answer(Ask&& ask) {
  auto result = heeding_signals(ask);
  if (!result) raise("RunError", result.error());
  return std::move(*result);
}

std::string text_of(const testbed::Explanation& told) {
  std::string text;
  for (const auto& line : testbed::lines_of(told)) text += line + "\n";
  return text;
}

py::tuple both(const testbed::Explanation& told) {
  return py::make_tuple(text_of(told), testbed::json_of(told));
}

}  // namespace

void bind_answers(py::module_& m) {
  m.def("explain", [](const Path& run, const std::string& id) {
    return both(answer([&](const StopAsked& stop) {
      return id.empty() ? testbed::list_decisions(run, stop)
                        : testbed::explain_decision(run, id, &extensions(), stop);
    }));
  });
  m.def("why_not", [](const Path& run, const std::string& name, const std::string& device, int64_t at_ns) {
    return both(answer([&](const StopAsked& stop) {
      return testbed::explain_why_not(run, name, device, Time{at_ns}, &extensions(), stop);
    }));
  });
  m.def("difference", [](const Path& a, const Path& b, size_t show) {
    const auto told = answer([&](const StopAsked& stop) {
      return testbed::difference_of_runs(a, b, {show, true}, stop);
    });
    return py::make_tuple(told.equal, told.text, told.json);
  });
}

}  // namespace looptwin::python
