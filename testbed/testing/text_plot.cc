#include "testbed/testing/text_plot.h"

#include <fmt/format.h>
#include <algorithm>
#include <cmath>

#include "testbed/explain/conditions.h"

namespace looptwin::testbed {
namespace {

constexpr size_t kColumns = 60, kRows = 8, kLabel = 14;

struct Scale {
  double low, high;
  size_t row(double value) const {
    const double share = high > low ? (value - low) / (high - low) : 0.5;
    return kRows - 1 - static_cast<size_t>(std::lround(share * (kRows - 1)));
  }
};

Scale scale_of(const std::vector<PlotPoint>& points) {
  Scale scale{INFINITY, -INFINITY};
  for (const auto& point : points)
    for (const double value : {point.value, point.threshold}) {
      if (!std::isfinite(value)) continue;
      scale.low = std::min(scale.low, value);
      scale.high = std::max(scale.high, value);
    }
  return scale;
}

}  // namespace

std::vector<std::string> text_plot(const std::vector<PlotPoint>& points, const lang::Unit& unit, Time mark) {
  const Scale scale = scale_of(points);
  if (points.empty() || !(scale.low <= scale.high)) return {};
  std::vector<std::string> grid(kRows, std::string(kColumns, ' '));
  const Time from = points.front().at, to = points.back().at;
  const auto column = [&](Time t) {
    if (to == from) return size_t{0};
    const double share = (t - from).seconds() / (to - from).seconds();
    return static_cast<size_t>(std::lround(std::clamp(share, 0.0, 1.0) * (kColumns - 1)));
  };
  for (const auto& point : points)
    if (std::isfinite(point.threshold)) grid[scale.row(point.threshold)][column(point.at)] = '-';
  for (const auto& point : points)
    if (std::isfinite(point.value)) grid[scale.row(point.value)][column(point.at)] = '*';
  std::vector<std::string> lines;
  for (size_t row = 0; row < kRows; ++row) {
    std::string label;
    if (row == 0) label = shown_value(scale.high, unit);
    if (row == kRows - 1 && scale.high > scale.low) label = shown_value(scale.low, unit);
    lines.push_back(fmt::format("{:>{}} |{}", label, kLabel, grid[row]));
    while (lines.back().back() == ' ') lines.back().pop_back();
  }
  std::string axis(kColumns, ' ');
  axis[column(mark)] = '^';
  lines.push_back(fmt::format("{:>{}}  {}", "", kLabel, axis.substr(0, column(mark) + 1)));
  const auto first = to_string(from), last = to_string(to);
  const size_t gap = kColumns > first.size() + last.size() ? kColumns - first.size() - last.size() : 1;
  lines.push_back(fmt::format("{:>{}}  {}{}{}", "", kLabel, first, std::string(gap, ' '), last));
  return lines;
}

}  // namespace looptwin::testbed
