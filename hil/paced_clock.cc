#include "hil/paced_clock.h"

#include <algorithm>
#include <bit>

#include "base/check.h"

namespace looptwin::hil {
namespace {

/// A stop is noticed within so long.
constexpr Duration kLongestSleep = milliseconds(50);

}  // namespace

PacedClock::PacedClock(const Options& options, SteadyTime& time, const std::atomic<bool>& stop)
    : options_(options),
      time_(time),
      stop_(stop),
      begin_((time.now() - options.begun).ns),
      resumed_(time.now()) {
  LT_CHECK(options.cycle > Duration{}, "a cycle takes time");
  LT_CHECK(options.least < options.cycle, "the least cycle is the shorter one");
}

Time PacedClock::next() {
  counters_.busy = counters_.busy + (time_.now() - resumed_);
  const Time boundary = options_.least > Duration{} ? wait_for_arrival() : wait_fixed();
  if (boundary == kNever || stop_) return kNever;
  const Duration late = std::max(Duration{}, resumed_ - due(boundary));
  note(late);
  if (late > options_.tolerance) {
    if (options_.policy == Overrun::abort) {
      aborted_ = true;
      return kNever;
    }
    if (options_.policy == Overrun::stretch) begin_ = (begin() + late).ns;
  }
  now_ = boundary;
  return boundary;
}

Time PacedClock::wait_fixed() {
  Time boundary = now_ + options_.cycle;
  if (options_.policy == Overrun::skip) {
    const Duration passed = time_.now() - due(boundary);
    const int64_t whole = passed.ns > 0 ? passed.ns / options_.cycle.ns : 0;
    const int64_t left = options_.end == kNever
                             ? whole
                             : std::max<int64_t>(0, (options_.end - boundary).ns / options_.cycle.ns);
    const int64_t skipped = std::min(whole, left);
    counters_.skipped += static_cast<uint64_t>(skipped);
    boundary = boundary + nanoseconds(skipped * options_.cycle.ns);
  }
  if (options_.end < boundary) return kNever;
  wait_until(due(boundary));
  resumed_ = time_.now();
  return boundary;
}

/// At the wall's own time, between the least and the greatest spacing. What is overdue is late as a fixed
/// boundary is: at once, or, where boundaries may be skipped, now.
Time PacedClock::wait_for_arrival() {
  const Time soonest = now_ + options_.least, latest = now_ + options_.cycle;
  const Time last = std::min(latest, options_.end);
  wait_until(due(std::min(soonest, last)));
  wait_until(due(last), true);
  // What arrives from here on is of the next boundary, unless it is received in time for this one.
  arrived_ = false;
  resumed_ = time_.now();
  const Time now = at(resumed_);
  const bool may_skip = options_.policy == Overrun::skip;
  const Time boundary = std::max(soonest, may_skip ? now : std::min(now, latest));
  return boundary > options_.end ? kNever : boundary;
}

void PacedClock::arrived() {
  arrived_ = true;
  if (options_.least > Duration{}) time_.wake();
}

void PacedClock::urgent() {
  urgent_ = true;
  time_.wake();
}

void PacedClock::wait_until(Duration due, bool or_arrival) {
  for (Duration now = time_.now(); now < due && !stop_; now = time_.now()) {
    if (urgent_.exchange(false) && act_) {
      act_(std::clamp(at(now), now_, at(due)));
      continue;  // it has taken its time
    }
    if (or_arrival && arrived_) return;
    time_.sleep_until(std::min(due, now + kLongestSleep));
  }
}

void PacedClock::note(Duration late) {
  ++counters_.run;
  counters_.late += late > options_.tolerance ? 1 : 0;
  counters_.last = late;
  counters_.worst = std::max(counters_.worst, late);
  const auto micros = static_cast<uint64_t>(late.ns / 1000);
  const auto bucket =
      std::min<size_t>(counters_.histogram.size() - 1, static_cast<size_t>(std::bit_width(micros)));
  ++counters_.histogram[bucket];
}

}  // namespace looptwin::hil
