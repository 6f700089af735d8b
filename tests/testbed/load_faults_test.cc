// Faults of sensors: what their values mean to the models that have the sensor.
#include <algorithm>
#include <catch2/catch.hpp>

#include "loading.h"
#include "testbed/assembly.h"
#include "testbed/notes.h"

using namespace looptwin;
using namespace looptwin::testbed;
using namespace looptwin::testbed::test;

namespace {

/// Two models with fields of the same names in different units, and one fault.
FileTexts with_fault(const std::string& fault) {
  return {{"scenario.yaml",
           "scenario: two\nduration: 1 h\nfleet: {tank: {}, silo: {}}\nmodels:\n"
           "  tank:\n    telemetry:\n"
           "      level: {unit: m, every: 10 s, range: [0, 10], resolution: 0.001}\n"
           "      power: {unit: kW, every: 10 s, range: [0, 10], resolution: 0.001}\n"
           "      warm: {unit: degC, every: 10 s, range: [0, 90], resolution: 0.1}\n"
           "      open: {boolean: true, every: 10 s}\n"
           "  silo:\n    telemetry:\n"
           "      level: {unit: \"%\", every: 10 s, range: [0, 100], resolution: 0.1}\n"
           "      power: {unit: W, every: 10 s, range: [0, 10], resolution: 0.001}\n"
           "      warm: {unit: K, every: 10 s, range: [0, 90], resolution: 0.1}\n"
           "      open: {enum: [shut, ajar, wide], every: 10 s}\n"
           "faults:\n  - {after: 1 min, device: \"**\", " +
               fault + "}\n"}};
}

sim::FaultConfig fault(const std::string& text) { return loaded(with_fault(text)).faults[0]; }
using Values = std::vector<std::optional<double>>;

}  // namespace

TEST_CASE("faults: a value is read for each model that has the sensor, a bare number in its unit") {
  CHECK(fault("sensor: power, kind: bias, value: 3").values == Values{3000, 3});
  CHECK(fault("sensor: power, kind: bias, value: 3 W").values == Values{3, 3});
  CHECK(fault("sensor: level, kind: out_of_range, value: 50").values == Values{50, 0.5});
  CHECK(fault("sensor: warm, kind: bias, value: 2 K").values == Values{2, 2});
  CHECK(fault("sensor: level, kind: dropout, value: 5 %").values == Values{0.05, 0.05});
  CHECK(fault("sensor: level, kind: noise, value: 4").values == Values{4, 4});
  const auto drift = fault("sensor: power, kind: drift, value: 36 W/h").values;
  CHECK(*drift[0] == Approx(0.01));
  CHECK(drift[0] == drift[1]);
}

TEST_CASE(
    "faults: a value that one model's sensor cannot take is none there; that none can take is an error") {
  CHECK(fault("sensor: level, kind: bias, value: 0.5 m").values == Values{0.5, std::nullopt});
  CHECK(fault("sensor: level, kind: bias, value: 5 %").values == Values{std::nullopt, 0.05});
  CHECK(fault("sensor: open, kind: out_of_range, value: wide").values == Values{std::nullopt, 2});
  CHECK(
      problems(with_fault("sensor: level, kind: bias, value: 0.5 kW")) ==
      "scenario.yaml:18:68: 0.5 kW is in kW; a value in m stands here [write it in m, or in another unit of "
      "m]\n");
}

TEST_CASE("faults: a sensor of words, or of true and false, reads a word or a code and has no bias") {
  CHECK(fault("sensor: open, kind: stuck").values.empty());
  CHECK(fault("sensor: open, kind: out_of_range, value: true").values == Values{1, std::nullopt});
  CHECK(fault("sensor: open, kind: out_of_range, value: 3").values == Values{3, 3});
  CHECK(fault("sensor: open, kind: out_of_range, value: 254").values == Values{254, 254});
  CHECK(problems(with_fault("sensor: open, kind: out_of_range, value: 255")) ==
        "scenario.yaml:18:75: '255' is not a whole number of 3 to 254\n");
  CHECK(problems(with_fault("sensor: open, kind: out_of_range, value: broken")) ==
        "scenario.yaml:18:75: 'broken' is not one of: false, true\n");
  CHECK(problems(with_fault("sensor: open, kind: bias, value: 1")) ==
        "scenario.yaml:18:42: 'open' is no number: it has no bias [write stuck, dropout, or out_of_range]\n");
}

TEST_CASE("faults: what a refused value would have said is not called missing as well") {
  const auto instead = [](const std::string& entry) {
    auto files = with_fault("sensor: level, kind: stuck");
    auto& text = files.at("scenario.yaml");
    text = text.substr(0, text.find("  - {")) + "  - " + entry + "\n";
    return problems(files);
  };
  CHECK(instead("{after: 2 h 30 min, device: \"**\", kind: link_down}") ==
        "scenario.yaml:18:13: '2 h 30 min' is more than one quantity [write 2.5 h]\n");
  CHECK(instead("{after: 1h20min, device: \"**\", kind: link_down}") ==
        "scenario.yaml:18:13: '1h20min' is more than one quantity [write 80 min]\n");
  const auto unknown = instead("{after: 2 h, device: \"**\", kind: unplugged}");
  CHECK(std::count(unknown.begin(), unknown.end(), '\n') == 1);
  CHECK_THAT(unknown, Catch::StartsWith("scenario.yaml:18:38: 'unplugged' is not one of: stuck, "));
  CHECK(
      instead("{every: 500 ms, kind: restart, of: broker, lasts: 1 s}") ==
      "scenario.yaml:18:5: the broker or the mml restarts every second at the most [write every: with a mean "
      "time of 1 s or longer]\n");
  CHECK(instead("{every: 1 us, device: \"**\", kind: link_down, lasts: 1 s}") ==
        "scenario.yaml:18:13: 1 us is shorter than 1 ms [write 1 ms or longer]\n");
}

TEST_CASE("links: outages and bursts that are always zero, or nearly so, are refused") {
  const auto link = [](const std::string& text) {
    return problems({{"scenario.yaml",
                      "scenario: l\nduration: 1 min\nmodels: {m: {}}\nfleet: {m: {link: r}}\n"
                      "links: {r: {" +
                          text + "}}\n"}});
  };
  CHECK(link("outage: {up: 0 s, down: 0 s}") ==
        "scenario.yaml:5:26: 0 s is always zero [write 1 ms or longer]\n"
        "scenario.yaml:5:37: 0 s is always zero [write 1 ms or longer]\n");
  CHECK(link("outage: {up: 1 h, lasts: \"discrete(0 s: 0.5, 1 ns: 0.5)\"}") ==
        "scenario.yaml:5:39: discrete(0 s: 0.5, 1 ns: 0.5) is shorter than 1 ms on average [write 1 ms or "
        "longer]\n");
  CHECK(link("bursts: {up: 1 ns, down: 1 s}") ==
        "scenario.yaml:5:26: 1 ns is shorter than 1 ms on average [write 1 ms or longer]\n");
  CHECK(link("outage: {every: 1 ns, lasts: 1 s}") ==
        "scenario.yaml:5:29: 1 ns is shorter than 1 ms [write 1 ms or longer]\n");
  CHECK(link("outage: {up: 1 ms, down: \"discrete(0 s: 0.5, 1 s: 0.5)\"}").empty());
}

namespace {

std::string warnings(const std::string& text, const std::vector<Setting>& settings = {}) {
  const auto scenario = loaded({{"scenario.yaml", text}}, settings);
  auto built = Assembly::build(scenario);
  REQUIRE(built);
  Diagnostics all = (*built)->warnings();
  note_late(scenario, settings, all);
  return in_short(all);
}

}  // namespace

TEST_CASE("faults: what comes after the run's end is a warning, unless the run was shortened by hand") {
  const std::string text =
      "scenario: late\nduration: 1 h\nstart: \"2024-01-01T12:00:00\"\nmodels: {m: {}}\nfleet: {m: {}}\n"
      "people: {a: {}}\noperator: {b: {kind: button}}\nscript:\n  - {after: 3 h, by: a, press: b}\n"
      "faults:\n  - {at: \"11:00\", device: m-1, kind: link_down, lasts: 1 s}\n"
      "  - {after: 1 h, device: m-1, kind: link_down, lasts: 1 s}\n"
      "  - {after: 61 min, kind: restart, of: mml, lasts: 1 s}\n";
  const std::string hint =
      "after the end of the run at 01:00:00: it never comes [make the run longer, or let "
      "it come earlier]\n";
  CHECK(warnings(text) == "scenario.yaml:11:5: this fault is for 23:00:00, " + hint +
                              "scenario.yaml:13:5: this restart is for 01:01:00, " + hint +
                              "scenario.yaml:9:5: this entry of the script is for 03:00:00, " + hint);
  CHECK(warnings(text, {{"duration", "30 min"}}).empty());
}

TEST_CASE("load: periods that leave a field stale, or shed its samples, in regular operation are warnings") {
  CHECK(
      warnings("scenario: p\nduration: 1 min\nfleet: {m: {}}\nmodels: {m: {telemetry: {\n"
               "  a: {unit: m, every: 10 s, resolution: 0.1, stale_after: 9 s},\n"
               "  b: {unit: m, every: 10 s, resolution: 0.1, stale_after: 10 s, least_spacing: 10 s},\n"
               "  c: {unit: m, every: 10 s, resolution: 0.1, least_spacing: 11 s}}}}\n") ==
      "scenario.yaml:5:3: 'a' is stale after 9 s, before its next sample comes, 10 s after the last [write a "
      "stale_after of more than one period]\n"
      "scenario.yaml:7:3: 'c' comes every 10 s: samples nearer than 11 s are shed [write a least_spacing "
      "below the period]\n");
}
