#include "testbed/explain/reexecution.h"

#include <fmt/format.h>
#include <algorithm>
#include <atomic>

#include "testbed/by_hand.h"
#include "testbed/driver.h"
#include "testbed/scenario.h"
#include "testbed/sim_transport.h"
#include "testbed/snapshots.h"
#include "testbed/virtual_clock.h"

namespace looptwin::testbed {

Result<Reexecution> Reexecution::of(const std::filesystem::path& run, const Extensions* extensions,
                                    StopAsked stop) {
  auto resumable = read_simulated(run);
  if (!resumable) return tl::make_unexpected(std::move(resumable.error()));
  auto scenario = load(resumable->scenario, resumable->settings, {}, nullptr, extensions);
  if (!scenario) return tl::make_unexpected(std::move(scenario.error()));
  if (hash_of(*scenario, resumable->settings) != resumable->hash)
    return failure(fmt::format("{} was run with other files: {} has changed since", run.string(),
                               hashed(resumable->scenario, *scenario)),
                   "run the scenario anew, or bring back the files as they were");
  if (resumable->begins > kStart)
    return failure(
        fmt::format("cannot explain {}: it is a fork, and began with another run's state", run.string()),
        "explain the run that it was forked from, or write the scenario as it became and run that");
  if (auto added = add_faults_by_hand(run, *scenario); !added)
    return tl::make_unexpected(std::move(added.error()));
  scenario->snapshots.reset();
  auto assembly = Assembly::build(std::move(*scenario), {.threads = 0, .stop = stop});
  if (!assembly) return tl::make_unexpected(std::move(assembly.error()));
  if (auto added = add_acts_by_hand(run, **assembly, kLongAgo); !added)
    return tl::make_unexpected(std::move(added.error()));
  return Reexecution(std::move(*assembly), std::move(stop));
}

Result<void> Reexecution::play(Time until, const std::function<void(Time)>& each) {
  auto driver = Driver::make(*assembly_, {}, {});
  if (!driver) return tl::make_unexpected(std::move(driver.error()));
  std::atomic<bool> stop{false};
  const auto& scenario = assembly_->scenario();
  VirtualClock clock(scenario.start, scenario.cycle, std::min(until, kStart + scenario.duration), stop);
  assembly_->keep_cycle(clock);
  const auto end = driver->run(clock, stop, [&](Time now) {
    if (each) each(now);
    if (wants_stop(stop_)) stop = true;
  });
  if (end == mml::RunEnd::reached_end) return {};
  if (end == mml::RunEnd::stopped) return stopped_early();
  auto problems = driver->error();
  const auto& broken = assembly_->transport().breakdown();
  problems.insert(problems.end(), broken.begin(), broken.end());
  return tl::make_unexpected(std::move(problems));
}

}  // namespace looptwin::testbed
