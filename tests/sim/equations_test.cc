// Plants of equations: what their solvers and events reproduce, and how they fail.
#include <catch2/catch.hpp>
#include <cmath>
#include <fstream>
#include <sstream>

#include "equations_plants.h"
#include "sim/plants/equations_check.h"

using namespace looptwin;
using namespace looptwin::sim;
using namespace looptwin::sim::test;

namespace {

constexpr EquationMethod kAll[] = {EquationMethod::cvode, EquationMethod::runge_kutta4,
                                   EquationMethod::dormand_prince5};
constexpr EquationMethod kBoth[] = {EquationMethod::cvode, EquationMethod::runge_kutta4};

Time at(double t) { return kStart + nanoseconds(std::llround(t * 1e9)); }

EquationKindConfig ball() {
  auto made = kind("ball", {{"g", "9.81 m/s2"}, {"kept", "0.8"}}, {{"height", "10 m"}, {"speed", "0 m/s"}},
                   {{"height", "speed"}, {"speed", "-g"}});
  made.events.push_back(event("bounce", "height <= 0 m && speed < 0 m/s", {{"speed", "-kept * speed"}}));
  return made;
}

/// Height of the ball, by its parabolas.
double ball_height(double t) {
  const double g = 9.81;
  double begin = std::sqrt(2 * 10 / g), v = 0.8 * g * begin;
  if (t < begin) return 10 - g / 2 * t * t;
  for (; t >= begin + 2 * v / g; v *= 0.8) begin += 2 * v / g;
  return v * (t - begin) - g / 2 * (t - begin) * (t - begin);
}

/// Van de Vusse's reaction in a cooled tank, as Klatt and Engell (1993) and Chen, Kremling and Allgöwer
/// (1995) have it; concentrations and temperatures from the reference's steady state.
EquationKindConfig vandevusse(const std::string& exchange_rate, const std::string& cooling) {
  auto made =
      kind("reactor",
           {{"fed", "5.10 mol/L"},
            {"feed_temperature", "104.9 degC"},
            {"k0", "1.287e12 / 1 h"},
            {"k30", "9.043e9 L/mol/h"},
            {"e", "9758.3 K"},
            {"e3", "8560 K"},
            {"h1", "4.2 kJ/mol"},
            {"h2", "-11 kJ/mol"},
            {"h3", "-41.85 kJ/mol"},
            {"heat", "0.9342 kg/L * 3.01 kJ/kg/K"},
            {"wall", "4032 kJ/h/m2/K * 0.215 m2"},
            {"volume", "10 L"},
            {"jacket_heat", "5 kg * 2 kJ/kg/K"},
            {"exchange_rate", exchange_rate},
            {"cooling", cooling}},
           {{"a", "2.140211 mol/L"},
            {"b", "1.090304 mol/L"},
            {"temperature", "114.191084 degC"},
            {"jacket", "112.906593 degC"}},
           {{"a", "exchange_rate * (fed - a) - r1 - r3"},
            {"b", "-exchange_rate * b + r1 - r2"},
            {"temperature",
             "exchange_rate * (feed_temperature - temperature) - (h1 * r1 + h2 * r2 + h3 * r3) / heat + "
             "wall / (heat * volume) * (jacket - temperature)"},
            {"jacket", "(cooling + wall * (temperature - jacket)) / jacket_heat"}});
  made.outputs = lines({{"k", "k0 * exp(-e / kelvin(temperature))"},
                        {"r1", "k * a"},
                        {"r2", "k * b"},
                        {"r3", "k30 * exp(-e3 / kelvin(temperature)) * a * a"}});
  return made;
}

}  // namespace

TEST_CASE("equations: an oscillator with loss follows its closed form with both solvers") {
  for (const auto method : kBoth) {
    // x'' + 2·0.1·x' + 1.01·x = 0: x = e^(-0.1 t)·cos t
    const auto plant = make_plant(
        {kind("mass", {{"damping", "0.2 / 1 s"}, {"stiffness", "1.01 / 1 s2"}},
              {{"x", "1 m"}, {"v", "-0.1 m/s"}}, {{"x", "v"}, {"v", "-stiffness * x - damping * v"}})},
        method, method == EquationMethod::cvode ? seconds(10) : milliseconds(20), 1e-9);
    plant->advance(at(10));
    CHECK(plant->breakdown().empty());
    const double exact = std::exp(-1.0) * std::cos(10.0);
    CHECK(value(*plant, "mass.x") == Approx(exact).margin(method == EquationMethod::cvode ? 2e-7 : 1e-7));
  }
}

TEST_CASE("equations: Runge-Kutta is of order four, Dormand and Prince's method of order five") {
  const auto error = [](EquationMethod method, Duration step) {
    const auto plant = make_plant(
        {kind("x", {}, {{"x", "1"}, {"angle", "0"}}, {{"x", "-x * cos(angle) / 1 s"}, {"angle", "1 / 1 s"}})},
        method, step);
    plant->advance(at(4));
    return std::abs(value(*plant, "x.x") - std::exp(-std::sin(4.0)));
  };
  const auto order = [&](EquationMethod method) {
    return std::log2(error(method, milliseconds(100)) / error(method, milliseconds(50)));
  };
  CHECK(order(EquationMethod::runge_kutta4) == Approx(4).margin(0.15));
  CHECK(order(EquationMethod::dormand_prince5) == Approx(5).margin(0.3));
}

TEST_CASE(
    "equations: a state with limits stays within them, and leaves them as soon as its rate points inwards") {
  for (const auto method : kAll) {
    CAPTURE(static_cast<int>(method));
    // Filled by cos(t): level 0.5 + sin(t), full at 2π/12 (0.5 + 0.5), it falls from π/2 on by 1 - sin(t).
    auto tank = kind("tank", {{"full", "1 m"}}, {{"level", "0.5 m"}, {"passed", "0 m.s"}, {"clock", "0 s"}},
                     {{"level", "cos(clock / 1 s) * 1 m/s"}, {"passed", "level"}, {"clock", "1"}});
    tank.limits = {{"level", span_of("level"), span_of("0 m"), span_of("full")}};
    const auto plant = make_plant({tank}, method, milliseconds(10), 1e-10);
    double most = 0;
    for (int i = 1; i <= 400; ++i) {
      plant->advance(at(0.01 * i));
      const double t = 0.01 * i, level = value(*plant, "tank.level");
      most = std::max(most, level);
      const double turn = std::acos(-1.0) / 2, full = std::acos(-1.0) / 6;
      const double exact = t < full ? 0.5 + std::sin(t) : t < turn ? 1 : std::max(0.0, std::sin(t));
      CAPTURE(t);
      REQUIRE(level == Approx(exact).margin(method == EquationMethod::cvode ? 1e-6 : 1e-4));
    }
    CHECK(most == 1);
    CHECK(value(*plant, "tank.level") == 0);
    // What reads it sees the limited value: 0.5·t - cos(t) + 1 up to full, then 1, then sin(t) to π, then 0.
    const double pi = std::acos(-1.0);
    const double exact = 0.5 * pi / 6 - std::cos(pi / 6) + 1 + (pi / 2 - pi / 6) + 1;
    CHECK(value(*plant, "tank.passed") == Approx(exact).margin(1e-4));
  }
}

TEST_CASE(
    "equations: an event's reset is limited as well, and elements have limits by their own parameters") {
  auto tank = kind("tank", {{"full", "1 m"}}, {{"level", "0 m"}}, {{"level", "1 m/s"}});
  tank.each = {element("narrow", {{"full", "0.5 m"}}), element("wide")};
  tank.limits = {{"level", span_of("level"), std::nullopt, span_of("full")}};
  tank.events.push_back(event("surge", "level >= 0.25 m", {{"level", "5 m"}}));
  const auto plant = make_plant({tank}, EquationMethod::dormand_prince5, milliseconds(100));
  plant->advance(at(0.2));
  CHECK(value(*plant, "tank.narrow.level") == Approx(0.2));
  plant->advance(at(0.3));
  CHECK(value(*plant, "tank.narrow.level") == 0.5);
  CHECK(value(*plant, "tank.wide.level") == 1);
}

TEST_CASE("equations: cvode gives Robertson's stiff reaction, at 40 s and at 1e11 s") {
  const auto robertson = [](const std::string& unit, const std::string& least) {
    auto made =
        kind("reaction", {{"k1", "0.04 / 1 " + unit}, {"k2", "3e7 / 1 " + unit}, {"k3", "1e4 / 1 " + unit}},
             {{"a", "1"}, {"b", "0"}, {"c", "0"}},
             {{"a", "-k1 * a + k3 * b * c"}, {"b", "k1 * a - k3 * b * c - k2 * b * b"}, {"c", "k2 * b * b"}});
    made.tolerances = lines({{"a", least}, {"b", least}, {"c", "1e-11"}});
    return made;
  };
  const auto plant = make_plant({robertson("s", "1e-16")}, EquationMethod::cvode, seconds(40), 1e-9);
  plant->advance(at(40));
  // Hairer and Wanner, Solving Ordinary Differential Equations II.
  CHECK(value(*plant, "reaction.a") == Approx(0.7158270688).epsilon(1e-7));
  CHECK(value(*plant, "reaction.b") == Approx(9.185534765e-6).epsilon(1e-7));
  CHECK(value(*plant, "reaction.c") == Approx(0.2841637457).epsilon(1e-7));
  // Test set for IVP solvers, ROBER; in µs the whole 1e11 units of time fit.
  const auto whole = make_plant({robertson("us", "1e-21")}, EquationMethod::cvode, seconds(100'000), 1e-9);
  whole->advance(at(100'000));
  CHECK(whole->breakdown().empty());
  CHECK(value(*whole, "reaction.a") == Approx(0.2083340149701255e-7).epsilon(1e-5));
  CHECK(value(*whole, "reaction.b") == Approx(0.8333360770334713e-13).epsilon(1e-5));
  CHECK(value(*whole, "reaction.c") == Approx(0.9999999791665050).epsilon(1e-9));
}

TEST_CASE("equations: cvode gives van der Pol's oscillator at mu = 1000") {
  auto made = kind("oscillator", {{"mu", "1000 / 1 s"}}, {{"x", "2"}, {"v", "0 / 1 s"}},
                   {{"x", "v"}, {"v", "mu * (1 - x * x) * v - x / 1 s / 1 s"}});
  made.tolerances = lines({{"x", "1e-10"}, {"v", "1e-10 Hz"}});
  const auto plant = make_plant({made}, EquationMethod::cvode, seconds(100), 1e-9);
  plant->advance(at(2000));
  // Test set for IVP solvers, VDPOL.
  CHECK(value(*plant, "oscillator.x") == Approx(1.706167732170483).epsilon(1e-5));
  CHECK(value(*plant, "oscillator.v") == Approx(-0.8928097010247975e-3).epsilon(1e-5));
}

TEST_CASE("equations: a ball bounces when its parabolas say, with both solvers") {
  for (const auto method : kBoth) {
    const auto plant = make_plant({ball()}, method, milliseconds(500), 1e-10);
    for (const double t : {1.0, 1.5, 3.0, 5.5, 8.0}) {
      plant->advance(at(t));
      CHECK(value(*plant, "ball.height") == Approx(ball_height(t)).margin(2e-6));
    }
    CHECK(plant->events() == 4);
  }
}

TEST_CASE("equations: a ball that comes to rest ends as a value, with the event's name and what to try") {
  for (const auto method : kBoth) {
    const auto plant = make_plant({ball()}, method, seconds(1));
    plant->advance(at(30));
    REQUIRE(plant->breakdown().size() == 1);
    // The bounces pile up at sqrt(2h/g)·(1 + 2·0.8/(1 - 0.8)) = 12.85 s.
    CHECK_THAT(plant->breakdown()[0].message,
               Catch::Contains("'ball.bounce' cannot go on: more than 1000 events"));
    CHECK_THAT(plant->breakdown()[0].message, Catch::Contains("at 12.8"));
    CHECK(value(*plant, "ball.height") == Approx(ball_height(12)).margin(1e-4));
  }
}

TEST_CASE("equations: what grows without bound, or is no number, ends as a value at its state and time") {
  for (const auto method : kBoth) {
    // x' = x², x(0) = 1: infinite at 1 s.
    const auto grows = make_plant(
        {kind("pool", {}, {{"calm", "1"}, {"x", "1"}}, {{"calm", "0 / 1 s"}, {"x", "x * x / 1 s"}})}, method,
        milliseconds(250));
    grows->advance(at(50));
    REQUIRE(grows->breakdown().size() == 1);
    const auto& why = grows->breakdown()[0];
    CHECK_THAT(why.message, Catch::Contains("'pool.x' cannot go on"));
    CHECK_FALSE(why.hint.empty());
    CHECK(why.span.source != nullptr);
    CHECK(std::isfinite(value(*grows, "pool.x")));

    // A tank that goes on draining below its bottom.
    const auto root = make_plant(
        {kind("tank", {}, {{"level", "1 m"}}, {{"level", "-sqrt(level / 1 m) * 1 m/s - 0.1 m/s"}})}, method,
        milliseconds(100));
    root->advance(at(10));
    REQUIRE(root->breakdown().size() == 1);
    CHECK_THAT(root->breakdown()[0].message, Catch::Contains("'tank.level' cannot go on"));
  }
}

TEST_CASE("equations: the element that grows without bound is blamed, not the first that is lost with it") {
  const auto growing = [](const char* rate) {
    auto calm = kind("calm", {}, {{"x", "1"}, {"y", "1"}}, {{"x", "0 / 1 s"}, {"y", "-y / 1 s"}});
    return std::vector{calm, kind("wild", {}, {{"x", "1.1"}}, {{"x", rate}})};
  };
  for (const char* rate : {"x * x / 1 s", "if(x > 1.05, x * x / 1 s, 0 / 1 s)", "exp(x) / 1 s"}) {
    INFO(rate);
    for (const auto method : {EquationMethod::cvode, EquationMethod::runge_kutta4}) {
      const auto plant = make_plant(growing(rate), method, seconds(1));
      plant->advance(at(60));
      REQUIRE(plant->breakdown().size() == 1);
      const auto& why = plant->breakdown()[0];
      INFO(why.message);
      CHECK_THAT(why.message, Catch::Contains("'wild.x' cannot go on: it "));
      CHECK_THAT(why.hint, Catch::Contains("bound it by limits:"));
      if (method == EquationMethod::cvode) CHECK_THAT(why.message, Catch::Contains("it grows without bound"));
    }
  }
}

TEST_CASE("equations: two tanks fill, overflow and empty through a pipe, each found at its instant") {
  // The upper tank fills at 0.1 m/s from 0.5 m, is full at 5 s, and what runs over fills the lower one.
  EquationKindConfig tank =
      kind("tank", {{"area", "1 m2"}, {"height", "1 m"}}, {{"level", "0.5 m"}, {"full", "0"}},
           {{"level", "(feed + sum(inlets.flow) - spilled) / area"}, {"full", "0 / 1 s"}});
  tank.each = {element("upper", {{"feed", "0.1 m3/s"}}),
               element("lower", {{"area", "2 m2"}, {"level", "0 m"}})};
  tank.inputs = lines({{"feed", "0 m3/s"}});
  tank.outputs = lines({{"spilled", "if(full > 0.5, max(0 m3/s, feed + sum(inlets.flow)), 0 m3/s)"}});
  tank.events.push_back(event("overflow", "level >= height", {{"level", "height"}, {"full", "1"}}));
  EquationKindConfig pipe;
  pipe.name = "pipe";
  pipe.span = span_of("pipe");
  pipe.each = {element("spill", {{"from", "upper"}, {"to", "lower"}})};
  pipe.relations = {{"from", span_of("from"), "tank", "outlets"}, {"to", span_of("to"), "tank", "inlets"}};
  pipe.outputs = lines({{"flow", "if(from.full > 0.5, from.feed, 0 m3/s)"}});
  for (const auto method : kBoth) {
    const auto plant = make_plant({tank, pipe}, method, milliseconds(800));
    plant->advance(at(4));
    CHECK(value(*plant, "tank.upper.level") == Approx(0.9));
    CHECK(value(*plant, "pipe.spill.flow") == 0);
    plant->advance(at(8));
    CHECK(value(*plant, "tank.upper.level") == Approx(1).epsilon(1e-12));
    CHECK(value(*plant, "tank.lower.level") == Approx(0.1 / 2 * 3).epsilon(1e-9));
    CHECK(value(*plant, "pipe.spill.flow") == Approx(0.1));
    plant->advance(at(30.4));
    CHECK(value(*plant, "tank.lower.level") == Approx(1).epsilon(1e-9));
    CHECK(plant->events() == 2);
  }
}

TEST_CASE("equations: more than a program can hold is an error, not an end") {
  auto made = kind("cell", {}, {{"x", "1"}}, {{"x", "-x / 1 s"}});
  made.each.clear();
  for (int i = 0; i < 1000; ++i) made.each.push_back(element("c" + std::to_string(i), {}));
  for (int i = 0; i < 61; ++i) {
    const auto number = std::to_string(i);
    made.outputs.push_back({"o" + number, span_of("o" + number), span_of("x + " + number)});
  }
  EquationsConfig config;
  config.span = span_of("equations");
  config.step = seconds(1);
  config.kinds = {made};
  const auto system = check_equations(config, lang::Units());
  REQUIRE_FALSE(system.has_value());
  REQUIRE(system.error().size() == 1);
  CHECK_THAT(system.error()[0].message,
             Catch::Contains("the outputs are of 62061 values, more than the 60000"));
  config.kinds[0].outputs.resize(50);
  CHECK(check_equations(config, lang::Units()).has_value());
}

TEST_CASE(
    "equations: an output of itself over relations of its kind is a circle, of another kind's is none") {
  const auto refused = [](const std::string& output) {
    auto tank = kind("tank", {}, {{"x", "1"}}, {{"x", "0 / 1 s"}});
    tank.each = {element("a", {{"next", "b"}}), element("b", {{"next", "a"}})};
    tank.relations = {{"next", span_of("next"), "tank", "before"}};
    tank.outputs = lines({{"o", output}});
    auto gauge = kind("gauge", {{"scale", "1"}}, {}, {});
    gauge.each = {element("g", {{"at", "a"}})};
    gauge.relations = {{"at", span_of("at"), "tank", "gauges"}};
    gauge.outputs = lines({{"p", "at.p * scale"}});
    EquationsConfig config;
    config.span = span_of("equations");
    config.step = seconds(1);
    config.kinds = {tank};
    if (output == "x") config.kinds.push_back(gauge);
    const auto system = check_equations(config, lang::Units());
    REQUIRE_FALSE(system.has_value());
    REQUIRE(system.error().size() == 1);
    return system.error()[0].message;
  };
  for (const char* output : {"next.o + x", "x + next.next.o", "x * sum(before.o)", "o", "b.next.o"}) {
    INFO(output);
    CHECK(refused(output) == "outputs depend on each other in a circle: tank.o → tank.o");
  }
  CHECK_THAT(refused("next.y + x"), Catch::Contains("tank has no 'y'"));
  CHECK_THAT(refused("x"), Catch::Contains("tank has no 'p'"));
}

TEST_CASE("equations: events of one instant act in the order written, and wake others") {
  auto made = kind("x", {}, {{"x", "0"}, {"y", "1"}, {"z", "0"}},
                   {{"x", "1 / 1 s"}, {"y", "0 / 1 s"}, {"z", "0 / 1 s"}});
  made.events = {event("double", "x >= 1", {{"y", "2 * y"}, {"x", "x"}}),
                 event("add", "x >= 1", {{"y", "y + 3"}}), event("woken", "y > 4.5", {{"z", "y"}}),
                 event("swap", "z > 4.5", {{"y", "z + 1"}, {"z", "y - 5"}})};
  for (const auto method : kBoth) {
    const auto plant = make_plant({made}, method, milliseconds(300));
    plant->advance(at(3));
    CHECK(value(*plant, "x.y") == 6);  // (1·2 + 3), then swapped with what z was just before
    CHECK(value(*plant, "x.z") == 0);
    CHECK(plant->events() == 4);
  }
}

TEST_CASE("equations: an event acts at the start where it holds, then each time that it becomes true") {
  // x goes from 2 to 3, and from then on from 0 to 3; below 1 the root is unknown, which does not hold.
  auto made = kind("x", {}, {{"x", "2"}, {"n", "0"}, {"m", "0"}},
                   {{"x", "1 / 1 s"}, {"n", "0 / 1 s"}, {"m", "0 / 1 s"}});
  made.events = {event("count", "x >= 1", {{"n", "n + 1"}}),
                 event("root", "sqrt(x - 1) >= 0", {{"m", "m + 1"}}), event("back", "x >= 3", {{"x", "0"}})};
  for (const auto method : kBoth) {
    const auto plant = make_plant({made}, method, milliseconds(700));
    CHECK(value(*plant, "x.n") == 0);  // what is read at the start is of before
    plant->advance(at(0.7));
    CHECK(value(*plant, "x.n") == 1);
    plant->advance(at(10.5));  // back at 1, 4, 7 and 10 s; true again at 2, 5 and 8 s
    CHECK(value(*plant, "x.n") == 4);
    CHECK(value(*plant, "x.m") == 4);
    CHECK(value(*plant, "x.x") == Approx(0.5).margin(1e-6));
    CHECK(plant->events() == 4 + 4 + 4);
  }
}

TEST_CASE(
    "equations: inputs act at grid points, and any division of time and any saved state give equal bits") {
  const auto make = [](EquationMethod method) {
    auto made = ball();
    made.inputs = lines({{"wind", "0 m/s2"}});
    made.rates = lines({{"height", "speed"}, {"speed", "wind - g - 0.01 * speed * abs(speed) / 1 m"}});
    return make_plant({made}, method, milliseconds(300));
  };
  for (const auto method : kBoth) {
    const auto whole = make(method), parts = make(method);
    auto restored = make(method);
    const auto wind = *find_port(*whole, "ball.wind");
    for (int i = 1; i <= 40; ++i) {
      for (auto* plant : {whole.get(), parts.get(), restored.get()}) plant->values()[wind] = i % 7;
      whole->advance(at(0.25 * i));
      for (int k = 1; k <= 5; ++k) parts->advance(at(0.25 * (i - 1) + 0.05 * k));
      restored->advance(at(0.25 * i));
      ArchiveWriter writer;
      restored->save(writer);
      restored = make(method);
      ArchiveReader reader(writer.bytes());
      restored->restore(reader);
      REQUIRE((reader.ok() && reader.at_end()));
      for (size_t p = 0; p < whole->ports().size(); ++p) {
        REQUIRE(whole->values()[p] == parts->values()[p]);
        REQUIRE(whole->values()[p] == restored->values()[p]);
      }
    }
    CHECK(whole->events() > 2);
  }
}

TEST_CASE("equations: van de Vusse's reactor rests where Klatt and Engell say") {
  struct Point {
    const char *rate, *cooling;
    double a, b, temperature, jacket;
  };
  for (const auto& point :
       {Point{"14.19 / 1 h", "-1113.5 kJ/h", 2.140211, 1.090304, 114.191084, 112.906593},
        Point{"18.83 / 1 h", "-4495.7 kJ/h", 3.002981, 0.955703, 106.407079, 101.221009},
        Point{"8.256 / 1 h", "-6239.33 kJ/h", 3.517581, 0.739976, 86.999711, 79.802255}}) {
    const auto plant =
        make_plant({vandevusse(point.rate, point.cooling)}, EquationMethod::cvode, minutes(10), 1e-9);
    plant->advance(at(6 * 3600));
    REQUIRE(plant->breakdown().empty());
    CHECK(value(*plant, "reactor.a") == Approx(1000 * point.a).epsilon(1e-6));
    CHECK(value(*plant, "reactor.b") == Approx(1000 * point.b).epsilon(1e-6));
    CHECK(value(*plant, "reactor.temperature") - 273.15 == Approx(point.temperature).epsilon(1e-6));
    CHECK(value(*plant, "reactor.jacket") - 273.15 == Approx(point.jacket).epsilon(1e-6));
  }
}

TEST_CASE("equations: van de Vusse's reactor answers more feed inversely, as the reference has it") {
  const auto plant =
      make_plant({vandevusse("18.83 / 1 h", "-1113.5 kJ/h")}, EquationMethod::cvode, seconds(36), 1e-9);
  std::vector<double> b{1.090304};
  for (int i = 1; i <= 100; ++i) {
    plant->advance(at(36.0 * i));
    b.push_back(value(*plant, "reactor.b") / 1000);
  }
  CHECK(b[3] == Approx(1.031996).epsilon(1e-5));
  CHECK(*std::min_element(b.begin(), b.end()) == b[3]);
  CHECK(b[100] == Approx(1.075320).epsilon(1e-5));

  std::ifstream file(LT_SOURCE_DIR "/../shared/refs/7_process/vandevusse_step_F14.19_to_18.83.csv");
  std::string line;
  std::getline(file, line);
  for (size_t i = 0; std::getline(file, line); ++i) {
    std::stringstream cells(line);
    std::string cell;
    for (int c = 0; c < 3; ++c) std::getline(cells, cell, ',');
    REQUIRE(i < b.size());
    CHECK(b[i] == Approx(std::stod(cell)).epsilon(1e-5));
  }
}
