// Where the sun stands and what falls on a house's walls, from hourly weather. For energy balances of
// buildings: the sun's place is within about half a degree, which an hourly irradiance does not resolve
// anyway.
//
// Angles in radians, irradiances in W/m², azimuths from south, east positive (north is ±π, west -π/2).
#pragma once

#include <array>

namespace looptwin::sim {

struct SolarSite {
  double latitude = 0;   ///< north positive
  double longitude = 0;  ///< east positive
  double meridian = 0;   ///< of the standard time in use, east positive: UTC-7 is -105° = -1.8326
};

struct Sun {
  double declination = 0;
  double hour_angle = 0;  ///< 0 at solar noon, positive in the morning
};

/// δ = 23.45° sin(2π (284 + n) / 365) (Cooper 1969, in Duffie and Beckman, Solar Engineering of Thermal
/// Processes, 1.6.1).
double declination(int day_of_year);
/// How much apparent solar time is ahead of mean time, h: a Fourier series of three terms to the day of the
/// year, as the climate module of GridLAB-D has it (there after W. Murphy); within half a minute of the
/// almanac.
double equation_of_time(int day_of_year);
/// `hour`: local standard time, h since midnight (14.5 is 14:30), never daylight saving time. Every year has
/// 365 days.
Sun sun_at(const SolarSite& site, int day_of_year, double hour);

/// sin of the sun's height over the horizon; negative at night.
double sin_elevation(const SolarSite& site, const Sun& sun);
/// cos of the angle between the sun and a surface's normal, 0 where the sun is behind it (Duffie and
/// Beckman, 1.6.2). tilt 0 is level, π/2 a wall. Knows nothing of the horizon.
double cos_incidence(const SolarSite& site, const Sun& sun, double tilt, double azimuth);

struct Irradiance {
  double direct_normal = 0, diffuse_horizontal = 0, global_horizontal = 0;
};

/// DNI cosθ + DHI (1 + cos tilt)/2 + GHI ρ (1 - cos tilt)/2: the isotropic sky of Liu and Jordan (1963), ρ
/// the ground's reflectance.
double on_tilted(const SolarSite& site, const Sun& sun, const Irradiance& irradiance, double tilt,
                 double azimuth, double ground_reflectance = 0.2);

/// Level, N, NE, E, SE, S, SW, W, NW.
inline constexpr int kOrientations = 9;
/// What falls on level ground and on eight walls as GridLAB-D's climate module reckons: DNI cosθ + DHI, the
/// whole diffuse sky on every wall, for want of a ground reflectance. Some 10 to 20 % above on_tilted() for
/// walls at noon.
std::array<double, kOrientations> on_orientations(const SolarSite& site, const Sun& sun,
                                                  const Irradiance& irradiance);
/// The mean over the eight walls: what GridLAB-D's house calls incident solar. Its gain is this times the
/// windows' area, their SHGC and their transmission. The file's hour h (1 to 24) has the sun's place at h:00,
/// and its value stands for the instant (h - 1):00, linear in between.
double incident_on_walls(const SolarSite& site, const Sun& sun, const Irradiance& irradiance);

}  // namespace looptwin::sim
