// Between simulated devices and an MQTT broker, where they are to be as real ones are: their telemetry,
// presence and answers go out, by the mapping of their model; what anybody tells a device comes in. It knows
// nothing of who is simulated: who holds it says what is published, and obeys.
#pragma once

#include <map>
#include <vector>

#include "hil/conventions/convention.h"
#include "hil/device_codec.h"
#include "hil/mqtt_link.h"
#include "twin/registry.h"

namespace looptwin::hil {

struct BridgeCounters {
  uint64_t published = 0;
  uint64_t unsent = 0;  ///< that the link's queue had no room for
  uint64_t orders = 0;  ///< commands that were read
  uint64_t unread = 0;  ///< commands that could not be
};

class DeviceBridge {
 public:
  /// A mapping for each model of the registry, in order. Link and registry outlive it. `start`: the civil
  /// instant of the run's start.
  DeviceBridge(MqttLink& link, const twin::Registry& registry, const std::vector<Mapping>& mappings,
               UnixTime start);

  struct Inbox {
    struct Order {
      twin::Command command;
      std::optional<twin::Outcome> refused;  ///< no command of the model: to be answered, not obeyed
    };
    std::vector<Order> orders;
    std::vector<twin::DeviceRef> gone;  ///< somebody else has said that the device is offline
  };
  /// What was received, of all devices; `issued` is `now`.
  void take(Time now, Inbox& inbox);

  void publish(const twin::Frame& frame, size_t message);
  void publish(const twin::Presence& presence);
  void publish(const twin::Acknowledgement& answer);

  const BridgeCounters& counters() const { return counters_; }

 private:
  void take(Time now, const MqttMessage& message, Inbox& inbox);
  double unix_seconds(Time t) const { return static_cast<double>((start_ + (t - kStart)).ns) / 1e9; }
  void take_by_sides(Time now, const MqttMessage& message, Inbox& inbox);
  void note(Time now, twin::Command command, double unix_expires, std::optional<twin::Outcome> refused,
            Inbox& inbox);
  DeviceSide* side(TableId table) { return side_of_[table.index()]; }
  void send();

  MqttLink& link_;
  const twin::Registry& registry_;
  std::vector<DeviceCodec> codecs_;                           ///< [model]
  std::map<std::string, std::unique_ptr<DeviceSide>> sides_;  ///< of other conventions than the plain one
  std::vector<DeviceSide*> side_of_;                          ///< [model]; null: its codec speaks for it
  std::vector<std::vector<twin::ReportGroup>> groups_;        ///< [model]
  UnixTime start_;
  std::vector<MqttMessage> received_;
  std::vector<HeardAsked> asked_;
  std::vector<Outgoing> said_;  ///< by sides
  std::vector<Publication> leaving_;
  BridgeCounters counters_;
};

}  // namespace looptwin::hil
