// Values as they are shown: units, digits, JSON.
#include "mml/shown.h"

#include <catch2/catch.hpp>
#include <cmath>

#include "homes.h"

using namespace looptwin;
using namespace looptwin::mml;

namespace {

const lang::Unit kKilowatt{"kW", watt().type, 1000, 0};

struct Sheet {
  Homes homes;
  ColumnId number = homes.add_number(Homes::kHome, "x"), flag = homes.add_boolean(Homes::kHome, "c");
  Showing showing{homes.schema, homes.registry, homes.tables};

  Shown of(const lang::Unit& unit, double resolution, double si) {
    homes.number(Homes::kHome, number) = si;
    return {.column = number, .unit = unit, .resolution = resolution};
  }
  std::string text(const lang::Unit& unit, double resolution, double si) {
    return showing.text(of(unit, resolution, si), Homes::home(0));
  }
  std::string json(const lang::Unit& unit, double resolution, double si) {
    return showing.json(of(unit, resolution, si), Homes::home(0));
  }
};

}  // namespace

TEST_CASE("shown: a number has the digits of its resolution, in its unit") {
  Sheet s;
  CHECK(s.text(celsius(), 0.1, 273.15 + 27.44) == "27.4 degC");
  CHECK(s.text(celsius(), 0.1, 273.15 - 0.01) == "0.0 degC");
  CHECK(s.text(kKilowatt, 0.01, 3200) == "3.20 kW");
  CHECK(s.text(kKilowatt, 0.25, 3250) == "3.25 kW");
  CHECK(s.text(kKilowatt, 10, 123'456'000) == "123456 kW");
  const lang::Unit fahrenheit{"degF", celsius().type, 5.0 / 9, 459.67 * 5 / 9};
  CHECK(s.text(fahrenheit, 0.1 / (5.0 / 9), 300) == "80.33 degF");
  CHECK(s.text(kKilowatt, 1.0 / 3, 3200) == "3.2 kW");
}

TEST_CASE("shown: without a resolution four digits are shown, but whole numbers in full") {
  Sheet s;
  CHECK(s.text(kKilowatt, 0, 3141.59) == "3.142 kW");
  CHECK(s.text(kKilowatt, 0, 123'456'789) == "123457 kW");
  CHECK(s.text({}, 0, 0.25) == "0.25");
  CHECK(s.text({"%", lang::Type::number(), 0.01, 0}, 0, 0.123456) == "12.35 %");
  CHECK(s.text(kKilowatt, 0, std::nan("")) == "unknown");
}

TEST_CASE("shown: in JSON a quantity bears its unit, a bare ratio is a number, unknown is null") {
  Sheet s;
  CHECK(s.json(kKilowatt, 0.01, 3200) == R"({"value":3.2,"unit":"kW"})");
  CHECK(s.json(celsius(), 0.1, 273.15 + 27.3) == R"({"value":27.3,"unit":"degC"})");
  CHECK(s.json(kKilowatt, 0, 1000.0 / 3) == R"({"value":0.333333333333,"unit":"kW"})");
  CHECK(s.json(kKilowatt, 0, std::nan("")) == R"({"value":null,"unit":"kW"})");
  CHECK(s.json({}, 0, 1.5) == "1.5");
  CHECK(s.json({"1", lang::Type::number(), 1, 0}, 1, 12) == "12");
  CHECK(s.json({}, 0, std::nan("")) == "null");
}

TEST_CASE("shown: conditions, ids and texts") {
  Sheet s;
  const Shown condition{.is = Shown::Is::boolean, .column = s.flag};
  const auto both = [&](uint8_t value) {
    s.homes.flag(Homes::kHome, s.flag) = value;
    return s.showing.text(condition, Homes::home(0)) + '|' + s.showing.json(condition, Homes::home(0));
  };
  CHECK(both(1) == "true|true");
  CHECK(both(0) == "false|false");
  CHECK(both(2) == "unknown|null");
  const Shown word{.is = Shown::Is::word,
                   .column = s.homes.model().status,
                   .words = s.homes.schema.column(Homes::kHome, s.homes.model().status).type.enumeration};
  s.homes.flag(Homes::kHome, s.homes.model().status) = 1;
  CHECK(s.showing.text(word, Homes::home(0)) == "stale");
  CHECK(s.showing.json(word, Homes::home(0)) == "\"stale\"");
  s.homes.flag(Homes::kHome, s.homes.model().status) = 255;
  CHECK(s.showing.text(word, Homes::home(0)) == "unknown");
  const Text text = {{"At ", Shown{.is = Shown::Is::id}}, {".", {}}};
  CHECK(s.showing.text(text, Homes::home(1)) == "At block-1/home-2.");
}
