#include "mml/status.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "base/prefetch.h"
#include "twin/frame.h"
#include "twin/tables.h"

namespace looptwin::mml {
namespace {

using twin::Quality;

/// A status by how bad it is, so that the worst is the maximum.
enum Rank : uint8_t { kWell, kDeviating, kDiverging, kFaulty, kStale, kOffline };
constexpr std::array<DeviceStatus, kDeviceStatuses> kStatusOfRank = {
    DeviceStatus::online, DeviceStatus::deviating, DeviceStatus::diverging,
    DeviceStatus::faulty, DeviceStatus::stale,     DeviceStatus::offline};
using Ranks = std::array<uint8_t, twin::kGroupRows>;

constexpr uint8_t code(Quality q) { return static_cast<uint8_t>(q); }

/// Raises the ranks of rows by one field's qualities; true where there is anything to say.
bool rank_qualities(const StatusSources::Field& field, Time now, size_t begin, size_t n, Ranks& ranks,
                    Time& due) {
  const uint8_t* quality = field.quality + begin;
  uint8_t any = 0;
  static_assert(code(Quality::good) == 0);
  for (size_t i = 0; i < n; ++i) any |= quality[i];
  if (any == 0) return false;

  const Time end = kStart + field.stale_after;
  const uint8_t of_never = end < now ? kStale : kWell;
  Ranks own;
  uint8_t never = 0;
  for (size_t i = 0; i < n; ++i) {
    const uint8_t q = quality[i];
    const uint8_t bad = (q == code(Quality::out_of_range)) | (q == code(Quality::missing)) |
                        (q == code(Quality::rate)) | (q == code(Quality::flat));
    const uint8_t unseen = q == code(Quality::never);
    const uint8_t old = q == code(Quality::stale);
    own[i] = static_cast<uint8_t>(old * kStale + bad * kFaulty + unseen * of_never);
    never |= unseen;
  }
  for (size_t i = 0; i < n; ++i) ranks[i] = ranks[i] > own[i] ? ranks[i] : own[i];
  if (never != 0 && end >= now) due = std::min(due, end + nanoseconds(1));
  return true;
}

bool rank_follow(const StatusSources::Follow& follow, Time now, size_t begin, size_t n, Ranks& ranks,
                 Time& due) {
  const double* value = follow.value + begin;
  const double* desired = follow.desired + begin;
  // Unknown is neither near nor far.
  uint64_t far = 0;
  for (size_t i = 0; i < n; ++i) far |= std::abs(value[i] - desired[i]) > follow.tolerance;
  if (far == 0) return false;

  for (size_t i = 0; i < n; ++i) {
    if (!(std::abs(value[i] - desired[i]) > follow.tolerance)) continue;
    const Time changed{follow.changed[begin + i]};
    const Time settled = (changed == kNever ? kStart : changed) + follow.settle;
    if (settled <= now)
      ranks[i] = std::max<uint8_t>(ranks[i], kDeviating);
    else
      due = std::min(due, settled);
  }
  return true;
}

bool rank_diverging(const uint8_t* diverging, size_t n, Ranks& ranks) {
  uint8_t any = 0;
  for (size_t i = 0; i < n; ++i) any |= diverging[i];
  if (any == 0) return false;
  for (size_t i = 0; i < n; ++i)
    if (diverging[i] != 0) ranks[i] = std::max<uint8_t>(ranks[i], kDiverging);
  return true;
}

bool rank_sessions(const uint8_t* online, size_t n, Ranks& ranks) {
  uint8_t all = 1;
  for (size_t i = 0; i < n; ++i) all &= online[i];
  if (all != 0) return false;
  for (size_t i = 0; i < n; ++i) ranks[i] = online[i] == 0 ? uint8_t{kOffline} : ranks[i];
  return true;
}

}  // namespace

void derive_status(const StatusSources& sources, const uint8_t* online, Time now, size_t first, size_t count,
                   uint8_t* status, Time* due) {
  for (size_t begin = first; begin < first + count; begin += twin::kGroupRows) {
    const size_t n = std::min(twin::kGroupRows, first + count - begin);
    Time& wake = due[begin / twin::kGroupRows];
    Ranks ranks{};
    bool any = rank_sessions(online + begin, n, ranks);
    for (const auto& field : sources.fields) any |= rank_qualities(field, now, begin, n, ranks, wake);
    for (const auto& follow : sources.follows) any |= rank_follow(follow, now, begin, n, ranks, wake);
    if (sources.diverging != nullptr) any |= rank_diverging(sources.diverging + begin, n, ranks);
    if (!any) {
      std::fill_n(status + begin, n, static_cast<uint8_t>(DeviceStatus::online));
      continue;
    }
    for (size_t i = 0; i < n; ++i) status[begin + i] = static_cast<uint8_t>(kStatusOfRank[ranks[i]]);
  }
}

void ask_for(const StatusSources& sources, const uint8_t* online, size_t first, size_t count,
             const uint8_t* status) {
  for (const auto& field : sources.fields) prefetch(field.quality + first, count);
  for (const auto& follow : sources.follows) {
    prefetch(follow.value + first, count * sizeof(double));
    prefetch(follow.desired + first, count * sizeof(double));
  }
  prefetch(online + first, count);
  prefetch(status + first, count);
}

}  // namespace looptwin::mml
