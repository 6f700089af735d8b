// Steps of rules: told by runs in which a script turns the switches that events and steps look at.
#include <fmt/format.h>
#include <catch2/catch.hpp>

#include "base/archive.h"
#include "decisions.h"
#include "loading.h"
#include "mml/loop.h"
#include "mml/rules.h"
#include "testbed/assembly.h"
#include "testbed/sim_transport.h"
#include "testbed/wiring.h"

using namespace looptwin;
using namespace looptwin::testbed;
using namespace looptwin::testbed::test;

namespace {

using Lines = std::vector<std::string>;

// Two pumps at a station; `level` of pump-2 is not known before 30 s.
const char* kScenario = R"yaml(scenario: sequences
duration: 2 min
models:
  station:
    commands: {halt: {}}
  pump:
    relations:
      station: {to: station, inverse: pumps}
      spare: {to: pump, inverse: spared, optional: true}
    telemetry:
      level: {from: water, unit: m, every: 1 s, phase: 0 s, range: [0, 100], resolution: 0.01}
    setpoints: {speed: {unit: 1, default: 1, range: [0, 10]}}
    commands: {start: {}, stop: {}}
    physics:
      states: {water: 1 m}
      rates: {water: 0 m/s}
fleet:
  station: {id: station}
  pump: {count: 2, id: "pump-{n}", per: station, spare: "pump-{i+1}"}
faults:
  - {after: 0 s, device: pump-2, kind: link_down, lasts: 30 s}
people: {anna: {}}
operator:
  wanted: {kind: selector, each: pump, default: false}
  ready: {kind: selector, each: pump, default: false}
  sure: {kind: selector, each: pump, default: false}
events:
  due: {each: pump, raise: wanted}
)yaml";

const std::string kTwoSteps = R"yaml(rules:
  bring_up:
    when_raised: due
    steps:
      - {do: {send: {target: self, command: start}}, until: ready, within: 10 s}
      - do: {publish: {feed: room, body: {pump: id}}}
        until: sure
        within: 5 s
        else: {send: {target: self, command: stop}, then: stop}
      - do: {send: {target: station, command: halt}}
)yaml";

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const auto at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

/// `{after: 5 s, by: anna, set: {wanted: true}, device: pump-1}` for "5 wanted on pump-1".
std::string script(const Lines& turns) {
  std::string text = "script:\n";
  for (const auto& turn : turns) {
    char input[16], state[8], device[16];
    int after = 0;
    REQUIRE(std::sscanf(turn.c_str(), "%d %15s %7s %15s", &after, input, state, device) == 4);
    text += fmt::format("  - {{after: {} s, by: anna, set: {{{}: {}}}, device: {}}}\n", after, input,
                        state == std::string("on") ? "true" : "false", device);
  }
  return text;
}

std::unique_ptr<Assembly> assemble(const std::string& text, const AssemblyOptions& options = {}) {
  auto assembly = Assembly::build(loaded({{"scenario.yaml", text}}), options);
  INFO((assembly ? std::string() : render(assembly.error())));
  REQUIRE(assembly.has_value());
  return std::move(*assembly);
}

void run_to(Assembly& a, Duration end) {
  while (a.loop().now() < kStart + end)
    REQUIRE(a.loop().cycle(a.loop().now() + a.scenario().cycle, a.transport()));
}

/// What the rule `bring_up` decides in a minute, as "5 step_begun 1 pump-1"; of commands only the issuing.
Lines ran(const std::string& rules, const Lines& turns, Duration length = minutes(1)) {
  const Folder folder;
  const auto a =
      assemble(kScenario + rules + script(turns), {.threads = 1, .out = folder.path() / "run", .resume = {}});
  run_to(*a, length);
  REQUIRE(a->finish("{}").has_value());
  Lines lines;
  for (const auto& d : decisions_about(folder.path() / "run", {"bring_up"})) {
    if (d.kind.starts_with("command") && d.kind != "command_issued") continue;
    const std::string what = d.quantity == "step" ? fmt::format("{}", d.value) : d.quantity;
    lines.push_back(
        fmt::format("{} {} {}{}{}", d.at.seconds(), d.kind, what, what.empty() ? "" : " ", d.device));
  }
  return lines;
}

std::string refused(const std::string& rules) {
  const Folder folder({{"scenario.yaml", kScenario + rules}});
  const auto scenario = load(folder.path());
  if (!scenario) return in_short(scenario.error());
  const auto built = Assembly::build(*scenario);
  return built ? std::string() : in_short(built.error());
}

}  // namespace

TEST_CASE("steps: each acts as it begins, and the next begins at the boundary at which the last has ended") {
  CHECK(ran(kTwoSteps, {"5 wanted on pump-1", "8 ready on pump-1", "12 sure on pump-1"}) ==
        Lines{"5 step_begun 1 pump-1", "5 command_issued start pump-1", "8 step_begun 2 pump-1",
              "8 published pump-1", "12 step_begun 3 pump-1", "12 command_issued halt station",
              "12 sequence_done 3 pump-1"});
}

TEST_CASE("steps: what is met already is passed in the same cycle, each step once, and acts all the same") {
  CHECK(ran(kTwoSteps, {"4 ready on pump-1", "4 sure on pump-1", "5 wanted on pump-1"}) ==
        Lines{"5 step_begun 1 pump-1", "5 command_issued start pump-1", "5 step_begun 2 pump-1",
              "5 published pump-1", "5 step_begun 3 pump-1", "5 command_issued halt station",
              "5 sequence_done 3 pump-1"});
}

TEST_CASE("steps: after the time for it a sequence goes on, or does what else says and stops") {
  CHECK(ran(kTwoSteps, {"5 wanted on pump-1"}) ==
        Lines{"5 step_begun 1 pump-1", "5 command_issued start pump-1", "15 step_timed_out 1 pump-1",
              "15 step_begun 2 pump-1", "15 published pump-1", "20 step_timed_out 2 pump-1",
              "20 command_issued stop pump-1", "20 sequence_aborted 2 pump-1"});
  // At the last boundary it still counts, one later it does not.
  CHECK(ran(kTwoSteps, {"5 wanted on pump-1", "15 ready on pump-1"})[2] == "15 step_begun 2 pump-1");
  CHECK(ran(kTwoSteps, {"5 wanted on pump-1", "16 ready on pump-1"})[2] == "15 step_timed_out 1 pump-1");
  CHECK(ran(replaced(kTwoSteps, ", then: stop", ""), {"5 wanted on pump-1"}).back() ==
        "20 sequence_done 3 pump-1");
}

TEST_CASE("steps: a pause is a step that waits for what never comes") {
  const std::string rules = R"yaml(rules:
  bring_up:
    when_raised: due
    steps:
      - {until: false, within: 20 s}
      - {do: {send: {target: self, command: start}}}
)yaml";
  CHECK(ran(rules, {"5 wanted on pump-1"}) ==
        Lines{"5 step_begun 1 pump-1", "25 step_timed_out 1 pump-1", "25 step_begun 2 pump-1",
              "25 command_issued start pump-1", "25 sequence_done 2 pump-1"});
}

TEST_CASE("steps: unknown is not met, and without `within` a step waits as long as it takes") {
  const auto lines = ran(replaced(kTwoSteps, "ready, within: 10 s", "level > 0 m"),
                         {"5 wanted on pump-1", "5 wanted on pump-2", "5 sure on pump-2"});
  CHECK(Lines(lines.begin(), lines.begin() + 6) ==
        Lines{"5 step_begun 1 pump-1", "5 command_issued start pump-1", "5 step_begun 2 pump-1",
              "5 published pump-1", "5 step_begun 1 pump-2", "5 command_issued start pump-2"});
  // Its link is down until 30 s.
  CHECK(lines.back() == "30 sequence_done 3 pump-2");
}

TEST_CASE("steps: an event that is one for all has them, too, and what is awaited need be about no device") {
  const std::string rules = R"yaml(rules:
  bring_up:
    when_raised: late
    steps:
      - {do: {send: {target: pump, command: start}}, until: time_of_day() > 9 s, within: 1 min}
      - until: count(pump, ready) > 1
  each:
    when_raised: due
    steps:
      - {until: time_of_day() > 40 s}
      - {do: {send: {target: station, command: halt}}}
)yaml";
  const std::string text = replaced(kScenario, "events:", "events:\n  late: {raise: time_of_day() > 5 s}") +
                           rules + script({"7 ready on pump-1", "20 ready on pump-2", "30 wanted on pump-2"});
  const Folder folder;
  const auto a = assemble(text, {.threads = 1, .out = folder.path() / "run", .resume = {}});
  run_to(*a, minutes(1));
  REQUIRE(a->finish("{}").has_value());
  Lines lines;
  for (const auto& d : decisions_about(folder.path() / "run", {"bring_up", "each"}))
    if (!d.kind.starts_with("command"))
      lines.push_back(fmt::format("{} {} {}", d.at.seconds(), d.kind, d.device));
  CHECK(lines == Lines{"6 step_begun site", "10 step_begun site", "20 sequence_done site",
                       "30 step_begun pump-2", "41 step_begun pump-2", "41 sequence_done pump-2"});
}

TEST_CASE("steps: with when_raised a sequence outlives its event; that rises again, and all begins anew") {
  CHECK(ran(kTwoSteps, {"5 wanted on pump-1", "7 wanted off pump-1", "8 ready on pump-1",
                        "10 wanted on pump-1", "12 sure on pump-1"}) ==
        Lines{"5 step_begun 1 pump-1", "5 command_issued start pump-1", "8 step_begun 2 pump-1",
              "8 published pump-1", "10 sequence_aborted 2 pump-1", "10 step_begun 1 pump-1",
              "10 command_issued start pump-1", "10 step_begun 2 pump-1", "10 published pump-1",
              "12 step_begun 3 pump-1", "12 command_issued halt station", "12 sequence_done 3 pump-1"});
}

TEST_CASE("steps: with while a sequence ends with its event, and does nothing more") {
  CHECK(ran(replaced(kTwoSteps, "when_raised", "while"),
            {"5 wanted on pump-1", "8 ready on pump-1", "10 wanted off pump-1", "12 sure on pump-1"}) ==
        Lines{"5 step_begun 1 pump-1", "5 command_issued start pump-1", "8 step_begun 2 pump-1",
              "8 published pump-1", "10 sequence_aborted 2 pump-1"});
}

TEST_CASE("steps: with when_cleared a sequence begins as its event clears") {
  CHECK(ran(replaced(kTwoSteps, "when_raised", "when_cleared"),
            {"5 wanted on pump-1", "8 ready on pump-1", "8 sure on pump-1", "10 wanted off pump-1"})[0] ==
        "10 step_begun 1 pump-1");
}

TEST_CASE("steps: what they claim is held while the event stands, beyond the sequence's end") {
  const std::string rules = R"yaml(rules:
  bring_up:
    while: due
    steps:
      - {do: {override: {target: self, set: {speed: 2}}}, until: ready}
      - do: {override: {target: self, set: {speed: 3}, priority: 1}}
        until: sure
        within: 5 s
        else: {override: {target: self, set: {speed: 4}, priority: 2}}
)yaml";
  CHECK(ran(rules, {"5 wanted on pump-1", "8 ready on pump-1", "10 sure on pump-1", "20 wanted off pump-1",
                    "30 wanted on pump-2"}) ==
        Lines{"5 step_begun 1 pump-1", "5 claimed speed pump-1", "5 command_issued speed pump-1",
              "8 step_begun 2 pump-1", "8 claimed speed pump-1", "8 command_issued speed pump-1",
              "10 sequence_done 2 pump-1", "20 released speed pump-1", "20 released speed pump-1",
              "20 command_issued speed pump-1", "30 step_begun 1 pump-2", "30 claimed speed pump-2",
              "30 command_issued speed pump-2"});
  const auto lines = ran(rules, {"5 wanted on pump-1", "8 ready on pump-1", "12 wanted off pump-1"});
  CHECK(std::find(lines.begin(), lines.end(), "12 sequence_aborted 2 pump-1") != lines.end());
  CHECK(std::find(lines.begin(), lines.end(), "12 released speed pump-1") != lines.end());
  const auto late = ran(rules, {"5 wanted on pump-1", "8 ready on pump-1"});
  CHECK(Lines(late.end() - 4, late.end()) == Lines{"13 step_timed_out 2 pump-1", "13 sequence_done 2 pump-1",
                                                   "13 claimed speed pump-1",
                                                   "13 command_issued speed pump-1"});
}

TEST_CASE(
    "steps: two claims of one sequence on one setpoint are a warning where no priority tells them apart") {
  const auto a = assemble(std::string(kScenario) + R"yaml(rules:
  bring_up:
    while: due
    steps:
      - {do: {override: {target: self, set: {speed: 2}}}, until: ready}
      - {do: {override: {target: self, set: {speed: 3}}}}
)yaml");
  CHECK(
      in_short(a->warnings())
          .find("rule 'bring_up' twice sets pump.speed with priority 0: the earlier claim holds [give one of "
                "them a higher `priority:`]") != std::string::npos);
}

TEST_CASE("steps: the one device of a relation gets a command from each event, and obeys each") {
  const std::string rules = R"yaml(rules:
  bring_up:
    when_raised: due
    send: [{target: station, command: halt}, {target: spare, command: start}]
)yaml";
  const Folder folder;
  const auto a = assemble(kScenario + rules + script({"5 wanted on pump-1", "5 wanted on pump-2"}),
                          {.threads = 1, .out = folder.path() / "run", .resume = {}});
  run_to(*a, minutes(1));
  REQUIRE(a->finish("{}").has_value());
  std::vector<Decision> halted;
  Lines started;
  for (const auto& d : decisions_about(folder.path() / "run", {"bring_up"})) {
    if (d.kind == "command_acknowledged" && d.device == "station") halted.push_back(d);
    if (d.kind == "command_issued" && d.quantity == "start") started.push_back(d.device);
  }
  REQUIRE(halted.size() == 2);
  CHECK(halted[0].cause != halted[1].cause);
  CHECK(halted[0].id != halted[1].id);
  CHECK(started == Lines{"pump-2"});  // which has no spare itself
}

TEST_CASE("steps: looking only where something can have changed, and two threads, decide the same") {
  const auto text = kScenario + kTwoSteps +
                    script({"5 wanted on pump-1", "5 wanted on pump-2", "8 ready on pump-1",
                            "9 wanted off pump-2", "11 wanted on pump-2", "40 sure on pump-2"});
  const auto straight = assemble(text);
  const auto everything = assemble(text);
  const auto shared = assemble(text, {.threads = 2, .out = {}, .resume = {}});
  everything->loop().evaluate_everything(true);
  for (const auto* a : {&straight, &everything, &shared}) run_to(**a, minutes(1));
  CHECK(straight->rules().counters().sequences.begun == 3);
  CHECK(straight->rules().counters().sequences.aborted == 3);
  CHECK(everything->loop().fingerprint() == straight->loop().fingerprint());
  CHECK(shared->loop().fingerprint() == straight->loop().fingerprint());
}

TEST_CASE("steps: saved and restored at every boundary they go on as if nothing had happened") {
  const auto text =
      kScenario + replaced(kTwoSteps, "ready, within: 10 s", "level > 0 m && ready") +
      script({"3 wanted on pump-1", "4 wanted on pump-2", "8 ready on pump-1", "9 ready on pump-2"});
  const auto straight = assemble(text);
  auto broken = assemble(text);
  for (int second = 1; second <= 45; ++second) {
    run_to(*straight, seconds(second));
    run_to(*broken, seconds(second));
    ArchiveWriter saved;
    broken->save(saved);
    broken = assemble(text);
    ArchiveReader reader(saved.bytes());
    broken->restore(reader);
    REQUIRE(reader.ok());
    CHECK(reader.at_end());
    REQUIRE(broken->loop().fingerprint() == straight->loop().fingerprint());
  }
  CHECK(broken->rules().counters().sequences.timed_out == 2);
}

TEST_CASE("steps: each expression of a step is explained by its place") {
  const auto a = assemble(kScenario + replaced(kTwoSteps, "stop}, then", "stop, where: ready}, then"));
  Lines names;
  for (const auto& explained : a->wired().explained)
    if (explained.name.starts_with("rules.")) names.push_back(explained.name);
  CHECK(names == Lines{"rules.bring_up.steps.0.until", "rules.bring_up.steps.1.until",
                       "rules.bring_up.steps.1.else.command.where"});
}

TEST_CASE("steps: what makes no sense is refused with its place and what to write") {
  const auto says = [](const std::string& problem, const std::string& what) {
    INFO(problem);
    return problem.find(what) != std::string::npos;
  };
  const auto with = [](const std::string& step, const std::string& more = {}) {
    return refused("rules:\n  bring_up:\n    when_raised: due\n" + more + "    steps:\n      - " + step +
                   "\n");
  };
  CHECK(with("{until: ready}") == "");
  CHECK(says(with("{within: 3 s}"), "a step of rule 'bring_up' does nothing [write do:, until: or both]"));
  CHECK(says(with("{do: {send: {target: self, command: start}}, within: 3 s}"),
             "has 'within', and waits for nothing [write until:"));
  CHECK(says(with("{until: ready, else: {then: stop}}"),
             "has 'else', and waits as long as it takes [write within:"));
  CHECK(says(with("{until: ready, within: 3 s, else: {then: go_on}}"), "the 'else' of a step of rule"));
  CHECK(says(with("{until: ready, within: 3 s, else: {then: halt}}"), "'halt' is not one of: go_on, stop"));
  CHECK(says(with("{until: level}"), "a condition is wanted here, but `level` is a value in m"));
  CHECK(says(with("{do: {override: {target: self, set: {speed: 2}}}}"),
             "rule 'bring_up' overrides at a moment"));
  CHECK(says(with("{do: {send: {target: self, command: strat}}}"), "did you mean 'start'?"));
  CHECK(says(with("{until: ready}", "    send: {target: self, command: start}\n"),
             "rule 'bring_up' has steps, and acts beside them [move what it does into the do: of its first "
             "step]"));
  CHECK(says(refused("rules:\n  both:\n    while: due\n    override: {target: spare, set: {speed: 2}}\n"),
             "the one 'spare' may be that of many devices of 'pump'"));
}

TEST_CASE("overrides: a claim is not computed from the setpoint that it moves") {
  const auto with = [](const std::string& value, const std::string& more = {}) {
    return refused(more + "rules:\n  both:\n    while: due\n    override: {target: self, set: {speed: \"" +
                   value + "\"}}\n");
  };
  const std::string ratchets =
      "the claim on 'speed' is computed from 'speed', which it moves: it would follow itself "
      "[write default(speed)]";
  const std::string derived = "derived:\n  faster: {each: pump, value: speed + 1, unit: 1}\n";
  for (const char* value :
       {"speed + 1", "desired(speed) + 1", "min(9, if(ready, speed, 3))", "avg(speed over 5 s)"}) {
    CAPTURE(value);
    CHECK(with(value).find(ratchets) != std::string::npos);
  }
  CHECK(with("faster", derived).find(ratchets) != std::string::npos);
  // What it is compared with is not what it becomes; another device's is another setpoint.
  for (const char* value : {"default(speed) + 1", "if(speed > 2, 3, 2)", "level / 1 m", "spare.speed + 1"}) {
    CAPTURE(value);
    CHECK(with(value) == "");
  }
}
