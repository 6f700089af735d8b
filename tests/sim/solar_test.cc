#include "sim/solar.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace looptwin::sim {
namespace {

constexpr double kDegree = M_PI / 180;
constexpr SolarSite kPhoenix{33.4333333 * kDegree, -112.0166667 * kDegree, -105 * kDegree};
const std::string kReferences = LT_SOURCE_DIR "/../shared/refs/5_smart_meter_house/";

/// The irradiances of the TMY2 file's hours of a day of July, [0] being hour 1.
std::vector<Irradiance> tmy2_july(std::ifstream& file, int day) {
  std::vector<Irradiance> hours;
  file.clear();
  file.seekg(0);
  for (std::string line; std::getline(file, line);) {
    if (line.size() < 142 || line.substr(3, 2) != "07" || std::stoi(line.substr(5, 2)) != day) continue;
    const auto value = [&](size_t at) { return std::stod(line.substr(at, 4)); };
    hours.push_back({value(23), value(29), value(17)});
  }
  return hours;
}

}  // namespace

TEST_CASE("solar: the sun stands where the almanac has it") {
  CHECK(declination(172) / kDegree == Approx(23.45).margin(0.01));  // the solstice
  CHECK(std::abs(declination(80)) < 1 * kDegree);                   // the equinox
  // Almanac: -14.2 min on 11 February, +16.4 min on 3 November, 0 near 15 April.
  CHECK(equation_of_time(42) * 60 == Approx(-14.2).margin(0.4));
  CHECK(equation_of_time(307) * 60 == Approx(16.4).margin(0.4));
  CHECK(equation_of_time(105) * 60 == Approx(0).margin(0.5));
  // At solar noon the height is 90° - latitude + declination; sunrise has height 0.
  const Sun noon{20 * kDegree, 0};
  CHECK(std::asin(sin_elevation(kPhoenix, noon)) / kDegree == Approx(90 - 33.4333333 + 20));
  CHECK(cos_incidence(kPhoenix, noon, 0, 0) == Approx(sin_elevation(kPhoenix, noon)));
  const Sun sunrise{20 * kDegree, std::acos(-std::tan(33.4333333 * kDegree) * std::tan(20 * kDegree))};
  CHECK(sin_elevation(kPhoenix, sunrise) == Approx(0).margin(1e-12));
  // In the morning the east wall is lit, the west wall is not; in the afternoon the other way round.
  const Sun morning = sun_at(kPhoenix, 196, 8), evening = sun_at(kPhoenix, 196, 17);
  CHECK(cos_incidence(kPhoenix, morning, M_PI / 2, M_PI / 2) > 0.5);
  CHECK(cos_incidence(kPhoenix, morning, M_PI / 2, -M_PI / 2) == 0);
  CHECK(cos_incidence(kPhoenix, evening, M_PI / 2, -M_PI / 2) > 0.5);
}

TEST_CASE("solar: a level surface under the isotropic sky receives the global irradiance") {
  const Sun sun = sun_at(kPhoenix, 196, 11);
  const double direct = 700, diffuse = 150;
  const double global = direct * sin_elevation(kPhoenix, sun) + diffuse;
  CHECK(on_tilted(kPhoenix, sun, {direct, diffuse, global}, 0, 0) == Approx(global));
  // A wall sees half the sky and half the ground.
  const double wall = on_tilted(kPhoenix, sun, {0, diffuse, global}, M_PI / 2, 0, 0.2);
  CHECK(wall == Approx(diffuse / 2 + 0.1 * global));
  CHECK(on_orientations(kPhoenix, sun, {direct, diffuse, global})[0] == Approx(global));
}

TEST_CASE("solar: the walls' mean is GridLAB-D's incident solar, minute by minute") {
  std::ifstream weather(kReferences + "AZ-Phoenix.tmy2"),
      reference(kReferences + "gridlabd_house_phoenix_sp75.csv");
  if (!weather || !reference) return;
  // GridLAB-D takes 3.412 Btu/Wh.
  const double to_btu_sf = 3.412 / 10.76391041671;
  std::vector<double> incident;
  for (int day = 15; day <= 18; ++day) {
    const auto hours = tmy2_july(weather, day);
    REQUIRE(hours.size() == 24);
    for (int h = 1; h <= 24; ++h) {
      const Sun sun = sun_at(kPhoenix, 196 + day - 15, h);
      incident.push_back(to_btu_sf * incident_on_walls(kPhoenix, sun, hours[static_cast<size_t>(h - 1)]));
    }
  }
  std::string line;
  std::getline(reference, line);
  double worst = 0, sum = 0, reference_sum = 0;
  size_t minute = 0;
  for (; std::getline(reference, line); ++minute) {
    const double theirs = std::stod(line.substr(line.rfind(',') + 1));
    const size_t hour = minute / 60;
    const double part = static_cast<double>(minute % 60) / 60;
    const double ours = incident[hour] + (incident[hour + 1] - incident[hour]) * part;
    worst = std::max(worst, std::abs(ours - theirs));
    sum += ours;
    reference_sum += theirs;
  }
  REQUIRE(minute == 4320);
  INFO("largest difference " << worst << " Btu/h/sf, of the sums " << sum / reference_sum - 1);
  CHECK(worst < 0.002);  // of up to 107: the six digits that the reference was written with
  CHECK(sum == Approx(reference_sum).epsilon(1e-5));
}

}  // namespace looptwin::sim
