// Whole runs of a small scenario: equal decisions at any number of threads, from saved states, with lazy
// evaluation.
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>

#include "base/archive.h"
#include "base/json_tree.h"
#include "loading.h"
#include "mml/alarms.h"
#include "mml/dispatcher.h"
#include "mml/evaluator.h"
#include "mml/loop.h"
#include "mml/processor.h"
#include "mml/rules.h"
#include "sim/fleet.h"
#include "testbed/assembly.h"
#include "testbed/run.h"
#include "testbed/sim_transport.h"
#include "testbed/virtual_clock.h"
#include "twin/frame.h"
#include "twin/warm/run_reader.h"

using namespace looptwin;
using namespace looptwin::testbed;

namespace {

const std::string kSmall = LT_SOURCE_DIR "/tests/testbed/scenarios/small";

std::unique_ptr<Assembly> assemble(int threads = 1, const std::vector<Setting>& settings = {}) {
  auto scenario = load(kSmall, settings);
  INFO((scenario ? std::string() : render(scenario.error())));
  REQUIRE(scenario.has_value());
  auto assembly = Assembly::build(std::move(*scenario), {.threads = threads, .out = {}});
  INFO((assembly ? std::string() : render(assembly.error())));
  REQUIRE(assembly.has_value());
  return std::move(*assembly);
}

void run_to(Assembly& assembly, Time end) {
  while (assembly.loop().now() + assembly.scenario().cycle <= end)
    REQUIRE(assembly.loop().cycle(assembly.loop().now() + assembly.scenario().cycle, assembly.transport()));
}

Time end_of(const Assembly& assembly) { return kStart + assembly.scenario().duration; }

std::string fingerprint_of_run(int threads, const std::vector<Setting>& settings = {}) {
  auto assembly = assemble(threads, settings);
  run_to(*assembly, end_of(*assembly));
  return assembly->loop().fingerprint();
}

}  // namespace

TEST_CASE("run: the small scenario makes every kind of decision that it is there for") {
  auto assembly = assemble();
  run_to(*assembly, end_of(*assembly));
  const auto commands = assembly->dispatcher().counters();
  const auto rules = assembly->rules().counters();
  const auto telemetry = assembly->processor().counters();
  CHECK(commands.acknowledged > 0);
  CHECK(commands.verified > 0);
  CHECK(commands.refused > 0);
  CHECK(rules.claims > 0);
  CHECK(rules.releases > 0);
  CHECK(rules.yields > 0);
  CHECK(rules.published > 0);
  CHECK(assembly->alarms().counters().raised > 0);
  CHECK(telemetry.duplicates > 0);
  CHECK(telemetry.by_quality[static_cast<size_t>(twin::Quality::late)] > 0);
  CHECK(telemetry.by_quality[static_cast<size_t>(twin::Quality::out_of_range)] > 0);
  CHECK(assembly->fleet().counters().lost > 0);
  CHECK(assembly->fleet().counters().outages > 0);
}

TEST_CASE("run: the fingerprint is the same twice, at 1, 2 and 5 threads, and another for another seed") {
  const auto once = fingerprint_of_run(1);
  CHECK(fingerprint_of_run(1) == once);
  CHECK(fingerprint_of_run(2) == once);
  CHECK(fingerprint_of_run(5) == once);
  CHECK(fingerprint_of_run(1, {{"seed", "8"}}) != once);
}

TEST_CASE("run: evaluating only rows that can have changed decides the same as evaluating all") {
  auto lazy = assemble();
  auto full = assemble();
  full->loop().evaluate_everything(true);
  const Time end = end_of(*lazy);
  while (lazy->loop().now() < end) {
    const Time boundary = lazy->loop().now() + lazy->scenario().cycle;
    run_to(*lazy, boundary);
    run_to(*full, boundary);
    INFO(to_string(boundary));
    REQUIRE(lazy->loop().fingerprint() == full->loop().fingerprint());
  }
  CHECK(lazy->evaluator().rows_evaluated() < full->evaluator().rows_evaluated());
}

TEST_CASE("run: restored after any cycle, it goes on as the run that was never interrupted") {
  auto trunk = assemble();
  std::vector<std::byte> state;
  std::string end_fingerprint;
  {
    auto whole = assemble();
    run_to(*whole, end_of(*whole));
    end_fingerprint = whole->loop().fingerprint();
  }
  // After every cycle: save, restore into a fresh assembly, one more cycle of both; every 100 cycles to the
  // very end.
  const Time end = end_of(*trunk);
  auto branch = assemble();
  while (trunk->loop().now() < end) {
    ArchiveWriter writer;
    trunk->save(writer);
    const bool long_way = trunk->loop().now().ns / 1'000'000'000 % 300 == 150;
    if (long_way) branch = assemble();
    ArchiveReader reader(writer.bytes());
    branch->restore(reader);
    INFO(to_string(trunk->loop().now()) << " " << reader.error());
    REQUIRE((reader.ok() && reader.at_end()));
    const Time next = trunk->loop().now() + trunk->scenario().cycle;
    run_to(*trunk, next);
    run_to(*branch, next);
    REQUIRE(branch->loop().fingerprint() == trunk->loop().fingerprint());
    if (long_way) {
      run_to(*branch, end);
      REQUIRE(branch->loop().fingerprint() == end_fingerprint);
    }
  }
  CHECK(trunk->loop().fingerprint() == end_fingerprint);
}

TEST_CASE("run: of a model whose raw history is kept in part, the kept devices have the same samples") {
  const auto base =
      std::filesystem::temp_directory_path() / ("looptwin.run_test." + std::to_string(::getpid()));
  const auto record = [&](const std::string& name, const std::string& pattern) {
    auto scenario = load(kSmall, {});
    REQUIRE(scenario.has_value());
    scenario->history.push_back({.model = "home", .span = {}, .raw = pattern, .rollups = {minutes(1)}});
    auto assembly = Assembly::build(std::move(*scenario), {.threads = 2, .out = base / name});
    REQUIRE(assembly.has_value());
    run_to(**assembly, kStart + minutes(5));
    REQUIRE((*assembly)->finish("{}").has_value());
    auto run = twin::RunReader::open(base / name);
    REQUIRE(run.has_value());
    return std::move(*run);
  };
  {
    auto all = record("all", "**");
    auto part = record("part", "block-2/*");
    CHECK(part.fingerprint() == all.fingerprint());
    const auto grid_all = *all.grid("home/raw/10s");
    const auto grid_part = *part.grid("home/raw/10s");
    REQUIRE(part.spec().rows(part.spec().grids[grid_part.index()]) == 40);
    const twin::SlotRange slots{0, 30};
    const auto from_all = *all.read(grid_all, 0, {40, 40}, slots);  // block-2 has rows 40 to 79
    const auto from_part = *part.read(grid_part, 0, {0, 40}, slots);
    size_t samples = 0;
    for (size_t i = 0; i < from_all.size(); ++i) {
      CHECK((from_all[i] == from_part[i] || (from_all[i] != from_all[i] && from_part[i] != from_part[i])));
      samples += from_part[i] == from_part[i];
    }
    CHECK(samples > 1000);
  }
  std::filesystem::remove_all(base);
}

TEST_CASE("run: a model may keep raw history and no rollups") {
  const auto folder =
      std::filesystem::temp_directory_path() / ("looptwin.run_test.raw." + std::to_string(::getpid()));
  auto scenario = load(kSmall, {});
  REQUIRE(scenario.has_value());
  scenario->history.push_back({.model = "home", .span = {}, .raw = "**", .rollups = {}});
  {
    auto assembly = Assembly::build(std::move(*scenario), {.threads = 1, .out = folder});
    REQUIRE(assembly.has_value());
    run_to(**assembly, kStart + minutes(5));
    REQUIRE((*assembly)->finish("{}").has_value());
    auto run = twin::RunReader::open(folder);
    REQUIRE(run.has_value());
    CHECK(run->grid("home/raw/10s").has_value());
    CHECK(!run->grid("home/1min").has_value());
  }
  std::filesystem::remove_all(folder);
}

TEST_CASE("run: a folder may have a slash behind it; what a full uplink drops stands in its manifest") {
  const test::FileTexts files{
      {"scenario.yaml",
       "scenario: narrow\nduration: 10 min\nmodels: {m: {physics: {states: {x: 1 m}, rates: "
       "{x: 1 mm/s}}, telemetry: {a: {from: x, unit: m, every: 1 s, phase: 0 s, "
       "resolution: 0.001}}}}\nfleet: {m: {link: r}}\n"
       "links: {r: {bandwidth: {rate: 400, queue: 304, drop: newest}}}\n"}};
  const test::Folder folder(files);
  const RunRequest request{.scenario = folder.path(), .out = folder.path() / "out/", .quiet = true};
  REQUIRE(request.out->filename().empty());
  REQUIRE(run(request) == Exit::held);
  const auto status = load_json<Json>(test::read_text(folder.path() / "out/manifest.json"))["status"];
  CHECK(status["sent"] == 601);
  CHECK(status["lost"] == 0);
  // A message of 76 bytes takes 1.52 s, and four may wait.
  CHECK(status["dropped"].get<int>() > 195);
  const int waiting = 601 - status["messages"].get<int>() - status["dropped"].get<int>();
  CHECK(waiting >= 4);
  CHECK(waiting <= 6);
}

TEST_CASE("run: what a link stored past its hour is in no rollup, and counted in the manifest") {
  // Ten seconds apart, stored from 12:55 to 13:15: 30 are of the hour that has closed.
  const test::FileTexts files{
      {"scenario.yaml",
       "scenario: stored\nstart: \"2024-01-01T12:50:00\"\nduration: 30 min\n"
       "models: {m: {physics: {states: {x: 1 m}, rates: {x: 1 mm/s}}, telemetry: {a: {from: x, unit: m, "
       "every: 10 s, phase: 0 s, resolution: 0.001}}}}\nfleet: {m: {link: r}}\n"
       "links: {r: {outage: {every: 10000 d, lasts: 1 s, store: 1000}}}\n"
       "faults: [{after: 5 min, device: \"*\", kind: link_down, lasts: 20 min}]\n"}};
  const test::Folder folder(files);
  const RunRequest request{.scenario = folder.path(), .out = folder.path() / "out", .quiet = true};
  REQUIRE(run(request) == Exit::held);
  const auto status = load_json<Json>(test::read_text(folder.path() / "out/manifest.json"))["status"];
  CHECK(status["messages"] == 181);
  CHECK(status["late"] == 0);
  CHECK(status["in_no_rollup"] == 30);
}

TEST_CASE("run: a window holds the samples of a clock that runs ahead, also those dated by their arrival") {
  const test::FileTexts files{
      {"scenario.yaml",
       "scenario: ahead\nduration: 5 min\n"
       "models: {m: {physics: {states: {n: 0}, rates: {n: 1 Hz}}, telemetry: {x: {from: n, unit: '1', "
       "every: 1 s, phase: 0 s, resolution: 1}}, clock: {offset: constant(2 s)}}}\n"
       "fleet: {m: {count: 20, link: l}}\nlinks: {l: {latency: 'uniform(0.2 s, 1.8 s)'}}\n"
       "events: {missed: {each: m, raise: 'max(x over 10 s) < x'}}\n"}};
  const test::Folder folder(files);
  const RunRequest request{.scenario = folder.path(), .out = folder.path() / "out", .quiet = true};
  REQUIRE(run(request) == Exit::held);
  const auto status = load_json<Json>(test::read_text(folder.path() / "out/manifest.json"))["status"];
  CHECK(status["future"] > 1000);
  CHECK(status["future"] < 3000);
  CHECK(status["decisions"] == 0);
  CHECK(status["in_no_window"] == 0);
}

TEST_CASE("run: a burst for which a window has no room is counted") {
  // What was stored for 20 min by a clock an hour ahead comes within one instant: 120 samples for 6 periods.
  const test::FileTexts files{
      {"scenario.yaml",
       "scenario: burst\nduration: 30 min\n"
       "models: {m: {physics: {states: {n: 0}, rates: {n: 1 Hz}}, telemetry: {x: {from: n, unit: '1', "
       "every: 10 s, phase: 0 s, resolution: 1}}, clock: {offset: constant(1 h)}}}\n"
       "fleet: {m: {link: l}}\nlinks: {l: {outage: {every: 10000 d, lasts: 1 s, store: 1000}}}\n"
       "faults: [{after: 5 min, device: '*', kind: link_down, lasts: 20 min}]\n"
       "events: {e: {each: m, raise: 'count(x over 1 min) >= 16'}, more: {each: m, raise: 'count(x over 1 "
       "min) "
       "> 16'}}\n"}};
  const test::Folder folder(files);
  const RunRequest request{.scenario = folder.path(), .out = folder.path() / "out", .quiet = true};
  REQUIRE(run(request) == Exit::held);
  const auto status = load_json<Json>(test::read_text(folder.path() / "out/manifest.json"))["status"];
  CHECK(status["in_no_window"] > 90);
  CHECK(status["in_no_window"] < 120);
  CHECK(status["decisions"] == 2);  // `e` comes and goes
}
