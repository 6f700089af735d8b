// How the devices of one model speak MQTT: which topics, and where in a JSON text each value stands. Data, no
// code: devices that are sold as they are get a mapping instead of an adapter.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/time.h"
#include "hil/topic_template.h"
#include "lang/types.h"

namespace looptwin::hil {

/// Where a field, a setpoint or a command of the model stands on the wire, if not where its name says. A
/// field that is said at several topics has several.
struct Place {
  std::string name;  ///< the model's
  Span span;
  std::string at;  ///< a JSON pointer (RFC 6901), a metric, a property; empty: the payload
  std::optional<TopicTemplate> topic;  ///< of its own
  std::optional<lang::Unit> unit;      ///< where it is not the model's
  /// Words of the wire for words of the model, which for truths are `true` and `false`.
  std::vector<std::pair<std::string, std::string>> words;
  std::string payload;       ///< of setpoints and commands: what is sent, with {value}; empty: the value
  std::vector<Place> shows;  ///< of setpoints and commands: where devices show what they have become
};

/// Of the host that the loop is to edge nodes: the same for all models of a rig.
struct SparkplugOptions {
  std::string host;                ///< its id; empty: none, and nobody waits for it
  std::string space = "spBv1.0";   ///< the namespace that topics begin with
  Duration reorder = seconds(2);   ///< so long a message that is missing may be late
  Duration rebirth = seconds(10);  ///< a node is asked for a rebirth not more often
};

/// Where devices say which ones they are. A place without a topic stands in the telemetry; with Sparkplug it
/// is a metric of their birth.
struct IdentityPlaces {
  std::optional<Place> serial, firmware;
  std::optional<TopicTemplate> ask;  ///< makes a device say it
  std::string ask_payload;
};

struct Mapping {
  std::string model;
  std::string convention = "plain";  ///< hil/conventions/
  Span span;
  std::optional<TopicTemplate> telemetry;  ///< with {field}: each payload is one value
  std::vector<Place> fields, setpoints, orders;
  std::string time = "/t";  ///< pointer to Unix seconds by the device's clock; absent there: when it arrived
  std::string sequence = "/n";  ///< pointer to a message counter; absent there: counted as they arrive
  std::string kept =
      "/kept";  ///< pointer to the lowest number that it still keeps; absent there: it keeps none
  std::optional<TopicTemplate> presence;
  std::string online = "online", offline = "offline";
  std::string presence_at;           ///< a pointer, where the payload is not the word itself
  std::string gateway;               ///< a topic without places: who is behind it is there only while it is
  std::optional<TopicTemplate> ask;  ///< makes a device say something, so that it is known to be there
  std::string ask_payload;
  bool trust_kept = false;  ///< the broker's kept `online` is believed, though it may be older than its crash
  std::optional<IdentityPlaces> identity;
  std::optional<TopicTemplate> commands;
  std::optional<TopicTemplate> acknowledgements;
  std::optional<TopicTemplate> confirmations;  ///< where devices hear what has come of what they keep
  std::vector<std::pair<std::string, std::string>> names;  ///< registry ids, and what devices call themselves
  std::string group;                                       ///< Sparkplug's; empty: ids begin with it
  SparkplugOptions sparkplug;

  /// The place of a field; null where its name says it.
  const Place* place_of(const std::string& field) const;
  /// What a device calls itself on the wire.
  std::string_view name_of(std::string_view id) const;
};
/// A template whose text is our own, or was looked at before.
TopicTemplate known_topic(const std::string& text);
/// Null where the name says it.
const Place* place_in(const std::vector<Place>& places, const std::string& name);

/// `looptwin/{device}/telemetry` and so on: for devices that have no convention of their own.
Mapping plain_mapping(const std::string& model);

}  // namespace looptwin::hil
