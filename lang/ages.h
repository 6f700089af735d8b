// Ages grow by themselves, but most are only compared with a constant: then nothing changes until the age
// passes it, and a row need not be looked at in between.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "lang/graph.h"

namespace looptwin::lang {

/// What the age is compared with, s, wherever `roots` use it; absent where they use its value in another way.
std::optional<std::vector<double>> age_limits(const Graph& graph, std::span<const NodeId> roots, NodeId age);

}  // namespace looptwin::lang
