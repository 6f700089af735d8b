// Reads which devices say what of themselves, serial numbers and firmware, at the topics that mappings name;
// in whatever convention they speak otherwise. Sparkplug's births are read by its host.
#pragma once

#include <deque>
#include <set>

#include "hil/conventions/model_places.h"

namespace looptwin::hil {

class IdentityReader {
 public:
  /// A mapping for each model of the registry, in order. The registry outlives it.
  IdentityReader(const twin::Registry& registry, const std::vector<Mapping>& mappings);

  std::vector<std::string> filters() const;
  /// Appends what a message says of who its device is. False where no device says it at its topic.
  bool take(const MqttMessage& message, std::vector<Heard>& heard) const;
  /// What makes a device say it; absent where nothing does.
  std::optional<Outgoing> ask(twin::DeviceRef device) const;

 private:
  const TopicTemplate* topic_of(const ModelPlaces& model, const Place& place) const;

  std::deque<ModelPlaces> models_;  ///< those that say it at a topic
};

}  // namespace looptwin::hil
