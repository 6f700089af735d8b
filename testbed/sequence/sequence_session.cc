#include "testbed/sequence/sequence_session.h"

#include <fmt/format.h>

#include "mml/loop.h"
#include "testbed/scenario.h"
#include "testbed/sequence/probes.h"
#include "twin/warm/disk.h"

namespace looptwin::testbed {
namespace {

Exit exit_of(Outcome outcome) {
  switch (outcome) {
    case Outcome::invalid:
      return Exit::invalid;
    case Outcome::error:
      return Exit::bad_input;
    case Outcome::fail:
    case Outcome::aborted:
      return Exit::failed;
    default:
      return Exit::held;
  }
}

}  // namespace

Result<std::unique_ptr<SequenceSession>> SequenceSession::load(const SequenceRequest& request, bool terminal,
                                                               std::string elsewhere) {
  auto config = load_sequence(request.file);
  if (!config) return tl::make_unexpected(std::move(config.error()));
  auto answers = Answers::make(request.answers, terminal, std::move(elsewhere));
  if (!answers) return tl::make_unexpected(std::move(answers.error()));
  std::vector<std::string> asking;
  for (const auto& phase : config->phases)
    for (const auto& step : phase)
      if (step.is == StepIs::prompt) asking.push_back(step.name);
  if (auto checked = answers->check(asking); !checked) return tl::make_unexpected(std::move(checked.error()));
  return std::unique_ptr<SequenceSession>(new SequenceSession(std::move(*config), std::move(*answers)));
}

Setting SequenceSession::duration(Duration cycle) const {
  return {"duration", fmt::format("{} s", config_.longest(cycle).ns / seconds(1).ns + 1)};
}

void SequenceSession::join(AssemblyOptions& options, bool forces_here, std::function<Time()> now) {
  probes_ = config_.probes();
  options.probes = &probes_;
  options.decisions = &ear_;
  options.around = [this, forces_here, now = std::move(now)](
                       twin::Transport& inner, const twin::Registry& registry, size_t shards, uint64_t seed) {
    if (forces_here) forces_ = std::make_unique<hil::Forces>(registry, seed);
    auto made = std::make_unique<BenchTransport>(inner, registry, shards, forces_.get(), now);
    transport_ = made.get();
    return made;
  };
}

Result<void> SequenceSession::plan(Assembly& assembly, const std::optional<std::filesystem::path>& folder,
                                   std::function<Result<void>(const SourcePtr& entry)> fault) {
  stimuli_ = {forces_ != nullptr, std::move(fault)};
  auto planned = testbed::plan(config_, assembly, stimuli_);
  if (!planned) return tl::make_unexpected(std::move(planned.error()));
  planned_ = std::move(*planned);
  if (!folder) return {};
  return twin::write_whole_file(*folder / kSequenceFile, planned_->config.source->text);
}

void SequenceSession::begin(Assembly& assembly, hil::Forces* forces, const std::atomic<bool>& stop,
                            std::function<std::string()> stopped) {
  run_ = std::make_unique<SequenceRun>(
      *planned_, SequenceRun::Bench{assembly, *transport_, ear_, forces_ ? forces_.get() : forces,
                                    stimuli_.fault, answers_, stop, std::move(stopped)});
}

void SequenceSession::look(Time boundary) {
  run_->look(boundary);
  if (run_->over()) over_ = true;
}

mml::RunEnd SequenceSession::end_of(mml::RunEnd how) const {
  const bool asked = run_->result().outcome == Outcome::aborted;
  return how == mml::RunEnd::stopped && over_ && !asked ? mml::RunEnd::reached_end : how;
}

Result<Exit> SequenceSession::finish(const std::optional<std::filesystem::path>& folder,
                                     const SequenceFacts& facts, bool quiet, const std::string& why) {
  run_->end(why);
  const auto result = run_->result();
  if (!quiet) print_sequence(result);
  if (folder)
    if (auto written = write_reports(*folder, result, facts); !written)
      return tl::make_unexpected(std::move(written.error()));
  return exit_of(result.outcome);
}

Facts facts_of(const Assembly& assembly, uint64_t hash) {
  const auto& scenario = assembly.scenario();
  return {{"looptwin", LT_VERSION},
          {"scenario", scenario.name},
          {"scenario hash", fmt::format("{:016x}", hash)},
          {"seed", std::to_string(scenario.seed)},
          {"fingerprint of decisions", assembly.loop().fingerprint()},
          {"began", to_string(scenario.start)}};
}

}  // namespace looptwin::testbed
