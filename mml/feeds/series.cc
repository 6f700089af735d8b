#include "mml/feeds/series.h"

#include <algorithm>
#include <limits>

namespace looptwin::mml {
namespace {

constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

double between(UnixTime t0, double v0, UnixTime t1, double v1, UnixTime t) {
  return v0 + (v1 - v0) * (static_cast<double>((t - t0).ns) / static_cast<double>((t1 - t0).ns));
}

}  // namespace

double Curve::at(UnixTime t) const {
  if (times.empty() || t < times.front()) return kUnknown;
  if (t > times.back()) {
    return interpolation == Interpolation::hold && t < times.back() + last ? values.back() : kUnknown;
  }
  const auto after = static_cast<size_t>(std::upper_bound(times.begin(), times.end(), t) - times.begin());
  const size_t i = after - 1;  // times[i] <= t
  if (times[i] == t || interpolation == Interpolation::hold) return values[i];
  if (interpolation == Interpolation::interval) return values[after];
  return between(times[i], values[i], times[after], values[after], t);
}

/// Calls piece(t0, v0, t1, v1) for the straight pieces of [from, to] in order; false where something is
/// unknown.
template <typename Piece>
bool Curve::pieces(UnixTime from, UnixTime to, Piece&& piece) const {
  if (times.empty() || from > to || from < times.front()) return false;
  const UnixTime end = interpolation == Interpolation::hold ? times.back() + last : times.back();
  if (to > end || (interpolation == Interpolation::hold && to == end && last.ns > 0 && from == to))
    return false;
  if (from == to) {
    const double v = at(from);
    piece(from, v, to, v);
    return v == v;
  }
  auto i = static_cast<size_t>(std::upper_bound(times.begin(), times.end(), from) - times.begin()) - 1;
  for (UnixTime t = from; t < to; ++i) {
    const bool tail = i + 1 == times.size();
    const UnixTime next = std::min(to, tail ? end : times[i + 1]);
    double v0 = values[i], v1 = values[i];
    if (interpolation == Interpolation::interval) {
      v0 = v1 = values[i + 1];
    } else if (interpolation == Interpolation::linear) {
      v0 = between(times[i], values[i], times[i + 1], values[i + 1], t);
      v1 = next == times[i + 1] ? values[i + 1]
                                : between(times[i], values[i], times[i + 1], values[i + 1], next);
    }
    if (v0 != v0 || v1 != v1) return false;
    piece(t, v0, next, v1);
    t = next;
  }
  return true;
}

double Curve::maximum(UnixTime from, UnixTime to) const {
  double most = -std::numeric_limits<double>::infinity();
  const bool known = pieces(from, to, [&](UnixTime, double v0, UnixTime, double v1) {
    most = std::max({most, v0, v1});
  });
  return known ? most : kUnknown;
}

double Curve::minimum(UnixTime from, UnixTime to) const {
  double least = std::numeric_limits<double>::infinity();
  const bool known = pieces(from, to, [&](UnixTime, double v0, UnixTime, double v1) {
    least = std::min({least, v0, v1});
  });
  return known ? least : kUnknown;
}

double Curve::mean(UnixTime from, UnixTime to) const {
  if (from == to) return at(from);
  double sum = 0;
  const bool known = pieces(from, to, [&](UnixTime t0, double v0, UnixTime t1, double v1) {
    sum += 0.5 * (v0 + v1) * (t1 - t0).seconds();
  });
  return known ? sum / (to - from).seconds() : kUnknown;
}

std::optional<size_t> Series::find(std::string_view signal) const {
  for (size_t i = 0; i < signals.size(); ++i) {
    if (signals[i].name == signal) return i;
  }
  return std::nullopt;
}

Curve Series::curve(size_t signal) const {
  const Signal& s = signals[signal];
  return {times, s.values, s.interpolation, step};
}

}  // namespace looptwin::mml
