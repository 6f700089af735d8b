#include "testbed/testing/stage.h"

#include <algorithm>

#include "base/check.h"
#include "base/text.h"
#include "mml/feeds/feeds.h"
#include "mml/loop.h"
#include "testbed/driver.h"
#include "testbed/scenario.h"
#include "testbed/script.h"
#include "testbed/sim_transport.h"
#include "testbed/virtual_clock.h"
#include "twin/registry.h"

namespace looptwin::testbed {
namespace {

/// A course as a feed's signal: straight lines between points, two at a step. Known from long before the run
/// to long after it.
std::shared_ptr<const mml::Series> as_series(const WrittenSeries& course, UnixTime start, Time end) {
  auto series = std::make_shared<mml::Series>();
  mml::Signal signal;
  const auto add = [&](Time t, double value) {
    const UnixTime at = start + (t - kStart);
    if (!series->times.empty() && at <= series->times.back()) return;
    series->times.push_back(at);
    signal.values.push_back(value);
  };
  const auto& pieces = course.pieces();
  add(kStart - days(400), WrittenSeries::value(pieces.front(), kStart));
  for (size_t p = 0; p < pieces.size(); ++p) {
    add(pieces[p].begin, WrittenSeries::value(pieces[p], pieces[p].begin));
    const Time last =
        p + 1 < pieces.size() ? pieces[p + 1].begin - nanoseconds(1) : pieces[p].begin + pieces[p].length;
    add(last, WrittenSeries::value(pieces[p], last));
  }
  add(std::max(end, course.end()) + days(400), signal.values.back());
  series->signals.push_back(std::move(signal));
  series->step = seconds(1);
  return series;
}

}  // namespace

Result<std::unique_ptr<Stage>> Stage::written(Scenario scenario, bool coverage) {
  scenario.faults.clear();
  scenario.restarts.clear();
  scenario.script.clear();
  scenario.requirements.clear();  // there is no truth, and what rules do is expected by name
  scenario.snapshots.reset();
  std::unique_ptr<Stage> stage(new Stage());
  AssemblyOptions options;
  options.decisions = &stage->log_;
  options.coverage = coverage;
  options.fleet = [&](const twin::Registry& registry, twin::Tables& tables) {
    auto fleet = std::make_unique<SeriesFleet>(registry, tables);
    stage->fleet_ = fleet.get();
    return fleet;
  };
  auto assembly = Assembly::build(std::move(scenario), options);
  if (!assembly) return tl::make_unexpected(std::move(assembly.error()));
  stage->assembly_ = std::move(*assembly);
  ArchiveWriter start;
  stage->assembly_->save(start);
  stage->start_ = start.take();
  return stage;
}

Result<std::unique_ptr<Stage>> Stage::simulated(Scenario scenario, const TestConfig& test,
                                                std::optional<uint64_t> seed) {
  scenario.script.insert(scenario.script.end(), test.script.begin(), test.script.end());
  std::stable_sort(scenario.script.begin(), scenario.script.end(),
                   [](const auto& a, const auto& b) { return a.action.at < b.action.at; });
  if (test.lasts) scenario.duration = *test.lasts;
  if (seed) scenario.seed = *seed;
  if (!test.requirements.empty())
    std::erase_if(scenario.requirements, [&](const auto& requirement) {
      return std::none_of(test.requirements.begin(), test.requirements.end(),
                          [&](const auto& asked) { return glob_match(asked, requirement.name); });
    });
  std::unique_ptr<Stage> stage(new Stage());
  AssemblyOptions options;
  options.decisions = &stage->log_;
  auto assembly = Assembly::build(std::move(scenario), options);
  if (!assembly) return tl::make_unexpected(std::move(assembly.error()));
  stage->assembly_ = std::move(*assembly);
  stage->end_ = kStart + stage->assembly_->scenario().duration;
  return stage;
}

Result<void> Stage::begin(const TestConfig& test) {
  LT_CHECK(fleet_ != nullptr, "a simulated run begins once");
  ArchiveReader start(start_);
  assembly_->restore(start);
  LT_CHECK(start.ok(), start.error());
  log_.clear();
  auto courses = compile_courses(test, assembly_->units(), assembly_->schema(), assembly_->registry());
  if (!courses) return tl::make_unexpected(std::move(courses.error()));
  courses_ = std::move(*courses);
  end_ = end_of(test);
  fleet_->give(courses_, assembly_->scenario().seed);
  for (const size_t signal : replaced_) assembly_->feeds().replace(FeedId(signal), nullptr);
  replaced_.clear();
  for (const auto& feed : courses_.feeds) {
    assembly_->feeds().replace(FeedId(feed.signal),
                               as_series(courses_.series[feed.series], assembly_->scenario().start, end_));
    replaced_.push_back(feed.signal);
  }
  assembly_->transport().notice(courses_.notices);
  auto script = actions_of(test.script, assembly_->registry());
  if (!script) return tl::make_unexpected(std::move(script.error()));
  assembly_->transport().follow(std::move(*script));
  return {};
}

/// Long enough for all that is given and expected.
Time Stage::end_of(const TestConfig& test) const {
  if (test.lasts) return kStart + *test.lasts;
  Time end = courses_.end;
  for (const auto& expect : test.expect)
    for (const auto& moment : expect.moments) end = std::max(end, moment.at + expect.within);
  for (const auto& entry : test.script) end = std::max(end, entry.action.at);
  return std::max(ceil_to(end, assembly_->scenario().cycle), kStart + assembly_->scenario().cycle);
}

bool Stage::play(Time until, const std::function<void(Time)>& each) {
  until = std::min(until, end_);
  if (fleet_ == nullptr) return simulate(until, each);
  auto& loop = assembly_->loop();
  const std::atomic<bool> stop{false};
  VirtualClock clock(assembly_->scenario().start, assembly_->scenario().cycle, until, stop);
  clock.go_on_after(loop.now());
  assembly_->keep_cycle(clock);
  for (Time boundary = clock.next(); boundary != kNever; boundary = clock.next()) {
    if (!loop.cycle(boundary, assembly_->transport())) return false;
    if (each) each(boundary);
  }
  return true;
}

/// With the MML's restarts.
bool Stage::simulate(Time until, const std::function<void(Time)>& each) {
  auto driver = Driver::make(*assembly_, {}, {});
  if (!driver) return false;
  const std::atomic<bool> stop{false};
  VirtualClock clock(assembly_->scenario().start, assembly_->scenario().cycle, until, stop);
  assembly_->keep_cycle(clock);
  return driver->run(clock, stop, each) == mml::RunEnd::reached_end;
}

}  // namespace looptwin::testbed
