// Numbers as others read them: devices, people, programs that take JSON.
#pragma once

#include <string>

#include "lang/types.h"

namespace looptwin::lang {

/// An SI value in a unit, without the digits that only the conversion has made: 25 degC are 77 degF, not
/// 76.99999999999999. What needs no conversion is as it was.
double readable(double si, const Unit& unit);

/// What stands behind a number in the unit: " kW", or nothing where it has none.
std::string behind_number(const Unit& unit);

}  // namespace looptwin::lang
