// A course of values as a test writes it: `3 kW x 60 s, ramp 3 kW to 9 kW over 30 s, stale x 2 min,
// 9 kW noise 0.1 kW x 1 h, forced 9 kW x 5 min`. The last piece may go without its length: it lasts as long
// as the test.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "lang/units.h"

namespace looptwin::testbed {

/// What a course is of: numbers in a unit (bare ones are in it), words of an enumeration, or true and false.
struct CourseOf {
  const lang::Unit* unit = nullptr;  ///< of numbers
  const std::vector<std::string>* words = nullptr;
  bool boolean = false;
  bool of_samples = true;  ///< may be noisy, `missing` and `forced`: what devices report, as against feeds
};

class WrittenSeries {
 public:
  enum class Is : uint8_t {
    value,    ///< `from` all the time, with normal noise of the deviation `noise`
    ramp,     ///< in a straight line from `from` to `to`
    stale,    ///< nothing is there
    missing,  ///< a message is sent, and carries no value
  };
  struct Piece {
    Is is = Is::value;
    double from = 0, to = 0, noise = 0;  ///< SI, codes, or 0 and 1
    bool forced = false;                 ///< somebody forces it: it is not what the device says
    Time begin;
    Duration length{};
  };

  /// Reads the text of a span; refuses it with the place of what is wrong.
  static Result<WrittenSeries> read(const lang::Units& units, const Span& text, const CourseOf& of);

  const std::vector<Piece>& pieces() const { return pieces_; }
  /// The piece that `t` lies in; the last one where it is beyond them all.
  const Piece& at(Time t) const;
  /// The value there without noise; NaN where there is none.
  static double value(const Piece& piece, Time t);
  /// When the last piece ends; where it has no length, when it begins.
  Time end() const { return end_; }

 private:
  friend class SeriesReader;
  std::vector<Piece> pieces_;
  Time end_;
};

}  // namespace looptwin::testbed
