// An expression that a sequence asks of the twin, as it is written.
#pragma once

#include <optional>
#include <string>

#include "base/result.h"

namespace looptwin::testbed {

struct ProbeText {
  Span text;
  bool condition = true;  ///< else a number
  std::string device;     ///< a pattern of ids of one model's devices; empty: it is about the whole site
  Span device_span;
  std::optional<Span> unit;  ///< in which a number is said; absent: its own
};

}  // namespace looptwin::testbed
