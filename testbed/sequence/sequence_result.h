// What a sequence came to, step by step, and what was seen meanwhile: all that its reports tell.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/time.h"
#include "testbed/sequence/hop_times.h"
#include "testbed/sequence/outcome.h"
#include "testbed/sequence/sequence_config.h"

namespace looptwin::testbed {

struct Measured {
  std::string device;  ///< empty: the site
  double value = 0;    ///< in the step's unit; NaN: unknown
  Outcome outcome = Outcome::pass;
};

struct StepResult {
  std::string name;
  StepIs is = StepIs::set;
  Outcome outcome = Outcome::skipped;
  Time began = kNever, ended = kNever;  ///< boundaries; kNever: it did not
  std::string why;                      ///< of what did not pass, in one sentence; else what there is to say
  std::vector<std::string> details;     ///< a line each
  std::vector<Measured> measured;
  std::string unit;  ///< of what was measured, and of
  std::optional<double> low, high;
};

struct PhaseResult {
  Outcome outcome = Outcome::skipped;
  std::vector<StepResult> steps;
};

/// A field over the run, as the twin knew it at the boundaries.
struct Trace {
  struct Sample {
    Time at;
    double value = 0;  ///< in `unit`; a code of words and truths; NaN: unknown
  };
  std::string device, field, unit;
  std::vector<std::string> words;  ///< of codes; empty: numbers
  std::vector<Sample> samples;
};

struct ForceShown {
  std::string name, owner, kind;
  Time from, until;
  uint64_t touched = 0;
  std::vector<std::pair<std::string, std::string>> fields;  ///< (device, field), of those on fields
};

struct SequenceResult {
  std::string name, about;
  Outcome outcome = Outcome::skipped;
  std::string why;  ///< it was aborted, or ended early
  PhaseResult phases[kPhases];
  std::vector<Trace> traces;
  std::vector<ForceShown> forces;
  HopTimes hops;
  Time ended;
};

}  // namespace looptwin::testbed
