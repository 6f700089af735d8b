// When rows are sampled, and how a shard is cut so that the rows due in one cycle lie side by side.
#pragma once

#include <array>
#include <vector>

#include "sim/device_model.h"
#include "twin/tables.h"

namespace looptwin::sim {

/// A run of rows that are sampled at base + phase[row % kBlockRows].
struct Due {
  size_t first = 0;
  size_t count = 0;
  int64_t base = 0;     ///< ns
  int64_t counter = 0;  ///< the how-manieth sample of these rows: what random draws are keyed by
};

/// The rows of [first, first + count), all of one block, with a sampling instant in [from, to], where to -
/// from is less than the group's period: at most two runs (the period's end may fall between).
std::array<Due, 2> due_rows(const Report& report, size_t first, size_t count, Time from, Time to);

/// The earliest sampling instant at or after `from` of any row of [first, first + count).
Time next_sample(const Report& report, size_t first, size_t count, Time from);

/// Cuts a shard into slices, given by their first rows: rows whose instants of the fastest report group fall
/// into the same cycle, at least 64 and at most kSliceRows rows, never over a block's edge, aligned to 8
/// rows.
std::vector<size_t> cut(const DeviceModel& model, const twin::Shard& shard, Duration cycle);

}  // namespace looptwin::sim
