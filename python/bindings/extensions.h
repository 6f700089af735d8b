// Classes of Python behind plants, feeds and functions of scenarios (testbed/extensions.h). What they declare
// and hand out is checked in looptwin/extending.py; here values go to and fro. The GIL is taken for each
// call.
#pragma once

#include "testbed/extensions.h"

namespace looptwin::python {

/// Stateless: lives as long as the program.
const testbed::Extensions& extensions();

}  // namespace looptwin::python
