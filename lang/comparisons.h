// Which operations compare. The enumerators stand in this order in lang/graph.h.
#pragma once

#include "lang/graph.h"

namespace looptwin::lang {

/// < <= > >=
inline bool is_ordering(Op op) { return op >= Op::less && op <= Op::greater_equal; }
/// The same, and == !=
inline bool is_comparison(Op op) { return op >= Op::less && op <= Op::not_equal; }

}  // namespace looptwin::lang
