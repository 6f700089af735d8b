// The top of a scenario file as a table of keys. load() itself is declared in testbed/scenario.h.
#pragma once

#include "testbed/reading/resolve.h"

namespace looptwin::testbed {

const Section<Draft>& scenario_section();

}  // namespace looptwin::testbed
