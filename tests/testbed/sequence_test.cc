// Sequences of test steps in virtual time: every kind of step, every outcome, and what follows of it.
#include "testbed/sequence/sequence_session.h"

#include <fmt/format.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <fstream>

#include "base/json_tree.h"
#include "loading.h"
#include "mml/loop.h"
#include "testbed/reading/load.h"
#include "testbed/reading/schema.h"
#include "testbed/replay/replay.h"
#include "testbed/simulation.h"

using namespace looptwin;
using namespace looptwin::testbed;
using namespace looptwin::testbed::test;

namespace {

const char* const kCellar = R"yaml(
scenario: cellar
about: A pump empties a cellar.
duration: 1 h
cycle: 200 ms
seed: 3
models:
  pump:
    telemetry:
      level: {from: height, unit: m, every: 200 ms, phase: 0 s, range: [0, 5], resolution: 0.01}
      running: {from: turning, boolean: true, every: 200 ms, phase: 0 s}
    setpoints: {speed: {default: 50 %, range: [0 %, 100 %], unit: "%"}}
    commands: {start: {expires: 5 s}, stop: {expires: 5 s}}
    controller: {outputs: {turning: "latch(start, stop)", push: speed}}
    physics:
      states: {height: 1 m}
      limits: {height: {low: 0 m, high: 5 m}}
      rates: {height: "0.5 m/s - if(turning, 1.5 m/s * push / 50 %, 0 m/s)"}
fleet: {pump: {count: 2, id: "cellar/pump-{i}"}}
people: {anna: {roles: [lead]}, ben: {}}
operator:
  highest: {kind: limit, default: 2 m, range: [1, 4], role: lead}
events:
  high: {each: pump, raise: level > highest, clear: level < 0.5 m}
rules:
  empty: {when_raised: high, send: {target: self, command: start}}
  rest: {when_cleared: high, send: {target: self, command: stop}}
alarms:
  flood: {each: pump, raise: level > 2.5 m, priority: high, cause: c, consequence: c, action: a, respond_within: 5 min}
)yaml";

/// A sequence on the cellar; `main` is its steps, at their indentation.
std::string sequence_of(const std::string& main, const std::string& more = {}) {
  return "sequence: trial\nby: anna\nwithin: 10 s\n" + more + "main:\n" + main;
}

struct Trial {
  SequenceResult result;
  Exit exit = Exit::internal_fault;
  std::string fingerprint;
  const StepResult& step(PhaseIs phase, size_t n) const {
    return result.phases[static_cast<size_t>(phase)].steps.at(n);
  }
  Outcome main(size_t n) const { return step(PhaseIs::main, n).outcome; }
  std::string why(size_t n) const { return step(PhaseIs::main, n).why; }
};

struct Asked {
  std::vector<std::string> answers;
  std::optional<std::filesystem::path> out;
  Time stop_at = kNever;  ///< somebody asks for the end
  Time ends_at = kNever;  ///< the run ends
  int threads = 1;
  std::string scenario = kCellar;
};

Result<Trial> tried(const std::string& text, const Asked& asked) {
  const Folder folder({{"sequence.yaml", text}});
  auto session = SequenceSession::load({folder.path() / "sequence.yaml", asked.answers}, false, {});
  if (!session) return tl::make_unexpected(session.error());
  auto scenario = load_text(std::make_shared<const Source>(Source{"text", asked.scenario}), ".");
  REQUIRE(scenario.has_value());
  AssemblyOptions options;
  options.threads = asked.threads;
  options.out = asked.out;
  (*session)->join(options, true, nullptr);
  auto made = Simulation::make({std::move(*scenario), {}, {}}, options, (*session)->over());
  if (!made) return tl::make_unexpected(made.error());
  Simulation& simulation = **made;
  std::atomic<bool> stop{false};
  const auto inject = [&](const SourcePtr& entry) { return simulation.inject(entry); };
  if (auto planned = (*session)->plan(simulation.assembly(), asked.out, inject); !planned)
    return tl::make_unexpected(planned.error());
  (*session)->begin(simulation.assembly(), nullptr, stop, nullptr);
  const auto end = simulation.advance(std::min(asked.ends_at, simulation.end()), [&](Time now) {
    stop = now >= asked.stop_at;
    (*session)->look(now);
  });
  simulation.finish(end, 0);
  Trial trial;
  const auto exit = (*session)->finish(
      asked.out, {facts_of(simulation.assembly(), 7), {{"cellar/pump-1", {{"serial", "A <7>"}}}}, {}}, true,
      "the run ended");
  REQUIRE(exit.has_value());
  trial.exit = *exit;
  trial.result = (*session)->result();
  trial.fingerprint = simulation.assembly().loop().fingerprint();
  return trial;
}

Trial trial(const std::string& text, const Asked& asked = {}) {
  auto done = tried(text, asked);
  INFO((done ? std::string() : render(done.error())));
  REQUIRE(done.has_value());
  return std::move(*done);
}

std::string refusal(const std::string& text, const Asked& asked = {}) {
  const auto done = tried(text, asked);
  return done ? std::string() : in_short(done.error());
}

const char* const kAllKinds = R"yaml(
  - {name: input, set: {highest: 1.5 m}}
  - {wait_until: running, device: cellar/pump-1}
  - {name: setpoint, set: {speed: 100 %}, device: "cellar/*"}
  - {expect: level < 0.8 m, device: "cellar/*", within: 5 s, holds: 400 ms}
  - {name: climbs, ramp: {highest: 3 m}, from: 2 m, over: 2 s}
  - {name: slower, ramp: {speed: 20 %}, from: 100 %, over: 1 s, device: cellar/pump-2}
  - {name: by hand, send: stop, device: cellar/pump-1}
  - {expect: "!running", device: cellar/pump-1, within: 2 s}
  - {name: lie, force: {device: cellar/pump-1, field: level, force: 4 m, owner: anna, for: 3 s}}
  - {expect: running, device: cellar/pump-1, within: 2 s}
  - {name: seen, do: {by: anna, acknowledge: flood, device: cellar/pump-1}}
  - {name: lamp, prompt: "Does the lamp blink?"}
  - {name: how much, measure: max(level over 5 s), device: cellar/pump-1, unit: cm, low: 300, high: 4 m}
  - {name: power cut, fault: {device: cellar/pump-2, kind: device_off, lasts: 2 s}}
  - {wait_until: age(level) > 1 s, device: cellar/pump-2}
)yaml";

}  // namespace

TEST_CASE("sequence: every kind of step is carried out, and acts") {
  const auto done =
      trial(sequence_of(kAllKinds, "setup:\n  - wait_until: known(level)\n    device: \"cellar/*\"\n"),
            {.answers = {"lamp=yes"}});
  for (const auto& step : done.result.phases[1].steps) {
    INFO(step.name << ": " << step.why);
    CHECK(step.outcome == Outcome::pass);
  }
  CHECK(done.result.outcome == Outcome::pass);
  CHECK(done.exit == Exit::held);
  const auto& measured = done.step(PhaseIs::main, 12);
  REQUIRE(measured.measured.size() == 1);
  CHECK(measured.measured[0].value == Approx(400));  // cm, as it was forced
  CHECK(measured.low == Approx(300));
  CHECK(measured.high == Approx(400));
  const auto& ramp = done.step(PhaseIs::main, 4);
  CHECK((ramp.ended - ramp.began) == seconds(2) + milliseconds(200));
  REQUIRE(done.result.forces.size() == 1);
  CHECK(done.result.forces[0].touched > 5);
  CHECK(done.result.hops[static_cast<size_t>(Hop::sent_to_answer)].all > 4);
}

TEST_CASE("sequence: a ramp moves a setpoint step by step from one value to the other") {
  std::string scenario = kCellar;
  const auto field = scenario.find("      running: {from");
  scenario.insert(
      field,
      "      pushes: {from: push, unit: \"%\", every: 200 ms, phase: 0 s, range: [0, 100], resolution: 1}\n");
  const auto done =
      trial(sequence_of("  - {ramp: {speed: 80 %}, from: 20 %, over: 3 s, device: cellar/pump-2}\n"
                        "  - {measure: avg(pushes over 3 s), device: cellar/pump-2, low: 35 %, high: 65 %}\n"
                        "  - {wait_until: pushes == 80 %, device: cellar/pump-2}\n"),
            {.scenario = scenario});
  CHECK(done.result.outcome == Outcome::pass);
  INFO(done.step(PhaseIs::main, 1).measured.at(0).value);
  CHECK(done.main(1) == Outcome::pass);
}

TEST_CASE("sequence: what is expected and does not come is a FAIL, after which all else is still tried") {
  const auto done = trial(sequence_of("  - {expect: level > 3 m, device: cellar/pump-1, within: 4 s}\n"
                                      "  - {expect: level > 0.6 m, device: cellar/pump-1, holds: 1 min}\n"
                                      "  - {measure: level, device: cellar/pump-1, low: 4 m}\n"
                                      "  - {name: lamp, prompt: \"Does it blink?\"}\n"
                                      "  - {expect: level < 5 m, device: cellar/pump-1}\n",
                                      "teardown: [{send: stop, device: \"cellar/*\"}]\n"),
                          {.answers = {"lamp=no"}});
  CHECK(done.main(0) == Outcome::fail);
  CHECK(done.why(0) == "it did not come to hold within 4 s on cellar/pump-1");
  CHECK(done.step(PhaseIs::main, 0).details.at(0).find("is not above 3 m") != std::string::npos);
  CHECK(done.main(1) == Outcome::fail);
  CHECK(done.why(1).find("of 1 min on cellar/pump-1") != std::string::npos);
  CHECK(done.main(2) == Outcome::fail);
  CHECK(done.main(3) == Outcome::fail);
  CHECK(done.why(3) == "command line: no");
  CHECK(done.main(4) == Outcome::pass);
  CHECK(done.step(PhaseIs::teardown, 0).outcome == Outcome::pass);
  CHECK(done.result.outcome == Outcome::fail);
  CHECK(done.exit == Exit::failed);
}

TEST_CASE(
    "sequence: what is waited for and does not come is an ERROR that ends the phase, not the teardown") {
  const std::string teardown =
      "teardown:\n  - {expect: level > 4 m, device: cellar/pump-1}\n"
      "  - {name: rest, send: stop, device: \"cellar/*\"}\n";
  const auto done =
      trial(sequence_of("  - {wait_until: level > 4 m, device: cellar/pump-1, within: 3 s}\n"
                        "  - {expect: running, device: cellar/pump-1}\n",
                        teardown));
  CHECK(done.main(0) == Outcome::error);
  CHECK((done.step(PhaseIs::main, 0).ended - done.step(PhaseIs::main, 0).began) == seconds(3));
  CHECK(done.main(1) == Outcome::skipped);
  CHECK(done.step(PhaseIs::teardown, 0).outcome == Outcome::fail);
  CHECK(done.step(PhaseIs::teardown, 1).outcome == Outcome::pass);
  CHECK(done.result.outcome == Outcome::error);
  CHECK(done.exit == Exit::bad_input);

  const auto unprepared =
      trial(sequence_of("  - {expect: running, device: cellar/pump-1}\n",
                        teardown + "setup: [{expect: level > 4 m, device: cellar/pump-1}]\n"));
  CHECK(unprepared.step(PhaseIs::setup, 0).outcome == Outcome::fail);
  CHECK(unprepared.main(0) == Outcome::skipped);
  CHECK(unprepared.step(PhaseIs::teardown, 1).outcome == Outcome::pass);
  CHECK(unprepared.result.outcome == Outcome::fail);
}

TEST_CASE("sequence: a force that had nothing to act on makes it INVALID, though all else passes") {
  const auto done =
      trial(sequence_of("  - {fault: {device: cellar/pump-1, kind: device_off, lasts: 1 min}}\n"
                        "  - {wait_until: age(level) > 1 s, device: cellar/pump-1}\n"
                        "  - {name: lie, force: {device: cellar/pump-1, field: level, offset: 1 m}}\n"
                        "  - {expect: known(level), device: cellar/pump-2, holds: 1 s}\n"));
  CHECK(done.main(2) == Outcome::invalid);
  CHECK(done.why(2).find("nothing to act on") != std::string::npos);
  CHECK(done.main(3) == Outcome::pass);
  CHECK(done.result.outcome == Outcome::invalid);
  CHECK(done.exit == Exit::invalid);
}

TEST_CASE("sequence: a field that is forced is drawn, though no step reads it") {
  const auto done =
      trial(sequence_of("  - {force: {device: cellar/pump-1, field: level, force: 4 m}}\n"
                        "  - {expect: known(running), device: cellar/pump-2, holds: 1 s}\n"));
  REQUIRE(done.result.traces.size() == 2);
  CHECK(done.result.traces[0].device == "cellar/pump-1");
  CHECK(done.result.traces[0].field == "level");
  CHECK(done.result.traces[0].samples.back().value == Approx(4));
  CHECK(done.result.traces[1].device == "cellar/pump-2");
}

TEST_CASE("sequence: forces end with their phase") {
  const auto done =
      trial(sequence_of("  - {force: {device: cellar/pump-1, field: level, force: 4 m}}\n"
                        "  - {expect: level == 4 m, device: cellar/pump-1, within: 1 s}\n",
                        "teardown: [{wait_until: level < 4 m, device: cellar/pump-1}]\n"));
  CHECK(done.result.outcome == Outcome::pass);
  REQUIRE(done.result.forces.size() == 1);
  CHECK(done.result.forces[0].until < done.result.ended);
}

TEST_CASE("sequence: who asks for the end aborts it, and the teardown is done") {
  const auto done = trial(
      sequence_of(
          "  - {wait_until: level > 4 m, device: cellar/pump-1, within: 1 min}\n"
          "  - {expect: running, device: cellar/pump-1}\n",
          "teardown: [{send: start, device: cellar/pump-2}, {wait_until: running, device: cellar/pump-2}]\n"),
      {.stop_at = kStart + seconds(1)});
  CHECK(done.main(0) == Outcome::aborted);
  CHECK(done.main(1) == Outcome::skipped);
  CHECK(done.step(PhaseIs::teardown, 1).outcome == Outcome::pass);
  CHECK(done.result.outcome == Outcome::aborted);
  CHECK(done.result.ended < kStart + seconds(5));
  CHECK(done.exit == Exit::failed);
}

TEST_CASE("sequence: a run that ends before it is an ERROR") {
  const auto done =
      trial(sequence_of("  - {wait_until: level > 4 m, device: cellar/pump-1, within: 1 min}\n"),
            {.ends_at = kStart + seconds(2)});
  CHECK(done.main(0) == Outcome::error);
  CHECK(done.result.outcome == Outcome::error);
  CHECK(done.result.why == "the run ended");
}

TEST_CASE("sequence: what the loop or a device refuses, and what stays unknown, is an ERROR") {
  CHECK(trial("sequence: s\nby: ben\nmain: [{set: {highest: 1 m}}]\n").why(0).find("the loop refused it") ==
        0);
  CHECK(trial(sequence_of("  - {do: {by: anna, acknowledge: flood, device: cellar/pump-1}}\n")).main(0) ==
        Outcome::error);
  const auto refused = trial(sequence_of("  - {set: {speed: 120 %}, device: cellar/pump-1}\n"));
  CHECK(refused.main(0) == Outcome::error);
  CHECK(refused.why(0) == "cellar/pump-1 answered: out_of_range");
  const std::string off = "  - {fault: {device: cellar/pump-1, kind: device_off, lasts: 10 min}}\n";
  const auto mute = trial(sequence_of(off + "  - {send: start, device: cellar/pump-1, within: 2 s}\n"));
  CHECK(mute.why(1) == "cellar/pump-1 has not answered");
  const auto unknown = trial(sequence_of(off + "  - {wait_until: age(level) > 5 s, device: cellar/pump-1}\n"
                                               "  - {measure: level, device: cellar/pump-1, within: 1 s}\n"));
  CHECK(unknown.main(2) == Outcome::error);
  CHECK(unknown.why(2) == "it is unknown, 1 s after it was asked for");
}

TEST_CASE("sequence: at any number of threads, and in a replay, the loop decides alike") {
  const Folder folder;
  const std::string text = sequence_of(kAllKinds);
  std::string kept = kCellar;
  kept += "input_log: true\n";
  const auto one = trial(text, {.answers = {"lamp=yes"}, .out = folder.path() / "run", .scenario = kept});
  CHECK(trial(text, {.answers = {"lamp=yes"}, .threads = 2}).fingerprint == one.fingerprint);
  CHECK(trial(sequence_of("  - {wait_until: running, device: cellar/pump-1}\n")).fingerprint !=
        one.fingerprint);
  const auto recording = open_recording(folder.path() / "run");
  REQUIRE(recording.has_value());
  TextPool pool;
  const auto replayed = replay(*recording, {.threads = 2}, pool);
  REQUIRE(replayed.has_value());
  CHECK(replayed->assembly->loop().fingerprint() == one.fingerprint);
}

TEST_CASE("sequence: its reports tell all, and need nothing else") {
  const Folder folder;
  const auto done =
      trial(sequence_of(
                "  - {name: \"a < b\", force: {device: cellar/pump-1, field: level, force: 4 m, for: 1 s}}\n"
                "  - {expect: level == 4 m, device: cellar/pump-1, within: 1 s}\n"
                "  - {measure: level, device: \"cellar/*\", high: 1 m}\n"
                "  - {wait_until: level > 5 m, device: cellar/pump-1, within: 1 s}\n"
                "  - {expect: running, device: cellar/pump-1}\n"),
            {.out = folder.path() / "run"});
  const auto json = load_json<Json>(read_text(folder.path() / "run/sequence.json"));
  CHECK(json["outcome"] == "ERROR");
  CHECK(json["phases"]["main"]["steps"][0]["outcome"] == "PASS");
  CHECK(json["phases"]["main"]["steps"][2]["measured"][0]["value"] == 4.0);
  CHECK(json["phases"]["main"]["steps"][2]["outcome"] == "FAIL");
  CHECK(json["phases"]["main"]["steps"][4]["began_s"].is_null());
  CHECK(json["forces"][0]["touched"] == 4);
  CHECK(json["run"]["fingerprint of decisions"] == done.fingerprint);
  CHECK(json["devices"]["cellar/pump-1"]["serial"] == "A <7>");
  const auto junit = read_text(folder.path() / "run/sequence.xml");
  CHECK(junit.find("tests=\"5\" failures=\"1\" errors=\"1\" skipped=\"1\"") != std::string::npos);
  CHECK(junit.find("<property name=\"cellar/pump-1 serial\" value=\"A &lt;7&gt;\"/>") != std::string::npos);
  CHECK(junit.find("name=\"a &lt; b\"") != std::string::npos);
  const auto html = read_text(folder.path() / "run/sequence.html");
  for (const auto* outside : {"http:", "https:", "src=", "<link", "@import", "url("}) {
    INFO(outside);
    CHECK(html.find(outside) == std::string::npos);
  }
  CHECK(html.find("<path class=\"trace\"") != std::string::npos);
  CHECK(html.find("<rect class=\"forced\"") != std::string::npos);
  CHECK(html.find("a &lt; b") != std::string::npos);
}

TEST_CASE("sequence: what is wrong with it is said before anything is done") {
  const auto said = [](const std::string& main, const std::string& text) {
    const auto refused = refusal(sequence_of(main));
    INFO(main << "\n" << refused);
    CHECK(refused.find(text) != std::string::npos);
  };
  said("  - {expect: levle > 1 m, device: cellar/pump-1}\n", "5:14: ");
  said("  - {expect: levle > 1 m, device: cellar/pump-1}\n", "[did you mean 'level'");
  said("  - {expect: level > 1 s, device: cellar/pump-1}\n", "5:");
  said("  - {expect: level, device: cellar/pump-1}\n", "5:14:");
  said("  - {expect: running, device: pump-1}\n", "no device matches 'pump-1'");
  said("  - {measure: running, device: cellar/pump-1}\n", "what is measured is a number");
  said("  - {measure: level, unit: s, device: cellar/pump-1}\n", "s is no unit of what is measured");
  said("  - {measure: level, low: 2 m, high: 1 m, device: cellar/pump-1}\n", "'low' is above 'high'");
  said("  - {set: {hihgest: 1 m}}\n", "'hihgest' is no operator's input");
  said("  - {set: {highest: 9 m}}\n", "outside of what 'highest' can be");
  said("  - {set: {speed: 9 m}, device: cellar/pump-1}\n", "5:");
  said("  - {ramp: {highest: 3 m}, over: 2 s}\n", "'ramp' needs 'from'");
  said("  - {send: halt, device: cellar/pump-1}\n", "has a command 'halt'");
  said("  - {send: stop}\n", "'send' needs 'device'");
  said("  - {force: {device: cellar/pump-1, message: telemetry, drop: 100 %}}\n",
       "in a simulation only values");
  said("  - {force: {device: cellar/pump-1, field: levle, force: 1 m}}\n", "pump has no field 'levle'");
  said("  - {fault: {device: cellar/pump-1, kind: tired}}\n", "5:");
  said("  - {do: {by: carl, acknowledge: flood, device: cellar/pump-1}}\n", "'carl' is nobody");
  said("  - {prompt: \"Is it on?\"}\n", "asks a person, and nobody can answer");
  said("  - {expect: running, wait_until: running}\n", "a step does one thing");
  said("  - {name: nothing}\n", "a step does nothing");
  said("  - {send: stop, device: cellar/pump-1, holds: 1 s}\n", "has no 'holds'");
  said("  []\n", "a sequence that tests nothing");
  CHECK(refusal("sequence: s\nmain: [{set: {highest: 1 m}}]\n")
            .find("an operator's input is set by somebody") != std::string::npos);
  CHECK(refusal("sequence: s\nby: carl\nmain: [{set: {highest: 1 m}}]\n")
            .find("'carl' is nobody that the scenario declares") != std::string::npos);
  CHECK(refusal("sequence: s\nstpes: []\nmain: [{expect: true}]\n").find("2:1: ") != std::string::npos);
  CHECK(refusal("sequence: s\n").find("'main'") != std::string::npos);
  CHECK(
      refusal(sequence_of("  - {expect: true}\n"), {.answers = {"lamp=yes"}}).find("no step of that name") !=
      std::string::npos);
  CHECK(refusal(sequence_of("  - {expect: true}\n"), {.answers = {"lamp"}}).find("answers nothing") !=
        std::string::npos);
}

TEST_CASE("docs: the key tables of rig-sequences.md are those that the loader reads by") {
  const std::string path = LT_SOURCE_DIR "/docs/rig-sequences.md";
  const auto document = read_text(path);
  const auto printed = with_tables(document, sections_of(sequence_section()));
  if (std::getenv("LT_REFRESH") != nullptr) std::ofstream(path, std::ios::binary) << printed;
  INFO("run this test with LT_REFRESH=1 to print them anew");
  CHECK((document == printed || std::getenv("LT_REFRESH") != nullptr));
  for (const auto* section : sections_of(sequence_section()))
    CHECK(document.find("<!-- keys: " + section->anchor + " -->") != std::string::npos);
}
