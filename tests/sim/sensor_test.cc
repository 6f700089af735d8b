// Sensors as a person would state them: drift, dropout, faults of words and of true and false; and devices
// that are nothing but sensors of what they hold.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <random>

#include "tests/sim/fleet_world.h"

namespace looptwin::sim::test {
namespace {

enum Field : size_t { kLevel, kOpen, kMode };

/// Tanks hold a level, a gate and a task, and report each at 5 s, 15 s, … to the millimetre. Nothing of them
/// changes by itself.
Setup tanks(const lang::Units& units, size_t count) {
  const std::vector<std::string> modes = {"idle", "fill", "drain"};
  const auto metre = unit(units, "m");
  Setup s;
  twin::ModelConfig tank;
  tank.name = "tank";
  tank.telemetry = {{.name = "level", .unit = metre, .range = twin::Range{-1000, 1000}, .resolution = 0.001},
                    {.name = "open", .boolean = true},
                    {.name = "mode", .words = modes}};
  for (auto& field : tank.telemetry) field.every = seconds(10), field.phase = seconds(5);
  tank.setpoints = {{.name = "aim", .unit = metre, .value = 5, .range = twin::Range{0, 10}},
                    {.name = "gate", .boolean = true},
                    {.name = "task", .words = modes}};
  s.models = {tank};
  s.devices.resize(1);
  s.devices[0].sensors = {{.from = text("aim")}, {.from = text("gate")}, {.from = text("task")}};
  s.fleet = {{.model = "tank", .count = count, .id = "tank-{i}"}};
  return s;
}

twin::Command set(Field setpoint, uint32_t row, double value, Time issued) {
  return {.id = issued.ns / 1000 + setpoint * 100 + row + 1u,
          .device = {TableId(0), Row(row)},
          .index = static_cast<uint16_t>(setpoint),
          .value = value,
          .issued = issued,
          .expires = issued + minutes(1)};
}

/// What one field of one row read, sample by sample.
std::vector<int32_t> readings(const Received& received, uint32_t row, Field field) {
  std::vector<int32_t> values;
  for (const auto& m : received.messages)
    if (m.row == row) values.push_back(m.value[field]);
  return values;
}

TEST_CASE("sensor: each device drifts along its own line, and slopes are spread as declared") {
  constexpr size_t kTanks = 2000;
  constexpr double kSpread = 0.004;  // m/s
  Setup setup = tanks(lang::Units(), kTanks);
  setup.devices[0].sensors[kLevel].drift = kSpread;
  World world(setup);
  const auto received = run(world, kStart + seconds(200), seconds(200));
  double sum = 0, squares = 0;
  for (uint32_t row = 0; row < kTanks; ++row) {
    const auto mm = readings(received, row, kLevel);
    REQUIRE(mm.size() == 20);
    const double slope = (mm.back() - 5000) / 195.0;
    for (size_t k = 0; k < mm.size(); ++k)
      REQUIRE(std::abs(mm[k] - 5000 - slope * (5 + 10 * static_cast<double>(k))) <= 1);
    sum += slope / 1000;
    squares += slope * slope / 1e6;
  }
  // Four standard errors.
  CHECK(std::abs(sum / kTanks) < 4 * kSpread / std::sqrt(kTanks));
  CHECK(std::sqrt(squares / kTanks) == Approx(kSpread).epsilon(4 / std::sqrt(2.0 * kTanks)));
}

TEST_CASE(
    "sensor: samples drop out as often as declared, each field by itself; where none is left no message is "
    "sent") {
  constexpr size_t kTanks = 2000;
  Setup setup = tanks(lang::Units(), kTanks);
  setup.devices[0].sensors[kLevel].dropout = 0.3;
  setup.devices[0].sensors[kOpen].dropout = 0.1;
  World world(setup);
  const auto received = run(world, kStart + seconds(100), seconds(100));
  REQUIRE(received.messages.size() == 10 * kTanks);
  double level = 0, open = 0, both = 0;
  for (const auto& m : received.messages) {
    CHECK(m.value[kMode] == 0);
    level += m.value[kLevel] == twin::kMissing;
    open += m.value[kOpen] == twin::kMissing;
    both += m.value[kLevel] == twin::kMissing && m.value[kOpen] == twin::kMissing;
    if (m.value[kLevel] != twin::kMissing) REQUIRE(m.value[kLevel] == 5000);
  }
  const auto near = [&](double count, double share) {
    const double n = 10.0 * kTanks;
    return std::abs(count - n * share) < 4 * std::sqrt(n * share * (1 - share));
  };
  CHECK(near(level, 0.3));
  CHECK(near(open, 0.1));
  CHECK(near(both, 0.03));

  for (auto& sensor : setup.devices[0].sensors) sensor.dropout = 1;
  World silent(setup);
  CHECK(run(silent, kStart + seconds(100), seconds(100)).messages.empty());
  CHECK(silent.fleet->counters().samples == 0);
}

TEST_CASE("sensor: words, and true and false, can be stuck, drop out, or read a code, and recover") {
  Setup setup = tanks(lang::Units(), 5);
  const auto fault = [&](FaultKind kind, const char* device, const char* sensor, double value) {
    setup.faults.push_back({.kind = kind,
                            .device = device,
                            .sensor = sensor,
                            .after = kStart + seconds(10),
                            .lasts = seconds(30),
                            .value = value});
  };
  for (const char* sensor : {"open", "mode"}) {
    fault(FaultKind::stuck, "tank-1", sensor, 0);
    fault(FaultKind::dropout, "tank-2", sensor, 1);
  }
  fault(FaultKind::out_of_range, "tank-3", "open", 3);
  fault(FaultKind::out_of_range, "tank-3", "mode", 7);
  fault(FaultKind::out_of_range, "tank-4", "mode", 2);
  World world(setup);
  std::vector<Delivery> deliveries;
  for (uint32_t row = 0; row < 5; ++row) {
    deliveries.push_back({kStart + seconds(20), set(kOpen, row, 1, kStart + seconds(20))});
    deliveries.push_back({kStart + seconds(20), set(kMode, row, 1, kStart + seconds(20))});
  }
  const auto received = run(world, kStart + seconds(50), seconds(1), deliveries);
  constexpr int32_t kNone = twin::kMissing;
  using Codes = std::vector<int32_t>;
  for (const Field field : {kOpen, kMode}) {
    CHECK(readings(received, 4, field) == Codes{0, 0, 1, 1, 1});
    CHECK(readings(received, 0, field) == Codes{0, 0, 0, 0, 1});
    CHECK(readings(received, 1, field) == Codes{0, kNone, kNone, kNone, 1});
  }
  CHECK(readings(received, 2, kOpen) == Codes{0, 3, 3, 3, 1});
  CHECK(readings(received, 2, kMode) == Codes{0, 7, 7, 7, 1});
  CHECK(readings(received, 3, kOpen) == Codes{0, 0, 1, 1, 1});
  CHECK(readings(received, 3, kMode) == Codes{0, 2, 2, 2, 1});
  // What a fault of one field does, another does not see.
  for (uint32_t row = 0; row < 5; ++row) CHECK(readings(received, row, kLevel) == Codes(5, 5000));
}

TEST_CASE("sensor: a value outside the range reads one step beyond it, noise alone stays within") {
  Setup setup = tanks(lang::Units(), 3 * 600);
  setup.models[0].telemetry[kLevel].range = twin::Range{0, 4};
  setup.devices[0].sensors[kLevel].from = text("if(aim < 1 m, aim - 1 m, aim)");
  setup.devices[0].sensors[kLevel].noise = 0.05;
  // A third is full to the rim, a third overflows, a third is below the lowest; the last of each by a fault.
  setup.faults = {
      {.kind = FaultKind::bias, .device = "tank-1800", .sensor = "level", .after = kStart, .value = 3},
      {.kind = FaultKind::noise, .device = "tank-1", .sensor = "level", .after = kStart, .value = 4},
      {.kind = FaultKind::noise, .device = "tank-602", .sensor = "level", .after = kStart, .value = 1},
      {.kind = FaultKind::out_of_range, .device = "tank-2", .sensor = "level", .after = kStart, .value = 9}};
  std::vector<Delivery> deliveries;
  for (uint32_t row = 0; row < 1800; ++row) {
    const double aim = row % 3 == 0 ? 4 : row % 3 == 1 ? 4.2 : 0.5;
    const Time sent = kStart + seconds(1);
    deliveries.push_back({sent, set(kLevel, row, row == 1799 ? 2 : aim, sent)});
  }
  World world(setup);
  const auto received = run(world, kStart + seconds(40), seconds(10), deliveries);
  size_t at_rim = 0, below_rim = 0;
  for (const auto& m : received.messages) {
    if (m.sampled < seconds(10).ns) continue;  // the commands are on their way
    const int32_t mm = m.value[kLevel];
    if (m.row == 1) {
      CHECK(mm == 9000);
    } else if (m.row == 1799 || m.row % 3 == 1) {
      CHECK(mm == 4001);
    } else if (m.row % 3 == 2) {
      CHECK(mm == -1);
    } else {
      CHECK(mm <= 4000);
      CHECK(mm > 3000);
      ++(mm == 4000 ? at_rim : below_rim);
    }
  }
  // Half of the noise points outwards.
  CHECK(at_rim > 700);
  CHECK(below_rim > 700);
}

TEST_CASE("fleet: a device of which nothing changes by itself is as one that is stepped all the time") {
  Setup idle = tanks(lang::Units(), 1100);
  LinkConfig radio{.name = "radio", .loss = 0.05, .duplication = 0.05, .stored = 4};
  radio.latency = *Distribution::lognormal(0.3, 0.5);
  radio.outage_every = minutes(2);
  idle.links = {radio};
  idle.fleet[0].link = "radio";
  auto& level = idle.devices[0].sensors[kLevel];
  level.noise = 0.02, level.bias = 0.1, level.drift = 0.001, level.dropout = 0.05;
  idle.faults = {{.kind = FaultKind::stuck,
                  .device = "tank-7?",
                  .sensor = "level",
                  .after = kStart + milliseconds(31500),
                  .lasts = seconds(40)},
                 {.kind = FaultKind::device_off,
                  .device = "tank-8?",
                  .after = kStart + milliseconds(42300),
                  .lasts = milliseconds(37100)}};
  Setup stepped = idle;  // a controller nobody listens to
  stepped.devices[0].controller = ControllerConfig{.every = seconds(1), .outputs = {line("wear", "2 * aim")}};

  std::mt19937_64 draw(3);
  std::vector<Delivery> deliveries;
  for (int64_t k = 1; k < 14; ++k) {
    const Time now = kStart + milliseconds(9500 * k);
    for (int i = 0; i < 60; ++i) {
      const auto row = static_cast<uint32_t>(draw() % 1100);
      const auto setpoint = static_cast<Field>(draw() % 3);
      deliveries.push_back({now, set(setpoint, row, static_cast<double>(draw() % 4), now)});
    }
  }
  const Time end = kStart + seconds(140);
  World awake(stepped);
  const auto expected = run(awake, end, seconds(1), deliveries);
  REQUIRE(expected.messages.size() > 10'000);
  REQUIRE(expected.acknowledgements.size() > 500);
  for (const Duration cycle : {seconds(1), seconds(7), seconds(140)}) {
    World world(idle);
    const auto received = run(world, end, cycle, deliveries);
    CHECK((received.messages == expected.messages));
    CHECK((received.acknowledgements == expected.acknowledgements));
    CHECK((received.presence == expected.presence));
  }
}

}  // namespace
}  // namespace looptwin::sim::test
