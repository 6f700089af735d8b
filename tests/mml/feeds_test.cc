#include "mml/feeds/feeds.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <fstream>
#include <iterator>
#include <random>
#include <sstream>

#include "mml/feeds/read.h"

namespace looptwin::mml {
namespace {

const lang::Units& units() {
  static const lang::Units all;
  return all;
}

Timezone phoenix() { return *Timezone::load("America/Phoenix"); }
UnixTime at(const char* iso) { return phoenix().to_utc(*parse_iso(iso)); }

Result<Series> read(std::string text, ReadOptions options = {.timezone = phoenix()}) {
  return read_series(std::make_shared<Source>(Source{"feed.csv", std::move(text)}), units(), options);
}

/// "feed.csv:3:18: error: ..." of each complaint, without the quoted lines.
std::string complaints(const Result<Series>& result) {
  REQUIRE_FALSE(result);
  std::string out;
  for (const auto& d : result.error()) {
    const auto text = render(d);
    out += text.substr(0, text.find('\n')) + "\n";
  }
  return out;
}

std::string file_text(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

constexpr const char* kDay =
    "# a comment\n"
    "time,temperature [degC],ghi [W/m2] interval,price [USD/kWh] hold\n"
    "2019-07-15T12:00,38,900,0.1\n"
    "2019-07-15T13:00,40,1000,0.3\n"
    "2019-07-15T14:00,41,800,0.2\n";

}  // namespace

TEST_CASE("feeds: a CSV's signals are SI and interpolate each in its own way") {
  const auto series = read(kDay);
  INFO((series ? std::string() : render(series.error())));
  REQUIRE(series);
  const auto value = [&](const char* signal, const char* t) {
    return series->curve(*series->find(signal)).at(at(t));
  };
  CHECK(value("temperature", "2019-07-15T12:30") == Approx(273.15 + 39));
  CHECK(value("ghi", "2019-07-15T12:30") == 1000);
  CHECK(value("ghi", "2019-07-15T13:00") == 1000);
  CHECK(value("ghi", "2019-07-15T13:01") == 800);
  CHECK(value("price", "2019-07-15T13:59") == Approx(0.3 / 3.6e6));
  CHECK(value("price", "2019-07-15T14:59") == Approx(0.2 / 3.6e6));
  for (const char* outside : {"2019-07-15T11:59", "2019-07-15T15:00"}) {
    for (const char* signal : {"temperature", "ghi", "price"}) CHECK(std::isnan(value(signal, outside)));
  }
  CHECK(series->step == hours(1));
}

TEST_CASE("feeds: extremes and means over a window are those of the function between the rows") {
  std::mt19937_64 random(5);
  std::uniform_int_distribution<int> minute(0, 600);
  std::vector<UnixTime> times;
  std::vector<double> values;
  for (int i = 0; i <= 10; ++i) {
    times.push_back(at("2019-07-15T00:00") + minutes(60 * i + (i % 3) * 5));
    values.push_back(static_cast<double>(minute(random)));
  }
  for (const auto interpolation : {Interpolation::linear, Interpolation::hold, Interpolation::interval}) {
    const Curve curve{times, values, interpolation, hours(1)};
    for (int trial = 0; trial < 200; ++trial) {
      const int a = minute(random), b = minute(random);
      const UnixTime from = times[0] + minutes(std::min(a, b)), to = times[0] + minutes(std::max(a, b) + 1);
      double most = -1e300, least = 1e300, sum = 0;
      constexpr int kSteps = 6000;
      for (int i = 0; i < kSteps; ++i) {
        const double v = curve.at(from + Duration{(to - from).ns / (2 * kSteps) * (2 * i + 1)});
        most = std::max(most, v), least = std::min(least, v), sum += v;
      }
      CHECK(curve.maximum(from, to) == Approx(most).margin(1));
      CHECK(curve.minimum(from, to) == Approx(least).margin(1));
      CHECK(curve.mean(from, to) == Approx(sum / kSteps).margin(0.5));
      CHECK(curve.maximum(from, to) >= most - 1e-9);
    }
    CHECK(std::isnan(curve.maximum(times[0] + minutes(-1), times[1])));
    CHECK(std::isnan(curve.mean(times[9], times[10] + hours(2))));
    CHECK(std::isnan(curve.minimum(times[1], times[0])));
    CHECK(curve.maximum(times[3], times[3]) == values[3]);
  }
}

TEST_CASE("feeds: all defects of a CSV are told at once, each with its place") {
  CHECK(complaints(read("time,temperature [degC],price [USD/kWh] hold\n"
                        "2019-07-15T00:00,30,0.1\n"
                        "2019-07-15T01:00,hot,0.1\n"
                        "2019-07-15T01:00,30,0.1\n"
                        "2019-07-15T00:30,30,0.1\n"
                        "2019-07-15T02:00,30\n"
                        "15.7.2019,30,0.1\n")) ==
        "feed.csv:3:18: error: 'hot' is not a number\n"
        "feed.csv:4:1: error: this time is there already in the row before\n"
        "feed.csv:5:1: error: this time is before that of the row before, 2019-07-15T01:00:00-07:00\n"
        "feed.csv:6:1: error: this row has 2 columns, the header 3\n"
        "feed.csv:7:1: error: '15.7.2019' is not a time\n");
  // Of values that are wrong none hides another.
  const auto values =
      complaints(read("time,t [K]\n2019-07-15T00:00,1\n2019-07-15T01:00,abc\n2019-07-15T02:00,\n"
                      "2019-07-15T03:00,1\n2019-07-15T09:00,1\n"));
  CHECK(values.find("feed.csv:3:18: error: 'abc' is not a number") != std::string::npos);
  CHECK(values.find("feed.csv:4:") != std::string::npos);
  CHECK(values.find("nothing is known for 6 h from") != std::string::npos);
  CHECK(complaints(read("time,temperature,a b [K],x [K],x [K],y [K] cubic\n2019-07-15,1,1,1,1,1\n")) ==
        "feed.csv:1:6: error: the column 'temperature' has no unit\n"
        "feed.csv:1:18: error: 'a b' is not a name\n"
        "feed.csv:1:32: error: there are two columns 'x'\n"
        "feed.csv:1:44: error: 'cubic' is no way to interpolate\n");
  const auto unit = complaints(read("time,speed [furlongs/fortnite]\n2019-07-15,1\n"));
  CHECK(unit.starts_with("feed.csv:1:13: error: "));
  CHECK(complaints(read("time,t [K]\n# nothing\n")) == "feed.csv:3:1: error: there is no row of values\n");
  CHECK(complaints(read("hello\n")).starts_with("feed.csv:1:1: error: this is none of the feed formats"));
  CHECK(complaints(read("")).find("none of the feed formats") != std::string::npos);
}

TEST_CASE("feeds: beyond twenty defects only their number is told") {
  std::string text = "time,t [K]\n";
  for (int i = 0; i < 50; ++i)
    text += "2019-07-15T00:" + std::string(i < 10 ? "0" : "") + std::to_string(i) + ",x\n";
  const auto result = read(text);
  REQUIRE_FALSE(result);
  CHECK(result.error().size() == 21);
  CHECK(result.error().back().message == "and 30 more in feed.csv");
}

TEST_CASE("feeds: holes are refused, or filled up to the length allowed") {
  const std::string text =
      "time,t [K],p [1] hold\n"
      "2019-07-15T00:00,10,1\n"
      "2019-07-15T01:00,11,1\n"
      "2019-07-15T02:00,,2\n"
      "2019-07-15T03:00,13,2\n"
      "2019-07-15T04:00,14,2\n"
      "2019-07-15T07:00,20,3\n"
      "2019-07-15T08:00,21,3\n";
  CHECK(complaints(read(text)) ==
        "feed.csv:4:18: error: t is missing\n"
        "feed.csv:7:1: error: nothing is known for 3 h from 2019-07-15T04:00:00-07:00 to "
        "2019-07-15T07:00:00-07:00\n");
  ReadOptions options{.timezone = phoenix()};
  options.gaps = {Gaps::Fill::interpolate, hours(2)};
  CHECK(complaints(read(text, options)) ==
        "feed.csv:7:1: error: nothing is known for 3 h from 2019-07-15T04:00:00-07:00 to "
        "2019-07-15T07:00:00-07:00\n");
  options.gaps.longest = hours(3);
  const auto filled = read(text, options);
  REQUIRE(filled);
  CHECK(filled->times.size() == 9);
  CHECK(filled->curve(0).at(at("2019-07-15T02:00")) == Approx(12));
  CHECK(filled->curve(0).at(at("2019-07-15T05:30")) == Approx(17));
  options.gaps.fill = Gaps::Fill::hold;
  const auto held = read(text, options);
  REQUIRE(held);
  CHECK(held->curve(0).at(at("2019-07-15T02:00")) == 11);
  CHECK(held->curve(0).at(at("2019-07-15T06:00")) == 14);
  // Prices that only hold may come whenever they change.
  CHECK(read("time,p [1] hold\n2019-07-15T00:00,1\n2019-07-15T01:00,2\n2019-07-16T00:00,3\n"));
}

TEST_CASE("feeds: local times follow the clocks, also on the nights that they are changed") {
  const auto berlin = *Timezone::load("Europe/Berlin");
  const auto autumn =
      read("time,t [K]\n2024-10-27T01:00,1\n2024-10-27T02:00,2\n2024-10-27T02:00,3\n2024-10-27T03:00,4\n",
           {.timezone = berlin});
  INFO((autumn ? std::string() : render(autumn.error())));
  REQUIRE(autumn);
  CHECK(autumn->step == hours(1));
  CHECK(autumn->times[2] - autumn->times[1] == hours(1));
  CHECK(
      complaints(read("time,t [K]\n2024-03-31T02:30,1\n", {.timezone = berlin})) ==
      "feed.csv:2:1: error: there is no 2024-03-31T02:30 in Europe/Berlin: clocks are set forward over it\n");
  const auto offset = read("time,t [K]\n2024-03-31T02:30Z,1\n", {.timezone = berlin});
  REQUIRE(offset);
  CHECK(berlin.format(offset->times[0]) == "2024-03-31T04:30:00+02:00");
}

TEST_CASE("feeds: the scenario's weather file reads without a complaint") {
  const auto text = file_text(LT_SOURCE_DIR "/scenarios/smart-meters/weather/phoenix-july.csv");
  REQUIRE_FALSE(text.empty());
  const auto series = read(text);
  INFO((series ? std::string() : render(series.error())));
  REQUIRE(series);
  CHECK(series->times.size() == 31 * 24 + 3);
  CHECK(series->curve(*series->find("temperature")).at(at("2019-07-15T16:00")) == Approx(273.15 + 42.2));
  CHECK(series->curve(*series->find("temperature")).at(at("2019-08-01T00:00")) == Approx(273.15 + 32.5));
  CHECK(series->curve(*series->find("ghi")).at(at("2019-07-15T12:30")) == 1024);
}

TEST_CASE("feeds: a TMY2 file is laid out over the scenario's years, 29 February repeating the 28th") {
  const auto text = file_text(LT_SOURCE_DIR "/../shared/refs/5_smart_meter_house/AZ-Phoenix.tmy2");
  if (text.empty()) return;
  CHECK(sniff(text) == FeedFormat::tmy2);
  ReadOptions options{.first_year = 2019, .last_year = 2020};
  const auto series = read(text, options);
  INFO((series ? std::string() : render(series.error())));
  REQUIRE(series);
  CHECK(series->site->name == "PHOENIX, AZ");
  CHECK(series->site->latitude == Approx(33.4333).epsilon(1e-4));
  CHECK(series->site->longitude == Approx(-112.0167).epsilon(1e-4));
  CHECK(series->site->elevation == 339);
  CHECK(series->times.size() == (365 + 366) * 24 + 1);
  CHECK(series->times.front() == at("2019-01-01T00:00"));
  CHECK(series->times.back() == at("2021-01-01T00:00"));
  const auto value = [&](const char* signal, const char* t) {
    return series->curve(*series->find(signal)).at(at(t));
  };
  CHECK(value("temperature", "2019-07-15T15:00") == Approx(273.15 + 41.7));
  CHECK(value("dew_point", "2019-07-15T15:00") == Approx(273.15 + 13.3));
  CHECK(value("humidity", "2019-07-15T15:00") == Approx(0.19));
  CHECK(value("pressure", "2019-07-15T19:00") == Approx(96800));
  CHECK(value("wind_speed", "2019-07-15T15:00") == Approx(4.6));
  CHECK(value("ghi", "2019-07-15T14:30") == 916);
  CHECK(value("dni", "2019-07-15T14:30") == 811);
  CHECK(value("dhi", "2019-07-15T14:30") == 184);
  CHECK(value("temperature", "2020-02-29T14:00") == value("temperature", "2020-02-28T14:00"));
  CHECK(value("temperature", "2020-07-15T15:00") == value("temperature", "2019-07-15T15:00"));
  CHECK(value("temperature", "2020-03-01T15:00") == value("temperature", "2019-03-01T15:00"));

  // Tears and gaps in the file are told with their lines.
  auto torn = text;
  torn.erase(143 * 5000);
  CHECK(complaints(read(torn, options)).find("characters, this one") != std::string::npos);
  auto missing = text;
  missing.replace(60 + 143 * 100 + 67, 4, "9999");
  const auto refused = complaints(read(missing, options));
  INFO(refused);
  CHECK(refused.find("feed.csv:102:68: error: temperature is missing") != std::string::npos);
  options.gaps = {Gaps::Fill::interpolate, hours(3)};
  CHECK(read(missing, options));
  auto hole = text;
  hole.erase(60 + 143 * 100, 143);
  CHECK(read(hole, options));
  options.gaps = {};
  CHECK(complaints(read(hole, options)).find("nothing is known for 2 h") != std::string::npos);
}

TEST_CASE("feeds: an EPW file reads, its missing marks and hour convention minded") {
  std::string text =
      "LOCATION,Nowhere,XX,DEU,TMY,1,52.5,13.4,1.0,50\nDESIGN CONDITIONS,0\nDATA PERIODS,1,1,Data,Sunday, 1/ "
      "1,12/31\n";
  const int kDays[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  int row = 0;
  for (int month = 1; month <= 12; ++month) {
    for (int day = 1; day <= kDays[month - 1]; ++day) {
      for (int hour = 1; hour <= 24; ++hour, ++row) {
        std::ostringstream line;
        line << "2005," << month << ',' << day << ',' << hour << ",60,flags,"
             << (month == 3 && day == 2 && hour == 4 ? 99.9 : hour) << ",5.5,"
             << "80,101325,0,0,300," << hour * 10 << ",1,2,0,0,0,0,270,3.5,5,5\r\n";
        text += line.str();
      }
    }
  }
  ReadOptions options{.first_year = 2024, .last_year = 2024};
  CHECK(complaints(read(text, options)) == "feed.csv:1447:21: error: temperature is missing\n");
  options.gaps = {Gaps::Fill::interpolate, hours(2)};
  const auto series = read(text, options);
  REQUIRE(series);
  CHECK(series->site->offset_s == 3600);
  const auto zone = Timezone::fixed(3600);
  const auto value = [&](const char* signal, const char* t) {
    return series->curve(*series->find(signal)).at(zone.to_utc(*parse_iso(t)));
  };
  CHECK(value("temperature", "2024-03-02T04:00") == Approx(273.15 + 4));
  CHECK(value("temperature", "2024-02-29T13:30") == Approx(273.15 + 13.5));
  CHECK(value("ghi", "2024-07-15T12:30") == 130);
  CHECK(value("pressure", "2024-07-15T12:30") == 101325);
  CHECK(value("wind_direction", "2024-07-15T12:30") == Approx(1.5 * M_PI));
  // In Berlin's summer the file's hours stay those of winter time.
  CHECK(series->times.front() == from_utc_fields({2023, 12, 31, 23}));

  // A row that is not there is told by its own day, after February as well.
  options.gaps = {};
  const auto without = [&](const std::string& row) {
    auto hole = text;
    const auto begin = hole.find("2005," + row);
    REQUIRE(begin != std::string::npos);
    hole.erase(begin, hole.find('\n', begin) + 1 - begin);
    return complaints(read(hole, options));
  };
  CHECK_THAT(without("2,27,6,"), Catch::Contains("2001-02-27T05:00:00+01:00 to 2001-02-27T07:00:00+01:00"));
  CHECK_THAT(without("3,3,6,"), Catch::Contains("2001-03-03T05:00:00+01:00 to 2001-03-03T07:00:00+01:00"));
  CHECK_THAT(without("12,30,6,"), Catch::Contains("2001-12-30T05:00:00+01:00 to 2001-12-30T07:00:00+01:00"));
}

namespace {

/// A week of hourly temperatures about 300 K and the forecasts of it.
struct Week {
  std::vector<UnixTime> times;
  std::vector<double> values;
  Week() {
    for (int h = 0; h <= 24 * 400; ++h) {
      times.push_back(UnixTime{} + hours(h));
      values.push_back(300 + 10 * std::sin(2 * M_PI * h / 24));
    }
  }
  Curve truth() const { return {times, values, Interpolation::linear, hours(1)}; }
  Forecast forecast(double deviation, uint64_t seed = 1) const {
    return Forecast(truth(), {hours(6), hours(24), deviation, 0.9}, random::stream(seed, "forecast"),
                    random::device("weather.temperature"));
  }
};

}  // namespace

TEST_CASE("forecast: without an error it is the future; past its horizon it is unknown") {
  const Week week;
  auto f = week.forecast(0);
  const UnixTime now = UnixTime{} + hours(50) + minutes(17);  // issued at hour 48, to hour 72
  CHECK(f.at(now, hours(3)) == Approx(week.truth().at(now + hours(3))));
  CHECK(f.maximum(now, {}, hours(4)) == Approx(week.truth().maximum(now, now + hours(4))));
  CHECK(f.minimum(now, hours(1), hours(9)) == Approx(week.truth().minimum(now + hours(1), now + hours(9))));
  CHECK(f.mean(now, hours(1), hours(9)) == Approx(week.truth().mean(now + hours(1), now + hours(9))));
  CHECK(std::isfinite(f.at(now, hours(21))));
  CHECK(std::isnan(f.at(now, hours(22))));
  CHECK(std::isnan(f.maximum(now, {}, hours(22))));
  CHECK(std::isnan(f.at(now, minutes(-1))));
  CHECK(std::isnan(f.at(UnixTime{} + hours(24 * 400 - 1), hours(2))));
}

TEST_CASE(
    "forecast: its error grows with the square root of the lead and is correlated along the valid time") {
  const Week week;
  auto f = week.forecast(2.0);
  constexpr int kIssues = 1500;
  for (const int lead : {0, 1, 6, 12, 24}) {
    double square = 0, product = 0, next_square = 0;
    for (int k = 0; k < kIssues; ++k) {
      const UnixTime issued = UnixTime{} + hours(6 * k);
      const double e = f.at(issued, hours(lead)) - week.truth().at(issued + hours(lead));
      square += e * e;
      if (lead == 24) continue;
      const double next = f.at(issued, hours(lead + 1)) - week.truth().at(issued + hours(lead + 1));
      product += e * next;
      next_square += next * next;
    }
    INFO("lead " << lead << " h");
    CHECK(std::sqrt(square / kIssues) == Approx(2.0 * std::sqrt(lead / 24.0)).epsilon(0.08).margin(1e-12));
    if (lead > 0 && lead < 24) CHECK(product / std::sqrt(square * next_square) == Approx(0.9).margin(0.03));
  }
}

TEST_CASE("forecast: an issue stands until the next, whoever asks in which order") {
  const Week week;
  auto forward = week.forecast(1.5), backward = week.forecast(1.5), other = week.forecast(1.5, 2);
  const UnixTime valid = UnixTime{} + hours(60);
  // All that is asked within one issue about one instant is one number.
  const double said = forward.at(UnixTime{} + hours(54), hours(6));
  CHECK(forward.at(UnixTime{} + hours(56), hours(4)) == said);
  CHECK(forward.at(UnixTime{} + hours(59) + minutes(59), minutes(1)) == said);
  CHECK(forward.at(valid, {}) != said);
  CHECK(forward.at(valid, {}) == Approx(week.truth().at(valid)));
  CHECK(other.at(UnixTime{} + hours(54), hours(6)) != said);
  std::vector<double> first, second;
  for (int k = 0; k < 60; ++k)
    first.push_back(forward.maximum(UnixTime{} + minutes(100 * k), minutes(k), hours(9)));
  for (int k = 60; k-- > 0;)
    second.push_back(backward.maximum(UnixTime{} + minutes(100 * k), minutes(k), hours(9)));
  CHECK(std::equal(first.begin(), first.end(), second.rbegin()));
  // The extreme over a window is the extreme of the single answers.
  const UnixTime now = UnixTime{} + hours(97) + minutes(23);
  double most = -1e300;
  for (int m = 0; m <= 240; ++m) most = std::max(most, forward.at(now, minutes(m)));
  CHECK(forward.maximum(now, {}, hours(4)) == Approx(most).margin(0.02));
  CHECK(forward.maximum(now, {}, hours(4)) >= most);
}

TEST_CASE("feeds: programs ask for values, forecasts and civil time") {
  const auto series = std::make_shared<Series>(*read(kDay));
  std::vector<ForecastModel> models(series->signals.size(), {hours(1), hours(2), 0.0, 0.9});
  models[0].deviation = 1;
  Feeds feeds(at("2019-07-15T12:00"), phoenix(), 42);
  feeds.add("weather", series, models);
  feeds.add("market", series);
  REQUIRE(feeds.size() == 6);
  const Time later = kStart + minutes(30);
  CHECK(feeds.value(FeedId(size_t{0}), later) == Approx(273.15 + 39));
  CHECK(feeds.value(FeedId(size_t{5}), later) == Approx(0.1 / 3.6e6));
  CHECK(std::isnan(feeds.value(FeedId(size_t{0}), kStart + hours(3))));
  // The deviation is of the temperature: the price is foreseen exactly.
  CHECK(feeds.forecast(lang::Op::forecast, FeedId(size_t{2}), later, 1800, 0) == Approx(0.3 / 3.6e6));
  CHECK(feeds.forecast(lang::Op::forecast, FeedId(size_t{0}), later, 1800, 0) !=
        Approx(273.15 + 40).epsilon(1e-9));
  CHECK(feeds.forecast(lang::Op::forecast_maximum, FeedId(size_t{1}), later, 0, 3600) == 1000);
  CHECK(std::isnan(feeds.forecast(lang::Op::forecast, FeedId(size_t{3}), later, 0, 0)));
  CHECK(feeds.civil(lang::Op::civil_time, later) == 45000);
  CHECK(feeds.civil(lang::Op::civil_weekday, later) == 1);
  CHECK(feeds.civil(lang::Op::civil_day_of_year, later) == 196);
}

}  // namespace looptwin::mml
