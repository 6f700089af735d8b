// The shipped gas-pipeline scenario: a leak is named and shut in, nothing else shuts the line, and it is
// opened again when a person permits it.
#include <algorithm>
#include <catch2/catch.hpp>
#include <functional>
#include <map>
#include <memory>
#include <set>

#include "testbed/assembly.h"

namespace looptwin::testbed {
namespace {

const char* const kFolder = LT_SOURCE_DIR "/scenarios/gas-pipeline";

/// The line of the scenario, changed by settings: its hole stays shut unless they say otherwise, and no radio
/// fails by chance.
class Line {
 public:
  explicit Line(const std::vector<Setting>& settings) {
    std::vector<Setting> all = {{"models.rupture.parameters.opens_at.default", "48 h"},
                                {"links.radio.outage.every", "100000 d"}};
    all.insert(all.end(), settings.begin(), settings.end());
    auto scenario = load(kFolder, all);
    INFO((scenario ? std::string() : render(scenario.error())));
    REQUIRE(scenario.has_value());
    auto assembly = Assembly::build(std::move(*scenario), {});
    INFO((assembly ? std::string() : render(assembly.error())));
    REQUIRE(assembly.has_value());
    assembly_ = std::move(*assembly);
  }

  void run_to(Duration end) {
    while (assembly_->loop().now() < kStart + end) cycle();
  }
  /// Runs until it holds; when that is, s since the start, or `latest`.
  double run_until(const std::function<bool()>& holds, Duration latest) {
    while (!holds() && assembly_->loop().now() < kStart + latest) cycle();
    return (assembly_->loop().now() - kStart).seconds();
  }

  /// The devices on which an event, or an alarm with its own condition, has risen so far.
  std::set<std::string> rose_on(const std::string& event) const {
    std::set<std::string> devices;
    for (const auto& [key, at] : rose_)
      if (key.first == event) devices.insert(key.second);
    return devices;
  }
  /// When it first rose, s since the start; -1: never.
  double rose_at(const std::string& event, const std::string& device) const {
    const auto found = rose_.find({event, device});
    return found == rose_.end() ? -1 : found->second;
  }

  /// What the sensor of a field would see if it were perfect, in SI.
  double truth(const std::string& model, const std::string& field, const std::string& device) {
    const auto table = *assembly_->registry().find_model(model);
    const auto shards = assembly_->tables().shards();
    for (size_t s = 0; s < shards.size(); ++s)
      if (shards[s].table == table) assembly_->fleet().settle(s, assembly_->loop().now());
    const auto& fields = assembly_->registry().model(table).config.telemetry;
    for (size_t f = 0; f < fields.size(); ++f) {
      if (fields[f].name != field) continue;
      const auto values = assembly_->tables().values<double>(table, assembly_->fleet().truth(table, f));
      for (size_t row = 0; row < values.size(); ++row)
        if (assembly_->registry().id({table, Row(row)}) == device) return values[row];
    }
    FAIL(model << '.' << field << " of " << device);
    return 0;
  }
  double escaping() { return truth("rupture", "escaping", "rupture-1"); }
  std::set<std::string> shut_valves() {
    std::set<std::string> shut;
    for (int n = 1; n <= 41; ++n) {
      const std::string id = "valve-" + std::to_string(n);
      if (truth("block_valve", "position", id) < 0.5) shut.insert(id);
    }
    return shut;
  }
  const mml::DispatcherCounters& commands() { return assembly_->dispatcher().counters(); }
  mml::RuleCounters rules() { return assembly_->rules().counters(); }
  uint64_t claims_held() { return assembly_->rules().claims_held(); }

 private:
  void cycle() {
    auto& loop = assembly_->loop();
    REQUIRE(loop.cycle(loop.now() + assembly_->scenario().cycle, assembly_->transport()));
    note_events();
  }
  void note_events() {
    for (const auto& event : assembly_->wired().events) {
      const auto standing = assembly_->tables().values<uint8_t>(event.table, event.standing);
      for (size_t row = 0; row < standing.size(); ++row)
        if (standing[row] == 1)
          rose_.try_emplace({event.config.name, device(event.table, row)},
                            (assembly_->loop().now() - kStart).seconds());
    }
  }
  std::string device(TableId table, size_t row) const {
    return std::string(assembly_->registry().id({table, Row(row)}));
  }

  std::unique_ptr<Assembly> assembly_;
  std::map<std::pair<std::string, std::string>, double> rose_;
};

std::vector<Setting> leak(const std::string& pipe, const std::string& size) {
  return {{"plants.gas.gas_network.leaks.hole.pipe", pipe},
          {"models.rupture.parameters.opens_at.default", "10 min"},
          {"models.rupture.parameters.size.default", size}};
}
std::vector<Setting> and_also(std::vector<Setting> settings, const std::vector<Setting>& more) {
  settings.insert(settings.end(), more.begin(), more.end());
  return settings;
}
const std::vector<Setting> kSwing = {{"fleet.customer.swing", "[0 kg/s, 0 kg/s, 0 kg/s, 60 kg/s]"},
                                     {"models.customer.parameters.swings_at.default", "10 min"}};

using Names = std::set<std::string>;
std::string segment(int n) { return "seg-" + std::to_string(n); }
std::string valve(int n) { return "valve-" + std::to_string(n); }
std::string station_of(int segment) { return "station-" + std::to_string((segment - 1) / 10 + 1); }

}  // namespace

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
  // Empty it does not leak either, so that its event clears.
  Line line(and_also(leak("p-17", "80 cm2"),
                     {{"script", "[{after: 6 h, by: anna, press: may_reopen, device: seg-17}]"}}));
  line.run_to(hours(6) + minutes(40));
  CHECK(line.rose_on("reopening") == Names{"seg-17"});
  CHECK(line.truth("block_valve", "position", "valve-17") > 0.01);
  CHECK(line.truth("block_valve", "position", "valve-18") == 0);
  line.run_to(hours(8) + minutes(30));
  CHECK(line.rules().sequences.timed_out == 1);
  CHECK(line.shut_valves() == Names{"valve-17", "valve-18"});
  CHECK(line.rose_on("broken") == Names{});
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
