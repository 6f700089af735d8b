#include "testbed/rig/packet_log.h"

#include <limits>

#include "base/text.h"
#include "testbed/rig/base64.h"

namespace looptwin::testbed {

std::pair<std::string, bool> payload_text(const std::string& payload) {
  const bool text = first_not_utf8(payload) == std::string::npos;  // nor a zero byte
  return text ? std::pair(payload, false) : std::pair(to_base64(payload), true);
}

void PacketLog::packet(const hil::MqttMessage& message, Time received, const hil::ClockTimes& clocks,
                       std::optional<twin::DeviceRef> device, hil::PacketRead read) {
  const auto [payload, base64] = payload_text(message.payload);
  const std::string_view origin = message.origin.empty() ? hil::kReal : std::string_view(message.origin);
  rows_.lane.append(rows_.packets, {received, message.topic, payload, static_cast<uint8_t>(base64),
                                    message.qos, static_cast<uint8_t>(message.retained), origin,
                                    device ? registry_.id(*device) : std::string_view(), name_of(read),
                                    clocks.wall, clocks.broker});
}

void PacketLog::sample(const Sample& sample) {
  const auto& config = registry_.models()[sample.device.table.index()].config.telemetry[sample.field];
  const bool coded = config.boolean || !config.words.empty();
  double value = std::numeric_limits<double>::quiet_NaN();
  if (sample.raw != twin::kMissing)
    value = coded ? sample.raw : config.unit.from_si(twin::scaling_of(config).to_si(sample.raw));
  rows_.lane.append(rows_.samples, {sample.received, sample.sampled, registry_.id(sample.device), config.name,
                                    value, coded ? std::string_view() : std::string_view(config.unit.text),
                                    sample.origin, sample.clocks.wall, sample.clocks.broker});
}

}  // namespace looptwin::testbed
