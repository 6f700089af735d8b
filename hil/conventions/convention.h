// How devices speak MQTT: the seam between topics and payloads on one side and samples, presence, answers and
// commands on the other. A convention reads messages and writes them; it holds no connection, asks no clock,
// and what it reads is hostile until it is read: nothing throws, nothing grows beyond the fleet.
#pragma once

#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "hil/json_codec.h"
#include "hil/mqtt_link.h"
#include "twin/inventory_item.h"
#include "twin/registry.h"
#include "twin/transport.h"

namespace looptwin::hil {

/// The models that speak one convention, and between which instants of the run and of the world to convert.
struct Speakers {
  const twin::Registry& registry;  ///< outlives the convention
  std::vector<std::pair<TableId, Mapping>> models;
  UnixTime start;
};

/// What one message said. Several may come of one message, in the order in which they act.
struct HeardTelemetry {
  twin::DeviceRef device;
  Samples samples;
  bool old = false;  ///< kept by the broker or the device from before: it says nothing about who is there
};
struct HeardPresence {
  twin::DeviceRef device;
  bool online = false;
  bool kept = false;  ///< by the broker, maybe since before it crashed: `online` is then no more than a hint
};
struct HeardAnswer {
  twin::DeviceRef device;
  JsonCodec::Answer answer;
};
/// Which one it says to be; what is empty was not said this time.
struct HeardIdentity {
  twin::DeviceRef device;
  twin::Identity said;
};
using Heard = std::variant<HeardTelemetry, HeardPresence, HeardAnswer, HeardIdentity, PayloadProblem>;

/// A message that is to be published.
struct Outgoing {
  std::string topic, payload;
  bool retain = false;
  int qos = 1;
  /// Of a command, by whoever publishes it: its id, and after how long it is of no use.
  std::string id = {};
  Duration expires{};
};

/// The loop's side.
class Convention {
 public:
  virtual ~Convention() = default;
  virtual const char* name() const = 0;
  virtual std::vector<std::string> filters() const = 0;
  /// Appends what a message says. False where it is about none of the convention's devices.
  virtual bool take(const MqttMessage& message, Time at, std::vector<Heard>& heard) = 0;
  /// Appends what tells a device so. False where its mapping has no way to.
  virtual bool tell(const twin::Command& command, std::vector<Outgoing>& out) = 0;
  /// The same for a command that may never be told: nothing is noted, no answer waited for.
  virtual bool write(const twin::Command& command, std::vector<Outgoing>& out) const = 0;
  /// Appends what tells a device that its messages up to this number have been taken in. Nothing where its
  /// mapping has no way to.
  virtual void confirm(twin::DeviceRef device, uint32_t number, std::vector<Outgoing>& out) const;
  /// What to subscribe to for one device alone, in place of its part in filters(). Empty: its convention
  /// needs the messages of all its devices in one order.
  virtual std::vector<std::string> filters_of(twin::DeviceRef device) const;
  /// Once a cycle, after its messages: what has waited long enough, and what is to be said without being
  /// asked.
  virtual void step(Time now, std::vector<Heard>& heard, std::vector<Outgoing>& out);
  /// The broker is there, for the first time or again; everything is subscribed to. `connected`: as the link
  /// says, and as its will was told.
  virtual void joined(Time at, UnixTime connected, std::vector<Outgoing>& out);
  /// The broker was lost: whatever it knew of sessions is void.
  virtual void lost(Time at);
  /// The loop ends, and says so.
  virtual void leave(std::vector<Outgoing>& out);
  /// For people: what was counted, if it is not zero.
  virtual std::vector<std::pair<std::string, uint64_t>> counters() const;
};

/// What a device's connection is, where it has one of its own, or one that it shares with others.
struct DeviceSession {
  std::vector<std::string> filters;
  WillOf will;                    ///< outlives the side that it is of
  std::optional<Outgoing> hello;  ///< said at each connection
  std::string name;               ///< of one that is shared: its client id ends with it
};

using HeardAsked = tl::expected<Asked, PayloadProblem>;

/// The devices' side, for devices that are simulated: nobody at the broker can tell.
class DeviceSide {
 public:
  /// Whether devices have connections of their own: they may, each one; or they always do, several one.
  enum class Sessions : uint8_t { none, of_each, shared };

  virtual ~DeviceSide() = default;
  /// Where what is asked of the devices arrives, and what others say of their presence.
  virtual std::vector<std::string> filters() const = 0;
  virtual void presence(twin::DeviceRef device, bool online, Time at, std::vector<Outgoing>& out) = 0;
  virtual void telemetry(twin::DeviceRef device, const Samples& samples, std::vector<Outgoing>& out) = 0;
  virtual Sessions sessions() const { return Sessions::none; }
  virtual DeviceSession session(twin::DeviceRef device) const;
  // Where they are shared.
  /// The one of those that share the device's session by which it goes.
  virtual twin::DeviceRef holder(twin::DeviceRef device) const { return device; }
  /// Whether any of those speaks over it, after what was said of their presence.
  virtual bool is_in_use(twin::DeviceRef holder) const;
  /// Its connection is there, for the first time or again, and what was said over earlier ones is void; or it
  /// is lost.
  virtual void joined(twin::DeviceRef holder, const Attempt& attempt, Time at, std::vector<Outgoing>& out);
  virtual void lost(twin::DeviceRef holder);
  /// The device is somebody else's from now on, who is not to be disturbed.
  virtual void leave(twin::DeviceRef device);
  /// `applied_at` is by the device's clock.
  virtual void answer(const twin::Acknowledgement& answer, std::vector<Outgoing>& out) = 0;
  /// The device that a message of somebody else's says to be gone, as the will of a real one does.
  virtual std::optional<twin::DeviceRef> said_gone(const MqttMessage& message) const;
  /// Appends what a message asks. False where it is for none of these devices.
  virtual bool take(const MqttMessage& message, std::vector<HeardAsked>& asked) = 0;
  /// Appends what a message has made due to be said over one session, and gives its holder; nothing where
  /// there is no more.
  virtual std::optional<twin::DeviceRef> say_due(Time at, std::vector<Outgoing>& out);
};

/// As mappings write them.
std::vector<std::string> convention_names();
/// One for each convention that the mappings (one a model, in order) name.
std::vector<std::unique_ptr<Convention>> make_conventions(const twin::Registry& registry,
                                                          const std::vector<Mapping>& mappings,
                                                          UnixTime start);
/// Whether devices that speak it can be simulated.
bool has_device_side(const std::string& convention);
struct DeviceSides {
  std::vector<std::unique_ptr<DeviceSide>> all;
  std::vector<DeviceSide*> of_table;  ///< [table] null where its convention has none
};
DeviceSides make_device_sides(const twin::Registry& registry, const std::vector<Mapping>& mappings,
                              UnixTime start);

}  // namespace looptwin::hil
