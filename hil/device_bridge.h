// Between simulated devices and an MQTT broker, where they are to be as real ones are: their telemetry,
// presence and answers go out, by the convention of their model; what anybody tells a device comes in. All go
// over one link, or over connections of their own where they have them. It knows nothing of who is simulated:
// who holds it says what is published, and obeys.
#pragma once

#include <functional>
#include <vector>

#include "hil/device_sessions.h"

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
  /// instant of the run's start. `sessions`: those of devices with connections of their own; may be null.
  DeviceBridge(MqttLink& link, const twin::Registry& registry, const std::vector<Mapping>& mappings,
               UnixTime start, std::unique_ptr<DeviceSessions> sessions = nullptr);

  struct Inbox {
    struct Order {
      twin::Command command;
      std::optional<twin::Outcome> refused;  ///< no command of the model: to be answered, not obeyed
    };
    std::vector<Order> orders;
    std::vector<twin::DeviceRef> gone;  ///< somebody else has said that the device is offline
    bool anew = false;  ///< the broker was lost and is back: it may have forgotten who is there
  };
  /// What was received, of all devices; `issued` is `now`.
  void take(Time now, Inbox& inbox);

  void publish(const twin::Frame& frame, size_t message);
  void publish(const twin::Presence& presence);
  void publish(const twin::Acknowledgement& answer);

  /// The device is not simulated any more: its connection ends, and nobody is told.
  void leave(twin::DeviceRef device, Time at);

  /// Told of each device that comes or goes over the link what says that it is gone: that connection cannot
  /// have a will for each of them.
  void on_presence(std::function<void(const Will& gone, bool is_there)> told) { told_ = std::move(told); }

  const BridgeCounters& counters() const { return counters_; }
  /// Null where none has a connection of its own.
  const DeviceSessions* sessions() const { return sessions_.get(); }

 private:
  bool has_session(twin::DeviceRef device) const { return sessions_ && sessions_->has(holder(device)); }
  /// Of the session that the device speaks over.
  twin::DeviceRef holder(twin::DeviceRef device) const;
  bool shares(twin::DeviceRef device) const;
  bool speaks_by_sessions(const DeviceSide& side) const;
  void take_changes(Time now);
  void publish_shared(const twin::Presence& presence);
  void tell_of(twin::DeviceRef device, bool online, Time at);
  void take(Time now, const MqttMessage& message, Inbox& inbox);
  void take(Time now, const HeardAsked& asked, Inbox& inbox);
  double unix_seconds(Time t) const { return static_cast<double>((start_ + (t - kStart)).ns) / 1e9; }
  void send();
  void send(twin::DeviceRef device);

  MqttLink& link_;
  const twin::Registry& registry_;
  DeviceSides sides_;
  std::unique_ptr<DeviceSessions> sessions_;
  std::vector<std::vector<twin::ReportGroup>> groups_;  ///< [table]
  std::function<void(const Will&, bool)> told_;
  UnixTime start_;
  uint64_t connections_;  ///< of the link, so far
  std::vector<MqttMessage> received_;
  std::vector<HeardAsked> asked_;
  std::vector<Outgoing> leaving_;
  BridgeCounters counters_;
};

}  // namespace looptwin::hil
