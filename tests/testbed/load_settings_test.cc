#include <catch2/catch.hpp>

#include "loading.h"
#include "testbed/reading/load.h"

using namespace looptwin;
using namespace looptwin::testbed;
using namespace looptwin::testbed::test;

TEST_CASE("settings: a path sets a value that is there, adds a key that may be, and goes into lists") {
  const auto s = loaded(
      example(), {{"fleet.home.count", "10"},
                  {"models.home.parameters.UA.default", "250 W/K"},
                  {"models.home.physics.step", "500 ms"},
                  {"faults.0.after", "2 h"},
                  {"rules.setback.override.stagger.groups", "3"},
                  {"models.home.controller", "{every: 2 s, outputs: {compressor: temperature > cool}}"}});
  CHECK(s.fleet[1].count == 10);
  CHECK(s.models[1].parameters[0].value == 250);
  CHECK(s.devices[1].physics->step == milliseconds(500));
  CHECK(*s.faults[0].after == kStart + hours(2));
  CHECK(s.rules[0].overrides[0].stagger_groups == 3);
  CHECK(s.devices[1].controller->every == seconds(2));
  CHECK(text_of(s.devices[1].controller->outputs[0].text) == "temperature > cool");
}

TEST_CASE("settings: a path goes into lists of values, one at a time") {
  const auto files = example_with("scenario.yaml", "feeds:\n", R"(feeds:
  driver:
    signals:
      throttle: {unit: "%", every: 5 s, values: [90, 20, 60]}
)");
  const auto set = loaded(files, {{"feeds.driver.signals.throttle.values.1", "0.5"}});
  REQUIRE(set.feeds[0].signals.size() == 1);
  CHECK(set.feeds[0].signals[0].values == std::vector<double>{0.9, 0.005, 0.6});
  CHECK(
      problems(files, {{"feeds.driver.signals.throttle.values.3", "0.5"}}) ==
      "--set feeds.driver.signals.throttle.values.3: there is no '3' in feeds.driver.signals.throttle.values "
      "[feeds.driver.signals.throttle.values has 3 items, numbered from 0]\n");
  CHECK(problems(files, {{"feeds.driver.signals.throttle.values.1", "5 kg"}})
            .find("--set feeds.driver.signals.throttle.values.1:1:1: ") == 0);
}

TEST_CASE("settings: a value that YAML takes for something else is shown in quotes") {
  CHECK(problems(example(), {{"faults.0.device", "**"}}) ==
        "--set faults.0.device:1:1: this is not YAML: the referenced anchor is not defined [write \"**\"]\n");
  CHECK(loaded(example(), {{"faults.0.device", "\"**\""}}).faults[0].device == "**");
}

TEST_CASE("settings: files cannot be added by a setting, which acts when they are joined") {
  CHECK(problems(example(), {{"use", "[other.yaml]"}}) ==
        "--set use: files are joined before values are set [write use: in the scenario's files]\n");
}

TEST_CASE("settings: what is wrong with a value that was set is told there, not in the file") {
  CHECK(
      problems(example(), {{"fleet.home.count", "0"}}) ==
      "--set fleet.home.count:1:1: the fleet of 'home' is empty: its count is 0 [write a count of 1 or more, "
      "or remove the entry]\n");
  CHECK(problems(example(), {{"cycle", "{least: 1 s, greatest: 100 ms}"}})
            .find("--set cycle:1:1: the least cycle is not less than the greatest") == 0);
}

TEST_CASE("settings: a path that leads nowhere is an error with the nearest") {
  CHECK(problems(example(), {{"fleet.hom.count", "3"}}) ==
        "--set fleet.hom.count: there is no 'hom' in fleet [did you mean fleet.home.count?]\n");
  CHECK(problems(example(), {{"models.home.controler.every", "2 s"}}) ==
        "--set models.home.controler.every: there is no 'controler' in models.home [did you mean "
        "models.home.controller.every?]\n");
  CHECK(problems(example(), {{"sed", "1"}}) == "--set sed: there is no 'sed' [did you mean seed?]\n");
  CHECK(problems(example(), {{"faults.3.after", "2 h"}}) ==
        "--set faults.3.after: there is no '3' in faults [faults has 1 item, numbered from 0]\n");
  CHECK(problems(example(), {{"faults.0.after.hours", "2"}}) ==
        "--set faults.0.after.hours: 'faults.0.after' holds one value, which has no parts [write --set "
        "faults.0.after=...]\n");
}

TEST_CASE("settings: what is written at a path is found by the same path, with what was set") {
  const Folder folder(example());
  const auto at = [&](const std::string& path, const std::vector<Setting>& settings = {}) -> std::string {
    const auto found = written_at(path, nullptr, folder.path(), settings);
    if (!found) return in_short(found.error());
    return *found ? (*found)->text : "nothing";
  };
  CHECK(at("fleet.home.count") == "1000");
  CHECK(at("fleet.home.count", {{"fleet.home.count", "7"}}) == "7");
  CHECK(at("faults.0.after") == "14 h");
  CHECK(at("snapshots") == "nothing");
  CHECK(at("fleet.hom.count") ==
        "fleet.hom.count: there is no 'hom' in fleet [did you mean fleet.home.count?]\n");
}

TEST_CASE("settings: a bad value is shown at the setting, not at the file") {
  CHECK(problems(example(), {{"duration", "-5 s"}}) ==
        "--set duration:1:1: the duration -5 s is negative [write 5 s]\n");
  CHECK(problems(example(), {{"seed", "010"}}) ==
        "--set seed:1:1: '010' has a leading zero, which YAML reads as octal [write it without, or as "
        "\"010\"]\n");
  CHECK(problems(example(), {{"fleet.home.UA", "normal(200 W/K, 10 kW)"}}) ==
        "--set fleet.home.UA:1:17: kW does not go with W/K [write it in W/K]\n");
}
