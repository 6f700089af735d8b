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
// Bounds what has no resistance, between two nodes whose pressures are given, kg/s.
constexpr double kMostFlow = 1e5;

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

/// Discharge at `ratio` times the suction pressure, with the ratio's slope by the flow.
GasLinkValue at_ratio(const Gas& gas, const GasLinkEnd& from, const GasLinkEnd& to, double q, Limit limit) {
  const double p = limit.ratio * from.pressure;
  const double slope = gas.density(p) * gas.a_squared();  // du/dp
  const double p_by_u = from.density == 0 ? 0 : 1 / (gas.a_squared() * from.density);
  return {gas.potential(p) - to.potential - kLaminar * q,
          from.density == 0 ? limit.ratio * limit.ratio : slope * limit.ratio * p_by_u, -1,
          slope * limit.by_flow * from.pressure - kLaminar};
}

GasLinkValue bypassed(const GasLinkEnd& from, const GasLinkEnd& to, double q) {
  return {from.potential - to.potential - kLaminar * q, 1, -1, -kLaminar};
}

GasLinkValue as_wanted(const Gas& gas, const GasLink& link, const GasLinkEnd& from, const GasLinkEnd& to,
                       double q) {
  switch (link.mode) {
    case CompressorMode::ratio:
      return at_ratio(gas, from, to, q, {std::max(link.target, 1.0), 0});
    case CompressorMode::discharge_pressure:
      return {gas.potential(link.target) - to.potential - kLaminar * q, 0, -1, -kLaminar};
    case CompressorMode::flow:
      break;
  }
  return {kFlowScale * (link.target - q), 0, 0, -kFlowScale};
}

/// What is the middle one of three decreasing functions of q: bypassed, as wanted, at the limit.
GasLinkValue boost(const Gas& gas, const GasLink& link, const GasLinkEnd& from, const GasLinkEnd& to,
                   double q) {
  const GasLinkValue bypass = bypassed(from, to, q);
  if (link.most_ratio <= 1) return bypass;
  const GasLinkValue most = at_ratio(gas, from, to, q, power_limit(gas, link, q));
  GasLinkValue wanted = as_wanted(gas, link, from, to, q);
  if (wanted.f > most.f) wanted = most;
  return wanted.f < bypass.f ? bypass : wanted;
}

/// Where a decreasing F that is linear in q is 0.
double root(const GasLinkValue& at_rest) { return -at_rest.f / at_rest.by_flow; }

/// The flow of a station at its limit, ≥ 0: the root between none and the flow at the largest ratio, halved
/// in its logarithm as long as it is wide, for power limits flows of all sizes.
double flow_at_limit(const Gas& gas, const GasLink& link, const GasLinkEnd& from, const GasLinkEnd& to) {
  const auto f = [&](double q) { return at_ratio(gas, from, to, q, power_limit(gas, link, q)).f; };
  double low = 1e-9, high = root(at_ratio(gas, from, to, 0, {link.most_ratio, 0}));
  if (f(low) <= 0) return 0;
  while (high - low > 1e-15 * high) {
    const double middle = high > 2 * low ? std::sqrt(low * high) : (low + high) / 2;
    if (middle <= low || middle >= high) break;
    (f(middle) > 0 ? low : high) = middle;
  }
  return (low + high) / 2;
}

}  // namespace

GasLinkValue evaluate(const Gas& gas, const GasLink& link, const GasLinkEnd& from, const GasLinkEnd& to,
                      double flow) {
  const GasLinkValue value = link.kind == GasLink::Kind::boost ? boost(gas, link, from, to, flow)
                                                               : resistance(gas, link, from, to, flow);
  const GasLinkValue most{kFlowScale * (kMostFlow - flow), 0, 0, -kFlowScale};
  if (value.f > most.f) return most;
  // Both ways; or q ≥ 0, F ≤ 0, one of them 0: the check valve.
  const double lowest = link.kind == GasLink::Kind::resistance ? -kMostFlow : 0;
  const GasLinkValue least{kFlowScale * (lowest - flow), 0, 0, -kFlowScale};
  return value.f < least.f ? least : value;
}

double flow_through(const Gas& gas, const GasLink& link, const GasLinkEnd& from, const GasLinkEnd& to) {
  if (link.kind != GasLink::Kind::boost) {
    const double drive = resistance(gas, link, from, to, 0).f;
    const double size = std::abs(drive);
    const double q = std::min(
        2 * size / (kLaminar + std::sqrt(kLaminar * kLaminar + 4 * link.resistance * size)), kMostFlow);
    if (drive >= 0) return q;
    return link.kind == GasLink::Kind::one_way ? 0 : -q;
  }
  double flow = root(bypassed(from, to, 0));
  if (link.most_ratio > 1) {
    const double wanted = root(as_wanted(gas, link, from, to, 0));
    // The limit matters only where it is below what is wanted.
    if (wanted > std::max(flow, 0.0))
      flow = std::max(flow, std::min(wanted, flow_at_limit(gas, link, from, to)));
  }
  return std::clamp(flow, 0.0, kMostFlow);
}

double compression_power(const Gas& gas, const GasLink& link, double ratio, double flow) {
  if (link.most_ratio <= 1 || ratio <= 1) return 0;
  return std::max(flow, link.recycled_to) * isentropic_head(gas, ratio);
}

}  // namespace looptwin::sim
