// Why something happened in a run, and why something did not: chains of causes, conditions with their values,
// and the smallest change that makes an alarm rise.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>

#include "loading.h"
#include "mml/alarms.h"
#include "mml/events.h"
#include "testbed/explain/explanation.h"
#include "testbed/explain/run_decisions.h"
#include "testbed/explain/why_not.h"
#include "testbed/run.h"
#include "testbed/testing/mutation_expressions.h"
#include "testbed/testing/stage.h"

using namespace looptwin;
using namespace looptwin::testbed;
using namespace looptwin::testbed::test;

namespace {

std::string joined_lines(const std::vector<std::string>& lines) {
  std::string text;
  for (const auto& line : lines) text += line + '\n';
  return text;
}
std::string joined_lines(const Explanation& told) { return joined_lines(lines_of(told)); }

/// Tanks that are filled at rates of their own; one runs over.
const FileTexts kTanks{{"scenario.yaml", R"yaml(scenario: tanks
about: A tank runs over, and its pump is stopped.
duration: 10 min
models:
  site: {}
  tank:
    relations: {site: {to: site, inverse: tanks}}
    parameters: {rate: {default: 1 mm/s}, most: {default: 1.5 m}}
    telemetry:
      level: {from: height, unit: m, every: 5 s, phase: 0 s, range: [0, 5], resolution: 0.001}
    commands: {stop: {}}
    controller: {outputs: {stopped: "latch(stop, false)"
  }
}
    physics:
      states: {height: 1 m}
      rates: {height: "if(stopped, 0 mm/s, rate)"}
fleet:
  site: {id: site}
  tank: {count: 2, per: site, id: "tank-{n}", rate: [2 mm/s, 0.1 mm/s]}
derived:
  room: {each: tank, value: most - level, unit: m}
events:
  high:
    each: tank
    raise: room < 10 cm && !calm
    on_delay: 20 s
rules:
  hold:
    when_raised: high
    send: {target: self, command: stop}
alarms:
  runs_over: {of: high, priority: high, cause: c, consequence: d, action: e, respond_within: 5 min}
  any_high:
    each: site
    raise: max(tanks.level) > 2 m
    priority: low
    cause: c
    consequence: d
    action: e
    respond_within: 1 h
operator:
  calm: {kind: selector, default: false}
)yaml"}};

/// Every expression of the rules, where changes may be made.
std::vector<Span*> expressions(Scenario& s) {
  std::vector<Span*> all;
  const auto event = [&](mml::EventConfig& e) {
    all.push_back(&e.raise);
    if (e.clear) all.push_back(&*e.clear);
  };
  for (auto& d : s.derived) all.push_back(&d.value);
  for (auto& e : s.events) event(e);
  for (auto& a : s.alarms) event(a.event);
  return all;
}

/// The scenario with numbers of its rules changed; later ones first, so that places stay right.
void apply(std::vector<ValueChange> changes, Scenario& scenario) {
  std::sort(changes.begin(), changes.end(),
            [](const ValueChange& a, const ValueChange& b) { return a.literal.begin > b.literal.begin; });
  for (const auto& change : changes) {
    if (!change.literal.source) continue;
    bool made = false;
    for (Span* text : expressions(scenario)) {
      const bool here = text->source && text->source->name == change.literal.source->name &&
                        text->begin <= change.literal.begin && change.literal.end <= text->end;
      if (!here) continue;
      *text = edited(*text, {change.literal, change.by, {}, {}});
      made = true;
      break;
    }
    INFO(change.what);
    CHECK(made);
  }
}

std::string span_text(const std::string& text) { return text; }

/// What tests give, with the changes that devices' reports need; parameters as settings.
TestConfig changed(TestConfig test, const std::vector<ValueChange>& changes) {
  for (const auto& change : changes) {
    if (!change.path.empty()) test.settings.push_back({change.path, change.by});
    if (change.reported.empty()) continue;
    const auto source = std::make_shared<const Source>(Source{"change", span_text(change.by)});
    test.given.push_back({change.reported, {}, {source, 0, static_cast<uint32_t>(change.by.size())}});
  }
  return test;
}

struct Quiet {
  std::vector<ValueChange> changes;
  std::string device, lines;
  TestConfig test;
};

/// Why the alarm did not rise in the test on some device, or had not yet: the first of which a change is
/// known that
/// makes it. Where it did, the test is cut before that.
std::optional<Quiet> why_quiet(const std::string& folder, TestConfig test, const std::string& alarm,
                               bool cut) {
  auto scenario = load(folder, test.settings, folder + "/tests.yaml");
  REQUIRE(scenario.has_value());
  auto stage = Stage::written(std::move(*scenario));
  REQUIRE(stage.has_value());
  Assembly& a = (*stage)->assembly();
  const auto of = std::find_if(a.alarms().all().begin(), a.alarms().all().end(),
                               [&](const auto& one) { return one.config.event.name == alarm; });
  REQUIRE(of != a.alarms().all().end());
  const auto& event = a.events().all()[of->event];
  REQUIRE((*stage)->begin(test).has_value());
  (*stage)->play((*stage)->end());
  std::vector<std::string> raised, devices;
  for (const auto& record : (*stage)->records()) {
    if (record.kind != mml::RecordKind::alarm_raised ||
        a.alarms().all()[record.subject].config.event.name != alarm)
      continue;
    raised.emplace_back(a.registry().id(record.device));
    if (!cut || raised.size() > 1) continue;
    const Duration margin = event.config.on_delay + a.scenario().cycle * 4;
    if (record.at - kStart < margin * 2) return std::nullopt;
    test.lasts = record.at - kStart - margin;
    devices = raised;
  }
  const auto raise = a.tables().values<uint8_t>(event.table, event.raise);
  for (size_t row = 0; row < raise.size() && !cut; ++row) {
    const std::string id(a.registry().id({event.table, Row(row)}));
    const bool known = raise[row] == 0;
    if ((known || (raise[row] == 2 && devices.size() < 3)) &&
        std::find(raised.begin(), raised.end(), id) == raised.end())
      devices.push_back(id);
  }
  for (const auto& device : devices) {
    REQUIRE((*stage)->begin(test).has_value());
    auto watch = WhyNotWatch::make(a, alarm, device);
    REQUIRE(watch.has_value());
    (*stage)->play((*stage)->end(), [&](Time now) { watch->look(now); });
    auto answer = watch->answer();
    if (!answer.changes.empty())
      return Quiet{std::move(answer.changes), device, joined_lines(lines_of(answer.told)), test};
  }
  return std::nullopt;
}

bool rises_with(const std::string& folder, const Quiet& quiet, const std::string& alarm) {
  const auto with = changed(quiet.test, quiet.changes);
  auto scenario = load(folder, with.settings, folder + "/tests.yaml");
  REQUIRE(scenario.has_value());
  apply(quiet.changes, *scenario);
  auto stage = Stage::written(std::move(*scenario));
  INFO((stage ? std::string() : render(stage.error())));
  REQUIRE(stage.has_value());
  REQUIRE((*stage)->begin(with).has_value());
  (*stage)->play((*stage)->end());
  Assembly& a = (*stage)->assembly();
  return std::any_of((*stage)->records().begin(), (*stage)->records().end(), [&](const auto& record) {
    return record.kind == mml::RecordKind::alarm_raised &&
           a.alarms().all()[record.subject].config.event.name == alarm &&
           a.registry().id(record.device) == quiet.device;
  });
}

}  // namespace

TEST_CASE(
    "explain: a chain goes from the samples by condition, event and rule to the command and its answer") {
  const Folder folder(kTanks);
  const auto run_folder = folder.path() / "run";
  REQUIRE(run({.scenario = folder.path(), .out = run_folder, .quiet = true}) == Exit::held);
  const auto decisions = RunDecisions::read(run_folder);
  REQUIRE(decisions.has_value());
  const auto issued = std::find_if(decisions->all().begin(), decisions->all().end(),
                                   [](const auto& d) { return d.kind == "command_issued"; });
  REQUIRE(issued != decisions->all().end());
  const auto lines = explain_decision(run_folder, id_text(issued->id));
  INFO((lines ? std::string() : render(lines.error())));
  REQUIRE(lines.has_value());
  const auto text = joined_lines(*lines);
  INFO(text);
  std::vector<std::string> in_order{"event_raised  high",
                                    "timer: it had held for on_delay, 20 s",
                                    "yes    room < 10 cm: ",
                                    "yes    !calm: holds",
                                    "room = most - level: ",
                                    "sample: level of tank-1 is 1.4",
                                    "-> ",
                                    "command_issued  hold: stop  tank-1",
                                    "command_acknowledged  hold: stop  tank-1"};
  size_t at = 0;
  for (const auto& piece : in_order) {
    const size_t found = text.find(piece, at);
    INFO(piece);
    REQUIRE(found != std::string::npos);
    at = found;
  }
  // What came of an event is below it.
  const auto event = decisions->life(issued->id).front()->cause;
  const auto down = explain_decision(run_folder, id_text(event).substr(0, 12));
  REQUIRE(down.has_value());
  CHECK(joined_lines(*down).find("what came of it:") != std::string::npos);
  CHECK(joined_lines(*down).find("-> " + issued->line()) != std::string::npos);
}

TEST_CASE("explain: a wrong id, a run of changed files and names that are none are refused") {
  const Folder folder(kTanks);
  const auto run_folder = folder.path() / "run";
  REQUIRE(run({.scenario = folder.path(), .out = run_folder, .quiet = true}) == Exit::held);
  CHECK(in_short(explain_decision(run_folder, "zz").error())
            .find("no decision has an id that begins with 'zz'") == 0);
  CHECK(
      explain_decision(run_folder, "").error()[0].message.find("decisions have an id that begins with ''") !=
      std::string::npos);
  CHECK(in_short(explain_why_not(run_folder, "hihg", "", kStart + minutes(1)).error()) ==
        "'hihg' is no rule, event or alarm [did you mean 'high'?]\n");
  CHECK(in_short(explain_why_not(run_folder, "high", "", kStart + minutes(1)).error()) ==
        "'high' is of each of 2 devices [say which: --device ID]\n");
  CHECK(in_short(explain_why_not(run_folder, "high", "tank-2", kStart + minutes(11)).error())
            .find("lies outside of the run") != std::string::npos);
  auto changed_files = kTanks;
  auto& text = changed_files["scenario.yaml"];
  text.replace(text.find("on_delay: 20 s"), 14, "on_delay: 21 s");
  folder.write("scenario.yaml", text);
  CHECK(in_short(explain_decision(run_folder, "0").error()) != "");
  CHECK(in_short(explain_why_not(run_folder, "high", "tank-2", kStart + minutes(1)).error())
            .find("was run with other files") != std::string::npos);
}

TEST_CASE("explain: a fork is refused, which its scenario alone does not give") {
  const Folder folder(kTanks);
  const auto run_folder = folder.path() / "run", fork = folder.path() / "fork";
  REQUIRE(run({.scenario = folder.path(), .out = run_folder, .quiet = true}) == Exit::held);
  REQUIRE(run({.out = fork, .quiet = true, .from = run_folder.string() + "@2 min"}) == Exit::held);
  const auto refused = explain_why_not(fork, "high", "tank-2", kStart + minutes(5));
  REQUIRE_FALSE(refused.has_value());
  CHECK(in_short(refused.error()).find("it is a fork") != std::string::npos);
}

TEST_CASE("why not: what held, what did not and by how much, and the change that would have made it rise") {
  const Folder folder(kTanks);
  const auto run_folder = folder.path() / "run";
  REQUIRE(run({.scenario = folder.path(), .out = run_folder, .quiet = true}) == Exit::held);
  const auto lines = explain_why_not(run_folder, "hold", "tank-2", kStart + minutes(5));
  REQUIRE(lines.has_value());
  const auto text = joined_lines(*lines);
  INFO(text);
  CHECK(text.find("event high on tank-2 at 00:05:00, what raises it:") == 0);
  CHECK(text.find("no     room < 10 cm: 0.47 m is not below 0.1 m, by 0.37 m") != std::string::npos);
  CHECK(text.find("yes    !calm: holds") != std::string::npos);
  CHECK(text.find("it would have risen with 10 cm at least 0.472") !=
        std::string::npos);  // as it was 20 s before
  const auto standing = explain_why_not(run_folder, "high", "tank-1", kStart + minutes(9));
  REQUIRE(standing.has_value());
  CHECK(joined_lines(*standing).find("it stands: it rises again only after it has cleared") !=
        std::string::npos);
}

TEST_CASE("why not: what constants alone decide is shown as true or false, whatever else was written") {
  auto files = kTanks;
  auto& text = files["scenario.yaml"];
  text.replace(text.find("events:\n"), 8,
               "events:\n  other: {each: tank, raise: 3 K > 3 K}\n  odd: {each: tank, raise: 1 == 2 || level "
               "> 9 m}\n");
  const Folder folder(files);
  const auto run_folder = folder.path() / "run";
  REQUIRE(run({.scenario = folder.path(), .out = run_folder, .quiet = true}) == Exit::held);
  const auto lines = explain_why_not(run_folder, "odd", "tank-2", kStart + minutes(5));
  REQUIRE(lines.has_value());
  CHECK_THAT(joined_lines(*lines), Catch::Contains("no     false: does not hold\n"));
}

TEST_CASE("why not: for every alarm that we ship the change that is named makes it rise") {
  for (const std::string name : {"smart-meters", "gas-pipeline"}) {
    const std::string folder = LT_SOURCE_DIR "/scenarios/" + name;
    const auto scenario = load(folder, {}, folder + "/tests.yaml");
    REQUIRE(scenario.has_value());
    for (const auto& alarm : scenario->alarms) {
      bool flipped = false;
      for (const auto& test : scenario->tests) {
        for (const bool cut : {false, true}) {
          if (flipped || test.simulated()) continue;
          const auto quiet = why_quiet(folder, test, alarm.event.name, cut);
          if (quiet) flipped = rises_with(folder, *quiet, alarm.event.name);
        }
        // What has to hold for long may need a longer test: then the next one is asked.
      }
      INFO(name << ": " << alarm.event.name);
      CHECK(flipped);
    }
  }
}

TEST_CASE(
    "explain: of a condition whose value of then is not kept it is said that it held, not what it was") {
  Condition rate{.is = Condition::Is::comparison, .holds = 1, .left = std::nan(""), .right = 10};
  rate.left_text = "time_true(high over 3 min)";
  rate.right_text = "10 s";
  CHECK(rate.said() == "time_true(high over 3 min) < 10 s: holds (what it was then is not kept)");
  rate.holds = 0.5;
  CHECK(rate.said() == "time_true(high over 3 min) < 10 s: unknown (unknown against 10)");
}
