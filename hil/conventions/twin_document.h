// One device's document in a cloud's manner: desired and reported states that are merged into, where null
// deletes; what differs between them; versions.
#pragma once

#include "base/json_tree.h"
#include "hil/command_ledger.h"
#include "hil/conventions/model_places.h"

namespace looptwin::hil {

/// Documents above this are refused.
inline constexpr size_t kLargestDocument = 32 * 1024;

struct TwinDocument {
  Json desired = Json::object(), reported = Json::object();
  uint64_t version = 0, desired_version = 0;

  /// Merges as RFC 7396 does. False, and nothing is changed, where it would be too large.
  static bool merge(Json& state, const Json& patch);
  /// The leaves of `desired` that `reported` has otherwise, or not at all; null where there are none.
  static Json difference(const Json& desired, const Json& reported);
};

/// Null where it is no object, too long, or too deep.
std::optional<Json> object_of(std::string_view payload);

/// What documents of both clouds have in common.
class DocumentReader {
 public:
  /// All of a device's topics begin as `topic` does, up to its last level.
  DocumentReader(Speakers speakers, const std::string& topic);

 protected:
  /// Whether it is a message about who is there; what it says is heard.
  static bool hear_presence(const ModelPlaces& model, const MqttMessage& message, std::vector<Heard>& heard);
  /// Where that is heard.
  static void add_presence(const ModelPlaces& model, std::set<std::string>& filters);
  /// What a device reports, and answers that lie in it.
  void hear(twin::DeviceRef device, const Json& reported, std::vector<Heard>& heard);
  /// What is desired of a device by a command; absent where it cannot be said.
  std::optional<Json> patch_of(const twin::Command& command) const;
  /// Notes what a device is told and how; absent where it must not leave again, or cannot be said.
  std::optional<Json> desire(const twin::Command& command);
  const ModelPlaces* model(twin::DeviceRef device) const { return of_table(models_, device.table); }
  /// Null where the device has none for it.
  const Place* place(const twin::Command& command) const;
  /// The desired state of commands that have expired, undone: null at their place.
  std::vector<std::pair<twin::DeviceRef, Json>> expired(Time now);
  double unix_seconds(Time at) const {
    return static_cast<double>((speakers_.start + (at - kStart)).ns) / 1e9;
  }

  /// What a device's topics begin with.
  std::string base(twin::DeviceRef device) const;
  /// To a device, at the end of this; null is said as nothing.
  void say(twin::DeviceRef device, const std::string& what, const Json& json);
  void flush(std::vector<Outgoing>& out);

  const Speakers speakers_;
  const TopicTemplate topic_;
  std::deque<ModelPlaces> models_;
  CommandLedger ledger_;
  std::map<twin::DeviceRef, TwinDocument> documents_;

 private:
  struct Standing {
    Time expires;
    Json undo;
  };
  std::vector<Outgoing> said_;
  std::map<std::pair<twin::DeviceRef, std::string>, Standing> standing_;  ///< by place
};

}  // namespace looptwin::hil
