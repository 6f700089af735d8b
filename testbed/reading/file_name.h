// What may name a file or folder wherever it is written: a scenario's name is its runs' folder, a rig's is
// also its sockets'.
#pragma once

#include <string_view>

namespace looptwin::testbed {

inline constexpr size_t kLongestFileName = 64;
inline bool is_file_name(std::string_view name) {
  constexpr std::string_view kAllowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
  return !name.empty() && name.size() <= kLongestFileName && name[0] != '.' && name[0] != '-' &&
         name.find_first_not_of(kAllowed) == std::string_view::npos;
}

}  // namespace looptwin::testbed
