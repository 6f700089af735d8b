// Changes of one expression that keep its meaning close and its types, mostly.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "lang/units.h"

namespace looptwin::testbed {

struct Edit {
  Span span;  ///< what is replaced
  std::string by;
  std::string what;  ///< "'>' became '<'"
  std::string hint;
};

/// `of`: "event overload", for the hints.
std::vector<Edit> edits_of(const Span& expression, const std::string& of, const lang::Units& units);
/// The expression with the edit made, in a source of the same name.
Span edited(const Span& expression, const Edit& edit);

}  // namespace looptwin::testbed
