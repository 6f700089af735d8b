// Newton's method on nodes and links: the pressures of some nodes and the flows of the links between them, so
// that every link's equation holds and every node keeps its mass,
//   storage (ρ(p) - ρ_before) = inflow + Σ q_in - Σ q_out - Σ demands - drain p.
// The same system is one junction cluster in one step (storage = V/Δt) and the whole network at rest
// (storage next to nothing, pipes as links).
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "sim/plants/gas_links.h"

namespace looptwin::sim {

/// One demand now: min(1, p / least) of flow.
struct GasSink {
  double flow = 0, least = 1e5;
  double at(double p) const { return p >= least ? flow : p > 0 ? flow * (p / least) : 0; }
};

/// The nodes of the network as columns.
struct GasNodes {
  std::vector<uint8_t> fixed;        ///< the pressure is given
  std::vector<double> pressure;      ///< Pa
  std::vector<double> storage;       ///< V/Δt, m³/s
  std::vector<double> before;        ///< ρ at the last step, kg/m³
  std::vector<double> inflow;        ///< from pipes and flow supplies, kg/s
  std::vector<double> drain;         ///< of holes, kg/s/Pa
  std::vector<GasSink> sinks;        ///< by node
  std::vector<uint32_t> first_sink;  ///< of each node, and one past the last

  void resize(size_t n);
  size_t size() const { return pressure.size(); }
  /// What demands and holes take at pressure p; and the derivative where asked.
  double taken(size_t node, double p, double* slope = nullptr) const;
};

class GasFlowSystem {
 public:
  /// Of these links, and of these nodes; `nodes` are free ones.
  GasFlowSystem(std::vector<uint32_t> nodes, std::vector<uint32_t> links, const GasNodes& all,
                std::span<const GasLink> all_links);
  ~GasFlowSystem();
  GasFlowSystem(GasFlowSystem&&) noexcept;

  /// From nodes.pressure and flows as a start to the solution in both, however far it is. False when it did
  /// not settle; then both are as far as it came.
  bool solve(const Gas& gas, std::span<const GasLink> links, GasNodes& nodes, std::span<double> flows);

  /// What Newton's method steps in. Links are near linear in the potential, storage in the pressure: the
  /// former leads from a flat start to a network at rest, the latter through a step.
  enum class Unknown : uint8_t { potential, pressure };
  /// Newton's method alone, in whole steps: fast, and at a loss where regimes take turns.
  bool newton(const Gas& gas, std::span<const GasLink> links, GasNodes& nodes, std::span<double> flows,
              Unknown unknown, int rounds);

  std::span<const uint32_t> nodes() const { return nodes_; }
  std::span<const uint32_t> links() const { return links_; }

 private:
  class Matrix;
  struct Joint {  ///< a link at a node
    uint32_t link = 0;
    bool leaves = false;
  };
  void assemble(const Gas& gas, std::span<const GasLink> links, const GasNodes& nodes,
                std::span<const double> flows);
  bool find_step(const Gas& gas, std::span<const GasLink> links, const GasNodes& nodes,
                 std::span<const double> flows);
  void move(const Gas& gas, GasNodes& nodes, std::span<double> flows);
  void set_scales(const Gas& gas, std::span<const GasLink> links, const GasNodes& nodes);
  // The slow and sure way, gas_flow_descent.cc.
  bool descend(const Gas& gas, std::span<const GasLink> links, GasNodes& nodes, std::span<double> flows);
  bool step_down(const Gas& gas, std::span<const GasLink> links, GasNodes& nodes, std::span<double> flows,
                 double& missed);
  double miss(const Gas& gas, std::span<const GasLink> links, const GasNodes& nodes, std::span<double> flows);
  double missing_at(const Gas& gas, std::span<const GasLink> links, const GasNodes& nodes, size_t i) const;
  void set_right(const Gas& gas, std::span<const GasLink> links, GasNodes& nodes, size_t i) const;
  double flow_of(const Gas& gas, const GasLink& link, const GasNodes& nodes) const;
  GasLinkEnd end(const Gas& gas, const GasNodes& nodes, uint32_t node) const;

  std::vector<uint32_t> nodes_, links_;
  std::vector<int32_t> unknown_;       ///< of a link's two ends, in pairs; -1: fixed
  std::vector<double> value_;          ///< the unknown of each of nodes_
  std::vector<double> right_, step_;   ///< the linear system, scaled
  std::vector<double> start_;          ///< what is gone back to
  std::vector<uint32_t> first_joint_;  ///< of each of nodes_, and one past the last
  std::vector<Joint> joints_;
  std::vector<double> missing_;  ///< of nodes_, kg/s
  std::vector<double> old_pressure_;
  Unknown kind_ = Unknown::potential;
  double scale_ = 1, link_scale_ = 1;  ///< of the unknown, and of links' equations, Pa²
  std::unique_ptr<Matrix> matrix_;
};

}  // namespace looptwin::sim
