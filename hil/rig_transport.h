// The Transport of a rig: real devices behind an MQTT broker. What they publish becomes frames, answers and
// presence; what the loop sends becomes messages. What cannot be understood is counted by why, and goes no
// further.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <vector>

#include "hil/broker_status.h"
#include "hil/confirmations.h"
#include "hil/conventions/convention.h"
#include "hil/forces.h"
#include "hil/identity_gate.h"
#include "hil/packet_sink.h"
#include "hil/resent.h"
#include "hil/rig_safety.h"
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
  uint64_t not_admitted = 0;  ///< of devices that are suspended or retired, or have not proved who they are
  uint64_t resent = 0;        ///< telemetry that had come before, as far as is known here: taken in once
  uint64_t early = 0;         ///< telemetry that its device keeps and will send again: too much is missing
  uint64_t unsent = 0;        ///< commands that the link's queue had no room for
  uint64_t hints = 0;         ///< `online` that the broker had kept: nobody is there for that
  uint64_t unaddressed = 0;   ///< commands to devices whose mapping takes none
  uint64_t withheld = 0;      ///< commands that the rig's safety kept back
};

class RigTransport final : public twin::Transport {
 public:
  /// What time it is for the run: of a steady time, and the civil instant of its start.
  struct RigTime {
    std::function<Time(Duration steady)> at;
    UnixTime start;
    /// Zero of the steady clock, in civil time.
    UnixTime steady_zero;
  };
  /// A mapping for each model of the registry, in order. All but `mappings` outlive it.
  RigTransport(MqttLink& link, const twin::Registry& registry, mml::Broker& broker,
               std::vector<twin::Shard> shards, const std::vector<Mapping>& mappings, RigTime time);
  ~RigTransport() override;

  /// Whether a message from `origin` (MqttMessage) is the device's own; others only tell who else is there.
  using IsOwn = std::function<bool(twin::DeviceRef device, const std::string& origin)>;
  void take_only(IsOwn own) { is_own_ = std::move(own); }
  /// Where the broker's word on a device's session is about one that is not real, it is not asked for.
  void models_have_sessions() { models_have_sessions_ = true; }
  /// Between begin() and the polls: another one is the device from now on. It counts its messages anew, which
  /// are numbered on. `joins`: it comes where the last one was; else it is there if it has been heard before.
  /// Returns whether it is.
  bool hand_over(twin::DeviceRef device, bool joins, Time boundary);

  void begin(Time boundary) override;
  void poll_notices(Time boundary, std::vector<twin::Notice>& notices) override;
  void poll(size_t shard, Time boundary, twin::Inbox& inbox) override;
  void poll_people(Time boundary, std::vector<twin::OperatorAction>& actions) override;
  void send(Time now, std::span<const twin::Command> commands) override;
  void set_out(size_t, Time) override {}

  /// What happens at the broker, as it is taken in.
  void watch(IncidentSink sink) { sink_ = std::move(sink); }
  /// What stands between the broker and the loop; each may be null, and outlives it.
  struct Between {
    RigSafety* safety = nullptr;
    Forces* forces = nullptr;
    PacketSink* packets = nullptr;
    std::function<void(Time boundary)> before;  ///< called before a boundary's messages are taken in
    std::function<void(Time now)> leaving;      ///< called before anything leaves
  };
  void use(Between between) { between_ = std::move(between); }
  DeviceLanguage language();
  /// Of the real devices only those are there for the loop that it admits. Outlives the transport's polls.
  void admit_by(IdentityGate& gate);

  const RigCounters& counters() const { return counters_; }
  const BrokerStatus& status() const { return status_; }
  /// Messages that devices had kept and gave up before they came.
  uint64_t lost() const { return confirmations_.lost(); }
  size_t online() const { return online_; }
  const std::vector<std::unique_ptr<Convention>>& conventions() const { return conventions_; }

 private:
  /// Fields that come together, and those of them that are forced: a frame of its own, for the others are not
  /// what its messages are about.
  struct Stream {
    uint16_t group = 0;
    std::vector<uint16_t> without, forced;
    auto operator<=>(const Stream&) const = default;
  };
  struct Model {
    std::vector<twin::ReportGroup> groups;
    std::vector<std::pair<uint16_t, uint16_t>> place;  ///< [field] its group, and which of it
    std::vector<std::vector<uint32_t>> sequence;       ///< [group][row] of the last message
    std::vector<std::vector<uint32_t>> shift;          ///< [group][row] from its number to ours
    std::vector<std::vector<uint8_t>> renumber;        ///< [group][row] the next message sets `shift`
    std::vector<uint8_t> online;                       ///< [row]
    std::vector<uint8_t> other;                        ///< [row] one that is not the device is there
    /// [row] the broker itself says who is connected: then what devices, or their wills, say does not count.
    std::vector<uint8_t> by_session;
    Resent resent{0};
  };
  struct Arrived {
    std::map<Stream, size_t> frame_of;
    twin::Inbox inbox;
  };

  void subscribe();
  void subscribe_more(std::set<std::string>& filters);
  Confirmations::Taken number(const HeardTelemetry& heard);
  void confirm(Time now);
  /// Who speaks, and whether a force has changed what it says.
  struct Speech {
    Time at;
    std::string_view origin;
    ClockTimes clocks;
    bool forced = false;
  };
  void take(MqttMessage& message, Time at);
  void take_late(Time boundary);
  void damage(MqttMessage& message, Time at);
  PacketRead hear(const Speech& speech);
  PacketRead hear_through_forces(Heard& heard, const Speech& speech);
  PacketRead hear(const HeardTelemetry& heard, const Speech& speech);
  PacketRead hear(const HeardPresence& heard, const Speech& speech);
  PacketRead hear(const HeardAnswer& heard, const Speech& speech);
  PacketRead hear(const HeardIdentity& heard, const Speech& speech);
  PacketRead hear(PayloadProblem problem, const Speech& speech);
  void note_samples(const HeardTelemetry& heard, const Speech& speech);
  void telemetry(twin::DeviceRef device, const Samples& samples, Time at);
  std::vector<uint16_t> forced_of(const Model& model, size_t group, const Samples& samples) const;
  void presence(twin::DeviceRef device, bool online, Time at);
  void leave(Time now);
  void tell(const Forces::Leaving& leaving, Time now);
  void publish();
  bool is_own(twin::DeviceRef device, const Speech& speech, bool online);
  bool is_kept_out(twin::DeviceRef device, const Speech& speech, bool online);
  bool may_be_told(twin::DeviceRef device) const;
  bool is_itself(twin::DeviceRef device) const;
  void settle_admissions(Time at);
  void take_status(const MqttMessage& message, Time at);
  void take_incident(const Incident& incident);
  bool has_session(twin::DeviceRef device, const Speech& speech) const;
  void lost_broker(Time at);
  size_t shard_of(twin::DeviceRef device) const;
  Time time_of(const std::optional<double>& unix_seconds, Time otherwise) const;
  ClockTimes clocks_of(const MqttMessage& message) const;

  MqttLink& link_;
  const twin::Registry& registry_;
  mml::Broker& broker_;
  std::vector<twin::Shard> shards_;
  std::vector<size_t> first_shard_;  ///< [table]
  std::vector<Model> models_;
  std::vector<std::unique_ptr<Convention>> conventions_;
  std::vector<Mapping> mappings_;
  Between between_;
  RigTime time_;
  MachineTime machine_;
  IsOwn is_own_;
  IdentityGate* gate_ = nullptr;
  bool models_have_sessions_ = false;
  std::vector<MqttMessage> taken_, early_;  ///< early: received after the boundary
  std::vector<Arrived> arrived_;            ///< [shard]
  std::vector<twin::DeviceRef> returned_;   ///< came online, and may have messages waiting
  std::vector<twin::Command> leaving_;
  std::vector<Heard> heard_;        ///< of one message
  std::vector<Outgoing> outgoing_;  ///< not given to the link yet
  std::vector<Forces::Arriving> arriving_;
  std::vector<Forces::Leaving> forced_;          ///< what leaves, through the forces
  std::vector<bool> touched_;                    ///< which of a message's samples are forced
  std::vector<twin::Notice> notices_;            ///< of this cycle
  std::vector<twin::Acknowledgement> withheld_;  ///< answers to what was kept back, for the next cycle
  Confirmations confirmations_;
  std::vector<Confirmations::Due> due_;
  RigCounters counters_;
  BrokerStatus status_;
  IncidentSink sink_;
  size_t online_ = 0;
  uint64_t connections_ = ~uint64_t{0};  ///< of the link, that the conventions know of
};

}  // namespace looptwin::hil
