// The shipped gas-pipeline scenario: a leak is named and shut in, and the line is opened again when a person
// permits it.
#include "gas_line.h"

namespace looptwin::testbed {
using namespace test;

TEST_CASE("gas-pipeline: a leak is named within three minutes, whatever its size") {
  const struct {
    const char* size;
    double within;
  } table[] = {{"20 cm2", 180}, {"80 cm2", 90}, {"700 cm2", 60}, {"6400 cm2", 60}};
  for (const auto& row : table) {
    CAPTURE(row.size);
    Line line(leak("p-17", row.size));
    line.run_to(minutes(15));
    CHECK(line.rose_on("leak") == Names{"seg-17"});
    CHECK(line.rose_at("leak", "seg-17") > 600);
    CHECK(line.rose_at("leak", "seg-17") <= 600 + row.within);
  }
}

TEST_CASE("gas-pipeline: wherever the hole is, its station stops and the valves around it close") {
  for (const int n : {1, 10, 11, 25, 40}) {
    CAPTURE(n);
    Line line(leak("p-" + std::to_string(n), "80 cm2"));
    line.run_to(minutes(15));
    CHECK(line.rose_on("leak") == Names{segment(n)});
    CHECK(line.rose_on("station_down") == Names{station_of(n)});
    CHECK(line.rose_on("broken") == Names{});
    CHECK(line.rose_on("not_isolated") == Names{});
    CHECK(line.shut_valves() == Names{valve(n), valve(n + 1)});
  }
}

TEST_CASE(
    "gas-pipeline: a small hole behind a station, where no pressure falls, is found by what is missing") {
  for (const int n : {1, 11, 21, 31}) {
    CAPTURE(n);
    Line line(leak("p-" + std::to_string(n), "20 cm2"));
    line.run_to(minutes(20));
    CHECK(line.rose_on("leak") == Names{});
    line.run_to(minutes(25));
    CHECK(line.rose_on("leak") == Names{segment(n)});
    line.run_to(minutes(29));
    CHECK(line.shut_valves() == Names{valve(n), valve(n + 1)});
  }
}

TEST_CASE("gas-pipeline: the times at which the pressure fell tell whether a hole is by a valve") {
  const struct {
    const char* size;
    const char* from_head;
    Names by_valve;
  } table[] = {{"80 cm2", "0.5 km", {"seg-17"}}, {"40 cm2", "9.5 km", {"seg-17"}}, {"80 cm2", "4 km", {}}};
  for (const auto& row : table) {
    CAPTURE(row.size, row.from_head);
    Line line(
        and_also(leak("p-17", row.size), {{"plants.gas.gas_network.leaks.hole.position", row.from_head}}));
    line.run_to(minutes(15));
    CHECK(line.rose_on("leak") == Names{"seg-17"});
    CHECK(line.rose_on("hole_by_valve") == row.by_valve);
  }
}

TEST_CASE("gas-pipeline: the station stops before the valves close, and both before four minutes are over") {
  Line line(leak("p-17", "80 cm2"));
  line.run_to(minutes(10) + seconds(30));
  CHECK(line.escaping() > 60);
  const auto position = [&] { return line.truth("block_valve", "position", "valve-17"); };
  const double stops =
      line.run_until([&] { return line.truth("station", "flow", "station-2") < 100; }, minutes(14));
  const double closes = line.run_until([&] { return position() < 1; }, minutes(14));
  const double found = line.rose_at("leak", "seg-17");
  CHECK(found < stops);
  CHECK(stops <= closes);
  CHECK(closes <= found + 35);
  line.run_to(minutes(14));
  CHECK(position() < 0.01);
  CHECK(line.truth("block_valve", "position", "valve-18") < 0.01);
  CHECK(line.commands().failed == 0);
}

TEST_CASE("gas-pipeline: a valve that is out of reach is missed, and closes when it is back") {
  Line line(and_also(leak("p-17", "80 cm2"),
                     {{"faults", "[{after: 9 min, device: valve-17, kind: link_down, lasts: 20 min}]"}}));
  line.run_to(minutes(20));
  CHECK(line.shut_valves() == Names{"valve-18"});
  CHECK(line.rose_on("not_isolated") == Names{"seg-17"});
  line.run_to(minutes(35));
  CHECK(line.shut_valves() == Names{"valve-17", "valve-18"});
}

TEST_CASE("gas-pipeline: shut in, the segment loses its own gas only") {
  const auto flow_after_two_hours = [](const std::vector<Setting>& more) {
    Line line(and_also(leak("p-17", "80 cm2"), more));
    line.run_to(minutes(130));
    return line.escaping();
  };
  const double with = flow_after_two_hours({});
  const double without = flow_after_two_hours({{"events.leak.raise", "balance > 1e6 kg/s"}});
  CAPTURE(with, without);
  CHECK(with < 20);
  CHECK(without > 60);
}

TEST_CASE("gas-pipeline: when the hole is closed a person permits to reopen, and the line delivers again") {
  Line line(and_also(leak("p-17", "80 cm2"),
                     {{"models.rupture.parameters.clamped_at.default", "1 h"},
                      {"script", "[{after: 2 h, by: anna, press: may_reopen, device: seg-17}]"}}));
  line.run_to(hours(2));
  CHECK(line.shut_valves() == Names{"valve-17", "valve-18"});
  CHECK(line.claims_held() > 0);
  line.run_to(hours(6));
  CHECK(line.rose_at("reopening", "seg-17") == 7200);
  CHECK(line.shut_valves() == Names{});
  CHECK(line.rules().sequences.done == 2);  // shut in, and opened
  CHECK(line.rose_on("leak") == Names{"seg-17"});
  CHECK(line.rose_on("broken") == Names{});
  CHECK(line.truth("station", "flow", "station-2") > 150);
  // 0.85 to 1.15 of 170 kg/s, by the hour.
  CHECK(line.truth("customer", "flow", "customer-4") > 0.99 * 170);
  CHECK(line.claims_held() == 0);
  CHECK(line.commands().failed == 0);
}

TEST_CASE(
    "gas-pipeline: a leak before the last segment of a station leaves no valve shut once it is opened") {
  // The next station, or the customer, empties that segment within half an hour.
  for (const int n : {9, 39}) {
    CAPTURE(n);
    Line line(
        and_also(leak("p-" + std::to_string(n), "80 cm2"),
                 {{"models.rupture.parameters.clamped_at.default", "1 h"},
                  {"script", "[{after: 2 h, by: anna, press: may_reopen, device: " + segment(n) + "}]"}}));
    line.run_to(hours(2));
    CHECK(line.shut_valves() == Names{valve(n), valve(n + 1)});
    line.run_to(hours(7));
    CHECK(line.shut_valves() == Names{});
    CHECK(line.rose_on("leak") == Names{segment(n)});
    CHECK(line.rose_on("broken") == Names{});
    CHECK(line.truth("customer", "flow", "customer-4") > 0.99 * 170);
  }
}

TEST_CASE("gas-pipeline: valves that a break has closed further on are opened one by one, with permission") {
  const auto open = [](const char* at, const char* device) {
    return std::string("{after: ") + at + ", by: anna, press: may_open, device: " + device + "}";
  };
  Line line(and_also(leak("p-17", "12700 cm2"),
                     {{"models.rupture.parameters.clamped_at.default", "1 h"},
                      {"script", "[" + open("2 h", "\"valve-*\"") +
                                     ", {after: 3 h, by: anna, press: may_reopen, device: seg-17}, " +
                                     open("8 h", "\"valve-*\"") + "]"}}));
  line.run_to(hours(2) - seconds(5));
  const Names closed = line.rose_on("broken");
  CHECK(std::includes(closed.begin(), closed.end(), kBeside17.begin(), kBeside17.end()));
  CHECK(closed.size() > 2);
  CHECK(line.shut_valves() == closed);
  line.run_to(hours(11));
  CHECK(line.shut_valves() == Names{});
  CHECK(line.rose_on("leak") == Names{"seg-17"});
}

TEST_CASE(
    "gas-pipeline: without permission, or with one of somebody else or while it leaks, all stays shut") {
  const struct {
    const char* what;
    const char* script;
  } table[] = {
      {"nobody says a word", "[]"},
      {"by who has not the role", "[{after: 2 h, by: ben, press: may_reopen, device: seg-17}]"},
      {"while it leaks", "[{after: 30 min, by: anna, press: may_reopen, device: seg-17}]"},
      {"of another segment", "[{after: 2 h, by: anna, press: may_reopen, device: seg-16}]"},
  };
  for (const auto& row : table) {
    CAPTURE(row.what);
    Line line(and_also(leak("p-17", "80 cm2"),
                       {{"models.rupture.parameters.clamped_at.default", "1 h"}, {"script", row.script}}));
    line.run_to(hours(3) + minutes(30));
    CHECK(line.rose_on("reopening") == Names{});
    CHECK(line.shut_valves() == Names{"valve-17", "valve-18"});
    CHECK(line.truth("station", "flow", "station-2") < 10);
  }
}

TEST_CASE("gas-pipeline: a valve between a whole segment and one that leaks is not opened") {
  // The town's segments are named by hand, the last of them for three hours.
  Line line({{"events.leak.raise", "maop < 70 bar && time_of_day() > 10 min && time_of_day() < 11 min"},
             {"events.leak.clear", "time_of_day() > if(downstream.maop > 70 bar, 3 h, 20 min)"},
             {"script", "[{after: 1 h, by: anna, press: may_reopen, device: \"seg-1?\"}]"}});
  line.run_to(minutes(170));
  CHECK(line.rose_on("leak") == Names{"seg-14", "seg-15", "seg-16"});
  CHECK(line.rose_on("reopening") == Names{"seg-14"});
  CHECK(line.truth("block_valve", "position", "valve-14") > 0.5);
  CHECK(line.truth("block_valve", "position", "valve-15") > 0.01);
  CHECK(line.truth("block_valve", "position", "valve-16") == 0);
  CHECK(line.truth("block_valve", "position", "valve-17") == 0);
}

TEST_CASE("gas-pipeline: a segment that is filled and not tight is shut again before the line is opened") {
  // Empty it does not leak either, so that its event clears. The clamp does not close all of the hole.
  Line line(and_also(leak("p-17", "80 cm2"),
                     {{"models.rupture.physics.drives.hole.area",
                       "if(clock < opens_at, 0 m2, if(clock < clamped_at, size, 8 cm2))"},
                      {"models.rupture.parameters.clamped_at.default", "3 h"},
                      {"script", "[{after: 6 h, by: anna, press: may_reopen, device: seg-17}]"}}));
  line.run_to(hours(6) + minutes(40));
  CHECK(line.rose_on("reopening") == Names{"seg-17"});
  CHECK(line.truth("block_valve", "position", "valve-17") > 0.01);
  CHECK(line.truth("block_valve", "position", "valve-18") == 0);
  line.run_to(hours(8) + minutes(30));
  CHECK(line.rules().sequences.timed_out == 1);
  CHECK(line.shut_valves() == Names{"valve-17", "valve-18"});
  CHECK(line.rose_on("broken") == Names{});
}

TEST_CASE("gas-pipeline: a segment that is permitted with its hole open is shut again while it fills") {
  Line line(and_also(leak("p-17", "80 cm2"),
                     {{"script", "[{after: 6 h, by: anna, press: may_reopen, device: seg-17}]"}}));
  line.run_to(hours(6));
  CHECK(line.shut_valves() == kBeside17);
  line.run_to(hours(8));
  CHECK(line.rose_at("reopening", "seg-17") == 6 * 3600);
  CHECK(line.rules().sequences.begun == 3);  // shut in, begun to open, shut in
  CHECK(line.shut_valves() == kBeside17);
}

TEST_CASE("gas-pipeline: while the line packs, the town's segments stay below their limit") {
  const auto highest = [](const std::vector<Setting>& more) {
    Line line(and_also(leak("p-17", "80 cm2"), more));
    double most = 0;
    for (int minute = 1; minute <= 180; ++minute) {
      line.run_to(minutes(minute));
      for (const int n : {14, 15, 16}) most = std::max(most, line.truth("rtu", "pressure_out", segment(n)));
    }
    CHECK(line.rose_on("near_maop") == Names{"seg-14", "seg-15", "seg-16"});
    return most / 1e5;
  };
  CHECK(highest({}) < 69.5);
  CHECK(highest({{"events.pushes_too_hard.raise", "ratio > 1000"}}) > 69.5);
}

TEST_CASE("gas-pipeline: with all radios down the valves beside a broken line close by themselves") {
  Line line(
      and_also(leak("p-17", "3000 cm2"), {{"faults", "[{after: 5 min, device: \"**\", kind: link_down}]"}}));
  line.run_to(minutes(12) + seconds(30));
  const Names shut = line.shut_valves();
  CHECK(shut.count("valve-17") == 1);
  CHECK(shut.count("valve-18") == 1);
  line.run_to(minutes(20));
  CHECK(line.commands().issued == 0);
  CHECK(line.rose_on("leak") == Names{});
  CHECK(line.rose_on("segment_silent").size() == 40);
}

}  // namespace looptwin::testbed
