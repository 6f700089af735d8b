#include "lang/units.h"

#include <catch2/catch.hpp>
#include <cmath>

#include "sample_schema.h"

namespace looptwin::lang {
namespace {

Span span_of(std::string_view text) {
  return {std::make_shared<Source>(Source{"test", std::string(text)}), 0, static_cast<uint32_t>(text.size())};
}

const Units& units() { return sample::units(); }

Unit unit(std::string_view text) {
  const auto result = units().unit(span_of(text));
  INFO(text);
  REQUIRE(result);
  return *result;
}

double si(std::string_view text) {
  const auto result = units().quantity(span_of(text));
  INFO(text);
  REQUIRE(result);
  return result->value;
}

std::string refused(std::string_view text) {
  const auto result = units().unit(span_of(text));
  INFO(text);
  REQUIRE(!result);
  return result.error()[0].message + " | " + result.error()[0].hint;
}

}  // namespace

TEST_CASE("units: what engineers write has its SI value") {
  CHECK(si("5 kW") == 5000);
  CHECK(si("1.5 kWh") == 1.5 * 3.6e6);
  CHECK(si("2 MWh") == 7.2e9);
  CHECK(si("10 m/s") == 10);
  CHECK(si("36 km/h") == Approx(10));
  CHECK(si("5min") == 300);
  CHECK(si("3 m^2") == 3);
  CHECK(si("3 m2") == 3);
  CHECK(si("1 kW/m2/K") == 1000);
  CHECK(si("2 s-1") == 2);
  CHECK(si("95 %") == Approx(0.95));
  CHECK(si("400 ppm") == Approx(4e-4));
  CHECK(si("1 psi") == Approx(6894.757293));
  CHECK(si("180 deg") == Approx(3.14159265358979));
  CHECK(si("60 rpm") == Approx(2 * 3.14159265358979));
  CHECK(si("1 gpm") == Approx(6.30902e-5));
  CHECK(si("1 Btu") == Approx(1055.05585));
  CHECK(si("1 ton_refrigeration") == Approx(3516.8528));
  CHECK(si("10 Ah") == 36000);
  CHECK(si("3 kvar") == 3000);
  CHECK(si("3 kVA") == 3000);
  CHECK(si("4 hours") == 14400);
  CHECK(si("3 kilowatts") == 3000);
  CHECK(si("7 µs") == Approx(7e-6));
  CHECK(si("2 L") == Approx(2e-3));
  CHECK(si("1 t") == 1000);
  CHECK(si("12 USD/MWh") == Approx(12 / 3.6e9));
  CHECK(si("0.5 pu") == 0.5);
  CHECK(si("1 inch") == Approx(0.0254));
  CHECK(si("1 Hz") == 1);
}

TEST_CASE("units: degC, degF and gauge pressures are points, and differences within a compound") {
  CHECK(unit("degC").type == Type::point_of(kTemperature));
  CHECK(si("20 degC") == 293.15);
  CHECK(si("-40 degC") == Approx(si("-40 degF")));
  CHECK(si("32 degF") == Approx(273.15));
  CHECK(unit("barg").type.point);
  CHECK(si("3 barg") == 4e5);  // against an ambient of 1 bar
  CHECK(si("0 psig") == 1e5);
  CHECK_FALSE(unit("bar").type.point);
  CHECK(unit("W/degC").type == unit("W/K").type);
  CHECK(unit("W/degC").offset == 0);
  CHECK(unit("W/degF").scale == Approx(1.8));
}

TEST_CASE("units: a cubic metre of gas at reference conditions is an amount of substance") {
  CHECK(unit("Nm3").type.dimension == unit("mol").type.dimension);
  CHECK(si("1 Nm3") == Approx(44.615).epsilon(1e-4));
  CHECK(si("1 Sm3") == Approx(42.293).epsilon(1e-4));
  CHECK(unit("Nm3/h").type.dimension == unit("mol/s").type.dimension);
  CHECK(unit("m3").type.dimension != unit("Nm3").type.dimension);
}

TEST_CASE("units: differences of a point unit have a unit of their own") {
  CHECK(difference_unit(unit("degC")).text == "K");
  CHECK(difference_unit(unit("barg")).text == "bar");
  CHECK(difference_unit(unit("psig")).text == "psi");
  const auto fahrenheit = difference_unit(unit("degF"));
  CHECK(fahrenheit.text == "degR");
  CHECK(fahrenheit.to_si(9) == Approx(5));
  CHECK(difference_unit(unit("kW")).text == "kW");
}

TEST_CASE("units: what is misread is refused, and says what to write") {
  CHECK(refused("C") == "'C' is the coulomb, not a temperature | write degC (or A*s for a charge)");
  CHECK(refused("F") == "'F' is the farad, not a temperature | write degF (or farad for a capacitance)");
  CHECK(refused("hr") == "'hr' is not the symbol of the hour | write h");
  CHECK(refused("sec") == "'sec' is not the symbol of the second | write s");
  CHECK(refused("mn") == "'mn' is not the symbol of the minute | write min");
  CHECK(refused("month") == "'month' has no fixed length | write days, as 30 d");
  CHECK(refused("year") == "'year' has no fixed length | write days, as 365 d");
  CHECK(refused("psia") ==
        "'psia' is written without the a: pressures are absolute unless they say gauge | write psi");
  CHECK(refused("degree") ==
        "'degree' may be an angle or a temperature | write deg for an angle, degC or degF for a temperature");
  CHECK(refused("EUR") ==
        "'EUR' is not a unit: rates of exchange change, and a scenario has one currency, USD | convert the "
        "amount and write it in USD");
  CHECK(refused("kw") == "'kw' is not a unit | write kW");
  CHECK(refused("Kwh") == "'Kwh' is not a unit | write kWh");
  CHECK(refused("kpa") == "'kpa' is a kilo-pico-are | write kPa");
  CHECK(refused("degc") == "'degc' is not a unit | write degC");
  CHECK(refused("brag") == "'brag' is not a unit | did you mean barg?");
  CHECK(refused("W/(m2*K)") == "'(m2*K)' is not a unit | units are written as kW, degC, m3/h, W/K");
  CHECK(refused("") == "a unit is missing | write one as kW, or 1 for a ratio");
  CHECK(refused("kW kW") ==
        "' kW' cannot follow in a unit | join units by * or / without spaces or brackets, as W/m2/K");
  CHECK(refused("mkW").starts_with("'mkW' is not a unit"));  // one prefix at most
}

TEST_CASE("units: a bare number takes the unit beside it, as a difference where that is asked") {
  const auto degree = unit("degC");
  CHECK(units().quantity(span_of("23"), &degree)->value == Approx(296.15));
  CHECK(units().quantity(span_of("0.1"), &degree, true)->value == 0.1);
  CHECK(units().quantity(span_of("0.1"), &degree, true)->unit.text == "K");
  const auto fahrenheit = unit("degF");
  CHECK(units().quantity(span_of("9"), &fahrenheit, true)->value == Approx(5));
  CHECK(units().quantity(span_of("0.3"))->value == 0.3);
  CHECK(units().quantity(span_of("300 K"), &degree)->value == 300);
  CHECK_FALSE(units().quantity(span_of("kW")));
  CHECK_FALSE(units().quantity(span_of("5 kW kW")));
  CHECK_FALSE(units().quantity(span_of("010 kW")));
}

TEST_CASE("units: a duration is a whole number of nanoseconds") {
  CHECK(*units().duration(span_of("5 min")) == minutes(5));
  CHECK(*units().duration(span_of("0.1 ms")) == microseconds(100));
  CHECK(*units().duration(span_of("1 d")) == days(1));
  CHECK(*units().duration(span_of("0 s")) == Duration{});
  CHECK(*units().duration(span_of("365.25 d")) == seconds(31557600));
  const auto says = [](std::string_view text) {
    const auto result = units().duration(span_of(text));
    return result ? "" : result.error()[0].message + " | " + result.error()[0].hint;
  };
  CHECK(says("5") == "a time needs its unit | write 5 s");
  CHECK(says("5 kW") == "'5 kW' is not a time | write a time, as 10 s, 5 min, 2 h or 1 d");
  CHECK(says("-1 s") == "a time cannot be negative here | write 0 s or more");
  CHECK(says("0.3 ns") == "a time must be a whole number of nanoseconds | write a multiple of 1 ns");
  CHECK(says("400 Ts") == "a time of more than 290 years does not fit | write a shorter time");
}

TEST_CASE("units: the lexer takes the longest run of units without spaces") {
  CHECK(units().unit_length("kW") == 2);
  CHECK(units().unit_length("m/s2 + 1") == 4);
  CHECK(units().unit_length("kW*x") == 2);
  CHECK(units().unit_length("kW/total") == 2);
  CHECK(units().unit_length("m / s") == 1);
  CHECK(units().unit_length("m_total") == 0);
  CHECK(units().unit_length("kW.h-1") == 6);
  CHECK(units().unit_length("s-1") == 3);
  CHECK(units().unit_length("s-x") == 1);
  CHECK(units().unit_length("C") == 1);
  CHECK(units().unit_length("%3") == 0);
  CHECK(units().unit_length("Nm3/h") == 5);
  CHECK(units().unit_length("") == 0);
}

TEST_CASE("units: a unit's text, its dimension and the way back agree") {
  for (const auto text :
       {"kW", "W/K", "m3/h", "kg*m/s2", "J/kg/K", "1/s", "s-1", "m2", "USD/kWh", "mol/s", "lx", "V/m"}) {
    const auto u = unit(text);
    INFO(text);
    CHECK(unit(unit_text(u.type.dimension)).type == u.type);
    CHECK(u.from_si(u.to_si(3.5)) == Approx(3.5));
  }
  CHECK(to_string(unit("W").type.dimension) == "kg·m²·s⁻³ (W)");
  CHECK(to_string(unit("K").type.dimension) == "K");
  CHECK(to_string(kRatio) == "1");
}

}  // namespace looptwin::lang
