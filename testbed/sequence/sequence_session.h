// A sequence's part in a run, of a simulation or a rig: its file is read before, it joins when the loop is
// built, looks after each cycle, and reports at the end.
#pragma once

#include <atomic>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "mml/run_end.h"
#include "testbed/run.h"
#include "testbed/sequence/sequence_reports.h"
#include "testbed/sequence/sequence_request.h"
#include "testbed/sequence/sequence_run.h"

namespace looptwin::testbed {

class SequenceSession {
 public:
  /// `terminal`, `elsewhere`: as Answers has them.
  static Result<std::unique_ptr<SequenceSession>> load(const SequenceRequest& request, bool terminal,
                                                       std::string elsewhere);

  /// The run lasts no longer than the sequence can take: a setting of the scenario.
  Setting duration(Duration cycle) const;
  /// `now`: when something leaves, on the wall; null in simulations. `forces_here`: nobody else forces
  /// values.
  void join(AssemblyOptions& options, bool forces_here, std::function<Time()> now);
  /// Finds all that the sequence names in the assembly that it has joined, and notes in the run folder, where
  /// there is one, that it is carried out. `fault`: as Stimuli has it.
  Result<void> plan(Assembly& assembly, const std::optional<std::filesystem::path>& folder,
                    std::function<Result<void>(const SourcePtr& entry)> fault);
  /// `forces`: where they act, if not here. `stop`, `stopped`: as SequenceRun has them.
  void begin(Assembly& assembly, hil::Forces* forces, const std::atomic<bool>& stop,
             std::function<std::string()> stopped);
  void look(Time boundary);
  /// The run is to end: for its clock and its driver.
  const std::atomic<bool>& over() const { return over_; }
  /// How a run ended whose clock went by the above: where only the sequence is over, as it should.
  mml::RunEnd end_of(mml::RunEnd how) const;
  Answers& answers() { return answers_; }
  /// Once it has ended.
  SequenceResult result() const { return run_->result(); }

  /// The run has ended. Writes the reports where there is a folder, and shows what came of it.
  Result<Exit> finish(const std::optional<std::filesystem::path>& folder, const SequenceFacts& facts,
                      bool quiet, const std::string& why);

 private:
  SequenceSession(SequenceConfig config, Answers answers)
      : config_(std::move(config)), answers_(std::move(answers)) {}

  SequenceConfig config_;
  Answers answers_;
  std::vector<ProbeText> probes_;
  RefusalEar ear_;
  std::unique_ptr<hil::Forces> forces_;  ///< that act here
  BenchTransport* transport_ = nullptr;  ///< the assembly's
  Stimuli stimuli_;
  std::unique_ptr<PlannedSequence> planned_;
  std::unique_ptr<SequenceRun> run_;
  std::atomic<bool> over_{false};
};

/// Of any run: versions, scenario, seed, fingerprint.
Facts facts_of(const Assembly& assembly, uint64_t hash);

}  // namespace looptwin::testbed
