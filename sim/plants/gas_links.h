// Links: what joins two nodes without storing gas (valves, compressors, pipes shorter than a cell; all pipes
// in the steady state), as equations F = 0 in the potentials u (Gas::potential) of the two nodes and the
// mass flow q from the first to the second. F grows with u_from and falls with u_to and q, whatever the
// regime; that is what Newton's method converges on.
#pragma once

#include <cstdint>

#include "sim/plants/gas_properties.h"

namespace looptwin::sim {

/// The equation of a link, as it stands in one step.
struct GasLink {
  enum class Kind : uint8_t {
    resistance,  ///< open² (u_from - u_to - weight) - correction - resistance q|q| = 0
    one_way,     ///< the same where q ≥ 0, else q = 0
    boost,       ///< a compressor station
  };
  uint32_t from = 0, to = 0;  ///< nodes
  Kind kind = Kind::resistance;

  double open = 1;        ///< part of the bore's area
  double resistance = 0;  ///< Pa² s²/kg²
  double rise = 0;        ///< g Δh, m²/s²: the weight is a² rise (ρ_from² + ρ_to²)/2
  double correction = 0;  ///< Pa²

  CompressorMode mode = CompressorMode::ratio;
  double target = 1;       ///< a ratio, Pa or kg/s
  double most_ratio = 1;   ///< 1: bypassed
  double shaft = 0;        ///< power · efficiency at most, W
  double recycled_to = 0;  ///< the least flow through the machine, kg/s
};

/// F and its derivatives; F is in Pa² for every kind.
struct GasLinkValue {
  double f = 0, by_from = 0, by_to = 0, by_flow = 0;
};

/// A state of the two nodes: u, and p and ρ of it.
struct GasLinkEnd {
  double potential = 0, pressure = 0, density = 0;
};

GasLinkValue evaluate(const Gas& gas, const GasLink& link, const GasLinkEnd& from, const GasLinkEnd& to,
                      double flow);

/// The flow q at which F = 0: it grows with u_from and falls with u_to.
double flow_through(const Gas& gas, const GasLink& link, const GasLinkEnd& from, const GasLinkEnd& to);

/// The shaft power that a station takes for its net flow, divided by nothing: mdot cp T (r^κ - 1), W, of
/// what goes through the machine.
double compression_power(const Gas& gas, const GasLink& link, double ratio, double flow);

}  // namespace looptwin::sim
