// Whether a sample can follow the ones before it: a value that jumps further than it can move is not believed
// before it is confirmed, and one that stands still for too long is not believed either. Of fields that
// declare `max_rate` or `flat_after`; the rules stand in docs/samples.md.
#pragma once

#include <cstdint>
#include <vector>

#include "base/archive.h"
#include "base/prefetch.h"
#include "base/time.h"
#include "twin/frame.h"

namespace looptwin::mml {

class Plausibility {
 public:
  /// So many samples in a row that could follow each other make a new level out of a jump.
  static constexpr int64_t kConfirming = 3;

  Plausibility(const twin::FieldConfig& config, const twin::Scaling& scaling, size_t rows);

  /// Good, rate or flat: of a sample in range that is newer than all of its row, to be called once each. The
  /// newest before it was at `last`, good or bad, the newest good one at `good_at` (kNever.ns: there is
  /// none).
  twin::Quality judge(uint32_t row, int32_t raw, int64_t sampled_at, int64_t last, int64_t good_at);
  /// As above, of a sample without a value, or with one out of range: a jump is not confirmed across it.
  void interrupt(uint32_t row, int64_t sampled_at, int64_t last);

  /// The common case, asked as columns: samples of rows [row, row + count), each as for judge() and the
  /// newest before it a good one, at good_at[i], are all good and no jumps.
  bool plain(uint32_t row, size_t count, const int32_t* raw, const int64_t* sampled_at,
             const int64_t* good_at) const;
  /// What plain() holds for, instead of judge().
  void store(uint32_t row, size_t count, const int32_t* raw, const int64_t* sampled_at);

  /// Rows [first, first + count) will be needed soon.
  void ask_for(size_t first, size_t count) const { prefetch(states_.data() + first, count * sizeof(State)); }

  void save(ArchiveWriter& archive) const { archive.put_vector(states_); }
  void restore(ArchiveReader& archive) { archive.get_span(std::span(states_)); }

 private:
  struct State {
    int64_t since = kNever.ns;  ///< all good samples from here on are `good`; kNever.ns: one begins anew
    int64_t jumped_at = 0;      ///< of `jumped`
    int32_t good = 0;           ///< the newest good value
    int32_t jumped = 0;         ///< the newest that was too far from it
    int64_t agreeing = 0;       ///< samples in a row up to `jumped` that could follow each other
  };
  bool too_far(int32_t from, int32_t to, int64_t elapsed_ns) const;
  bool silent(int64_t last, int64_t sampled_at) const { return sampled_at - last > stale_after_; }

  int64_t stale_after_;  ///< ns; a longer silence may hide changes
  double steps_per_ns_;  ///< infinite where any rate will do
  int64_t flat_after_;   ///< ns; kNever.ns where a value may stand still
  std::vector<State> states_;
};

}  // namespace looptwin::mml
