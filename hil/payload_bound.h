// How long a payload may be: what is longer is refused where it arrives, and by whoever reads it.
#pragma once

#include <cstddef>

namespace looptwin::hil {

/// Payloads above this are malformed.
inline constexpr size_t kLongestPayload = 64 * 1024;

namespace sparkplug {
/// Births of large nodes are longer than other messages.
inline constexpr size_t kLongestPayload = 1024 * 1024;
}  // namespace sparkplug

}  // namespace looptwin::hil
