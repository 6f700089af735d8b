#include "testbed/simulation.h"

#include <fmt/format.h>

#include <algorithm>

#include "mml/column_functions.h"
#include "testbed/by_hand.h"
#include "testbed/driver.h"
#include "testbed/recorder.h"
#include "testbed/replay/fork.h"
#include "testbed/requirements/report.h"
#include "testbed/requirements/requirements.h"
#include "testbed/run_folder.h"
#include "testbed/scenario.h"
#include "testbed/sim_transport.h"
#include "testbed/snapshots.h"
#include "testbed/summary.h"
#include "testbed/virtual_clock.h"
#include "twin/transport.h"
#include "twin/warm/disk.h"

namespace looptwin::testbed {
namespace {

/// Whether all requirements held, or may yet; what each came to stands in the run folder.
Result<bool> judge(const Assembly& assembly, const std::optional<std::filesystem::path>& out) {
  const auto& all = assembly.requirements().all();
  if (all.empty()) return true;
  const auto results = assembly.requirements().results();
  if (out)
    if (auto written = twin::write_whole_file(*out / "requirements.json", requirements_json(all, results));
        !written)
      return tl::make_unexpected(std::move(written.error()));
  return std::none_of(results.begin(), results.end(),
                      [](const auto& result) { return result.verdict == Verdict::violated; });
}

void add(Diagnostics& to, const Diagnostics& from) { to.insert(to.end(), from.begin(), from.end()); }

}  // namespace

Simulation::Simulation() = default;
Simulation::~Simulation() = default;

Time Simulation::now() const { return clock_->last(); }

Time Simulation::end() const { return kStart + assembly_->scenario().duration; }

Result<std::unique_ptr<Simulation>> Simulation::make(Loaded loaded, const AssemblyOptions& options,
                                                     const std::atomic<bool>& stop,
                                                     std::optional<double> speed) {
  std::unique_ptr<Simulation> made(new Simulation());
  made->stop_ = &stop;
  made->settings_ = loaded.settings;
  made->out_ = options.out;
  made->hash_ = hash_of(loaded.scenario, loaded.settings);
  auto built = Assembly::build(std::move(loaded.scenario), options);
  if (!built) return tl::make_unexpected(std::move(built.error()));
  made->assembly_ = std::move(*built);
  if (options.out && !options.resume)
    if (auto noted = note_scenario(*made->assembly_, *options.out,
                                   {loaded.path, made->settings_, made->hash_, options.begins, {}});
        !noted)
      return tl::make_unexpected(std::move(noted.error()));
  auto driver = Driver::make(*made->assembly_, options.out, made->settings_);
  if (!driver) return tl::make_unexpected(std::move(driver.error()));
  made->driver_ = std::make_unique<Driver>(std::move(*driver));
  const Scenario& scenario = made->assembly_->scenario();
  made->clock_ = std::make_unique<VirtualClock>(scenario.start, scenario.cycle, made->end(), stop, speed);
  made->assembly_->keep_cycle(*made->clock_);
  return made;
}

void Simulation::go_on_after(Time boundary) {
  clock_->go_on_after(boundary);
  driver_->skip_to(boundary);
}

mml::RunEnd Simulation::advance(Time to, const std::function<void(Time)>& each) {
  clock_->go_on_to(std::min(to, end()));
  const auto how = driver_->advance(*clock_, *stop_, each);
  // What failed in the last cycle would else be heard of with the next, which may never come.
  return assembly_->loop_transport().breakdown().empty() ? how : mml::RunEnd::failed;
}

Diagnostics Simulation::problems() const {
  Diagnostics problems = driver_->error();
  add(problems, assembly_->loop_transport().breakdown());
  add(problems, assembly_->functions().breakdown());
  if (problems.empty() && assembly_->recorder() != nullptr) problems = assembly_->recorder()->error();
  return problems;
}

Result<std::unique_ptr<Simulation>> Simulation::fork(int threads, const std::atomic<bool>& stop,
                                                     mml::DecisionSink* decisions,
                                                     const StopAsked& end_early) {
  if (driver_->is_away())
    return failure(fmt::format("cannot fork at {}: the MML is away", to_string(now())),
                   "advance until it is back");
  Assembly& trunk = *assembly_;
  Scenario scenario = trunk.scenario();
  scenario.input_log = false;  // of the trunk's run folder, like its snapshots
  auto made = make({std::move(scenario), {}, settings_},
                   {.threads = threads,
                    .as_recorded = trunk.recorder() != nullptr,
                    .decisions = decisions,
                    .stop = end_early},
                   stop);
  if (!made) return made;
  if (auto copied = copy_state(trunk, (*made)->assembly(), end_early); !copied)
    return tl::make_unexpected(std::move(copied.error()));
  (*made)->assembly().transport().act(trunk.transport().pending());
  (*made)->go_on_after(now());
  return made;
}

Result<void> Simulation::act(const SourcePtr& entry) {
  auto actions = acts_by_hand(*assembly_, entry, now());
  if (!actions) return tl::make_unexpected(std::move(actions.error()));
  if (out_)
    if (auto noted = note_by_hand(*out_, {DoneByHand::Is::act, now(), entry->text}); !noted) return noted;
  assembly_->transport().act(std::move(*actions));
  return {};
}

Result<void> Simulation::inject(const SourcePtr& entry) {
  auto fault = fault_by_hand(assembly_->scenario(), entry, now());
  if (!fault) return tl::make_unexpected(std::move(fault.error()));
  if (auto injected = assembly_->inject(*fault, now()); !injected) return injected;
  if (!out_) return {};
  return note_by_hand(*out_, {DoneByHand::Is::fault, now(), entry->text});
}

Ending Simulation::finish(mml::RunEnd end, double wall) {
  Ending ending;
  ending.end = driver_->end(end);
  if (ending.end == mml::RunEnd::failed) ending.problems = problems();
  ending.status = status_json(*assembly_, driver_->last(), ending.end, wall);
  if (auto finished = assembly_->finish(ending.status); !finished && ending.problems.empty())
    ending.problems = finished.error();
  const auto held = judge(*assembly_, out_);
  if (!held) add(ending.problems, held.error());
  ending.held = held.value_or(false);
  return ending;
}

}  // namespace looptwin::testbed
