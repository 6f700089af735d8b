#include <fmt/format.h>
#include <catch2/catch.hpp>

#include "base/random.h"
#include "loading.h"
#include "mml/loop.h"
#include "testbed/assembly.h"
#include "testbed/sim_transport.h"
#include "testbed/wiring.h"

using namespace looptwin;
using namespace looptwin::testbed;
using namespace looptwin::testbed::test;

TEST_CASE("load: the design's example loads as printed, with values in SI") {
  const auto s = loaded(example());
  CHECK(s.name == "smart-meters");
  CHECK(to_string(s.start) == "2019-07-15T07:00:00Z");
  CHECK(s.duration == days(1));
  CHECK(s.seed == 42);
  REQUIRE(s.sources.size() == 3);
  CHECK(s.sources[2]->name == "rules.yaml");

  REQUIRE(s.models.size() == 2);
  CHECK(s.models[0].parameters[0].value == 800e3);
  const auto& home = s.models[1];
  CHECK(home.relations[0].inverse == "homes");
  CHECK(home.parameters[1].words == std::vector<std::string>{"frugal", "standard"});
  CHECK(home.parameters[1].value == 1);
  const auto& temperature = home.telemetry[0];
  CHECK(temperature.range->low == Approx(233.15));
  CHECK(temperature.resolution == Approx(0.1));
  CHECK(temperature.stale_after == seconds(30));
  CHECK(home.telemetry[1].range->high == 30e3);
  CHECK(home.setpoints[0].value == Approx(296.15));
  CHECK(*home.setpoints[0].tolerance == 1);
  CHECK(home.setpoints[0].local);

  REQUIRE(s.devices.size() == 2);
  const auto& device = s.devices[1];
  CHECK(device.sensors[0].noise == Approx(0.05));
  CHECK(text_of(device.physics->rates[0].text) ==
        "(UA * (outdoor - air) + HM * (mass - air) + gains - cooling) / CA");
  CHECK(text_of(device.physics->inputs[1].text) == "weather.ghi");
  CHECK(device.physics->step == seconds(1));
  CHECK(text_of(device.controller->outputs[0].text) ==
        "hysteresis(temperature - cool, on=0.25 K, off=-0.25 K, min_off=5 min)");
}

TEST_CASE("load: fleet, link, fault, feed of the example") {
  const auto s = loaded(example());
  CHECK(s.fleet[1].count == 1000);
  CHECK(s.fleet[1].id == "{block}/home-{i}");
  CHECK(s.fleet[1].assignments[0].weights == std::vector<double>{0.3, 0.7});
  CHECK(s.links[0].loss == Approx(0.001));
  CHECK(s.links[0].latency->quantile(0.5).value() == Approx(0.06));
  CHECK(*s.links[0].outage_every == days(3));
  CHECK(s.links[0].outage_lasts->mean() == 600);
  CHECK(s.faults[0].kind == sim::FaultKind::stuck);
  CHECK(*s.faults[0].after == kStart + hours(14));
  CHECK(s.feeds[0].file == "weather/phoenix-july.csv");
  CHECK(s.feeds[0].forecast->horizon == hours(24));
}

TEST_CASE("load: events, rules and alarms of the example; the feed that a rule names is outbound") {
  const auto s = loaded(example());
  CHECK(s.events[0].min_good == Approx(0.95));
  CHECK(s.events[0].off_delay == minutes(15));
  const auto& override = s.rules[0].overrides.at(0);
  CHECK(override.stagger_groups == 10);
  CHECK(override.yield_to_local);
  CHECK(override.release_over == minutes(30));
  CHECK(text_of(override.set[0].value) == "default(cool) + 2 K");
  CHECK(text_of(override.verify->that) == "power < 3 kW");
  CHECK(s.rules[1].trigger == mml::Trigger::when_raised);
  CHECK(text_of(s.rules[1].publishes[0].body[1].value) == "1.5");
  CHECK(s.alarms[0].priority == mml::AlarmPriority::high);
  CHECK(text_of(*s.alarms[0].event.deadband) == "20 kW");
  REQUIRE(s.feeds.size() == 2);
  CHECK(s.feeds[1].name == "crm");
  CHECK_FALSE(s.feeds[1].inbound);
}

TEST_CASE("load: a time of day is the first one after the start, in the scenario's zone") {
  const auto at = [](const std::string& text) {
    return loaded(example_with("scenario.yaml", "after: 14 h", "at: \"" + text + "\""))
               .faults[0]
               .after->seconds() /
           3600;
  };
  CHECK(at("14:00") == 14);
  CHECK(at("00:00") == 0);
  CHECK(at("2019-07-16T01:30:00") == 25.5);
  // Prague goes from 02:00 to 03:00 in that night: 14:00 comes 13 hours after midnight.
  auto files = example_with("scenario.yaml", "after: 14 h", "at: \"14:00\"");
  CHECK(loaded(files, {{"timezone", "Europe/Prague"}, {"start", "\"2024-03-31T00:00:00\""}})
            .faults[0]
            .after->seconds() == 13 * 3600);
}

TEST_CASE("load: gauge pressures are points against the scenario's ambient pressure") {
  const FileTexts files = {{"scenario.yaml",
                            "scenario: gas\nduration: 1 h\nambient_pressure: 90 kPa\n"
                            "models: {pipe: {parameters: {limit: {default: 4 barg}}}}\nfleet: {pipe: {}}\n"}};
  CHECK(loaded(files).models[0].parameters[0].value == Approx(490e3));
}

TEST_CASE("load: a clock's drift is a ratio, a bare number of it in parts per million") {
  for (const char* drift : {"1000", "1000 ppm", "0.1 %", "3.6 s/h", "normal(1000, 0)", "normal(1000 ppm, 0)",
                            "uniform(0 ppm, 2000)"}) {
    CAPTURE(drift);
    CHECK(loaded(example(), {{"models.home.clock", fmt::format("{{drift: \"{}\"}}", drift)}})
              .devices[1]
              .clock->drift->mean() == Approx(1e-3));
  }
}

TEST_CASE("load: fleets get ids of their own, assignments of every kind are read") {
  const auto files = example_with(
      "scenario.yaml", "id: \"{block}/home-{i}\", link: lte, program: {choose: {frugal: 0.3, standard: 0.7}}",
      "program: frugal, UA: \"normal(200 W/K, 5 W/K)\"");
  const auto s = loaded(files);
  CHECK(s.fleet[1].id == "{block}/home-{i}");
  CHECK(*s.fleet[1].assignments[0].value == 0);
  CHECK(s.fleet[1].assignments[1].draw->mean() == 200);
  CHECK(loaded(example(), {{"fleet.home.UA", "250 W/K"}}).fleet[1].assignments.back().value == 250.0);
}

TEST_CASE("load: an expression in quotes with escapes is read without them and found at its place") {
  const auto s = loaded(
      example_with("rules.yaml", "where: program == \"frugal\"", "where: \"program == \\\"frugal\\\"\""));
  const auto& where = *s.rules[0].overrides[0].where;
  CHECK(text_of(where) == "program == \"frugal\"");
  CHECK(where.source->name == "rules.yaml");
  CHECK(line_column(*where.source, where.begin).line == 15);
  CHECK(line_column(*where.source, where.begin).column == 15);
}

TEST_CASE("load: expressions over lines, in blocks and in single quotes keep their text") {
  const auto s = loaded(example_with("rules.yaml", "clear: sum(homes.power) < 550 kW",
                                     "clear: >-\n      sum(homes.power)\n      < 550 kW"));
  CHECK(text_of(*s.events[0].clear) == "sum(homes.power)\n      < 550 kW");
  const auto t = loaded(example_with("rules.yaml", "clear: sum(homes.power) < 550 kW",
                                     "clear: sum(homes.power)\n      < 550 kW  # below"));
  CHECK(text_of(*t.events[0].clear) == "sum(homes.power)\n      < 550 kW");
  const auto u = loaded(
      example_with("rules.yaml", "clear: sum(homes.power) < 550 kW", "clear: 'sum(homes.power) < 550 kW'"));
  CHECK(text_of(*u.events[0].clear) == "sum(homes.power) < 550 kW");
}

TEST_CASE("load: files are used once, from where they are named, and windows line ends do not matter") {
  auto files = example();
  files["scenario.yaml"].replace(files["scenario.yaml"].find("rules.yaml"), 10, "lib/more.yaml");
  files["lib/more.yaml"] = "use: [../models.yaml, rules.yaml]\n";
  files["lib/rules.yaml"] = files["rules.yaml"];
  std::string windows;
  for (const char c : files["models.yaml"]) windows += c == '\n' ? "\r\n" : std::string(1, c);
  files["models.yaml"] = "\xef\xbb\xbf" + windows;
  const auto s = loaded(files);
  CHECK(s.sources.size() == 4);
  CHECK(s.rules.size() == 2);
  CHECK(text_of(s.devices[1].physics->outputs[0].text) == "if(compressor, capacity, 0 kW)");
}

TEST_CASE("load: devices are related by patterns of ids and by lists, and may have a value each") {
  const char* text = R"yaml(scenario: chain
duration: 1 min
models:
  node: {parameters: {height: {default: 0 m}}}
  pipe:
    relations:
      begins: {to: node, inverse: outgoing}
      ends: {to: node, inverse: incoming}
      next: {to: pipe, inverse: before, optional: true}
    parameters: {length: {default: 10 km}}
fleet:
  node: {count: 4, height: [1 m, 2 m, 4, 3 m]}
  pipe: {count: 3, begins: "node-{i}", ends: "node-{i+1}", next: "pipe-{n+1}"}
events:
  last:
    each: pipe
    raise: not known(next.length)
  steep:
    each: pipe
    raise: ends.height - begins.height > 1.5 m
)yaml";
  const auto assembly = Assembly::build(loaded({{"scenario.yaml", text}}));
  INFO((assembly ? std::string() : render(assembly.error())));
  REQUIRE(assembly.has_value());
  auto& a = **assembly;
  REQUIRE(a.loop().cycle(kStart + seconds(1), a.transport()));
  const auto& last = a.wired().events[0];
  const auto is_last = a.tables().values<uint8_t>(last.table, last.standing);
  CHECK(std::vector<uint8_t>(is_last.begin(), is_last.end()) == std::vector<uint8_t>{0, 0, 1});
  const auto& event = a.wired().events[1];
  const auto standing = a.tables().values<uint8_t>(event.table, event.standing);
  CHECK(std::vector<uint8_t>(standing.begin(), standing.end()) == std::vector<uint8_t>{0, 1, 0});

  const auto refused = [&](const std::string& from, const std::string& to) {
    std::string changed = text;
    changed.replace(changed.find(from), from.size(), to);
    const Folder folder({{"scenario.yaml", changed}});
    const auto scenario = load(folder.path());
    if (!scenario) return in_short(scenario.error());
    const auto built = Assembly::build(*scenario);
    return built ? std::string() : in_short(built.error());
  };
  CHECK_THAT(refused("node-{i+1}", "node-{i+2}"),
             Catch::Contains("'ends' of 'pipe-3' would be 'node-5', which is no device"));
  CHECK_THAT(refused("node-{i+1}", "pipe-{i}"), Catch::Contains("'pipe-1', which is no node"));
  CHECK_THAT(refused("node-{i+1}", "node-{k}"), Catch::Contains("a placeholder that is none"));
  CHECK_THAT(refused(", ends: \"node-{i+1}\"", ""), Catch::Contains("does not say which 'ends'"));
  CHECK_THAT(refused("[1 m, 2 m, 4, 3 m]", "[1 m, 2 m]"), Catch::Contains("lists 2 values for 4 of 'node'"));
  CHECK_THAT(refused("\"node-{i}\"", "[node-1, node-2]"), Catch::Contains("lists 2 devices for 3 of 'pipe'"));
  CHECK_THAT(refused("[1 m, 2 m, 4, 3 m]", "[1 m, 2 kg, 4, 3 m]"), Catch::Contains("kg"));
}
