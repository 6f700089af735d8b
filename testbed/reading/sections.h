// The sections of a scenario file: each reads itself by its table of keys (testbed/reading/keys.h) into the
// configs.
#pragma once

#include <vector>

#include "testbed/reading/keys.h"
#include "testbed/reading/sections_python.h"
#include "testbed/reading/values.h"
#include "testbed/scenario.h"
#include "twin/device_record.h"

namespace looptwin::testbed {

/// A device model as read: the registry's part and the simulation's.
struct ModelDraft : twin::ModelConfig {
  sim::DeviceConfig device;
  std::optional<ClassUse> physics_class, controller_class;
};

/// Which devices of a registry's file a fleet entry takes.
struct RegistryDraft {
  Span span;
  std::string file;     ///< from the scenario's folder
  std::string devices;  ///< a pattern of ids; empty: all
  std::string tagged;   ///< empty: with any tags
  std::vector<twin::DeviceState> states{twin::DeviceState::provisioned, twin::DeviceState::active};
};

/// A fleet entry, whose assignments wait until the models are known.
struct FleetDraft : twin::FleetConfig {
  std::optional<RegistryDraft> registry;
  Span count_span;
  std::vector<const yaml::Entry*> others;
};

/// A fault, whose time of day waits for the zone and whose value waits for its sensor's unit.
struct FaultDraft : sim::FaultConfig {
  Span sensor_span;
  Restarted of = Restarted::devices;
  Span of_span, keeps_span, persistent_span;
  bool persistent = true;
  const yaml::Node* at = nullptr;
  const yaml::Node* value_node = nullptr;
};

using MachineDraft = mml::MachineConfig;

const Section<ModelDraft>& model_section();
const Section<lang::Machine>& controller_machine_section();
const Section<MachineDraft>& machine_section();
const Section<FleetDraft>& fleet_section();
const Section<PlantDraft>& plant_section();
const Section<sim::LinkConfig>& link_section();
const Section<FaultDraft>& fault_section();
const Section<HistoryConfig>& history_section();
const Section<FeedDraft>& feed_section();
const Section<mml::DerivedConfig>& derived_section();
const Section<mml::EventConfig>& event_section();
const Section<mml::RuleConfig>& rule_section();
const Section<mml::AlarmConfig>& alarm_section();
const Section<RequirementConfig>& requirement_section();
/// The keys of an alarm's own condition: those of events.
std::vector<Key<mml::AlarmConfig>> alarm_condition_keys();

/// `limits: {level: {low: 0 m}}`, of states of any physics.
const Section<sim::LimitConfig>& limit_section();
/// Reads `name: expression` lines in the file's order.
Value<std::vector<sim::Named>> expressions();
/// A distribution of values in `unit`'s dimension; a bare number is in it. `unit` outlives the value.
std::optional<Distribution> distribution(Reader& reader, const yaml::Node& node, const lang::Unit& unit);
/// A distribution of times, none negative; a bare number is refused.
Value<Distribution> time_distribution();

}  // namespace looptwin::testbed
