// The requirements of ARCH-COMP's falsification category on runs whose robustness an independent
// implementation of models and formulas gave, with inputs that participants published as falsifying among
// them.
#include <fmt/format.h>
#include <atomic>
#include <catch2/catch.hpp>
#include <limits>
#include <map>

#include "loading.h"
#include "testbed/assembly.h"
#include "testbed/driver.h"
#include "testbed/requirements/requirements.h"
#include "testbed/virtual_clock.h"

using namespace looptwin;
using namespace looptwin::testbed;

namespace {

using Pieces = std::vector<std::pair<int, double>>;  // from s on, the value
constexpr double kHeld = std::numeric_limits<double>::infinity();

std::string signal(const std::string& unit, const Pieces& pieces) {
  std::string at, values;
  for (const auto& [time, value] : pieces) {
    at += fmt::format("{}{} s", at.empty() ? "" : ", ", time);
    values += fmt::format("{}{}", values.empty() ? "" : ", ", value);
  }
  return fmt::format("{{unit: \"{}\", at: [{}], values: [{}]}}", unit, at, values);
}

std::map<std::string, double> robustness(const std::string& scenario, const std::string& throttle,
                                         const std::string& brake) {
  auto read = load(LT_SOURCE_DIR "/scenarios/arch-comp/" + scenario,
                   {{"feeds.driver.signals.throttle", throttle}, {"feeds.driver.signals.brake", brake}});
  INFO((read ? std::string() : render(read.error())));
  REQUIRE(read.has_value());
  auto built = Assembly::build(std::move(*read), {});
  INFO((built ? std::string() : render(built.error())));
  REQUIRE(built.has_value());
  Assembly& assembly = **built;
  auto driver = Driver::make(assembly, {}, {});
  REQUIRE(driver.has_value());
  const std::atomic<bool> stop{false};
  VirtualClock clock(assembly.scenario().start, assembly.scenario().cycle,
                     kStart + assembly.scenario().duration, stop, {});
  REQUIRE(driver->run(clock, stop) == mml::RunEnd::reached_end);
  std::map<std::string, double> all;
  for (const auto& result : assembly.requirements().results()) {
    INFO(result.name);
    CHECK(result.verdict != Verdict::undecided);
    CHECK(result.low == result.high);
    all[std::string(result.name)] = result.low;
  }
  return all;
}

struct Expected {
  std::string run;
  Pieces throttle, brake;
  std::vector<double> robustness;
};

void compare(const std::string& scenario, const std::pair<std::string, std::string>& units,
             const std::vector<std::string>& names, const std::vector<Expected>& runs) {
  for (const auto& run : runs) {
    const auto all = robustness(scenario, signal(units.first, run.throttle), signal(units.second, run.brake));
    REQUIRE(all.size() == names.size());
    for (size_t i = 0; i < names.size(); ++i) {
      INFO(run.run << " " << names[i]);
      if (std::isinf(run.robustness[i]))
        CHECK(all.at(names[i]) == run.robustness[i]);
      else
        CHECK(all.at(names[i]) == Approx(run.robustness[i]).margin(1.5e-6).epsilon(0));
    }
  }
}

}  // namespace

TEST_CASE("ARCH-COMP: the transmission's requirements have the robustness that others computed") {
  const double yes = kHeld, no = -kHeld;
  compare(
      "transmission", {"%", "lbf*ft"},
      {"AT1", "AT2", "AT51", "AT52", "AT53", "AT54", "AT6a", "AT6b", "AT6c", "AT6abc"},
      {{"full throttle",
        {{0, 100}},
        {{0, 0}},
        {-0.213271, -18.277188, yes, yes, yes, yes, 1768.277188, 1768.277188, 1768.277188, 1768.277188}},
       {"half throttle",
        {{0, 50}},
        {{0, 0}},
        {32.673095, 1725.640103, yes, yes, yes, yes, 386.680415, 386.680415, 386.680415, 386.680415}},
       {"pieces",
        {{0, 90}, {5, 20}, {10, 60}, {15, 100}, {20, 0}, {25, 45}},
        {{0, 0}, {10, 100}, {15, 0}, {20, 200}, {25, 0}},
        {21.259870, 148.458085, yes, no, no, yes, 1643.946829, 1643.946829, 1643.946829, 1643.946829}},
       {"brake held",
        {{0, 100}},
        {{0, 325}},
        {17.464531, -10.604782, yes, yes, yes, yes, 1760.604782, 1760.604782, 1760.604782, 1760.604782}},
       {"published for AT1",
        {{0, 100}, {20, 0}},
        {{0, 0}, {20, 325}},
        {-0.213271, -18.277188, yes, yes, yes, yes, 1768.277188, 1768.277188, 1768.277188, 1768.277188}},
       {"published for AT6a",
        {{0, 50},
         {4, 0},
         {8, 50},
         {10, 0},
         {14, 50},
         {16, 0},
         {20, 50},
         {22, 0},
         {24, 50},
         {26, 0},
         {28, 50},
         {30, 0}},
        {{0, 0}, {2, 325}, {16, 0}, {18, 325}, {20, 0}, {22, 325}, {24, 0}, {26, 325}, {28, 0}, {30, 325}},
        {82.561310, 1858.410098, yes, no, yes, yes, -2.386646, 12.568969, 27.561310, -2.386646}},
       {"published for AT6c",
        {{0, 50}, {4, 0}, {6, 50}, {10, 0}, {12, 50}, {24, 0}, {26, 50}},
        {{0, 0}, {26, 325}, {30, 0}},
        {42.517595, 1786.380853, yes, no, yes, yes, -5.655989, 1.012864, -12.482405, -12.482405}}});
}

TEST_CASE("ARCH-COMP: the chasing cars' requirements have the robustness that others computed") {
  compare(
      "chasing-cars", {"1", "1"}, {"CC1", "CC2", "CC3", "CC4", "CC5", "CCx"},
      {{"throttle", {{0, 1}}, {{0, 0}}, {-251.227766, 54.868330, -1.754447, 61.868330, 7.109610, 2.500000}},
       {"pieces",
        {{0, 1}, {15, 0}, {20, 1}, {25, 0.3}, {30, 0.8}, {40, 0}, {55, 1}, {70, 0.5}, {85, 0.2}},
        {{0, 0}, {5, 1}, {10, 0}, {20, 0.5}, {25, 0.9}, {30, 0.1}, {40, 1}, {55, 0.2}, {70, 0.5}, {85, 1}},
        {-2.230023, 0.102989, -1.754447, 1.938342, 0.718425, 2.218425}},
       {"halves", {{0, 0.5}}, {{0, 0.5}}, {21.504188, 0.100442, 4.524336, 1.906651, 0.553847, 2.053847}},
       {"published for CC1",
        {{0, 1}, {15, 0}, {20, 1}},
        {{0, 0}, {5, 1}, {10, 0}},
        {-2.672742, 2.781479, -1.754447, 4.250871, 0.960827, 2.244736}},
       {"published for CC2",
        {{0, 0}, {25, 1}},
        {{0, 1}, {25, 0}},
        {-172.170825, -5.000000, -24.997188, 2.000000, 1.000000, 2.500000}},
       {"published for CC3",
        {{0, 0}, {10, 1}},
        {{0, 1}, {10, 0}},
        {-219.604989, 23.245553, -24.997188, 30.245553, 1.000000, 2.500000}}});
}
