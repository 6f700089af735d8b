// The lines of a block of expressions (`outputs:` of physics or of a controller) may stand in any order: here
// is found in which order they depend on each other, so that each is checked when the types of those that it
// uses are known.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "lang/checker.h"
#include "lang/graph.h"
#include "lang/schema.h"
#include "sim/config.h"

namespace looptwin::sim {

/// Whether `name` stands as a word in the text of an expression.
bool mentions(const Span& text, const std::string& name);
/// The same, other than as the operand of `previous`.
bool mentions_now(const Span& text, const std::string& name);

/// Indices below `count`, each after those that it `uses`. What uses each other in a circle keeps its order.
std::vector<size_t> in_order_of_use(size_t count, const std::function<bool(size_t, size_t)>& uses);
/// Indices of the lines, each after those that it mentions. Lines of a circle keep their written order.
std::vector<size_t> in_order_of_use(std::span<const Named> lines);

/// Whether the node reads the column, other than as the operand of `previous`.
bool reads(const lang::Graph& graph, lang::NodeId node, TableId table, ColumnId column);

lang::Storage storage_of(const lang::Type& type);

}  // namespace looptwin::sim
