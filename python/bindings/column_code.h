// Classes of Python behind controllers and physics of device models (sim/column_code.h). What they declare
// and hand out is checked in looptwin/devices.py.
#pragma once

#include <memory>
#include <string>

#include "testbed/extensions.h"

namespace looptwin::python {

/// `what`: "controller" or "physics".
Result<std::shared_ptr<const sim::ColumnCode>> column_code(const char* what, const testbed::ClassUse& use,
                                                           const std::string& folder,
                                                           const lang::Units& units);

}  // namespace looptwin::python
