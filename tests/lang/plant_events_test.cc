// Events of plants: crossings located within a step, resets in written order, Zeno's case.
#include <catch2/catch.hpp>
#include <cmath>

#include "lang/linear.h"
#include "lang/plant.h"
#include "tests/lang/tables.h"

namespace looptwin::lang::test {
namespace {

constexpr double kGravity = 9.81;

/// Uniform values of constants alone.
std::vector<double> constants_of(const std::vector<NodeId>& nodes, const Graph& graph) {
  struct None : UniformProgram::Feeds {
    double value(FeedId, Time) override { return kUnknown; }
    double forecast(Op, FeedId, Time, double, double) override { return kUnknown; }
    double civil(Op, Time) override { return kUnknown; }
  } none;
  std::vector<double> values(nodes.size());
  UniformProgram(graph, nodes).run(kStart, none, values);
  return values;
}
std::vector<double> uniforms_of(const Plant& plant, const Graph& graph) {
  return constants_of(plant.uniforms(), graph);
}

/// The values of two states of a plant of one row, which begin at 0, after so many steps.
std::pair<double, double> after(Workbench& w, const PlantSource& s, ColumnId a, ColumnId b, int steps) {
  auto plant = Plant::compile(w.schema, w.graph, s);
  REQUIRE(plant);
  Tables t(w.schema, {1});
  plant->bind(t);
  *t.as<double>(w.table, a) = *t.as<double>(w.table, b) = 0;
  plant->prepare(0, 1);
  plant->start(0, 1);
  for (int k = 0; k < steps; ++k)
    REQUIRE_FALSE(plant->advance({kStart, uniforms_of(*plant, w.graph)}, 0, 1).has_value());
  return {*t.as<double>(w.table, a), *t.as<double>(w.table, b)};
}

/// Rows of balls that fall from one height and come back with a part of their speed.
struct Balls {
  static constexpr size_t kRows = 3;
  Workbench w;
  ColumnId height = w.column("height"), speed = w.column("speed"), bounces = w.column("bounces"),
           part = w.column("part"), ground = w.column("ground");
  Tables tables{w.schema, {kRows}};
  std::optional<Plant> plant;

  explicit Balls(Duration step) {
    PlantSource s{.table = w.table, .step = step};
    s.states = {{"height", height, w.read(speed)},
                {"speed", speed, w.constant(-kGravity)},
                {"bounces", bounces, w.constant(0)}};
    s.parameters = {part};
    const NodeId down = w.op(Op::less, {w.read(speed), w.constant(0)});
    const NodeId low = w.op(Op::less_equal, {w.read(height), w.read(ground)});
    s.events = {{"bounce",
                 w.op(Op::logical_and, {low, down}),
                 {{w.read(ground), height},
                  {w.op(Op::negate, {w.op(Op::multiply, {w.read(part), w.read(speed)})}), speed},
                  {w.op(Op::add, {w.read(bounces), w.constant(1)}), bounces}}}};
    auto compiled = Plant::compile(w.schema, w.graph, s);
    REQUIRE(compiled);
    CHECK(compiled->integrator() == Integrator::runge_kutta4);
    plant.emplace(std::move(*compiled));
    plant->bind(tables);
    const double parts[] = {0.8, 0.5, 0};
    for (size_t i = 0; i < kRows; ++i) {
      at(height)[i] = 10;
      at(speed)[i] = at(bounces)[i] = at(ground)[i] = 0;
      at(part)[i] = parts[i];
    }
    plant->prepare(0, kRows);
    plant->start(0, kRows);
  }
  std::optional<Crowded> advance(size_t rows) {
    return plant->advance({kStart, uniforms_of(*plant, w.graph)}, 0, rows);
  }
  double* at(ColumnId column) { return tables.as<double>(w.table, column); }
};

/// Height and bounces of a ball at `t`, in closed form: the first comes after √(2h/g), each flight lasts
/// `part` of the one before.
std::pair<double, int> ball_at(double t, double part) {
  const double first = std::sqrt(2 * 10 / kGravity);
  if (t < first) return {10 - kGravity * t * t / 2, 0};
  double since = t - first, up = kGravity * first * part;
  int bounces = 1;
  while (since >= 2 * up / kGravity) {
    since -= 2 * up / kGravity;
    up *= part;
    ++bounces;
  }
  return {up * since - kGravity * since * since / 2, bounces};
}

}  // namespace

TEST_CASE("plant events: a bouncing ball is where the closed form says, at any step") {
  for (const int64_t ms : {10, 100, 500}) {
    Balls balls{milliseconds(ms)};
    for (int64_t k = 1; k * ms <= 7000; ++k) {
      REQUIRE_FALSE(balls.advance(2).has_value());
      const double t = static_cast<double>(k * ms) / 1000;
      for (size_t i = 0; i < 2; ++i) {
        const double part = i == 0 ? 0.8 : 0.5;
        // The second ball comes to rest at √(2h/g)·(1 + p)/(1 − p) = 4.28 s; up to then its bounces crowd.
        if (i == 1 && t > 4) continue;
        const auto [height, bounces] = ball_at(t, part);
        INFO("step " << ms << " ms, row " << i << ", at " << t << " s");
        REQUIRE(balls.at(balls.height)[i] == Approx(height).margin(1e-6));
        REQUIRE(balls.at(balls.bounces)[i] == bounces);
      }
      if (t >= 4) balls.at(balls.height)[1] = 100, balls.at(balls.speed)[1] = 0;
    }
    CHECK(balls.at(balls.bounces)[0] == 3);
  }
}

TEST_CASE("plant events: a row without end is told, and the others go on") {
  Balls balls(milliseconds(100));
  std::optional<Crowded> crowded;
  int steps = 0;
  for (; steps < 100 && !crowded; ++steps) crowded = balls.advance(Balls::kRows);
  REQUIRE(crowded);
  // The third ball does not come back: it falls through its floor again at once, after √(2h/g) = 1.43 s.
  CHECK(crowded->row == 2);
  CHECK(crowded->event == 0);
  CHECK(steps == 15);
  CHECK(balls.at(balls.height)[0] == Approx(ball_at(1.5, 0.8).first).margin(1e-6));
  CHECK(balls.at(balls.height)[2] == Approx(0).margin(1e-6));
}

TEST_CASE(
    "plant events: of several at one instant the first as written goes first, and may close the others") {
  Workbench w;
  const ColumnId x = w.column("x"), order = w.column("order");
  PlantSource s{.table = w.table, .step = seconds(1)};
  s.states = {{"x", x, w.constant(1)}, {"order", order, w.constant(0)}};
  const auto above = [&](double limit) { return w.op(Op::greater_equal, {w.read(x), w.constant(limit)}); };
  const auto note = [&](double digit) {
    return w.op(Op::add, {w.op(Op::multiply, {w.read(order), w.constant(10)}), w.constant(digit)});
  };
  // 1 and 2 at 2.5; 3 would be as well, but 2 takes x back. 4 is raised by 2.
  s.events = {{"one", above(2.5), {{note(1), order}}},
              {"two", above(2.5), {{note(2), order}, {w.constant(0), x}}},
              {"three", above(2.5), {{note(3), order}}},
              {"four", w.op(Op::equal, {w.read(order), w.constant(12)}), {{note(4), order}}}};
  const auto [of_x, of_order] = after(w, s, x, order, 3);
  CHECK(of_order == 124);
  CHECK(of_x == Approx(0.5).margin(1e-8));
}

TEST_CASE("plant events: what is false at another's instant has been false, however long the step") {
  // x rises by 0.013 a second and starts anew at 1: it comes below 0.5 at the start and eleven times more
  // within 900 s.
  for (const int step : {100, 50, 20, 10, 1}) {
    Workbench w;
    const ColumnId x = w.column("x"), lows = w.column("lows");
    PlantSource s{.table = w.table, .step = seconds(step)};
    s.states = {{"x", x, w.constant(0.013)}, {"lows", lows, w.constant(0)}};
    s.events = {{"wrap",
                 w.op(Op::greater_equal, {w.read(x), w.constant(1)}),
                 {{w.op(Op::subtract, {w.read(x), w.constant(1)}), x}}},
                {"low",
                 w.op(Op::less, {w.read(x), w.constant(0.5)}),
                 {{w.op(Op::add, {w.read(lows), w.constant(1)}), lows}}}};
    CAPTURE(step);
    CHECK(after(w, s, x, lows, 900 / step).second == 12);
  }
}

TEST_CASE("plant events: what an input makes true happens at the grid point, once") {
  Workbench w;
  const ColumnId x = w.column("x"), valve = w.column("valve", Storage::boolean);
  PlantSource s{.table = w.table, .step = seconds(1)};
  s.states = {{"x", x, w.constant(1)}};
  s.events = {{"dump", w.read(valve), {{w.constant(0), x}}}};
  auto plant = Plant::compile(w.schema, w.graph, s);
  REQUIRE(plant);
  Tables t(w.schema, {2});
  plant->bind(t);
  t.as<double>(w.table, x)[1] = 0;
  plant->prepare(0, 2);
  plant->start(0, 2);
  const uint8_t valves[] = {0, 0, 1, 1, 0, 2, 1};
  const double expected[] = {1, 2, 1, 2, 3, 4, 1};
  for (int k = 0; k < 7; ++k) {
    t.as<uint8_t>(w.table, valve)[1] = valves[k];
    REQUIRE_FALSE(plant->advance({kStart, uniforms_of(*plant, w.graph)}, 1, 1).has_value());
    INFO(k);
    CHECK(t.as<double>(w.table, x)[1] == expected[k]);
  }
}

TEST_CASE("plant events: the exact integrator is refused with them") {
  Workbench w;
  const ColumnId x = w.column("x");
  PlantSource s{.table = w.table, .step = seconds(1), .integrator = Integrator::exact};
  s.states = {{"x", x, w.constant(1)}};
  s.events = {{"back", w.op(Op::greater, {w.read(x), w.constant(5)}), {{w.constant(0), x}}}};
  const auto plant = Plant::compile(w.schema, w.graph, s);
  REQUIRE_FALSE(plant);
  CHECK(plant.error()[0].hint == "integrator: runge_kutta4");
}

TEST_CASE("plant events: a reset past a state's limit leaves it at the limit") {
  Workbench w;
  const ColumnId x = w.column("x");
  PlantSource s{.table = w.table, .step = seconds(1)};
  s.states = {{"x", x, w.constant(1), {}, w.constant(5)}};
  s.events = {{"jump", w.op(Op::greater_equal, {w.read(x), w.constant(2.5)}), {{w.constant(9), x}}}};
  auto plant = Plant::compile(w.schema, w.graph, s);
  REQUIRE(plant);
  Tables t(w.schema, {1});
  plant->bind(t);
  *t.as<double>(w.table, x) = 0;
  plant->prepare(0, 1);
  plant->start(0, 1);
  for (int k = 0; k < 3; ++k) plant->advance({kStart, uniforms_of(*plant, w.graph)}, 0, 1);
  CHECK(*t.as<double>(w.table, x) == 5);
}

TEST_CASE("plant events: a condition that jumps is located as closely as one that crosses") {
  // A square wave of the state, a remainder, and words of two states: margins are infinite, or jump.
  for (const int which : {0, 1, 2}) {
    Workbench w;
    const ColumnId x = w.column("x"), caught = w.column("caught"), mode = w.column("mode");
    PlantSource s{.table = w.table, .step = seconds(1)};
    s.states = {{"x", x, w.constant(1)}, {"caught", caught, w.constant(0)}, {"mode", mode, w.constant(0)}};
    const NodeId late = w.op(Op::greater_equal, {w.read(x), w.constant(3.7)});
    const NodeId fresh = w.op(Op::equal, {w.read(mode), w.constant(0)});
    const NodeId wave =
        w.op(Op::equal, {w.op(Op::floor, {w.op(Op::divide, {w.read(x), w.constant(3.7)})}), w.constant(1)});
    const NodeId saw = w.op(Op::less, {w.op(Op::modulo, {w.read(x), w.constant(3.7)}), w.constant(0.5)});
    const NodeId when = which == 0 ? w.op(Op::logical_and, {fresh, late})
                        : which == 1
                            ? w.op(Op::logical_and, {fresh, wave})
                            : w.op(Op::logical_and, {w.op(Op::greater, {w.read(x), w.constant(1)}), saw});
    s.events = {{"catch", when, {{w.read(x), caught}, {w.constant(1), mode}}}};
    auto plant = Plant::compile(w.schema, w.graph, s);
    REQUIRE(plant);
    Tables t(w.schema, {1});
    plant->bind(t);
    for (const ColumnId column : {x, caught, mode}) *t.as<double>(w.table, column) = 0;
    plant->prepare(0, 1);
    plant->start(0, 1);
    for (int k = 0; k < 4; ++k) plant->advance({kStart, uniforms_of(*plant, w.graph)}, 0, 1);
    CAPTURE(which);
    CHECK(*t.as<double>(w.table, caught) == Approx(3.7).epsilon(0).margin(1e-9));
    CHECK(*t.as<double>(w.table, caught) >= 3.7);
  }
}

TEST_CASE("plant events: a margin is above 0 where its condition holds, and below where it does not") {
  Workbench w;
  const ColumnId a = w.column("a"), b = w.column("b"), out = w.column("out"), holds = w.column("holds");
  const auto less = [&](NodeId x, NodeId y) { return w.op(Op::less, {x, y}); };
  const auto at_least = [&](NodeId x, NodeId y) { return w.op(Op::greater_equal, {x, y}); };
  const NodeId x = w.read(a), y = w.read(b);
  const std::vector<NodeId> conditions = {
      less(x, y),
      at_least(x, w.constant(0.25)),
      w.op(Op::logical_and, {less(x, y), at_least(y, w.constant(0.5)), less(x, w.constant(0.3))}),
      w.op(Op::logical_or, {less(y, x), at_least(x, w.constant(0.8))}),
      w.op(Op::logical_not, {w.op(Op::logical_or, {less(x, y), less(y, w.constant(0.1))})}),
      w.op(Op::logical_and,
           {w.op(Op::equal, {w.op(Op::floor, {w.op(Op::multiply, {x, w.constant(4)})}), w.constant(2)}),
            less(x, y)})};
  constexpr size_t kRows = 100;
  for (const NodeId condition : conditions) {
    Algebra algebra(w.graph);
    const NodeId number = w.op(Op::choose, {condition, w.constant(1), w.constant(0)});
    Program program =
        Program::compile(w.schema, w.graph, w.table,
                         std::vector<Root>{{margin_of(algebra, condition), out}, {number, holds}}, {});
    Tables t(w.schema, {kRows});
    program.bind(t);
    for (size_t i = 0; i < kRows; ++i) {
      t.as<double>(w.table, a)[i] = static_cast<double>(i * 37 % 101) / 101;
      t.as<double>(w.table, b)[i] = static_cast<double>(i * 61 % 103) / 103;
    }
    const auto uniforms = constants_of(program.uniforms(), w.graph);
    program.run({kStart, uniforms}, 0, kRows);
    size_t held = 0;
    for (size_t i = 0; i < kRows; ++i) {
      REQUIRE((t.as<double>(w.table, out)[i] > 0) == (t.as<double>(w.table, holds)[i] == 1));
      held += t.as<double>(w.table, holds)[i] == 1 ? 1 : 0;
    }
    CHECK(held > 0);
    CHECK(held < kRows);
  }
}

}  // namespace looptwin::lang::test
