// Carries a sequence out, from boundary to boundary: looks at the twin after each cycle, does what is to be
// done before the next one, and says what every step came to. It knows no clock and no device.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "mml/sinks.h"
#include "testbed/sequence/answers.h"
#include "testbed/sequence/bench_transport.h"
#include "testbed/sequence/probes.h"
#include "testbed/sequence/sequence_plan.h"
#include "testbed/sequence/sequence_result.h"
#include "twin/registry.h"

namespace looptwin::testbed {

/// Hears what people were refused: what was asked for may not be what comes of it.
class RefusalEar final : public mml::DecisionSink {
 public:
  bool decided(Time, std::span<const mml::Record> records) override;
  /// Whether the action was refused at the last boundary.
  bool refused(const twin::OperatorAction& action) const;

 private:
  std::vector<mml::Record> refused_;
};

class SequenceRun {
 public:
  struct Bench {
    Assembly& assembly;
    BenchTransport& transport;
    const RefusalEar& ear;
    hil::Forces* forces;
    std::function<Result<void>(const SourcePtr& entry)> fault;  ///< as Stimuli has it
    Answers& answers;
    const std::atomic<bool>& stop;         ///< somebody asks for the end
    std::function<std::string()> stopped;  ///< why nothing is to be done to the devices any more; may be null
  };
  /// All that the bench holds outlives it, and so does the sequence.
  SequenceRun(const PlannedSequence& sequence, Bench bench);

  /// After each cycle, in the loop's thread.
  void look(Time boundary);
  /// The run has ended before the sequence did; nothing where it had not.
  void end(const std::string& why);
  bool over() const { return over_; }
  /// Once it is over.
  SequenceResult result() const;

 private:
  struct Forced {
    size_t force = 0;  ///< into Forces::all()
    size_t step = 0;
  };
  const PlannedStep& step() const { return sequence_.phases[phase_][step_]; }
  StepResult& shown() { return result_.phases[phase_].steps[step_]; }
  const twin::Registry& registry() const { return bench_.assembly.registry(); }
  std::vector<Probes::Read> fields_to_draw() const;
  std::string id(twin::DeviceRef device) const;

  void watch_for_the_end(Time now);
  size_t next_phase() const;
  void begin_phase(size_t phase);
  void end_phase(Time now);
  void begin_step(Time now);
  bool advance(Time now);
  void finish_step(Outcome outcome, std::string why, Time now);
  bool goes_on(Outcome outcome) const;

  void act(Time now);
  void tell(twin::Command command, Time now);
  void move(Time now);
  void begin_force(Time now);
  void begin_fault(Time now);

  std::string refusal();
  bool see_acted(Time now);
  bool see_ramp(Time now);
  bool see_condition(Time now);
  bool see_measured(Time now);
  bool see_answered(Time now);
  void draw(Time now);

  const PlannedSequence& sequence_;
  Bench bench_;
  SequenceResult result_;
  std::vector<Probes::Read> drawn_;  ///< [trace]
  size_t phase_ = 0, step_ = 0;
  bool begun_ = false, in_step_ = false, over_ = false;
  std::string abort_;  ///< why; empty: it was not
  Time step_began_, now_ = kStart;
  Time holds_since_ = kNever;                 ///< what is waited for; of a ramp: when its last value was told
  std::map<uint64_t, twin::DeviceRef> told_;  ///< what the step at hand has told, and not heard of
  uint32_t orders_ = 0;
  std::vector<Forced> forced_;  ///< of the phase at hand
};

}  // namespace looptwin::testbed
