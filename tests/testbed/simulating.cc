#include "simulating.h"

#include <atomic>
#include <catch2/catch.hpp>

#include "testbed/reading/load.h"

namespace looptwin::testbed::test {

std::unique_ptr<Simulation> simulated(const std::string& text) {
  static const std::atomic<bool> kNeverStop{false};
  auto scenario = load_text(std::make_shared<const Source>(Source{"text", text}), ".");
  INFO((scenario ? std::string() : render(scenario.error())));
  REQUIRE(scenario.has_value());
  auto simulation = Simulation::make({std::move(*scenario), {}, {}}, {.threads = 1}, kNeverStop);
  INFO((simulation ? std::string() : render(simulation.error())));
  REQUIRE(simulation.has_value());
  return std::move(*simulation);
}

}  // namespace looptwin::testbed::test
