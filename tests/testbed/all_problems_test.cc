// All that is wrong with a scenario is shown at once, and a mistake only once, where it is.
#include "testbed/trial.h"

#include <catch2/catch.hpp>
#include <set>

#include "loading.h"

using namespace looptwin;
using namespace looptwin::testbed;
using namespace looptwin::testbed::test;

namespace {

/// Of a check that fails; empty where it does not.
Diagnostics all_of(const FileTexts& files) {
  const Folder folder(files);
  const CheckRequest request{.scenario = folder.path()};
  Trial trial = try_out(request);
  return trial.assembly ? Diagnostics() : all_problems(std::move(trial), request);
}

std::string first_lines(const Diagnostics& problems) {
  std::string all;
  for (const auto& p : problems) {
    const auto at = line_column(*p.span.source, p.span.begin);
    all += fmt::format("{}:{}:{}: {}\n", p.span.source->name, at.line, at.column, p.message);
  }
  return all;
}

/// Every single value of a file, by the key that it stands behind.
void for_each_value(const yaml::Node& node, const std::string& key,
                    const std::function<void(const std::string&, const yaml::Node&)>& take) {
  if (node.scalar()) take(key, node);
  for (const auto& entry : node.entries) for_each_value(entry.value, entry.key, take);
  for (const auto& item : node.items) for_each_value(item, key, take);
}

constexpr const char* kTank = R"y(scenario: tank
duration: 1 h
cycle: 1 s
models:
  tank:
    parameters:
      area: {default: 2 m2}
      spare: {default: 3 mm3x}
    telemetry:
      level: {from: h, unit: m, every: 10 s, resolution: 0.01}
      flow: {from: q, unit: m3/hx, every: 10 s, resolution: 0.01}
      heat: {from: warmt, unit: degC, every: 10 s}
    physics:
      step: 1 s
      states: {h: 1 m, warmth: 20 degC}
      rates: {h: q / area, warmth: 1 K / 1 h}
      outputs: {q: 0.1 m3/s - 3 kg}
fleet:
  tank: {count: 2, id: "tank-{i}"}
faults:
  - {after: 1 min, device: "tank-7", sensor: level, kind: stuck, lasts: 10 min}
derived:
  low: {each: tank, value: level - 3 K, unit: m}
  twice: {each: tank, value: level * 2, unit: kgx}
  drain: {each: tank, value: flow * 2, unit: m3/h}
events:
  high: {each: tank, raise: levl > 2 m}
  shallow: {each: tank, raise: level < 2 kg, on_delay: -3 s}
  fast: {each: tank, raise: drain > twice}
alarms:
  spilling:
    of: hihg
    priority: high
    cause: "it holds {level}"
    consequence: A wet floor.
    action: Close the valve.
    respond_within: 10 min
rules:
  shut: {while: lwo, override: {target: self, set: {valve: 0 %}}}
  fill: {whiel: shallow}
  tell: {when_raised: shallow, publish: {feed: nowhere, body: {x: levell}}}
requirements:
  - {name: it is never empty, each: tank, always: truth(lvel) > 0.1 m}
)y";

constexpr const char* kRight = R"y(scenario: tanks
duration: 1 h
cycle: 1 s
models:
  yard:
    parameters:
      most: {default: 5 m3/h}
  tank:
    relations: {yard: {to: yard, inverse: tanks}}
    parameters:
      area: {default: 2 m2, spread: "uniform(0.9, 1.1)"}
      kind: {enum: [open, closed], default: open}
    telemetry:
      level: {from: depth, unit: m, every: 10 s, resolution: 0.01, noise: 1 cm}
      flow: {from: q, unit: m3/h, every: 10 s, range: [0, 50]}
    setpoints:
      wanted: {unit: m, default: 1, range: [0, 3], tolerance: 5 cm, follows: level}
    physics:
      step: 1 s
      states: {depth: 1 m}
      rates: {depth: (q - 2 m3/h) / area}
      outputs: {q: "if(filling, 5 m3/h, 0 m3/h)"}
    controller:
      every: 5 s
      outputs: {filling: "hysteresis(level - wanted, on=-5 cm, off=5 cm, min_on=10 s)"}
links:
  radio: {latency: "lognormal(60 ms, 0.4)", loss: 1 %, outage: {every: 1 h, lasts: 1 min}}
fleet:
  yard: {count: 1, id: yard}
  tank: {count: 3, per: yard, id: "{yard}/tank-{i}", link: radio}
faults:
  - {after: 1 min, device: "yard/tank-2", sensor: level, kind: stuck, lasts: 10 min}
derived:
  total: {each: yard, value: sum(tanks.flow), unit: m3/h, min_good: 50 %}
operator:
  limit: {kind: limit, unit: m, default: 2, range: [1, 3]}
people:
  anna: {roles: [keeper]}
script:
  - {after: 5 min, by: anna, set: {limit: 2.5 m}}
events:
  thirsty: {each: yard, raise: total > most, on_delay: 10 s}
  high: {each: tank, raise: level > limit, deadband: 10 cm}
  mild: {each: tank, raise: "level > 1 m && kind == \"open\""}
rules:
  spare: {while: thirsty, override: {target: tanks, set: {wanted: 0.5 m}, stagger: {groups: 2, every: 1 min}}}
alarms:
  spilling:
    of: high
    priority: high
    cause: "it holds {level as m}"
    consequence: A wet floor.
    action: Close the valve.
    respond_within: 10 min
requirements:
  - {name: it is never empty, each: tank, always: truth(depth) > 0.1 m}
history:
  tank: {raw: "*", rollups: [1 min, 1 h]}
)y";

}  // namespace

TEST_CASE(
    "all problems: values, names, units, expressions and requirements are shown at once, by their place") {
  CHECK(
      first_lines(all_of({{"scenario.yaml", kTank}})) ==
      "scenario.yaml:8:26: 'mm3x' is not a unit\n"
      "scenario.yaml:11:32: 'hx' is not a unit\n"
      "scenario.yaml:12:7: telemetry field 'heat' has neither a range nor a resolution\n"
      "scenario.yaml:17:20: `0.1 m3/s` is a value in m3/s, `3 kg` is a value in kg: they cannot be "
      "subtracted\n"
      "scenario.yaml:21:5: no device's id matches 'tank-7'\n"
      "scenario.yaml:23:28: `level` is a value in m, `3 K` is a difference in K: they cannot be subtracted\n"
      "scenario.yaml:24:47: 'kgx' is not a unit\n"
      "scenario.yaml:27:29: 'levl' is not known here\n"
      "scenario.yaml:28:32: `level` is a value in m, `2 kg` is a value in kg: they cannot be compared\n"
      "scenario.yaml:28:56: the duration -3 s is negative\n"
      "scenario.yaml:31:3: alarm 'spilling' is of the unknown event 'hihg'\n"
      "scenario.yaml:39:17: rule 'shut' is about the unknown event 'lwo'\n"
      "scenario.yaml:40:10: a rule has no key 'whiel'\n"
      "scenario.yaml:41:67: 'levell' is not known here\n"
      "scenario.yaml:43:57: 'lvel' is not known here\n");
}

TEST_CASE("all problems: a value that is wrong is shown where it is, and nothing that needs it") {
  const auto source = std::make_shared<const Source>(Source{"scenario.yaml", kRight});
  REQUIRE(first_lines(all_of({{"scenario.yaml", kRight}})) == "");
  // Where these say something else, others are wrong.
  const std::set<std::string> names = {"inverse", "to", "follows", "of", "id"};
  size_t refused = 0;
  Diagnostics none;
  const auto document = yaml::parse(source, none);
  for_each_value(document.root, "", [&](const std::string& key, const yaml::Node& value) {
    if (names.contains(key)) return;
    const int line = line_column(*source, value.span.begin).line;
    for (const std::string wrong : {"3 zz", "zzz", "[]"}) {
      std::string text = kRight;
      text.replace(value.span.begin, value.span.end - value.span.begin, wrong);
      const auto problems = all_of({{"scenario.yaml", text}});
      refused += problems.empty() ? 0 : 1;
      for (const auto& p : problems) {
        INFO(key << ": " << wrong << " in line " << line << "\n" << first_lines(problems));
        CHECK(line_column(*p.span.source, p.span.begin).line == line);
      }
    }
  });
  CHECK(refused > 150);
}

TEST_CASE("all problems: an event is not alone in its first-out where the other one is wrong") {
  const auto said = [](const std::string& other) {
    return first_lines(all_of(
        {{"scenario.yaml",
          "scenario: trips\nduration: 1 min\n"
          "models: {m: {telemetry: {x: {from: q, unit: kW, every: 1 s, resolution: 1}}, physics: {outputs: "
          "{q: 5 kW}}}}\nfleet: {m: {}}\nevents:\n"
          "  one: {each: m, raise: x > 3 kW, first_out: trip}\n"
          "  alone: {each: m, raise: x > 4 kW, first_out: strip}\n"
          "  two: {each: m, " +
              other + "}\n"}}));
  };
  const std::string alone = "scenario.yaml:7:3: 'alone' is alone in first_out: 'strip'\n";
  CHECK(said("raise: x > 3 kWW, first_out: trip") ==
        alone + "scenario.yaml:8:31: 'kWW' after a number is not a unit\n");
  CHECK(said("raise: x > 3 kW, first_out: [trip]") ==
        alone + "scenario.yaml:8:46: a name stands here, not a list\n");
  CHECK(said("raise: x > 3 kW, first_out: trip") == alone);
}
