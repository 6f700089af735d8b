// The scalar ETP house against closed forms and against what GridLAB-D computes and publishes. It is what the
// shipped homes are measured by (tests/testbed/smart_meters_test.cc).
#include "etp_house.h"

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "sim/solar.h"

namespace looptwin::sim {
namespace {

const std::filesystem::path kReferences = LT_SOURCE_DIR "/../shared/refs/5_smart_meter_house";
constexpr double kDegree = 3.14159265358979323846 / 180;
constexpr double kBtuPerFt2 = 3.412 / 10.7639104;  ///< of a W/m²

/// GridLAB-D's own record of a house in Phoenix, a row a minute.
struct Minute {
  double air, mass, outdoor, solar_gain, power;
};
std::vector<Minute> recorded(int setpoint) {
  std::ifstream file(kReferences / ("gridlabd_house_phoenix_sp" + std::to_string(setpoint) + ".csv"));
  std::vector<Minute> rows;
  std::string line, cell;
  std::getline(file, line);
  while (std::getline(file, line)) {
    std::stringstream cells(line);
    std::vector<double> v;
    std::getline(cells, cell, ',');
    while (std::getline(cells, cell, ','))
      v.push_back(cell.find_first_of("0123456789") < 2 ? std::stod(cell) : 0);
    rows.push_back({v[0], v[1], v[2], v[3], v[4]});
  }
  return rows;
}

/// Hours of a TMY2 file, [0] the first of January's hour 1.
struct Hour {
  double direct, diffuse, celsius, humidity;
};
std::vector<Hour> tmy2(const std::string& name) {
  std::ifstream file(kReferences / name);
  std::vector<Hour> hours;
  std::string line;
  std::getline(file, line);
  const auto number = [&](size_t begin, size_t digits) { return std::stod(line.substr(begin, digits)); };
  while (std::getline(file, line))
    if (line.size() > 100)
      hours.push_back({number(23, 4), number(29, 4), number(67, 4) / 10, number(79, 3) / 100});
  return hours;
}

/// A day of Yakima's typical year, from the first hour of that day on, each hour's values standing still.
class Yakima {
 public:
  explicit Yakima(int day_of_year) : day_(day_of_year), hours_(tmy2("WA-Yakima.tmy2")) {}
  EtpInputs at(int hour) const {
    const int since_new_year = (day_ - 1) * 24 + hour;
    const auto index = static_cast<size_t>(since_new_year);
    const Hour& h = hours_[index];
    const int of_day = static_cast<int>(index % 24) + 1, day = static_cast<int>(index / 24) + 1;
    const double sun = incident_on_walls(kSite, sun_at(kSite, day, of_day), {h.direct, h.diffuse, 0});
    return {h.celsius * 1.8 + 32, h.humidity, sun * kBtuPerFt2, 0};
  }

 private:
  static constexpr SolarSite kSite{(46 + 34 / 60.0) * kDegree, -(120 + 32 / 60.0) * kDegree, -120 * kDegree};
  int day_;
  std::vector<Hour> hours_;
};

bool have_references() { return std::filesystem::exists(kReferences); }

}  // namespace

TEST_CASE("etp house: two exponentials as in closed form, to 1e-6") {
  EtpHouse house(2000);
  house.ua = 400, house.ca = 1500, house.cm = 4500, house.hm = 5000;
  EtpRun run(house, 70, 70, 1000, -1000);
  CHECK(run.fast == Approx(-4.64735521).epsilon(1e-8));
  CHECK(run.slow == Approx(-0.06375590).epsilon(1e-6));
  const struct {
    int hours;
    double air, mass;
  } table[] = {
      {1, 73.08628, 71.46547}, {6, 80.44202, 79.25146}, {24, 93.79238, 93.41450}, {48, 98.65602, 98.57421}};
  int second = 0;
  for (const auto& row : table) {
    for (; second < row.hours * 3600; ++second) run.step({.outdoor = 100});
    CHECK(run.air == Approx(row.air).margin(6e-6));
    CHECK(run.mass == Approx(row.mass).margin(6e-6));
  }
}

TEST_CASE("etp house: the parameters of 2000 square feet are the published ones") {
  const EtpHouse house(2000, 0.15, 0.3);
  CHECK(house.ua == Approx(478.622).epsilon(1e-5));
  CHECK(house.ca == Approx(847.426).epsilon(1e-5));
  CHECK(house.cm == Approx(3435.05).epsilon(1e-5));
  CHECK(house.hm == Approx(7817.42).epsilon(1e-5));
  CHECK(house.aperture == Approx(88.0738).epsilon(1e-5));
  CHECK(house.design_cooling ==
        54000);  // as GridLAB-D 5.3 sizes it for Phoenix; 30 % on top of 95 degF gives that
  CHECK(house.fan == Approx(0.31795).epsilon(1e-3));
}

TEST_CASE("etp house: three days in Phoenix cost what GridLAB-D has, at 75 and 77 degF") {
  if (!have_references()) return;
  const struct {
    int setpoint;
    double three_days, sixteenth, afternoon;
  } table[] = {{75, 111.64, 37.65, 11.04}, {77, 103.58, 35.23, 10.75}};
  const auto hours = tmy2("AZ-Phoenix.tmy2");
  const size_t july15 = (196 - 1) * 24;
  for (const auto& row : table) {
    const auto minutes = recorded(row.setpoint);
    REQUIRE(minutes.size() == 4320);
    EtpRun run(EtpHouse(2000, 0.15, 0.3), 75, 75, row.setpoint, 60);
    double peak = 0, second_day = 0, third_day = 0, four = 0, eight = 0;
    for (int s = 0; s < 3 * 86400; ++s) {
      const Minute& m = minutes[static_cast<size_t>(s / 60)];
      const size_t h = july15 + static_cast<size_t>(s / 3600);
      const double part = s % 3600 / 3600.0;
      const double humidity = hours[h].humidity * (1 - part) + hours[h + 1].humidity * part;
      run.step({m.outdoor, humidity, m.solar_gain / 88.0738, 0});
      peak = std::max(peak, run.power);
      if (s < 30 * 60)
        REQUIRE(run.air == Approx(minutes[static_cast<size_t>((s + 1) / 60)].air).margin(0.15));
      if (s == 86399) second_day = run.energy;
      if (s == 2 * 86400 - 1) third_day = run.energy;
      if (s == (24 + 14) * 3600 - 1) four = run.energy;
      if (s == (24 + 18) * 3600 - 1) eight = run.energy;
    }
    CAPTURE(row.setpoint);
    CHECK(run.energy == Approx(row.three_days).epsilon(0.01));
    CHECK(third_day - second_day == Approx(row.sixteenth).epsilon(0.03));
    CHECK(eight - four == Approx(row.afternoon).epsilon(0.06));  // a cycle more or less is 6 % of four hours
    CHECK(peak == Approx(5.12).epsilon(0.005));
  }
}

TEST_CASE("etp house: GridLAB-D's published day of peak cooling in Yakima, within 2 %") {
  if (!have_references()) return;
  EtpHouse house(2500, 0.07);
  house.cooling_cop = 3.0;
  const Yakima yakima(203);  // 22 July
  // Loads by the hour of daylight saving time, in which the test begins at one.
  const auto appliances = [](int hour) {
    const int thousands[] = {1, 1, 1, 1, 1, 1, 2, 3, 3, 3, 2, 2, 2, 2, 2, 2, 3, 4, 5, 5, 5, 4, 2, 1};
    return thousands[hour % 24] * 1000.0;
  };
  EtpRun run(house, 66, 66, 75, 60);
  for (int s = 0; s < 86400; ++s) {
    auto in = yakima.at(s / 3600);
    in.internal_heat = appliances(s / 3600 + 1);
    run.step(in);
  }
  CHECK(run.energy == Approx(21.822).epsilon(0.02));
}

TEST_CASE("etp house: GridLAB-D's published day of heating in Yakima, within 2 %") {
  if (!have_references()) return;
  const Yakima yakima(47);  // 16 February
  EtpRun run(EtpHouse(2500), 60, 60, 75, 60);
  for (int s = 0; s < 86400; ++s) run.step(yakima.at(s / 3600));
  CHECK(run.energy == Approx(29.778).epsilon(0.02));
}

TEST_CASE("etp house: on GridLAB-D's balanced day in Yakima neither heating nor cooling comes on") {
  if (!have_references()) return;
  const Yakima yakima(125);  // 5 May
  EtpRun run(EtpHouse(2500), 61.8, 62.2, 75, 60);
  for (int s = 0; s < 86400; ++s) run.step(yakima.at(s / 3600 + 4));
  CHECK(run.energy == 0);
}

}  // namespace looptwin::sim
