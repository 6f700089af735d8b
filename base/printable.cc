#include "base/printable.h"

#include <fmt/format.h>

#include "base/text.h"

namespace looptwin {
namespace {

void add_byte(std::string& out, char c) { out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c)); }

/// What is UTF-8. U+0080 to U+009F are two bytes; U+009B alone begins a sequence, as ESC [ does.
void add_text(std::string& out, std::string_view text) {
  for (size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte == 0xc2 && static_cast<unsigned char>(text[i + 1]) < 0xa0)
      add_byte(out, text[++i]);
    else if (byte < 0x20 || byte == 0x7f)
      add_byte(out, text[i]);
    else
      out += text[i];
  }
}

}  // namespace

std::string printable(std::string_view text, size_t most) {
  std::string out;
  while (!text.empty() && out.size() <= most) {
    const auto good = text.substr(0, first_not_utf8(text));
    add_text(out, good);
    text.remove_prefix(good.size());
    if (text.empty()) break;
    add_byte(out, text.front());
    text.remove_prefix(1);
  }
  if (out.size() <= most) return out;
  size_t end = most;
  while (end > 0 && (out[end] & 0xc0) == 0x80) --end;  // no character is torn
  out.resize(end);
  return out += "…";
}

}  // namespace looptwin
