// The expressions of a rule need as many known members as those of its event.
#include <catch2/catch.hpp>

#include "loading.h"
#include "mml/loop.h"
#include "testbed/assembly.h"
#include "testbed/sim_transport.h"
#include "twin/registry.h"

using namespace looptwin;
using namespace looptwin::testbed;
using namespace looptwin::testbed::test;
using Catch::Contains;

namespace {

/// Four homes, one of which falls silent; the other three draw more than the limit from 60 s on.
const char* kScenario = R"yaml(scenario: quorum
duration: 2 min
feeds: {crm: {direction: out}}
models:
  hall: {parameters: {limit: {default: 5 kW}}}
  home:
    relations: {hall: {to: hall, inverse: homes}}
    telemetry: {power: {from: p, unit: kW, every: 10 s, phase: 0 s, resolution: 0.01}}
    setpoints: {most: {unit: kW, default: 9, range: [0, 10]}}
    physics: {states: {p: 0 kW}, rates: {p: 0.03 kW/s}}
fleet: {hall: {count: 1}, home: {count: 4, per: hall, id: "{hall}/home-{i}"}}
events:
  peak: {each: hall, raise: sum(homes.power) > limit, min_good: 60 %}
rules:
  tell:
    when_raised: peak
    steps:
      - do: {publish: {feed: crm, body: {load: sum(homes.power), step: 1}}}
        until: avg(homes.power) > 2 kW
        within: 10 min
      - do: {publish: {feed: crm, body: {load: sum(homes.power), step: 2}}}
  cap:
    while: peak
    override:
      target: homes
      where: sum(hall.homes.power) > 5 kW
      set: {most: "if(sum(hall.homes.power) > 5 kW, 1 kW, 2 kW)"}
faults:
  - {after: 5 s, device: "*/home-4", sensor: power, kind: dropout, value: 1}
)yaml";

}  // namespace

TEST_CASE("rules: where, set, bodies and until need as many members as the event that they are about") {
  const Folder folder;
  const auto out = folder.path() / "run";
  auto built = Assembly::build(loaded({{"scenario.yaml", kScenario}}), {.threads = 1, .out = out});
  INFO((built ? std::string() : render(built.error())));
  REQUIRE(built.has_value());
  auto& a = **built;
  const TableId home(1);
  REQUIRE(a.registry().model(home).config.name == "home");
  const auto desired = a.tables().values<double>(home, a.registry().model(home).setpoints[0].desired);
  while (a.loop().now() < kStart + seconds(65))
    REQUIRE(a.loop().cycle(a.loop().now() + seconds(1), a.transport()));
  for (size_t row = 0; row < 4; ++row) CHECK(desired[row] == 1000);
  while (a.loop().now() < kStart + seconds(75))
    REQUIRE(a.loop().cycle(a.loop().now() + seconds(1), a.transport()));
  REQUIRE(a.finish("{}").has_value());
  const auto published = read_text(out / "feeds/crm.jsonl");
  CHECK_THAT(published, Contains(R"("load":{"value":5.4,"unit":"kW"},"step":1)"));
  CHECK_THAT(published, Contains(R"("load":{"value":6.3,"unit":"kW"},"step":2)"));
}
