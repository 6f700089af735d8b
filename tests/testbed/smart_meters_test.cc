// The shipped smart-meters scenario: its homes against GridLAB-D's, and that its loop does what its text
// says.
#include <algorithm>
#include <catch2/catch.hpp>
#include <memory>
#include <numeric>

#include "mml/loop.h"
#include "mml/rules.h"
#include "sim/fleet.h"
#include "testbed/assembly.h"
#include "testbed/sim_transport.h"
#include "twin/registry.h"

namespace looptwin::testbed {
namespace {

const char* const kFolder = LT_SOURCE_DIR "/scenarios/smart-meters";

std::unique_ptr<Assembly> assemble(std::vector<Setting> settings) {
  settings.push_back({"faults", "[]"});
  auto scenario = load(kFolder, settings);
  INFO((scenario ? std::string() : render(scenario.error())));
  REQUIRE(scenario.has_value());
  auto assembly = Assembly::build(std::move(*scenario), {});
  INFO((assembly ? std::string() : render(assembly.error())));
  REQUIRE(assembly.has_value());
  return std::move(*assembly);
}

/// One home exactly as published: nothing spread, nobody at home, a perfect thermometer.
std::unique_ptr<Assembly> published_home(const std::string& setpoint) {
  std::vector<Setting> settings = {{"duration", "3 d"},
                                   {"fleet.block.count", "1"},
                                   {"fleet.home.count", "1"},
                                   {"models.home.setpoints.cool.default", setpoint},
                                   {"models.home.parameters.appetite.default", "0"},
                                   {"models.home.telemetry.temperature.noise", "0"},
                                   {"models.home.telemetry.temperature.resolution", "0.0001"}};
  for (const char* spread : {"size", "UA", "aperture", "design", "COP", "appetite", "patience"})
    settings.push_back({std::string("models.home.parameters.") + spread + ".spread", "constant(1)"});
  return assemble(settings);
}

/// The true value behind a field of all homes, SI.
std::span<double> truth(Assembly& assembly, size_t field) {
  const auto home = *assembly.registry().find_model("home");
  const auto shards = assembly.tables().shards();
  for (size_t s = 0; s < shards.size(); ++s)
    if (shards[s].table == home) assembly.fleet().settle(s, assembly.loop().now());
  return assembly.tables().values<double>(home, assembly.fleet().truth(home, field));
}
constexpr size_t kPower = 1, kEnergy = 2;

/// Runs to the end and calls each minute.
template <typename Call>
void run(Assembly& assembly, Call each_minute) {
  const Time end = kStart + assembly.scenario().duration;
  while (assembly.loop().now() < end) {
    REQUIRE(assembly.loop().cycle(assembly.loop().now() + assembly.scenario().cycle, assembly.transport()));
    if (assembly.loop().now().ns % minutes(1).ns == 0) each_minute();
  }
}

}  // namespace

TEST_CASE("smart-meters: three days of one home in Phoenix cost what GridLAB-D has, within 3 %") {
  const struct {
    const char* setpoint;
    double kwh;
  } table[] = {{"75 degF", 111.64}, {"77 degF", 103.58}};
  for (const auto& row : table) {
    CAPTURE(row.setpoint);
    auto assembly = published_home(row.setpoint);
    double peak = 0;
    run(*assembly, [&] { peak = std::max(peak, truth(*assembly, kPower)[0] / 1000); });
    CHECK(truth(*assembly, kEnergy)[0] / 3.6e6 == Approx(row.kwh).epsilon(0.03));
    CHECK(peak == Approx(5.12).epsilon(0.01));
  }
}

TEST_CASE("smart-meters: the setback keeps a block's power below what it is without") {
  const auto highest_quarter = [](std::vector<Setting> settings) {
    settings.insert(settings.end(), {{"fleet.block.count", "1"},
                                     {"fleet.home.count", "300"},
                                     {"models.block.parameters.limit.default", "1.38 MW"},
                                     {"start", "\"2019-07-15T12:00:00\""},
                                     {"duration", "9 h"}});
    auto assembly = assemble(settings);
    std::vector<double> minutes;
    run(*assembly, [&] {
      const auto power = truth(*assembly, kPower);
      minutes.push_back(std::accumulate(power.begin(), power.end(), 0.0) / 1000);
    });
    double highest = 0;
    for (size_t i = 15; i <= minutes.size(); ++i)
      highest = std::max(highest, std::accumulate(minutes.begin() + i - 15, minutes.begin() + i, 0.0) / 15);
    return std::pair(highest, assembly->rules().counters().claims);
  };
  const auto with = highest_quarter({});
  const auto without = highest_quarter({{"events.peak_ahead.raise", "limit < 0 kW"}});
  CAPTURE(with.first, without.first);
  CHECK(with.second > 50);
  CHECK(without.second == 0);
  CHECK(with.first < 0.97 * without.first);
}

}  // namespace looptwin::testbed
