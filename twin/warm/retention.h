// What retention leaves of a sealed segment.
#pragma once

#include "twin/warm/disk.h"
#include "twin/warm/spec.h"

namespace looptwin::twin {

/// Replaces a segment by one without cells: its logs stay, which say for the whole run what was decided and
/// why. Without logs the file goes; what cannot be read stays.
Result<void> drop_cells(const RunSpec& spec, const fs::path& segment);

}  // namespace looptwin::twin
