// What `looptwin falsify` may vary, as a scenario states it: values within ranges, and what may go wrong
// beside what the scenario says.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace looptwin::testbed {

/// `1 s to 30 s`, `1 to 100 by 1`, or a list of choices. Numbers are in `unit`, and mean what `--set` would
/// make of their text.
struct SearchRange {
  Span span;
  double low = 0, high = 0;
  double step = 0;  ///< values lie at low + n·step; zero: anywhere
  std::string unit;
  std::vector<std::string> choices;  ///< not empty: one of these, and no numbers
};

/// A value of the scenario by its path, as `--set` names it; of a list of values each is searched for itself.
struct SearchedValue {
  std::string path;
  SearchRange range;
  size_t elements = 0;            ///< of a list; zero: it is one value
  std::vector<std::string> held;  ///< what the scenario says, one text for each value
};

/// An entry of `faults:` or `script:` that may be added, up to so many times. Its YAML is texts with a range
/// between each two.
struct SearchedEntry {
  Span span;
  std::string section;
  std::vector<std::string> texts;
  std::vector<SearchRange> ranges;  ///< one less than texts
  std::vector<std::string> keys;    ///< [range] whose value it is
  size_t up_to = 1;
  size_t first = 0;  ///< how many entries the scenario itself has in that section
};

struct SearchConfig {
  Span span;
  std::vector<SearchedValue> values;
  std::vector<SearchedEntry> entries;
};

}  // namespace looptwin::testbed
