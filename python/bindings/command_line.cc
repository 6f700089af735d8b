// The command line within Python, where scenarios may have its classes.
#include "testbed/command_line.h"

#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <csignal>
#include <cstdio>
#include <string>
#include <vector>

#include "python/bindings/extensions.h"
#include "python/bindings/module.h"

namespace looptwin::python {

namespace py = pybind11;

namespace {

/// Python's handler only notes a signal, for when Python has the word again. Here Ctrl-C ends the process as
/// it ends the program, but where a command has a handler of its own.
class DefaultInterrupt {
 public:
  DefaultInterrupt() {
    ::sigaction(SIGINT, nullptr, &before_);
    if (before_.sa_handler != SIG_IGN) std::signal(SIGINT, SIG_DFL);
  }
  ~DefaultInterrupt() { ::sigaction(SIGINT, &before_, nullptr); }
  DefaultInterrupt(const DefaultInterrupt&) = delete;
  DefaultInterrupt& operator=(const DefaultInterrupt&) = delete;

 private:
  struct sigaction before_ {};
};

}  // namespace

void bind_command_line(py::module_& m) {
  m.def("command_line", [](const std::vector<std::string>& words) {
    std::vector<const char*> argv;
    for (const auto& word : words) argv.push_back(word.c_str());
    const DefaultInterrupt interrupt;
    const py::gil_scoped_release release;
    const int code = testbed::command_line(static_cast<int>(argv.size()), argv.data(), &extensions());
    std::fflush(stdout);
    return code;
  });
}

}  // namespace looptwin::python
