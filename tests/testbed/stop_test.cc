// What takes long ends early where somebody asks for it, at whichever moment, and leaves nothing behind.
#include <atomic>
#include <catch2/catch.hpp>
#include <set>

#include "loading.h"
#include "mml/loop.h"
#include "testbed/explain/explanation.h"
#include "testbed/explain/run_decisions.h"
#include "testbed/replay/report.h"
#include "testbed/run.h"
#include "testbed/simulation.h"
#include "twin/warm/run_reader.h"

using namespace looptwin;
using namespace looptwin::testbed;
using namespace looptwin::testbed::test;

namespace {

const std::atomic<bool> kNeverStop{false};

/// Says yes from the n-th time on that it is asked; counts.
struct Asked {
  size_t yes_from = SIZE_MAX;
  size_t times = 0;
  StopAsked asks() {
    return [this] { return ++times > yes_from; };
  }
};

/// `work(stop)` ends early at whichever moment it is asked; told nothing it does not. At most `tries` moments
/// are tried, from the first to the last. `check` after each.
template <typename Work, typename Check>
void ends_early(size_t tries, Work&& work, Check&& check) {
  Asked never;
  REQUIRE(work(never.asks()).has_value());
  REQUIRE(never.times > 0);
  check(true);
  const size_t step = std::max<size_t>(1, never.times / tries);
  for (size_t at = 0; at < never.times; at += step) {
    Asked asked{at};
    const auto result = work(asked.asks());
    INFO(at << " of " << never.times);
    REQUIRE_FALSE(result.has_value());
    CHECK(result.error().front().message == "it was stopped before it was done");
    CHECK(asked.times <= at + 3);  // who has heard it asks for hardly more
    check(false);
  }
}

struct Recorded {
  Folder folder{{{"scenario.yaml", scenario_of("people.md")}}};
  std::filesystem::path run_folder = folder.path() / "run";
  Recorded() {
    REQUIRE(run({.scenario = folder.path(), .out = run_folder, .quiet = true}) != Exit::bad_input);
  }
};

std::set<std::string> names_in(const std::filesystem::path& folder) {
  std::set<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    names.insert(entry.path().filename().string());
  return names;
}
}  // namespace

TEST_CASE("stop: a simulation whose making is ended leaves no run folder") {
  const Folder folder({{"scenario.yaml", scenario_of("people.md")}});
  const auto out = folder.path() / "run";
  const auto before = names_in(folder.path());
  ends_early(
      100,
      [&](const StopAsked& stop) {
        auto scenario = load(folder.path(), {});
        REQUIRE(scenario.has_value());
        return Simulation::make({std::move(*scenario), folder.path(), {}},
                                {.threads = 1, .out = out, .stop = stop}, kNeverStop);
      },
      [&](bool done) {
        CHECK(std::filesystem::exists(out) == done);
        std::filesystem::remove_all(out);
        CHECK(names_in(folder.path()) == before);
      });
}

TEST_CASE("stop: a folder that was there is not removed by who could not write into it") {
  const Recorded recorded;
  auto scenario = load(recorded.folder.path(), {});
  REQUIRE(scenario.has_value());
  const auto made = Simulation::make({std::move(*scenario), recorded.folder.path(), {}},
                                     {.threads = 1, .out = recorded.run_folder}, kNeverStop);
  REQUIRE_FALSE(made.has_value());
  CHECK(twin::RunReader::open(recorded.run_folder).has_value());
}

TEST_CASE("stop: a fork that is ended leaves its trunk as it was") {
  const Folder folder({{"scenario.yaml", scenario_of("people.md")}});
  const auto begun = [&] {
    auto scenario = load(folder.path(), {});
    REQUIRE(scenario.has_value());
    auto made = Simulation::make({std::move(*scenario), folder.path(), {}}, {.threads = 1}, kNeverStop);
    REQUIRE(made.has_value());
    (*made)->advance(kStart + seconds(20));
    return std::move(*made);
  };
  auto trunk = begun(), alone = begun();
  ends_early(
      100, [&](const StopAsked& stop) { return trunk->fork(1, kNeverStop, nullptr, stop); }, [](bool) {});
  trunk->advance(trunk->end());
  alone->advance(alone->end());
  CHECK(trunk->assembly().loop().fingerprint() == alone->assembly().loop().fingerprint());
}

TEST_CASE("stop: explanations and differences end while they read, build, play and compare") {
  const Recorded one, other;
  const auto decisions = RunDecisions::read(one.run_folder);
  REQUIRE(decisions.has_value());
  const auto raised = std::find_if(decisions->all().begin(), decisions->all().end(), [](const auto& d) {
    return d.kind == "event_raised" || d.kind == "alarm_raised";
  });
  REQUIRE(raised != decisions->all().end());
  const auto nothing = [](bool) {};
  ends_early(
      20, [&](const StopAsked& stop) { return list_decisions(one.run_folder, stop); }, nothing);
  ends_early(
      20,
      [&](const StopAsked& stop) {
        return explain_decision(one.run_folder, id_text(raised->id), nullptr, stop);
      },
      nothing);
  ends_early(
      20,
      [&](const StopAsked& stop) {
        return explain_why_not(one.run_folder, raised->subject, raised->device, kStart + seconds(40), nullptr,
                               stop);
      },
      nothing);
  ends_early(
      20,
      [&](const StopAsked& stop) {
        return difference_of_runs(one.run_folder, other.run_folder, {20, true}, stop);
      },
      nothing);
}
