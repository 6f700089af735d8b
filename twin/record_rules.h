// What ids, tags and texts of kept records may be: what stands in patterns, topics and lines of any file.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace looptwin::twin {

/// Letters, digits and _, not beginning with a digit.
bool is_word(std::string_view text);
/// UTF-8 without control characters.
bool is_line(std::string_view text);

/// Who changes something: `name` as it will be shown beside the change.
Result<void> check_author(const std::string& name);
Result<void> check_device_id(const std::string& id);
Result<void> check_tag(const std::string& tag);

}  // namespace looptwin::twin
