// The closed forms that a gas network is made of: the gas, friction, holes, compression. Pure functions.
#pragma once

#include "sim/plants/gas_config.h"

namespace looptwin::sim {

/// The gas as the solvers use it. The potential u(p) = ∫ a² ρ dp = b1 p²/2 + b2 p³/3, Pa², makes the steady
/// flow in a level pipe exact: u_from - u_to = λ L a² q|q| / (2 D A²). All three functions of p are odd, so
/// that a solver may pass through negative values on its way.
class Gas {
 public:
  explicit Gas(const GasConfig& config);
  double density(double p) const { return p * (b1_ + b2_ * (p < 0 ? -p : p)) / a_squared_; }
  double density_slope(double p) const { return (b1_ + 2 * b2_ * (p < 0 ? -p : p)) / a_squared_; }
  double pressure(double density) const;  ///< of a density ≥ 0
  double potential(double p) const {
    const double size = p < 0 ? -p : p;
    return p * size * (b1_ / 2 + b2_ / 3 * size);
  }
  double pressure_of_potential(double u) const;
  /// ∫ρ dp / Δp between two pressures: the density that makes a cell's steady friction exact.
  double mean_density(double p, double q) const {
    const double sum = p + q;
    return (b1_ / 2 * sum + b2_ / 3 * (sum * sum - p * q)) / a_squared_;
  }
  /// The fastest acoustic speed at any pressure, a/√b1, m/s.
  double sound() const { return sound_; }

  double a_squared() const { return a_squared_; }
  double b1() const { return b1_; }
  double b2() const { return b2_; }
  double heat_ratio() const { return heat_ratio_; }
  double viscosity() const { return viscosity_; }
  double ambient() const { return ambient_; }
  double enthalpy() const { return enthalpy_; }  ///< cp T, J/kg
  double exponent() const { return (heat_ratio_ - 1) / heat_ratio_; }

  /// Mass flow per area of hole and Cd, kg/s/m², from p into the ambient: p √(γ/a²)
  /// (2/(γ+1))^((γ+1)/(2(γ-1))) where the ambient is below the critical pressure, else p √(2γ/(a²(γ-1))
  /// (r^(2/γ) - r^((γ+1)/γ))), r = ambient/p; 0 at or below the ambient (de Saint-Venant and Wantzel; API
  /// 520).
  double orifice_flux(double p) const;

 private:
  double a_squared_, b1_, b2_, heat_ratio_, viscosity_, ambient_, enthalpy_;
  double sound_, critical_ratio_, choked_;
};

/// Darcy's λ. `reynolds` matters for hofer, swamee_jain and chen only and counts as at least 4000: below, the
/// flow is so slow that friction is of no account.
double friction_factor(const GasPipeConfig& pipe, double reynolds);
bool depends_on_reynolds(FrictionLaw law);

/// Isentropic head cp T (r^κ - 1), J/kg, κ = (γ - 1)/γ; 0 for ratios up to 1.
double isentropic_head(const Gas& gas, double ratio);
/// The ratio that `head` J/kg makes: (1 + H/(cp T))^(1/κ).
double ratio_of_head(const Gas& gas, double head);

}  // namespace looptwin::sim
