#include "sim/plants/gas_topology.h"

#include <fmt/format.h>
#include <algorithm>
#include <cmath>
#include <map>
#include <string_view>

#include "base/text.h"

namespace looptwin::sim {

namespace {

constexpr double kLongest = 1e8;    // m
constexpr double kMostCells = 1e7;  // of all pipes

class Resolver {
 public:
  explicit Resolver(const GasNetworkConfig& config) : config_(config) {}

  Result<GasTopology> resolve() {
    check_settings();
    nodes_ = names("node", config_.nodes);
    pipes_ = names("pipe", config_.pipes);
    names("compressor", config_.compressors);
    names("valve", config_.valves);
    names("supply", config_.supplies);
    names("demand", config_.demands);
    names("leak", config_.leaks);
    names("gauge", config_.gauges);
    for (const auto& node : config_.nodes) check(node);
    for (const auto& pipe : config_.pipes) check(pipe);
    for (const auto& station : config_.compressors) check(station);
    for (const auto& valve : config_.valves) check(valve);
    for (const auto& supply : config_.supplies) check(supply);
    for (const auto& demand : config_.demands) check(demand);
    for (const auto& leak : config_.leaks) check(leak);
    for (const auto& gauge : config_.gauges)
      topology_.gauges.push_back(place("gauge", gauge.name, gauge.pipe, gauge.position, gauge.span));
    if (!has_errors(problems_)) check_pressures();
    if (!has_errors(problems_)) check_short_pipes();
    if (has_errors(problems_)) return tl::make_unexpected(std::move(problems_));
    return std::move(topology_);
  }

 private:
  void error(const Span& span, std::string message, std::string hint = {}) {
    problems_.push_back({Severity::error, span, std::move(message), std::move(hint)});
  }
  /// `condition` is false for NaN, too.
  void require(bool condition, const Span& span, std::string_view who, std::string_view what, double value) {
    if (!condition) error(span, fmt::format("{}: {}, not {}", who, what, shortest(value)));
  }
  template <typename Element>
  std::map<std::string, uint32_t> names(std::string_view kind, const std::vector<Element>& elements) {
    std::map<std::string, uint32_t> found;
    for (uint32_t i = 0; i < elements.size(); ++i) {
      const Element& element = elements[i];
      if (element.name.empty()) error(element.span, fmt::format("a {} has no name", kind));
      if (!found.emplace(element.name, i).second)
        error(element.span, fmt::format("there are two {}s '{}'", kind, element.name));
    }
    return found;
  }
  uint32_t find(const std::map<std::string, uint32_t>& all, std::string_view kind, const std::string& name,
                const Span& span, std::string_view who) {
    const auto at = all.find(name);
    if (at != all.end()) return at->second;
    std::vector<std::string> known;
    for (const auto& [key, index] : all) known.push_back(key);
    error(span, fmt::format("{}: there is no {} '{}'", who, kind, name), did_you_mean(name, known));
    return 0;
  }
  GasTopology::Ends ends(const std::string& from, const std::string& to, const Span& span,
                         std::string_view who) {
    const GasTopology::Ends found{find(nodes_, "node", from, span, who), find(nodes_, "node", to, span, who)};
    if (from == to) error(span, fmt::format("{}: both ends are node '{}'", who, from));
    return found;
  }
  uint32_t place(std::string_view kind, const std::string& name, const std::string& pipe, double position,
                 const Span& span) {
    const std::string who = fmt::format("{} '{}'", kind, name);
    const uint32_t found = find(pipes_, "pipe", pipe, span, who);
    if (pipes_.contains(pipe)) {
      const double length = config_.pipes[found].length;
      if (!(position >= 0 && position <= length))
        error(span, fmt::format("{}: its position must lie on pipe '{}', 0 … {} m, not {}", who, pipe,
                                shortest(length), shortest(position)));
    }
    return found;
  }

  void check_settings() {
    const GasConfig& gas = config_.gas;
    const auto positive = [](double x) { return x > 0 && std::isfinite(x); };
    require(gas.a_squared >= 1e3 && gas.a_squared <= 1e7, gas.span, "gas",
            "a² = Z R T / M must lie between 1e3 and 1e7 m²/s²", gas.a_squared);
    require(positive(gas.b1), gas.span, "gas", "b1 must be positive", gas.b1);
    require(gas.b2 >= 0 && std::isfinite(gas.b2), gas.span, "gas", "b2 must not be negative", gas.b2);
    require(gas.heat_ratio > 1 && gas.heat_ratio < 2, gas.span, "gas", "the heat ratio must lie in (1, 2)",
            gas.heat_ratio);
    require(positive(gas.viscosity), gas.span, "gas", "the viscosity must be positive", gas.viscosity);
    require(gas.temperature >= 100 && gas.temperature <= 1000, gas.span, "gas",
            "the temperature must lie between 100 K and 1000 K", gas.temperature);
    require(gas.specific_heat >= 0 && std::isfinite(gas.specific_heat), gas.span, "gas",
            "the specific heat must not be negative", gas.specific_heat);
    require(gas.ambient >= 0 && std::isfinite(gas.ambient), gas.span, "gas",
            "the ambient pressure must not be negative", gas.ambient);
    require(config_.cell >= 1 && config_.cell <= 1e6, config_.span, "network",
            "the cell length must lie in [1 m, 1000 km]", config_.cell);
    require(config_.courant > 0 && config_.courant < 1, config_.span, "network",
            "the Courant number must lie in (0, 1)", config_.courant);
    if (config_.nodes.empty()) error(config_.span, "the network has no nodes");
  }
  void check(const GasNodeConfig& node) {
    const std::string who = fmt::format("node '{}'", node.name);
    require(std::abs(node.height) < 1e4, node.span, who, "its height must lie within ±10 km", node.height);
    require(node.volume > 0 && std::isfinite(node.volume), node.span, who, "its volume must be positive",
            node.volume);
  }
  void check(const GasPipeConfig& pipe) {
    const std::string who = fmt::format("pipe '{}'", pipe.name);
    require(pipe.length > 0, pipe.span, who, "its length must be positive", pipe.length);
    require(!(pipe.length > kLongest), pipe.span, who, "its length must not exceed 100 000 km", pipe.length);
    count_cells(pipe, who);
    require(pipe.diameter > 0 && pipe.diameter < 10, pipe.span, who,
            "its diameter must lie between 0 and 10 m", pipe.diameter);
    if (pipe.law == FrictionLaw::fixed)
      require(pipe.friction > 0 && pipe.friction < 1, pipe.span, who,
              "its friction factor must lie in (0, 1)", pipe.friction);
    else
      require(pipe.roughness > 0 && pipe.roughness < pipe.diameter / 10, pipe.span, who,
              "its roughness must lie between 0 and a tenth of the diameter", pipe.roughness);
    const auto at = ends(pipe.from, pipe.to, pipe.span, who);
    topology_.pipes.push_back(at);
    if (!nodes_.contains(pipe.from) || !nodes_.contains(pipe.to)) return;
    const double rise = config_.nodes[at.to].height - config_.nodes[at.from].height;
    if (pipe.length > 0 && std::abs(rise) > pipe.length)
      error(pipe.span, fmt::format("{}: it cannot rise by {} m on {} m of length", who, shortest(rise),
                                   shortest(pipe.length)));
  }
  void count_cells(const GasPipeConfig& pipe, std::string_view who) {
    if (!(pipe.length > 0 && pipe.length <= kLongest && config_.cell >= 1)) return;
    const double cells = std::floor(pipe.length / config_.cell);
    if (cells_ <= kMostCells && cells_ + cells > kMostCells)
      error(pipe.span,
            fmt::format("{}: with it the network has {:.3g} cells; at most 10 million are simulated", who,
                        cells_ + cells),
            "write: a greater cell:");
    cells_ += cells;
  }
  void check(const GasCompressorConfig& station) {
    const std::string who = fmt::format("compressor '{}'", station.name);
    const Span& span = station.span;
    require(station.most_ratio > 1 && station.most_ratio <= 100, span, who,
            "its largest ratio must lie in (1, 100]", station.most_ratio);
    if (station.mode == CompressorMode::ratio)
      require(station.ratio >= 1 && station.ratio <= station.most_ratio, span, who,
              "its ratio must lie between 1 and the largest", station.ratio);
    if (station.mode == CompressorMode::discharge_pressure)
      require(station.discharge_pressure > 0 && std::isfinite(station.discharge_pressure), span, who,
              "its discharge pressure must be positive", station.discharge_pressure);
    require(station.flow >= 0 && std::isfinite(station.flow), span, who, "its flow must not be negative",
            station.flow);
    require(station.most_power > 0, span, who, "its largest power must be positive", station.most_power);
    require(station.efficiency > 0 && station.efficiency <= 1, span, who, "its efficiency must lie in (0, 1]",
            station.efficiency);
    require(station.surge_flow >= 0 && station.surge_slope >= 0, span, who,
            "its surge line must not be negative", std::min(station.surge_flow, station.surge_slope));
    require(station.ramp.ns >= 0 && station.trip_delay.ns >= 0, span, who, "its times must not be negative",
            std::min(station.ramp, station.trip_delay).seconds());
    topology_.compressors.push_back(ends(station.from, station.to, span, who));
  }
  void check(const GasValveConfig& valve) {
    const std::string who = fmt::format("valve '{}'", valve.name);
    if (valve.kind != GasValveKind::short_pipe) {
      require(valve.diameter > 0 && valve.diameter < 10, valve.span, who,
              "its diameter must lie between 0 and 10 m", valve.diameter);
      require(valve.loss > 0 && std::isfinite(valve.loss), valve.span, who,
              "its loss coefficient must be positive", valve.loss);
    }
    require(valve.opening >= 0 && valve.opening <= 1, valve.span, who, "its opening must lie in [0, 1]",
            valve.opening);
    require(valve.travel.ns >= 0, valve.span, who, "its travel time must not be negative",
            valve.travel.seconds());
    topology_.valves.push_back(ends(valve.from, valve.to, valve.span, who));
  }
  void check(const GasSupplyConfig& supply) {
    const std::string who = fmt::format("supply '{}'", supply.name);
    const bool is_pressure = supply.kind == GasSupplyConfig::Kind::pressure;
    if (is_pressure)
      require(supply.value >= kLeastPressure && supply.value < kMostPressure, supply.span, who,
              "it needs a pressure between 1 kPa and 1 GPa, or a flow", supply.value);
    else
      require(supply.value >= 0 && std::isfinite(supply.value), supply.span, who,
              "its flow must not be negative (that would be a demand)", supply.value);
    const uint32_t node = find(nodes_, "node", supply.node, supply.span, who);
    topology_.supplies.push_back(node);
    if (!is_pressure || !nodes_.contains(supply.node)) return;
    const auto [at, is_new] = given_.emplace(node, &supply);
    if (!is_new)
      error(supply.span, fmt::format("{}: supply '{}' gives node '{}' its pressure already", who,
                                     at->second->name, supply.node));
  }
  void check(const GasDemandConfig& demand) {
    const std::string who = fmt::format("demand '{}'", demand.name);
    require(demand.flow >= 0 && std::isfinite(demand.flow), demand.span, who,
            "its flow must not be negative (that would be a supply)", demand.flow);
    require(demand.least_pressure > 0 && std::isfinite(demand.least_pressure), demand.span, who,
            "its least pressure must be positive", demand.least_pressure);
    topology_.demands.push_back(find(nodes_, "node", demand.node, demand.span, who));
  }
  void check(const GasLeakConfig& leak) {
    const std::string who = fmt::format("leak '{}'", leak.name);
    require(leak.discharge > 0 && leak.discharge <= 1, leak.span, who,
            "its discharge coefficient must lie in (0, 1]", leak.discharge);
    require(leak.area >= 0 && leak.area < kMostLeakArea, leak.span, who, "its area must lie in [0, 100) m²",
            leak.area);
    topology_.leaks.push_back(place("leak", leak.name, leak.pipe, leak.position, leak.span));
  }

  /// Every connected part needs a pressure; else its steady state is any.
  void check_pressures() {
    std::vector<uint32_t> parent(config_.nodes.size());
    for (uint32_t i = 0; i < parent.size(); ++i) parent[i] = i;
    const auto root = [&](uint32_t i) {
      while (parent[i] != i) i = parent[i] = parent[parent[i]];
      return i;
    };
    for (const auto* list : {&topology_.pipes, &topology_.compressors, &topology_.valves})
      for (const auto& [from, to] : *list) {
        const uint32_t a = root(from), b = root(to);
        parent[std::max(a, b)] = std::min(a, b);
      }
    std::vector<uint8_t> has_pressure(parent.size(), 0);
    for (const auto& [node, supply] : given_) has_pressure[root(node)] = 1;
    for (uint32_t i = 0; i < parent.size(); ++i) {
      if (parent[i] != i || has_pressure[i]) continue;
      error(config_.nodes[i].span,
            fmt::format("node '{}' and what is connected with it have no supply that gives a pressure",
                        config_.nodes[i].name),
            "write: a supply of kind pressure at one of these nodes, or a pipe to one that has it");
    }
  }

  /// Two given pressures that nothing but short pipes parts have no flow that fits both.
  void check_short_pipes() {
    std::map<uint32_t, uint32_t> parent;
    const auto root = [&](uint32_t i) {
      while (parent.contains(i) && parent[i] != i) i = parent[i];
      return i;
    };
    std::map<uint32_t, const GasSupplyConfig*> held;
    for (const auto& [node, supply] : given_) held[node] = supply;
    for (size_t i = 0; i < config_.valves.size(); ++i) {
      const GasValveConfig& valve = config_.valves[i];
      if (valve.kind != GasValveKind::short_pipe) continue;
      const uint32_t a = root(topology_.valves[i].from), b = root(topology_.valves[i].to);
      if (a == b) continue;
      const auto at_a = held.find(a), at_b = held.find(b);
      if (at_a != held.end() && at_b != held.end())
        error(valve.span,
              fmt::format(
                  "valve '{}': a short pipe resists nothing, and joins the pressures that supplies '{}' "
                  "and '{}' give",
                  valve.name, at_a->second->name, at_b->second->name),
              "write: a pipe or a valve between them, or one supply less");
      parent[b] = a;
      if (at_b != held.end()) held[a] = at_b->second;
    }
  }

  const GasNetworkConfig& config_;
  double cells_ = 0;
  GasTopology topology_;
  Diagnostics problems_;
  std::map<std::string, uint32_t> nodes_, pipes_;
  std::map<uint32_t, const GasSupplyConfig*> given_;
};

}  // namespace

Result<GasTopology> resolve(const GasNetworkConfig& config) { return Resolver(config).resolve(); }

}  // namespace looptwin::sim
