#include "twin/hot_conditions.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "base/check.h"

namespace looptwin::twin {
namespace {

constexpr int64_t kNone = std::numeric_limits<int64_t>::min();
constexpr int64_t kNever64 = std::numeric_limits<int64_t>::max();

/// One row's window, to which samples are shown in the order of their instants. All in ticks.
struct RowWindow {
  int64_t last_at = kNone;
  int32_t last = 0;
  bool known = false;
  int64_t rises = 0;
  int64_t first_rise = kNever64;
  int64_t time_true = 0;
  int64_t upcoming = kNever64;  ///< the first sample after the window
};

struct Edges {
  int64_t begin;  ///< the window is (begin, now]
  int64_t now;
  int64_t stale_after;

  /// The last sample held until `until`, or went stale before.
  void hold(RowWindow& row, int64_t until) const {
    if (row.last_at == kNone) return;
    const int64_t held = std::min(until, row.last_at + stale_after) - std::max(row.last_at, begin);
    row.known |= held > 0 || row.last_at > begin;
    if (row.last != 0 && held > 0) row.time_true += held;
  }
  void show(RowWindow& row, int64_t at, int32_t value) const {
    if (at > now) {
      row.upcoming = std::min(row.upcoming, at);
      return;
    }
    hold(row, at);
    const bool was_false = row.last_at != kNone && row.last == 0 && at - row.last_at <= stale_after;
    if (value != 0 && was_false && at > begin) {
      ++row.rises;
      row.first_rise = std::min(row.first_rise, at);
    }
    row.last_at = at;
    row.last = value;
  }
};

int64_t floor_divide(int64_t a, int64_t b) { return a / b - (a % b < 0); }

}  // namespace

// Two periods more than is looked at: then no two periods of it share a slot.
ConditionWindows::ConditionWindows(size_t rows, Duration spacing, Duration longest, Duration stale_after)
    : ring_(rows, spacing, longest + stale_after + spacing * 2), stale_after_(stale_after) {}

Time ConditionWindows::evaluate(lang::Op op, Duration span, size_t group, Time now,
                                double out[kLanes]) const {
  LT_CHECK(op == lang::Op::rises || op == lang::Op::time_true, lang::name_of(op));
  const int64_t tick = ring_.tick().ns;
  const int64_t base = ring_.instant(group, 0).ns / tick;
  const Edges edges{floor_divide((now - span).ns, tick) - base, floor_divide(now.ns, tick) - base,
                    stale_after_.ns / tick};
  SampleColumns range[SampleRing::kRanges];
  const int ranges = ring_.columns_between(group, now - span - stale_after_, now, true, range);
  RowWindow rows[kLanes];
  const int64_t after = edges.begin - edges.stale_after - 1;
  if (ring_.regular(group)) {
    // Slots are periods, one after the other.
    for (int r = 0; r < ranges; ++r)
      for (size_t slot = 0; slot < range[r].slots; ++slot)
        for (size_t i = 0; i < kLanes; ++i) {
          const size_t cell = slot * range[r].stride + i;
          if (range[r].at[cell] > after) edges.show(rows[i], range[r].at[cell], range[r].raw[cell]);
        }
  } else {
    static thread_local std::vector<std::pair<int32_t, int32_t>> samples;
    for (size_t i = 0; i < kLanes; ++i) {
      samples.clear();
      for (int r = 0; r < ranges; ++r)
        for (size_t slot = 0; slot < range[r].slots; ++slot) {
          const size_t cell = slot * range[r].stride + i;
          if (range[r].at[cell] > after) samples.emplace_back(range[r].at[cell], range[r].raw[cell]);
        }
      std::sort(samples.begin(), samples.end());
      for (const auto& [at, value] : samples) edges.show(rows[i], at, value);
    }
  }

  int64_t next = kNever64;
  for (size_t i = 0; i < kLanes; ++i) {
    RowWindow& row = rows[i];
    edges.hold(row, edges.now);
    next = std::min(next, row.upcoming);
    if (!row.known) {
      out[i] = std::numeric_limits<double>::quiet_NaN();
      continue;
    }
    const int64_t length = edges.now - edges.begin;
    // What is known leaves; a rise leaves; truth grows and leaves from one instant to the next.
    next = std::min(next, row.last_at + edges.stale_after + length);
    if (op == lang::Op::rises) {
      out[i] = static_cast<double>(row.rises);
      if (row.rises > 0) next = std::min(next, row.first_rise + length);
    } else {
      out[i] = static_cast<double>(row.time_true) * (static_cast<double>(tick) / 1e9);
      if (row.time_true > 0 || row.last != 0) next = edges.now;
    }
  }
  if (next == kNever64) return kNever;
  return std::max(Time{(base + next) * tick}, now + nanoseconds(1));
}

}  // namespace looptwin::twin
