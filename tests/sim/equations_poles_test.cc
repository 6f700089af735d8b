// Plants of equations whose rates become infinite, or no number at all: they end, and say where.
#include <fmt/format.h>
#include <catch2/catch.hpp>
#include <cmath>

#include "equations_plants.h"

using namespace looptwin;
using namespace looptwin::sim;
using namespace looptwin::sim::test;
using Catch::Contains;

namespace {

constexpr EquationMethod kAll[] = {EquationMethod::cvode, EquationMethod::runge_kutta4,
                                   EquationMethod::dormand_prince5};

/// Braking at constant power, v' = -10/v from 10 m/s: v = sqrt(100 - 20 t), which ends at 5 s.
EquationKindConfig car() {
  return kind("car", {{"power", "10 m2/s3"}}, {{"calm", "1"}, {"v", "10 m/s"}},
              {{"calm", "0 / 1 s"}, {"v", "-power / v"}});
}

/// What the plant ended with, at the latest after 10 s; the instant is of its message.
Diagnostic ended_with(EquationPlant& plant) {
  plant.advance(kStart + seconds(10));
  if (plant.breakdown().empty()) return {};
  REQUIRE(plant.breakdown().size() == 1);
  return plant.breakdown()[0];
}

}  // namespace

TEST_CASE("equations: a rate that divides by what goes through 0 ends the plant there") {
  const auto check = [](EquationMethod method, Duration step, double relative, double margin) {
    const auto plant = make_plant({car()}, method, step, relative);
    const auto why = ended_with(*plant);
    CAPTURE(static_cast<int>(method), relative, step.seconds(), why.message);
    CHECK_THAT(why.message, Contains("'car.v' cannot go on: its rate goes through infinity, from -"));
    CHECK_THAT(why.message, Contains("at 4.") || Contains("at 5 s"));
    CHECK_THAT(why.hint, Contains("bound it by max()"));
    CHECK(why.span.source != nullptr);
    // At the last grid point before it all is as it should be.
    const double before = std::ceil(5 / step.seconds() - 1) * step.seconds();
    CHECK(value(*plant, "car.v") == Approx(std::sqrt(100 - 20 * before)).margin(margin));
  };
  for (const double relative : {1e-3, 1e-4, 1e-6, 1e-8, 1e-10, 1e-12})
    for (const auto step : {milliseconds(500), seconds(1), seconds(10)})
      check(EquationMethod::cvode, step, relative, 2000 * relative);
  check(EquationMethod::runge_kutta4, milliseconds(300), 1e-8, 0.1);
}

TEST_CASE("equations: an event at the place where a rate becomes infinite is in time") {
  for (const char* when : {"v <= 0.1 m/s", "v <= 0 m/s"}) {
    auto made = car();
    made.states.push_back(lines({{"on", "1"}})[0]);
    made.rates = lines({{"calm", "0 / 1 s"}, {"v", "if(on > 0.5, -power / v, 0 m/s2)"}, {"on", "0 / 1 s"}});
    made.events.push_back(event("stop", when, {{"on", "0"}, {"v", "0 m/s"}}));
    const auto plant = make_plant({made}, EquationMethod::cvode, seconds(1));
    CAPTURE(when);
    CHECK(ended_with(*plant).message == "");
    CHECK(plant->events() == 1);
    CHECK(value(*plant, "car.v") == 0);
  }
}

TEST_CASE("equations: rates that change their sign at 0, by a jump or within bounds go on") {
  for (const auto method : kAll) {
    for (const char* rate :
         {"sin(clock / 1 s) / (2 + cos(clock / 1 s)) / 1 s",                     // through 0
          "if(sin(clock / 1 s) > 0, 1, -1) / (2 + cos(clock / 1 s)) / 1 s",      // a jump
          "sin(clock / 1 s - 3) / (clock / 1 s - 3) * (clock / 1 s - 3) / 1 s",  // 0/0 on its way
          "if(abs(clock / 1 s - 3) > 0.1, 0.01 / (clock / 1 s - 3), clock / 1 s - 3) / 1 s",  // kept away
          "0.01 / max(x, 1e-3) / 1 s - x / 1 s"}) {
      const auto plant =
          make_plant({kind("one", {}, {{"x", "0"}, {"clock", "0 s"}}, {{"x", rate}, {"clock", "1"}})}, method,
                     milliseconds(method == EquationMethod::cvode ? 1000 : 10), 1e-6);
      CAPTURE(static_cast<int>(method), rate);
      CHECK(ended_with(*plant).message == "");
      CHECK(value(*plant, "one.clock") == Approx(10));
    }
  }
}

TEST_CASE("equations: a fall into an inverse square ends where time can no longer show its steps") {
  // x'' = -0.1/x² from rest at 1: at 0 after π/√(8·0.1) s.
  const double falls = M_PI / std::sqrt(0.8);
  for (const double relative : {1e-4, 1e-8, 1e-12}) {
    const auto plant = make_plant(
        {kind("mass", {}, {{"x", "1"}, {"v", "0 / 1 s"}}, {{"x", "v"}, {"v", "-0.1 / x / x / 1 s / 1 s"}})},
        EquationMethod::cvode, seconds(1), relative);
    const auto why = ended_with(*plant);
    CAPTURE(relative, why.message);
    CHECK_THAT(why.message, Contains("'mass.v' cannot go on: it grows without bound"));
    CHECK_THAT(why.message, Contains(fmt::format("at {:.1f}", falls)));
  }
}

TEST_CASE("equations: a root of something negative is told as that, however many steps lead to it") {
  for (const auto step : {milliseconds(500), seconds(10)}) {
    const auto plant =
        make_plant({kind("tank", {}, {{"x", "1"}}, {{"x", "(-0.1 * sqrt(x - 0.5) - 0.1) / 1 s"}})},
                   EquationMethod::cvode, step);
    const auto why = ended_with(*plant);
    CAPTURE(step.seconds());
    CHECK_THAT(why.message, Contains("'tank.x' cannot go on: its rate is not a finite number"));
    CHECK_THAT(why.hint, Contains("a root of something negative"));
  }
}
