// A sequence with all that it names found in a run: people and their inputs, devices and their setpoints and
// commands, forces, limits. What is wrong with it is known before anything is done.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "hil/forces.h"
#include "testbed/assembly.h"
#include "testbed/sequence/sequence_config.h"

namespace looptwin::testbed {

/// What can be done to the run that a sequence tests.
struct Stimuli {
  bool fields_only = false;  ///< forces act on values of fields only
  /// A fault of simulated devices, an entry of `faults:`; null: they are real.
  std::function<Result<void>(const SourcePtr& entry)> fault;
};

struct PlannedStep {
  const StepConfig* config = nullptr;
  Duration within{};
  std::optional<size_t> probe;             ///< among the assembly's
  std::vector<twin::OperatorAction> acts;  ///< of set, ramp and do
  std::vector<twin::Command> commands;     ///< of set, ramp and send: without id and times
  double from = 0;                         ///< of ramp, SI
  std::optional<hil::ForceConfig> force;   ///< its times count from 0
  SourcePtr fault;
  std::optional<double> low, high;  ///< of measure, SI
};

struct PlannedSequence {
  SequenceConfig config;
  std::vector<PlannedStep> phases[kPhases];  ///< point into `config`
};

/// The assembly has the sequence's probes. All problems at once.
Result<std::unique_ptr<PlannedSequence>> plan(SequenceConfig config, Assembly& assembly,
                                              const Stimuli& stimuli);

}  // namespace looptwin::testbed
