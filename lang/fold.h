// The value of an element-wise operation on constants: unknown is NaN, conditions are 0, ½ and 1.
#pragma once

#include <optional>
#include <span>

#include "lang/graph.h"

namespace looptwin::lang {

/// Absent where the operation is not element-wise. `arguments` in the order of Node::args; `of_conditions`
/// says that the first argument is a condition, whose ½ means unknown.
std::optional<double> fold(const Node& node, std::span<const double> arguments, bool of_conditions);

}  // namespace looptwin::lang
