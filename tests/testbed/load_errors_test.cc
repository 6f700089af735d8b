// What is wrong with a scenario, and what to write instead: each with its exact message.
#include <catch2/catch.hpp>

#include "loading.h"
#include "testbed/assembly.h"

using namespace looptwin::testbed;
using namespace looptwin::testbed::test;

namespace {

/// The problems, or else the warnings, of a scenario that is put together.
looptwin::Diagnostics assemble(const std::string& text) {
  auto built = Assembly::build(loaded({{"scenario.yaml", text}}));
  return built ? (*built)->warnings() : built.error();
}

}  // namespace

TEST_CASE("load errors: a file that is not YAML is one error, at its place, and other files are read on") {
  auto files = example_with("rules.yaml", "  setback:\n", "  setback: [\n");
  files["models.yaml"].replace(files["models.yaml"].find("inverse:"), 8, "invers:");
  CHECK(problems(files) ==
        "models.yaml:6:36: a relation has no key 'invers' [did you mean 'inverse'? keys: to, inverse, "
        "optional]\n"
        "rules.yaml:13:13: this is not YAML: end of sequence flow not found\n");
}

TEST_CASE("load errors: unknown keys are shown with the nearest and all keys") {
  CHECK(problems_with("scenario.yaml", "cycle: 1 s", "cylce: 1 s") ==
        "scenario.yaml:7:1: a scenario has no key 'cylce' [did you mean 'cycle'? keys: scenario, about, "
        "start, timezone, "
        "duration, cycle, seed, ambient_pressure, use, feeds, models, fleet, plants, links, faults, "
        "functions, derived, "
        "machines, "
        "events, "
        "rules, "
        "alarms, "
        "people, "
        "operator, "
        "script, tests, requirements, search, "
        "history, history_from, retention, snapshots, keep_snapshots, input_log]\n");
  CHECK(problems_with("models.yaml", "tolerance: 1", "tollerance: 1") ==
        "models.yaml:14:56: a setpoint has no key 'tollerance' [did you mean 'tolerance'? keys: default, "
        "unit, enum, "
        "range, tolerance, follows, settle, local]\n");
  CHECK(problems_with("scenario.yaml", "link: lte, program", "link: lte, porgram") ==
        "scenario.yaml:14:70: a fleet entry of 'home' has no key, parameter or relation 'porgram' [did you "
        "mean "
        "'program'? "
        "all: count, per, id, link, tags, registry, UA, program, block]\n");
}

TEST_CASE("load errors: keys that are needed are named with what they are for") {
  CHECK(problems_with("models.yaml", "unit: kW, every: 10 s, ", "unit: kW, ") ==
        "models.yaml:12:7: a telemetry field needs 'every': the period of its samples\n");
  CHECK(problems_with("scenario.yaml", "duration: 1 d\n", "") ==
        "scenario.yaml:1:1: a scenario needs 'duration': how long the run lasts\n");
}

TEST_CASE("load errors: an alarm says why it is one, what follows, what to do and by when") {
  CHECK(problems_with("rules.yaml", "    consequence: The feeder trips.\n", "") ==
        "rules.yaml:25:3: an alarm needs 'consequence': what follows if nobody acts\n");
  CHECK(problems_with("rules.yaml", "    action: Stop the setback's release; shed the next group.\n", "") ==
        "rules.yaml:25:3: an alarm needs 'action': what the operator does; where there is nothing to do, "
        "write an event instead\n");
  CHECK(problems_with("rules.yaml", "    respond_within: 10 min", "    latched: true") ==
        "rules.yaml:25:3: an alarm needs 'respond_within': how long he has; an alarm that nobody has "
        "acknowledged by then is late\n");
  CHECK(
      problems_with("rules.yaml", "consequence: The feeder trips.", "consequence: \" \"") ==
      "rules.yaml:32:19: the consequence of alarm 'overload' is empty [say it; an alarm that nobody can act "
      "on is an event]\n");
  CHECK(problems_with("rules.yaml", "priority: high", "priority: high\n    escalate_to: medium") ==
        "rules.yaml:25:3: alarm 'overload' escalates to medium, and is high before [escalate_to: is a higher "
        "priority]\n");
}

TEST_CASE("load errors: a flood stands for alarms that have conditions") {
  const std::string reasons =
      "    cause: Many.\n    consequence: Some are overlooked.\n    action: Call help.\n    respond_within: "
      "5 "
      "min\n";
  const auto with = [&](const std::string& flood) {
    return problems_with("rules.yaml", "  overload:\n",
                         "  many:\n    " + flood + "\n" + reasons + "  overload:\n");
  };
  CHECK(with("flood: {of: [overload]}") == "");
  CHECK(
      with("flood: {of: [overlaod]}") ==
      "rules.yaml:26:5: alarm 'many' stands for 'overlaod', which is no alarm with a condition [did you mean "
      "'overload'? alarms: overload]\n");
  CHECK(with("flood: {of: []}") == "rules.yaml:26:17: the list is empty [write at least one name in it]\n");
  CHECK(with("flood: {of: [many]}") ==
        "rules.yaml:26:5: alarm 'many' stands for 'many', which is no alarm with a condition [alarms: "
        "overload]\n");
  CHECK(with("flood: {of: [overload], more_than: 3}") ==
        "rules.yaml:26:5: the flood 'many' would end as it begins [ends_below: is at most one more than "
        "more_than:]\n");
  CHECK(
      with("flood: {of: [overload]}\n    of: peak_ahead") ==
      "rules.yaml:25:3: alarm 'many' needs one of 'raise', 'of' and 'flood' [write raise: with a condition, "
      "of: with an event, or flood: with alarms]\n");
}

TEST_CASE("load errors: names and ids that are given twice") {
  CHECK(problems_with("models.yaml", "      UA:", "      program: {default: 1}\n      UA:") ==
        "models.yaml:10:7: 'program' is here twice; the first is in line 8 [remove one of them]\n");
  CHECK(problems_with("rules.yaml", "events:\n", "models:\n  home: {}\nevents:\n") ==
        "rules.yaml:3:3: 'home' is already in models.yaml:5:3 [remove one of them]\n");
  CHECK(problems_with("rules.yaml", "events:\n", "seed: 3\nevents:\n") ==
        "rules.yaml:2:1: 'seed' is already in scenario.yaml:8:1 [remove one of them]\n");
  CHECK(problems_with("models.yaml", "      cool: {", "      power: {") ==
        "models.yaml:14:7: in the model of 'home' the name 'power' is already a telemetry field "
        "(models.yaml:12:7) [rename one of them]\n"
        "rules.yaml:16:13: the model 'home' has no setpoint 'cool' [setpoints: power]\n");
  CHECK(problems_with("scenario.yaml", "id: \"{block}/home-{i}\"", "id: \"home-{i}\"") ==
        "scenario.yaml:14:3: the id pattern 'home-{i}' gives the same ids below each 'block' [put {block}, "
        "or {n}, into the id]\n");
  CHECK(problems_with("scenario.yaml", "id: \"block-{i}\"", "id: block") ==
        "scenario.yaml:13:3: all 250 devices of 'block' get the id 'block' [put {i} or {n} into the id]\n");
}

TEST_CASE("load errors: a factor has no sense for a point on a scale") {
  const auto spread = [](const std::string& value) {
    return problems_with("models.yaml", "      UA:",
                         "      T0: {default: " + value + ", spread: \"uniform(0.9, 1.1)\"}\n      UA:");
  };
  CHECK(spread("20 K") == "");
  CHECK(
      spread("20 degC") ==
      "models.yaml:8:39: 'T0' is a point on a scale: a factor has no sense for it [draw it in the fleet, as "
      "T0: \"uniform(LOW degC, HIGH degC)\"]\n");
  CHECK_THAT(spread("2 barg"), Catch::Contains("uniform(LOW barg, HIGH barg)"));
}

TEST_CASE("load errors: references that lead nowhere") {
  CHECK(problems_with("models.yaml", "to: block", "to: blok") ==
        "models.yaml:6:17: relation 'block' names the unknown model 'blok' [did you mean 'block'? models: "
        "block, home]\n"
        "rules.yaml:13:5: the target 'homes' is neither a relation of 'block' nor self [targets: self]\n");
  CHECK(problems_with("scenario.yaml", "  home: {count", "  hoem: {count") ==
        "scenario.yaml:14:3: a fleet entry names the unknown model 'hoem' [did you mean 'home'? models: "
        "block, home]\n");
  CHECK(problems_with("scenario.yaml", "link: lte", "link: ltr") ==
        "scenario.yaml:14:3: the fleet of 'home' has the unknown link 'ltr' [did you mean 'lte'? links: "
        "lte]\n");
  CHECK(problems_with("rules.yaml", "while: peak_ahead", "while: peak_head") ==
        "rules.yaml:12:12: rule 'setback' is about the unknown event 'peak_head' [did you mean 'peak_ahead'? "
        "events: peak_ahead, overload]\n");
  // An alarm with a condition of its own is an event, too.
  CHECK(problems_with("rules.yaml", "while: peak_ahead", "while: overload") == "");
  CHECK(problems_with("rules.yaml", "target: homes", "target: hoems") ==
        "rules.yaml:13:5: the target 'hoems' is neither a relation of 'block' nor self [did you mean "
        "'homes'? targets: self, homes]\n");
  CHECK(problems_with("rules.yaml", "set: {cool:", "set: {cold:") ==
        "rules.yaml:16:13: the model 'home' has no setpoint 'cold' [setpoints: cool]\n");
  CHECK(problems_with("rules.yaml", "feed: crm", "feed: weathr") ==
        "rules.yaml:23:5: the feed 'weathr' is unknown [did you mean 'weather'?]\n");
  CHECK(problems_with("rules.yaml", "feed: crm", "feed: weather") ==
        "rules.yaml:23:5: the feed 'weather' is inbound [publish to one with direction: out, or to one that "
        "is not declared]\n");
  CHECK(
      problems_with(
          "rules.yaml",
          "    each: block\n    raise: sum(homes.power) > limit\n    deadband: 20 kW\n    on_delay: 2 min\n",
          "    of: peak\n") ==
      "rules.yaml:25:3: alarm 'overload' is of the unknown event 'peak' [events: peak_ahead]\n");
  CHECK(problems_with("scenario.yaml", "sensor: temperature", "sensor: temprature") ==
        "scenario.yaml:18:48: no model has the telemetry field 'temprature' [did you mean 'temperature'? "
        "fields: temperature, power]\n");
  CHECK(problems_with("scenario.yaml", "file: weather/phoenix", "file: wether/phoenix") ==
        "scenario.yaml:11:3: the feed 'weather' has no file wether/phoenix-july.csv [paths are relative to "
        "the file that names them]\n");
}

TEST_CASE("load errors: units") {
  CHECK(problems_with("models.yaml", "unit: degC, every", "unit: C, every") ==
        "models.yaml:11:38: 'C' is the coulomb, not a temperature [write degC (or A*s for a charge)]\n");
  CHECK(problems_with("models.yaml", "resolution: 0.01", "resolution: 0.01 K") ==
        "models.yaml:12:82: 0.01 K is in K; a value in kW stands here [write it in kW, or in another unit of "
        "kg·m²·s⁻³ (W)]\n");
  CHECK(problems_with("models.yaml", "tolerance: 1", "tolerance: 1 degC") ==
        "models.yaml:14:67: a difference stands here, not a value on the scale of degC [write it in K]\n");
  CHECK(problems_with("scenario.yaml", "cycle: 1 s", "cycle: 1 kW") ==
        "scenario.yaml:7:8: '1 kW' is not a time [write a time, as 10 s, 5 min, 2 h or 1 d]\n");
  CHECK(problems_with("scenario.yaml", "latency: \"lognormal(60 ms, 0.4)\"",
                      "latency: \"lognormal(60 K, 0.4)\"") ==
        "scenario.yaml:16:19: what is drawn is in K, which is not a time [write it as 60 ms, or lognormal(60 "
        "ms, 0.4)]\n");
  CHECK(problems_with("scenario.yaml", "loss: 0.1 %", "loss: 10") ==
        "scenario.yaml:16:49: the share 10 is not between 0 and 1 [write 0.05, or 5 %]\n");
}

TEST_CASE("load errors: a resolution of zero, and more samples within a cycle than memory holds") {
  CHECK(
      problems_with("models.yaml", "resolution: 0.1", "resolution: 0 K")
          .ends_with("with a resolution of 0 K values have no steps [write one above zero; without, it is a "
                     "millionth of range:]\n"));
  CHECK(
      problems_with("models.yaml", "every: 10 s", "every: 1 us")
          .find("is sampled every 1 us, more than 100 000 times a cycle of 1 s [write a longer every:, or a "
                "shorter cycle:]\n") != std::string::npos);
}

TEST_CASE("load errors: a text that YAML takes for a map because of a colon is told so") {
  CHECK(
      problems(example(), {{"links.lte.latency", "discrete(1 s: 1)"}}) ==
      "--set links.lte.latency:1:1: a time, or a distribution of times stands here, not a map [quote a text "
      "that has a colon and a space in it]\n");
  CHECK(problems(example(), {{"links.lte.latency", "discrete(1 s: 0.5, 2 s: 0.5)"}}) ==
        "--set links.lte.latency:1:23: this is not YAML: illegal map value [write \"discrete(1 s: 0.5, 2 s: "
        "0.5)\"]\n");
}

TEST_CASE("load errors: empty fleets, periods of zero, negative durations") {
  CHECK(problems_with("scenario.yaml", "count: 1000", "count: 0") ==
        "scenario.yaml:14:17: the fleet of 'home' is empty: its count is 0 [write a count of 1 or more, or "
        "remove the entry]\n");
  CHECK(problems_with("scenario.yaml", "count: 1000", "count: 1000000000") ==
        "scenario.yaml:14:3: the fleet of 'home' has 250 000 000 000 devices, more than 4 000 000 000 "
        "[count: is for each device of per:]\n");
  CHECK(problems_with("scenario.yaml", "cycle: 1 s", "cycle: 0 s") ==
        "scenario.yaml:7:8: the duration 0 s is zero [write one longer than zero, as 1 s]\n");
  CHECK(problems_with("scenario.yaml", "cycle: 1 s", "cycle: 1 ns") ==
        "scenario.yaml:7:8: 1 ns is shorter than 1 ms [write 1 ms or longer]\n");
  CHECK(problems_with("scenario.yaml", "cycle: 1 s", "cycle: {least: 999 us, greatest: 1 s}") ==
        "scenario.yaml:7:16: 999 us is shorter than 1 ms [write 1 ms or longer]\n");
  CHECK(problems_with("scenario.yaml", "cycle: 1 s", "cycle: 1 ms").empty());
  CHECK(problems_with("models.yaml", "unit: kW, every: 10 s", "unit: kW, every: 10 ns") ==
        "models.yaml:12:48: 10 ns is shorter than 1 us [write 1 us or longer]\n");
  CHECK(problems_with("models.yaml", "unit: kW, every: 10 s", "unit: kW, every: 0 s") ==
        "models.yaml:12:48: the duration 0 s is zero [write one longer than zero, as 1 s]\n");
  CHECK(problems_with("scenario.yaml", "duration: 1 d", "duration: -1 d") ==
        "scenario.yaml:6:11: the duration -1 d is negative [write 1 d]\n");
  CHECK(problems_with("rules.yaml", "on_delay: 5 min", "on_delay: -5 min") ==
        "rules.yaml:6:15: the duration -5 min is negative [write 5 min]\n");
  CHECK(problems_with("scenario.yaml", "latency: \"lognormal(60 ms, 0.4)\"", "latency: -60 ms") ==
        "scenario.yaml:16:18: the duration -60 ms is negative [a time that passes is zero or more]\n");
}

TEST_CASE("load errors: a whole number has no quotes, and a text needs none") {
  CHECK(problems_with("scenario.yaml", "count: 1000", "count: \"1000\"") ==
        "scenario.yaml:14:18: a whole number stands here, not a text [write it without quotes]\n");
  CHECK_THAT(problems_with("scenario.yaml", "count: 1000", "count: \"many\""),
             Catch::Contains("'many' is not a whole number"));
  for (const char* text : {"5", "true"})
    CHECK(problems_with("rules.yaml", "cause: More homes cool at once than the feeder carries.",
                        std::string("cause: ") + text) == "");
}

TEST_CASE("load errors: an enumeration has 255 words at most") {
  const auto with = [](int count) {
    std::string words = "w0";
    for (int i = 1; i < count; ++i) words += ", w" + std::to_string(i);
    return problems({{"scenario.yaml",
                      "scenario: words\nduration: 1 h\nfleet: {gate: {}}\nmodels: {gate: {telemetry: {mode: "
                      "{every: 10 s, enum: [" +
                          words + "]}}}}\n"}});
  };
  CHECK(with(255) == "");
  CHECK(with(256) == "scenario.yaml:4:55: the list has 256 words, and 255 at the most\n");
  // A list of words that were refused is not empty.
  CHECK(problems({{"scenario.yaml",
                   "scenario: words\nduration: 1 h\nfleet: {gate: {}}\nmodels: {gate: {telemetry: {mode: "
                   "{every: 10 s, enum: [off]}}}}\n"}}) ==
        "scenario.yaml:4:56: 'off' is a boolean to YAML [write \"off\"]\n");
}

TEST_CASE("load errors: a flood may stand for more alarms than an enumeration has words") {
  const std::string reasons =
      "cause: Many., consequence: Some are overlooked., action: Call help., respond_within: 5 min}\n";
  std::string alarms, members;
  for (int i = 0; i < 300; ++i) {
    const auto name = "a" + std::to_string(i);
    alarms += "  " + name + ": {raise: time_of_day() > " + std::to_string(i + 1) + " s, " + reasons;
    members += (i == 0 ? "" : ", ") + name;
  }
  CHECK(problems(
            {{"scenario.yaml", "scenario: flood\nduration: 1 h\nmodels: {m: {}}\nfleet: {m: {}}\nalarms:\n" +
                                   alarms + "  many: {flood: {of: [" + members + "]}, " + reasons}}) == "");
}

TEST_CASE("load errors: what makes no sense together") {
  CHECK(problems_with("rules.yaml", "deadband: 20 kW",
                      "deadband: 20 kW\n    clear: sum(homes.power) < limit") ==
        "rules.yaml:25:3: alarm 'overload' has 'clear' and 'deadband' [a deadband says how raise: ends; keep "
        "one of them]\n");
  CHECK(problems_with("rules.yaml", "    while: peak_ahead", "    when_raised: peak_ahead") ==
        "rules.yaml:13:5: rule 'setback' overrides at a moment; an override is held while its event stands "
        "[write while: peak_ahead]\n");
  CHECK(problems_with("rules.yaml", "    while: peak_ahead\n",
                      "    while: peak_ahead\n    when_cleared: peak_ahead\n") ==
        "rules.yaml:13:5: rule 'setback' has a second trigger [write one of while, when_raised and "
        "when_cleared, and another rule for the other]\n");
  CHECK(problems_with("scenario.yaml", "after: 14 h", "after: 14 h, every: 3 d") ==
        "scenario.yaml:18:5: a fault has one of after, at and every [remove the others]\n");
  CHECK(problems_with("scenario.yaml", "kind: stuck", "kind: bias") ==
        "scenario.yaml:18:5: a fault of kind bias needs 'value'\n");
  CHECK(problems_with("scenario.yaml", "kind: stuck", "kind: stuk") ==
        "scenario.yaml:18:67: 'stuk' is not one of: stuck, bias, drift, noise, dropout, out_of_range, "
        "link_down, actuator_stuck, device_off, restart, loss, malformed, wrong_type, unknown_device, "
        "foreign_credentials "
        "[did you mean 'stuck'?]\n");
  const std::string fault = "after: 14 h, device: \"block-3/*\", sensor: temperature, kind: stuck";
  CHECK(
      problems_with("scenario.yaml", fault, "after: 14 h, kind: restart, of: mml") ==
      "scenario.yaml:18:5: a fault of kind restart needs 'lasts' [write lasts: 30 s, or 0 s for at once]\n");
  CHECK(
      problems_with("scenario.yaml", fault, "after: 14 h, kind: link_down, of: mml, device: x, lasts: 1 s") ==
      "scenario.yaml:18:36: 'of' belongs to faults of kind restart [remove this key]\n");
  CHECK(problems_with("scenario.yaml", fault,
                      "after: 14 h, kind: restart, of: broker, device: x, lasts: 1 s") ==
        "scenario.yaml:18:5: a restart of the broker or the mml is not about a device [remove 'device', or "
        "write "
        "of: devices]\n");
  CHECK(problems_with("scenario.yaml", fault, "after: 14 h, kind: device_off, lasts: 1 s") ==
        "scenario.yaml:18:5: a fault needs 'device' [write device: \"block-3/*\"; `*` stops at a slash, `**` "
        "does "
        "not]\n");
  CHECK(problems_with("models.yaml", "states: {air: 23 degC, mass: 23 degC}", "states: {air: 23 degC}") ==
        "models.yaml:20:9: the rate 'mass' has no state of its name [states: air]\n");
  CHECK(problems_with("models.yaml", "default: 23, range: [16, 30]", "default: 35, range: [16, 30]") ==
        "models.yaml:14:35: the default of 'cool' is outside its range [widen range:, or change default:]\n");
  CHECK(problems_with("models.yaml", "range: [16, 30]", "range: [30, 16]") ==
        "models.yaml:14:46: the range's first value is not below its second [write [low, high]]\n");
}

TEST_CASE("load errors: files that use each other in a circle, are missing, or are no text") {
  auto files = example();
  files["rules.yaml"] = "use: [models.yaml, scenario.yaml]\n" + files["rules.yaml"];
  CHECK(problems(files) ==
        "rules.yaml:1:20: scenario.yaml uses itself, by way of 2 files [remove this use]\n");
  CHECK(problems_with("scenario.yaml", "rules.yaml", "../rules.yaml") ==
        "scenario.yaml:9:20: cannot read ../rules.yaml: No such file or directory [paths are relative to the "
        "file that names them]\n");
  files = example();
  files["rules.yaml"] += "# caf\xe9\n";
  CHECK(problems(files) == "rules.yaml:35:6: rules.yaml is not a text in UTF-8 [save it as UTF-8]\n");
  const auto none = load("/nowhere/at/all.yaml");
  REQUIRE_FALSE(none);
  CHECK(in_short(none.error()) ==
        "cannot read /nowhere/at/all.yaml: No such file or directory [name a folder with a scenario.yaml, or "
        "the file]\n");
}

TEST_CASE("load errors: all problems of all files come at once, by file and place") {
  auto files = example_with("rules.yaml", "priority: high", "priority: hihg");
  files["scenario.yaml"].replace(files["scenario.yaml"].find("seed: 42"), 8, "seed: -1");
  files["models.yaml"].replace(files["models.yaml"].find("noise: 0.05"), 11, "noise: -1");
  CHECK(problems(files) ==
        "scenario.yaml:8:7: '-1' is not a whole number of 0 or more\n"
        "models.yaml:11:99: -1 is negative [write 1]\n"
        "rules.yaml:30:15: 'hihg' is not one of: low, medium, high, urgent [did you mean 'high'?]\n");
}

TEST_CASE("load errors: a number has steps, or a range to have steps of, and they fit into 32 bits") {
  const auto field = [](const std::string& keys) {
    return problems({{"scenario.yaml",
                      "scenario: f\nduration: 1 min\nfleet: {m: {}}\nmodels:\n  m:\n    telemetry:\n"
                      "      a: {unit: m, every: 1 s" +
                          keys + "}\n"}});
  };
  const std::string neither =
      "scenario.yaml:7:7: telemetry field 'a' has neither a range nor a resolution [write resolution: 0.01, "
      "the "
      "step in m that its values have; or range: [low, high], of which they then have a millionth]\n";
  CHECK(field("") == neither);
  CHECK(field(", resolution: 0").find("with a resolution of 0 values have no steps") != std::string::npos);
  CHECK(field(", resolution: -1") == "scenario.yaml:7:44: -1 is negative [write 1]\n");
  CHECK(field(", range: [0, 1]").empty());
  CHECK(field(", resolution: 0.5").empty());
  CHECK(
      field(", range: [0, 3e6], resolution: 0.001") ==
      "scenario.yaml:7:39: the range of 'a' goes beyond ±2147483646 steps of its resolution [write a coarser "
      "resolution, or a narrower range]\n");
  CHECK(field(", range: [0, 2e6], resolution: 0.001").empty());
  CHECK(field(", range: [0, 1], drift: -1 m/d") == "scenario.yaml:7:54: -1 m/d is negative [write 1 m/d]\n");
}

TEST_CASE("load errors: a time that clocks are set forward over is no start, and no fault's") {
  const auto start = [](const std::string& text, const std::string& fault) {
    return problems({{"scenario.yaml", "scenario: s\nduration: 1 d\ntimezone: Europe/Berlin\nstart: \"" +
                                           text + "\"\nmodels: {m: {}}\nfleet: {m: {}}\n" + fault}});
  };
  CHECK(start("2024-03-31T02:30:00", "") ==
        "scenario.yaml:4:9: there is no 2024-03-31T02:30:00 in Europe/Berlin: clocks are set forward over it "
        "[write 2024-03-31T03:30:00+02:00]\n");
  CHECK(start("2024-03-31T03:30:00", "").empty());
  CHECK(
      start("2024-03-31T00:30:00",
            "faults: [{at: \"2024-03-31 02:30:00\", device: m-1, kind: link_down, lasts: 1 s}]\n") ==
      "scenario.yaml:7:16: there is no 2024-03-31 02:30:00 in Europe/Berlin: clocks are set forward over it "
      "[write 2024-03-31T03:30:00+02:00]\n");
  // By the time of day it is the next one that there is.
  const auto next =
      loaded({{"scenario.yaml",
               "scenario: s\nduration: 3 d\ntimezone: Europe/Berlin\nstart: \"2024-03-31T00:30:00\"\n"
               "models: {m: {}}\nfleet: {m: {}}\n"
               "faults: [{at: \"02:30\", device: m-1, kind: link_down, lasts: 1 s}]\n"}});
  CHECK(*next.faults[0].after == looptwin::kStart + looptwin::hours(25));
}

TEST_CASE("load errors: a deadband is not negative, and a setpoint's override lies in its range") {
  const auto built = [](const std::string& parts) {
    return in_short(
        assemble("scenario: b\nduration: 1 min\nfleet: {m: {}}\nmodels:\n  m:\n"
                 "    telemetry: {a: {unit: m, every: 1 s, range: [0, 9]}}\n"
                 "    setpoints: {w: {unit: m, default: 3, range: [0, 5]}, share: {unit: \"1\", default: 0, "
                 "range: [0, 1]}}\n" +
                 parts));
  };
  CHECK(built("events: {e: {each: m, raise: a > 3 m, deadband: -1 m}}\n") ==
        "scenario.yaml:8:49: the deadband of 'e' is negative: it would clear while it still rises [write how "
        "far "
        "beyond the limit the value returns, as a value above 0]\n");
  CHECK(built("events: {e: {each: m, raise: a > 3 m, deadband: 0 m}}\n").empty());
  CHECK(built("events: {e: {each: m, raise: a == 3 m, deadband: 1 m}}\n") ==
        "scenario.yaml:8:50: a deadband needs `raise` of 'e' to be one comparison with a limit: == and != "
        "have no "
        "side to return to [write `raise: x > limit`, or give the return in `clear:` yourself]\n");
  const std::string rule =
      "events: {e: {each: m, raise: a > 3 m}}\nrules: {r: {while: e, override: {target: self, "
      "set: {w: ";
  CHECK(built(rule + "9 m}}}}\n") ==
        "scenario.yaml:9:57: 'w' is set to a value outside its range: devices refuse it [write 0 to 5 m, or "
        "widen "
        "the range of 'w']\n");
  CHECK(
      built(rule + "1 m, share: 500}}}}\n") ==
      "scenario.yaml:9:69: 'share' is set to a value outside its range: devices refuse it [write 0 to 1, or "
      "widen the range of 'share']\n");
  CHECK(built(rule + "2 m + 4 m}}}}\n") != "");
  CHECK(built(rule + "5 m}}}}\n").empty());
  CHECK(built(rule + "default(w) + 9 m}}}}\n").empty());
}
