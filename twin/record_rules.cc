#include "twin/record_rules.h"

#include <fmt/format.h>
#include <algorithm>

#include "base/text.h"

namespace looptwin::twin {
namespace {

constexpr size_t kLongestId = 255;

}  // namespace

bool is_word(std::string_view text) {
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
  return !text.empty() && letter(text[0]) &&
         std::ranges::all_of(text, [&](char c) { return letter(c) || (c >= '0' && c <= '9'); });
}

bool is_line(std::string_view text) {
  return first_not_utf8(text) == std::string_view::npos &&
         std::ranges::none_of(text, [](char c) { return (c >= 0 && c < 0x20) || c == 0x7f; });
}

Result<void> check_author(const std::string& name) {
  constexpr size_t kLongestName = 200;
  if (name.empty() || name.size() > kLongestName || !is_line(name))
    return failure("who changes it has no name that can be shown",
                   fmt::format("a name is one line of text in UTF-8, of {} bytes at most", kLongestName));
  return {};
}

Result<void> check_device_id(const std::string& id) {
  if (id.empty() || id.size() > kLongestId || !is_line(id) ||
      id.find_first_of(" *?+#{}\";,") != std::string::npos)
    return failure(fmt::format("'{}' is no device id", id),
                   "an id has 1 to 255 bytes of UTF-8, without blanks and none of * ? + # { } \" ; ,");
  return {};
}

Result<void> check_tag(const std::string& tag) {
  if (tag.empty() || !is_line(tag) || tag.find_first_of("; ,|") != std::string::npos)
    return failure(fmt::format("'{}' is no tag", tag), "a tag has no blanks and none of ; , |");
  return {};
}

}  // namespace looptwin::twin
