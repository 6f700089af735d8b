// A gas network as a coupled plant: isothermal, one-dimensional, transient flow in pipes (gas_grid.h), joined
// at nodes by compressor stations, valves and short pipes (gas_links.h), with supplies, demands, leaks and
// gauges. docs/plants/gas-network.md has the equations, the ports and what the model does not know.
//
// One step of Δt = courant · cell / a: what moves by itself has moved; all fluxes, then all inner densities;
// holes; then each cluster of nodes that links join, with its pressures and flows at the new time. Mass is
// only ever moved, so the balance closes to rounding.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "sim/plant.h"
#include "sim/plants/gas_actuators.h"
#include "sim/plants/gas_flow_system.h"
#include "sim/plants/gas_grid.h"
#include "sim/plants/gas_steady.h"

namespace looptwin::sim {

class GasNetwork final : public CoupledPlant {
 public:
  /// At kStart in the steady state of the network as described, without its leaks.
  static Result<std::unique_ptr<GasNetwork>> make(const GasNetworkConfig& config);

  std::span<const Port> ports() const override { return ports_; }
  std::span<double> values() override { return values_; }
  void advance(Time to) override;
  void save(ArchiveWriter& writer) const override;
  void restore(ArchiveReader& reader) override;
  const Diagnostics& breakdown() const override { return breakdown_; }

  /// The grid of time, Δt.
  Duration step() const { return step_; }
  /// All gas in pipes and nodes, kg.
  double mass() const;
  /// Steps in which a cluster of links found no solution and was shut for the step; 0 in a sound run.
  uint64_t unsettled_steps() const { return unsettled_; }

 private:
  // Parts refer to their ports by index: inputs are read from acting_, outputs written to values_.
  struct Pipe {  // on the grid, or a link where it is shorter than a cell
    GasTopology::Ends ends;
    bool on_grid = false;
    size_t index = 0;  ///< in grid_, or in links_
    double length = 0, volume = 0;
    double half_volume = 0;  ///< of the half cell at each end, m³
    size_t flow_in = 0, flow_out = 0, linepack = 0;
  };
  struct Station {
    GasStation machine;
    size_t link = 0;
    size_t mode = 0, ratio = 0, discharge_pressure = 0, flow_wanted = 0, running = 0;
    size_t flow = 0, power = 0, ratio_now = 0, surge_margin = 0, tripped = 0;
  };
  struct Valve {
    size_t link = 0;
    double travel = 0, position = 1;
    bool is_moved = false;
    size_t command = 0, opening = 0, flow = 0;
  };
  struct Supply {
    uint32_t node = 0;
    bool is_pressure = false;
    double now = 0;  ///< kg/s, in the last step
    size_t wanted = 0, flow = 0;
  };
  struct Demand {
    uint32_t node = 0;
    size_t sink = 0;
    double now = 0;
    size_t wanted = 0, flow = 0;
  };
  struct Outlet {  ///< the part of a leak at one point of the grid, or at a node
    bool at_node = false;
    uint32_t node = 0;
    size_t pipe = 0, point = 0;  ///< in grid_
    double part = 1;
    double rate = 0, pulled = 0;  ///< in this step: of the hole, kg/s/Pa; of the withdrawal, kg/s
    double taken = 0;             ///< of both, where it is at a node, kg/s
  };
  struct Leak {
    double discharge = 0;
    double now = 0;
    size_t pipe = 0;
    std::vector<Outlet> outlets;  ///< two, or one where it lies on a point
    size_t area = 0, withdrawal = 0, flow = 0;
  };
  struct Gauge {
    size_t pipe = 0;
    double position = 0;
    size_t pressure = 0, flow = 0;
  };

  explicit GasNetwork(const GasNetworkConfig& config);
  void build(const GasNetworkConfig& config, const GasTopology& topology);
  void build_pipe(const GasPipeConfig& pipe, GasTopology::Ends ends, double rise, double cell);
  void build_takers(const GasNetworkConfig& config, const GasTopology& topology);
  void build_leak(const GasLeakConfig& leak, size_t pipe);
  void build_clusters();
  Diagnostics start(const GasNetworkConfig& config);
  Diagnostics explain(const GasUnrest& unrest, const GasNetworkConfig& config) const;

  void declare_ports(const GasNetworkConfig& config);
  size_t declare(const std::string& element, const char* quantity, const char* unit, PortDirection direction,
                 double value = 0);
  void latch_inputs();
  void publish();

  void take_step();
  void set_links(double step);
  void set_boundaries();
  void open_leaks();
  void gather_inflows();
  void solve_cluster(GasFlowSystem& cluster);
  void balance_nodes();
  bool spare_nodes(bool wholly);
  void settle_nodes();
  void book();
  void copy_ends();
  bool is_sound();

  Gas gas_;
  Duration step_;
  double seconds_;  ///< of step_
  GasGrid grid_;

  GasNodes nodes_;
  std::vector<double> volume_;        ///< of nodes with their half cells, m³
  std::vector<double> balance_;       ///< scratch: what a node gains without its supply, kg/s
  std::vector<double> last_density_;  ///< of nodes before the last step, kg/m³
  std::vector<double> share_;         ///< scratch: of what its takers want, that a node gives
  std::vector<GasLink> links_;
  std::vector<double> flows_;  ///< of links_, kg/s
  std::vector<GasFlowSystem> clusters_;

  std::vector<Pipe> pipes_;
  std::vector<GasGridEnds> grid_ends_;
  std::vector<GasPipeConfig> short_pipes_;  ///< by link from first_short_link_ on
  size_t first_short_link_ = 0;
  std::vector<Station> stations_;
  std::vector<Valve> valves_;
  std::vector<Supply> supplies_;
  std::vector<Demand> demands_;
  std::vector<Leak> leaks_;
  std::vector<Gauge> gauges_;

  std::vector<Port> ports_;
  std::vector<double> values_, acting_;
  std::vector<size_t> inputs_;
  size_t node_ports_ = 0, network_ports_ = 0;

  Time now_ = kStart;
  int64_t steps_ = 0;                                 ///< taken
  bool latched_ = false;                              ///< the inputs of the step under way are in acting_
  double supplied_ = 0, delivered_ = 0, leaked_ = 0;  ///< kg since the start
  uint64_t unsettled_ = 0;
  Diagnostics breakdown_;
};

}  // namespace looptwin::sim
