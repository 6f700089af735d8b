// Announcements as Home Assistant wants them, hostile ones among them: topics and payloads, a line's end
// between, with 0x1e between two. Whatever arrives is read, counted or passed over; nothing grows without
// end.
#include <cstdlib>

#include "base/printable.h"
#include "hil/home_assistant.h"

using namespace looptwin;

namespace {

void look_at(const std::string& text) {
  const auto shown = printable(text);
  for (const char c : shown)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  hil::Announcements all;
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  size_t messages = 0;
  while (!rest.empty()) {
    const auto message = rest.substr(0, rest.find('\x1e'));
    rest.remove_prefix(std::min(rest.size(), message.size() + 1));
    const auto line = message.find('\n');
    if (line == std::string_view::npos) continue;
    all.take(message.substr(0, line), message.substr(line + 1));
    ++messages;
  }
  const auto candidates = all.candidates();
  if (candidates.size() + all.unreadable() > messages) std::abort();
  for (size_t i = 0; i < candidates.size(); ++i) {
    const auto& one = candidates[i];
    if (i > 0 && candidates[i - 1].id >= one.id) std::abort();
    if (one.components.size() > hil::Announcements::kMostComponents) std::abort();
    for (const auto* text : {&one.id, &one.name, &one.manufacturer, &one.model, &one.availability_topic})
      look_at(*text);
    for (const auto& part : one.components) {
      if (!part.at.empty() && part.at[0] != '/') std::abort();
      look_at(part.name + part.kind + part.state_topic + part.command_topic + part.unit);
    }
  }
  return 0;
}
