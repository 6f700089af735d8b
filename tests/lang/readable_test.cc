// What others read of numbers that were converted.
#include "lang/readable.h"

#include <catch2/catch.hpp>
#include <cmath>

#include "lang/units.h"

using namespace looptwin;
using namespace looptwin::lang;

namespace {

Unit unit(const std::string& name) {
  static const Units units;
  const auto text = std::make_shared<const Source>(Source{"test", name});
  const auto found = units.unit({text, 0, static_cast<uint32_t>(name.size())});
  REQUIRE(found.has_value());
  return *found;
}

}  // namespace

TEST_CASE("readable: a number that was converted is the one that was written, in whichever unit") {
  struct Case {
    const char* unit;
    std::vector<double> written;
  };
  const std::vector<Case> cases = {{"degC", {25, 25.37, -40, 0, 0.01, 1200}},
                                   {"degF", {77, 0, 98.6, -40, 451}},
                                   {"%", {7, 29, 57, 0.1, 100}},
                                   {"kW", {0.001, 3.3, 1e6 + 0.1, 123456.789}},
                                   {"mbar", {1013.25, 0.3, 1}},
                                   {"min", {0.1, 7, 1e9}},
                                   {"barg", {0, 1.3, 70.07}},
                                   {"nm", {632.8, 1e-3, 1e12}}};
  for (const auto& [name, written] : cases) {
    const auto in = unit(name);
    for (const double number : written) {
      INFO(number << " " << name);
      CHECK(readable(in.to_si(number), in) == number);
    }
  }
  // As 25 degC leave a model, and a mapping says them in degF.
  CHECK(readable(unit("degC").to_si(25), unit("degF")) == 77);
  CHECK(unit("degF").from_si(unit("degC").to_si(25)) != 77);
}

TEST_CASE("readable: what needs no conversion, and what is no number, is as it was") {
  const Unit plain{.text = "m"};
  for (const double number : {0.1 + 0.2, 1.0 / 3, 1e-300, 0.0}) CHECK(readable(number, plain) == number);
  const Unit percent{.text = "%", .scale = 0.01};
  CHECK(std::isnan(readable(std::nan(""), percent)));
  CHECK(std::isinf(readable(INFINITY, percent)));
  CHECK(readable(0, percent) == 0);
  CHECK(readable(1e-40, percent) == Approx(1e-38));
  CHECK(readable(1e60, percent) == Approx(1e62));
}
