// Numbers as they leave for the wire, in its unit or the model's own.
#include "hil/scalar.h"

#include <catch2/catch.hpp>

using namespace looptwin;
using namespace looptwin::hil;

namespace {

const lang::Unit kCelsius{.text = "degC", .scale = 1, .offset = 273.15};
const lang::Unit kFahrenheit{.text = "degF", .scale = 5.0 / 9, .offset = 273.15 - 32 * 5.0 / 9};
const lang::Unit kPercent{.text = "%", .scale = 0.01};

}  // namespace

TEST_CASE("scalar: what is told in another unit is the number that people would write, and is read back") {
  const twin::SetpointConfig warm{.name = "warm", .unit = kCelsius};
  CHECK(std::get<double>(scalar_of(warm, kFahrenheit, kCelsius.to_si(25))) == 77);
  CHECK(std::get<double>(scalar_of(warm, kFahrenheit, kCelsius.to_si(21.5))) == 70.7);
  CHECK(std::get<double>(scalar_of(warm, kCelsius, kCelsius.to_si(21.4))) == 21.4);
  CHECK(value_of(warm, kFahrenheit, 77.0).value() == Approx(kCelsius.to_si(25)).epsilon(1e-14));
  const twin::SetpointConfig speed{.name = "speed", .unit = kPercent};
  for (int percent = 0; percent <= 100; ++percent)
    CHECK(std::get<double>(scalar_of(speed, kPercent, kPercent.to_si(percent))) == percent);
  const twin::SetpointConfig bare{.name = "bare"};
  CHECK(std::get<double>(scalar_of(bare, bare.unit, 1.0 / 3)) == 1.0 / 3);
}

TEST_CASE(
    "scalar: every step of a sensor is a number of few digits in another unit, and the same step again") {
  const twin::FieldConfig air{.name = "air",
                              .unit = kCelsius,
                              .every = seconds(1),
                              .range = twin::Range{233.15, 333.15},
                              .resolution = 0.1};
  const auto scaling = twin::scaling_of(air);
  for (int tenths = -400; tenths <= 600; ++tenths) {
    const auto raw = scaling.to_raw(kCelsius.to_si(tenths / 10.0));
    const auto said = std::get<double>(scalar_of(air, scaling, kFahrenheit, raw));
    CHECK(said == (tenths * 18 + 32'00) / 100.0);
    CHECK(raw_of(air, scaling, kFahrenheit, said) == raw);
    CHECK(std::get<double>(scalar_of(air, scaling, kCelsius, raw)) == tenths / 10.0);
  }
}
