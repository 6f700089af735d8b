// Whether a sample can follow the ones before it: jumps and their confirmation, and values that stand still.
#include "mml/plausibility.h"

#include <array>
#include <catch2/catch.hpp>
#include <cmath>
#include <random>

using namespace looptwin;
using namespace looptwin::mml;
using twin::Quality;

namespace {

/// A temperature in tenths of a degree, one row of it, with a sample every 10 s.
struct Sensor {
  Plausibility plausibility;
  Time good = kNever;
  Time at = kLongAgo;  ///< of the newest, good or bad

  static twin::FieldConfig field() {
    twin::FieldConfig field;
    field.unit = {"degC", lang::Type::point_of(lang::kTemperature), 1.0, 273.15};
    field.resolution = 0.1;
    field.stale_after = minutes(5);
    return field;
  }
  static Sensor with_rate(double kelvin_a_minute) {
    auto config = field();
    config.max_rate = kelvin_a_minute / 60;
    return Sensor{Plausibility(config, twin::scaling_of(config), 1)};
  }
  static Sensor with_flat(Duration flat_after) {
    auto config = field();
    config.flat_after = flat_after;
    return Sensor{Plausibility(config, twin::scaling_of(config), 1)};
  }
  Quality take(int32_t tenths, Duration later = seconds(10)) {
    const Time last = at;
    at = last == kLongAgo ? kStart : last + later;
    const auto quality = plausibility.judge(0, tenths, at.ns, last.ns, good.ns);
    if (usable(quality)) good = at;
    return quality;
  }
  void take_bad(Duration later = seconds(10)) {
    const Time last = at;
    at = last + later;
    plausibility.interrupt(0, at.ns, last.ns);
  }
};

}  // namespace

TEST_CASE("plausibility: a spike is refused, and what goes on as before it is good at once") {
  auto sensor = Sensor::with_rate(2);
  CHECK(sensor.take(500) == Quality::good);  // the first has nothing to be compared with
  CHECK(sensor.take(503) == Quality::good);
  CHECK(sensor.take(900) == Quality::rate);
  CHECK(sensor.take(504) == Quality::good);
  CHECK(sensor.take(100) == Quality::rate);
  CHECK(sensor.take(900) == Quality::rate);
  CHECK(sensor.take(505) == Quality::good);
}

TEST_CASE("plausibility: the third sample in a row that agrees makes a new level of a jump") {
  auto sensor = Sensor::with_rate(2);
  sensor.take(500);
  CHECK(sensor.take(600) == Quality::rate);
  CHECK(sensor.take(602) == Quality::rate);
  CHECK(sensor.take(604) == Quality::good);
  CHECK(sensor.take(605) == Quality::good);
  CHECK(sensor.take(500) == Quality::rate);
}

TEST_CASE("plausibility: samples that jump about, or are interrupted, confirm nothing") {
  auto sensor = Sensor::with_rate(2);
  sensor.take(500);
  for (const int32_t tenths : {700, 700, 800, 800, 700, 700}) CHECK(sensor.take(tenths) == Quality::rate);
  sensor.take_bad();
  CHECK(sensor.take(700) == Quality::rate);
  CHECK(sensor.take(700) == Quality::rate);
  CHECK(sensor.take(700) == Quality::good);
}

TEST_CASE("plausibility: a change of exactly the rate is good, with one step for rounding") {
  for (const double rate : {0.6, 1.2, 2.4, 6.0, 60.0}) {
    const auto steps = static_cast<int32_t>(std::lround(rate * 10));  // in a minute
    INFO(rate << " K/min");
    auto sensor = Sensor::with_rate(rate);
    sensor.take(0);
    CHECK(sensor.take(steps + 1, minutes(1)) == Quality::good);
    CHECK(sensor.take(-1, minutes(1)) == Quality::rate);
    CHECK(sensor.take(0, nanoseconds(1)) == Quality::good);
  }
  auto slow = Sensor::with_rate(0.01);
  slow.take(200);
  CHECK(slow.take(201, seconds(1)) == Quality::good);  // a value between two steps flickers
  CHECK(slow.take(200, seconds(1)) == Quality::good);
  CHECK(slow.take(202, seconds(1)) == Quality::rate);
}

TEST_CASE("plausibility: the longer since the last good sample, the further a value may have moved") {
  auto sensor = Sensor::with_rate(2);
  sensor.take(200);
  CHECK(sensor.take(230, seconds(30)) == Quality::rate);
  CHECK(sensor.take(232, seconds(66)) == Quality::good);
}

TEST_CASE("plausibility: what equals all good samples of flat_after is flat until it changes by a step") {
  auto sensor = Sensor::with_flat(minutes(1));
  CHECK(sensor.take(215) == Quality::good);
  CHECK(sensor.take(200) == Quality::good);
  for (int k = 1; k < 6; ++k) CHECK(sensor.take(200) == Quality::good);
  CHECK(sensor.take(200) == Quality::flat);  // a minute after the first of them
  CHECK(sensor.take(200) == Quality::flat);
  CHECK(sensor.take(201) == Quality::good);
  for (int k = 1; k < 6; ++k) CHECK(sensor.take(201) == Quality::good);
  CHECK(sensor.take(201) == Quality::flat);
}

TEST_CASE("plausibility: nobody knows whether a value stood still while nothing was sampled") {
  auto sensor = Sensor::with_flat(minutes(1));
  for (int k = 0; k < 6; ++k) CHECK(sensor.take(200) == Quality::good);
  CHECK(sensor.take(200) == Quality::flat);
  CHECK(sensor.take(200, minutes(10)) == Quality::good);
  for (int k = 1; k < 6; ++k) CHECK(sensor.take(200) == Quality::good);
  CHECK(sensor.take(200) == Quality::flat);
  sensor.take_bad(minutes(10));  // what ends the silence need not be good itself
  for (int k = 0; k < 6; ++k) CHECK(sensor.take(200) == Quality::good);
  CHECK(sensor.take(200) == Quality::flat);
}

TEST_CASE("plausibility: the common case, asked as columns, is what each sample alone is judged to be") {
  constexpr size_t kRows = 4;
  auto config = Sensor::field();
  config.max_rate = 2.0 / 60;
  config.flat_after = minutes(1);
  config.stale_after = seconds(15);  // so that a silence alone is not yet flat
  Plausibility each(config, twin::scaling_of(config), kRows), columns = each;
  std::mt19937_64 random(12);
  std::array<int32_t, kRows> raw{};
  std::array<int64_t, kRows> sampled{}, last{}, good{};
  last.fill(kLongAgo.ns);
  good.fill(kNever.ns);
  int64_t now = 0;
  int as_columns = 0, jumps = 0, flats = 0;
  for (int step = 0; step < 20'000; ++step) {
    now += random() % 10 == 0 ? seconds(20).ns : seconds(10).ns;
    for (size_t row = 0; row < kRows; ++row) {
      raw[row] += random() % 100 == 0 ? 300 : random() % 2 == 0 ? static_cast<int32_t>(random() % 5) - 2 : 0;
      sampled[row] = now + static_cast<int64_t>(random() % 1000);
    }
    const bool all = last == good && columns.plain(0, kRows, raw.data(), sampled.data(), good.data());
    if (all) columns.store(0, kRows, raw.data(), sampled.data());
    as_columns += all;
    for (uint32_t row = 0; row < kRows; ++row) {
      const auto quality = each.judge(row, raw[row], sampled[row], last[row], good[row]);
      REQUIRE(quality ==
              (all ? Quality::good : columns.judge(row, raw[row], sampled[row], last[row], good[row])));
      jumps += quality == Quality::rate;
      flats += quality == Quality::flat;
      last[row] = sampled[row];
      if (usable(quality)) good[row] = sampled[row];
    }
  }
  CHECK(as_columns > 5'000);
  CHECK(jumps > 500);
  CHECK(flats > 500);
}
