// Devices that announce themselves as Home Assistant wants it: retained configurations, one a component or
// one a device, with abbreviations. They become candidates for a registry, which nobody has admitted yet.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace looptwin::hil {

struct Candidate {
  struct Component {
    std::string kind;  ///< "sensor", "switch"
    std::string name, state_topic, command_topic, unit;
    std::string at;  ///< a JSON pointer, of the simple templates; empty: the whole payload, or not known
  };
  std::string id;  ///< the first of its identifiers
  std::string name, manufacturer, model, availability_topic;
  std::vector<Component> components;
};

/// What was announced so far. What cannot be read is counted, and no announcement makes it grow without end.
class Announcements {
 public:
  static constexpr size_t kMostDevices = 10'000, kMostComponents = 1000;

  explicit Announcements(std::string prefix = "homeassistant") : prefix_(std::move(prefix)) {}
  /// PREFIX/KIND/[NODE/]OBJECT/config, or PREFIX/device/ID/config. An empty payload takes it back.
  void take(std::string_view topic, std::string_view payload);
  /// By id.
  std::vector<Candidate> candidates() const;
  /// On how many topics what stands there cannot be read, or found no room.
  size_t unreadable() const { return unreadable_.size(); }

 private:
  std::string prefix_;
  std::map<std::string, Candidate, std::less<>> by_topic_;  ///< a part of a device each
  std::set<std::string, std::less<>> unreadable_;           ///< topics, kMostDevices at the most
};

}  // namespace looptwin::hil
