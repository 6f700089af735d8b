// What is allowed but seldom meant is a warning with its place.
#include <catch2/catch.hpp>

#include "loading.h"
#include "testbed/assembly.h"

using namespace looptwin;
using namespace looptwin::testbed;
using namespace looptwin::testbed::test;

namespace {

std::string warnings(const std::string& cycle, const std::string& rest) {
  const auto built = Assembly::build(loaded({{"scenario.yaml", R"(scenario: pumps
duration: 1 h
cycle: )" + cycle + R"(
models:
  pump:
    telemetry:
      runs: {from: level > 1 m, boolean: true, every: 1 s}
      level: {from: level, unit: m, every: 1 s, resolution: 0.001}
    physics: {states: {level: 1 m}, rates: {level: 0 m/s}}
fleet: {pump: {count: 2, id: "hall/pump-{i}"}}
)" + rest}}));
  return built ? in_short((*built)->warnings()) : in_short(built.error());
}

}  // namespace

TEST_CASE("notes: a window too long for samples, of what may change between two boundaries, is warned of") {
  const auto flaps = [](const std::string& span) {
    return "events:\n  flaps: {each: pump, raise: rises(runs over " + span + ") > 3}\n";
  };
  CHECK(warnings("1 min", flaps("17 min")) == "");
  CHECK(warnings("1 s", flaps("30 min")) == "");
  CHECK(warnings("{least: 1 s, greatest: 1 min}", flaps("30 min")) == "");
  CHECK(
      warnings("1 min", flaps("30 min")) ==
      "scenario.yaml:12:30: 'runs' is sampled every 1 s, and looked at every 1 min: what it is in between is "
      "not seen [write a window of at most 17 min 4 s, which looks at the samples, or a cycle: that is as "
      "short]\n");
}

TEST_CASE("notes: a pattern of history that no device of its model matches is warned of") {
  CHECK(warnings("1 s", "history: {pump: {raw: \"hall/*\"}}\n") == "");
  CHECK(warnings("1 s", "history: {pump: {raw: \"*\"}}\n") ==
        "scenario.yaml:11:11: no id of a device of 'pump' matches raw: '*': no samples are kept [`*` stands "
        "for "
        "any part of an id without '/', `**` for any part; without raw: none are kept]\n");
}
