#include "sim/solar.h"

#include <algorithm>

#include "base/maths.h"

namespace looptwin::sim {
namespace {

constexpr double kPi = 3.14159265358979323846;

}  // namespace

double declination(int day_of_year) {
  return 23.45 / 180 * kPi * maths::sin(2 * kPi * (284 + day_of_year) / 365);
}

double equation_of_time(int day_of_year) {
  // Minutes: amplitudes of the cosines and sines of the year and its first two harmonics.
  static constexpr double kCos[] = {0.5501, -3.0195, -0.0771}, kSin[] = {-7.3403, -9.4583, -0.3284};
  const double angle = 2 * kPi * day_of_year / 365;
  double minutes = 0;
  for (int k = 1; k <= 3; ++k)
    minutes += kCos[k - 1] * maths::cos(k * angle) + kSin[k - 1] * maths::sin(k * angle);
  return minutes / 60;
}

Sun sun_at(const SolarSite& site, int day_of_year, double hour) {
  const double solar_hour =
      hour + equation_of_time(day_of_year) + (site.longitude - site.meridian) * 12 / kPi;
  return {declination(day_of_year), (12 - solar_hour) * kPi / 12};
}

double sin_elevation(const SolarSite& site, const Sun& sun) {
  return maths::sin(sun.declination) * maths::sin(site.latitude) +
         maths::cos(sun.declination) * maths::cos(site.latitude) * maths::cos(sun.hour_angle);
}

// The scalar product of the normal and the sun's direction, both in the frame up, south, east.
double cos_incidence(const SolarSite& site, const Sun& sun, double tilt, double azimuth) {
  const double sin_lat = maths::sin(site.latitude), cos_lat = maths::cos(site.latitude);
  const double sin_dec = maths::sin(sun.declination), cos_dec = maths::cos(sun.declination);
  const double cos_hour = maths::cos(sun.hour_angle);
  const double up = sin_dec * sin_lat + cos_dec * cos_lat * cos_hour;
  const double south = cos_dec * sin_lat * cos_hour - sin_dec * cos_lat;
  const double east = cos_dec * maths::sin(sun.hour_angle);
  const double along = south * maths::cos(azimuth) + east * maths::sin(azimuth);
  return std::max(0.0, up * maths::cos(tilt) + along * maths::sin(tilt));
}

double on_tilted(const SolarSite& site, const Sun& sun, const Irradiance& irradiance, double tilt,
                 double azimuth, double ground_reflectance) {
  const double c = maths::cos(tilt);
  return irradiance.direct_normal * cos_incidence(site, sun, tilt, azimuth) +
         irradiance.diffuse_horizontal * (1 + c) / 2 +
         irradiance.global_horizontal * ground_reflectance * (1 - c) / 2;
}

std::array<double, kOrientations> on_orientations(const SolarSite& site, const Sun& sun,
                                                  const Irradiance& irradiance) {
  std::array<double, kOrientations> out;
  out[0] = irradiance.direct_normal * cos_incidence(site, sun, 0, 0) + irradiance.diffuse_horizontal;
  for (int i = 1; i < kOrientations; ++i) {
    const double azimuth = kPi - (i - 1) * kPi / 4;  // from north over east
    out[i] =
        irradiance.direct_normal * cos_incidence(site, sun, kPi / 2, azimuth) + irradiance.diffuse_horizontal;
  }
  return out;
}

double incident_on_walls(const SolarSite& site, const Sun& sun, const Irradiance& irradiance) {
  const auto all = on_orientations(site, sun, irradiance);
  double sum = 0;
  for (int i = 1; i < kOrientations; ++i) sum += all[i];
  return sum / 8;
}

}  // namespace looptwin::sim
