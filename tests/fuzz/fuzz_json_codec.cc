// Payloads of devices, hostile ones among them: whatever arrives is read or refused, and nothing else
// happens. What was read is of fields that there are; an acknowledgement that was read has one of the
// outcomes.
#include <cstdlib>

#include "hil/json_codec.h"

using namespace looptwin;

namespace {

hil::JsonCodec codec() {
  twin::ModelConfig model;
  model.name = "pump";
  model.telemetry = {{.name = "level", .every = seconds(1), .resolution = 0.01},
                     {.name = "running", .boolean = true, .every = seconds(1)},
                     {.name = "mode", .words = {"off", "auto"}, .every = seconds(1)}};
  auto mapping = hil::plain_mapping("pump");
  hil::Place level;
  level.name = "level";
  level.at = "/a/0/level";
  mapping.fields = {level};
  return {model, mapping};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const hil::JsonCodec kCodec = codec();
  const std::string_view payload(reinterpret_cast<const char*>(data), size);
  for (const auto* field : {"", "level", "running", "mode", "none"})
    if (const auto samples = kCodec.telemetry(payload, field))
      for (const auto& [index, raw] : samples->values)
        if (index >= 3) std::abort();
  if (const auto answer = kCodec.acknowledgement(payload))
    if (answer->outcome > twin::Outcome::unknown_command) std::abort();
  return 0;
}
