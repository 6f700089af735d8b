// Outputs of kinds that no order of checking them has let pass: which are to blame, and which go in a circle.
#pragma once

#include <functional>
#include <vector>

#include "lang/schema.h"
#include "sim/plants/equations_kinds.h"

namespace looptwin::sim {

/// An output that is not checked, and what was wrong when it was last tried.
struct OpenOutput {
  size_t kind;
  const Named* named;
  Diagnostics problems;
};

/// An output that uses another open one is its consequence, as is one that uses what is lost anyway. The
/// others have problems of their own. Where all wait for each other, and for nothing lost, it is their
/// circle.
Diagnostics blame(const std::vector<OpenOutput>& open, const EquationKinds& kinds, const lang::Scopes& scopes,
                  const std::function<bool(const Span&)>& uses_lost);

}  // namespace looptwin::sim
