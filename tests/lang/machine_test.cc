// Machines and stiction: what the stateful operations do row by row, and what is wrong with a machine's
// shape.
#include "lang/machine.h"

#include <catch2/catch.hpp>

#include "tests/lang/tables.h"

namespace looptwin::lang::test {
namespace {

Time at(double s) { return kStart + Duration{static_cast<int64_t>(s * 1e9)}; }

/// A traffic light with a button: red → green when asked, not before 10 s of red; green → red after 5 s;
/// anything → dark when failed; dark → red when not failed.
Machine light() {
  Machine m{.name = "light", .states = {"red", "green", "dark"}};
  m.transitions = {{.from = {}, .to = 2, .when = Span{}},
                   {.from = {0}, .to = 1, .when = Span{}, .after = seconds(10)},
                   {.from = {1}, .to = 0, .after = seconds(5)},
                   {.from = {2}, .to = 0, .when = Span{}}};
  return m;
}

struct Bench {
  static constexpr size_t kRows = 70, kRow = 65;
  Workbench w;
  ColumnId failed = w.column("failed", Storage::boolean), asked = w.column("asked", Storage::boolean);
  ColumnId out;
  Tables tables{w.schema, {kRows}};
  Program program;
  Time due[2] = {};

  explicit Bench(const Machine& machine) {
    const EnumId words = enumeration_of(w.schema, machine.name, machine.states);
    out = w.schema.add_column(
        w.table, {.name = "state", .type = Type::enumeration_of(words), .storage = Storage::code});
    const NodeId f = w.read(failed), a = w.read(asked);
    const NodeId well =
        w.graph.add({.op = Op::logical_not, .type = Type::boolean(), .table = w.table, .args = {f}});
    const NodeId node = machine_node(w.graph, machine, words, w.table, {f, a, {}, well}, 1);
    const std::vector<Root> roots = {{node, out}};
    program = Program::compile(w.schema, w.graph, w.table, roots, {});
    program.bind(tables);
    program.reset(0, kRows);
  }
  /// Evaluates twice: the second time must change nothing.
  int run(double t, int is_failed, int is_asked) {
    tables.as<uint8_t>(w.table, failed)[kRow] = static_cast<uint8_t>(is_failed);
    tables.as<uint8_t>(w.table, asked)[kRow] = static_cast<uint8_t>(is_asked);
    due[0] = due[1] = kNever;
    program.run({at(t), {}}, 0, kRows, due);
    const int state = tables.as<uint8_t>(w.table, out)[kRow];
    const auto before = tables.all();
    program.run({at(t), {}}, 0, kRows);
    CHECK((before == tables.all()));
    return state;
  }
};

}  // namespace

TEST_CASE(
    "machine: takes the first transition that is open, one an evaluation, and counts time in its state") {
  Bench b(light());
  CHECK(b.run(0, 0, 1) == 0);
  CHECK(b.due[1] == at(0) + nanoseconds(1));  // it has just begun: dark is open at once
  CHECK(b.run(1, 0, 1) == 0);
  CHECK(b.due[1] == at(10));
  CHECK(b.run(9, 0, 1) == 0);
  CHECK(b.run(10, 0, 2) == 0);  // unknown does not ask
  CHECK(b.run(11, 0, 1) == 1);
  CHECK(b.due[1] == at(11) + nanoseconds(1));  // dark is open at once, red after 5 s
  CHECK(b.run(15, 0, 0) == 1);
  CHECK(b.due[1] == at(16));
  CHECK(b.run(16, 1, 0) == 2);  // both could be: the one that is written first wins
  CHECK(b.run(17, 1, 0) == 2);
  CHECK(b.due[1] == kNever);
  CHECK(b.run(18, 0, 1) == 0);
  CHECK(b.run(27, 0, 1) == 0);
  CHECK(b.run(28, 0, 1) == 1);
}

TEST_CASE("machine: begins in its initial state, and a transition to the same state starts its time anew") {
  Machine m = light();
  m.initial = 1;
  m.transitions[3] = {.from = {1}, .to = 1, .when = Span{}};  // well: stays green
  std::swap(m.transitions[2], m.transitions[3]);              // before the way to red
  Bench b(m);
  // The bench's third condition is none: it is always true.
  CHECK(b.run(0, 0, 0) == 1);
  for (int t = 1; t < 20; ++t) CHECK(b.run(t, 0, 0) == 1);
}

TEST_CASE("machine: states that nothing leads to, and transitions that are never taken, are told") {
  CHECK(problems_of(light()).empty());
  Machine lonely = light();
  lonely.states.push_back("blue");
  REQUIRE(problems_of(lonely).size() == 1);
  CHECK(problems_of(lonely)[0].message == "no transition of 'light' leads to the state 'blue'");
  Machine late = light();
  late.transitions.push_back({.from = {1}, .to = 2, .when = Span{}, .after = seconds(6)});
  REQUIRE(problems_of(late).size() == 1);
  CHECK(problems_of(late)[0].message ==
        "this transition of 'light' is never taken: an earlier one from the same state always is");
  late.transitions.back().after = seconds(4);
  CHECK(problems_of(late).empty());
}

TEST_CASE(
    "stiction: rests within its band, slips when the demand is further away, and jumps as far as it says") {
  Workbench w;
  const ColumnId x = w.column("x"), full = w.column("full"), half = w.column("half"), play = w.column("play");
  const auto op = [&](double jump) {
    return w.stateful(Op::stiction, {w.read(x), w.constant(2), w.constant(jump)});
  };
  const std::vector<Root> roots = {{op(2), full}, {op(0.5), half}, {op(0), play}};
  Tables tables(w.schema, {1});
  Program program = Program::compile(w.schema, w.graph, w.table, roots, {});
  program.bind(tables);
  program.reset(0, 1);
  struct Row {
    double x, full, half, play;
  };
  const double u = kUnknown;
  // By hand: full follows to x, half stops 1.5 short of it, play (backlash) 2 short.
  const Row rows[] = {{u, u, u, u},
                      {10, 10, 10, 10},
                      {12, 10, 10, 10},
                      {12.5, 12.5, 11, 10.5},
                      {13, 12.5, 11, 11},
                      {13.25, 12.5, 11.75, 11.25},
                      {u, 12.5, 11.75, 11.25},
                      {11, 12.5, 11.75, 11.25},
                      {9, 9, 10.5, 11},
                      {8, 9, 9.5, 10}};
  int second = 0;
  for (const Row& row : rows) {
    tables.as<double>(w.table, x)[0] = row.x;
    for (int again = 0; again < 2; ++again) {
      program.run({at(second), {}}, 0, 1);
      INFO("at " << second << " s");
      CHECK(same(tables.as<double>(w.table, full)[0], row.full));
      CHECK(same(tables.as<double>(w.table, half)[0], row.half));
      CHECK(same(tables.as<double>(w.table, play)[0], row.play));
    }
    ++second;
  }
}

}  // namespace looptwin::lang::test
