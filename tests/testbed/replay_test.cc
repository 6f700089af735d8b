// A recorded run replayed: its own rules decide the same, bit for bit; other rules decide on the same inputs.
#include <catch2/catch.hpp>
#include <fstream>

#include "mml/loop.h"
#include "testbed/driver.h"
#include "testbed/replay/difference.h"
#include "testbed/replay/fork_point.h"
#include "testbed/replay/kept_scenario.h"
#include "testbed/replay/replay.h"
#include "testbed/summary.h"
#include "testbed/virtual_clock.h"
#include "tests/testbed/decisions.h"
#include "tests/testbed/loading.h"

using namespace looptwin;
using namespace looptwin::testbed;

namespace {

const std::string kSmall = LT_SOURCE_DIR "/tests/testbed/scenarios/small";

template <typename T>
T good(Result<T> result) {
  INFO((result ? std::string() : render(result.error())));
  REQUIRE(result.has_value());
  return std::move(*result);
}

/// Runs a scenario into a folder as `looptwin run` does; returns its fingerprint.
std::string record(const std::filesystem::path& path, const std::filesystem::path& out,
                   std::vector<Setting> settings, int threads = 1, bool finished = true) {
  settings.push_back({"input_log", "true"});
  auto scenario = good(load(path, settings));
  const auto hash = hash_of(scenario, settings);
  auto assembly = good(Assembly::build(std::move(scenario), {.threads = threads, .out = out}));
  const auto kept = good(keep_scenario(out, assembly->scenario()));
  REQUIRE(write_resumable(out, {path, settings, hash, kStart, kept}).has_value());
  auto driver = good(Driver::make(*assembly, out, settings));
  const std::atomic<bool> stop{false};
  VirtualClock clock(assembly->scenario().start, assembly->scenario().cycle,
                     kStart + assembly->scenario().duration, stop);
  const auto end = driver.run(clock, stop);
  INFO(render(driver.error()));
  REQUIRE(end == mml::RunEnd::reached_end);
  if (finished) REQUIRE(assembly->finish(status_json(*assembly, driver.last(), end, 1)).has_value());
  return assembly->loop().fingerprint();
}

const std::vector<Setting> kRestarts = {
    {"duration", "14 min"},
    {"faults",
     "[{kind: restart, of: mml, after: 4 min, lasts: 30 s}, {kind: restart, of: mml, after: 11 min, lasts: "
     "50 s, "
     "persistent: false}, {after: 5 min, device: \"block-2/home-1*\", kind: link_down, lasts: 2 min}]"}};

}  // namespace

TEST_CASE("replay: with its own rules a run decides what it decided, restarts of the MML and all") {
  const test::Folder folder;
  const auto fingerprint = record(kSmall, folder.path() / "run", kRestarts);
  const auto recording = good(open_recording(folder.path() / "run"));
  CHECK(recording.fingerprint == fingerprint);
  for (const int threads : {1, 2, 3}) {
    TextPool pool;
    const auto replayed = good(replay(recording, {.threads = threads}, pool));
    CHECK(replayed.assembly->loop().fingerprint() == fingerprint);
    CHECK(replayed.whole);
    CHECK(replayed.damage.empty());
    CHECK(replayed.inputs.foreign_acknowledgements == 0);
    CHECK(replayed.inputs.boundaries == 14 * 60 - 30 - 50);
    CHECK(replayed.rows.size() > 100);
    const auto recorded = good(read_decisions(recording.run, pool));
    CHECK(compare(recorded, replayed.rows, pool).equal());
  }
}

TEST_CASE("replay: delays that began anew while the MML was away do so again") {
  const test::Folder folder;
  folder.write("scenario.yaml", R"y(
scenario: level
about: A level is high from 60 s on.
start: "2024-01-01T00:00:00"
duration: 4 min
models:
  tank:
    telemetry: {w: {from: w, unit: bar, every: 1 s, phase: 0 s, range: [0, 10], resolution: 0.01}}
    physics: {inputs: {clock: time_of_day()}, outputs: {w: "if(clock >= 60 s, 8 bar, 2 bar)"}}
fleet: {tank: {count: 1}}
events:
  trip: {each: tank, raise: w > 5 bar, on_delay: 1 min}
  kept: {each: tank, raise: "held(w > 5 bar, 1 min)"}
faults:
  - {kind: restart, of: mml, after: 80 s, lasts: 20 s}
  - {kind: restart, of: mml, after: 100 s, lasts: 5 s}
)y");
  const auto fingerprint = record(folder.path() / "scenario.yaml", folder.path() / "run", {});
  const auto recording = good(open_recording(folder.path() / "run"));
  TextPool pool;
  const auto replayed = good(replay(recording, {.threads = 1}, pool));
  CHECK(replayed.assembly->loop().fingerprint() == fingerprint);
  REQUIRE(replayed.rows.size() == 2);
  for (const auto& row : replayed.rows) CHECK(row.at == kStart + seconds(165));
}

TEST_CASE("replay: the log is the same at any number of threads") {
  const test::Folder folder;
  for (const int threads : {1, 2, 5})
    record(kSmall, folder.path() / std::to_string(threads), {{"duration", "6 min"}}, threads);
  const auto one = test::read_text(folder.path() / "1/inputs.log");
  CHECK(one.size() > 10'000);
  CHECK(test::read_text(folder.path() / "2/inputs.log") == one);
  CHECK(test::read_text(folder.path() / "5/inputs.log") == one);
}

TEST_CASE("replay: a run keeps its scenario: files that change afterwards do not matter") {
  const test::Folder folder;
  const auto copy = folder.path() / "here/scenario";
  std::filesystem::create_directories(folder.path() / "here");
  std::filesystem::copy(kSmall, copy, std::filesystem::copy_options::recursive);
  std::filesystem::create_directories(folder.path() / "here/elsewhere");
  std::filesystem::rename(copy / "rules.yaml", folder.path() / "here/elsewhere/rules.yaml");
  auto text = test::read_text(copy / "scenario.yaml");
  text.replace(text.find("rules.yaml"), 10, "../elsewhere/rules.yaml");
  std::ofstream(copy / "scenario.yaml") << text;
  const auto fingerprint = record(copy, folder.path() / "run", {{"duration", "11 min"}});
  std::filesystem::remove_all(folder.path() / "here");
  std::filesystem::rename(folder.path() / "run", folder.path() / "moved");
  TextPool pool;
  const auto replayed = good(replay(good(open_recording(folder.path() / "moved")), {}, pool));
  CHECK(replayed.assembly->loop().fingerprint() == fingerprint);

  // What was edited in the copy is no more what was recorded.
  std::ofstream(folder.path() / "moved/scenario/elsewhere/rules.yaml", std::ios::app) << "# changed\n";
  const auto refused = open_recording(folder.path() / "moved");
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error()[0].message.find("is not what the run began with") != std::string::npos);
}

TEST_CASE("replay: of a run that was cut short all decisions up to there are the same") {
  const test::Folder folder;
  const auto run = folder.path() / "run";
  record(kSmall, run, {{"duration", "12 min"}}, 1, false);
  const auto size = std::filesystem::file_size(run / "inputs.log");
  std::filesystem::resize_file(run / "inputs.log", size - 100);
  TextPool pool;
  const auto recording = good(open_recording(run));
  CHECK(recording.fingerprint.empty());
  const auto replayed = good(replay(recording, {}, pool));
  CHECK_FALSE(replayed.whole);
  CHECK(replayed.damage.find("torn") != std::string::npos);
  CHECK(replayed.last < kStart + minutes(12));
  CHECK(replayed.last > kStart + minutes(11) + seconds(50));
  const auto recorded = good(read_decisions(run, pool, kStart, replayed.last));
  CHECK(recorded.size() > 50);
  CHECK(compare(recorded, replayed.rows, pool).equal());

  const auto sooner = good(replay(recording, {.until = kStart + minutes(5)}, pool));
  CHECK(sooner.last == kStart + minutes(5));
}

TEST_CASE("replay: what people did acts again, at the boundary at which it acted") {
  const test::Folder folder;
  const std::string page = test::scenario_of("people.md");
  std::filesystem::create_directories(folder.path() / "scenario");
  std::ofstream(folder.path() / "scenario/scenario.yaml") << page;
  const auto fingerprint = record(folder.path() / "scenario", folder.path() / "run", {});
  TextPool pool;
  const auto replayed = good(replay(good(open_recording(folder.path() / "run")), {}, pool));
  CHECK(replayed.inputs.actions > 0);
  CHECK(replayed.assembly->loop().fingerprint() == fingerprint);
}

TEST_CASE("replay: other rules see the same telemetry, and their commands go nowhere") {
  const test::Folder folder;
  record(kSmall, folder.path() / "run", {{"duration", "12 min"}});
  const auto recording = good(open_recording(folder.path() / "run"));
  TextPool pool;
  const auto own = good(replay(recording, {}, pool));
  const auto rules = test::read_text(std::filesystem::path(kSmall) / "rules.yaml");

  // The same rules from another file are the same rules.
  folder.write("same.yaml", rules);
  const OtherRules same{folder.path() / "same.yaml", {}};
  CHECK(good(replay(recording, {.rules = &same}, pool)).assembly->loop().fingerprint() ==
        own.assembly->loop().fingerprint());

  auto text = rules;
  text.replace(text.find("on_delay: 20 s"), 14, "on_delay: 10 s");
  folder.write("sooner.yaml", text);
  const OtherRules sooner{folder.path() / "sooner.yaml", {}};
  const auto other = good(replay(recording, {.rules = &sooner}, pool));
  CHECK(other.inputs.messages == own.inputs.messages);
  CHECK(other.inputs.foreign_acknowledgements + other.inputs.acknowledgements == own.inputs.acknowledgements);
  // An event that waits ten seconds less rises ten seconds sooner on the same telemetry.
  const auto first_of = [&](const Replayed& replayed, const char* name) {
    for (const auto& firing : firings_of(replayed, pool))
      if (firing.name == name && !firing.first.empty()) return firing.first[0].first;
    return kNever;
  };
  REQUIRE(first_of(own, "busy") < kNever);
  CHECK(first_of(other, "busy") == first_of(own, "busy") - seconds(10));

  const OtherRules set{{}, {{"events.busy.on_delay", "10 s"}}};
  CHECK(good(replay(recording, {.rules = &set}, pool)).assembly->loop().fingerprint() ==
        other.assembly->loop().fingerprint());
}

TEST_CASE("replay: what rules did is counted: occurrences, what was done on them, and where first") {
  const test::Folder folder;
  record(kSmall, folder.path() / "run", {{"duration", "12 min"}});
  TextPool pool;
  const auto replayed = good(replay(good(open_recording(folder.path() / "run")), {}, pool));
  const auto firings = firings_of(replayed, pool);
  const auto of = [&](Firing::Of of, const std::string& name) {
    const auto found = std::find_if(firings.begin(), firings.end(),
                                    [&](const auto& f) { return f.of == of && f.name == name; });
    REQUIRE(found != firings.end());
    return *found;
  };
  const auto logged = test::decisions_about(folder.path() / "run", {"busy", "setback", "credit"});
  const auto count = [&](const std::string& kind, const std::string& subject) {
    return static_cast<uint64_t>(std::count_if(
        logged.begin(), logged.end(), [&](const auto& d) { return d.kind == kind && d.subject == subject; }));
  };
  const auto busy = of(Firing::Of::event, "busy");
  CHECK(busy.times == count("event_raised", "busy"));
  CHECK(busy.times > 0);
  const auto setback = of(Firing::Of::rule, "setback");
  CHECK(setback.claims == count("claimed", "setback"));
  CHECK(setback.claims > setback.times);
  const auto credit = of(Firing::Of::rule, "credit");
  CHECK(credit.times == busy.times);
  CHECK(credit.publications == count("published", "credit"));
  CHECK(credit.first == busy.first);
  // What never fires is said as well.
  CHECK(std::any_of(firings.begin(), firings.end(), [](const auto& f) { return f.times == 0; }));
}

TEST_CASE("replay: rules that do not fit what was recorded are refused at their place") {
  const test::Folder folder;
  record(kSmall, folder.path() / "run", {{"duration", "1 min"}});
  const auto recording = good(open_recording(folder.path() / "run"));
  TextPool pool;
  const auto problems = [&](const std::string& text, std::vector<Setting> settings = {}) {
    folder.write("other.yaml", text);
    const OtherRules rules{folder.path() / "other.yaml", std::move(settings)};
    const auto refused = replay(recording, {.rules = &rules}, pool);
    return refused ? std::string() : test::in_short(refused.error());
  };
  CHECK(problems("events:\n  hot: {each: home, raise: humidity > 3}\n").find("other.yaml:2") !=
        std::string::npos);
  CHECK(problems("feeds: {}\n").find("other.yaml:1:1: 'feeds' is not replaced in what was recorded") == 0);
  CHECK(problems("evnts: {}\n").find("'evnts' is not replaced") != std::string::npos);
  CHECK(problems("events: {}\n", {{"cycle", "2 s"}}).find("--set cycle: not part of the rules") !=
        std::string::npos);
  CHECK(problems("events:\n  warm:\n    each: home\n    raise: temperature > 24 degC\n").empty());
}

TEST_CASE("replay: a folder without an input log says how to get one") {
  const test::Folder folder;
  const auto refused = open_recording(folder.path());
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error()[0].hint.find("--set input_log=true") != std::string::npos);
}

TEST_CASE("diff: decisions that appeared, vanished and moved are told apart, the first with its causes") {
  TextPool pool;
  const auto row = [&](int64_t at_s, const char* kind, const char* subject, const char* device,
                       int occurrence, double value, uint64_t id = 0, uint64_t cause = 0) {
    return DecisionRow{Time{seconds(at_s).ns},
                       pool.number(kind),
                       pool.number(subject),
                       pool.number(device),
                       pool.number("cool"),
                       pool.number("degC"),
                       occurrence,
                       value,
                       id,
                       cause};
  };
  const DecisionRows a = {
      row(1, "event_raised", "busy", "b-1", 1, 0, 11), row(1, "claimed", "cut", "h-1", 1, 25, 0, 11),
      row(2, "claimed", "cut", "h-2", 1, 25, 0, 11), row(9, "event_cleared", "busy", "b-1", 1, 0, 11)};
  CHECK(compare(a, a, pool).equal());
  CHECK(compare(a, a, pool).all.equal == 4);
  DecisionRows b = a;
  b[2].value = 24;                                             // moved: another value
  b[3].at = Time{seconds(8).ns};                               // moved: another time
  b.push_back(row(9, "claimed", "cut", "h-3", 1, 25, 0, 11));  // appeared
  b.erase(b.begin() + 1);                                      // h-1 vanished
  const auto difference = compare(a, b, pool);
  CHECK(difference.all.equal == 1);
  CHECK(difference.all.moved == 2);
  CHECK(difference.all.appeared == 1);
  CHECK(difference.all.vanished == 1);
  CHECK(difference.by_subject.at("cut").vanished == 1);
  CHECK(difference.by_subject.at("busy").moved == 1);
  REQUIRE(difference.changes.size() == 4);
  CHECK(difference.changes[0].is == Change::Is::vanished);
  CHECK(said(difference.changes[0].a, pool) == "00:00:01 claimed cut on h-1, occurrence 1: cool 25 degC");
  const auto chain = causes_of(difference.changes[0].a, a, pool);
  REQUIRE(chain.size() == 1);
  CHECK(pool.text(chain[0].subject) == "busy");
  // Equal but for the order within a boundary is said, and not called equal.
  DecisionRows swapped = a;
  std::swap(swapped[0], swapped[1]);
  CHECK(compare(a, swapped, pool).reordered);
  CHECK_FALSE(compare(a, swapped, pool).equal());
}

TEST_CASE("diff: of two runs the first input that differs is named") {
  const test::Folder folder;
  record(kSmall, folder.path() / "a", {{"duration", "12 min"}});
  // A sensor is stuck from the sixth minute on, in one of them.
  record(kSmall, folder.path() / "b", {{"duration", "12 min"}, {"faults.2.after", "11 min"}});
  const auto input =
      good(first_differing_input(folder.path() / "a", folder.path() / "b", kStart, kStart + minutes(12)));
  INFO(input);
  CHECK(input.find("sample of power of block-3/home-2: A has") != std::string::npos);
  CHECK(input.find("00:06:0") == 0);
  CHECK(good(first_differing_input(folder.path() / "a", folder.path() / "b", kStart, kStart + minutes(5)))
            .empty());
}
