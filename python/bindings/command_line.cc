// The command line within Python, where scenarios may have its classes.
#include "testbed/command_line.h"

#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <cstdio>
#include <string>
#include <vector>

#include "python/bindings/extensions.h"
#include "python/bindings/module.h"

namespace looptwin::python {

namespace py = pybind11;

void bind_command_line(py::module_& m) {
  m.def("command_line", [](const std::vector<std::string>& words) {
    std::vector<const char*> argv;
    for (const auto& word : words) argv.push_back(word.c_str());
    const py::gil_scoped_release release;
    const int code = testbed::command_line(static_cast<int>(argv.size()), argv.data(), &extensions());
    std::fflush(stdout);
    return code;
  });
}

}  // namespace looptwin::python
