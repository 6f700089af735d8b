// How far a figure counted in some runs can be from that of very many runs: confidence intervals, two-sided.
// docs/testing-rules.md says why these.
#pragma once

#include <span>

namespace looptwin::testbed {

struct Interval {
  double low = 0, high = 0;
};

/// Student's t of so many degrees of freedom stays below it with this probability.
double student_quantile(double probability, double freedom);
/// Of the chance behind `hits` in `trials` (Clopper and Pearson); of no trials anything from 0 to 1.
Interval binomial_interval(double hits, double trials, double confidence);
/// Of the mean behind a Poisson count (Garwood).
Interval poisson_interval(double count, double confidence);

/// What one run adds to a figure: so many of so many, or so many in such a time.
struct Part {
  double counted = 0, all = 0;
};

/// All that was counted over all that it was counted in, of several runs together.
class Ratio {
 public:
  enum class Is { share, rate };
  Ratio(Is is, std::span<const Part> runs);

  /// NaN where there was nothing to count in.
  double value() const;
  /// The wider of two: what the runs differ by (Student's t of their residuals), and what chance does to so
  /// small a count (exact). Of at least two runs.
  Interval interval(double confidence) const { return interval_of(confidence, runs_); }
  /// What it would be, about, of so many runs like these.
  Interval interval_of(double confidence, double runs) const;
  /// With about so many runs like these the interval would lie at or below `most`; 0: never, or with more
  /// than a million. `most` is not below the value.
  double runs_to_show(double most, double confidence) const;

 private:
  Is is_;
  double runs_ = 0, counted_ = 0, all_ = 0;
  double deviation_ = 0;  ///< of one run's ratio, as far as the runs tell
};

}  // namespace looptwin::testbed
