// Which of the wire's integers are readings of a field: the one place that says what is in range, for the
// sensors that make them and the processor that judges them.
#pragma once

#include <cstdint>

#include "twin/config.h"

namespace looptwin::twin {

/// Raw values lowest … highest are in range; none where highest is below. Neither is ever one of ±(2^31-1),
/// which stand for all beyond them (Scaling::to_raw), nor kMissing.
struct RawRange {
  int32_t lowest = 0;
  int32_t highest = 0;
};
RawRange raw_range_of(const FieldConfig& field);

}  // namespace looptwin::twin
