// A scalar house by the equivalent thermal parameters, from the published equations and defaults of
// GridLAB-D's house: the yardstick for homes written in the scenario's language. In its units: Btu, h, ft2,
// degF.
//
//   Ca dTa/dt = UA (To - Ta) + Hm (Tm - Ta) + Qh + ½ Qi + ½ Qs
//   Cm dTm/dt = Hm (Ta - Tm) + ½ Qi + ½ Qs
//
// solved exactly over a step in which To, Qh, Qi and Qs stand still. R. G. Pratt's ETP model, as described
// for the residential module of GridLAB-D; the performance curves and sizing rules are that module's.
#pragma once

#include <algorithm>
#include <cmath>

namespace looptwin::sim {

inline constexpr double kBtuPerKWh = 3412.1416;

struct EtpHouse {
  // Envelope and masses: one storey, 8 ft high, 3 by 2, four doors, glazing of two low-e panes.
  double ua = 0, ca = 0, cm = 0, hm = 0;  ///< Btu/(h degF), Btu/degF, Btu/degF, Btu/(h degF)
  double aperture = 0;                    ///< ft2: windows x SHGC 0.67 x 0.6 for screens
  // Equipment.
  double design_cooling = 0, design_heating = 0;  ///< Btu/h at rating conditions
  double fan = 0;                                 ///< kW
  double cooling_cop = 3.5, heating_cop = 2.5;

  /// `oversizing`: share added to the design load before it is rounded up to half a ton.
  EtpHouse(double floor_area, double window_wall_ratio = 0.15, double oversizing = 0) {
    const double walls = 2 * 2.5 * 8 * std::sqrt(floor_area / 1.5);
    const double windows = walls * window_wall_ratio, doors = 4 * 3 * 78.0 / 12;
    const double opaque = walls - windows - doors;
    const double volume = 8 * floor_area, air = 0.0735 * 0.2402 * volume;
    const double envelope = floor_area / 30 + floor_area / 22 + opaque / 19 + windows * 0.47 + doors / 5;
    ua = envelope + 0.5 * air;
    ca = 3 * air;
    cm = 2 * floor_area - 2 * air;
    hm = 1.46 * (opaque + 1.5 * walls + floor_area);
    aperture = windows * 0.67 * 0.6;
    const double internal = 167.09 * std::pow(floor_area, 0.442);
    const double load = (1 + oversizing) * 1.3 * (ua * (95 - 75) + internal + 195 * aperture);
    design_cooling = design_heating = std::ceil(load / 6000) * 6000;
    const double airflow =
        std::max(design_cooling / 1.3 / (75 - 50), design_heating / (150 - 70)) / (0.0735 * 0.2402 * 60);
    fan = std::ceil(8 * 0.117 * 0.5 * airflow / 0.42 / 745.7) / 8 * 0.7457 / 0.88;
  }
};

enum class Hvac { off, cool, heat };

/// What drives a house during a step.
struct EtpInputs {
  double outdoor = 0;        ///< degF
  double humidity = 0;       ///< 0 to 1
  double sun = 0;            ///< Btu/(h ft2): the mean of eight walls
  double internal_heat = 0;  ///< Btu/h
};

/// A house with its thermostat, in steps of `step` seconds.
class EtpRun {
 public:
  EtpRun(const EtpHouse& house, double air, double mass, double cool_at, double heat_at, double step = 1)
      : air(air), mass(mass), h_(house), cool_at_(cool_at), heat_at_(heat_at), hours_(step / 3600) {
    // The matrix exponential of [[a, b], [c, -c]] by its two eigenvalues.
    a_ = -(h_.ua + h_.hm) / h_.ca, b_ = h_.hm / h_.ca, c_ = h_.hm / h_.cm;
    const double half = (a_ - c_) / 2, root = std::sqrt(half * half - (-a_ * c_ - b_ * c_));
    slow = half + root, fast = half - root;
    const double es = std::exp(slow * hours_), ef = std::exp(fast * hours_);
    const double f = (es - ef) / (slow - fast), g = (slow * ef - fast * es) / (slow - fast);
    p_[0] = g + f * a_, p_[1] = f * b_, p_[2] = f * c_, p_[3] = g - f * c_;
  }

  void step(const EtpInputs& in) {
    switch_over();
    const double heat = run_equipment(in);
    const double gains = 0.5 * (in.internal_heat + in.sun * h_.aperture);
    const double u = (h_.ua * in.outdoor + heat + gains) / h_.ca, v = gains / h_.cm;
    const double determinant = -a_ * c_ - b_ * c_;
    const double air_end = (c_ * u + b_ * v) / determinant, mass_end = (c_ * u - a_ * v) / determinant;
    const double x = air - air_end, y = mass - mass_end;
    air = air_end + p_[0] * x + p_[1] * y;
    mass = mass_end + p_[2] * x + p_[3] * y;
    energy += power * hours_;
    since_switch_ += hours_ * 3600;
  }

  double air, mass;  ///< degF
  Hvac mode = Hvac::off;
  double power = 0;           ///< kW, of heating, cooling and fan
  double energy = 0;          ///< kWh
  double slow = 0, fast = 0;  ///< eigenvalues, 1/h

 private:
  /// Deadband 2 degF, at least two minutes between changes.
  void switch_over() {
    if (since_switch_ < 120) return;
    const Hvac before = mode;
    if (mode == Hvac::off && air >= cool_at_ + 1)
      mode = Hvac::cool;
    else if (mode == Hvac::off && air <= heat_at_ - 1)
      mode = Hvac::heat;
    else if (mode == Hvac::cool && air <= cool_at_ - 1)
      mode = Hvac::off;
    else if (mode == Hvac::heat && air >= heat_at_ + 1)
      mode = Hvac::off;
    if (mode != before) since_switch_ = 0;
  }

  /// Sets the power; gives the heat that goes into the air, Btu/h.
  double run_equipment(const EtpInputs& in) {
    const double t = in.outdoor;
    power = 0;
    if (mode == Hvac::off) return 0;
    if (mode == Hvac::cool) {
      const double capacity = h_.design_cooling * (1.48924533 - 0.00514995 * t);
      const double cop = h_.cooling_cop / (-0.01363961 + 0.01066989 * std::max(t, 40.0));
      const double moisture = 1.1 + 0.3 / (1 + std::exp(4 - 10 * in.humidity));
      power = capacity / cop / kBtuPerKWh + h_.fan;
      return -capacity / moisture + h_.fan * kBtuPerKWh;
    }
    const double capacity = h_.design_heating * (0.34148808 + 0.00894102 * t + 0.00010787 * t * t);
    const double x = std::min(t, 80.0);
    const double cop =
        h_.heating_cop / (2.03914613 - 0.03906753 * x + 0.00045617 * x * x - 0.00000203 * x * x * x);
    power = capacity / cop / kBtuPerKWh + h_.fan;
    return capacity + h_.fan * kBtuPerKWh;
  }

  EtpHouse h_;
  double cool_at_, heat_at_, hours_;
  double a_, b_, c_, p_[4];
  double since_switch_ = 1e9;  ///< s
};

}  // namespace looptwin::sim
