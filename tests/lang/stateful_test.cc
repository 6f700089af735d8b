#include "lang/stateful.h"

#include <catch2/catch.hpp>
#include <deque>
#include <random>

#include "tests/lang/tables.h"

namespace looptwin::lang::test {
namespace {

Time at(double s) { return kStart + Duration{static_cast<int64_t>(s * 1e9)}; }

/// A program with one stateful operation over columns that the test writes, in a few rows of which it looks
/// at one.
struct Bench {
  static constexpr size_t kRows = 70, kRow = 65;
  Workbench w;
  std::vector<ColumnId> inputs;
  ColumnId out;
  Tables tables{w.schema, {kRows}};
  std::unique_ptr<Program> program;
  Time due[2] = {};

  Bench(Op op, size_t number_inputs, size_t boolean_inputs, Duration span = {},
        std::vector<double> number = {}) {
    for (size_t k = 0; k < number_inputs; ++k) inputs.push_back(w.column("x" + std::to_string(k)));
    for (size_t k = 0; k < boolean_inputs; ++k)
      inputs.push_back(w.column("b" + std::to_string(k), Storage::boolean));
    std::vector<NodeId> args;
    for (const ColumnId c : inputs) args.push_back(w.read(c));
    const NodeId node = w.stateful(op, args, span, std::move(number));
    // Into f64, so that ½ can be seen.
    out = w.column("out");
    const std::vector<Root> roots = {{node, out}};
    program = std::make_unique<Program>(Program::compile(w.schema, w.graph, w.table, roots, {}));
    program->bind(tables);
    program->reset(0, kRows);
  }

  void set(std::vector<double> values) {
    for (size_t k = 0; k < values.size(); ++k) {
      if (w.schema.column(w.table, inputs[k]).storage == Storage::f64) {
        tables.as<double>(w.table, inputs[k])[kRow] = values[k];
      } else {
        tables.as<uint8_t>(w.table, inputs[k])[kRow] = values[k] == 0.5 ? 2 : static_cast<uint8_t>(values[k]);
      }
    }
  }

  /// Evaluates twice: the second time must change nothing.
  double run(Time now, std::vector<double> values) {
    set(values);
    due[0] = due[1] = kNever;
    program->run({now, {}}, 0, kRows, due);
    const double first = tables.as<double>(w.table, out)[kRow];
    const auto before = tables.all();
    program->run({now, {}}, 0, kRows);
    CHECK((before == tables.all()));
    return first;
  }
};

TEST_CASE(
    "held: true only after the condition was true for the span, and the delay starts anew after false or "
    "unknown") {
  Bench b(Op::held, 0, 1, seconds(10));
  CHECK(b.run(at(0), {1}) == 0.0);
  CHECK(b.due[1] == at(10));
  CHECK(b.due[0] == kNever);
  CHECK(b.run(at(9.999999999), {1}) == 0.0);
  CHECK(b.run(at(10), {1}) == 1.0);
  CHECK(b.due[1] == kNever);
  CHECK(b.run(at(11), {0.5}) == 0.5);
  CHECK(b.run(at(12), {1}) == 0.0);
  CHECK(b.due[1] == at(22));
  CHECK(b.run(at(15), {0}) == 0.0);
  CHECK(b.run(at(22), {1}) == 0.0);
  CHECK(b.run(at(32), {1}) == 1.0);
}

TEST_CASE("rises: counts edges within the window, exactly where evaluations fall on panes") {
  // A pane is 1 s: a window of 64 s, evaluated every second, against a list of edges.
  Bench b(Op::rises, 0, 1, seconds(64));
  std::mt19937_64 engine(7);
  std::deque<int64_t> edges;
  double was = kUnknown;
  for (int64_t s = 0; s < 600; ++s) {
    const double c = engine() % 9 == 0 ? 0.5 : engine() % 2 == 0 ? 1 : 0;
    if (c == 1 && was == 0) edges.push_back(s);
    if (c != 0.5) was = c;
    while (!edges.empty() && edges.front() <= s - 64) edges.pop_front();
    const double count = b.run(at(static_cast<double>(s)), {c});
    REQUIRE(same(count, c == 0.5 ? kUnknown : static_cast<double>(edges.size())));
    REQUIRE(b.due[1] == (edges.empty() ? kNever : at(static_cast<double>(edges.front() + 64))));
  }
}

TEST_CASE("rises: a gap longer than the window forgets all edges, and the first known value is no edge") {
  Bench b(Op::rises, 0, 1, seconds(10));
  CHECK(b.run(at(0), {1}) == 0.0);
  CHECK(b.run(at(1), {0}) == 0.0);
  CHECK(b.run(at(2), {1}) == 1.0);
  CHECK(b.run(at(3), {0}) == 1.0);
  CHECK(b.run(at(1000), {1}) == 1.0);
}

TEST_CASE("time_true: the time within the window, against a list of stretches") {
  Bench b(Op::time_true, 0, 1, seconds(100));
  std::mt19937_64 engine(3);
  std::deque<std::pair<int64_t, int64_t>> truth;
  int64_t now = 0, last = 0;
  double was = 0;
  for (int k = 0; k < 400; ++k) {
    // Stretches of at least 15 s: at most 7 in the window.
    now += 15 + static_cast<int64_t>(engine() % 10);
    if (was == 1) truth.emplace_back(last, now);
    const double c = engine() % 6 == 0 ? 0.5 : engine() % 2 == 0 ? 1 : 0;
    int64_t total = 0;
    for (const auto& [from, to] : truth) total += std::max<int64_t>(0, to - std::max(from, now - 100));
    REQUIRE(same(b.run(at(static_cast<double>(now)), {c}), c == 0.5 ? kUnknown : static_cast<double>(total)));
    was = c;
    last = now;
  }
}

TEST_CASE("time_true: with more stretches than are kept the total stays right while all are in the window") {
  Bench b(Op::time_true, 0, 1, hours(1));
  for (int k = 0; k < 50; ++k) {
    b.run(at(20.0 * k), {1});
    REQUIRE(b.run(at(20.0 * k + 5), {0}) == 5.0 * (k + 1));
  }
  CHECK(b.run(at(10000), {0}) == 0.0);
}

TEST_CASE("time_true: is due while it changes by itself, and when the oldest stretch begins to leave") {
  Bench b(Op::time_true, 0, 1, seconds(60));
  b.run(at(10), {1});
  CHECK(b.due[1] == at(10) + nanoseconds(1));
  b.run(at(30), {0});
  CHECK(b.due[1] == at(70) + nanoseconds(1));
  CHECK(b.run(at(80), {0}) == 10.0);
  CHECK(b.run(at(95), {0}) == 0.0);
  CHECK(b.due[1] == kNever);
}

TEST_CASE("previous: the value at the evaluation before, once however often an instant is evaluated") {
  Bench b(Op::previous, 1, 0);
  CHECK(same(b.run(at(0), {5}), kUnknown));
  CHECK(b.due[1] == at(0) + nanoseconds(1));
  CHECK(b.run(at(1), {6}) == 5.0);
  CHECK(b.run(at(1), {7}) == 5.0);
  CHECK(b.run(at(2), {7}) == 7.0);
  CHECK(b.due[1] == kNever);
  CHECK(b.run(at(3), {kUnknown}) == 7.0);
  CHECK(same(b.run(at(4), {1}), kUnknown));
}

TEST_CASE("previous: of a column that the same program stores it is the value before the evaluation") {
  Workbench w;
  const ColumnId count = w.column("count");
  const NodeId before = w.stateful(Op::previous, {w.read(count)});
  const NodeId zero = w.constant(0), one = w.constant(1);
  const NodeId start = w.op(Op::choose, {w.op(Op::known, {before}), w.op(Op::add, {before, one}), zero});
  const std::vector<Root> roots = {{start, count}};
  Program program = Program::compile(w.schema, w.graph, w.table, roots, {});
  Tables t(w.schema, {1});
  program.bind(t);
  program.reset(0, 1);
  for (int k = 0; k < 5; ++k) {
    program.run({at(k), {}}, 0, 1);
    program.run({at(k), {}}, 0, 1);
    CHECK(*t.as<double>(w.table, count) == k);
  }
}

TEST_CASE(
    "hysteresis: switches at its two levels, either way round, and holds between them and while unknown") {
  Bench b(Op::hysteresis, 5, 0);
  const auto cool = [&](double t, double x) { return b.run(at(t), {x, 1, -1, 0, 0}); };
  CHECK(cool(0, 0.9) == 0.0);
  CHECK(cool(1, 1.0) == 1.0);
  CHECK(cool(2, -0.9) == 1.0);
  CHECK(cool(3, kUnknown) == 1.0);
  CHECK(cool(4, -1.0) == 0.0);
  CHECK(cool(5, kUnknown) == 0.0);
  const auto heat = [&](double t, double x) { return b.run(at(t), {x, -1, 1, 0, 0}); };
  CHECK(heat(6, -0.9) == 0.0);
  CHECK(heat(7, -1.0) == 1.0);
  CHECK(heat(8, 0.9) == 1.0);
  CHECK(heat(9, 1.0) == 0.0);
}

TEST_CASE("hysteresis: stays on and off for the least times, and is due when one ends") {
  Bench b(Op::hysteresis, 5, 0);
  const auto run = [&](double t, double x) { return b.run(at(t), {x, 1, -1, 60, 300}); };
  CHECK(run(0, 5) == 1.0);
  CHECK(run(10, -5) == 1.0);
  CHECK(b.due[1] == at(60));
  CHECK(run(60, -5) == 0.0);
  CHECK(run(359, 5) == 0.0);
  CHECK(b.due[1] == at(360));
  CHECK(run(360, 5) == 1.0);
}

TEST_CASE("latch: set until reset, reset wins, unknown changes nothing") {
  Bench b(Op::latch, 0, 2);
  CHECK(b.run(at(0), {0.5, 0}) == 0.0);
  CHECK(b.run(at(1), {1, 0.5}) == 1.0);
  CHECK(b.run(at(2), {0, 0}) == 1.0);
  CHECK(b.run(at(3), {1, 1}) == 0.0);
}

TEST_CASE("ramp: starts at its target and follows at its rates by the time that passed") {
  Bench b(Op::ramp, 3, 0);
  const auto run = [&](double t, double target) { return b.run(at(t), {target, 2, 0.5}); };
  CHECK(same(run(0, kUnknown), kUnknown));
  CHECK(run(1, 10) == 10.0);
  CHECK(run(2, 20) == 12.0);
  CHECK(run(4, kUnknown) == 12.0);
  CHECK(run(6, 13) == 13.0);
  CHECK(run(10, 0) == 11.0);
  CHECK(run(11, 10.75) == 10.75);
}

TEST_CASE("delay: the value of so many evaluations ago, the first one until there are") {
  Bench b(Op::delay, 1, 0, seconds(3), {3});
  const double expected[] = {10, 10, 10, 10, 11, 12, 13};
  for (int k = 0; k < 7; ++k) CHECK(b.run(at(k), {10.0 + k}) == expected[k]);
  Bench none(Op::delay, 1, 0, {}, {0});
  CHECK(none.run(at(0), {3}) == 3.0);
}

/// sp, pv, kp, ti, td, ff, low, high, track, manual.
struct Pid {
  Bench b{Op::pid, 9, 1};
  double sp = 1, kp = 2, ti = 10, td = 0, ff = 0, low = -kBig, high = kBig, track = kUnknown, manual = 0;
  static constexpr double kBig = std::numeric_limits<double>::infinity();
  double run(double t, double pv) { return b.run(at(t), {sp, pv, kp, ti, td, ff, low, high, track, manual}); }
};

TEST_CASE("pid: proportional and integral parts follow the ISA standard form") {
  Pid c;
  CHECK(c.run(0, 0) == 2.0);  // kp·e, the integral starts at 0
  for (int k = 1; k <= 5; ++k) CHECK(c.run(k, 0) == Approx(2.0 + 2.0 / 10 * k));
  CHECK(c.run(7, 0.5) == Approx(1.0 + 1.0 + 2.0 / 10 * 0.5 * 2));
  c.kp = -2;  // direct action, and the change does not move the output by itself
  const double before = 2.2;
  CHECK(c.run(8, 0.5) == Approx(before - 2.0 / 10 * 0.5));
}

TEST_CASE("pid: the derivative acts on the value alone and settles at kp·td·slope") {
  Pid c;
  c.ti = Pid::kBig;
  c.td = 5;
  CHECK(c.run(0, 0) == 2.0);
  c.sp = 3;
  CHECK(c.run(1, 0) == 6.0);  // no kick from the setpoint
  double u = 0;
  for (int k = 2; k <= 60; ++k) u = c.run(k, 0.1 * (k - 1));
  CHECK(u == Approx(2 * (3 - 5.9) - 2 * 5 * 0.1).epsilon(1e-9));
}

TEST_CASE(
    "pid: at a limit the integral does not wind up, so that it leaves the limit as soon as the error turns") {
  Pid c;
  c.high = 3;
  for (int k = 0; k < 100; ++k) c.run(k, 0);
  CHECK(c.run(100, 0) == 3.0);
  CHECK(c.run(101, 1.1) < 1.0);
  c.low = 0;
  for (int k = 102; k < 200; ++k) c.run(k, 5);
  CHECK(c.run(200, 5) == 0.0);
  CHECK(c.run(201, 0.9) > 0.0);
}

TEST_CASE(
    "pid: a lasting error drives the output to its limit, also by steps that are longer than the way there") {
  Pid c;
  c.kp = 1;
  c.ti = 2;
  c.low = -1;
  c.high = 1;
  CHECK(c.run(0, 0.1) == Approx(0.9));
  CHECK(c.run(1, 0.1) == 1.0);  // 0.9 and a step of 0.45
  CHECK(c.run(2, 0.1) == 1.0);
  CHECK(c.run(3, 1.1) == Approx(-0.1 + 0.1 - 0.05));  // the integral stands at 0.1
  for (int k = 4; k < 10; ++k) c.run(k, 1.9);
  CHECK(c.run(10, 1.9) == -1.0);
}

TEST_CASE("pid: the integral follows what the inner loop really does") {
  Pid c;
  c.track = 0.5;  // a stuck actuator
  for (int k = 0; k < 300; ++k) c.run(k, 0);
  // It rests where dt/ti·(track − u) balances kp·dt/ti·e: u = track + kp·e.
  CHECK(c.run(300, 0) == Approx(2.5));
}

TEST_CASE(
    "pid: between manual and automatic, after unknown inputs, and at a change of gains the output does not "
    "jump") {
  Pid c;
  c.manual = 1;
  c.track = 7;
  CHECK(c.run(0, 0) == 7.0);
  c.track = kUnknown;
  CHECK(c.run(1, 0.3) == 7.0);
  c.manual = 0;
  CHECK(c.run(2, 0.3) == Approx(7.0));
  const double next = c.run(3, 0.3);
  CHECK(next == Approx(7.0 + 2.0 / 10 * 0.7));
  CHECK(c.run(4, kUnknown) == next);
  CHECK(c.run(50, kUnknown) == next);
  CHECK(c.run(51, 0.9) == Approx(next));
  c.kp = 5;
  CHECK(c.run(52, 0.9) == Approx(next + 5.0 / 10 * 0.1));
  c.manual = 0.5;
  const double held = c.run(53, 0.9);
  CHECK(held == c.run(60, 0.2));
}

TEST_CASE(
    "pid: feed-forward stands before the limits, and the first evaluation takes over from the actual value") {
  Pid c;
  c.ff = 10;
  c.high = 11;
  CHECK(c.run(0, 0) == 11.0);
  Pid d;
  d.ff = 10;
  d.track = 4;
  CHECK(d.run(0, 0) == Approx(4.0));
}

TEST_CASE(
    "stateful operations: saved and restored with their state columns they go on as if nothing had "
    "happened") {
  Workbench w;
  const ColumnId x = w.column("x"), c = w.column("c", Storage::boolean);
  const NodeId number = w.read(x), condition = w.read(c), one = w.constant(1), zero = w.constant(0);
  std::vector<Root> roots;
  const auto root = [&](NodeId node) {
    roots.push_back({node, w.column("out" + std::to_string(roots.size()))});
  };
  root(w.stateful(Op::held, {condition}, seconds(3)));
  root(w.stateful(Op::rises, {condition}, seconds(20)));
  root(w.stateful(Op::time_true, {condition}, seconds(20)));
  root(w.stateful(Op::previous, {number}));
  root(w.stateful(Op::hysteresis, {number, one, w.constant(-1), w.constant(3), w.constant(2)}));
  root(w.stateful(Op::ramp, {number, one, one}));
  root(w.stateful(Op::delay, {number}, seconds(4), {4}));
  root(w.stateful(Op::stiction, {number, w.constant(2), one}));
  // States 0 → 1 when the condition is true, after 2 s; 1 → 0 after 3 s.
  root(w.stateful(Op::machine, {condition, w.truth(1)}, {}, {2, 0, 1, 2e9, 1, 0, 0, 3e9, 1, 1}));
  root(w.stateful(Op::latch, {condition, w.op(Op::less, {number, w.constant(-2)})}));
  root(w.stateful(Op::pid, {zero, number, one, w.constant(5), one, zero, w.constant(-9), w.constant(9),
                            w.constant(kUnknown), w.truth(0)}));
  Program program = Program::compile(w.schema, w.graph, w.table, roots, {});
  Tables trunk(w.schema, {3}), fork(w.schema, {3});
  program.bind(fork);
  program.reset(0, 3);
  program.bind(trunk);
  program.reset(0, 3);
  std::mt19937_64 engine(11);
  for (int k = 0; k < 200; ++k) {
    for (size_t i = 0; i < 3; ++i) {
      const double value = static_cast<double>(engine() % 9) - 4;
      const auto truth = static_cast<uint8_t>(engine() % 3);
      for (Tables* t : {&trunk, &fork})
        t->as<double>(w.table, x)[i] = value, t->as<uint8_t>(w.table, c)[i] = truth;
    }
    program.run({at(k), {}}, 0, 3);
    if (k > 0) {
      // The fork was restored from the trunk's state columns after the evaluation before.
      program.bind(fork);
      program.run({at(k), {}}, 0, 3);
      for (const Root& r : roots) {
        for (size_t i = 0; i < 3; ++i) {
          REQUIRE(same(trunk.as<double>(w.table, r.column)[i], fork.as<double>(w.table, r.column)[i]));
        }
      }
    }
    program.bind(fork);
    program.reset(0, 3);
    for (const ColumnId s : program.state_columns()) {
      std::memcpy(fork.column(w.table, s), trunk.column(w.table, s),
                  3 * size_of(w.schema.column(w.table, s).storage));
    }
    program.bind(trunk);
  }
}

TEST_CASE("stateful operations: of uniform arguments each row has a state of its own") {
  Workbench w;
  const ColumnId out = w.column("out", Storage::boolean);
  Node held = w.make(Op::held, {w.op(Op::greater, {w.feed(0), w.constant(30)})});
  held.span = seconds(5);
  const NodeId hot = w.graph.add(held);
  REQUIRE_FALSE(w.graph[hot].table.valid());
  const std::vector<Root> roots = {{hot, out}};
  Program program = Program::compile(w.schema, w.graph, w.table, roots, {});
  REQUIRE(program.uniforms().size() == 1);
  Tables t(w.schema, {2});
  program.bind(t);
  program.reset(0, 2);
  const double yes[] = {1.0};
  program.run({at(0), yes}, 0, 1);
  program.run({at(3), yes}, 1, 1);
  program.run({at(6), yes}, 0, 2);
  CHECK(t.as<uint8_t>(w.table, out)[0] == 1);
  CHECK(t.as<uint8_t>(w.table, out)[1] == 0);
}

}  // namespace
}  // namespace looptwin::lang::test
