// A feed's signals over civil time, as read from a file: hourly weather, a price list. Values are SI.
// Outside the times that a file covers a signal is unknown (NaN); it is never extended.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "lang/types.h"

namespace looptwin::mml {

enum class Interpolation : uint8_t {
  linear,    ///< an instant's value, straight lines between
  hold,      ///< holds from its time until the next: a price, a wind direction
  interval,  ///< the mean over the interval that ends at its time: irradiance of an hour-ending weather file
};

/// One signal as a function of time. A view: the series behind it must stay.
struct Curve {
  std::span<const UnixTime> times;  ///< rising
  std::span<const double> values;   ///< one a time
  Interpolation interpolation = Interpolation::linear;
  Duration last{};  ///< how long the last value of a `hold` signal holds

  double at(UnixTime t) const;
  // Over [from, to]; exact for the function that at() describes; NaN where any of it is unknown or from > to.
  double maximum(UnixTime from, UnixTime to) const;
  double minimum(UnixTime from, UnixTime to) const;
  double mean(UnixTime from, UnixTime to) const;

 private:
  template <typename Piece>
  bool pieces(UnixTime from, UnixTime to, Piece&& piece) const;
};

struct Signal {
  std::string name;
  lang::Unit unit;  ///< as written in the file; the values are SI all the same
  Interpolation interpolation = Interpolation::linear;
  std::vector<double> values;
};

/// Where a weather file was measured; angles in degrees, north and east positive.
struct Site {
  std::string name;
  double latitude = 0, longitude = 0;
  double elevation = 0;  ///< m
  int offset_s = 0;      ///< of local standard time, seconds east of UTC
};

struct Series {
  std::vector<UnixTime> times;
  std::vector<Signal> signals;
  Duration step{};  ///< between most rows
  std::optional<Site> site;

  std::optional<size_t> find(std::string_view signal) const;
  Curve curve(size_t signal) const;
};

}  // namespace looptwin::mml
