#include "base/time.h"

#include <catch2/catch.hpp>

using namespace looptwin;

TEST_CASE("time: the grid's floor and ceiling hold for negative times") {
  CHECK(floor_to(Time{-1}, seconds(1)) == Time{-1'000'000'000});
  CHECK(ceil_to(Time{-1}, seconds(1)) == Time{0});
  CHECK(floor_to(Time{1'500'000'000}, seconds(1)) == Time{1'000'000'000});
  CHECK(ceil_to(Time{2'000'000'000}, seconds(1)) == Time{2'000'000'000});
}

TEST_CASE("time: text of times, durations and civil instants") {
  CHECK(to_string(Time{} + hours(14) + minutes(3) + milliseconds(20'500)) == "14:03:20.5");
  CHECK(to_string(Time{} + days(1) + hours(2)) == "1d 02:00:00");
  CHECK(to_string(seconds(5400)) == "1 h 30 min");
  CHECK(to_string(milliseconds(1500)) == "1.5 s");
  CHECK(to_string(UnixTime{1563174000'000'000'000}) == "2019-07-15T07:00:00Z");
  CHECK(to_string(UnixTime{951782400'000'000'000}) == "2000-02-29T00:00:00Z");
  CHECK(to_string(UnixTime{-1}) == "1969-12-31T23:59:59.999999999Z");
}
