// Operations that remember, set to go on from a value that somebody else came to: a device whose controller
// has run elsewhere until now. Where their hidden columns stand in the schema is said here, once.
#pragma once

#include <string>

#include "lang/program.h"

namespace looptwin::lang {

/// ".held.17.since"; where another program has such a column of the same node, `nth` is its number, from 2.
std::string state_column_name(Op op, NodeId node, const std::string& what, int nth = 1);

/// From now on the operation at `node` of one row goes on as if it had come to `value` at `now`: machines,
/// latches, hystereses, ramps, stictions. False, and nothing is changed, of any other, whose value does not
/// say what it remembers, and of a value that it cannot have. The programs that hold it are bound.
bool resume(const Graph& graph, const Schema& schema, Memory& memory, TableId table, NodeId node, size_t row,
            double value, Time now);

}  // namespace looptwin::lang
