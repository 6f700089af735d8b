#include "sim/sampling.h"

#include <algorithm>

namespace looptwin::sim {
namespace {

/// Rows of [first, first + count) whose phase lies in [low, high].
Due with_phase(const Report& report, size_t first, size_t count, int64_t low, int64_t high, int64_t base) {
  const auto* begin = report.phase.data() + first % twin::kBlockRows;
  const auto* from = std::lower_bound(begin, begin + count, low);
  const auto* to = std::upper_bound(from, begin + count, high);
  return {first + static_cast<size_t>(from - begin), static_cast<size_t>(to - from), base,
          base / report.group.every.ns};
}

}  // namespace

std::array<Due, 2> due_rows(const Report& report, size_t first, size_t count, Time from, Time to) {
  const int64_t every = report.group.every.ns;
  const int64_t base = floor_to(from, report.group.every).ns;
  // Phases may exceed the period where they are declared; the first sample is at the phase itself.
  const int64_t* phase = report.phase.data() + first % twin::kBlockRows;
  const int64_t periods = phase[0] / every;
  std::array<Due, 2> due;
  size_t n = 0;
  for (int64_t k = 0; k < 2; ++k) {
    const int64_t start = base + (k - periods) * every;
    if (start < 0) continue;
    const auto run = with_phase(report, first, count, from.ns - start, to.ns - start, start);
    if (run.count > 0) due[n++] = run;
  }
  return due;
}

Time next_sample(const Report& report, size_t first, size_t count, Time from) {
  const int64_t* phase = report.phase.data() + first % twin::kBlockRows;
  const int64_t every = report.group.every.ns;
  const int64_t base = std::max<int64_t>(0, floor_to(Time{from.ns - phase[0]}, report.group.every).ns);
  // The first row at or after `from` within this period, or the first row of the next.
  const auto* row = std::lower_bound(phase, phase + count, from.ns - base);
  return Time{row == phase + count ? base + every + phase[0] : base + *row};
}

std::vector<size_t> cut(const DeviceModel& model, const twin::Shard& shard, Duration cycle) {
  const Report* fastest = nullptr;
  for (const auto& report : model.reports)
    if (!report.silent && (fastest == nullptr || report.group.every < fastest->group.every))
      fastest = &report;
  // As many slices a block as the period has cycles, or a multiple of it, between 8 and 16.
  int64_t parts = 8;
  if (fastest != nullptr && cycle.ns > 0) {
    const int64_t cycles = std::clamp<int64_t>((fastest->group.every.ns + cycle.ns - 1) / cycle.ns, 1, 16);
    parts = cycles * ((8 + cycles - 1) / cycles);
  }
  std::vector<size_t> firsts;
  for (size_t block = 0; block < shard.rows; block += twin::kBlockRows) {
    for (int64_t part = 0; part < parts; ++part) {
      const size_t first =
          block + static_cast<size_t>(part) * twin::kBlockRows / static_cast<size_t>(parts) / 8 * 8;
      if (first < shard.rows) firsts.push_back(shard.first + first);
    }
  }
  return firsts;
}

}  // namespace looptwin::sim
