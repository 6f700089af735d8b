// The fleet's parts by themselves: sampling instants, sensors' arithmetic, spells, uniform values, and what
// is refused.
#include <catch2/catch.hpp>
#include <cmath>
#include <limits>
#include <set>

#include "sim/fault.h"
#include "sim/sampling.h"
#include "sim/sensor_kernels.h"
#include "sim/uniforms.h"
#include "tests/sim/fleet_world.h"

namespace looptwin::sim::test {
namespace {

Report report_of(Duration every, std::optional<Duration> phase = {}) {
  Report report{.group = {every, phase, {0}}};
  for (size_t row = 0; row < twin::kBlockRows; ++row)
    report.phase.push_back(twin::phase_of(report.group, row).ns);
  return report;
}

TEST_CASE("sampling: due rows are those with an instant phase + k every in the window, by brute force") {
  for (const auto& report :
       {report_of(seconds(10)), report_of(milliseconds(700)), report_of(seconds(30), seconds(5)),
        report_of(seconds(10), seconds(25)), report_of(minutes(15))}) {
    const int64_t every = report.group.every.ns;
    for (const size_t first : {size_t{1024}, size_t{1024 + 96}, size_t{2048 - 100}}) {
      const size_t count = 100;
      for (int64_t from = 0; from < 4 * every; from += every / 7 + 1) {
        const int64_t to = from + (from % 3 == 0 ? every - 1 : every / 11);
        std::set<std::pair<size_t, int64_t>> expected, found;
        int64_t next = std::numeric_limits<int64_t>::max();
        for (size_t row = first; row < first + count; ++row) {
          const int64_t phase = twin::phase_of(report.group, row).ns;
          for (int64_t k = 0; k < 8; ++k) {
            const int64_t t = phase + k * every;
            if (t >= from && t <= to) expected.insert({row, t});
            if (t >= from) next = std::min(next, t);
          }
        }
        for (const auto& due : due_rows(report, first, count, Time{from}, Time{to}))
          for (size_t i = 0; i < due.count; ++i) {
            const int64_t t = due.base + report.phase[(due.first + i) % twin::kBlockRows];
            CHECK(due.counter == (t - report.phase[(due.first + i) % twin::kBlockRows]) / every);
            found.insert({due.first + i, t});
          }
        REQUIRE(found == expected);
        REQUIRE(next_sample(report, first, count, Time{from}).ns == next);
      }
    }
  }
}

TEST_CASE("sampling: slices cover a shard, stay within blocks, and hold the rows of one cycle") {
  DeviceModel model;
  model.reports.push_back(report_of(seconds(10)));
  const twin::Shard shard{TableId(0), 8192, 5000};
  const auto firsts = cut(model, shard, seconds(1));
  REQUIRE(firsts.front() == 8192);
  for (size_t i = 0; i < firsts.size(); ++i) {
    const size_t end = i + 1 < firsts.size() ? firsts[i + 1] : 8192 + 5000;
    CHECK(end > firsts[i]);
    CHECK(end - firsts[i] <= kSliceRows);
    CHECK(firsts[i] / twin::kBlockRows == (end - 1) / twin::kBlockRows);
    CHECK(twin::phase_of(model.reports[0].group, end - 1) -
              twin::phase_of(model.reports[0].group, firsts[i]) <
          milliseconds(1100));
  }
}

TEST_CASE("sensor: readings and integers are those of twin::Scaling, bit for bit, at each vector width") {
  struct Case {
    double scale, offset, resolution;
  };
  std::vector<double> x;
  for (int i = 0; i < 1001; ++i) x.push_back((i - 500) * 1.37 + i * i * 0.0131 * (i % 3 - 1));
  for (const double special :
       {0.0, -0.0, 0.05, 0.15, 0.25, 2.5, 3.5, 1e12, -1e12, std::numeric_limits<double>::quiet_NaN()})
    x.push_back(special);
  for (const auto& c : {Case{1, 0, 0.1}, Case{1, 273.15, 0.1}, Case{1000, 0, 0.01},
                        Case{5.0 / 9, 255.372, 0.5}, Case{1, 0, 3}, Case{1000, 0, 0.3}}) {
    twin::FieldConfig field{.name = "x", .resolution = c.resolution};
    field.unit.scale = c.scale;
    field.unit.offset = c.offset;
    const auto scaling = twin::scaling_of(field);
    const Quantiser q{scaling.steps, scaling.resolution, scaling.scale, scaling.offset,
                      -2147483647.0, 2147483647.0,       -HUGE_VAL,     HUGE_VAL};
    for (const Simd width : {Simd::v2, Simd::v3, Simd::v4}) {
      if (width > simd()) continue;
      const auto& kernels = sensor_kernels(width);
      std::vector<double> reading(x.size());
      std::vector<int32_t> raw(x.size()), again(x.size());
      kernels.quantise(q, x.data(), x.data(), reading.data(), x.size());
      kernels.to_raw(q, x.data(), raw.data(), x.size());
      kernels.to_raw(q, reading.data(), again.data(), x.size());
      for (size_t i = 0; i < x.size(); ++i) {
        REQUIRE(raw[i] == scaling.to_raw(x[i]));
        REQUIRE(again[i] == raw[i]);
        if (x[i] == x[i]) REQUIRE(reading[i] == scaling.to_si(raw[i]));
      }
    }
  }
}

TEST_CASE("faults: spells that take no time are long enough for time to go on, and merge to an end") {
  std::vector<FaultSource> sources(1);
  sources[0] = {.kind = FaultKind::link_down};
  sources[0].wait = *Distribution::constant(0);
  sources[0].lasts_drawn = *Distribution::constant(0);
  const std::vector<uint64_t> keys{1};
  Disturbances alternating(sources, keys);
  alternating.add(0, 0);
  size_t spells = 0;
  alternating.until(kStart + seconds(1), [&](const Spell& s) {
    CHECK(s.to - s.from == kLeastSpell);
    ++spells;
  });
  CHECK(spells == 500);

  // Six sources, each of which is nearly always down: that all are up comes once in 10^18 ms.
  std::vector<FaultSource> many(6);
  for (size_t i = 0; i < many.size(); ++i) {
    many[i] = {.kind = FaultKind::link_down, .lasts = seconds(1)};
    many[i].wait = *Distribution::exponential(0.001);
    many[i].wait_stream = Draws(7, "fault." + std::to_string(i));
  }
  Disturbances down(many, keys);
  for (uint16_t s = 0; s < many.size(); ++s) down.add(0, s);
  std::vector<Spell> merged;
  down.until(kStart + seconds(20), [&](const Spell& s) { merged.push_back(s); });
  REQUIRE_FALSE(merged.empty());
  CHECK(merged.back().to == kNever);
}

TEST_CASE("faults: spells that break a link are merged, so that their end is when it is up again") {
  std::vector<FaultSource> sources(3);
  sources[0] = {.kind = FaultKind::link_down, .after = kStart + seconds(100), .lasts = seconds(100)};
  sources[1] = {.kind = FaultKind::device_off, .after = kStart + seconds(190), .lasts = seconds(210)};
  sources[2] = {.kind = FaultKind::link_down, .after = kStart + seconds(500)};
  const std::vector<uint64_t> keys{1, 2};
  Disturbances d(sources, keys);
  for (uint16_t s = 0; s < 3; ++s) d.add(1, s);
  std::vector<Spell> spells;
  d.until(kStart + seconds(150), [&](const Spell& s) { spells.push_back(s); });
  REQUIRE(spells.size() == 1);
  CHECK(spells[0].to == kStart + seconds(400));
  d.until(kStart + hours(1), [&](const Spell& s) { spells.push_back(s); });
  REQUIRE(spells.size() == 3);
  CHECK((spells[1].kind == FaultKind::device_off && spells[1].from == kStart + seconds(190)));
  CHECK((spells[2].from == kStart + seconds(500) && spells[2].to == kNever));
}

TEST_CASE(
    "faults: drawn spells wait as long as they should in the mean, and do not depend on who asks when") {
  std::vector<FaultSource> sources(1);
  sources[0] = {.kind = FaultKind::stuck, .lasts = seconds(50)};
  sources[0].wait = *Distribution::exponential(1000);
  sources[0].wait_stream = Draws(3, "fault.0.wait");
  std::vector<uint64_t> keys(100);
  for (size_t i = 0; i < keys.size(); ++i) keys[i] = i * 77 + 5;
  Disturbances at_once(sources, keys), bit_by_bit(sources, keys);
  for (uint32_t row = 0; row < keys.size(); ++row) at_once.add(row, 0), bit_by_bit.add(row, 0);
  std::vector<std::pair<Time, uint32_t>> a, b;
  at_once.until(kStart + seconds(105'000), [&](const Spell& s) { a.emplace_back(s.from, s.row); });
  for (int64_t t = 0; t <= 105'000; t += 21)
    bit_by_bit.until(kStart + seconds(t), [&](const Spell& s) { b.emplace_back(s.from, s.row); });
  CHECK(a == b);
  CHECK(static_cast<double>(a.size()) == Approx(100 * 100.0).epsilon(0.03));
}

TEST_CASE("uniforms: the ring keeps the grid points that the slowest slice needs, whatever the strides") {
  lang::Graph graph;
  lang::Node feed{.op = lang::Op::feed, .type = lang::Type::point_of(lang::kTemperature)};
  feed.feed = FeedId(size_t{0});
  const auto node = graph.add(feed);
  Weather weather;
  Uniforms uniforms(graph, {node}, seconds(1));
  int64_t boundary = 0;
  for (const int64_t stride : {1, 1, 500, 3, 5000, 1, 900, 900}) {
    boundary += stride;
    uniforms.extend(kStart + seconds(boundary), weather);
    for (int64_t g = std::max<int64_t>(0, boundary - stride - kLongestLag); g <= boundary; ++g)
      REQUIRE(*uniforms.at(g) == Weather::outdoor(kStart + seconds(g)));
  }
}

std::string refused(const Setup& setup) {
  lang::Units units;
  lang::Schema schema;
  lang::Graph graph;
  twin::Tables tables(schema);
  auto registry = twin::Registry::build(setup.models, setup.fleet, 1, schema, tables);
  REQUIRE(registry);
  schema.feeds.push_back(
      {"weather", "temperature", lang::Type::point_of(lang::kTemperature), unit(units, "degC"), false});
  Weather weather;
  const auto fleet = Fleet::build(units, schema, graph, *registry, tables, weather,
                                  {setup.devices, setup.links, setup.faults, 1, seconds(1)});
  REQUIRE_FALSE(fleet);
  return render(fleet.error());
}

TEST_CASE("fleet: what a scenario gets wrong is refused with what to write instead, all at once") {
  using Catch::Matchers::Contains;
  const lang::Units units;
  const Setup good = homes(units, 3);
  Setup s = good;
  s.devices[0].controller->outputs[0].text = text("air > 25 degC");
  s.faults = {{.kind = FaultKind::stuck, .device = "home-*", .sensor = "temprature", .after = kStart}};
  const auto both = refused(s);
  CHECK_THAT(both, Contains("write temperature"));
  CHECK_THAT(both, Contains("did you mean 'temperature'"));

  s = good;
  s.devices[0].physics->rates[0].text = text("gain + weather.temperature");
  CHECK_THAT(refused(s), Contains("inputs: {temperature: weather.temperature}"));
  s = good;
  s.devices[0].physics->rates.clear();
  CHECK_THAT(refused(s), Contains("state 'air' has no rate"));
  s = good;
  s.devices[0].controller->every = milliseconds(1500);
  CHECK_THAT(refused(s), Contains("no multiple"));
  s = good;
  s.faults = {{.kind = FaultKind::link_down, .device = "house-*", .after = kStart}};
  CHECK_THAT(refused(s), Contains("no device's id matches 'house-*'"));
  s = good;
  s.faults = {{.kind = FaultKind::bias,
               .device = "home-*",
               .sensor = "power",
               .after = kStart,
               .values = {std::nullopt}}};
  CHECK_THAT(refused(s), Contains("the value of this fault means nothing to the 'power' of 'home'"));
  s = good;
  s.faults = {{.kind = FaultKind::link_down, .device = "home-1"}};
  CHECK_THAT(refused(s), Contains("never comes"));
  s = good;
  const auto power = s.models[0].telemetry[1];
  for (int i = 0; i < 63; ++i) {
    s.models[0].telemetry.push_back(power);
    s.models[0].telemetry.back().name = "power" + std::to_string(i);
  }
  CHECK_THAT(refused(s), Contains("'home' reports 65 fields together, more than 63"));
  s = good;
  s.fleet[0].link = "ltr";
  s.links = {{.name = "lte"}};
  CHECK_THAT(refused(s), Contains("unknown link 'ltr'"));
}

}  // namespace
}  // namespace looptwin::sim::test
