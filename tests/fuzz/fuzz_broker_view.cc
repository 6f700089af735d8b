// A broker's view as the plugin reads it: refused, or written back as the same.
#include <cstdlib>

#include "hil/broker_access.h"

using namespace looptwin;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  auto view = hil::parse_view(std::make_shared<const Source>(Source{"fuzz", text}));
  if (!view) return 0;
  const auto again = hil::parse_view(std::make_shared<const Source>(Source{"fuzz", hil::to_text(*view)}));
  if (!again || hil::to_text(*again) != hil::to_text(*view)) std::abort();
  const hil::BrokerAccess access(std::move(*view));
  for (const auto& device : access.view().devices)
    for (const auto* topic : {"", "#", "looptwin/a/telemetry", "a/+/#"}) {
      access.may_say(device, topic);
      access.may_subscribe(device, topic);
    }
  return 0;
}
