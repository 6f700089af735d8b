#include "lang/program.h"
#include "lang/surface.h"

#include <catch2/catch.hpp>

#include "tests/lang/tables.h"

namespace looptwin::lang::test {
namespace {

constexpr size_t kRows = 777;

struct Rows {
  Workbench w;
  ColumnId a = w.column("a"), b = w.column("b"), c = w.column("c"), out = w.column("out");
  Tables tables{w.schema, {kRows}};

  Rows() {
    for (size_t i = 0; i < kRows; ++i) {
      tables.as<double>(w.table, a)[i] = static_cast<double>(i);
      tables.as<double>(w.table, b)[i] = 1000.0 - static_cast<double>(i);
      tables.as<double>(w.table, c)[i] = 0.5 * static_cast<double>(i);
    }
  }
  Program compile(std::vector<Root> roots, std::vector<Root> given = {}) {
    Program program = Program::compile(w.schema, w.graph, w.table, roots, given);
    program.bind(tables);
    return program;
  }
  double* numbers(ColumnId column) { return tables.as<double>(w.table, column); }
};

TEST_CASE("program: arithmetic over columns, constants and uniform values") {
  Rows r;
  Workbench& w = r.w;
  const NodeId twice = w.op(Op::multiply, {w.read(r.a), w.constant(2)});
  const NodeId root = w.op(Op::add, {twice, w.op(Op::subtract, {w.feed(0), w.read(r.b)})});
  Program program = r.compile({{root, r.out}});
  REQUIRE(program.uniforms() == std::vector<NodeId>{w.feed(0)});
  const double uniforms[] = {7.0};
  program.run({kStart, uniforms}, 0, kRows);
  for (size_t i = 0; i < kRows; ++i)
    REQUIRE(r.numbers(r.out)[i] == 3.0 * static_cast<double>(i) + 7.0 - 1000.0);
}

TEST_CASE("program: a product with 1 and a quotient by 1, as units leave them, are no operations") {
  Rows r;
  Workbench& w = r.w;
  const NodeId sum = w.op(Op::add, {w.read(r.a), w.read(r.b)});
  const NodeId root = w.op(Op::divide, {w.op(Op::multiply, {w.constant(1), sum}), w.constant(1)});
  CHECK(r.compile({{root, r.out}}).disassemble() == "out = add a, b\n");
  Program copy = r.compile({{w.op(Op::multiply, {w.read(r.a), w.constant(1)}), r.out}});
  copy.run({kStart, {}}, 0, kRows);
  for (size_t i = 0; i < kRows; ++i) REQUIRE(r.numbers(r.out)[i] == r.numbers(r.a)[i]);
}

TEST_CASE(
    "program: what is written twice is computed once, and a multiplication fuses with its only addition") {
  Rows r;
  Workbench& w = r.w;
  const ColumnId second = w.column("second");
  const NodeId product = w.op(Op::multiply, {w.read(r.a), w.read(r.b)});
  const NodeId sum = w.op(Op::add, {product, w.read(r.c)});
  CHECK(r.compile({{sum, r.out}}).operations() == 1);
  Program shared = r.compile({{sum, r.out}, {w.op(Op::subtract, {product, w.read(r.c)}), second}});
  CHECK(shared.operations() == 3);
  CHECK(shared.disassemble() == "r0 = multiply a, b\nout = add r0, c\nsecond = subtract r0, c\n");
}

TEST_CASE(
    "program: a long sum of products is one operation, a longer one adds to it, and both equal the plain "
    "sum") {
  Rows r;
  Workbench& w = r.w;
  const auto product = [&](int k) {
    return w.op(Op::multiply, {w.read(k % 2 == 0 ? r.a : r.b), w.op(Op::add, {w.read(r.c), w.constant(k)})});
  };
  NodeId sum = product(0);
  for (int k = 1; k < 8; ++k) sum = w.op(Op::add, {sum, product(k)});
  Program program = r.compile({{sum, r.out}});
  CHECK(program.disassemble().find("dot") != std::string::npos);
  program.run({kStart, {}}, 0, kRows);
  for (size_t i = 0; i < kRows; ++i) {
    double expected = 0;
    for (int k = 0; k < 8; ++k) expected += r.numbers(k % 2 == 0 ? r.a : r.b)[i] * (r.numbers(r.c)[i] + k);
    REQUIRE(r.numbers(r.out)[i] == expected);
  }
}

TEST_CASE("program: roots that store each other's columns see the values from before the run") {
  Rows r;
  Workbench& w = r.w;
  Program program = r.compile({{w.read(r.b), r.a},
                               {w.read(r.a), r.b},
                               {w.op(Op::add, {w.read(r.a), w.read(r.b)}), r.c},
                               {w.op(Op::add, {w.read(r.a), w.read(r.c)}), r.out}});
  program.run({kStart, {}}, 3, kRows - 3);
  for (size_t i = 3; i < kRows; ++i) {
    const double x = static_cast<double>(i);
    REQUIRE(r.numbers(r.a)[i] == 1000.0 - x);
    REQUIRE(r.numbers(r.b)[i] == x);
    REQUIRE(r.numbers(r.c)[i] == 1000.0);
    REQUIRE(r.numbers(r.out)[i] == 1.5 * x);
  }
  CHECK(r.numbers(r.a)[2] == 2.0);
}

TEST_CASE("program: a column that is read and stored is updated in place, without a copy") {
  Rows r;
  Workbench& w = r.w;
  const NodeId next = w.op(Op::add, {w.read(r.a), w.constant(1)});
  Program program = r.compile({{next, r.a}});
  CHECK(program.disassemble() == "a = add a, 1\n");
  program.run({kStart, {}}, 0, kRows);
  program.run({kStart, {}}, 0, kRows);
  CHECK(r.numbers(r.a)[700] == 702.0);
}

TEST_CASE("program: only the rows asked for are written") {
  Rows r;
  Workbench& w = r.w;
  Program program = r.compile({{w.op(Op::negate, {w.read(r.b)}), r.out}});
  program.run({kStart, {}}, 129, 300);
  for (size_t i = 0; i < kRows; ++i) REQUIRE((r.numbers(r.out)[i] != 0.0) == (i >= 129 && i < 429));
}

TEST_CASE("program: given nodes are read from their columns, and their arguments are not needed") {
  Rows r;
  Workbench& w = r.w;
  Node mean = w.make(Op::window_mean, {w.read(r.a)});
  mean.span = minutes(5);
  const NodeId window = w.graph.add(mean);
  Program program = r.compile({{w.op(Op::add, {window, w.constant(1)}), r.out}}, {{window, r.c}});
  program.run({kStart, {}}, 0, kRows);
  CHECK(r.numbers(r.out)[10] == 6.0);
}

TEST_CASE("program: booleans, codes, rows and instants are converted at the edges, unknown stays unknown") {
  Workbench w;
  const Storage kinds[] = {Storage::boolean, Storage::code, Storage::row, Storage::instant};
  std::vector<Root> roots;
  std::vector<ColumnId> from, to;
  for (const Storage storage : kinds) {
    from.push_back(w.column("from" + std::to_string(from.size()), storage));
    to.push_back(w.column("to" + std::to_string(to.size()), storage));
    roots.push_back({w.read(from.back()), to.back()});
  }
  Tables t(w.schema, {4});
  const uint8_t booleans[] = {0, 1, 2, 1}, codes[] = {0, 254, 255, 7};
  const uint32_t rows[] = {0, 4'000'000'000, UINT32_MAX, 9};
  const int64_t instants[] = {0, -1'500'000'001, INT64_MAX, 86'400'000'000'007};
  std::memcpy(t.column(w.table, from[0]), booleans, sizeof booleans);
  std::memcpy(t.column(w.table, from[1]), codes, sizeof codes);
  std::memcpy(t.column(w.table, from[2]), rows, sizeof rows);
  std::memcpy(t.column(w.table, from[3]), instants, sizeof instants);
  Program program = Program::compile(w.schema, w.graph, w.table, roots, {});
  program.bind(t);
  program.run({kStart, {}}, 0, 4);
  CHECK(std::memcmp(t.column(w.table, to[0]), booleans, sizeof booleans) == 0);
  CHECK(std::memcmp(t.column(w.table, to[1]), codes, sizeof codes) == 0);
  CHECK(std::memcmp(t.column(w.table, to[2]), rows, sizeof rows) == 0);
  CHECK(std::memcmp(t.column(w.table, to[3]), instants, sizeof instants) == 0);
}

TEST_CASE("program: a related value is gathered through the relation, and is unknown without a related row") {
  Workbench w;
  const TableId block(w.schema.tables.size());
  w.schema.tables.push_back({.name = "block"});
  const ColumnId limit = w.schema.add_column(block, {.name = "limit", .type = Type::number()});
  const ColumnId open =
      w.schema.add_column(block, {.name = "open", .type = Type::boolean(), .storage = Storage::boolean});
  const ColumnId rows = w.column("block", Storage::row), out = w.column("out"),
                 is_open = w.column("is_open", Storage::boolean);
  w.schema.table(w.table).relations.push_back({.name = "block", .to = block, .rows = rows});
  const auto related = [&](ColumnId column, Type type) {
    const NodeId source = w.graph.add({.op = Op::column, .type = type, .table = block, .column = column});
    Node node{.op = Op::related, .type = type, .table = w.table, .args = {source}};
    node.relation = RelationId(size_t{0});
    return w.graph.add(node);
  };
  Tables t(w.schema, {600, 2});
  const double limits[] = {10, 20};
  const uint8_t opens[] = {1, 2};
  std::memcpy(t.column(block, limit), limits, sizeof limits);
  std::memcpy(t.column(block, open), opens, sizeof opens);
  for (size_t i = 0; i < 600; ++i) t.as<uint32_t>(w.table, rows)[i] = i % 3 == 2 ? UINT32_MAX : i % 3;
  const std::vector<Root> roots = {{related(limit, Type::number()), out},
                                   {related(open, Type::boolean()), is_open}};
  Program program = Program::compile(w.schema, w.graph, w.table, roots, {});
  program.bind(t);
  program.run({kStart, {}}, 1, 599);
  for (size_t i = 1; i < 600; ++i) {
    REQUIRE(same(t.as<double>(w.table, out)[i], i % 3 == 2 ? kUnknown : limits[i % 3]));
    REQUIRE(t.as<uint8_t>(w.table, is_open)[i] == (i % 3 == 0 ? 1 : 2));
  }
}

TEST_CASE(
    "program: the age of a sample grows with the instant, makes its rows due, and counts from the start "
    "where never "
    "sampled") {
  Workbench w;
  const ColumnId x = w.column("x"), sampled = w.column(".sampled", Storage::instant), out = w.column("out");
  Node age = w.make(Op::age, {w.read(x)});
  age.column = sampled;
  const std::vector<Root> roots = {{w.graph.add(age), out}};
  Tables t(w.schema, {100});
  for (size_t i = 0; i < 100; ++i) t.as<int64_t>(w.table, sampled)[i] = i == 5 ? INT64_MAX : seconds(i).ns;
  Program program = Program::compile(w.schema, w.graph, w.table, roots, {});
  program.bind(t);
  Time due[] = {kNever, kNever};
  program.run({kStart + seconds(200), {}}, 64, 36, due);
  CHECK(due[0] == kNever);
  CHECK(due[1] == kStart + seconds(200) + nanoseconds(1));
  program.run({kStart + seconds(200), {}}, 0, 64, due);
  CHECK(t.as<double>(w.table, out)[3] == 197.0);
  CHECK(t.as<double>(w.table, out)[5] == 200.0);
}

TEST_CASE("program: rows whose age is only compared with constants are due when it passes the next one") {
  Workbench w;
  const ColumnId x = w.column("x"), sampled = w.column(".sampled", Storage::instant),
                 out = w.column("out", Storage::boolean);
  Node age = w.make(Op::age, {w.read(x)});
  age.column = sampled;
  const NodeId age_node = w.graph.add(age);
  const auto limit = [&](double s) {
    Node n = w.make(Op::constant, {});
    n.number = {s};
    n.table = TableId();
    return w.graph.add(n);
  };
  const NodeId either =
      w.graph.add(w.make(Op::logical_or, {w.graph.add(w.make(Op::greater, {age_node, limit(30)})),
                                          w.graph.add(w.make(Op::less_equal, {age_node, limit(10)}))}));
  const std::vector<Root> roots = {{either, out}};
  Tables t(w.schema, {64});
  for (size_t i = 0; i < 64; ++i) t.as<int64_t>(w.table, sampled)[i] = seconds(100).ns;
  Program program = Program::compile(w.schema, w.graph, w.table, roots, {});
  program.bind(t);
  // Only looked at when due, it says at every second what looking all the time says.
  Time due = kStart;
  int looks = 0;
  for (int s = 100; s < 160; ++s) {
    const Time now = kStart + seconds(s);
    if (due <= now) {
      due = kNever;
      program.run({now, {}}, 0, 64, &due);
      ++looks;
    }
    CHECK(t.as<uint8_t>(w.table, out)[7] == (s - 100 > 30 || s - 100 <= 10 ? 1 : 0));
  }
  CHECK(looks <= 6);
}

struct Counting : UniformProgram::Feeds {
  int asked = 0;
  double value(FeedId feed, Time) override { return ++asked, 10.0 + static_cast<double>(feed.index()); }
  double forecast(Op how, FeedId, Time now, double from, double to) override {
    return how == Op::forecast_maximum ? now.seconds() + from * 10 + to : kUnknown;
  }
  double civil(Op what, Time) override { return what == Op::civil_weekday ? 3 : 0; }
};

TEST_CASE("uniform program: each feed is asked once, and arithmetic, logic and tables are the rows' own") {
  Workbench w;
  const NodeId twice = w.op(Op::add, {w.feed(1), w.feed(1)});
  Node ahead{.op = Op::forecast_maximum, .type = Type::number(), .number = {2, 4}, .feed = FeedId(size_t{1})};
  const NodeId peak = w.graph.add(ahead);
  Node curve = w.make(Op::interpolate, {twice});
  curve.number = {0, 0, 20, 100, 24, 200};
  Node line = w.make(Op::extrapolate, {twice});
  line.number = {0, 0, 10, 50, 20, 200};
  Node surface = w.make(Op::interpolate2, {twice, peak});
  surface.number = surface_list({{20, 24}, {20, 30, 40}, {0, 10, 20, 100, 120, 150}, false});
  const std::vector<NodeId> nodes = {twice,
                                     peak,
                                     w.op(Op::greater, {peak, twice}),
                                     w.graph.add(curve),
                                     w.op(Op::minimum, {w.constant(9), w.constant(4), twice}),
                                     w.op(Op::power, {w.constant(2), w.constant(10)}),
                                     w.graph.add({.op = Op::civil_weekday, .type = Type::number()}),
                                     w.graph.add(line),
                                     w.graph.add(surface)};
  UniformProgram program(w.graph, nodes);
  Counting feeds;
  double values[9];
  program.run(kStart + seconds(1), feeds, values);
  CHECK(feeds.asked == 1);
  const double expected[] = {22, 25, 1, 150, 4, 1024, 3, 230, 57.5};
  for (size_t k = 0; k < 9; ++k) CHECK(values[k] == expected[k]);
}

}  // namespace
}  // namespace looptwin::lang::test
