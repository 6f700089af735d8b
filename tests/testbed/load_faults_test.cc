// Faults of sensors: what their values mean to the models that have the sensor.
#include <catch2/catch.hpp>

#include "loading.h"

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
