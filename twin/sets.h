// Aggregates over the members of a set relation. Sums follow one fixed tree: leaves of 1024 members in
// registry order, eight lanes in a leaf, leaves joined pairwise; so the bits depend on the members alone, not
// on shards or widths.
#pragma once

#include <cstdint>
#include <span>

#include "lang/graph.h"
#include "lang/schema.h"

namespace looptwin::twin {

/// A column to aggregate; null data for set_size.
struct SetColumn {
  const void* data = nullptr;
  lang::Storage storage = lang::Storage::f64;
};

/// The aggregate over `members` (ascending rows). Unknown members are left out; where fewer than minimum_good
/// of all are good the result is unknown (NaN; ½ for all and any, unless one good member decides it alone).
/// Of an empty set the sum, count, share and size are 0, all holds, any does not, and mean, minimum and
/// maximum are unknown.
double aggregate(lang::Op op, const SetColumn& column, std::span<const uint32_t> members,
                 double minimum_good);

}  // namespace looptwin::twin
