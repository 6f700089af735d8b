// Cycles on arrival in simulation: when boundaries come, and that what is decided on them is decided again.
#include <catch2/catch.hpp>

#include <algorithm>

#include "loading.h"
#include "mml/alarms.h"
#include "mml/dispatcher.h"
#include "mml/loop.h"
#include "testbed/alarm_report.h"
#include "testbed/last_boundary.h"
#include "testbed/simulation.h"

using namespace looptwin;
using namespace looptwin::testbed;
using namespace looptwin::testbed::test;

namespace {

/// One tank says its level every 700 ms, and a person presses a button at 2 s.
const std::string kTank = R"yaml(
scenario: tank
about: A tank fills, and is emptied.
duration: 20 s
cycle: {least: 50 ms, greatest: 400 ms}
models:
  tank:
    telemetry: {level: {from: height, unit: cm, every: 700 ms, phase: 0 s, resolution: 1}}
    commands: {empty: {}}
    controller: {every: 100 ms, outputs: {low: level < 20 cm, draining: "latch(empty, low)"}}
    physics: {step: 100 ms, states: {height: 0 m}, rates: {height: "if(draining, -0.5 m/s, 0.1 m/s)"}}
fleet: {tank: {count: 2, id: "tank-{i}", link: wire}}
links: {wire: {latency: 10 ms}}
events: {high: {each: tank, raise: level > 60 cm, clear: level < 30 cm}}
rules: {empty: {when_raised: high, send: {target: self, command: empty}}}
people: {anna: {}}
operator: {look: {kind: button}}
script: [{after: 2 s, by: anna, press: look}]
)yaml";

std::vector<int64_t> boundaries_ms(Simulation& simulation, Time to) {
  std::vector<int64_t> all;
  simulation.advance(to, [&](Time boundary) { all.push_back(boundary.ns / 1'000'000); });
  return all;
}

std::unique_ptr<Simulation> simulation(const std::string& text, int threads = 1) {
  static const std::atomic<bool> never{false};
  auto made = Simulation::make({loaded({{"scenario.yaml", text}}), {}, {}}, {.threads = threads}, never);
  REQUIRE(made.has_value());
  return std::move(*made);
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const auto at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

}  // namespace

TEST_CASE(
    "cycle on arrival: a boundary comes as something arrives, and else the greatest after the last one") {
  const auto run = simulation(kTank);
  // At 0 devices come; their samples arrive 10 ms after they are taken.
  CHECK(boundaries_ms(*run, kStart + milliseconds(1500)) == std::vector<int64_t>{50, 450, 710, 1110, 1410});
  // The button is pressed at 2 s.
  CHECK(boundaries_ms(*run, kStart + milliseconds(2200)) == std::vector<int64_t>{1810, 2000, 2110});
}

TEST_CASE("cycle on arrival: stopping on the way changes nothing, nor does the number of threads") {
  const auto whole = simulation(kTank), parts = simulation(kTank, 2);
  auto all = boundaries_ms(*whole, whole->end());
  std::vector<int64_t> pieces;
  for (int64_t ms = 130; ms <= 20'000; ms += 130) {
    const auto some = boundaries_ms(*parts, kStart + milliseconds(std::min<int64_t>(ms, 20'000)));
    pieces.insert(pieces.end(), some.begin(), some.end());
  }
  const auto last = boundaries_ms(*parts, parts->end());
  pieces.insert(pieces.end(), last.begin(), last.end());
  CHECK(all == pieces);
  CHECK(whole->assembly().loop().fingerprint() == parts->assembly().loop().fingerprint());
  CHECK(whole->assembly().dispatcher().counters().issued > 0);
}

TEST_CASE("cycle on arrival: a fork goes on as its trunk, also from where it stopped to look") {
  const auto trunk = simulation(kTank);
  static const std::atomic<bool> never{false};
  trunk->advance(kStart + milliseconds(5'333));
  auto fork = trunk->fork(1, never);
  REQUIRE(fork.has_value());
  CHECK(boundaries_ms(*trunk, trunk->end()) == boundaries_ms(**fork, trunk->end()));
  CHECK(trunk->assembly().loop().fingerprint() == (*fork)->assembly().loop().fingerprint());
}

TEST_CASE(
    "cycle on arrival: while the loop is away all is kept, or lost, and a saved state goes on as it was") {
  for (const char* persistent : {"true", "false"}) {
    CAPTURE(persistent);
    // It goes at 4.9 s, when nothing arrives, and at 9.11 s, at the boundary at which something has.
    const auto text =
        replaced(kTank, "events:",
                 std::string("faults:\n") +
                     "  - {after: 4.9 s, kind: restart, of: mml, lasts: 1 s, persistent: " + persistent +
                     "}\n  - {after: 9110 ms, kind: restart, of: mml, lasts: 0 s, persistent: " + persistent +
                     "}\nevents:");
    const auto one = simulation(text), two = simulation(text, 2);
    auto all = boundaries_ms(*one, one->end());
    CHECK(all == boundaries_ms(*two, two->end()));
    CHECK(one->assembly().loop().fingerprint() == two->assembly().loop().fingerprint());
    CHECK(one->assembly().dispatcher().counters().issued > 0);
    // From a state that was saved before, between and after: while the loop is away there is none to fork.
    for (const int64_t ms : {4'850, 6'500, 9'110, 9'200}) {
      CAPTURE(ms);
      static const std::atomic<bool> never{false};
      const auto trunk = simulation(text);
      trunk->advance(kStart + milliseconds(ms));
      auto fork = trunk->fork(1, never);
      REQUIRE(fork.has_value());
      boundaries_ms(**fork, trunk->end());
      CHECK((*fork)->assembly().loop().fingerprint() == one->assembly().loop().fingerprint());
    }
  }
}

TEST_CASE("cycle on arrival: a run folder says how far it came, and how many boundaries samples waited for") {
  const Folder folder;
  const auto out = folder.path() / "run";
  // Samples are under way for 900 ms; the alarm rises as a level arrives.
  auto text = replaced(kTank, "latency: 10 ms", "latency: 900 ms");
  text = replaced(text, "duration: 20 s", "duration: 20100 ms");
  text +=
      "history: {tank: {raw: \"**\"}}\nalarms: {full: {each: tank, raise: level > 50 cm, cause: c, "
      "consequence: c, action: a, respond_within: 1 h}}\n";
  static const std::atomic<bool> never{false};
  auto made =
      Simulation::make({loaded({{"scenario.yaml", text}}), {}, {}}, {.threads = 1, .out = out}, never);
  REQUIRE(made.has_value());
  auto& run = **made;
  const auto boundaries = boundaries_ms(run, run.end());
  const Time last = run.now();
  CHECK(last < run.end());
  CHECK((last - kStart).ns % milliseconds(400).ns != 0);
  REQUIRE(run.finish(mml::RunEnd::reached_end, 1).problems.empty());

  auto read = twin::RunReader::open(out);
  REQUIRE(read.has_value());
  CHECK(last_boundary(*read) == last);
  const auto journal = read_alarm_journal(*read);
  REQUIRE((journal.has_value() && journal->has_value()));
  CHECK((*journal)->report.length == last - kStart);
  const auto report = run.assembly().alarms().figures().report(last);
  CHECK((*journal)->report.per_hour == report.per_hour);
  CHECK(report.annunciated > 0);

  const auto grid = read->grid("tank/raw/700ms");
  REQUIRE(grid);
  const auto& variables = read->spec().grids[grid->index()].variables;
  const auto after = std::find_if(variables.begin(), variables.end(),
                                  [](const auto& v) { return v.name == "taken_in_after"; });
  REQUIRE(after != variables.end());
  const auto slots = read->slots(*grid);
  REQUIRE(slots.has_value());
  const auto values =
      read->read(*grid, static_cast<size_t>(after - variables.begin()), {0, 1}, {1, slots->end});
  REQUIRE(values.has_value());
  CHECK(values->size() > 20);
  for (size_t i = 0; i < values->size(); ++i) {
    const int64_t sampled = 700 * static_cast<int64_t>(i + 1);
    const auto waited = std::count_if(boundaries.begin(), boundaries.end(),
                                      [&](int64_t b) { return b >= sampled && b < sampled + 900; });
    CAPTURE(sampled);
    CHECK((*values)[i] == static_cast<double>(waited));
  }
}

TEST_CASE("cycle on arrival: what the policy cannot be is said where it stands") {
  CHECK(problems({{"scenario.yaml", replaced(kTank, "least: 50 ms", "least: 2 s")}}) ==
        "scenario.yaml:5:8: the least cycle is not less than the greatest [write cycle: {least: 50 ms, "
        "greatest: 1 s}, or one duration]\n");
  CHECK(problems({{"scenario.yaml", replaced(kTank, "least: 50 ms, ", "")}}).find("needs 'least'") !=
        std::string::npos);
  const auto kept = replaced(
      kTank,
      "events:", "derived: {all_of_it: {each: site, value: sum(tank.level), unit: cm, every: 1 s}}\nevents:");
  CHECK(problems({{"scenario.yaml", kept}}).find("but boundaries come on arrival") != std::string::npos);
}
