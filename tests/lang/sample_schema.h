// A small neighbourhood that the tests of the language and its fuzzers talk about: a grid with blocks, blocks
// with homes, a weather feed. Each place of a scenario (rules, physics, controller, requirements) has its
// scopes.
#pragma once

#include <string>
#include <string_view>

#include "lang/checker.h"

namespace looptwin::lang::sample {

inline constexpr TableId kGrid{0};
inline constexpr TableId kBlock{1};
inline constexpr TableId kHome{2};

/// Units are slow to read: one for all tests. Ambient pressure 1 bar, so that figures in tests are round.
const Units& units();

/// grid: blocks (set).  block: limit [kW], loss [%], grid (to-one), homes (set), chargers (set of homes).
/// home: temperature, power, cool, feed_water [barg], tilt [deg], online, program, block (to-one) and more.
Schema schema();

Scopes rules(const Schema& schema);
Scopes controller(const Schema& schema);
Scopes physics(const Schema& schema);
Scopes requirements(const Schema& schema);

struct Checked {
  NodeId node;
  Diagnostics diagnostics;
  /// "message | hint" of the first diagnostic; empty where there is none.
  std::string first() const;
};

/// Checks one text; the graph and the schema outlive the result.
Checked check(std::string_view text, const Schema& schema, const Scopes& scopes, Graph& graph,
              TableId table = kHome, const Wanted& wanted = {});

}  // namespace looptwin::lang::sample
