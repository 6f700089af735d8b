// Qualities in rules: sensors that jump, freeze and fall silent, and what is said about how many are good.
#include <catch2/catch.hpp>
#include <set>

#include "base/archive.h"
#include "loading.h"
#include "mml/alarms.h"
#include "mml/evaluator.h"
#include "mml/loop.h"
#include "mml/processor.h"
#include "mml/rules.h"
#include "testbed/assembly.h"
#include "testbed/sim_transport.h"
#include "twin/frame.h"

using namespace looptwin;
using namespace looptwin::testbed;
using namespace looptwin::testbed::test;

namespace {

const char* kScenario = R"yaml(scenario: quality
about: Meters that fail in every way that the stream processor notices.
duration: 12 min
seed: 3
models:
  feeder:
    telemetry:
      load: {from: carried, unit: kW, every: 10 s, phase: 0 s, range: [0, 90], resolution: 0.1, flat_after: 1 min}
    physics:
      states: {carried: 1 kW}
      rates:
        carried: 3 kW/min
      step: 1 s
  home:
    relations:
      feeder: {to: feeder, inverse: homes}
      backup: {to: feeder, inverse: guests, optional: true}
    telemetry:
      power: {from: drawn, unit: kW, every: 10 s, range: [0, 30], resolution: 0.001, max_rate: 2 kW/min, flat_after: 2 min}
    physics:
      states: {drawn: 1 kW}
      rates:
        drawn: 0.1 kW/min
      step: 1 s
fleet:
  feeder: {count: 2, id: "feeder-{i}"}
  home: {count: 40, per: feeder, id: "{feeder}/home-{i}", link: radio}
links:
  radio: {latency: 200 ms, loss: 1 %}
faults:
  - {after: 1 min, device: feeder-1, sensor: load, kind: stuck, lasts: 4 min}
  - {after: 2 min, device: "feeder-1/home-1*", sensor: power, kind: bias, value: 5 kW, lasts: 3 min}
  - {after: 2 min, device: "feeder-2/home-2*", sensor: power, kind: stuck, lasts: 5 min}
  - {after: 3 min, device: "feeder-1/home-3*", kind: link_down, lasts: 2 min}
  - {after: 4 min, device: "feeder-2/home-3*", sensor: power, kind: dropout, value: 50 %, lasts: 3 min}
  - {after: 6 min, device: "feeder-2/home-1", sensor: power, kind: out_of_range, value: 99 kW, lasts: 1 min}
derived:
  usable: {each: feeder, value: "count(homes, good(power))", unit: 1, every: 10 s}
  frozen: {each: feeder, value: "share(homes, quality(power) == \"flat\")", unit: 1, every: 10 s}
  doubted: {each: home, value: "quality(power) in [\"rate\", \"flat\"]", boolean: true, every: 10 s}
  blind: {each: home, value: "quality(feeder.load) == \"flat\" || !good(feeder.load)", boolean: true, every: 10 s}
  tired: {each: home, value: "time_true(quality(power) == \"stale\" over 1 min)", unit: s, every: 10 s}
  covered: {each: home, value: good(backup.load), boolean: true, every: 10 s}
events:
  thin: {each: feeder, raise: usable < 30}
  fallen_silent: {each: home, raise: "held(quality(power) == \"stale\", 10 s)"}
rules:
  note:
    when_raised: thin
    publish: {feed: desk, body: {feeder: id, usable: usable, load_is: quality(load)}}
alarms:
  lame:
    each: feeder
    raise: quality(load) == "flat"
    priority: low
    cause: "The meter is {quality(load)}; {count(homes, good(power))} homes are known."
    consequence: Nobody knows the load.
    action: Replace it.
    respond_within: 1 d
feeds:
  desk: {direction: out}
)yaml";

std::unique_ptr<Assembly> assemble() {
  auto assembly = Assembly::build(loaded({{"scenario.yaml", kScenario}}), {.threads = 1, .out = {}});
  INFO((assembly ? std::string() : render(assembly.error())));
  REQUIRE(assembly.has_value());
  return std::move(*assembly);
}

void cycle(Assembly& a) { REQUIRE(a.loop().cycle(a.loop().now() + a.scenario().cycle, a.transport())); }

template <typename T>
std::span<T> values(Assembly& a, const std::string& table, const std::string& column) {
  for (size_t t = 0; t < a.schema().tables.size(); ++t) {
    if (a.schema().tables[t].name != table) continue;
    const auto& columns = a.schema().tables[t].columns;
    for (size_t c = 0; c < columns.size(); ++c)
      if (columns[c].name == column) return a.tables().values<T>(TableId(t), ColumnId(c));
  }
  FAIL("no column " << table << '.' << column);
  return {};
}

std::vector<std::byte> columns_of(Assembly& a) {
  ArchiveWriter archive;
  a.tables().save(archive);
  return {archive.bytes().begin(), archive.bytes().end()};
}

}  // namespace

TEST_CASE("quality: rules see each field's quality, over sets and through relations, by definition") {
  auto a = assemble();
  std::set<twin::Quality> seen;
  while (a->loop().now() < kStart + a->scenario().duration) {
    cycle(*a);
    INFO(to_string(a->loop().now()));
    const auto power = values<uint8_t>(*a, "home", "power.quality");
    const auto load = values<uint8_t>(*a, "feeder", "load.quality");
    const auto doubted = values<uint8_t>(*a, "home", "doubted"), blind = values<uint8_t>(*a, "home", "blind");
    for (size_t feeder = 0; feeder < 2; ++feeder) {
      double usable = 0, frozen = 0;
      const auto of_feeder = static_cast<twin::Quality>(load[feeder]);
      for (size_t row = feeder * 40; row < (feeder + 1) * 40; ++row) {
        const auto quality = static_cast<twin::Quality>(power[row]);
        seen.insert(quality);
        usable += twin::usable(quality);
        frozen += quality == twin::Quality::flat;
        REQUIRE(doubted[row] == (quality == twin::Quality::rate || quality == twin::Quality::flat));
        REQUIRE(blind[row] == !twin::usable(of_feeder));
        REQUIRE(values<uint8_t>(*a, "home", "covered")[row] == 0);  // by none: false, not unknown
      }
      REQUIRE(values<double>(*a, "feeder", "usable")[feeder] == usable);
      REQUIRE(values<double>(*a, "feeder", "frozen")[feeder] == Approx(frozen / 40));
    }
  }
  using twin::Quality;
  CHECK(seen == std::set{Quality::good, Quality::never, Quality::stale, Quality::out_of_range, Quality::rate,
                         Quality::flat});
  CHECK(a->rules().counters().published > 0);
  REQUIRE(a->alarms().latest().size() == 1);
  CHECK(a->alarms().latest()[0].cause == "The meter is flat; 40 homes are known.");
  const auto counters = a->processor().counters();
  CHECK(counters.by_quality[static_cast<size_t>(Quality::rate)] >= 2 * 2 * 11);  // there and back
  CHECK(counters.by_quality[static_cast<size_t>(Quality::flat)] > 11 * 10);
}

TEST_CASE("quality: evaluating only rows that can have changed leaves the same in every column") {
  auto lazy = assemble(), full = assemble();
  full->loop().evaluate_everything(true);
  while (lazy->loop().now() < kStart + lazy->scenario().duration) {
    cycle(*lazy);
    cycle(*full);
    INFO(to_string(lazy->loop().now()));
    REQUIRE(columns_of(*lazy) == columns_of(*full));
    REQUIRE(lazy->loop().fingerprint() == full->loop().fingerprint());
  }
  CHECK(lazy->evaluator().rows_evaluated() < full->evaluator().rows_evaluated());
}

TEST_CASE("quality: restored after any minute, jumps are confirmed and values are flat as without a break") {
  auto trunk = assemble();
  while (trunk->loop().now() < kStart + trunk->scenario().duration) {
    ArchiveWriter writer;
    trunk->save(writer);
    auto branch = assemble();
    ArchiveReader reader(writer.bytes());
    branch->restore(reader);
    INFO(to_string(trunk->loop().now()) << " " << reader.error());
    REQUIRE((reader.ok() && reader.at_end()));
    for (int k = 0; k < 60; ++k) {
      cycle(*trunk);
      cycle(*branch);
      REQUIRE(columns_of(*trunk) == columns_of(*branch));
    }
    REQUIRE(branch->loop().fingerprint() == trunk->loop().fingerprint());
  }
}

TEST_CASE("load: max_rate and flat_after are read, and what makes no sense is refused") {
  const auto model = loaded({{"scenario.yaml", kScenario}}).models[1];
  CHECK(model.telemetry[0].max_rate == Approx(2000.0 / 60));
  CHECK(model.telemetry[0].flat_after == minutes(2));
  const auto refused = [](const std::string& from, const std::string& to) {
    std::string text = kScenario;
    const auto at = text.find(from);
    REQUIRE(at != std::string::npos);
    return problems({{"scenario.yaml", text.replace(at, from.size(), to)}});
  };
  CHECK(refused("max_rate: 2 kW/min", "max_rate: 0").find("with a max_rate of 0 nothing could change") !=
        std::string::npos);
  CHECK(refused("max_rate: 2 kW/min", "max_rate: -2 kW/min").find("write how fast the value can change") !=
        std::string::npos);
  CHECK_FALSE(refused("max_rate: 2 kW/min", "max_rate: 2 kW").empty());
  CHECK(refused("flat_after: 2 min", "flat_after: 10 s")
            .find("the flat_after of 'power' is not longer than its period") != std::string::npos);
  CHECK(refused("unit: kW, every: 10 s, range: [0, 30], resolution: 0.001,", "boolean: true, every: 10 s,")
            .find("'max_rate' has a sense for numbers only") != std::string::npos);
}
