// The MML is restarted: its state comes back from the disk, the world has gone on, and what it decides from
// then on is what it would have decided had it never been away, or only known later.
#include <catch2/catch.hpp>
#include <fstream>

#include "mml/loop.h"
#include "mml/processor.h"
#include "testbed/driver.h"
#include "testbed/summary.h"
#include "testbed/virtual_clock.h"
#include "tests/testbed/loading.h"
#include "twin/warm/run_reader.h"

using namespace looptwin;
using namespace looptwin::testbed;

namespace {

const std::string kSmall = LT_SOURCE_DIR "/tests/testbed/scenarios/small";

std::unique_ptr<Assembly> assemble(const std::vector<RestartConfig>& restarts, int threads = 1,
                                   std::optional<std::filesystem::path> out = {}) {
  auto scenario = load(kSmall, {{"duration", "12 min"}});
  REQUIRE(scenario.has_value());
  scenario->restarts = restarts;
  auto assembly = Assembly::build(std::move(*scenario), {.threads = threads, .out = out});
  INFO((assembly ? std::string() : render(assembly.error())));
  REQUIRE(assembly.has_value());
  return std::move(*assembly);
}

struct Ran {
  std::string fingerprint;
  std::vector<Time> cycles;  ///< boundaries that were run
  uint64_t messages = 0, missed = 0;
};

Ran drive(Assembly& assembly, Driver& driver, Time from = kStart) {
  const auto& scenario = assembly.scenario();
  std::atomic<bool> stop{false};
  VirtualClock clock(scenario.start, scenario.cycle, kStart + scenario.duration, stop);
  clock.go_on_after(from);
  Ran ran;
  const auto end = driver.run(clock, stop, [&](Time boundary) {
    if (assembly.loop().now() == boundary) ran.cycles.push_back(boundary);
  });
  INFO(render(driver.error()));
  CHECK(end == mml::RunEnd::reached_end);
  ran.fingerprint = assembly.loop().fingerprint();
  ran.messages = assembly.processor().counters().messages;
  ran.missed = driver.missed();
  return ran;
}

Ran run(const std::vector<RestartConfig>& restarts, int threads = 1) {
  auto assembly = assemble(restarts, threads);
  auto driver = Driver::make(*assembly, {}, {});
  REQUIRE(driver.has_value());
  return drive(*assembly, *driver);
}

RestartConfig away(Duration after, Duration lasts, bool persistent = true) {
  return {{}, Restarted::mml, kStart + after, {}, lasts, persistent};
}

}  // namespace

TEST_CASE("restart: an MML that is restarted in no time decides as one that never was") {
  const auto plain = run({});
  const auto at_once =
      run({away(minutes(2), {}), away(minutes(5) + milliseconds(300), {}), away(minutes(8), {})});
  CHECK(at_once.fingerprint == plain.fingerprint);
  CHECK(at_once.messages == plain.messages);
  CHECK(at_once.missed == 0);
  CHECK(at_once.cycles == plain.cycles);
}

TEST_CASE(
    "restart: while the MML is away nothing is decided, and afterwards one cycle takes in what was kept") {
  const auto plain = run({});
  // From 10 min on homes are claimed: much is decided in the minute and a half.
  const auto kept = run({away(minutes(10), seconds(90))});
  CHECK(kept.missed == 90);
  CHECK(kept.messages == plain.messages);
  CHECK(kept.fingerprint != plain.fingerprint);
  const auto back = std::find(kept.cycles.begin(), kept.cycles.end(), kStart + minutes(10) + seconds(90));
  REQUIRE(back != kept.cycles.end());
  REQUIRE(back != kept.cycles.begin());
  CHECK(*(back - 1) == kStart + minutes(10) - seconds(1));

  const auto lost = run({away(minutes(10), seconds(90), false)});
  CHECK(lost.missed == 90);
  CHECK(lost.messages < plain.messages);
}

TEST_CASE("restart: a run whose MML does not come back has gone on all the same") {
  auto assembly = assemble({away(seconds(0), minutes(20))});
  auto driver = Driver::make(*assembly, {}, {});
  REQUIRE(driver.has_value());
  const auto ran = drive(*assembly, *driver);
  CHECK(ran.missed == 12 * 60);
  CHECK(assembly->loop().now() == kStart);
  CHECK(driver->last() == kStart + minutes(12));
  const auto status = status_json(*assembly, driver->last(), mml::RunEnd::reached_end, 1);
  CHECK(status.find("\"simulated_s\":720.0") != std::string::npos);
}

TEST_CASE("restart: the same decisions at 1, 2 and 5 threads, drawn restarts and all") {
  const std::vector<RestartConfig> restarts = {away(minutes(3), seconds(40)),
                                               {{}, Restarted::mml, {}, minutes(3), seconds(7), true}};
  const auto one = run(restarts);
  CHECK(one.missed > 40);
  CHECK(run(restarts, 2).fingerprint == one.fingerprint);
  CHECK(run(restarts, 5).fingerprint == one.fingerprint);
}

TEST_CASE("restart: between going and coming back the MML's memory is empty: its state is that of the file") {
  const test::Folder folder;
  auto assembly = assemble({away(minutes(6), minutes(1))});
  auto driver = Driver::make(*assembly, folder.path(), {});
  REQUIRE(driver.has_value());
  const auto& scenario = assembly->scenario();
  std::atomic<bool> stop{false};
  VirtualClock clock(scenario.start, scenario.cycle, kStart + scenario.duration, stop);
  bool damaged = false;
  const auto end = driver->run(clock, stop, [&](Time boundary) {
    if (boundary != kStart + minutes(6) + seconds(30)) return;
    CHECK(assembly->loop().now() == kStart);
    CHECK(assembly->processor().counters().messages == 0);
    for (const auto& entry : std::filesystem::directory_iterator(folder.path() / "snapshots")) {
      std::fstream file(entry.path(), std::ios::in | std::ios::out | std::ios::binary);
      file.seekp(5000);
      file.put('x').put('y');
      damaged = true;
    }
  });
  CHECK(damaged);
  CHECK(end == mml::RunEnd::failed);
  REQUIRE(driver->error().size() == 1);
  CHECK(driver->error()[0].message.find("its checksum is wrong") != std::string::npos);
}

TEST_CASE("resume: from any snapshot a fresh process goes on as the run that was never interrupted") {
  const std::vector<RestartConfig> restarts = {away(minutes(5), seconds(70))};
  const auto whole = run(restarts);
  const test::Folder folder;
  const auto out = folder.path() / "run";
  for (const auto at : {minutes(2), minutes(5) - seconds(1), minutes(8)}) {
    const auto path = folder.path() / "kept.state";
    {
      auto assembly = assemble(restarts);
      auto driver = Driver::make(*assembly, {}, {});
      REQUIRE(driver.has_value());
      std::atomic<bool> stop{false};
      const auto& scenario = assembly->scenario();
      VirtualClock clock(scenario.start, scenario.cycle, kStart + at, stop);
      REQUIRE(driver->run(clock, stop) == mml::RunEnd::reached_end);
      Snapshot snapshot{.boundary = assembly->loop().now(),
                        .scenario = 7,
                        .recorder = {{3, Time{5}}, {1, 0, 9}, {Time{4}, Time{5}}},
                        .world = {},
                        .loop = {}};
      ArchiveWriter world, loop;
      assembly->save_world(world);
      assembly->save_loop(loop);
      snapshot.world = world.take();
      snapshot.loop = loop.take();
      REQUIRE(write_snapshot(path, snapshot).has_value());
    }
    const auto read = read_snapshot(path);
    REQUIRE(read.has_value());
    CHECK(read->boundary == kStart + at);
    CHECK(read->scenario == 7);
    CHECK(read->recorder.position == twin::Position{3, Time{5}});
    CHECK(read->recorder.feeds == std::vector<uint64_t>{1, 0, 9});
    CHECK(read->recorder.boundaries == std::vector<Time>{Time{4}, Time{5}});
    auto assembly = assemble(restarts, 2);
    auto driver = Driver::make(*assembly, {}, {});
    REQUIRE(driver.has_value());
    ArchiveReader world(read->world), loop(read->loop);
    assembly->restore_world(world);
    assembly->restore_loop(loop);
    REQUIRE((world.ok() && world.at_end() && loop.ok() && loop.at_end()));
    driver->skip_to(read->boundary);
    CHECK(drive(*assembly, *driver, read->boundary).fingerprint == whole.fingerprint);
  }
}
