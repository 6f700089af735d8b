// How a run of the loop ended.
#pragma once

#include <cstdint>

namespace looptwin::mml {

enum class RunEnd : uint8_t { reached_end, stopped, failed };
/// "reached_end": as in the manifest.
const char* name_of(RunEnd end);

}  // namespace looptwin::mml
