// What rules mean, told by whole runs of small scenarios: evaluation of only what can have changed equals
// evaluation of everything, for events on the site, for previous(), for sets of sets and values across two
// relations.
#include <catch2/catch.hpp>

#include "loading.h"
#include "mml/alarms.h"
#include "mml/loop.h"
#include "mml/rules.h"
#include "testbed/assembly.h"
#include "testbed/sim_transport.h"

using namespace looptwin;
using namespace looptwin::testbed;
using namespace looptwin::testbed::test;

namespace {

const char* kModels = R"yaml(models:
  site_hub:
    parameters: {limit: {default: 200 kW}}
  block:
    relations: {hub: {to: site_hub, inverse: blocks}}
    parameters: {limit: {default: 30 kW}}
  home:
    relations: {block: {to: block, inverse: homes}}
    telemetry:
      power: {from: electric, unit: kW, every: 10 s, range: [0, 30], resolution: 0.01}
    setpoints:
      limit: {unit: kW, default: 9, range: [0, 30]}
    physics:
      step: 1 s
      random:
        draw: {draw: "uniform(0 kW, 8 kW)", every: 20 s}
      outputs:
        electric: min(draw, granted)
    controller:
      every: 1 s
      outputs:
        granted: limit
)yaml";

const char* kRules = R"yaml(events:
  heavy:
    each: home
    raise: power > 5 kW
  again:
    each: home
    raise: heavy && power > 1 kW
  twice:
    each: home
    raise: again && previous(heavy)
  began:
    each: home
    raise: again && !previous(heavy)
  crowded:
    each: block
    raise: count(homes, heavy) > 2
    on_delay: 7 s
  chained:
    each: home
    raise: power > block.hub.limit / 50 && block.crowded
  total:
    each: site_hub
    raise: sum(blocks, sum(homes.power)) > 100 kW
    off_delay: 13 s
  slow:
    raise: count(home, heavy) > 5
    on_delay: 17 s
    clear: count(home, heavy) < 5
    off_delay: 11 s
  windowed:
    each: block
    raise: avg(sum(homes.power) over 40 s) > limit && !previous(crowded)
  eager:
    each: home
    raise: power > 4 kW && !previous(block.pressed)
  pressed:
    each: block
    raise: count(homes, eager) > 1
  waning:
    each: block
    raise: previous(count(homes, fading)) > 1
  fading:
    each: home
    raise: power > 3 kW && !block.waning
rules:
  curb:
    while: slow
    override:
      target: home
      set: {limit: 4 kW}
      stagger: {groups: 3, every: 5 s}
      release: {over: 20 s}
  soften:
    while: crowded
    override:
      target: homes
      where: power > 5 kW && !block.waning
      set: {limit: "if(power > 6 kW, 6 kW, 5 kW)"}
      stagger: {groups: 2, every: 4 s}
      release: {over: 12 s}
      priority: 1
alarms:
  strained:
    of: crowded
    cause: "{count(homes, heavy)} of {count(homes)} homes, {sum(homes.power)}"
    consequence: The feeder ages.
    action: Look at it.
    respond_within: 1 min
)yaml";

FileTexts files(const std::string& rules = kRules) {
  return {{"scenario.yaml", R"yaml(scenario: semantics
about: Events on every level.
start: "2019-07-15T10:00:00"
timezone: UTC
duration: 10 min
cycle: 1 s
seed: 3
use: [models.yaml, rules.yaml]
fleet:
  site_hub: {count: 2, id: "hub-{i}"}
  block: {count: 3, per: site_hub, id: "{site_hub}/block-{i}"}
  home: {count: 8, per: block, id: "{block}/home-{i}", link: radio}
links:
  radio: {latency: 100 ms, loss: 1 %}
)yaml"},
          {"models.yaml", kModels},
          {"rules.yaml", rules}};
}

std::unique_ptr<Assembly> assemble(const FileTexts& texts) {
  auto assembly = Assembly::build(loaded(texts));
  INFO((assembly ? std::string() : render(assembly.error())));
  REQUIRE(assembly.has_value());
  return std::move(*assembly);
}

void cycle(Assembly& a) { REQUIRE(a.loop().cycle(a.loop().now() + a.scenario().cycle, a.transport())); }

/// A boolean column of a table, by name.
std::span<uint8_t> flags(Assembly& a, std::string_view table, std::string_view column) {
  for (size_t t = 0; t < a.schema().tables.size(); ++t) {
    if (a.schema().tables[t].name != table) continue;
    const auto& columns = a.schema().tables[t].columns;
    for (size_t c = 0; c < columns.size(); ++c)
      if (columns[c].name == column) return a.tables().values<uint8_t>(TableId(t), ColumnId(c));
  }
  FAIL("no column " << table << '.' << column);
  return {};
}
std::span<double> numbers(Assembly& a, std::string_view table, std::string_view column) {
  for (size_t t = 0; t < a.schema().tables.size(); ++t) {
    if (a.schema().tables[t].name != table) continue;
    const auto& columns = a.schema().tables[t].columns;
    for (size_t c = 0; c < columns.size(); ++c)
      if (columns[c].name == column) return a.tables().values<double>(TableId(t), ColumnId(c));
  }
  FAIL("no column " << table << '.' << column);
  return {};
}

}  // namespace

TEST_CASE(
    "semantics: evaluating only what can have changed decides as evaluating everything, on all levels") {
  auto lazy = assemble(files()), full = assemble(files());
  full->loop().evaluate_everything(true);
  while (lazy->loop().now() < kStart + minutes(10)) {
    cycle(*lazy);
    cycle(*full);
    INFO(to_string(lazy->loop().now()));
    REQUIRE(lazy->loop().fingerprint() == full->loop().fingerprint());
  }
  CHECK(lazy->loop().decisions() > 500);
  CHECK(lazy->rules().counters().releases > 0);
  REQUIRE(lazy->alarms().latest().size() == full->alarms().latest().size());
  for (size_t i = 0; i < lazy->alarms().latest().size(); ++i)
    CHECK(lazy->alarms().latest()[i].cause == full->alarms().latest()[i].cause);
}

TEST_CASE("semantics: previous(event) is the event of the cycle before, in whatever order they are stepped") {
  auto a = assemble(files());
  std::vector<uint8_t> before(48, 0);
  size_t differing = 0;
  while (a->loop().now() < kStart + minutes(5)) {
    cycle(*a);
    const auto heavy = flags(*a, "home", "heavy"), again = flags(*a, "home", "again");
    const auto twice = flags(*a, "home", "twice"), began = flags(*a, "home", "began");
    for (size_t h = 0; h < heavy.size(); ++h) {
      INFO(to_string(a->loop().now()) << " home " << h);
      REQUIRE(twice[h] == (again[h] == 1 && before[h] == 1));
      REQUIRE(began[h] == (again[h] == 1 && before[h] == 0));
      differing += heavy[h] != before[h];
      before[h] = heavy[h];
    }
  }
  CHECK(differing > 100);
}

TEST_CASE("semantics: previous() of a related event, or of a set of events, is what it was a cycle before") {
  auto a = assemble(files());
  std::vector<uint8_t> pressed_before(6, 0), fading_before(6, 0);
  size_t pressed_changes = 0, waning_once = 0;
  while (a->loop().now() < kStart + minutes(5)) {
    cycle(*a);
    const auto power = numbers(*a, "home", "power");
    const auto eager = flags(*a, "home", "eager"), fading = flags(*a, "home", "fading");
    const bool has_before = a->loop().now() > kStart + seconds(1);
    const auto pressed = flags(*a, "block", "pressed"), waning = flags(*a, "block", "waning");
    for (size_t b = 0; b < 6; ++b) {
      INFO(to_string(a->loop().now()) << " block " << b);
      uint8_t now_eager = 0, now_fading = 0;
      for (size_t h = 8 * b; h < 8 * b + 8; ++h) {
        if (power[h] == power[h]) {
          if (has_before) REQUIRE(eager[h] == (power[h] > 4000 && pressed_before[b] == 0));
          REQUIRE(fading[h] == (power[h] > 3000 && waning[b] == 0));
        }
        now_eager += eager[h];
        now_fading += fading[h];
      }
      REQUIRE(pressed[b] == (now_eager > 1));
      if (has_before) REQUIRE(waning[b] == (fading_before[b] > 1));
      pressed_changes += pressed[b] != pressed_before[b];
      waning_once += waning[b];
      pressed_before[b] = pressed[b];
      fading_before[b] = now_fading;
    }
  }
  CHECK(pressed_changes > 20);
  CHECK(waning_once > 20);
}

TEST_CASE("semantics: sets of sets and values across two relations are those of plain loops") {
  auto a = assemble(files());
  size_t chained_once = 0, total_once = 0;
  while (a->loop().now() < kStart + minutes(5)) {
    cycle(*a);
    const auto power = numbers(*a, "home", "power");
    const auto crowded = flags(*a, "block", "crowded"), chained = flags(*a, "home", "chained"),
               total = flags(*a, "site_hub", "total");
    double sum[2] = {};
    bool known[2] = {true, true};
    for (size_t h = 0; h < 48; ++h) {
      sum[h / 24] += power[h];
      known[h / 24] &= power[h] == power[h];
      if (power[h] == power[h]) REQUIRE(chained[h] == (power[h] > 4000 && crowded[h / 8] == 1));
      chained_once += chained[h];
    }
    for (size_t hub = 0; hub < 2; ++hub) {
      if (known[hub] && sum[hub] > 100e3 + 1e-6) REQUIRE(total[hub] == 1);
      total_once += total[hub];
    }
  }
  CHECK(chained_once > 0);
  CHECK(total_once > 0);
}

TEST_CASE(
    "semantics: an event of the site rises when its delay has run out, though nothing else happens then") {
  const std::string rules = R"yaml(events:
  reporting:
    raise: count(home, power > -1 kW) > 0
    min_good: 0 %
    on_delay: 33 s
)yaml";
  auto texts = files(rules);
  // Reports far apart, so that the delay ends between them.
  auto& models = texts["models.yaml"];
  models.replace(models.find("every: 10 s, range"), 11, "every: 90 s, phase: 4 s");
  auto a = assemble(texts);
  Time rose = kNever;
  while (a->loop().now() < kStart + seconds(80)) {
    cycle(*a);
    if (rose == kNever && flags(*a, "site", "reporting")[0] == 1) rose = a->loop().now();
  }
  CHECK(rose == kStart + seconds(5 + 33));  // received within the cycle that ends at 5 s
}

TEST_CASE("semantics: a setpoint's name is what the device has acknowledged, not what is desired") {
  const std::string rules = R"yaml(events:
  busy:
    raise: sum(home, power) > 0 kW
    min_good: 0 %
  obeys:
    each: home
    raise: limit < 5 kW
  asked:
    each: home
    raise: desired(limit) < 5 kW
rules:
  curb:
    while: busy
    override: {target: home, set: {limit: 4 kW}}
)yaml";
  auto a = assemble(files(rules));
  Time asked = kNever, obeys = kNever;
  while (a->loop().now() < kStart + minutes(2)) {
    cycle(*a);
    const auto now = a->loop().now();
    if (asked == kNever && flags(*a, "home", "asked")[0] == 1) asked = now;
    if (obeys == kNever && flags(*a, "home", "obeys")[0] == 1) obeys = now;
  }
  CHECK(asked < kStart + minutes(2));
  CHECK(obeys < kStart + minutes(2));
  CHECK(obeys > asked - seconds(1));
}
