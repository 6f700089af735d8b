#include "python/bindings/errors.h"

namespace looptwin::python {
namespace {

namespace py = pybind11;

const char* name_of(Severity severity) {
  switch (severity) {
    case Severity::error:
      return "error";
    case Severity::warning:
      return "warning";
    case Severity::note:
      break;
  }
  return "note";
}

}  // namespace

py::list problems_of(const Diagnostics& diagnostics) {
  const auto problem = py::module_::import("looptwin.errors").attr("Problem");
  py::list list;
  for (const auto& d : diagnostics) {
    py::object file = py::none(), line = py::none(), column = py::none();
    if (d.span.source) {
      const auto at = line_column(*d.span.source, d.span.begin);
      file = py::str(d.span.source->name);
      line = py::int_(at.line);
      column = py::int_(at.column);
    }
    list.append(problem(file, line, column, name_of(d.severity), d.message, d.hint));
  }
  return list;
}

void raise(const char* exception, const Diagnostics& problems) {
  const auto type = py::module_::import("looptwin.errors").attr(exception);
  const auto error = type(render(problems), problems_of(problems));
  PyErr_SetObject(type.ptr(), error.ptr());
  throw py::error_already_set();
}

}  // namespace looptwin::python
