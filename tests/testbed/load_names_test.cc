// Names that a run folder could not hold are refused as the scenario is read, at their place; and what is
// called like the run folder's own is kept apart from it.
#include <fmt/format.h>
#include <catch2/catch.hpp>

#include "loading.h"
#include "mml/loop.h"
#include "testbed/assembly.h"
#include "testbed/sim_transport.h"
#include "twin/warm/run_reader.h"

using namespace looptwin;
using namespace looptwin::testbed;
using namespace looptwin::testbed::test;

namespace {

const std::string kScenario = R"yaml(scenario: names
duration: 2 min
models:
  site: {parameters: {limit: {default: 20 m3}}}
  tank:
    relations: {site: {to: site, inverse: tanks}}
    telemetry:
      content: {from: held, unit: m3, every: 10 s, phase: 0 s, range: [0, 100]}
    physics: {states: {held: 1 m3}, rates: {held: 0 m3/s}}
fleet:
  site: {count: 2, id: "site-{i}"}
  tank: {count: 3, per: site, id: "{site}/tank-{i}"}
derived:
  load: {each: site, value: sum(tanks.content), unit: m3, every: 1 min}
  total: {value: sum(site.load), unit: m3, every: 1 min}
)yaml";

std::string with(const std::string& from, const std::string& to) {
  std::string text = kScenario;
  for (size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
    text.replace(at, from.size(), to);
  REQUIRE(text != kScenario);
  return problems({{"scenario.yaml", text}});
}

}  // namespace

TEST_CASE("names: a scenario's is that of a folder in runs/") {
  const std::string hint =
      " is no name of a scenario: its runs' folders bear it [write up to 64 letters, digits, '.', '_' and "
      "'-', beginning with a letter, a digit or _]\n";
  for (const std::string name : {"../../evil", "..", ".hidden", "a/b", "a b", "-rf", "/tmp/x", "ä"})
    CHECK(with("scenario: names", "scenario: \"" + name + "\"") ==
          "scenario.yaml:1:12: '" + name + "'" + hint);
  CHECK(with("scenario: names", "scenario: " + std::string(65, 'a')) ==
        "scenario.yaml:1:11: '" + std::string(65, 'a') + "'" + hint);
  CHECK(with("scenario: names", "scenario: Site_7.b-" + std::string(40, 'a')) == "");
}

TEST_CASE("names: models, fields and kept values are not called as what a run folder has itself") {
  CHECK(with("tank:\n", "decisions:\n")
            .find("scenario.yaml:5:3: a run folder has a log 'decisions', beside which no model can be [") ==
        0);
  CHECK(with("tank:\n", "alarm_journal:\n").find("scenario.yaml:5:3: a run folder has a log") == 0);
  CHECK(with("tank:\n", "whole_site:\n").find("scenario.yaml:5:3: 'whole_site' is what a run folder calls") ==
        0);
  CHECK(with("fleet:\n", "history: {site: {raw: \"site-1\"}}\nfleet:\n") == "");
  for (const std::string name : {"time", "device", "phase", "late", "taken_in_after"})
    CHECK(with("content", name)
              .find("scenario.yaml:8:7: no field is called '" + name + "': a run folder has") == 0);
  for (const std::string name : {"time", "device", "phase", "late"}) {
    CHECK(
        with("  total: {", "  " + name + ": {").find("scenario.yaml:15:3: '" + name + "' cannot be kept: ") ==
        0);
    CHECK(with("  total: {value: sum(site.load), unit: m3, every: 1 min}",
               "  " + name + ": {value: sum(site.load), unit: m3}") == "");
  }
}

TEST_CASE("names: ids with what a table's file cannot list are refused") {
  CHECK(with("{site}/tank-{i}", "{site}/a,b{i}") ==
        "scenario.yaml:12:3: the id pattern '{site}/a,b{i}' has a comma, a quote or a control character [ids "
        "stand in tables of the run folder: leave these out]\n");
  CHECK(with("{site}/tank-{i}", "{site}/a\\\"b{i}").find("scenario.yaml:12:3: the id pattern") == 0);
  CHECK(with("{site}/tank-{i}", "{site}/a\\u0007b{i}").find("scenario.yaml:12:3: the id pattern") == 0);
}

TEST_CASE("names: values of the whole site are kept beside those of a model that is called so") {
  const Folder folder;
  const auto out = folder.path() / "run";
  auto assembly = Assembly::build(loaded({{"scenario.yaml", kScenario}}), {.threads = 1, .out = out});
  INFO((assembly ? std::string() : render(assembly.error())));
  REQUIRE(assembly.has_value());
  auto& a = **assembly;
  for (int i = 0; i < 120; ++i) REQUIRE(a.loop().cycle(a.loop().now() + a.scenario().cycle, a.transport()));
  REQUIRE(a.finish("{}").has_value());
  auto run = twin::RunReader::open(out);
  REQUIRE(run.has_value());
  for (const auto& [name, rows, value] :
       {std::tuple("site/derived/1min", 2u, 3.0), {"whole_site/derived/1min", 1u, 6.0}}) {
    const auto grid = run->grid(name);
    REQUIRE(grid);
    CHECK(run->spec().rows(run->spec().grids[grid->index()]) == rows);
    const auto kept = run->read(*grid, 0, {0, rows}, {1, 2});
    REQUIRE(kept.has_value());
    for (const double number : *kept) CHECK(number == value);
  }
}

TEST_CASE("names: an outbound feed reads no file, and a run has at least one boundary") {
  CHECK(problems({{"scenario.yaml", kScenario + "feeds:\n  crm: {direction: out, file: out.jsonl}\n"}}) ==
        "scenario.yaml:17:3: the outbound feed 'crm' reads no file [remove file:, or direction: out; what is "
        "published is in feeds/crm.jsonl of the run's folder]\n");
  CHECK(with("duration: 2 min", "cycle: 1 h\nduration: 2 min")
            .find("scenario.yaml:3:11: the run of 2 min ends before its first boundary, which comes after a "
                  "cycle of "
                  "1 h [write a longer duration:, or a shorter cycle:]\n") == 0);
  CHECK(with("duration: 2 min", "cycle: {least: 1 s, greatest: 1 h}\nduration: 2 min").find("ends before") ==
        std::string::npos);
}
