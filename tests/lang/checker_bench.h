// Expressions over the sample schema, checked: for tests of the checker.
#pragma once

#include <catch2/catch.hpp>
#include <string>
#include <string_view>

#include "lang/checker.h"
#include "sample_schema.h"

namespace looptwin::lang {

struct Bench {
  Schema schema = sample::schema();
  Scopes rules = sample::rules(schema);
  Graph graph;

  Node good(std::string_view text, TableId table = sample::kHome, const Wanted& wanted = {}) {
    return good(text, rules, table, wanted);
  }
  Node good(std::string_view text, const Scopes& scopes, TableId table = sample::kHome,
            const Wanted& wanted = {}) {
    const auto checked = sample::check(text, schema, scopes, graph, table, wanted);
    INFO(text << "\n" << render(checked.diagnostics));
    REQUIRE(checked.node.valid());
    REQUIRE(checked.diagnostics.empty());
    return graph[checked.node];
  }
  std::string bad(std::string_view text, TableId table = sample::kHome, const Wanted& wanted = {}) {
    return bad(text, rules, table, wanted);
  }
  std::string bad(std::string_view text, const Scopes& scopes, TableId table = sample::kHome,
                  const Wanted& wanted = {}) {
    const auto checked = sample::check(text, schema, scopes, graph, table, wanted);
    INFO(text);
    CHECK_FALSE(checked.node.valid());
    REQUIRE_FALSE(checked.diagnostics.empty());
    return checked.first();
  }
  NodeId id(std::string_view text, TableId table = sample::kHome, const Wanted& wanted = {}) {
    const auto checked = sample::check(text, schema, rules, graph, table, wanted);
    REQUIRE(checked.node.valid());
    return checked.node;
  }
  double constant(std::string_view text) {
    const Node node = good(text);
    INFO(text);
    REQUIRE(node.op == Op::constant);
    return node.number[0];
  }
  /// The one node of this operation below a node.
  Node below(const Node& node, Op op) {
    if (node.op == op) return node;
    for (const NodeId arg : node.args)
      if (const Node found = below(graph[arg], op); found.op == op) return found;
    return node;
  }
};

}  // namespace looptwin::lang
