#include "lang/plant.h"

#include <catch2/catch.hpp>

#include "tests/lang/tables.h"

namespace looptwin::lang::test {
namespace {

/// The equivalent-thermal-parameter house of GridLAB-D (house_e), in Btu, °F and h, time scaled to s.
struct House {
  static constexpr size_t kRows = 300;
  Workbench w;
  ColumnId ua = w.column("UA"), ca = w.column("CA"), cm = w.column("CM"), hm = w.column("HM"),
           capacity = w.column("capacity");
  ColumnId compressor = w.column("compressor", Storage::boolean);
  ColumnId air = w.column("air"), mass = w.column("mass"), cooling = w.column("cooling"),
           flow = w.column("flow");
  Tables tables{w.schema, {kRows}};

  NodeId sub(NodeId a, NodeId b) { return w.op(Op::subtract, {a, b}); }
  NodeId add(NodeId a, NodeId b) { return w.op(Op::add, {a, b}); }
  NodeId mul(NodeId a, NodeId b) { return w.op(Op::multiply, {a, b}); }
  NodeId div(NodeId a, NodeId b) { return w.op(Op::divide, {a, b}); }
  NodeId get(ColumnId c) { return w.read(c); }

  PlantSource source(Duration step) {
    const NodeId outdoor = w.feed(0);
    // CA·air' = UA (outdoor − air) + flow − cooling, where flow = HM (mass − air) is an output by itself.
    const NodeId gain = sub(add(mul(get(ua), sub(outdoor, get(air))), get(flow)), get(cooling));
    PlantSource s{.table = w.table, .step = step};
    s.states = {{"air", air, div(div(gain, get(ca)), w.constant(3600))},
                {"mass", mass, div(div(mul(get(hm), sub(get(air), get(mass))), get(cm)), w.constant(3600))}};
    s.outputs = {{w.op(Op::choose, {get(compressor), get(capacity), w.constant(0)}), cooling},
                 {mul(get(hm), sub(get(mass), get(air))), flow}};
    s.parameters = {ua, ca, cm, hm, capacity};
    return s;
  }

  void fill() {
    for (size_t i = 0; i < kRows; ++i) {
      const double spread = 1 + 0.001 * static_cast<double>(i);
      at(ua)[i] = 400 * spread;
      at(ca)[i] = 1500;
      at(cm)[i] = 4500;
      at(hm)[i] = 5000 / spread;
      at(capacity)[i] = 20000;
      at(air)[i] = at(mass)[i] = 70;
      tables.as<uint8_t>(w.table, compressor)[i] = 0;
    }
  }
  double* at(ColumnId c) { return tables.as<double>(w.table, c); }

  Plant compile(const PlantSource& s) {
    Result<Plant> plant = Plant::compile(w.schema, w.graph, s);
    INFO((plant ? std::string() : render(plant.error())));
    REQUIRE(plant);
    plant->bind(tables);
    fill();
    plant->prepare(0, kRows);
    return std::move(*plant);
  }
  static void advance(const Plant& plant, int64_t steps, size_t first = 0, size_t count = kRows) {
    const double outdoor[] = {100.0};
    for (int64_t k = 0; k < steps; ++k) {
      plant.outputs({kStart, outdoor}, first, count);
      plant.advance({kStart, outdoor}, first, count);
    }
  }
};

TEST_CASE("plant: the two-mass house follows its closed form at any step") {
  // Closed form of GridLAB-D's house_e with UA 400, Ca 1500, Cm 4500, Hm 5000, outdoor 100 °F, from 70 °F.
  struct {
    int64_t hours;
    double air, mass;
  } const reference[] = {
      {1, 73.08628, 71.46547}, {6, 80.44202, 79.25146}, {24, 93.79238, 93.41450}, {48, 98.65602, 98.57421}};
  const Duration step = GENERATE(seconds(1), seconds(60), minutes(10), hours(1));
  House house;
  const Plant plant = house.compile(house.source(step));
  REQUIRE(plant.integrator() == Integrator::exact);
  int64_t done = 0;
  for (const auto& r : reference) {
    const int64_t steps = hours(r.hours) / step;
    House::advance(plant, steps - done, 0, step < minutes(1) ? 2 : House::kRows);
    done = steps;
    CHECK(house.at(house.air)[0] == Approx(r.air).margin(6e-6).epsilon(0));
    CHECK(house.at(house.mass)[0] == Approx(r.mass).margin(6e-6).epsilon(0));
    // x(t) = x∞ + Σ c e^{λt}, λ the roots of λ² + λ((UA + Hm)/Ca + Hm/Cm) + UA·Hm/(Ca·Cm).
    const double b = 5400.0 / 1500 + 5000.0 / 4500, c = 400.0 * 5000 / (1500.0 * 4500);
    const double fast = -(b + std::sqrt(b * b - 4 * c)) / 2, slow = c / fast;
    const double rise = 30 * 400.0 / 1500, t = static_cast<double>(r.hours);
    const double exact =
        100 +
        ((rise + 30 * slow) * std::exp(fast * t) - (rise + 30 * fast) * std::exp(slow * t)) / (fast - slow);
    CHECK(house.at(house.air)[0] == Approx(exact).epsilon(1e-11));
  }
}

TEST_CASE("plant: rows have their own parameters, and a part of the rows advances as all at once do") {
  House house, parts;
  const Plant plant = house.compile(house.source(minutes(1))),
              other = parts.compile(parts.source(minutes(1)));
  House::advance(plant, 50);
  for (const auto& [first, count] : {std::pair<size_t, size_t>{0, 7}, {7, 260}, {267, 33}})
    House::advance(other, 50, first, count);
  for (size_t i = 0; i < House::kRows; ++i) {
    REQUIRE(same(house.at(house.air)[i], parts.at(parts.air)[i]));
    if (i > 0) REQUIRE(house.at(house.air)[i] > house.at(house.air)[i - 1]);
  }
}

TEST_CASE("plant: an actuator that changed since the outputs acts in the next step") {
  House house;
  const Plant plant = house.compile(house.source(minutes(1)));
  const double outdoor[] = {70.0};
  plant.outputs({kStart, outdoor}, 0, House::kRows);
  CHECK(house.at(house.cooling)[3] == 0.0);
  for (size_t i = 0; i < House::kRows; ++i)
    house.tables.as<uint8_t>(house.w.table, house.compressor)[i] = i % 2;
  plant.advance({kStart, outdoor}, 0, House::kRows);
  CHECK(house.at(house.air)[2] == Approx(70).epsilon(1e-14));
  CHECK(house.at(house.air)[3] < 69.8);
  plant.outputs({kStart, outdoor}, 0, House::kRows);
  CHECK(house.at(house.cooling)[3] == 20000.0);
  CHECK(house.at(house.flow)[3] ==
        house.at(house.hm)[3] * (house.at(house.mass)[3] - house.at(house.air)[3]));
}

TEST_CASE("plant: Runge-Kutta agrees with the exact step where both apply") {
  House house, rk;
  const Plant plant = house.compile(house.source(seconds(10)));
  PlantSource source = rk.source(seconds(10));
  source.integrator = Integrator::runge_kutta4;
  const Plant approximate = rk.compile(source);
  REQUIRE(approximate.integrator() == Integrator::runge_kutta4);
  House::advance(plant, 360, 0, 64);
  House::advance(approximate, 360, 0, 64);
  for (size_t i = 0; i < 64; ++i) REQUIRE(rk.at(rk.air)[i] == Approx(house.at(house.air)[i]).epsilon(1e-10));
}

TEST_CASE("plant: coefficients that are the same for all rows need no columns") {
  Workbench w;
  const ColumnId x = w.column("x"), v = w.column("v"), force = w.column("force");
  // An oscillator x'' = −4x + force with period π, and its exact solution from rest at 1.
  PlantSource s{.table = w.table, .step = milliseconds(100)};
  s.states = {{"x", x, w.read(v)},
              {"v", v, w.op(Op::subtract, {w.read(force), w.op(Op::multiply, {w.constant(4), w.read(x)})})}};
  Result<Plant> plant = Plant::compile(w.schema, w.graph, s);
  REQUIRE(plant);
  CHECK(plant->hidden_columns().empty());
  Tables t(w.schema, {5});
  plant->bind(t);
  plant->prepare(0, 5);
  for (size_t i = 0; i < 5; ++i)
    t.as<double>(w.table, x)[i] = 1, t.as<double>(w.table, force)[i] = 2.0 * static_cast<double>(i);
  for (int k = 1; k <= 200; ++k) {
    plant->advance({kStart, {}}, 0, 5);
    for (size_t i = 0; i < 5; ++i) {
      const double rest = 0.5 * static_cast<double>(i);
      REQUIRE(t.as<double>(w.table, x)[i] == Approx(rest + (1 - rest) * std::cos(0.2 * k)).margin(1e-12));
    }
  }
}

TEST_CASE("plant: an integrator, whose matrix is singular, is exact as well") {
  Workbench w;
  const ColumnId level = w.column("level"), inflow = w.column("inflow"), area = w.column("area");
  PlantSource s{.table = w.table, .step = seconds(2)};
  s.states = {{"level", level,
               w.op(Op::divide, {w.op(Op::subtract, {w.read(inflow), w.constant(0.5)}), w.read(area)})}};
  s.parameters = {area};
  Result<Plant> plant = Plant::compile(w.schema, w.graph, s);
  REQUIRE(plant);
  CHECK(plant->integrator() == Integrator::exact);
  Tables t(w.schema, {3});
  plant->bind(t);
  for (size_t i = 0; i < 3; ++i) {
    t.as<double>(w.table, area)[i] = 4;
    t.as<double>(w.table, inflow)[i] = 1.5;
  }
  plant->prepare(0, 3);
  for (int k = 0; k < 10; ++k) plant->advance({kStart, {}}, 0, 3);
  CHECK(t.as<double>(w.table, level)[2] == Approx(5.0).epsilon(1e-14));
}

/// x' = −x², x(0) = 1: x = 1/(1 + t); y' = −x·y: y = 1/(1 + t) as well. Both at t = 1 s.
double error_of(int64_t steps, std::optional<Integrator> integrator = {}) {
  Workbench w;
  const ColumnId x = w.column("x"), y = w.column("y");
  PlantSource s{.table = w.table, .step = Duration{1'000'000'000 / steps}};
  s.states = {{"x", x, w.op(Op::negate, {w.op(Op::multiply, {w.read(x), w.read(x)})})},
              {"y", y, w.op(Op::negate, {w.op(Op::multiply, {w.read(x), w.read(y)})})}};
  s.integrator = integrator;
  Result<Plant> plant = Plant::compile(w.schema, w.graph, s);
  REQUIRE(plant);
  REQUIRE(plant->integrator() == integrator.value_or(Integrator::runge_kutta4));
  Tables t(w.schema, {1});
  plant->bind(t);
  plant->prepare(0, 1);
  *t.as<double>(w.table, x) = *t.as<double>(w.table, y) = 1;
  for (int64_t k = 0; k < steps; ++k) plant->advance({kStart, {}}, 0, 1);
  CHECK(*t.as<double>(w.table, x) == Approx(0.5).margin(2e-3));
  return std::fabs(*t.as<double>(w.table, y) - 0.5);
}

TEST_CASE("plant: a state with limits stays within, is read so inside a step, and leaves a limit at once") {
  for (const auto method : {Integrator::euler, Integrator::runge_kutta4, Integrator::dormand_prince5}) {
    Workbench w;
    const ColumnId level = w.column("level"), passed = w.column("passed"), inflow = w.column("inflow"),
                   most = w.column("most");
    PlantSource s{.table = w.table, .step = milliseconds(500)};
    s.states = {{"level", level, w.read(inflow), w.constant(0), w.read(most)},
                {"passed", passed, w.read(level)}};
    s.parameters = {most};
    s.integrator = method;
    Result<Plant> plant = Plant::compile(w.schema, w.graph, s);
    REQUIRE(plant);
    Tables t(w.schema, {2});
    plant->bind(t);
    const auto at = [&](ColumnId column) { return t.as<double>(w.table, column); };
    for (const size_t i : {0, 1}) {
      at(level)[i] = at(passed)[i] = 0;
      at(inflow)[i] = 1;
      at(most)[i] = i == 0 ? 2 : 100;
    }
    plant->prepare(0, 2);
    const auto steps = [&](int n) {
      for (int k = 0; k < n; ++k) plant->advance({kStart, {}}, 0, 2);
    };
    steps(8);  // to 4 s: the first row is full since 2 s
    CHECK(at(level)[0] == 2);
    CHECK(at(level)[1] == Approx(4));
    const double before = at(passed)[0];
    steps(4);
    CHECK(at(passed)[0] - before == Approx(4).epsilon(1e-14));
    at(inflow)[0] = at(inflow)[1] = -1;
    steps(1);
    CHECK(at(level)[0] == Approx(1.5).epsilon(1e-14));
    CHECK(at(level)[1] == Approx(5.5).epsilon(1e-14));
    steps(20);
    CHECK(at(level)[0] == 0);
    CHECK(at(level)[1] == 0);
  }
}

TEST_CASE("plant: limits and the exact step do not go together") {
  Workbench w;
  const ColumnId x = w.column("x");
  PlantSource s{.table = w.table, .step = seconds(1)};
  s.states = {{"x", x, w.constant(1), w.constant(0)}};
  s.integrator = Integrator::exact;
  Result<Plant> refused = Plant::compile(w.schema, w.graph, s);
  REQUIRE_FALSE(refused);
  CHECK(refused.error()[0].message == "the state 'x' has limits, which no exact step knows");
  s.integrator.reset();
  Result<Plant> plant = Plant::compile(w.schema, w.graph, s);
  REQUIRE(plant);
  CHECK(plant->integrator() == Integrator::runge_kutta4);
}

TEST_CASE("plant: Runge-Kutta converges with order 4 on a nonlinear system") {
  const double coarse = error_of(8), fine = error_of(16), finest = error_of(32);
  CHECK(std::log2(coarse / fine) == Approx(4).margin(0.25));
  CHECK(std::log2(fine / finest) == Approx(4).margin(0.25));
}

TEST_CASE("plant: Euler's method converges with order 1, Dormand and Prince's with order 5") {
  const auto order = [](Integrator integrator, int64_t steps) {
    return std::log2(error_of(steps, integrator) / error_of(2 * steps, integrator));
  };
  CHECK(order(Integrator::euler, 1024) == Approx(1).margin(0.05));
  // From above: 6.0 at 8 steps, 5.7 at 16.
  CHECK(order(Integrator::dormand_prince5, 32) == Approx(5).margin(0.45));
  CHECK(order(Integrator::dormand_prince5, 64) == Approx(5).margin(0.3));
}

TEST_CASE("plant: the exact step is refused where rates are not linear, and says which and why") {
  Workbench w;
  const ColumnId x = w.column("x"), y = w.column("y"), valve = w.column("valve");
  PlantSource s{.table = w.table, .step = seconds(1)};
  s.integrator = Integrator::exact;
  s.states = {{"x", x, w.op(Op::negate, {w.read(x)})},
              {"y", y, w.op(Op::multiply, {w.read(valve), w.read(y)})}};
  const Result<Plant> refused = Plant::compile(w.schema, w.graph, s);
  REQUIRE_FALSE(refused);
  CHECK(refused.error()[0].message.find("rate of 'y'") != std::string::npos);
  CHECK(refused.error()[0].message.find("'multiply'") != std::string::npos);
  CHECK(refused.error()[0].hint.find("runge_kutta4") != std::string::npos);
  s.parameters = {valve};
  CHECK(Plant::compile(w.schema, w.graph, s));
}

TEST_CASE("plant: outputs in a circle are refused with the circle") {
  Workbench w;
  const ColumnId x = w.column("x"), a = w.column("a"), b = w.column("b");
  PlantSource s{.table = w.table, .step = seconds(1)};
  s.states = {{"x", x, w.read(a)}};
  s.outputs = {{w.op(Op::add, {w.read(b), w.constant(1)}), a}, {w.op(Op::negate, {w.read(a)}), b}};
  const Result<Plant> refused = Plant::compile(w.schema, w.graph, s);
  REQUIRE_FALSE(refused);
  CHECK(refused.error()[0].message.find("a → b → a") != std::string::npos);
}

TEST_CASE("plant: a choice by a parameter is linear, one by a state is not") {
  Workbench w;
  const ColumnId x = w.column("x"), insulated = w.column("insulated", Storage::boolean);
  const NodeId loss = w.op(Op::choose, {w.read(insulated), w.constant(-0.1), w.constant(-0.2)});
  PlantSource s{.table = w.table, .step = seconds(1)};
  s.states = {{"x", x, w.op(Op::multiply, {loss, w.read(x)})}};
  s.parameters = {insulated};
  Result<Plant> plant = Plant::compile(w.schema, w.graph, s);
  REQUIRE(plant);
  CHECK(plant->integrator() == Integrator::exact);
  Tables t(w.schema, {2});
  plant->bind(t);
  t.as<uint8_t>(w.table, insulated)[1] = 1;
  plant->prepare(0, 2);
  t.as<double>(w.table, x)[0] = t.as<double>(w.table, x)[1] = 1;
  plant->advance({kStart, {}}, 0, 2);
  CHECK(t.as<double>(w.table, x)[0] == Approx(std::exp(-0.2)).epsilon(1e-14));
  CHECK(t.as<double>(w.table, x)[1] == Approx(std::exp(-0.1)).epsilon(1e-14));

  const NodeId warm = w.op(Op::greater, {w.read(x), w.constant(0.5)});
  s.states[0].rate = w.op(Op::choose, {warm, w.op(Op::negate, {w.read(x)}), w.constant(0)});
  plant = Plant::compile(w.schema, w.graph, s);
  REQUIRE(plant);
  CHECK(plant->integrator() == Integrator::runge_kutta4);
}

TEST_CASE("plant: what depends on parameters alone is computed once a row") {
  Workbench w;
  const ColumnId x = w.column("x"), k = w.column("k"), y = w.column("y");
  const NodeId scaled = w.op(Op::exponential, {w.op(Op::square_root, {w.read(k)})});
  PlantSource s{.table = w.table, .step = seconds(1)};
  s.states = {{"x", x, w.op(Op::multiply, {scaled, w.op(Op::sine, {w.read(x)})})}};
  s.outputs = {{w.op(Op::multiply, {scaled, w.read(x)}), y}};
  s.parameters = {k};
  Result<Plant> plant = Plant::compile(w.schema, w.graph, s);
  REQUIRE(plant);
  REQUIRE(plant->hidden_columns().size() == 1);
  Tables t(w.schema, {1});
  plant->bind(t);
  *t.as<double>(w.table, k) = 4;
  *t.as<double>(w.table, x) = 2;
  plant->prepare(0, 1);
  *t.as<double>(w.table, k) = kUnknown;  // not looked at again
  plant->outputs({kStart, {}}, 0, 1);
  CHECK(*t.as<double>(w.table, y) == Approx(2 * std::exp(2.0)).epsilon(1e-14));
}

}  // namespace
}  // namespace looptwin::lang::test
