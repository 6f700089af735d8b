// The subjects of the extension module, one source each; module.cc puts them together.
#pragma once

#include <pybind11/pybind11.h>

namespace looptwin::python {

void bind_scenario(pybind11::module_& m);
void bind_simulation(pybind11::module_& m);
void bind_run_folder(pybind11::module_& m);
void bind_answers(pybind11::module_& m);
void bind_command_line(pybind11::module_& m);

}  // namespace looptwin::python
