// Against std::map, with ids that crowd at few homes as well as such that do not.
#include "base/id_table.h"

#include <catch2/catch.hpp>
#include <map>
#include <random>

using namespace looptwin;

TEST_CASE("id table: what is inserted and erased is what a map would hold") {
  for (const uint64_t spread : {~uint64_t{0}, uint64_t{0xff0f}, uint64_t{63}}) {
    CAPTURE(spread);
    std::mt19937_64 draw(1);
    IdTable table;
    std::map<uint64_t, uint32_t> expected;
    std::vector<uint64_t> known;
    for (uint32_t i = 0; i < 20'000; ++i) {
      const bool again = !known.empty() && draw() % 2 == 0;
      const uint64_t id = again ? known[draw() % known.size()] : (draw() & spread) | (draw() % 3 << 16) | 1;
      known.push_back(id);
      if (draw() % 5 < 3) {
        REQUIRE(table.insert(id, i) == expected.emplace(id, i).second);
      } else {
        table.erase(id);
        expected.erase(id);
      }
      REQUIRE(table.size() == expected.size());
      const auto found = expected.find(id);
      REQUIRE(table.find(id) == (found == expected.end() ? IdTable::kNone : found->second));
    }
    for (const uint64_t id : known) {
      const auto found = expected.find(id);
      REQUIRE(table.find(id) == (found == expected.end() ? IdTable::kNone : found->second));
    }
    CHECK(table.find(0) == IdTable::kNone);
    table.clear();
    CHECK(table.size() == 0);
    CHECK(table.find(known.back()) == IdTable::kNone);
  }
}
