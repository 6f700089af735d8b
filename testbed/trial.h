// A scenario tried out before time starts: read, and assembled with few devices. Or all that is wrong with
// it, at once.
#pragma once

#include <memory>
#include <vector>

#include "testbed/assembly.h"
#include "testbed/reading/load.h"
#include "testbed/run.h"

namespace looptwin::testbed {

/// The scenario's devices, counted and named in full, and the same scenario with so few of them that wiring
/// it takes no memory to speak of: expressions do not know how many rows they will run over.
struct Census {
  std::vector<size_t> devices;  ///< by table
  size_t total = 0;
  Scenario few;
  Diagnostics warnings;  ///< of all of them, where they are not the few
};

/// A scenario, assembled with few devices; or what is wrong with it.
struct Trial {
  Reading reading;
  Census census;
  std::unique_ptr<Assembly> assembly;  ///< null: see the problems
  Diagnostics problems;
};

/// `left_out`: parts that are known to be wrong, and are not looked at.
Trial try_out(const CheckRequest& request, const LeftOut& left_out = {});

/// What is wrong with a trial that has failed, and with the rest: it is tried again without what is known to
/// be wrong. By place.
Diagnostics all_problems(Trial failed, const CheckRequest& request);

/// As refuse(), with how many there are of each severity: "2 errors, 1 warning".
Exit refuse_counted(const Diagnostics& problems);

}  // namespace looptwin::testbed
