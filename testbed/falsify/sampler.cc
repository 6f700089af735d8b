#include "testbed/falsify/sampler.h"

#include <algorithm>
#include <cmath>

namespace looptwin::testbed {
namespace {

constexpr size_t kSteadyFirst = 6;  // draws in which all lists are steady
constexpr double kUniform = 0.4;    // the share of draws that are uniform
constexpr double kCoincide = 0.5;   // the share in which times do, and of the times that do
constexpr double kFarthest = 5;     // they lie up to 2^5 cycles apart, near ones as often as far ones
constexpr double kNearest = -3;

}  // namespace

Sampler::Sampler(const SearchSpace& space, Duration cycle, uint64_t seed)
    : space_(space), cycle_(cycle.seconds()), draws_(seed, "falsify.sample") {
  for (const size_t most : resolutions(space)) pieces_.emplace_back(space, most);
}

SearchPoint Sampler::next() {
  const bool first = drawn_++ < kSteadyFirst;
  SearchPoint point;
  if (!first && draws_.next() < kUniform) {
    point = space_.uniform(draws_);
  } else {
    const auto& pieces = pieces_[first ? 0 : draws_.index(pieces_.size())];
    std::vector<double> coarse(pieces.size());
    const bool at_ends = draws_.next() < 0.5;
    for (auto& x : coarse) x = at_ends ? static_cast<double>(draws_.index(2)) : draws_.next();
    point = pieces.fine(coarse);
  }
  if (draws_.next() < kCoincide) let_times_coincide(point);
  return point;
}

/// Some of the times near one of them: what goes wrong together goes wrong within a few cycles.
void Sampler::let_times_coincide(SearchPoint& point) {
  std::vector<size_t> times;
  for (size_t v = 0; v < space_.size(); ++v) {
    const auto& variable = space_.variables()[v];
    if (variable.second > 0 && space_.is_present(point, variable.entry)) times.push_back(v);
  }
  if (times.size() < 2) return;
  const auto seconds = [&](size_t v, double x) {
    const auto& [low, high] = std::pair(space_.variables()[v].range.low, space_.variables()[v].range.high);
    return (low + x * (high - low)) * space_.variables()[v].second;
  };
  const size_t anchor = times[draws_.index(times.size())];
  const double at = seconds(anchor, point[anchor]);
  for (const size_t v : times) {
    if (v == anchor || draws_.next() >= kCoincide) continue;
    const double apart = cycle_ * std::exp2(kNearest + draws_.next() * (kFarthest - kNearest));
    const double moved = at + (draws_.index(2) == 0 ? -apart : apart);
    const double first = seconds(v, 0), last = seconds(v, 1);
    point[v] = std::clamp((moved - first) / (last - first), 0.0, 1.0);
  }
}

}  // namespace looptwin::testbed
