// Extremes and until over windows of samples that slide through time: constant time a sample in the mean,
// memory as long as the window. Instants ascend, their distances are any.
//
// The least of a window is the front of a queue in which each entry is below all older ones that are left
// (Lemire, Streaming maximum-minimum filter using no more than three comparisons per element, 2006). Until
// has no such order; but segments of it are joined associatively, (U, Φ)(V, Ψ) = (max(U, min(Φ, V)), min(Φ,
// Ψ)), so that two stacks, one of which holds joined values, make a queue that knows the value over all it
// holds.
#pragma once

#include "testbed/requirements/ring.h"
#include "testbed/requirements/robustness.h"

namespace looptwin::testbed {

/// The least (or greatest) bounds of the samples in a window.
class SlidingExtreme {
 public:
  explicit SlidingExtreme(bool least = true) : least_(least) {}

  void push(Time at, const Robustness& value) {
    put(low_, at, value.low);
    put(high_, at, value.high);
  }
  /// Forgets what is older than `from`.
  void begin_at(Time from) {
    while (!low_.empty() && low_.front().at < from) low_.pop_front();
    while (!high_.empty() && high_.front().at < from) high_.pop_front();
  }
  /// Of an empty window: what all holds in, and nothing happens in.
  Robustness value() const {
    return low_.empty() ? certain(least_) : Robustness{low_.front().bound, high_.front().bound};
  }

  void save(ArchiveWriter& archive) const {
    low_.save(archive);
    high_.save(archive);
  }
  void restore(ArchiveReader& archive) {
    low_.restore(archive);
    high_.restore(archive);
  }

 private:
  struct Entry {
    Time at;
    Bound bound;
  };
  void put(Ring<Entry>& queue, Time at, const Bound& bound) const {
    // Of equal ones the latest counts: it stays longest.
    while (!queue.empty() && !(least_ ? below(queue.back().bound, bound) : below(bound, queue.back().bound)))
      queue.pop_back();
    queue.push({at, bound});
  }
  bool least_;
  Ring<Entry> low_, high_;
};

/// Until (or since, where `backwards`) over the samples in a window, and the least of its left side.
class SlidingUntil {
 public:
  struct Segment {
    Robustness until = certain(false);
    Robustness left = certain(true);
  };
  explicit SlidingUntil(bool backwards = false) : backwards_(backwards) {}

  void push(Time at, const Robustness& left, const Robustness& right) {
    const Segment one{right, left};
    // Joined with nothing it would be the same value, and at infinity that of nobody.
    younger_ = all_stacked() ? one : joined(younger_, one);
    cells_.push({at, one});
  }
  void begin_at(Time from) {
    while (!cells_.empty() && cells_.front().at < from) pop();
  }
  Segment value() const {
    if (stacked_ == 0) return younger_;
    return all_stacked() ? cells_.front().segment : joined(cells_.front().segment, younger_);
  }

  void save(ArchiveWriter& archive) const {
    cells_.save(archive);
    archive.put<uint64_t>(stacked_);
    archive.put(younger_);
  }
  void restore(ArchiveReader& archive) {
    cells_.restore(archive);
    stacked_ = archive.get<uint64_t>();
    younger_ = archive.get<Segment>();
  }

 private:
  struct Cell {
    Time at;
    Segment segment;  ///< of the first `stacked_` ones: joined with all up to the last of these
  };
  Segment joined(const Segment& older, const Segment& newer) const {
    const Robustness until = backwards_ ? either(newer.until, both(older.until, newer.left))
                                        : either(older.until, both(older.left, newer.until));
    return {until, both(older.left, newer.left)};
  }
  void pop() {
    if (stacked_ == 0) {
      for (size_t i = cells_.size() - 1; i-- > 0;)
        cells_[i].segment = joined(cells_[i].segment, cells_[i + 1].segment);
      stacked_ = cells_.size();
      younger_ = {};
    }
    cells_.pop_front();
    --stacked_;
  }
  bool all_stacked() const { return stacked_ == cells_.size(); }
  bool backwards_;
  Ring<Cell> cells_;
  size_t stacked_ = 0;
  Segment younger_;  ///< all that are not stacked
};

}  // namespace looptwin::testbed
