// Windows over what is computed rather than sampled: avg(sum(homes.power) over 15 min). The series is the
// value at each boundary, weighing as long as the cycle that ends there, in 64 panes; sums are joined in time
// order, never subtracted.
#pragma once

#include <cstdint>
#include <vector>

#include "base/archive.h"
#include "base/time.h"
#include "lang/graph.h"

namespace looptwin::twin {

class BoundaryWindow {
 public:
  BoundaryWindow(lang::Op op, Duration span, size_t rows);

  /// Takes the values (NaN: unknown, not counted) of rows [first, first + count) at `now`, and writes the
  /// window's value over (now - span, now]. Called for every row at every boundary; `previous` is the
  /// boundary before (or the start).
  void step(Time previous, Time now, size_t first, size_t count, const double* values, double* out);

  Duration pane() const { return pane_; }
  size_t bytes() const;
  void save(ArchiveWriter& archive) const;
  void restore(ArchiveReader& archive);

 private:
  struct Pane {
    int64_t number = -1;  ///< floor(time / pane length)
    double weight = 0;    ///< s with a known value
    double mean = 0;
    double second = 0;  ///< ∑ weight · (value - mean)²
    double least = 0, greatest = 0, first = 0, last = 0;
    double first_at = 0, last_at = 0;  ///< s since the start
    uint64_t count = 0;
  };
  /// Panes that are joined, in time order.
  struct Joined {
    Pane all;
    double slope_tx = 0, slope_tt = 0, mean_t = 0;
    int64_t before = -1;  ///< the pane up to which they are joined, itself left out

    void add(const Pane& pane);
  };
  void join_closed(const Pane* panes, int64_t newest, Joined& joined) const;
  double value(const Joined& joined) const;

  lang::Op op_;
  Duration span_;
  Duration pane_;
  std::vector<Pane> panes_;     ///< a row's 65 panes side by side, a ring by number
  std::vector<Joined> closed_;  ///< [row] all but the open one, which follow from the panes
};

}  // namespace looptwin::twin
