#include "sim/plants/gas_links.h"

#include <algorithm>
#include <cmath>

#include "base/maths.h"

namespace looptwin::sim {

namespace {

// Keeps flows determined where links lie in a loop or are shut: 1 kg/s costs about 1 mPa at 50 bar.
constexpr double kLaminar = 5e3;  // Pa² s/kg
// Makes an equation for a flow comparable with one for pressures.
constexpr double kFlowScale = 5e10;  // Pa² s/kg

GasLinkValue resistance(const Gas& gas, const GasLink& link, const GasLinkEnd& from, const GasLinkEnd& to,
                        double q) {
  const double square = link.open * link.open;
  double weight = 0, by_from = 1, by_to = -1;
  if (link.rise != 0) {
    weight = gas.a_squared() * link.rise * (from.density * from.density + to.density * to.density) / 2;
    by_from -= link.rise * gas.density_slope(from.pressure);
    by_to -= link.rise * gas.density_slope(to.pressure);
  }
  const double drive = square * (from.potential - to.potential - weight) - link.correction;
  // At rest the slope by q vanishes with q, and a step from there would go far astray. That of half the flow
  // which the difference of potentials would drive leads near it; at the solution it is the lesser one.
  const double driven = link.resistance > 0 ? std::sqrt(std::abs(drive) / link.resistance) : 0;
  const double slope = 2 * link.resistance * std::max(std::abs(q), driven / 2) + kLaminar;
  return {drive - link.resistance * q * std::abs(q) - kLaminar * q, square * by_from, square * by_to, -slope};
}

/// The most that the driver's power lifts a flow to, and the derivative.
struct Limit {
  double ratio = 1, by_flow = 0;
};
Limit power_limit(const Gas& gas, const GasLink& link, double q) {
  const double through = std::max({q, link.recycled_to, 1e-6});
  const double x = link.shaft / (through * gas.enthalpy());
  const double power = 1 / gas.exponent();
  // Past the ratio's own limit the power does not matter; comparing first keeps pow from overflowing.
  if (power * maths::log1p(x) >= maths::log(link.most_ratio)) return {link.most_ratio, 0};
  const double ratio = maths::pow(1 + x, power);
  return {ratio, q >= through ? -power * ratio / (1 + x) * x / through : 0};
}

/// What is the middle one of three decreasing functions of q: bypassed, as wanted, at the limit.
GasLinkValue boost(const Gas& gas, const GasLink& link, const GasLinkEnd& from, const GasLinkEnd& to,
                   double q) {
  const GasLinkValue bypass{from.potential - to.potential - kLaminar * q, 1, -1, -kLaminar};
  if (link.most_ratio <= 1) return bypass;

  const auto at_ratio = [&](double r, double r_by_flow) {
    const double p = r * from.pressure;
    const double slope = gas.density(p) * gas.a_squared();  // du/dp
    const double p_by_u = from.density == 0 ? 0 : 1 / (gas.a_squared() * from.density);
    return GasLinkValue{gas.potential(p) - to.potential - kLaminar * q,
                        from.density == 0 ? r * r : slope * r * p_by_u, -1,
                        slope * r_by_flow * from.pressure - kLaminar};
  };
  const Limit limit = power_limit(gas, link, q);
  const GasLinkValue most = at_ratio(limit.ratio, limit.by_flow);
  GasLinkValue wanted;
  switch (link.mode) {
    case CompressorMode::ratio:
      wanted = at_ratio(std::max(link.target, 1.0), 0);
      break;
    case CompressorMode::discharge_pressure:
      wanted = {gas.potential(link.target) - to.potential - kLaminar * q, 0, -1, -kLaminar};
      break;
    case CompressorMode::flow:
      wanted = {kFlowScale * (link.target - q), 0, 0, -kFlowScale};
      break;
  }
  if (wanted.f > most.f) wanted = most;
  return wanted.f < bypass.f ? bypass : wanted;
}

}  // namespace

GasLinkValue evaluate(const Gas& gas, const GasLink& link, const GasLinkEnd& from, const GasLinkEnd& to,
                      double flow) {
  const GasLinkValue value = link.kind == GasLink::Kind::boost ? boost(gas, link, from, to, flow)
                                                               : resistance(gas, link, from, to, flow);
  if (link.kind == GasLink::Kind::resistance) return value;
  // q ≥ 0, F ≤ 0, one of them 0: the check valve.
  const GasLinkValue shut{-kFlowScale * flow, 0, 0, -kFlowScale};
  return value.f < shut.f ? shut : value;
}

double compression_power(const Gas& gas, const GasLink& link, double ratio, double flow) {
  if (link.most_ratio <= 1 || ratio <= 1) return 0;
  return std::max(flow, link.recycled_to) * isentropic_head(gas, ratio);
}

}  // namespace looptwin::sim
