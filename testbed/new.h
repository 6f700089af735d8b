// `looptwin new DIR`: a small scenario that works, with comments, to be changed into one's own.
#pragma once

#include <filesystem>
#include <vector>

#include "base/result.h"

namespace looptwin::testbed {

/// Writes the files and returns their paths. A folder that is there and not empty is refused.
Result<std::vector<std::filesystem::path>> write_new_scenario(const std::filesystem::path& folder);

}  // namespace looptwin::testbed
