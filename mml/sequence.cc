#include "mml/sequence.h"

#include <algorithm>
#include <bit>

#include "base/prefetch.h"

namespace looptwin::mml {
namespace {

constexpr uint32_t kMostWhole = (1u << 24) - 1;

}  // namespace

Sequences::Sequences(size_t rows) : states_(rows), restarted_(rows, kLongAgo) {}

void Sequences::take_in(twin::Frame& frame, SequenceCounters& counters) {
  counters.duplicates += frame.erase_if(
      [&](size_t i) { return take(frame.row[i], frame.sequence[i], frame.sampled_at[i], counters); });
}

inline Sequences::State Sequences::State::moved_on(uint32_t ahead, int64_t sampled_at) const {
  const auto ones =
      ahead > kRemembered ? 0 : static_cast<uint32_t>(std::countr_one(seen >> (kRemembered - ahead)));
  // Made anew, in one piece: what is written in parts stalls those who read it whole.
  return {.seen = ahead < kRemembered ? (seen << ahead) | 1 : 1,
          .sampled = sampled_at,
          .newest = newest + ahead,
          .reach = std::min(kRemembered, reach + std::min(ahead, kRemembered)),
          .whole = ones < ahead ? ones : std::min(whole + ahead, kMostWhole)};
}

inline bool Sequences::take(uint32_t row, uint32_t sequence, int64_t sampled_at, SequenceCounters& counters) {
  State& s = states_[row];
  if (sequence - s.newest != 1 || sampled_at <= s.sampled) [[unlikely]]
    return take_unusual(row, sequence, sampled_at, counters);
  s = s.moved_on(1, sampled_at);
  return false;
}

bool Sequences::take_unusual(uint32_t row, uint32_t sequence, int64_t sampled_at,
                             SequenceCounters& counters) {
  State& s = states_[row];
  if (s.seen == 0) {
    s = {1, sampled_at, sequence, 1};
    return false;
  }
  if (sampled_at < restarted_[row].ns) return false;  // on its way since before: its numbers are forgotten

  const uint32_t ahead = sequence - s.newest;
  if (ahead != 0 && ahead < kAhead) {
    counters.gaps += ahead - 1;
    s = s.moved_on(ahead, sampled_at);
    return false;
  }
  if (sampled_at > s.sampled) {  // neither late nor a duplicate: the device counts anew
    ++counters.restarts;
    s = {1, sampled_at, sequence, 1};
    restarted_[row] = Time{sampled_at};
    return false;
  }
  const uint32_t behind = -ahead;
  if (behind >= kRemembered) return behind - kRemembered < s.whole;  // else its gap stays counted
  const uint64_t bit = uint64_t{1} << behind;
  if ((s.seen & bit) != 0) return true;
  s.seen |= bit;
  if (behind < s.reach) {
    --counters.gaps;
  } else {  // before the first that was received: what lies between is missing now
    counters.gaps += behind - s.reach;
    s.reach = behind + 1;
  }
  return false;
}

void Sequences::ask_for(size_t first, size_t count) const {
  prefetch(states_.data() + first, count * sizeof(State));
}

void Sequences::save(ArchiveWriter& archive) const {
  archive.put_vector(states_);
  archive.put_vector(restarted_);
}

void Sequences::restore(ArchiveReader& archive) {
  archive.get_span(std::span(states_));
  archive.get_span(std::span(restarted_));
}

}  // namespace looptwin::mml
