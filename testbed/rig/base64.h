// Bytes as text (RFC 4648, with padding): payloads that are no UTF-8, in a log of texts.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace looptwin::testbed {

std::string to_base64(std::string_view bytes);
std::optional<std::string> from_base64(std::string_view text);

}  // namespace looptwin::testbed
