// A template, a line's end, and a topic: a template that is accepted finds in the topic that it makes of a
// device and a field just these again, where a field has one level, and in any topic nothing that is not in
// it.
#include <cstdlib>

#include "hil/topic_template.h"

using namespace looptwin;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  const auto source = std::make_shared<const Source>(Source{"fuzz", text});
  const auto end = std::min(text.find('\n'), size);
  const auto parsed = hil::TopicTemplate::parse({source, 0, static_cast<uint32_t>(end)});
  if (!parsed) return 0;
  if (end < size) {
    const std::string topic = text.substr(end + 1);
    if (const auto match = parsed->match(topic); match && parsed->topic(match->device, match->field) != topic)
      std::abort();
  }
  const auto made = parsed->topic("hall/pump-1", "level");
  const auto match = parsed->match(made);
  if (!match) std::abort();
  if (parsed->topic(match->device, match->field) != made) std::abort();
  parsed->filter(2);
  return 0;
}
