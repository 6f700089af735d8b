#include "testbed/sequence/sequence_simulated.h"

#include "testbed/run_folder.h"
#include "testbed/sequence/sequence_session.h"
#include "testbed/simulation.h"
#include "testbed/stopwatch.h"
#include "testbed/summary.h"

namespace looptwin::testbed {
namespace {

/// The scenario, which lasts as long as the sequence.
Result<Loaded> load_for(const SequenceSession& session, const RunRequest& request) {
  auto settings = request.settings;
  auto scenario = load(request.scenario, settings);
  if (!scenario) return tl::make_unexpected(std::move(scenario.error()));
  settings.push_back(session.duration(scenario->cycle));
  scenario = load(request.scenario, settings);
  if (!scenario) return tl::make_unexpected(std::move(scenario.error()));
  scenario->snapshots.reset();  // what the sequence has done is in none
  return Loaded{std::move(*scenario), request.scenario, std::move(settings)};
}

}  // namespace

Exit run_sequence(const RunRequest& request, const SequenceRequest& sequence) {
  // Virtual time waits for nobody: who answers does so before.
  auto session = SequenceSession::load(sequence, false, {});
  if (!session) return refuse(session.error());
  auto loaded = load_for(**session, request);
  if (!loaded) return refuse(loaded.error());
  AssemblyOptions options;
  options.threads = request.threads;
  if (!request.no_out) options.out = request.out;
  OwnRunFolder own;
  if (!request.no_out && !request.out) {
    auto made = own_run_folder(loaded->scenario.name);
    if (!made) return refuse(made.error());
    own = std::move(*made);
    options.out = *own;
  }
  (*session)->join(options, true, nullptr);
  auto made = Simulation::make(std::move(*loaded), options, (*session)->over(), request.speed);
  if (!made) return refuse(made.error());
  stop_on_signals();
  Simulation& simulation = **made;
  Assembly& assembly = simulation.assembly();
  std::fputs(render(assembly.warnings()).c_str(), stderr);
  const auto inject = [&](const SourcePtr& entry) { return simulation.inject(entry); };
  if (auto planned = (*session)->plan(assembly, options.out, inject); !planned) {
    made->reset();
    std::error_code ignored;
    if (options.out) std::filesystem::remove_all(*options.out, ignored);
    return refuse(planned.error());
  }
  (*session)->begin(assembly, nullptr, stop_asked(), nullptr);
  const Stopwatch watch;
  const auto end =
      (*session)->end_of(simulation.advance(simulation.end(), [&](Time now) { (*session)->look(now); }));
  const auto ending = simulation.finish(end, watch.seconds());
  if (!request.quiet) print_summary(assembly, simulation.driver(), ending.end, watch.seconds());
  const std::string why = ending.problems.empty() ? "the run ended" : ending.problems.front().message;
  const auto exit =
      (*session)->finish(options.out, {facts_of(assembly, simulation.hash()), {}, {}}, request.quiet, why);
  if (!request.quiet && options.out) print_row("run folder", options.out->string());
  if (!ending.problems.empty()) return refuse(ending.problems);
  if (!exit) return refuse(exit.error());
  return *exit == Exit::held && !ending.held ? Exit::failed : *exit;
}

}  // namespace looptwin::testbed
