// What others have said, on its way to a terminal.
#pragma once

#include <string>
#include <string_view>

namespace looptwin {

/// `text` on one line that moves nobody's cursor: control characters (C0, DEL and, as UTF-8, C1), and bytes
/// that are no UTF-8, stand as \x1b. At most `most` bytes, and … where it would be longer.
std::string printable(std::string_view text, size_t most = std::string_view::npos);

}  // namespace looptwin
