// Where what a rig received is recorded: each message as it came from the broker, and the samples that were
// read from it, with who spoke.
#pragma once

#include <string_view>

#include "hil/clock_times.h"
#include "hil/mqtt_link.h"
#include "twin/registry.h"

namespace looptwin::hil {

/// What became of a message.
enum class PacketRead : uint8_t {
  taken,
  malformed,
  wrong_type,
  unknown,
  kept,
  not_its_own,
  not_admitted,
  early
};
constexpr const char* name_of(PacketRead read) {
  constexpr const char* kNames[] = {"taken",
                                    "malformed",
                                    "wrong type",
                                    "unknown",
                                    "lost or late by a force",
                                    "not the device's own",
                                    "of a device that is not admitted",
                                    "too early"};
  return kNames[static_cast<size_t>(read)];
}

/// Who speaks where it is not the device itself.
inline constexpr std::string_view kReal = "real", kForced = "forced";

class PacketSink {
 public:
  struct Sample {
    twin::DeviceRef device;
    uint16_t field = 0;
    int32_t raw = 0;
    Time sampled, received;  ///< by the device's clock, and in the run's time
    ClockTimes clocks;
    std::string_view origin;
  };
  virtual ~PacketSink() = default;
  /// `device`: absent where it is nobody's.
  virtual void packet(const MqttMessage& message, Time received, const ClockTimes& clocks,
                      std::optional<twin::DeviceRef> device, PacketRead read) = 0;
  virtual void sample(const Sample& sample) = 0;
};

}  // namespace looptwin::hil
