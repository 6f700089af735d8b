// ago(x, span): a column as it was. Its rows are kept side by side once a step, in a ring of slots that are
// numbered from 1970 by the step; a slot holds what stood at the first boundary at or after its instant.
#pragma once

#include <cstdint>
#include <limits>
#include <vector>

#include "base/archive.h"
#include "base/large_pages.h"
#include "base/timezone.h"
#include "lang/schema.h"
#include "lang/warm.h"
#include "mml/dirty.h"

namespace looptwin::mml {

/// No slot: they are numbered from 1970, and those before it are below zero.
inline constexpr int64_t kNoSlot = std::numeric_limits<int64_t>::min();

class WarmPast {
 public:
  struct Column {
    void* data = nullptr;
    lang::Storage storage = lang::Storage::f64;
  };

  /// `start`: the civil instant of Time 0. `cycle`: the greatest from one boundary to the next; a step that
  /// is shorter counts as the cycle.
  WarmPast(const lang::WarmWindow& what, Duration cycle, UnixTime start, const Timezone& timezone,
           size_t rows);
  /// After all columns are allocated.
  void bind(Column from, Column out) { from_ = from, out_ = out; }

  /// Keeps the column as it is at `now`, the first boundary of a step, and writes what stood `span` before;
  /// marks the rows that changed. Nothing happens between two steps.
  void step(Time now, Dirty& dirty);

  /// What stood at a slot before this run: rows that nobody puts are unknown.
  void put(int64_t slot, size_t row, double value);
  int64_t first_slot() const;  ///< the oldest that can be asked for
  int64_t start_slot() const;  ///< slots from here on are this run's own
  Duration every() const { return step_; }
  const lang::WarmWindow& what() const { return what_; }

  /// Of each row the first boundary from which on the value may be known, by what is kept until then.
  std::vector<Time> known_from() const;

  size_t slots() const { return number_.size(); }
  size_t bytes_per_row() const { return number_.size() * sizeof(double); }
  void save(ArchiveWriter& archive) const;
  void restore(ArchiveReader& archive);

 private:
  int64_t slot_at(UnixTime t) const;
  UnixTime before(UnixTime now) const;
  size_t index(int64_t slot) const;
  bool holds(int64_t slot) const { return number_[index(slot)] == slot; }

  lang::WarmWindow what_;
  Duration step_, cycle_;
  UnixTime start_;
  Timezone timezone_;
  size_t rows_;
  Column from_, out_;
  std::vector<int64_t> number_;  ///< the slot that each place of the ring holds, or kNoSlot
  LargeVector<double> value_;    ///< [place][row]
  int64_t shown_ = kNoSlot;      ///< the slot that `out` shows
};

}  // namespace looptwin::mml
