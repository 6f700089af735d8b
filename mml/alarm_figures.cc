#include "mml/alarm_figures.h"

#include <algorithm>
#include <numeric>

namespace looptwin::mml {
namespace {

constexpr double kPeriodsPerHour = 6, kPeriodsPerDay = 144;  // of ten minutes

double share(uint64_t part, uint64_t whole) {
  return whole == 0 ? 0.0 : static_cast<double>(part) / static_cast<double>(whole);
}

}  // namespace

void AlarmFigures::annunciate(Instance& instance, const AlarmMoment& moment) {
  const auto period = static_cast<size_t>(moment.at.ns / define_.period.ns);
  if (periods_.size() <= period) periods_.resize(period + 1);
  ++periods_[period];
  ++by_priority_[static_cast<size_t>(moment.priority)];
  ++instance.annunciated;
  // The last three: this one, the last, and the one before.
  if (instance.before != kNever && moment.at - instance.before <= define_.chattering_within)
    instance.chattered = true;
  instance.before = instance.last;
  instance.last = moment.at;
  if (instance.shown == kNever && instance.raised != kNever) instance.shown = moment.at;
  const bool again = moment.what == RecordKind::alarm_repeated && instance.unanswered != kNever;
  if (!again) instance.unanswered = moment.at;
}

/// It is annunciated no more.
void AlarmFigures::cover(Instance& instance, Time at) const {
  if (instance.shown != kNever && at - instance.shown >= define_.stale_from) instance.went_stale = true;
  instance.shown = kNever;
}

void AlarmFigures::take(const AlarmMoment& moment) {
  using enum RecordKind;
  Instance& instance = instances_[moment.instance];
  ++count_[static_cast<size_t>(moment.what)];
  instance.hidden = moment.hidden;
  switch (moment.what) {
    case alarm_raised:
      instance.raised = moment.at;
      if (moment.hidden == 0) {
        annunciate(instance, moment);
      } else {
        instance.unanswered = kNever;  // nobody sees it
        ++hidden_;
      }
      break;
    case alarm_shown:
    case alarm_repeated:
      annunciate(instance, moment);
      break;
    case alarm_returned:
      if (moment.hidden == 0 && instance.unanswered != kNever && instance.raised != kNever &&
          moment.at - instance.raised < define_.fleeting_below)
        ++fleeting_;
      instance.raised = kNever;
      cover(instance, moment.at);
      break;
    case alarm_acknowledged:
      if (instance.unanswered != kNever) to_acknowledge_.push_back((moment.at - instance.unanswered).ns);
      instance.unanswered = kNever;
      break;
    case alarm_shelved:
    case alarm_suppressed:
    case alarm_out_of_service:
      instance.unanswered = kNever;
      cover(instance, moment.at);
      break;
    default:
      break;
  }
}

void AlarmFigures::fill_rates(AlarmReport& report, uint32_t operators) const {
  const auto length = report.length.ns;
  if (length <= 0) return;
  const double periods = static_cast<double>(length) / static_cast<double>(define_.period.ns);
  report.per_period = static_cast<double>(report.annunciated) / periods / operators;
  report.per_hour = report.per_period * kPeriodsPerHour;
  report.per_day = report.per_period * kPeriodsPerDay;
  const auto count = static_cast<size_t>((length + define_.period.ns - 1) / define_.period.ns);
  report.periods = count;
  // What comes as the last period ends, at the run's last boundary, is of that: there is none after it.
  auto counts = periods_;
  while (counts.size() > count) {
    const uint32_t last = counts.back();
    counts.pop_back();
    counts[count - 1] += last;
  }
  counts.resize(count);
  bool flood = false;
  for (size_t p = 0; p < count; ++p) {
    const uint64_t n = counts[p];
    const bool busy = n > uint64_t{define_.flood_begins_above} * operators;
    report.peak = std::max(report.peak, n);
    report.periods_busy += busy;
    report.floods += busy && !flood;
    flood = busy || (flood && n >= uint64_t{define_.flood_ends_below} * operators);
    report.periods_in_flood += flood;
  }
  constexpr auto kHour = static_cast<size_t>(kPeriodsPerHour);
  for (size_t first = 0; first < count; first += kHour, ++report.hours) {
    uint64_t n = 0;
    for (size_t p = first; p < std::min(first + kHour, count); ++p) n += counts[p];
    report.hours_busy += n > uint64_t{define_.busy_hour_above} * operators;
  }
  report.periods_above = share(report.periods_busy, count);
  report.in_flood = share(report.periods_in_flood, count);
  report.hours_above = share(report.hours_busy, report.hours);
}

bool AlarmFigures::is_stale(const Instance& instance, Time end) const {
  return instance.went_stale || (instance.shown != kNever && end - instance.shown >= define_.stale_from);
}

std::vector<AlarmTally> AlarmFigures::tallies(Time end) const {
  std::vector<AlarmTally> all;
  for (const auto& [key, instance] : instances_)
    if (instance.annunciated > 0)
      all.push_back({key, instance.annunciated, instance.chattered, is_stale(instance, end)});
  return all;
}

std::vector<int64_t> AlarmFigures::waiting(Time end) const {
  std::vector<int64_t> all;
  for (const auto& [key, instance] : instances_)
    if (instance.unanswered != kNever) all.push_back((end - instance.unanswered).ns);
  return all;
}

AlarmReport AlarmFigures::report(Time end, uint32_t operators) const {
  using enum RecordKind;
  const auto counted = [&](RecordKind kind) { return count_[static_cast<size_t>(kind)]; };
  AlarmReport r;
  r.length = end - kStart;
  r.by_priority = by_priority_;
  r.annunciated = std::accumulate(by_priority_.begin(), by_priority_.end(), uint64_t{0});
  r.hidden = hidden_;
  r.fleeting = fleeting_;
  r.returned = counted(alarm_returned);
  r.acknowledged = counted(alarm_acknowledged);
  r.repeated = counted(alarm_repeated);
  r.late = counted(alarm_late);
  r.refused = counted(alarm_refused);
  r.shelved = counted(alarm_shelved);
  r.suppressed = counted(alarm_suppressed);
  r.out_of_service = counted(alarm_out_of_service);
  for (const auto& [key, instance] : instances_) {
    const bool shown = instance.shown != kNever;
    r.standing += shown;
    r.unacknowledged += instance.unanswered != kNever;
    r.chattering += instance.chattered;
    r.stale += is_stale(instance, end);
    r.shelved_now += (instance.hidden & kShelved) != 0;
    r.suppressed_now += (instance.hidden & (kByDesign | kByFlood | kByPerson)) != 0;
    r.out_of_service_now += (instance.hidden & kOutOfService) != 0;
    if (instance.annunciated > 0) r.top.emplace_back(key, instance.annunciated);
  }
  std::stable_sort(r.top.begin(), r.top.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
  if (r.top.size() > define_.top) r.top.resize(define_.top);
  uint64_t of_top = 0;
  for (const auto& [key, n] : r.top) of_top += n;
  r.top_share = share(of_top, r.annunciated);
  if (!to_acknowledge_.empty()) {
    auto sorted = to_acknowledge_;
    std::sort(sorted.begin(), sorted.end());
    const auto n = static_cast<int64_t>(sorted.size());
    int64_t mean = 0, rest = 0;  // of parts, so that the sum cannot overflow
    for (const int64_t ns : sorted) {
      mean += ns / n;
      rest += ns % n;
    }
    r.to_acknowledge_mean = Duration{mean + rest / n};
    // The nearest rank: the least that at least 95 % do not exceed.
    r.to_acknowledge_p95 = Duration{sorted[(sorted.size() * 95 + 99) / 100 - 1]};
  }
  fill_rates(r, operators);
  return r;
}

void AlarmFigures::save(ArchiveWriter& archive) const {
  archive.section("alarm figures", 2);
  archive.put<uint64_t>(instances_.size());
  for (const auto& [key, instance] : instances_) {
    archive.put(key);
    archive.put(instance.annunciated);
    for (const Time t :
         {instance.raised, instance.shown, instance.unanswered, instance.before, instance.last})
      archive.put(t);
    archive.put(instance.hidden);
    archive.put(instance.chattered);
    archive.put(instance.went_stale);
  }
  archive.put_vector(periods_);
  archive.put_vector(to_acknowledge_);
  archive.put(by_priority_);
  archive.put(count_);
  archive.put(hidden_);
  archive.put(fleeting_);
}

void AlarmFigures::restore(ArchiveReader& archive) {
  archive.section("alarm figures", 2);
  instances_.clear();
  const auto instances = archive.get<uint64_t>();
  for (uint64_t i = 0; i < instances && archive.ok(); ++i) {
    Instance& instance = instances_[archive.get<AlarmInstance>()];
    instance.annunciated = archive.get<uint64_t>();
    for (Time* t :
         {&instance.raised, &instance.shown, &instance.unanswered, &instance.before, &instance.last})
      *t = archive.get<Time>();
    instance.hidden = archive.get<Hidden>();
    instance.chattered = archive.get<bool>();
    instance.went_stale = archive.get<bool>();
  }
  periods_ = archive.get_vector<uint32_t>();
  to_acknowledge_ = archive.get_vector<int64_t>();
  by_priority_ = archive.get<decltype(by_priority_)>();
  count_ = archive.get<decltype(count_)>();
  hidden_ = archive.get<uint64_t>();
  fleeting_ = archive.get<uint64_t>();
}

}  // namespace looptwin::mml
