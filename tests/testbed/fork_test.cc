// Forks: forked and unchanged a run is its trunk, bit for bit; changed it differs from the fork on, and where
// the change says.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <fstream>

#include "mml/loop.h"
#include "testbed/replay/difference.h"
#include "testbed/replay/fork.h"
#include "testbed/replay/forked_process.h"
#include "testbed/replay/recording.h"
#include "testbed/replay/replay.h"
#include "testbed/run.h"
#include "testbed/virtual_clock.h"
#include "tests/testbed/decisions.h"
#include "tests/testbed/loading.h"
#include "twin/transport.h"
#include "twin/warm/run_reader.h"

using namespace looptwin;
using namespace looptwin::testbed;

namespace {

const std::string kSmall = LT_SOURCE_DIR "/tests/testbed/scenarios/small";
const std::string kAway =
    "[{kind: restart, of: mml, after: 5 min, lasts: 30 s}, {after: 3 min, device: \"block-1/*\", sensor: "
    "temperature, kind: stuck, lasts: 4 min}";

template <typename T>
T good(Result<T> result) {
  INFO((result ? std::string() : render(result.error())));
  REQUIRE(result.has_value());
  return std::move(*result);
}

RunRequest quietly(RunRequest request) {
  request.quiet = true;
  return request;
}

std::string fingerprint(const std::filesystem::path& run) {
  return good(twin::RunReader::open(run)).fingerprint();
}

/// A trunk of 12 minutes with a snapshot every 3, all of them kept.
void run_trunk(const std::filesystem::path& out, std::vector<Setting> more = {}) {
  std::vector<Setting> settings = {{"duration", "12 min"},
                                   {"snapshots", "3 min"},
                                   {"keep_snapshots", "100"},
                                   {"faults", kAway + "]"},
                                   {"input_log", "true"}};
  settings.insert(settings.end(), more.begin(), more.end());
  RunRequest request{.scenario = kSmall, .settings = settings, .threads = 1, .out = out};
  REQUIRE(run(quietly(request)) == Exit::held);
}

Exit fork_run(const std::filesystem::path& trunk, const std::string& at, const std::filesystem::path& out,
              std::vector<Setting> settings = {}, int threads = 1) {
  RunRequest request{.settings = std::move(settings), .threads = threads, .out = out};
  request.from = trunk.string() + "@" + at;
  return run(quietly(request));
}

/// Of the log of decisions, after a time.
DecisionRows rows_after(const std::filesystem::path& run, Time after, TextPool& pool) {
  return good(read_decisions(run, pool, after));
}

void cycles(Assembly& assembly, int n) {
  for (int i = 0; i < n; ++i)
    REQUIRE(assembly.loop().cycle(assembly.loop().now() + seconds(1), assembly.loop_transport()));
}

}  // namespace

TEST_CASE("fork: in memory, unchanged, at any moment and any number of threads it decides as its trunk") {
  auto scenario = good(load(kSmall, {{"duration", "12 min"}}));
  auto trunk = good(Assembly::build(scenario, {.threads = 1}));
  std::vector<std::unique_ptr<Assembly>> forks;
  for (const int threads : {1, 2, 5}) {
    cycles(*trunk, 150);
    forks.push_back(good(fork(*trunk, threads)));
  }
  const auto before = trunk->loop().fingerprint();
  const auto again = good(fork(*trunk, 1));
  CHECK(again->loop().fingerprint() == before);
  cycles(*trunk, 100);
  CHECK(trunk->loop().fingerprint() != before);
  for (auto& one : forks) {
    while (one->loop().now() < trunk->loop().now()) cycles(*one, 1);
    CHECK(one->loop().fingerprint() == trunk->loop().fingerprint());
  }
  // The trunk, and another fork, go on without the one that has gone on.
  CHECK(again->loop().now() == kStart + seconds(450));
  copy_state(*again, *forks[0]);
  CHECK(forks[0]->loop().now() == kStart + seconds(450));
  cycles(*forks[0], 100);
  CHECK(forks[0]->loop().fingerprint() == trunk->loop().fingerprint());
}

// Not by a name that the thread sanitizer's run looks for: it ends a forked process that begins threads of
// its own.
TEST_CASE("fork: as a process it decides as its trunk, alone or as a team, and the trunk does not see it") {
  auto trunk = good(Assembly::build(good(load(kSmall, {{"duration", "12 min"}})), {.threads = 2}));
  const auto state_of = [](Assembly& assembly) {
    ArchiveWriter writer;
    assembly.save(writer);
    return std::string(reinterpret_cast<const char*>(writer.bytes().data()), writer.bytes().size());
  };
  const auto later = [&](Assembly& assembly) {
    for (int i = 0; i < 100; ++i)
      assembly.loop().cycle(assembly.loop().now() + seconds(1), assembly.loop_transport());
    return state_of(assembly);
  };
  cycles(*trunk, 150);
  const auto before = state_of(*trunk);
  auto alone = good(ForkedProcess::begin(*trunk, later));
  auto team = good(ForkedProcess::begin(*trunk, later, 3));
  const auto at_once = good(ForkedProcess::begin(*trunk, state_of)).result();
  const auto as_one = good(alone.result()), as_team = good(team.result());
  CHECK(good(at_once) == before);
  CHECK(state_of(*trunk) == before);
  const auto fingerprint = trunk->loop().fingerprint();
  const bool as_trunk = later(*trunk) == as_team;
  CHECK(as_trunk);
  CHECK(as_one == as_team);
  CHECK(trunk->loop().fingerprint() != fingerprint);
}

TEST_CASE("fork: a process that says nothing is told from one that does, and none is left behind") {
  auto trunk = good(Assembly::build(good(load(kSmall, {})), {.threads = 1}));
  auto ended = good(ForkedProcess::begin(*trunk, [](Assembly&) {
    ::kill(::getpid(), SIGKILL);
    return std::string();
  }));
  const auto result = ended.result();
  REQUIRE_FALSE(result.has_value());
  CHECK(result.error()[0].message == "the fork was ended by signal 9 (Killed)");
  auto silent = good(ForkedProcess::begin(*trunk, [](Assembly&) { return std::string(); }));
  CHECK(good(silent.result()).empty());
  {
    const auto unasked = good(ForkedProcess::begin(*trunk, [](Assembly&) -> std::string {
      for (;;) ::pause();
    }));
  }
  CHECK(::waitpid(-1, nullptr, WNOHANG) == -1);

  const test::Folder folder;
  auto recorded = good(Assembly::build(good(load(kSmall, {})), {.threads = 1, .out = folder.path() / "run"}));
  const auto refused = ForkedProcess::begin(*recorded, [](Assembly&) { return std::string(); });
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error()[0].message.find("run folder") != std::string::npos);
}

TEST_CASE("fork: from a run folder, unchanged, its decisions are the trunk's from there on") {
  const test::Folder folder;
  const auto trunk = folder.path() / "trunk";
  run_trunk(trunk);
  int n = 0;
  // At a snapshot, between two, before the first, on either side of the MML's absence.
  for (const auto& [at, threads] : std::vector<std::pair<std::string, int>>{
           {"6 min", 1}, {"7 min", 2}, {"95 s", 1}, {"299 s", 2}, {"331 s", 1}, {"0 s", 1}}) {
    const auto out = folder.path() / std::to_string(n++);
    INFO(at);
    REQUIRE(fork_run(trunk, at, out, {}, threads) == Exit::held);
    CHECK(fingerprint(out) == fingerprint(trunk));
    TextPool pool;
    const Time from = good(read_resumable(out)).begins;
    const auto rows = rows_after(out, kLongAgo, pool);
    CHECK((rows.empty() || rows.front().at > from));
    CHECK(rows.size() > 20);
    const auto difference = compare(rows_after(trunk, from, pool), rows, pool);
    CHECK(difference.equal());
    CHECK(difference.all.equal == rows.size());
  }
}

TEST_CASE("fork: of a fork, and its replay, are the trunk as well") {
  const test::Folder folder;
  run_trunk(folder.path() / "trunk");
  REQUIRE(fork_run(folder.path() / "trunk", "4 min", folder.path() / "first") == Exit::held);
  REQUIRE(fork_run(folder.path() / "first", "8 min", folder.path() / "second") == Exit::held);
  CHECK(fingerprint(folder.path() / "second") == fingerprint(folder.path() / "trunk"));
  CHECK(fork_run(folder.path() / "second", "7 min", folder.path() / "third") == Exit::bad_input);
  CHECK_FALSE(std::filesystem::exists(folder.path() / "third"));
  TextPool pool;
  const auto recording = good(open_recording(folder.path() / "first"));
  const auto replayed = good(replay(recording, {}, pool));
  CHECK(replayed.after == kStart + minutes(4));
  CHECK(replayed.assembly->loop().fingerprint() == fingerprint(folder.path() / "trunk"));
  const OtherRules other{{}, {{"events.busy.on_delay", "1 min"}}};
  CHECK_FALSE(replay(recording, {.rules = &other}, pool).has_value());
}

TEST_CASE("fork: at the start it is the changed scenario's run") {
  const test::Folder folder;
  run_trunk(folder.path() / "trunk");
  const Setting change{"models.home.parameters.UA.default", "400 W/K"};
  REQUIRE(fork_run(folder.path() / "trunk", "0 s", folder.path() / "fork", {change}) == Exit::held);
  run_trunk(folder.path() / "plain", {change});
  CHECK(fingerprint(folder.path() / "fork") == fingerprint(folder.path() / "plain"));
  CHECK(fingerprint(folder.path() / "fork") != fingerprint(folder.path() / "trunk"));
}

TEST_CASE("fork: changed rules, parameters and faults act from the fork on") {
  const test::Folder folder;
  const auto trunk = folder.path() / "trunk";
  run_trunk(trunk);
  const auto changed = [&](const std::string& name, const Setting& setting) {
    INFO(setting.path);
    REQUIRE(fork_run(trunk, "8 min", folder.path() / name, {setting}) == Exit::held);
    TextPool pool;
    const auto a = rows_after(trunk, kStart + minutes(8), pool);
    const auto b = rows_after(folder.path() / name, kStart + minutes(8), pool);
    return good(first_differing_input(trunk, folder.path() / name, kStart + minutes(8),
                                      kStart + minutes(12))) +
           (compare(a, b, pool).equal() ? " same" : " other");
  };
  CHECK(changed("rules", {"rules.setback.override.set.cool", "default(cool) + 3 K"}).ends_with("other"));
  // A home that loses more heat to the air outside draws more power, in samples after the fork only.
  const auto parameter = changed("parameter", {"models.home.parameters.UA.default", "800 W/K"});
  CHECK(parameter.find("sample of") != std::string::npos);
  CHECK(parameter.ends_with("other"));
  // A further fault, and a later one: the first sample that differs is the sensor's that it is about.
  const auto fault = changed(
      "fault",
      {"faults", kAway + ", {after: 10 min, device: block-2/home-3, sensor: power, kind: out_of_range, "
                         "value: 90 kW, lasts: 30 s}]"});
  INFO(fault);
  CHECK(fault.find("00:10:0") == 0);
  CHECK(fault.find("sample of power of block-2/home-3") != std::string::npos);
}

TEST_CASE("fork: what the state does not fit is refused with a reason, and leaves nothing") {
  const test::Folder folder;
  const auto trunk = folder.path() / "trunk";
  run_trunk(trunk);
  auto point = good(reach(trunk, kStart + minutes(8), 1));
  const auto why = [&](std::vector<Setting> settings) {
    auto all = point.trunk.settings;
    all.insert(all.end(), settings.begin(), settings.end());
    auto scenario = load(point.scenario, all);
    if (!scenario) return render(scenario.error());
    if (auto checked = check_change(point, *scenario, settings); !checked) return checked.error()[0].message;
    auto assembly = good(Assembly::build(std::move(*scenario), {.threads = 1, .as_recorded = true}));
    const auto restored = restore_changed(point, *assembly);
    return restored ? std::string("fits") : restored.error()[0].message;
  };
  CHECK(why({}) == "fits");
  CHECK(why({{"events.busy.on_delay", "90 s"}}) == "fits");
  CHECK(why({{"events.busy.clear", "sum(homes.power) < 40 kW"}}) == "fits");
  CHECK(why({{"fleet.home.count", "41"}}).find("'fleet.home.count' is part of what the state") !=
        std::string::npos);
  CHECK(why({{"cycle", "2 s"}}).find("'cycle' is part of") != std::string::npos);
  CHECK(why({{"models.home.telemetry.power.every", "5 s"}}).find("is part of") != std::string::npos);
  CHECK(why({{"events.hot.raise", "avg(temperature over 2 min) > 25 degC && held(known(power), 20 s)"}})
            .find("windows over hot history") != std::string::npos);
  CHECK(why({{"faults", "[]"}}).find("fault 0 is another, and does not come after") != std::string::npos);
  CHECK(why({{"faults", kAway + ", {after: 8 min, device: block-1, kind: link_down}]"}})
            .find("fault 1 is another") != std::string::npos);
  CHECK(fork_run(trunk, "5 min", folder.path() / "away") == Exit::bad_input);
  CHECK(fork_run(trunk, "13 min", folder.path() / "beyond") == Exit::bad_input);
  CHECK(fork_run(trunk, "8 min", folder.path() / "window",
                 {{"events.hot.raise", "avg(temperature over 2 min) > 25 degC"}}) == Exit::bad_input);
  for (const char* name : {"away", "beyond", "window"})
    CHECK_FALSE(std::filesystem::exists(folder.path() / name));
}

TEST_CASE("snapshots: as many stay as are asked for, the newest ones") {
  const test::Folder folder;
  run_trunk(folder.path() / "all");
  const auto count = [&](const char* name) {
    const std::filesystem::directory_iterator all(folder.path() / name / "snapshots");
    return std::distance(begin(all), end(all));
  };
  CHECK(count("all") == 5);  // four, and the one of the MML's going
  run_trunk(folder.path() / "two", {{"keep_snapshots", "2"}});
  CHECK(count("two") == 2);
  CHECK(std::filesystem::exists(folder.path() / "two/snapshots/00000000720000000000.state"));
  CHECK(std::filesystem::exists(folder.path() / "two/snapshots/00000000540000000000.state"));
  CHECK(fingerprint(folder.path() / "two") == fingerprint(folder.path() / "all"));
}
