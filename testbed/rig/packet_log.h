// A rig's packets as rows of its run folder: the logs `packets` and `packet_samples`.
#pragma once

#include "hil/packet_sink.h"
#include "testbed/recorder.h"

namespace looptwin::testbed {

class PacketLog final : public hil::PacketSink {
 public:
  /// The registry outlives it; the rows are those of a recorder that does.
  PacketLog(const twin::Registry& registry, Recorder::PacketRows rows) : registry_(registry), rows_(rows) {}

  void packet(const hil::MqttMessage& message, Time received, const hil::ClockTimes& clocks,
              std::optional<twin::DeviceRef> device, hil::PacketRead read) override;
  void sample(const Sample& sample) override;

 private:
  const twin::Registry& registry_;
  Recorder::PacketRows rows_;
};

/// A payload as a log's text holds it, and whether that is base64.
std::pair<std::string, bool> payload_text(const std::string& payload);

}  // namespace looptwin::testbed
