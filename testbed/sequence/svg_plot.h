// Fields over a sequence's run as one drawing, in SVG that stands in a page by itself.
#pragma once

#include <span>
#include <string>

#include "testbed/sequence/sequence_result.h"

namespace looptwin::testbed {

/// Traces of one unit, or of the same words. `forces`: those on them are shown as bands. `marks`: instants
/// with a thin line.
std::string svg_plot(std::span<const Trace* const> traces, std::span<const ForceShown> forces,
                     std::span<const Time> marks, Time end);

/// The buckets of a histogram as bars.
std::string svg_bars(const Histogram& histogram);

}  // namespace looptwin::testbed
