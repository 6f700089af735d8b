// Every snippet of docs/controllers.md, run and held against a closed form or a series worked out by hand.
#include <catch2/catch.hpp>
#include <cmath>
#include <fstream>

#include "loading.h"
#include "mml/loop.h"
#include "testbed/assembly.h"
#include "testbed/sim_transport.h"

using namespace looptwin;
using namespace looptwin::testbed;
using namespace looptwin::testbed::test;

namespace {

/// The model that stands under a heading of the page.
std::string snippet(const std::string& heading) {
  const auto page = read_text(LT_SOURCE_DIR "/docs/controllers.md");
  const auto at = page.find("## " + heading + "\n");
  REQUIRE(at != std::string::npos);
  const auto begin = page.find("```yaml\n", at) + 8;
  return page.substr(begin, page.find("```", begin) - begin);
}

/// One device of that model, run second by second. Columns are those of the grid point at the boundary.
class Example {
 public:
  explicit Example(const std::string& models, const std::string& more = {}) {
    const auto name = models.substr(models.find("  ") + 2);
    model_ = name.substr(0, name.find(':'));
    auto built = Assembly::build(
        loaded({{"scenario.yaml", "scenario: example\nduration: 10 min\n" + models + "fleet:\n  " + model_ +
                                      ": {count: 1, id: \"" + model_ + "-{i}\"}\n" + more}}));
    INFO((built ? std::string() : render(built.error())));
    REQUIRE(built.has_value());
    assembly_ = std::move(*built);
  }

  void cycle() {
    auto& a = *assembly_;
    REQUIRE(a.loop().cycle(a.loop().now() + seconds(1), a.transport()));
  }
  double number(const std::string& column) { return *cell<double>(column); }
  int code(const std::string& column) { return *cell<uint8_t>(column); }

 private:
  template <typename T>
  T* cell(const std::string& name) {
    for (size_t t = 0; t < assembly_->schema().tables.size(); ++t) {
      const auto& table = assembly_->schema().tables[t];
      for (size_t c = 0; table.name == model_ && c < table.columns.size(); ++c)
        if (table.columns[c].name == name)
          return assembly_->tables().values<T>(TableId(t), ColumnId(c)).data();
    }
    FAIL("no column " << name);
    return nullptr;
  }

  std::string model_;
  std::unique_ptr<Assembly> assembly_;
};

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const auto at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

}  // namespace

TEST_CASE("controllers: on-off follows the triangle that its rates and levels give") {
  Example e(snippet("On-off"));
  int temperature = 20'000;  // mK above 0 °C, at whole seconds
  bool heating = false;
  int switches = 0;
  for (int t = 1; t <= 120; ++t) {
    e.cycle();
    temperature += heating ? 130 : -70;
    const bool wanted = temperature <= 19'500 || (heating && temperature < 20'500);
    switches += wanted != heating;
    heating = wanted;
    INFO(t << " s");
    REQUIRE(e.number(".physics.air") == Approx(273.15 + temperature / 1000.0).epsilon(1e-9));
    REQUIRE(e.code(".controller.heating") == (heating ? 1 : 0));
  }
  CHECK(switches > 8);
}

TEST_CASE(
    "controllers: a proportional controller leaves 0.9 of the error of an integrating tank each second") {
  Example e(snippet("PID"));
  for (int t = 1; t <= 60; ++t) {
    e.cycle();
    INFO(t << " s");
    REQUIRE(2 - e.number(".physics.height") == Approx(std::pow(0.9, t)).margin(1e-5));
  }
}

TEST_CASE(
    "controllers: a cascade that tracks the inner loop does not wind up while the valve gives all it can") {
  // The tank needs 20 m³ and the valve gives 0.2 m³/s: it is open for most of 100 s.
  const auto overshoot = [](const std::string& models) {
    Example e(models);
    double highest = 0;
    for (int t = 1; t <= 400; ++t) {
      e.cycle();
      highest = std::max(highest, e.number(".physics.height"));
    }
    return highest - 3;
  };
  const double tracking = overshoot(snippet("Cascade"));
  const double winding = overshoot(replaced(snippet("Cascade"), ", track=flow", ""));
  INFO(tracking << " m, without track= " << winding << " m");
  CHECK(winding > 0.2);
  CHECK(tracking < winding / 3);
}

TEST_CASE(
    "controllers: with feed-forward a draw costs one period of it, and the rest decays by the feedback") {
  Example e(snippet("Feed-forward"));
  for (int t = 1; t <= 40; ++t) {
    e.cycle();
    INFO(t << " s");
    // The draw begins at 20 s, and is measured one grid point later; 0.05 m a second are lost until then.
    const double low = e.number(".physics.height");
    if (t <= 20) REQUIRE(low == Approx(2).margin(1e-5));
    if (t == 21) REQUIRE(low == Approx(2 - 0.05).margin(1e-5));
    if (t > 22) REQUIRE(2 - low <= 0.1 + 1e-5);
  }
  Example without(replaced(snippet("Feed-forward"), " ff=draw,", ""));
  for (int t = 1; t <= 200; ++t) without.cycle();
  CHECK(2 - without.number(".physics.height") == Approx(0.5).margin(1e-3));  // the offset of P alone: draw/kp
}

TEST_CASE("controllers: an interlock keeps which condition came first, and is not reset while one stands") {
  Example e(snippet("Interlock, and which came first"));
  for (int t = 1; t <= 60; ++t) {
    e.cycle();
    // Outputs of an instant are measured at the next grid point: the suction is low from 10 s, so it trips at
    // 11 s.
    const int tripped = t >= 11 && t < 51 ? 2 : 0;
    INFO(t << " s");
    REQUIRE(e.code(".controller.trip") == tripped);
    REQUIRE(e.number(".controller.speed") == (tripped ? 0 : 0.8));
  }
}

TEST_CASE("controllers: a permissive is asked for at the start only") {
  Example e(snippet("Permissive"));
  for (int t = 1; t <= 60; ++t) {
    e.cycle();
    INFO(t << " s");
    // 5 s: no oil; 15 s: starts; 30 s: the oil goes; 40 s: stopped; 45 s: no oil. All are measured a second
    // later.
    REQUIRE(e.code(".controller.running") == (t >= 16 && t < 41 ? 1 : 0));
  }
}

TEST_CASE("controllers: a sequence goes through its steps at the times worked out by hand") {
  Example e(snippet("Machine and sequence"));
  // From 0.05 m at 5 s by 0.1 m/s above 2 m after 20 s; 30 s of mixing; from 2.05 m by 0.2 m/s below 0.1 m
  // after 10 s. The halt is measured at 91 s; 5 s later the next batch
  // begins, finds the tank full, and mixes.
  const auto step = [](int t) {
    return t < 5    ? 0
           : t < 25 ? 1
           : t < 55 ? 2
           : t < 65 ? 3
           : t < 70 ? 0
           : t < 90 ? 1
           : t < 91 ? 2
           : t < 96 ? 0
           : t < 97 ? 1
                    : 2;
  };
  for (int t = 1; t <= 100; ++t) {
    e.cycle();
    INFO(t << " s, " << e.number(".physics.height") << " m");
    REQUIRE(e.code(".controller.step") == step(t));
    REQUIRE(e.code(".controller.drain") == (step(t) == 3 ? 1 : 0));
    REQUIRE(e.number(".controller.stirrer") == Approx(step(t) == 2 ? 2 * M_PI : 0));
  }
}

namespace {

/// The valve's stem and opening at whole seconds, by hand: the demand rises by 0.12 a second from 10 s, is
/// measured a second and comes three seconds later; the stem slips when it is more than 0.25 away.
struct Valve {
  double stem = 0, opening = 0;
  void advance(int t) {
    const double asked = std::clamp((t - 1 - 3 - 10) * 0.12, 0.0, 1.0);
    if (std::fabs(asked - stem) > 0.25) stem = asked;
    opening = std::min(stem, opening + 0.1);
  }
};

}  // namespace

TEST_CASE("controllers: an actuator has dead time, sticks and slips, and travels at its rate") {
  Example e(snippet("Actuators"));
  Valve valve;
  for (int t = 1; t <= 40; ++t) {
    e.cycle();
    valve.advance(t);
    INFO(t << " s");
    REQUIRE(e.number(".controller.stem") == Approx(valve.stem).margin(1e-9));
    REQUIRE(e.number(".controller.opening") == Approx(valve.opening).margin(1e-9));
  }
  CHECK(valve.opening > 0.9);
}

TEST_CASE("controllers: a stuck actuator stays where it is, and goes on when it is free") {
  Example e(
      snippet("Actuators"),
      "faults: [{device: \"valve-*\", signal: opening, kind: actuator_stuck, after: 20 s, lasts: 10 s}]\n");
  Valve valve;
  double stuck = -1;
  for (int t = 1; t <= 40; ++t) {
    e.cycle();
    valve.advance(t);
    INFO(t << " s");
    if (t == 20) stuck = e.number(".controller.opening");
    if (t < 20) REQUIRE(e.number(".controller.opening") == Approx(valve.opening).margin(1e-9));
    if (t > 20 && t < 30) REQUIRE(e.number(".controller.opening") == stuck);
    if (t > 31) REQUIRE(e.number(".controller.opening") > stuck);
  }
}
