#include "python/bindings/module.h"

PYBIND11_MODULE(_looptwin, m) {
  m.doc() = "What looptwin's Python files are made of; use those.";
  m.attr("version") = LT_VERSION;
  looptwin::python::bind_scenario(m);
  looptwin::python::bind_simulation(m);
  looptwin::python::bind_run_folder(m);
  looptwin::python::bind_answers(m);
  looptwin::python::bind_command_line(m);
}
