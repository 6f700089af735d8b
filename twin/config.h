// What a scenario says about device models and the fleet, as plain data with values already in SI: the
// registry's part. Expressions are kept as spans of the scenario's files; they are checked when the whole
// scenario is wired.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/distribution.h"
#include "base/result.h"
#include "base/time.h"
#include "lang/types.h"

namespace looptwin::twin {

struct Range {
  double low;
  double high;
};

struct ParameterConfig {
  std::string name;
  Span span;
  lang::Unit unit;                 ///< of numbers; from the default's own unit
  std::vector<std::string> words;  ///< of an enumeration (then `value` is the default's code)
  bool boolean = false;
  double value = 0;                    ///< SI
  std::optional<Distribution> spread;  ///< a factor drawn per device, times the default
};

/// One field of telemetry: what a device reports, how often, and what the processor holds to be valid.
struct FieldConfig {
  std::string name;
  Span span;
  lang::Unit unit;
  std::vector<std::string> words;  ///< of an enumeration; empty for numbers
  bool boolean = false;
  Duration every{};
  std::optional<Duration> phase;  ///< absent: spread evenly over the period, in registry order
  std::optional<Range> range;     ///< SI; values outside are bad
  double resolution = 0;          ///< in `unit`; 0: not quantised on the wire (kept at 2^-20 of the range)
  Duration stale_after{};         ///< default three periods
  std::optional<Duration> least_spacing;  ///< samples that come more often are counted and shed
  std::optional<double> max_rate;         ///< SI per second; what jumps further is bad until it is confirmed
  std::optional<Duration> flat_after;     ///< what stays the same to the step for so long is bad
};

struct SetpointConfig {
  std::string name;
  Span span;
  lang::Unit unit;
  std::vector<std::string> words;
  bool boolean = false;
  double value = 0;                 ///< the default, SI
  std::optional<Range> range;       ///< SI; the device refuses what is outside
  std::optional<double> tolerance;  ///< SI difference; of `follows` from it: beyond is deviating
  std::string follows;              ///< the field that should follow it; empty where unknown
  Duration settle{};                ///< how long the field may take after a change before it deviates
  bool local = false;               ///< the resident may override it at the device
};

struct CommandConfig {
  std::string name;
  Span span;
  Duration expires{};  ///< not applied later than this after it was issued; default 1 min
};

struct RelationConfig {
  std::string name;
  Span span;
  std::string to;  ///< a model
  std::string inverse;
  bool optional = false;  ///< a device may be related to none
};

struct ModelConfig {
  std::string name;
  Span span;
  std::vector<RelationConfig> relations;
  std::vector<ParameterConfig> parameters;
  std::vector<FieldConfig> telemetry;
  std::vector<SetpointConfig> setpoints;
  std::vector<CommandConfig> commands;
};

/// How one parameter is given to the devices of a fleet entry: one value, one for each device in turn, a
/// choice by weight, or a draw.
struct AssignmentConfig {
  std::string parameter;
  Span span;
  std::optional<double> value;       ///< SI, or an enumeration's code
  std::vector<double> values;        ///< one a device of the entry, in their order; NaN: as without it
  std::vector<double> weights;       ///< of an enumeration's words, in their order
  std::optional<Distribution> draw;  ///< SI
};

/// To whom the devices of a fleet entry are related: `downstream: "node-{i+1}"`, or a list with an id each.
struct RelatingConfig {
  std::string relation;
  Span span;
  /// One pattern for all, with {i}, {i+1}, {n-1} …, {<per>}; or one a device, empty where it has none.
  std::vector<std::string> ids;
};

/// `home: {count: 1000, per: block, id: "{block}/home-{i}", link: lte}`
struct FleetConfig {
  std::string model;
  Span span;
  uint64_t count = 1;
  std::string per;               ///< the model that each group belongs to; empty for a top level
  std::string id;                ///< pattern with {i} (from 1, for each parent), {n} (from 1) and {<per>}
  std::vector<std::string> ids;  ///< or one a device, where it has no pattern
  std::string link;
  std::vector<std::string> tags;
  bool admitted = true;  ///< false: the broker refuses these devices, which are suspended or retired
  std::vector<AssignmentConfig> assignments;
  std::vector<RelatingConfig> relations;
};

}  // namespace looptwin::twin
