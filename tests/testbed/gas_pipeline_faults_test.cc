// The shipped gas-pipeline scenario: what is no leak shuts nothing, wherever it is.
#include "gas_line.h"

namespace looptwin::testbed {
using namespace test;

TEST_CASE("gas-pipeline: what is no leak shuts nothing, and says what it is") {
  const struct {
    const char* what;
    std::vector<Setting> settings;
    const char* alarm;
    Names raised;
  } table[] = {
      {"a customer takes a third more", kSwing, "", {}},
      {"a customer takes a third less",
       {{"fleet.customer.swing", "[0 kg/s, 0 kg/s, 0 kg/s, -60 kg/s]"},
        {"models.customer.parameters.swings_at.default", "10 min"}},
       "",
       {}},
      {"a flow meter reads too little",
       {{"faults", "[{after: 5 min, device: seg-38, sensor: flow_out, kind: bias, value: -40}]"}},
       "meters_disagree",
       {"seg-38"}},
      {"the same in a swing",
       and_also(kSwing,
                {{"faults", "[{after: 8 min, device: seg-38, sensor: flow_out, kind: bias, value: -40}]"}}),
       "meters_disagree",
       {"seg-38"}},
      {"a pressure gauge jumps",
       {{"faults", "[{after: 10 min, device: seg-17, sensor: pressure_out, kind: bias, value: -3}]"}},
       "gauges_disagree",
       {"seg-17"}},
      {"a pressure gauge jumps in a swing",
       and_also(kSwing, {{"faults",
                          "[{after: 10 min, device: seg-38, sensor: pressure_in, kind: bias, value: -3}]"}}),
       "gauges_disagree",
       {"seg-38"}},
      {"a pressure gauge behind a station jumps in a swing",
       and_also(kSwing, {{"faults",
                          "[{after: 12 min, device: seg-31, sensor: pressure_in, kind: bias, value: -3}]"}}),
       "gauges_disagree",
       {"seg-31"}},
      {"a pressure gauge is stuck in a swing",
       and_also(kSwing, {{"faults", "[{after: 8 min, device: seg-38, sensor: pressure_out, kind: stuck}]"}}),
       "gauges_disagree",
       {"seg-38"}},
      {"a flow meter is stuck in a swing",
       and_also(kSwing, {{"faults", "[{after: 8 min, device: seg-38, sensor: flow_in, kind: stuck}]"}}),
       "meters_disagree",
       {"seg-38"}},
      {"a radio is lost for a quarter of an hour in a swing",
       and_also(kSwing, {{"faults", "[{after: 8 min, device: seg-38, kind: link_down, lasts: 15 min}]"}}),
       "segment_silent",
       {"seg-38"}},
      {"a compressor trips",
       {{"fleet.station.trips_at", "[48 h, 48 h, 10 min, 48 h]"}},
       "station_down",
       {"station-3"}},
      {"a compressor trips, and starts again",
       {{"fleet.station.trips_at", "[48 h, 48 h, 10 min, 48 h]"},
        {"models.station.parameters.back_at.default", "25 min"}},
       "station_down",
       {"station-3"}},
  };
  for (const auto& row : table) {
    CAPTURE(row.what);
    Line line(row.settings);
    line.run_to(minutes(70));
    for (const char* event : {"leak", "reopening", "broken"}) {
      CAPTURE(event);
      CHECK(line.rose_on(event) == Names{});
    }
    CHECK(line.shut_valves() == Names{});
    for (const char* alarm : {"meters_disagree", "gauges_disagree", "segment_silent", "station_down"}) {
      CAPTURE(alarm);
      CHECK(line.rose_on(alarm) == (alarm == std::string(row.alarm) ? row.raised : Names{}));
    }
  }
}

TEST_CASE("gas-pipeline: a gauge that comes back to the truth in the morning is no leak") {
  for (const char* device : {"seg-9", "seg-20"}) {
    CAPTURE(device);
    Line line({{"start", "\"2024-02-12T04:00:00\""},
               {"faults", std::string("[{after: 30 min, device: ") + device +
                              ", sensor: pressure_out, kind: stuck, lasts: 2 h}]"}});
    line.run_to(minutes(170));
    CHECK(line.rose_on("gauges_disagree") == Names{device});
    CHECK(line.rose_on("leak") == Names{});
    CHECK(line.rose_on("broken") == Names{});
    CHECK(line.shut_valves() == Names{});
  }
}

// Each fault alone on some segments (or valves) that are too far apart to see each other, in a morning in
// which demand rises by a third and a customer takes more on top.
TEST_CASE("gas-pipeline: no single failing sensor stops a station or shuts a valve, wherever it is") {
  const std::vector<Setting> morning = {{"start", "\"2024-02-12T04:30:00\""},
                                        {"fleet.customer.swing", "[0 kg/s, 10 kg/s, 0 kg/s, 40 kg/s]"},
                                        {"models.customer.parameters.swings_at.default", "5.2 h"}};
  const std::vector<std::string> gauge = {"bias, value: -3 bar",
                                          "bias, value: 3 bar",
                                          "bias, value: -0.55 bar",
                                          "drift, value: -0.25 bar/min",
                                          "drift, value: -2 bar/min",
                                          "noise, value: 30",
                                          "stuck",
                                          "dropout, value: 50 %",
                                          "out_of_range, value: 200 bar"};
  const std::vector<std::string> meter = {"bias, value: -15 kg/s",    "bias, value: 40 kg/s",
                                          "drift, value: -10 kg/s/h", "drift, value: 10 kg/s/h",
                                          "noise, value: 60",         "stuck",
                                          "dropout, value: 50 %",     "out_of_range, value: 2000 kg/s"};
  const auto ids = [](const std::string& what, std::initializer_list<int> numbers) {
    std::vector<std::string> out;
    for (const int n : numbers) out.push_back(what + std::to_string(n));
    return out;
  };
  const auto first = ids("seg-", {1, 10, 20, 30, 40}), beside = ids("seg-", {5, 11, 21, 31, 39});
  const auto valves = ids("valve-", {1, 5, 11, 17, 21, 31, 40, 41});
  const std::vector<std::string> stations = {"station-?"}, customers = {"customer-?"};
  const struct {
    std::vector<std::string> devices;
    std::vector<const char*> sensors;
    std::vector<std::string> faults;
  } table[] = {
      {first, {"pressure_in", "pressure_out"}, gauge},
      {beside, {"pressure_in", "pressure_out"}, gauge},
      {first, {"flow_in", "flow_out"}, meter},
      {beside, {"flow_in", "flow_out"}, meter},
      {valves, {"pressure", "check_pressure"}, gauge},
      {valves, {"position"}, {"bias, value: -60 %", "stuck"}},
      {stations, {"discharge_pressure"}, {"bias, value: -3 bar", "stuck"}},
      {stations, {"flow"}, {"bias, value: 40 kg/s", "bias, value: -40 kg/s", "stuck"}},
      {customers, {"flow", "check_flow"}, {"bias, value: -15 kg/s", "bias, value: 40 kg/s", "stuck"}}};
  for (const auto& row : table)
    for (const char* sensor : row.sensors)
      for (const auto& fault : row.faults) {
        std::string faults;
        for (const auto& device : row.devices)
          faults += "{after: 20 min, device: \"" + device + "\", sensor: " + sensor + ", kind: " + fault +
                    ", lasts: 90 min}, ";
        CAPTURE(faults);
        Line line(and_also(morning, {{"faults", "[" + faults + "]"}}));
        line.run_to(hours(2));
        CHECK(line.rose_on("leak") == Names{});
        CHECK(line.rose_on("broken") == Names{});
        CHECK(line.shut_valves() == Names{});
        CHECK(line.rose_on("station_down") == Names{});
      }
}

TEST_CASE(
    "gas-pipeline: a meter at the end of the line that is stuck for a day is an alarm, and shuts nothing") {
  Line line(std::vector<Setting>{{"faults",
                                  "[{after: 2 h, device: seg-1, sensor: flow_in, kind: stuck}, "
                                  "{after: 2 h, device: seg-40, sensor: flow_out, kind: stuck}]"}});
  line.run_to(hours(24));
  CHECK(line.rose_on("leak") == Names{});
  CHECK(line.rose_on("meters_disagree") == Names{"seg-1", "seg-40"});
  CHECK(line.shut_valves() == Names{});
}

TEST_CASE("gas-pipeline: valves and stations without power part no line") {
  const struct {
    const char* device;
    Names down;
  } table[] = {{"valve-*", {}}, {"station-2", {}}, {"station-4", {}}, {"customer-*", {}}};
  for (const auto& row : table)
    for (const char* lasts : {"1 min", "30 min"}) {
      CAPTURE(row.device, lasts);
      Line line(std::vector<Setting>{{"faults", std::string("[{after: 10 min, device: \"") + row.device +
                                                    "\", kind: device_off, lasts: " + lasts + "}]"}});
      line.run_to(minutes(30));
      CHECK(line.shut_valves() == Names{});
      line.run_to(minutes(100));
      CHECK(line.rose_on("leak") == Names{});
      CHECK(line.rose_on("broken") == Names{});
      CHECK(line.rose_on("station_down") == row.down);
      CHECK(line.shut_valves() == Names{});
    }
}

}  // namespace looptwin::testbed
