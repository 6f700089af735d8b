// Tables in memory and a short way to write graphs, for the tests of programs and plants.
#pragma once

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "lang/graph.h"
#include "lang/program.h"
#include "lang/schema.h"

namespace looptwin::lang::test {

inline constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

/// Columns by table; those that programs add are made, unknown or zero, when they are first asked for.
class Tables : public Memory {
 public:
  Tables(const Schema& schema, std::vector<size_t> rows) : schema_(schema), rows_(std::move(rows)) {}

  void* column(TableId table, ColumnId column) override {
    auto& bytes = columns_[{table.value, column.value}];
    if (bytes.empty()) bytes.resize(rows(table) * size_of(schema_.column(table, column).storage) + 8);
    return bytes.data();
  }
  size_t rows(TableId table) const override { return rows_[table.index()]; }

  template <typename T>
  T* as(TableId table, ColumnId c) {
    return static_cast<T*>(column(table, c));
  }
  std::map<std::pair<uint32_t, uint32_t>, std::vector<std::byte>>& all() { return columns_; }

 private:
  const Schema& schema_;
  std::vector<size_t> rows_;
  std::map<std::pair<uint32_t, uint32_t>, std::vector<std::byte>> columns_;
};

/// One table "t" and the graph of expressions about it.
struct Workbench {
  Schema schema;
  Graph graph;
  TableId table{0};

  Workbench() { schema.tables.push_back({.name = "t"}); }

  ColumnId column(const std::string& name, Storage storage = Storage::f64) {
    Type type = Type::number();
    if (storage == Storage::boolean) type = Type::boolean();
    if (storage == Storage::code) type = Type::enumeration_of(EnumId(0));
    return schema.add_column(table, {.name = name, .type = type, .storage = storage});
  }
  NodeId read(ColumnId c) {
    return graph.add({.op = Op::column, .type = schema.column(table, c).type, .table = table, .column = c});
  }
  NodeId constant(double x, Type type = Type::number()) {
    return graph.add({.op = Op::constant, .type = type, .number = {x}});
  }
  NodeId truth(double x) { return constant(x, Type::boolean()); }
  NodeId feed(size_t k) { return graph.add({.op = Op::feed, .type = Type::number(), .feed = FeedId(k)}); }

  Node make(Op op, std::vector<NodeId> args) const {
    Node node{.op = op, .type = Type::number(), .args = std::move(args)};
    for (const NodeId arg : node.args)
      if (graph[arg].table.valid()) node.table = graph[arg].table;
    const bool compares = op >= Op::less && op <= Op::logical_or;
    if (compares || op == Op::known || op == Op::held || op == Op::hysteresis || op == Op::latch)
      node.type = Type::boolean();
    if (op == Op::choose) node.type = graph[node.args[1]].type;
    if (op == Op::previous || op == Op::delay) node.type = graph[node.args[0]].type;
    return node;
  }
  NodeId op(Op op, std::vector<NodeId> args) { return graph.add(make(op, std::move(args))); }
  /// A stateful operation, which has a value a row even of uniform arguments.
  NodeId stateful(Op op, std::vector<NodeId> args, Duration span = {}, std::vector<double> number = {}) {
    Node node = make(op, std::move(args));
    node.table = table;
    node.span = span;
    node.number = std::move(number);
    return graph.add(std::move(node));
  }
};

/// Equal bits, all NaN being one unknown.
inline bool same(double a, double b) {
  if (a != a || b != b) return a != a && b != b;
  return std::bit_cast<uint64_t>(a) == std::bit_cast<uint64_t>(b);
}

}  // namespace looptwin::lang::test
