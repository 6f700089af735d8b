// The scenario of docs/requirements.md, run as it is printed there.
#include <atomic>
#include <catch2/catch.hpp>

#include "loading.h"
#include "testbed/assembly.h"
#include "testbed/driver.h"
#include "testbed/requirements/report.h"
#include "testbed/virtual_clock.h"

using namespace looptwin;
using namespace looptwin::testbed;
using namespace looptwin::testbed::test;

TEST_CASE("docs: the requirements of requirements.md hold, and one is shown as the page says") {
  auto built = Assembly::build(loaded({{"scenario.yaml", scenario_of("requirements.md")}}), {.threads = 1});
  INFO((built ? std::string() : render(built.error())));
  REQUIRE(built.has_value());
  Assembly& assembly = **built;
  INFO(render(assembly.warnings()));
  CHECK(assembly.warnings().empty());
  auto driver = Driver::make(assembly, {}, {});
  REQUIRE(driver.has_value());
  const std::atomic<bool> stop{false};
  const auto& scenario = assembly.scenario();
  VirtualClock clock(scenario.start, scenario.cycle, kStart + scenario.duration, stop, {});
  REQUIRE(driver->run(clock, stop) == mml::RunEnd::reached_end);
  const auto results = assembly.requirements().results();
  CHECK(results.size() == 2 * 6 + 1);
  const auto shown = lines(assembly.requirements().all(), results, kStart + scenario.duration);
  const auto page = read_text(LT_SOURCE_DIR "/docs/requirements.md");
  for (const auto& line : shown) {
    INFO(line);
    CHECK(line.starts_with("held"));
  }
  INFO(shown[0]);
  CHECK(page.find("\n" + shown[0] + "\n") != std::string::npos);
}
