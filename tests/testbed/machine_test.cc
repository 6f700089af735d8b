// Machines in whole scenarios: of a controller and of the loop, told by hand-computed series.
#include <catch2/catch.hpp>

#include "loading.h"
#include "mml/loop.h"
#include "sim/fleet.h"
#include "testbed/assembly.h"
#include "testbed/sim_transport.h"
#include "twin/warm/run_reader.h"

using namespace looptwin;
using namespace looptwin::testbed;
using namespace looptwin::testbed::test;

namespace {

/// A tank that fills by 0.1 m/s above 1 m/3 m; it settles for 5 s and drains by 0.2 m/s. The loop watches: a
/// tank that was drained twice wants service for 7 s.
const char* kScenario = R"yaml(scenario: batches
duration: 5 min
seed: 5
models:
  tank:
    telemetry:
      level: {from: height, unit: m, every: 1 s, phase: 0 s, range: [0, 10], resolution: 0.001}
      doing: {from: mode, enum: [filling, settling, draining], every: 1 s, phase: 0 s}
      open: {from: drain, boolean: true, every: 1 s, phase: 0 s}
    commands: {halt: {}}
    physics:
      states: {height: 2 m}
      rates:
        height: if(mode == "filling", 0.1 m/s, if(drain, -0.2 m/s, 0 m/s))
    controller:
      every: 1 s
      machines:
        mode:
          states: [filling, settling, draining]
          transitions:
            - {from: filling, to: settling, when: full}
            - {from: settling, to: draining, after: 5 s}
            - {from: draining, to: filling, when: level <= 1 m}
      outputs:
        full: level >= 3 m
        drain: mode == "draining"
fleet:
  tank: {count: 3, id: "tank-{i}"}
machines:
  service:
    each: tank
    states: [fine, once, due]
    transitions:
      - {from: fine, to: once, when: emptied}
      - {from: once, to: due, when: emptied}
      - {from: due, to: fine, after: 7 s}
    every: 1 s
derived:
  emptied: {each: tank, value: "doing == 'filling' && previous(doing) == 'draining'", boolean: true}
events:
  worn:
    each: tank
    raise: service == "due"
alarms:
  service_due:
    of: worn
    cause: "The tank is {service} at {level}."
    consequence: It leaks.
    action: Serve it.
    respond_within: 1 h
)yaml";

std::unique_ptr<Assembly> assemble(const Scenario& scenario, const AssemblyOptions& options = {}) {
  auto assembly = Assembly::build(scenario, options);
  INFO((assembly ? std::string() : render(assembly.error())));
  REQUIRE(assembly.has_value());
  return std::move(*assembly);
}

void cycle(Assembly& a) {
  const bool done = a.loop().cycle(a.loop().now() + a.scenario().cycle, a.transport());
  INFO(render(a.transport().breakdown()));
  REQUIRE(done);
}

template <typename T>
T value(Assembly& a, const std::string& table, const std::string& column, size_t row = 0) {
  for (size_t t = 0; t < a.schema().tables.size(); ++t) {
    if (a.schema().tables[t].name != table) continue;
    const auto& columns = a.schema().tables[t].columns;
    for (size_t c = 0; c < columns.size(); ++c)
      if (columns[c].name == column) return a.tables().values<T>(TableId(t), ColumnId(c))[row];
  }
  FAIL("no column " << table << '.' << column);
  return {};
}

std::string refused(const std::string& from, const std::string& to) {
  std::string text = kScenario;
  const auto at = text.find(from);
  REQUIRE(at != std::string::npos);
  const Folder folder({{"scenario.yaml", text.replace(at, from.size(), to)}});
  const auto scenario = load(folder.path());
  if (!scenario) return in_short(scenario.error());
  const auto built = Assembly::build(*scenario);
  return built ? std::string() : in_short(built.error());
}

/// Mode of the tank by hand, at whole seconds. From 2 m: full at 10 s, settled at 15 s, then from 3 m by -0.2
/// m/s to 1 m at 25 s; from 1 m full at 45 s, and so on every 35 s.
int mode_at(int64_t second) {
  if (second < 10) return 0;
  const int64_t within = (second - 10) % 35;
  return within < 5 ? 1 : within < 15 ? 2 : 0;
}

}  // namespace

TEST_CASE(
    "machines: a controller's mode follows its hand-computed series, and physics, outputs and telemetry read "
    "it") {
  const auto a = assemble(loaded({{"scenario.yaml", kScenario}}));
  for (int64_t boundary = 1; boundary <= 200; ++boundary) {
    cycle(*a);
    const int64_t sampled = value<int64_t>(*a, "tank", "doing.sampled") / seconds(1).ns;
    INFO("sampled at " << sampled);
    REQUIRE(sampled >= boundary - 1);
    REQUIRE(value<uint8_t>(*a, "tank", "doing", 2) == mode_at(sampled));
    REQUIRE(value<uint8_t>(*a, "tank", "open", 2) == (mode_at(sampled) == 2 ? 1 : 0));
  }
}

TEST_CASE(
    "machines: the loop's state is read by events, alarms and their texts, and kept in the run folder") {
  const Folder folder;
  const auto out = folder.path() / "run";
  const auto a = assemble(loaded({{"scenario.yaml", kScenario}}), {.threads = 1, .out = out});
  std::vector<int> states{0};
  int entered = 0;
  for (int64_t boundary = 1; boundary <= 120; ++boundary) {
    cycle(*a);
    states.push_back(value<uint8_t>(*a, "tank", "service", 1));
    if (states.back() != states[states.size() - 2]) ++entered;
    REQUIRE(value<uint8_t>(*a, "tank", "worn", 1) == (states.back() == 2 ? 1 : 0));
  }
  // Emptied at 25 s, 60 s and 95 s.
  CHECK(entered == 4);
  const auto due = std::find(states.begin(), states.end(), 2) - states.begin();
  CHECK(due >= 60);
  CHECK(due <= 61);
  CHECK(std::count(states.begin(), states.end(), 2) == 7);
  REQUIRE(a->finish("{}").has_value());
  auto run = twin::RunReader::open(out);
  REQUIRE(run.has_value());
  const auto grid = run->grid("tank/derived/1s");
  REQUIRE(grid);
  CHECK(run->spec().grids[grid->index()].variables[0].words ==
        std::vector<std::string>{"fine", "once", "due"});
  const auto kept = run->read(*grid, 0, {1, 1}, {1, 121});
  REQUIRE(kept.has_value());
  for (size_t k = 0; k < 120; ++k) REQUIRE((*kept)[k] == states[k + 1]);
}

TEST_CASE("machines: saved and restored at every cycle, both kinds go on as if nothing had happened") {
  const auto scenario = loaded({{"scenario.yaml", kScenario}});
  const auto trunk = assemble(scenario);
  for (int k = 0; k < 70; ++k) {
    ArchiveWriter writer;
    trunk->save(writer);
    const auto branch = assemble(scenario);
    ArchiveReader reader(writer.bytes());
    branch->restore(reader);
    cycle(*trunk);
    cycle(*branch);
    ArchiveWriter one, other;
    trunk->save(one);
    branch->save(other);
    REQUIRE((one.bytes() == other.bytes()));
  }
}

TEST_CASE(
    "machines: two that read each other by previous() do the same in whichever order they are written") {
  const std::string phase = R"yaml(        phase:
          states: [low, high]
          transitions:
            - {from: low, to: high, when: was_even, after: 3 s}
            - {from: low, to: high, after: 4 s}
            - {from: high, to: low, after: 2 s}
)yaml";
  const std::string count = R"yaml(        count:
          states: [even, odd]
          transitions:
            - {from: even, to: odd, when: rose}
            - {from: odd, to: even, when: rose}
)yaml";
  for (const bool exchanged : {false, true}) {
    const auto a = assemble(loaded({{"scenario.yaml", R"yaml(scenario: bell
duration: 5 min
models:
  bell:
    telemetry: {height: {from: height, unit: m, every: 1 s, resolution: 0.001}}
    physics: {states: {height: 0 m}, rates: {height: 0 m/s}}
    controller:
      machines:
)yaml" + (exchanged ? count + phase : phase + count) +
                                                          R"yaml(      outputs:
        rose: previous(phase) == "low" && phase == "high"
        was_even: previous(count) == "even"
fleet: {bell: {count: 1}}
)yaml"}}));
    // Up for 2 s, after 3 s where the count was even and after 4 s where it was odd: every 11 s the same.
    for (int64_t second = 1; second <= 60; ++second) {
      cycle(*a);
      a->fleet().settle(0, a->loop().now());
      const int64_t within = second % 11;
      CAPTURE(exchanged, second);
      REQUIRE(value<uint8_t>(*a, "bell", ".controller.phase") ==
              ((within >= 3 && within < 5) || within >= 9 ? 1 : 0));
      REQUIRE(value<uint8_t>(*a, "bell", ".controller.count") == (within >= 3 && within < 9 ? 1 : 0));
    }
  }
}

TEST_CASE("machines: what cannot be is refused with its place and what to write") {
  using Catch::Contains;
  CHECK_THAT(refused("to: settling, when: full", "to: setling, when: full"),
             Contains("'setling' is not one of: filling, settling, draining [did you mean 'settling'?]"));
  CHECK_THAT(refused("states: [filling, settling, draining]", "states: [filling, settling, filling]"),
             Contains("the word 'filling' is here twice"));
  CHECK_THAT(refused("draining]\n          trans", "draining, idle]\n          trans"),
             Contains("no transition of 'mode' leads to the state 'idle'"));
  CHECK_THAT(refused("to: draining, after: 5 s", "to: draining"),
             Contains("nothing says when 'mode' goes to 'draining'"));
  CHECK_THAT(refused("when: full}", "when: level}"), Contains("condition"));
  CHECK_THAT(refused("when: full}", "when: drain}"), Contains("write the condition itself"));
  CHECK_THAT(refused("when: full}", "when: mode == 'filling'}"),
             Contains("write from: with the states that it leaves"));
  CHECK_THAT(refused("        full: level >= 3 m", "        mode: level >= 3 m"),
             Contains("the name 'mode' is already a"));
  CHECK_THAT(refused("service == \"due\"", "service == \"dew\""), Contains("fine, once, due"));
  CHECK_THAT(refused("when: emptied}", "when: worn}"), Contains("previous"));
  CHECK_THAT(refused("    every: 1 s\nderived", "    every: 1500 ms\nderived"),
             Contains("no multiple of the cycle"));
}
