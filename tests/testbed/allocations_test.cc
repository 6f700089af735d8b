// A steady cycle allocates nothing: devices step and send, the broker admits, the processor places,
// conditions are evaluated, and nobody decides anything.
#include "tests/twin/allocations.h"

#include <catch2/catch.hpp>

#include "mml/loop.h"
#include "mml/processor.h"
#include "testbed/assembly.h"
#include "testbed/sim_transport.h"

using namespace looptwin;
using namespace looptwin::testbed;

TEST_CASE("run: a cycle without decisions allocates nothing, from the devices to the conditions") {
  // At night nobody decides anything; an outage would be new to its slice, so there is none.
  auto scenario = load(LT_SOURCE_DIR "/scenarios/smart-meters",
                       {{"fleet.block.count", "3"},
                        {"links.lte.outage.every", "1000 d"},
                        {"duration", "1 h"},
                        {"models.home.telemetry.power.max_rate", "20 kW/min"},
                        {"models.home.telemetry.temperature.flat_after", "10 min"}});
  INFO((scenario ? std::string() : render(scenario.error())));
  REQUIRE(scenario.has_value());
  auto assembly = Assembly::build(std::move(*scenario), {.threads = 1, .out = {}});
  INFO((assembly ? std::string() : render(assembly.error())));
  REQUIRE(assembly.has_value());
  auto& loop = (*assembly)->loop();
  const auto cycle = [&] { return loop.cycle(loop.now() + seconds(1), (*assembly)->transport()); };

  for (int i = 0; i < 600; ++i) REQUIRE(cycle());
  const auto before = (*assembly)->processor().counters();
  uint64_t spent = 0;
  for (int i = 0; i < 60; ++i) {
    const uint64_t so_far = twin::allocations();
    const bool kept = cycle();
    spent += twin::allocations() - so_far;
    REQUIRE(kept);
  }
  CHECK(loop.decisions() == 0);
  CHECK((*assembly)->processor().counters().messages - before.messages > 15'000);
  const auto rate = static_cast<size_t>(twin::Quality::rate);
  CHECK((*assembly)->processor().counters().by_quality[rate] > before.by_quality[rate]);
  CHECK(spent == 0);
}
