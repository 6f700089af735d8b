// What feeds do not know of a run: files that begin late, end early or are of another year, and forecasts
// that reach less far than rules ask.
#include <catch2/catch.hpp>

#include "loading.h"
#include "mml/feeds/feeds.h"
#include "testbed/assembly.h"

using namespace looptwin;
using namespace looptwin::testbed;
using namespace looptwin::testbed::test;
using Catch::Contains;

namespace {

/// Tanks in a room, and a file that knows its temperature from 00:00 to 06:00.
struct Rooms {
  std::string start = "2024-07-01T00:00:00";
  std::string duration = "6 h";
  std::string air = "room.temperature";
  std::string rules;
  std::string header = "time,temperature [degC]";
  std::string error;

  std::string scenario() const {
    return "scenario: tank\nstart: \"" + start + "\"\nduration: " + duration +
           "\nfeeds:\n  room: {file: room.csv, forecast: {issued: 1 h, horizon: 2 h" +
           (error.empty() ? error : ", error: " + error) + "}}\n" + R"(models:
  tank:
    telemetry: {water: {from: water, unit: degC, every: 1 min, resolution: 0.1}}
    physics:
      inputs: {air: )" +
           air + R"(}
      states: {water: 20 degC}
      rates: {water: (air - water) / 1 h}
fleet: {tank: {count: 2}}
)" + rules;
  }
  std::string file() const {
    std::string text = header + "\n";
    for (int hour = 0; hour <= 6; ++hour) text += "2024-07-01T0" + std::to_string(hour) + ":00,25\n";
    return text;
  }
  /// Errors, or warnings where there are none.
  std::string said() const {
    const Folder folder({{"scenario.yaml", scenario()}, {"room.csv", file()}});
    auto read = load(folder.path());
    INFO((read ? std::string() : render(read.error())));
    REQUIRE(read.has_value());
    const auto built = Assembly::build(std::move(*read));
    return built ? "warnings: " + in_short((*built)->warnings()) : in_short(built.error());
  }
};

}  // namespace

TEST_CASE("feeds: physics that reads what its file does not know is refused, with the times of both") {
  CHECK(Rooms{}.said() == "warnings: ");
  CHECK(Rooms{.duration = "7 h"}.said() ==
        "scenario.yaml:5:3: the feed 'room' is known from 2024-07-01T00:00:00Z to "
        "2024-07-01T06:00:00Z, and the run is from 2024-07-01T00:00:00Z to "
        "2024-07-01T07:00:00Z: room.temperature is unknown in the rest, and the physics that reads it "
        "from then on [add rows to its file, or change start: or duration:]\n");
  for (const char* start : {"2024-06-30T23:59:59", "2025-07-01T00:00:00"})
    CHECK_THAT((Rooms{.start = start, .duration = "1 h"}.said()),
               Contains("the feed 'room' is known from") && !Contains("warnings"));
  // What holds does so for a row's time after the last one.
  CHECK((Rooms{.duration = "7 h", .header = "time,temperature [degC] hold"}.said()) == "warnings: ");
}

TEST_CASE("feeds: rules that read what a file does not know are warned of") {
  const Rooms rooms{
      .duration = "7 h", .air = "25 degC", .rules = "events:\n  hot: {raise: room.temperature > 30 degC}\n"};
  CHECK_THAT(rooms.said(),
             Contains("warnings: scenario.yaml:5:3: the feed 'room' is known from") && !Contains("physics"));
}

TEST_CASE("feeds: a forecast beyond the horizon is refused, and one that is known at times is warned of") {
  const auto rule = [](const std::string& lead) {
    return Rooms{.rules = "events:\n  hot: {raise: \"forecast_max(room.temperature, 0 h, " + lead +
                          ") > 30 degC\"}\n"}
        .said();
  };
  CHECK(rule("1 h") == "warnings: ");
  CHECK(rule("4 h") ==
        "scenario.yaml:15:17: the forecasts of 'room' reach 2 h from when they are issued, every 1 h: what "
        "lies 4 h ahead is never known [write a shorter lead, or a longer horizon:]\n");
  CHECK_THAT(rule("90 min"), Contains("warnings: ") && Contains("unknown until the next comes"));
}

TEST_CASE("feeds: a forecast's error is a difference that is not negative, of a signal of the feed") {
  const auto with = [](const std::string& error) { return Rooms{.error = error}.said(); };
  for (const char* error : {"0", "0 K", "1.5 K", "2.7 degR"}) CHECK(with(error) == "warnings: ");
  CHECK(with("1.5 degC") ==
        "scenario.yaml:5:71: a difference stands here, not a value on the scale of degC [write 1.5 K]\n");
  CHECK_THAT(with("2.7 degF"), Contains("on the scale of degF [write 2.7 degR]"));
  CHECK(with("-1 K") == "scenario.yaml:5:71: -1 K is negative [write 1 K]\n");
  CHECK(with("1.5 kW") ==
        "scenario.yaml:5:71: no signal of this feed is in kW [signals, and what their errors are in: "
        "temperature in K]\n");
  CHECK_THAT(with("0.5"), Contains("no signal of this feed is a number without unit"));
}

TEST_CASE("feeds: an error of a single signal stands in the place of that of all") {
  const auto with = [](const std::string& errors) { return Rooms{.error = "1 K, errors: " + errors}.said(); };
  CHECK(with("{temperature: 2 K}") == "warnings: ");
  CHECK(with("{temprature: 2 K}") ==
        "scenario.yaml:5:85: this feed has no signal 'temprature' [did you mean 'temperature'?]\n");
  CHECK(with("{wind: 2 m/s}") ==
        "scenario.yaml:5:85: this feed has no signal 'wind' [signals: temperature]\n");
  CHECK(with("{temperature: 2 kW}") == "scenario.yaml:5:98: 'temperature' is not in kW [write it in K]\n");
  CHECK_THAT(with("{temperature: 2 degC}"), Contains("a difference stands here"));
  CHECK_THAT(with("{temperature: -2 K}"), Contains("-2 K is negative"));

  /// Whether the signals a and b, of one dimension, and p are forecast exactly.
  const auto exact = [](const std::string& errors) {
    auto built = Assembly::build(loaded({{"scenario.yaml", R"(scenario: errors
duration: 6 h
models: {m: {}}
fleet: {m: {}}
feeds:
  room:
    forecast: {issued: 1 h, horizon: 2 h, )" + errors + R"(}
    signals:
      a: {unit: degC, every: 1 h, values: [20, 20]}
      b: {unit: degC, every: 1 h, values: [30, 30]}
      p: {unit: kW, every: 1 h, values: [2, 2]}
)"}}));
    REQUIRE(built.has_value());
    const double values[] = {293.15, 303.15, 2000};
    std::string text;
    for (size_t i = 0; i < 3; ++i) {
      const double x =
          (*built)->feeds().forecast(lang::Op::forecast, FeedId(i), kStart + minutes(10), 3600, 3600);
      text += std::abs(x - values[i]) < 1e-9 ? "=" : "~";
    }
    return text;
  };
  CHECK(exact("error: 1 K") == "~~=");
  CHECK(exact("error: 1 K, errors: {b: 0 K}") == "~==");
  CHECK(exact("errors: {b: 1 K, p: 0.1 kW}") == "=~~");
}
