// A course of values as a plot of characters, for failing tests.
#pragma once

#include <string>
#include <vector>

#include "base/time.h"
#include "lang/types.h"

namespace looptwin::testbed {

struct PlotPoint {
  Time at;
  double value = 0;      ///< SI; NaN leaves a gap
  double threshold = 0;  ///< SI; likewise
};

/// Lines of at most 80 columns: values `*`, the threshold `-`, and a `^` below where `mark` lies. Empty where
/// nothing is known.
std::vector<std::string> text_plot(const std::vector<PlotPoint>& points, const lang::Unit& unit, Time mark);

}  // namespace looptwin::testbed
