// How the devices of one model speak MQTT: which topics, and where in a JSON text each value stands. Data, no
// code: devices that are sold as they are get a mapping instead of an adapter.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "hil/topic_template.h"

namespace looptwin::hil {

/// Where a field stands, if not at /NAME.
struct FieldPlace {
  std::string field;
  std::string pointer;  ///< RFC 6901; empty: the whole payload is the value
};

struct Mapping {
  std::string model;
  std::string convention = "plain";  ///< hil/conventions/
  Span span;
  std::optional<TopicTemplate> telemetry;  ///< with {field}: each payload is one value
  std::vector<FieldPlace> fields;
  std::string time = "/t";  ///< pointer to Unix seconds by the device's clock; absent there: when it arrived
  std::string sequence = "/n";  ///< pointer to a message counter; absent there: counted as they arrive
  std::optional<TopicTemplate> presence;
  std::string online = "online", offline = "offline";
  std::optional<TopicTemplate> commands;
  std::optional<TopicTemplate> acknowledgements;

  const std::string* place_of(const std::string& field) const;
};

/// `looptwin/{device}/telemetry` and so on: for devices that have no convention of their own.
Mapping plain_mapping(const std::string& model);

}  // namespace looptwin::hil
