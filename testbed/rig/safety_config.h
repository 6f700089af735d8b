// The `safety:` and `forces:` of rig.yaml, and what they come to on a scenario's devices.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "hil/forces.h"
#include "hil/rig_safety.h"
#include "testbed/reading/keys.h"

namespace looptwin::testbed {

/// A value that is read once the models are known.
struct LaterValue {
  Span span;  ///< of its key
  std::string name;
  yaml::Node node;
};

struct SafetyText {
  struct Step {
    Span span;
    std::string model, devices = "**";
    Span model_span, devices_span;
    std::optional<LaterValue> command;
    std::vector<LaterValue> set;
  };
  std::vector<Step> safe;
  std::vector<LaterValue> allow;   ///< "pump.start"; none: all
  std::vector<LaterValue> limits;  ///< by "pump.speed"
  Duration teardown = seconds(5);
  Duration heartbeat = seconds(2);
  bool stop_after_loss = true;
};

struct ForceText {
  Span span;
  std::string name, owner = "rig", device;
  Span device_span;
  std::vector<LaterValue> points;  ///< field, setpoint, command, message: one of them
  std::vector<LaterValue> kinds;   ///< force, offset … : one of them
  std::optional<Duration> at, lasts;
};

const Section<SafetyText>& safety_section();
const Section<ForceText>& force_section();

/// A setpoint's value: SI, 1 or 0, or a word's code.
std::optional<double> setpoint_value(Reader& reader, const yaml::Node& node,
                                     const twin::SetpointConfig& setpoint);

/// What the rules come to: limits and steps.
Result<hil::SafetyOptions> resolve(const SafetyText& text, const twin::Registry& registry,
                                   const lang::Units& units);
/// `begins`: the time that `at` counts from.
Result<hil::ForceConfig> resolve(const ForceText& text, const twin::Registry& registry,
                                 const lang::Units& units, Time begins);
/// A force in one line, as people give it while the rig runs: "{device: a, field: level, force: 3 m, for: 10
/// s}".
Result<ForceText> read_force(const std::string& line, const lang::Units& units);

}  // namespace looptwin::testbed
