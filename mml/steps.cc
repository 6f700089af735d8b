#include "mml/steps.h"

namespace looptwin::mml {

Steps::Steps(const std::vector<Rule>& rules, const twin::Registry& registry, twin::Tables& tables,
             const Events& events, Actions& actions)
    : rules_(rules), registry_(registry), tables_(tables), events_(events), actions_(actions) {}

void Steps::begin(uint16_t rule, const EventChange& change, Time now, std::vector<Record>& log) {
  if (rules_[rule].steps.empty()) return;
  abort(rule, change.row, now, log);
  running_[{rule, change.row}] = {change.occurrence, 0, false, now};
  ++counters_.begun;
}

void Steps::abort(uint16_t rule, uint32_t row, Time now, std::vector<Record>& log) {
  const auto found = running_.find({rule, row});
  if (found == running_.end()) return;
  log.push_back(record(RecordKind::sequence_aborted, found->first, found->second, now));
  ++counters_.aborted;
  running_.erase(found);
}

void Steps::step(Time now, std::vector<Record>& log) {
  for (auto run = running_.begin(); run != running_.end();)
    run = go_on(run->first, run->second, now, log) ? std::next(run) : running_.erase(run);
}

/// False when the sequence is over.
bool Steps::go_on(const Place& place, Run& run, Time now, std::vector<Record>& log) {
  const auto& steps = rules_[place.first].steps;
  for (;; ++run.step) {
    const WiredStep& step = steps[run.step];
    if (!run.waiting) {
      log.push_back(record(RecordKind::step_begun, place, run, now));
      act(place, run, step.actions, now, log);
      run.waiting = true;
      run.since = now;
    }
    if (!met(place, step)) {
      if (step.within.ns == 0 || now < run.since + step.within) return true;
      log.push_back(record(RecordKind::step_timed_out, place, run, now));
      ++counters_.timed_out;
      act(place, run, step.otherwise, now, log);
      if (step.stop) {
        log.push_back(record(RecordKind::sequence_aborted, place, run, now));
        ++counters_.aborted;
        return false;
      }
    }
    run.waiting = false;
    if (size_t{run.step} + 1 == steps.size()) break;
  }
  log.push_back(record(RecordKind::sequence_done, place, run, now));
  ++counters_.done;
  return false;
}

bool Steps::met(const Place& place, const WiredStep& step) const {
  if (!step.until) return true;
  return tables_.values<uint8_t>(device_of(place).table, *step.until)[place.second] == 1;
}

void Steps::act(const Place& place, const Run& run, const WiredActions& actions, Time now,
                std::vector<Record>& log) {
  const EventChange about{static_cast<uint32_t>(rules_[place.first].event), place.second, run.occurrence,
                          RecordKind::event_raised};
  actions_.act(place.first, actions, about, cause_of(place, run), now, log);
}

twin::DeviceRef Steps::device_of(const Place& place) const {
  return {events_.all()[rules_[place.first].event].table, Row(place.second)};
}

uint64_t Steps::cause_of(const Place& place, const Run& run) const {
  const auto& event = events_.all()[rules_[place.first].event];
  return event_id(event.config.name, registry_.key(device_of(place)), run.occurrence);
}

Record Steps::record(RecordKind kind, const Place& place, const Run& run, Time now) const {
  return {now, kind, place.first, run.step, device_of(place), run.occurrence, 0, 0, cause_of(place, run)};
}

void Steps::save(ArchiveWriter& archive) const {
  archive.section("steps", 1);
  archive.put<uint64_t>(running_.size());
  for (const auto& [place, run] : running_) {
    archive.put(place.first);
    archive.put(place.second);
    archive.put(run.occurrence);
    archive.put(run.step);
    archive.put(run.waiting);
    archive.put(run.since);
  }
  archive.put(counters_);
}

void Steps::restore(ArchiveReader& archive) {
  archive.section("steps", 1);
  running_.clear();
  const auto count = archive.get<uint64_t>();
  for (uint64_t i = 0; i < count && archive.ok(); ++i) {
    const auto rule = archive.get<uint16_t>();
    const auto row = archive.get<uint32_t>();
    Run run;
    run.occurrence = archive.get<uint32_t>();
    run.step = archive.get<uint16_t>();
    run.waiting = archive.get<bool>();
    run.since = archive.get<Time>();
    running_[{rule, row}] = run;
  }
  counters_ = archive.get<StepCounters>();
}

}  // namespace looptwin::mml
