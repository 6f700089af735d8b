// Frames: phases, report groups, and the way between the wire's integers and SI.
#include "twin/frame.h"
#include "twin/raw_range.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <limits>
#include <map>
#include <string>

#include "meters.h"

using namespace looptwin;
using namespace looptwin::twin;

TEST_CASE("frame: a value reported at resolution equals the literal, bit for bit") {
  for (const double resolution : {1.0, 0.5, 0.25, 0.1, 0.01, 0.001}) {
    const Scaling scaling = scaling_of(field_config("temperature", seconds(1), resolution, celsius()));
    REQUIRE(scaling.steps > 0);
    for (int32_t raw = -4000; raw <= 9000; raw += 7) {
      // The literal as one writes it: the decimal number, read, then brought to SI.
      char text[32];
      std::snprintf(text, sizeof text, "%.3f", raw / scaling.steps);
      const double literal = celsius().to_si(std::strtod(text, nullptr));
      INFO(text << " at " << resolution);
      REQUIRE(scaling.to_si(raw) == literal);
      REQUIRE(scaling.to_raw(literal) == raw);
    }
  }
}

TEST_CASE("frame: every integer comes back, at any resolution and unit") {
  const lang::Unit kilowatt_hours{"kWh", lang::Type::number(), 3.6e6, 0};
  for (const double resolution : {2.0, 5.0, 0.3, 1.0 / 3, 1e-6, 12.5}) {
    for (const auto& unit : {celsius(), kilowatt_hours}) {
      const Scaling scaling = scaling_of(field_config("x", seconds(1), resolution, unit));
      for (int32_t raw = -100'000; raw <= 100'000; raw += 331)
        REQUIRE(scaling.to_raw(scaling.to_si(raw)) == raw);
    }
  }
}

TEST_CASE("frame: the wire takes the nearest step, ends at its limits, and has a sign for nothing") {
  const Scaling scaling = scaling_of(field_config("x", seconds(1), 0.1));
  CHECK(scaling.to_raw(0.26) == 3);
  CHECK(scaling.to_raw(-0.26) == -3);
  CHECK(scaling.to_raw(1e12) == 2147483647);
  CHECK(scaling.to_raw(-1e12) == -2147483647);
  CHECK(scaling.to_raw(std::numeric_limits<double>::infinity()) == 2147483647);
  CHECK(scaling.to_raw(std::nan("")) == kMissing);
}

TEST_CASE("frame: without a resolution the steps are 2^-20 of the range, rounded up to a power of two") {
  auto field = field_config("x", seconds(1), 0);
  CHECK(scaling_of(field).to_si(1) == 1);  // of a million units
  field.range = Range{0, 1};
  CHECK(scaling_of(field).to_si(1) == std::ldexp(1, -20));
  field.range = Range{-40, 60};
  CHECK(scaling_of(field).to_si(1) == std::ldexp(1, 7 - 20));
  field.range = Range{0, 128};
  CHECK(scaling_of(field).to_si(1) == std::ldexp(1, 7 - 20));
}

TEST_CASE("frame: in range is what the model says, and never an integer that stands for all beyond it") {
  auto field = field_config("x", seconds(1), 0);
  field.resolution = 0.1;
  field.range = Range{0, 0.55};
  CHECK((raw_range_of(field).lowest == 0 && raw_range_of(field).highest == 5));
  field.range = Range{0.51, 0.58};
  CHECK(raw_range_of(field).lowest > raw_range_of(field).highest);
  field.range.reset();
  CHECK(raw_range_of(field).lowest == -2147483646);
  CHECK(raw_range_of(field).highest == 2147483646);
  CHECK(scaling_of(field).to_raw(3e8) > raw_range_of(field).highest);
  CHECK(scaling_of(field).to_raw(-3e8) < raw_range_of(field).lowest);
}

TEST_CASE("frame: booleans and words travel as they are") {
  auto field = field_config("x", seconds(1), 0);
  field.boolean = true;
  CHECK(scaling_of(field).to_si(1) == 1);
  field.boolean = false;
  field.words = {"a", "b", "c"};
  CHECK(scaling_of(field).to_raw(2) == 2);
}

TEST_CASE("frame: fields of equal period and phase are reported together, in the order of their first") {
  ModelConfig model;
  model.telemetry = {field_config("a", seconds(10), 1), field_config("b", minutes(1), 1),
                     field_config("c", seconds(10), 1), field_config("d", seconds(10), 1),
                     field_config("e", minutes(1), 1)};
  model.telemetry[3].phase = seconds(2);
  const auto groups = report_groups(model);
  REQUIRE(groups.size() == 3);
  CHECK(groups[0].fields == std::vector<uint16_t>{0, 2});
  CHECK(groups[1].fields == std::vector<uint16_t>{1, 4});
  CHECK(groups[2].fields == std::vector<uint16_t>{3});
  for (const size_t row : {0u, 1u, 5000u}) CHECK(phase_of(groups[2], row) == seconds(2));
}

TEST_CASE("frame: spread phases are even over a block of rows and lie within the period") {
  const ReportGroup group{seconds(10), {}, {0}};
  std::map<int64_t, int> by_second;
  Duration last{-1};
  for (size_t row = 0; row < 1024; ++row) {
    const Duration phase = phase_of(group, row);
    CHECK(phase > last);  // rows that are due together lie side by side
    CHECK(phase < seconds(10));
    CHECK(phase == phase_of(group, row + 3 * 1024));
    ++by_second[phase / seconds(1)];
    last = phase;
  }
  CHECK(by_second.size() == 10);
  for (const auto& [second, n] : by_second) CHECK(std::abs(n - 102) <= 1);
}
