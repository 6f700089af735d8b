// Where a run folder begins: a fork's at the boundary at which it left its trunk.
#pragma once

#include <filesystem>

#include "base/time.h"

namespace looptwin::testbed {

/// The state that a fork begins with, as a snapshot.
inline constexpr const char* kBeginState = "begin.state";

/// 0 of a run that was begun anew.
Time begin_of(const std::filesystem::path& run);

}  // namespace looptwin::testbed
