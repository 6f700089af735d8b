// The worked example of docs/plants/equations.md, run and held against its closed form; and what is said
// where its equations are wrong.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <optional>

#include "loading.h"
#include "mml/loop.h"
#include "testbed/assembly.h"
#include "testbed/sim_transport.h"
#include "twin/registry.h"

using namespace looptwin;
using namespace looptwin::testbed;
using namespace looptwin::testbed::test;

namespace {

std::string snippet() {
  const auto page = read_text(LT_SOURCE_DIR "/docs/plants/equations.md");
  const auto begin = page.find("```yaml\n") + 8;
  return page.substr(begin, page.find("```", begin) - begin);
}

std::string with(std::string text, const std::string& from, const std::string& to) {
  const auto at = text.find(from);
  INFO(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

/// The scenario, run second by second.
class Example {
 public:
  explicit Example(const std::string& text, int threads = 1) {
    auto built = Assembly::build(loaded({{"scenario.yaml", text}}), {.threads = threads, .out = {}});
    INFO((built ? std::string() : render(built.error())));
    REQUIRE(built.has_value());
    assembly_ = std::move(*built);
  }
  Assembly& operator*() { return *assembly_; }

  void cycle() {
    auto& a = *assembly_;
    const bool done = a.loop().cycle(a.loop().now() + seconds(1), a.transport());
    INFO(render(a.transport().breakdown()));
    REQUIRE(done);
  }
  /// As devices see it at the boundary: [0] of the upper tank, [1] of the lower one.
  double level(size_t tank) {
    const auto table = *assembly_->registry().find_model("cascade_tank");
    const auto& columns = assembly_->schema().table(table).columns;
    const auto found =
        std::find_if(columns.begin(), columns.end(), [](const auto& c) { return c.name == ".port.level"; });
    REQUIRE(found != columns.end());
    return assembly_->tables().values<double>(table, ColumnId(found - columns.begin()))[tank];
  }

 private:
  std::unique_ptr<Assembly> assembly_;
};

/// Both levels by the closed form of the page.
class ClosedForm {
 public:
  explicit ClosedForm(double highest) : highest_(highest) {}

  void advance(double dt) {
    while (const auto next = until_switch()) {
      if (*next > dt) break;
      move(*next);
      dt -= *next;
      running_ = !running_;
      ++switches;
    }
    move(dt);
  }

  double upper = 1, lower = 0.5;
  int switches = 0;

 private:
  static constexpr double kT = 100, kLow = 1, kHigh = 2;

  std::optional<double> until_switch() const {
    if (running_ && highest_ <= kHigh) return std::nullopt;
    return kT * (running_ ? std::log((highest_ - upper) / (highest_ - kHigh)) : std::log(upper / kLow));
  }
  void move(double dt) {
    const double c = running_ ? highest_ : 0, a = upper - c, decay = std::exp(-dt / kT);
    lower = c + (lower - c + a * dt / kT) * decay;
    upper = c + a * decay;
  }

  double highest_;
  bool running_ = true;
};

std::string said(const std::string& from, const std::string& to) {
  const Folder folder({{"scenario.yaml", with(snippet(), from, to)}});
  const auto scenario = load(folder.path());
  if (!scenario) return in_short(scenario.error());
  const auto built = Assembly::build(*scenario);
  return built ? std::string() : in_short(built.error());
}

}  // namespace

TEST_CASE("equations: the page's tanks follow their closed form, with both solvers, at each second") {
  struct Solver {
    const char* name;
    double error;
  };
  for (const auto& [solver, error] : {Solver{"cvode", 4e-5}, Solver{"runge_kutta4", 1e-8}}) {
    Example e(
        with(snippet(), "    equations:\n", std::string("    equations:\n      solver: ") + solver + "\n"));
    ClosedForm exact(3);
    for (int t = 1; t <= 600; ++t) {
      e.cycle();
      exact.advance(1);
      INFO(solver << ", " << t << " s");
      REQUIRE(std::abs(e.level(0) - exact.upper) < error);
      REQUIRE(std::abs(e.level(1) - exact.lower) < error);
    }
    CHECK(exact.switches == 8);
  }
}

TEST_CASE("equations: a pump that a device drives at half speed never fills the page's tank") {
  Example e(with(snippet(), "speed: {default: 1,", "speed: {default: 0.5,"));
  // The device has told its speed once it has run: until the second grid point the pump has its own.
  e.cycle();
  ClosedForm exact(1.5);
  exact.upper = e.level(0);
  exact.lower = e.level(1);
  CHECK(exact.upper == Approx(3 - 2 * std::exp(-0.01)).margin(2e-6));
  for (int t = 2; t <= 600; ++t) {
    e.cycle();
    exact.advance(1);
    INFO(t << " s");
    REQUIRE(e.level(0) == Approx(exact.upper).margin(2e-5));
    REQUIRE(e.level(1) == Approx(exact.lower).margin(2e-5));
  }
  CHECK(exact.switches == 0);
}

TEST_CASE("equations: the page's run goes on from any saved state, at any number of threads") {
  Example trunk(snippet()), branch(snippet(), 2);
  for (int t = 0; t < 150; ++t) {
    ArchiveWriter writer;
    (*trunk).save(writer);
    ArchiveReader reader(writer.bytes());
    (*branch).restore(reader);
    REQUIRE((reader.ok() && reader.at_end()));
    trunk.cycle();
    branch.cycle();
    REQUIRE(trunk.level(0) == branch.level(0));
    REQUIRE(trunk.level(1) == branch.level(1));
  }
}

TEST_CASE("equations: each mistake is told once, where it is, and not what follows from it") {
  struct Case {
    const char *from, *to, *at, *message;
  };
  for (const auto& c : {
           Case{"from.outflow}", "from.outflov}", ":19:", "tank has no 'outflov' [did you mean 'outflow'?]"},
           Case{"{flow: from.outflow}", "{outflow: from.outflow + typo}", ":19:", "'typo' is not known here"},
           Case{"drain * level}", "drain * level + sum(outlets.flow)}",
                ":15:", "in a circle: tank.outflow → pipe.flow → tank.outflow"},
           Case{"from.outflow}", "from.outflow + flow}", ":19:", "in a circle: pipe.flow → pipe.flow"},
           Case{"from.outflow}", "avg(from.outflow over 5 s)}", ":19:", "avg() looks back in time"},
           Case{"from.outflow}", "from.outflow * time_of_day() / 1 s}",
                ":19:", "`time_of_day()` cannot stand in equations"},
           Case{"from.outflow}", "if(from.level > 1 m, 1 m3/s, 0 m3/s)}",
                ":19:", "within { } or [ ] YAML splits this text at its commas"},
           Case{"from.outflow}", "from.outflow + 3 kg/s}", ":19:", "they cannot be added"},
           Case{"{running: 0 Hz}", "{runing: 0 Hz}", ":", "'pump' has no state 'runing' to change"},
           Case{"{running: 0 Hz}", "{running: 0}", ":26:", "a unit is missing: a value in Hz is wanted here"},
           Case{"states: {running: 1}", "states: {running: true}",
                ":25:", "'running' is something else than a number"},
           Case{"states: {running: 1}", "states: {running: into.level / 1 m}", ":25:", "tank has no 'level'"},
           Case{"high: 2 m}", "high: 2 m, running: 1}", ":25:", "'pump' has two things called 'running'"},
           Case{"into: {to: tank", "into: {to: tnk", ":22:", "'tnk' is no kind of element of this plant"},
           Case{"{from: upper,", "{from: uper,", ":17:", "there is no tank 'uper' [did you mean 'upper'?]"},
           Case{"{from: upper, to: lower}", "{from: upper}", ":17:", "'pipe.p' does not say its to"},
           Case{"lower: {level:", "lower: {levl:", ":10:",
                "has no parameter, input, state or relation 'levl'"},
           Case{"lower: {level: 0.5 m}", "lower: {level: 0.5 s}",
                ":10:", "is a value in s, but a value in m"},
           Case{"when: into.level >= high", "when: into.level - high", ":29:", "a condition is wanted here"},
           Case{"{running: 0}}\n            start", "{runing: 0}}\n            start",
                ":29:", "'pump' has no state 'runing' to reset [did you mean 'running'?]"},
           Case{"{running: 0}}\n            start", "{level: 0 m}}\n            start",
                ":29:", "[an event changes states of its own element]"},
           Case{"capacity: 0.06 m3/s", "capacity: 0.06 m3/s * sqrt(-1)", ":14:", "'tank.upper.level' is"},
           Case{"speed: asked", "running: asked", ":36:", "cascade_pump has no port 'running' to drive"},
           Case{"    equations:\n", "    equations:\n      step: 0 s\n", ":8:", "the duration 0 s is zero"},
           Case{"    equations:\n", "    equations:\n      solver: euler\n",
                ":8:", "'euler' is not one of: cvode, runge_kutta4"},
           Case{"    equations:\n", "    equations:\n      relative_tolerance: 1\n",
                ":8:", "1 is not from 1e-13 to 0.1"},
       }) {
    const auto all = said(c.from, c.to);
    INFO(c.to << "\n" << all);
    CHECK_THAT(all, Catch::Contains(c.message) && Catch::Contains(c.at));
    if (std::string(c.to).find("runing: 0 Hz") == std::string::npos)
      CHECK(std::count(all.begin(), all.end(), '\n') == 1);
  }
}

TEST_CASE("equations: a plant that cannot go on stops at its last grid point, and says what and when") {
  // No number above 1.5 m, which the upper tank reaches after 100 s · ln(2/1.5) = 28.77 s.
  Example e(with(snippet(), "drain * level}", "drain * level + 1 mm3/s * ln((1.5 m - level) / 1 m)}"));
  for (int t = 1; t <= 60 && (*e).transport().breakdown().empty(); ++t)
    (*e).loop().cycle((*e).loop().now() + seconds(1), (*e).transport());
  const auto& broken = (*e).transport().breakdown();
  REQUIRE(broken.size() == 1);
  INFO(render(broken));
  CHECK_THAT(broken[0].message,
             Catch::Contains("at 28.7") &&
                 Catch::Contains("'tank.upper.level' cannot go on: its rate is not a finite number"));
  CHECK(text_of(broken[0].span) == "(sum(pumps.flow) + sum(inlets.flow) - outflow) / area");
  CHECK((*e).loop().now() <= kStart + seconds(30));
}
