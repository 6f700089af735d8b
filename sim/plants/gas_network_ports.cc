// A gas network's border: its ports, and its state in an archive.
#include <algorithm>
#include <cmath>

#include "sim/plants/gas_network.h"

namespace looptwin::sim {

size_t GasNetwork::declare(const std::string& element, const char* quantity, const char* unit,
                           PortDirection direction, double value) {
  if (direction == PortDirection::in) inputs_.push_back(ports_.size());
  ports_.push_back({element, quantity, unit, direction});
  values_.push_back(value);
  return ports_.size() - 1;
}

void GasNetwork::declare_ports(const GasNetworkConfig& config) {
  constexpr auto in = PortDirection::in, out = PortDirection::out;
  for (size_t i = 0; i < config.nodes.size(); ++i) {
    const size_t port = declare("node." + config.nodes[i].name, "pressure", "Pa", out);
    if (i == 0) node_ports_ = port;
  }
  for (size_t i = 0; i < pipes_.size(); ++i) {
    const std::string name = "pipe." + config.pipes[i].name;
    pipes_[i].flow_in = declare(name, "flow_in", "kg/s", out);
    pipes_[i].flow_out = declare(name, "flow_out", "kg/s", out);
    pipes_[i].linepack = declare(name, "linepack", "kg", out);
  }
  for (size_t i = 0; i < stations_.size(); ++i) {
    const GasCompressorConfig& from = config.compressors[i];
    const std::string name = "compressor." + from.name;
    Station& to = stations_[i];
    to.mode = declare(name, "mode", "1", in, static_cast<double>(from.mode));
    to.ratio = declare(name, "ratio_wanted", "1", in, from.ratio);
    to.discharge_pressure = declare(name, "discharge_pressure_wanted", "Pa", in, from.discharge_pressure);
    to.flow_wanted = declare(name, "flow_wanted", "kg/s", in, from.flow);
    to.running = declare(name, "running", "1", in, from.running);
    to.flow = declare(name, "flow", "kg/s", out);
    to.power = declare(name, "power", "W", out);
    to.ratio_now = declare(name, "ratio", "1", out);
    to.surge_margin = declare(name, "surge_margin", "1", out);
    to.tripped = declare(name, "tripped", "1", out);
  }
  for (size_t i = 0; i < valves_.size(); ++i) {
    const std::string name = "valve." + config.valves[i].name;
    Valve& valve = valves_[i];
    if (valve.is_moved) {
      valve.command = declare(name, "command", "1", in, valve.position);
      valve.opening = declare(name, "opening", "1", out);
    }
    valve.flow = declare(name, "flow", "kg/s", out);
  }
  for (size_t i = 0; i < supplies_.size(); ++i) {
    const std::string name = "supply." + config.supplies[i].name;
    Supply& supply = supplies_[i];
    supply.wanted = supply.is_pressure ? declare(name, "pressure_wanted", "Pa", in, config.supplies[i].value)
                                       : declare(name, "flow_wanted", "kg/s", in, config.supplies[i].value);
    supply.flow = declare(name, "flow", "kg/s", out);
  }
  for (size_t i = 0; i < demands_.size(); ++i) {
    const std::string name = "demand." + config.demands[i].name;
    demands_[i].wanted = declare(name, "flow_wanted", "kg/s", in, config.demands[i].flow);
    demands_[i].flow = declare(name, "flow", "kg/s", out);
  }
  for (size_t i = 0; i < leaks_.size(); ++i) {
    const std::string name = "leak." + config.leaks[i].name;
    leaks_[i].area = declare(name, "area", "m2", in, config.leaks[i].area);
    leaks_[i].withdrawal = declare(name, "withdrawal", "kg/s", in, 0);
    leaks_[i].flow = declare(name, "flow", "kg/s", out);
  }
  for (size_t i = 0; i < gauges_.size(); ++i) {
    const std::string name = "gauge." + config.gauges[i].name;
    gauges_[i].pressure = declare(name, "pressure", "Pa", out);
    gauges_[i].flow = declare(name, "flow", "kg/s", out);
  }
  network_ports_ = declare("network", "linepack", "kg", out);
  declare("network", "supplied", "kg", out);
  declare("network", "delivered", "kg", out);
  declare("network", "leaked", "kg", out);
  declare("network", "unsettled_steps", "1", out);
  acting_ = values_;
}

void GasNetwork::latch_inputs() {
  // An input that is no number leaves what was.
  for (const size_t port : inputs_)
    if (std::isfinite(values_[port])) acting_[port] = values_[port];
}

void GasNetwork::publish() {
  for (size_t i = 0; i < nodes_.size(); ++i) values_[node_ports_ + i] = nodes_.pressure[i];
  for (const Pipe& pipe : pipes_) {
    // What passes a pipe's end also fills the half cell there.
    const auto fills = [&](uint32_t node) {
      return pipe.half_volume * (nodes_.before[node] - last_density_[node]) / seconds_;
    };
    const auto [from, to] = pipe.ends;
    const bool on_grid = pipe.on_grid;
    values_[pipe.flow_in] = (on_grid ? grid_.flow_in(pipe.index) : flows_[pipe.index]) + fills(from);
    values_[pipe.flow_out] = (on_grid ? grid_.flow_out(pipe.index) : flows_[pipe.index]) - fills(to);
    const double ends = (nodes_.before[from] + nodes_.before[to]) / 2;
    values_[pipe.linepack] = on_grid ? grid_.mass(pipe.index) : pipe.volume * ends;
  }
  // A leak at an end is the pipe's, too.
  for (const Leak& leak : leaks_) {
    const Pipe& pipe = pipes_[leak.pipe];
    for (const Outlet& outlet : leak.outlets) {
      if (outlet.at_node && outlet.point == 0) values_[pipe.flow_in] += outlet.taken;
      if (outlet.at_node && outlet.point != 0) values_[pipe.flow_out] -= outlet.taken;
    }
  }
  for (const Station& station : stations_) {
    const GasLink& link = links_[station.link];
    const double suction = nodes_.pressure[link.from], discharge = nodes_.pressure[link.to];
    const double flow = flows_[station.link];
    values_[station.flow] = flow;
    values_[station.power] =
        compression_power(gas_, link, discharge / suction, flow) / station.machine.efficiency();
    values_[station.ratio_now] = discharge / suction;
    values_[station.surge_margin] = station.machine.surge_margin(gas_, suction, discharge, flow);
    values_[station.tripped] = station.machine.tripped();
  }
  for (const Valve& valve : valves_) {
    if (valve.is_moved) values_[valve.opening] = valve.position;
    values_[valve.flow] = flows_[valve.link];
  }
  for (const Supply& supply : supplies_) values_[supply.flow] = supply.now;
  for (const Demand& demand : demands_) values_[demand.flow] = demand.now;
  for (const Leak& leak : leaks_) values_[leak.flow] = leak.now;
  for (const Gauge& gauge : gauges_) {
    const Pipe& pipe = pipes_[gauge.pipe];
    if (pipe.on_grid) {
      values_[gauge.pressure] = grid_.pressure_at(pipe.index, gauge.position);
      values_[gauge.flow] = grid_.flow_at(pipe.index, gauge.position);
    } else {
      const double part = gauge.position / pipe.length;
      values_[gauge.pressure] =
          nodes_.pressure[pipe.ends.from] * (1 - part) + nodes_.pressure[pipe.ends.to] * part;
      values_[gauge.flow] = flows_[pipe.index];
    }
  }
  const double network[] = {mass(), supplied_, delivered_, leaked_, static_cast<double>(unsettled_)};
  std::copy(std::begin(network), std::end(network), values_.begin() + static_cast<ptrdiff_t>(network_ports_));
}

void GasNetwork::save(ArchiveWriter& writer) const {
  writer.section("gas.network", 1);
  writer.put(now_);
  writer.put(steps_);
  writer.put(latched_);
  for (const double total : {supplied_, delivered_, leaked_}) writer.put(total);
  writer.put(unsettled_);
  for (const auto* column : {&values_, &acting_, &nodes_.pressure, &nodes_.before, &flows_})
    writer.put_vector(*column);
  for (const Station& station : stations_) station.machine.save(writer);
  for (const Valve& valve : valves_) writer.put(valve.position);
  grid_.save(writer);
}

void GasNetwork::restore(ArchiveReader& reader) {
  reader.section("gas.network", 1);
  now_ = reader.get<Time>();
  steps_ = reader.get<int64_t>();
  latched_ = reader.get<bool>();
  for (double* total : {&supplied_, &delivered_, &leaked_}) *total = reader.get<double>();
  unsettled_ = reader.get<uint64_t>();
  for (auto* column : {&values_, &acting_, &nodes_.pressure, &nodes_.before, &flows_})
    reader.get_span(std::span(*column));
  for (Station& station : stations_) station.machine.restore(reader);
  for (Valve& valve : valves_) valve.position = reader.get<double>();
  grid_.restore(reader);
}

}  // namespace looptwin::sim
