// The Transport of a rig: real devices behind an MQTT broker. What they publish becomes frames, answers and
// presence; what the loop sends becomes messages. What cannot be understood is counted by why, and goes no
// further.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "hil/broker_status.h"
#include "hil/conventions/convention.h"
#include "hil/resent.h"
#include "mml/broker.h"
#include "twin/registry.h"
#include "twin/tables.h"
#include "twin/transport.h"

namespace looptwin::hil {

struct RigCounters {
  uint64_t messages = 0;      ///< telemetry, answers and presence that were taken in
  uint64_t unknown = 0;       ///< on no topic of ours, or of devices that the registry does not have
  uint64_t malformed = 0;     ///< payloads that cannot be read
  uint64_t wrong_types = 0;   ///< with a value of another type than the model declares
  uint64_t not_admitted = 0;  ///< of devices that are suspended or retired
  uint64_t resent = 0;        ///< telemetry without a time that had come before: taken in once
  uint64_t unsent = 0;        ///< commands that the link's queue had no room for
  uint64_t unaddressed = 0;   ///< commands to devices whose mapping takes none
};

class RigTransport final : public twin::Transport {
 public:
  /// What time it is for the run: of a steady time, and the civil instant of its start.
  struct RigTime {
    std::function<Time(Duration steady)> at;
    UnixTime start;
  };
  /// A mapping for each model of the registry, in order. All but `mappings` outlive it.
  RigTransport(MqttLink& link, const twin::Registry& registry, mml::Broker& broker,
               std::vector<twin::Shard> shards, const std::vector<Mapping>& mappings, RigTime time);

  void begin(Time boundary) override;
  void poll(size_t shard, Time boundary, twin::Inbox& inbox) override;
  void poll_people(Time boundary, std::vector<twin::OperatorAction>& actions) override;
  void send(Time now, std::span<const twin::Command> commands) override;

  /// What happens at the broker, as it is taken in.
  void watch(IncidentSink sink) { sink_ = std::move(sink); }

  const RigCounters& counters() const { return counters_; }
  const BrokerStatus& status() const { return status_; }
  size_t online() const { return online_; }

 private:
  /// Fields that come together: a frame of its own, for the others are not what its messages are about.
  struct Stream {
    uint16_t group = 0;
    std::vector<uint16_t> without;
    bool operator<(const Stream& o) const { return std::tie(group, without) < std::tie(o.group, o.without); }
  };
  struct Model {
    std::vector<twin::ReportGroup> groups;
    std::vector<std::pair<uint16_t, uint16_t>> place;  ///< [field] its group, and which of it
    std::vector<std::vector<uint32_t>> sequence;       ///< [group][row] of the last message without a number
    std::vector<uint8_t> online;                       ///< [row]
    /// [row] the broker itself says who is connected: then what devices, or their wills, say does not count.
    std::vector<uint8_t> by_session;
    Resent resent{0};
  };
  struct Arrived {
    std::map<Stream, size_t> frame_of;
    twin::Inbox inbox;
  };

  void subscribe();
  void take(const MqttMessage& message, Time at);
  void take_status(const MqttMessage& message, Time at);
  bool has_session(twin::DeviceRef device) const;
  void hear(Time at);
  void hear(const HeardTelemetry& heard, Time at);
  void hear(const HeardPresence& heard, Time at);
  void hear(const HeardAnswer& heard, Time at);
  void hear(PayloadProblem problem, Time at);
  void telemetry(twin::DeviceRef device, const Samples& samples, Time at);
  void presence(twin::DeviceRef device, bool online, Time at);
  void tell(const twin::Command& command, Time now);
  void publish();
  void lost_broker(Time at);
  size_t shard_of(twin::DeviceRef device) const;
  Time time_of(const std::optional<double>& unix_seconds, Time otherwise) const;

  MqttLink& link_;
  const twin::Registry& registry_;
  mml::Broker& broker_;
  std::vector<twin::Shard> shards_;
  std::vector<size_t> first_shard_;  ///< [table]
  std::vector<Model> models_;
  std::vector<std::unique_ptr<Convention>> conventions_;
  RigTime time_;
  std::vector<MqttMessage> taken_, early_;  ///< early: received after the boundary
  std::vector<Arrived> arrived_;            ///< [shard]
  std::vector<twin::DeviceRef> returned_;   ///< came online, and may have messages waiting
  std::vector<twin::Command> leaving_;
  std::vector<Heard> heard_;        ///< of one message
  std::vector<Outgoing> outgoing_;  ///< not given to the link yet
  RigCounters counters_;
  BrokerStatus status_;
  IncidentSink sink_;
  size_t online_ = 0;
};

}  // namespace looptwin::hil
