#include "sim/plants/gas_properties.h"

#include <algorithm>
#include <cmath>

#include "base/maths.h"

namespace looptwin::sim {

GasConfig ideal_gas(double temperature, double gravity) {
  GasConfig gas;
  gas.a_squared = 8.314 * temperature / (gravity * 0.02896);
  gas.temperature = temperature;
  return gas;
}

GasConfig cnga_gas(double temperature, double gravity) {
  GasConfig gas = ideal_gas(temperature, gravity);
  gas.b2 = 344400 * maths::pow(10, 1.785 * gravity) / (6894.75729 * maths::pow(1.8 * temperature, 3.825));
  gas.b1 = 1 + 101350 * gas.b2;
  return gas;
}

Gas::Gas(const GasConfig& config)
    : a_squared_(config.a_squared),
      b1_(config.b1),
      b2_(config.b2),
      heat_ratio_(config.heat_ratio),
      viscosity_(config.viscosity),
      ambient_(config.ambient),
      enthalpy_(config.specific_heat > 0 ? config.specific_heat * config.temperature
                                         : config.a_squared / exponent()),
      sound_(std::sqrt(config.a_squared / config.b1)) {
  const double g = heat_ratio_;
  critical_ratio_ = maths::pow(2 / (g + 1), g / (g - 1));
  choked_ = std::sqrt(g / a_squared_) * maths::pow(2 / (g + 1), (g + 1) / (2 * (g - 1)));
}

double Gas::pressure(double density) const {
  const double k = a_squared_ * density;
  return 2 * k / (b1_ + std::sqrt(b1_ * b1_ + 4 * b2_ * k));
}

double Gas::pressure_of_potential(double u) const {
  const double size = std::abs(u);
  double p = std::sqrt(2 * size / b1_);
  // Newton from above on a convex function: every step falls short of none and ends at the root.
  for (int i = 0; i < 50 && b2_ > 0; ++i) {
    const double slope = p * (b1_ + b2_ * p);
    if (slope <= 0) break;
    const double next = p - (potential(p) - size) / slope;
    if (!(next < p)) break;
    p = next;
  }
  return u < 0 ? -p : p;
}

double Gas::orifice_flux(double p) const {
  if (!(p > ambient_)) return 0;
  const double r = ambient_ / p, g = heat_ratio_;
  if (r <= critical_ratio_) return choked_ * p;
  const double drive = maths::pow(r, 2 / g) - maths::pow(r, (g + 1) / g);
  return p * std::sqrt(2 * g / (a_squared_ * (g - 1)) * std::max(drive, 0.0));
}

bool depends_on_reynolds(FrictionLaw law) {
  return law == FrictionLaw::hofer || law == FrictionLaw::swamee_jain || law == FrictionLaw::chen;
}

double friction_factor(const GasPipeConfig& pipe, double reynolds) {
  const double re = std::max(reynolds, 4000.0);
  const double k = pipe.roughness / pipe.diameter;
  double root = 0;  // 1/√λ
  switch (pipe.law) {
    case FrictionLaw::fixed:
      return pipe.friction;
    case FrictionLaw::shifrinson:
      return 0.11 * std::sqrt(std::sqrt(k));
    case FrictionLaw::nikuradse:
      root = -2 * maths::log10(k) + 1.138;
      break;
    case FrictionLaw::hofer:
      root = -2 * maths::log10(4.518 / re * maths::log10(re / 7) + k / 3.71);
      break;
    case FrictionLaw::swamee_jain:
      root = -2 * maths::log10(k / 3.7 + 5.74 / maths::pow(re, 0.9));
      break;
    case FrictionLaw::chen: {
      const double inner = maths::pow(k, 1.1098) / 2.8257 + 5.8506 / maths::pow(re, 0.8981);
      root = -2 * maths::log10(k / 3.7065 - 5.0452 / re * maths::log10(inner));
      break;
    }
  }
  return 1 / (root * root);
}

double isentropic_head(const Gas& gas, double ratio) {
  return ratio > 1 ? gas.enthalpy() * (maths::pow(ratio, gas.exponent()) - 1) : 0;
}

double ratio_of_head(const Gas& gas, double head) {
  return maths::pow(1 + head / gas.enthalpy(), 1 / gas.exponent());
}

}  // namespace looptwin::sim
