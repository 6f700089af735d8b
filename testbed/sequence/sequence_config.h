// A sequence of test steps as its file states it: what prepares a test, what tests, and what is done after it
// whatever happens. Names are resolved later, when the fleet is known (sequence_plan.h).
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "testbed/reading/keys.h"
#include "testbed/rig/safety_config.h"
#include "testbed/sequence/probe_text.h"

namespace looptwin::testbed {

enum class StepIs : uint8_t { set, ramp, send, act, force, fault, wait_until, expect, measure, prompt };
/// As it is written: "set", "do".
const char* name_of(StepIs is);

struct StepConfig {
  Span span;
  std::vector<LaterValue> kinds;  ///< set, ramp …: one of them
  StepIs is = StepIs::set;
  std::string name;
  std::string device;
  Span device_span;
  std::optional<Duration> within;
  Duration holds{}, over{};
  std::optional<yaml::Node> from, low, high;
  std::optional<Span> unit;
  std::optional<ForceText> force;

  const yaml::Node& what() const { return kinds.front().node; }
  bool asks_the_twin() const {
    return is == StepIs::wait_until || is == StepIs::expect || is == StepIs::measure;
  }
};

enum class PhaseIs : uint8_t { setup, main, teardown };
inline constexpr size_t kPhases = 3;
const char* name_of(PhaseIs is);

struct SequenceConfig {
  SourcePtr source;  ///< of the file
  std::string name, about;
  std::string by;  ///< the person who sets inputs
  Span by_span;
  Duration within = seconds(30);            ///< of steps that say none
  std::vector<StepConfig> phases[kPhases];  ///< [PhaseIs]

  /// How long it may take at the most: the run lasts no longer.
  Duration longest(Duration cycle) const;
  /// So long a step may take until what it is about has happened.
  Duration within_of(const StepConfig& step) const;
  /// What its steps ask of the twin, in order.
  std::vector<ProbeText> probes() const;
};

const Section<SequenceConfig>& sequence_section();
/// All problems at once.
Result<SequenceConfig> load_sequence(const std::filesystem::path& file);

}  // namespace looptwin::testbed
