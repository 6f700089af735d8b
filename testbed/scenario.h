// A scenario as loaded: the configs of all parts in one aggregate, each part's config owned by the part.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "mml/config.h"
#include "mml/people.h"
#include "sim/config.h"
#include "testbed/falsify/search_config.h"
#include "testbed/requirements/config.h"
#include "testbed/testing/test_config.h"
#include "twin/config.h"
#include "twin/operator_action.h"

namespace looptwin::testbed {

class Extensions;

/// Which samples the warm history keeps, by model: `history: {home: {raw: "block-1/*", rollups: [15 min, 1
/// h]}}`.
struct HistoryConfig {
  std::string model;
  Span span;
  std::string raw;                ///< a pattern of device ids whose samples are kept; empty: none
  std::vector<Duration> rollups;  ///< of 1 min, 15 min, 1 h
};

/// A run folder that ago() and trends look back into: `history_from: [../runs/last-week]`.
struct EarlierRunConfig {
  std::string folder;  ///< from the scenario's folder
  Span span;
};

/// What can be restarted besides devices.
enum class Restarted : uint8_t { devices, mml, broker };

/// `- {kind: restart, of: mml, after: 3 h, lasts: 5 min}`; or drawn: `every: 7 d`.
struct RestartConfig {
  Span span;
  Restarted of = Restarted::mml;
  std::optional<Time> after;
  std::optional<Duration> every;  ///< mean time from one restart's end to the next
  Duration lasts{};               ///< until it works again; 0: at once
  /// Of the broker: what waits in it outlives it. Of the MML: the broker keeps what devices send meanwhile.
  bool persistent = true;
};

/// One thing that a person does, on all devices that match: `{after: 2 h, by: anna, set: {most: 40 kW}}`.
struct ScriptConfig {
  Span span;
  twin::OperatorAction action;  ///< its device is not set
  std::string device;           ///< a pattern of device ids; empty where the subject is one for all
  std::string model;            ///< whose devices; empty: one for all
};

struct Scenario {
  std::filesystem::path folder;
  std::vector<SourcePtr> sources;       ///< every file that was read, in order
  std::vector<std::string> registries;  ///< files from which devices were drawn, from the folder
  std::string name;
  std::string about;
  UnixTime start;
  std::string timezone = "UTC";
  Duration duration{};
  Duration cycle = seconds(1);  ///< from one boundary to the next; with `least_cycle` at the most
  /// A boundary comes as soon as something has arrived, but not sooner after the last one. Absent: `cycle` is
  /// fixed.
  std::optional<Duration> least_cycle;
  uint64_t seed = 1;
  double ambient_pressure = 101325;  ///< Pa; what gauge pressures are points against

  std::vector<twin::ModelConfig> models;
  std::vector<sim::DeviceConfig> devices;  ///< one a model, same order
  std::vector<twin::FleetConfig> fleet;
  std::vector<sim::PlantConfig> plants;
  std::vector<sim::LinkConfig> links;
  std::vector<sim::FaultConfig> faults;
  std::vector<RestartConfig> restarts;
  std::vector<mml::FeedConfig> feeds;
  std::vector<mml::FunctionConfig> functions;
  std::vector<mml::DerivedConfig> derived;
  std::vector<mml::MachineConfig> machines;
  std::vector<mml::EventConfig> events;
  std::vector<mml::RuleConfig> rules;
  std::vector<mml::AlarmConfig> alarms;
  std::vector<mml::PersonConfig> people;
  std::vector<mml::InputConfig> inputs;  ///< of `operator:`
  std::vector<ScriptConfig> script;
  std::vector<TestConfig> tests;
  std::vector<RequirementConfig> requirements;
  std::optional<SearchConfig> search;  ///< what `looptwin falsify` may vary
  std::vector<HistoryConfig> history;
  std::vector<EarlierRunConfig> history_from;
  Duration retention = days(28);      ///< of warm history
  std::optional<Duration> snapshots;  ///< how often the run's state is kept; absent: never
  uint64_t keep_snapshots = 1;        ///< how many of them, the newest
  bool input_log = false;             ///< all that the loop takes in is kept, for `looptwin replay`
};

/// Rules in place of a scenario's own: of a file or of another scenario, changed by settings.
struct OtherRules {
  std::filesystem::path file;  ///< empty: its own
  std::vector<Setting> settings;
};

/// Reads scenario.yaml of a folder (or the file itself) and what it uses. All problems of all files at once.
/// `tests`: a file of tests that belongs to it as well. `extensions`: what it may use beside what we bring.
Result<Scenario> load(const std::filesystem::path& path, const std::vector<Setting>& settings = {},
                      const std::filesystem::path& tests = {}, const OtherRules* rules = nullptr,
                      const Extensions* extensions = nullptr);

/// JSON Schema of a scenario file, for editors: generated from the tables that load() reads by.
std::string json_schema();

}  // namespace looptwin::testbed
