#include "testbed/driver.h"

#include <algorithm>

#include "base/check.h"
#include "mml/loop.h"
#include "testbed/assembly.h"
#include "testbed/requirements/requirements.h"
#include "testbed/scenario.h"
#include "testbed/sim_transport.h"
#include "testbed/snapshots.h"
#include "twin/input_log/recording_transport.h"
#include "twin/transport.h"

namespace looptwin::testbed {

Result<Driver> Driver::make(Assembly& assembly, const std::optional<std::filesystem::path>& run,
                            const std::vector<Setting>& settings) {
  Driver driver(assembly);
  const auto& scenario = assembly.scenario();
  driver.away_ = restarts_of(scenario, Restarted::mml);
  if (!scenario.snapshots && driver.away_.empty()) return driver;
  auto snapshots = Snapshots::open(assembly, run, hash_of(scenario, settings));
  if (!snapshots) return tl::make_unexpected(std::move(snapshots.error()));
  driver.snapshots_.emplace(std::move(*snapshots));
  if (!driver.away_.empty()) {
    ArchiveWriter empty;
    assembly.save_loop(empty);
    driver.empty_ = empty.take();
  }
  return driver;
}

void Driver::skip_to(Time boundary) {
  last_ = boundary;
  while (next_ < away_.size() && away_[next_].to <= boundary) ++next_;
}

mml::RunEnd Driver::run(Clock& clock, const std::atomic<bool>& stop, const std::function<void(Time)>& each) {
  return end(advance(clock, stop, each));
}

mml::RunEnd Driver::advance(Clock& clock, const std::atomic<bool>& stop,
                            const std::function<void(Time)>& each) {
  assembly_->begin_requirements();
  return steps(clock, stop, each);
}

mml::RunEnd Driver::end(mml::RunEnd how) {
  auto end = finish(how);
  if (auto* log = assembly_->input_log();
      log != nullptr && !keep(log->end(assembly_->loop().now(), name_of(end))))
    end = mml::RunEnd::failed;
  return end;
}

mml::RunEnd Driver::finish(mml::RunEnd end) {
  // A run that ends while the MML is away ends with what the MML last knew.
  if (is_away_ && !come_back()) return mml::RunEnd::failed;
  if (end == mml::RunEnd::stopped && assembly_->scenario().snapshots && !keep(snapshots_->take()))
    return mml::RunEnd::failed;
  assembly_->requirements().finish();
  return end;
}

mml::RunEnd Driver::steps(Clock& clock, const std::atomic<bool>& stop,
                          const std::function<void(Time)>& each) {
  for (;;) {
    const Time boundary = clock.next();
    if (boundary == kNever) return stop ? mml::RunEnd::stopped : mml::RunEnd::reached_end;
    if (!step(boundary)) return mml::RunEnd::failed;
    last_ = boundary;
    if (each) each(boundary);
    if (stop && !is_away_) return mml::RunEnd::stopped;
  }
}

bool Driver::step(Time boundary) {
  while (next_ < away_.size() && away_[next_].from <= boundary) {
    if (!is_away_ && !go_away()) return false;
    const Away& away = away_[next_];
    if (boundary < away.to) {
      assembly_->pass(boundary, away.persistent);
      if (!assembly_->transport().breakdown().empty()) return false;
      assembly_->look_at_requirements(boundary, true);
      ++missed_;
      has_missed_ = true;
      return true;
    }
    if (!come_back()) return false;
    went_ = std::min(went_, away.from);
    absent_ = absent_ + (away.to - away.from);
    ++next_;
  }
  if (has_missed_) assembly_->transport().was_away(went_, absent_);
  went_ = kNever, absent_ = {}, has_missed_ = false;
  const Time before = assembly_->loop().now();
  if (!assembly_->loop().cycle(boundary, assembly_->loop_transport())) return false;
  assembly_->look_at_requirements(boundary, false);
  const auto& every = assembly_->scenario().snapshots;
  if (every && floor_to(boundary, *every) > floor_to(before, *every)) return keep(snapshots_->take());
  return true;
}

/// The process ends: what it knows is on the disk, and nowhere else.
bool Driver::go_away() {
  is_away_ = true;
  ++restarts_;
  if (!keep(snapshots_->take())) return false;
  ArchiveReader empty(empty_);
  assembly_->restore_loop(empty);
  LT_CHECK(empty.ok(), empty.error());
  return true;
}

bool Driver::come_back() {
  is_away_ = false;
  return keep(snapshots_->restore_loop());
}

bool Driver::keep(const Result<void>& done) {
  if (done) return true;
  error_.insert(error_.end(), done.error().begin(), done.error().end());
  return false;
}

}  // namespace looptwin::testbed
