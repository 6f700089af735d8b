// plants: physics that devices share, and gas networks in particular.
#include "testbed/reading/sections_plants.h"

#include <algorithm>
#include <filesystem>

#include "sim/plants/gas_network.h"
#include "sim/plants/gas_network_file.h"
#include "sim/plants/line.h"
#include "sim/plants/profiled_plant.h"

namespace looptwin::testbed {
namespace {

constexpr lang::Dimension kPressure{{-1, 1, -2}};

/// A quantity of a fixed unit; a bare number is in it.
Value<double> in(const char* text) {
  return {Form::quantity, [text](Reader& reader, const yaml::Node& node) -> std::optional<double> {
            const auto source = std::make_shared<const Source>(Source{"unit", text});
            const auto unit = reader.units.unit({source, 0, static_cast<uint32_t>(source->text.size())});
            return quantity(reader, node, *unit, false);
          }};
}

/// An absolute pressure; a gauge pressure is taken with the ambient one.
Value<double> pressure() {
  return {Form::quantity, [](Reader& reader, const yaml::Node& node) -> std::optional<double> {
            if (!scalar(reader, node, "a pressure")) return std::nullopt;
            Diagnostics ignored;
            Reader trial{reader.units, ignored};
            const auto read = trial.accept(reader.units.quantity(node.span));
            const bool gauge = read && read->unit.type.point && read->unit.type.dimension == kPressure;
            return gauge ? read->value : in("Pa").read(reader, node);
          }};
}

struct GasDraft {
  bool compressible = false;
  double temperature = 288.706, gravity = 0.6;
  std::optional<double> heat_ratio, viscosity;
  Span span;
};

sim::GasConfig gas_of(const GasDraft& draft) {
  sim::GasConfig gas = draft.compressible ? sim::cnga_gas(draft.temperature, draft.gravity)
                                          : sim::ideal_gas(draft.temperature, draft.gravity);
  if (draft.heat_ratio) gas.heat_ratio = *draft.heat_ratio;
  if (draft.viscosity) gas.viscosity = *draft.viscosity;
  gas.span = draft.span;
  return gas;
}

const Section<GasDraft>& gas_section() {
  using T = GasDraft;
  static const Section<T> kSection(
      "'gas'", "gas",
      {optional<T>("law", word<bool>({{"ideal", false}, {"cnga", true}}), &T::compressible, "ideal",
                   "`cnga`: with the California Natural Gas Association's compressibility"),
       optional<T>("temperature", in("degC"), &T::temperature, "15.556 degC",
                   "of all gas: the model is isothermal"),
       optional<T>("gravity", in("1"), &T::gravity, "0.6", "relative to air"),
       optional<T>("heat_ratio", in("1"), &T::heat_ratio, "1.3", "cp/cv, of orifices and compressors"),
       optional<T>("viscosity", in("Pa.s"), &T::viscosity, "1.1e-5 Pa.s",
                   "for friction laws that ask for it")});
  return kSection;
}

const Section<Repeated<sim::GasNodeConfig>>& node_section() {
  using T = Repeated<sim::GasNodeConfig>;
  static const Section<T> kSection(
      "a node", "nodes",
      {repeated<sim::GasNodeConfig>(),
       optional<T>("height", in("m"), &T::height, "0 m", "above a common level"),
       optional<T>("volume", in("m3"), &T::volume, "0.1 m3", "of pipework that is in no pipe")});
  return kSection;
}

Value<sim::FrictionLaw> friction_law() {
  using Law = sim::FrictionLaw;
  return word<Law>({{"fixed", Law::fixed},
                    {"nikuradse", Law::nikuradse},
                    {"shifrinson", Law::shifrinson},
                    {"hofer", Law::hofer},
                    {"swamee_jain", Law::swamee_jain},
                    {"chen", Law::chen}});
}

const Section<Repeated<sim::GasPipeConfig>>& pipe_section() {
  using T = Repeated<sim::GasPipeConfig>;
  static const Section<T> kSection(
      "a pipe", "pipes",
      {repeated<sim::GasPipeConfig>(), required<T>("from", text(), &T::from, "a node"),
       required<T>("to", text(), &T::to, "a node"),
       required<T>("length", in("m"), &T::length, "along the pipe"),
       required<T>("diameter", in("m"), &T::diameter, "inner"),
       optional<T>("law", friction_law(), &T::law, "fixed", "where the friction factor comes from"),
       optional<T>("friction", in("1"), &T::friction, "0.01", "Darcy's factor, for `fixed`"),
       optional<T>("roughness", in("m"), &T::roughness, "0.01 mm", "for the other laws")});
  return kSection;
}

const Section<Repeated<sim::GasCompressorConfig>>& compressor_section() {
  using T = Repeated<sim::GasCompressorConfig>;
  using Mode = sim::CompressorMode;
  static const Section<T> kSection(
      "a compressor", "compressors",
      {repeated<sim::GasCompressorConfig>(), required<T>("from", text(), &T::from, "the node of its suction"),
       required<T>("to", text(), &T::to, "the node of its discharge"),
       optional<T>("mode",
                   word<Mode>({{"ratio", Mode::ratio},
                               {"discharge_pressure", Mode::discharge_pressure},
                               {"flow", Mode::flow}}),
                   &T::mode, "ratio", "what it holds"),
       optional<T>("ratio", in("1"), &T::ratio, "1", "of pressures, for `ratio`"),
       optional<T>("discharge_pressure", pressure(), &T::discharge_pressure, "none",
                   "for `discharge_pressure`"),
       optional<T>("flow", in("kg/s"), &T::flow, "none", "for `flow`"),
       optional<T>("running", boolean(), &T::running, "true", "at the start"),
       optional<T>("most_ratio", in("1"), &T::most_ratio, "3", "that it can reach"),
       optional<T>("most_power", in("W"), &T::most_power, "no limit", "of its driver"),
       optional<T>("efficiency", share(), &T::efficiency, "80 %", "isentropic"),
       optional<T>("surge_flow", in("m3/s"), &T::surge_flow, "0 m3/s",
                   "least volume flow at suction, without head"),
       optional<T>("surge_slope", in("m3.kg/s/J"), &T::surge_slope, "0",
                   "and by how much it rises with the head"),
       optional<T>("recycles", boolean(), &T::recycles, "true", "below the surge line; else it trips"),
       optional<T>("trip_delay", duration(), &T::trip_delay, "5 s", "below the surge line until it trips"),
       optional<T>("ramp", duration(), &T::ramp, "0 s", "from standstill to its full ratio, and back")});
  return kSection;
}

/// A key that only some kinds of valve have; `kind` is read before it.
Key<Repeated<sim::GasValveConfig>> of_kinds(std::vector<sim::GasValveKind> kinds,
                                            Key<Repeated<sim::GasValveConfig>> key) {
  key.read = [read = key.read, kinds](Reader& reader, const yaml::Entry& entry,
                                      Repeated<sim::GasValveConfig>& out) {
    if (std::find(kinds.begin(), kinds.end(), out.kind) != kinds.end()) return read(reader, entry, out);
    const bool is_short = out.kind == sim::GasValveKind::short_pipe;
    reader.error(
        entry.key_span, fmt::format("a {} has no {}", is_short ? "short pipe" : "check valve", entry.key),
        is_short ? "remove it, or make it a valve, or one of the pipes:" : "remove it, or make it a valve");
  };
  return key;
}

const Section<Repeated<sim::GasValveConfig>>& valve_section() {
  using T = Repeated<sim::GasValveConfig>;
  using Kind = sim::GasValveKind;
  static const Section<T> kSection(
      "a valve", "valves",
      {repeated<sim::GasValveConfig>(), required<T>("from", text(), &T::from, "a node"),
       required<T>("to", text(), &T::to, "a node"),
       required<T>("diameter", in("m"), &T::diameter, "of its bore"),
       optional<T>("kind",
                   word<Kind>({{"valve", Kind::valve},
                               {"check_valve", Kind::check_valve},
                               {"short_pipe", Kind::short_pipe}}),
                   &T::kind, "valve", "a check valve lets gas pass one way only, a short pipe both ways"),
       of_kinds({Kind::valve, Kind::check_valve},
                optional<T>("loss", in("1"), &T::loss, "0.2",
                            "coefficient when fully open; a short pipe has none")),
       of_kinds({Kind::valve}, optional<T>("opening", share(), &T::opening, "100 %",
                                           "of a valve at the start, of the bore's area")),
       of_kinds({Kind::valve},
                optional<T>("travel", duration(), &T::travel, "0 s", "of a valve from open to closed"))});
  return kSection;
}

const Section<Repeated<sim::GasSupplyConfig>>& supply_section() {
  using T = Repeated<sim::GasSupplyConfig>;
  const auto key = [](const char* name, Value<double> value, sim::GasSupplyConfig::Kind kind,
                      const char* about) {
    return Key<T>{{.name = name, .form = Form::quantity, .about = about},
                  [value, kind](Reader& reader, const yaml::Entry& entry, T& out) {
                    const auto read = value.read(reader, entry.value);
                    if (!read) return;
                    if (out.value != 0)
                      return reader.error(entry.value.span, "a supply has a pressure or a flow, not both",
                                          "remove one of them, or make two supplies at the node");
                    out.kind = kind, out.value = *read;
                  }};
  };
  static const Section<T> kSection(
      "a supply", "supplies",
      {repeated<sim::GasSupplyConfig>(), required<T>("node", text(), &T::node, "where it enters"),
       key("pressure", pressure(), sim::GasSupplyConfig::Kind::pressure, "that it holds; or"),
       key("flow", in("kg/s"), sim::GasSupplyConfig::Kind::flow, "that it feeds in")});
  return kSection;
}

const Section<Repeated<sim::GasDemandConfig>>& demand_section() {
  using T = Repeated<sim::GasDemandConfig>;
  static const Section<T> kSection(
      "a demand", "demands",
      {repeated<sim::GasDemandConfig>(), required<T>("node", text(), &T::node, "where it leaves"),
       required<T>("flow", in("kg/s"), &T::flow, "that is wanted"),
       optional<T>("least_pressure", pressure(), &T::least_pressure, "1 bar",
                   "below it less is taken, in proportion")});
  return kSection;
}

const Section<Repeated<sim::GasLeakConfig>>& leak_section() {
  using T = Repeated<sim::GasLeakConfig>;
  static const Section<T> kSection(
      "a leak", "leaks",
      {repeated<sim::GasLeakConfig>(), required<T>("pipe", text(), &T::pipe, "that gets a hole"),
       required<T>("position", in("m"), &T::position, "from its beginning"),
       optional<T>("discharge", in("1"), &T::discharge, "0.8", "coefficient of the hole"),
       optional<T>("area", in("m2"), &T::area, "0 m2", "of the hole at the start")});
  return kSection;
}

const Section<Repeated<sim::GasGaugeConfig>>& gauge_section() {
  using T = Repeated<sim::GasGaugeConfig>;
  static const Section<T> kSection(
      "a gauge", "gauges",
      {repeated<sim::GasGaugeConfig>(), required<T>("pipe", text(), &T::pipe, "where it is read"),
       required<T>("position", in("m"), &T::position, "from its beginning")});
  return kSection;
}

/// A network as written, and the file that it adds to.
struct NetworkDraft : sim::GasNetworkConfig {
  std::string file, boundary;
  sim::FrictionLaw law = sim::FrictionLaw::shifrinson;
  bool cnga = false;
  NetworkDraft() { gas = gas_of({}); }
};

Result<std::unique_ptr<sim::CoupledPlant>> make_network(const NetworkDraft& draft,
                                                        const std::string& folder) {
  if (draft.file.empty()) return as_plant(sim::GasNetwork::make(draft));
  const auto in_folder = [&](const std::string& file) {
    return file.empty() ? file : (std::filesystem::path(folder) / file).string();
  };
  auto read = sim::read_gas_network(in_folder(draft.file), in_folder(draft.boundary),
                                    {.cnga = draft.cnga, .cell = draft.cell, .law = draft.law});
  if (!read) return tl::make_unexpected(std::move(read.error()));
  sim::GasNetworkConfig network = std::move(read->network);
  const auto add = [](auto& to, const auto& from) { to.insert(to.end(), from.begin(), from.end()); };
  add(network.nodes, draft.nodes);
  add(network.pipes, draft.pipes);
  add(network.compressors, draft.compressors);
  add(network.valves, draft.valves);
  add(network.supplies, draft.supplies);
  add(network.demands, draft.demands);
  add(network.leaks, draft.leaks);
  add(network.gauges, draft.gauges);
  network.courant = draft.courant;
  network.span = draft.span;
  auto made = as_plant(sim::GasNetwork::make(network));
  if (!made || read->profiles.empty()) return made;
  return as_plant(sim::ProfiledPlant::make(std::move(*made), std::move(read->profiles)));
}

const Section<NetworkDraft>& gas_network_section() {
  using T = NetworkDraft;
  static const Section<T> kSection(
      "a gas network", "gas_network",
      {optional<T>(
           "file", path(), &T::file, "none",
           "a published network that the other keys add to: a folder of GasTranSim's, or morgen's .net"),
       optional<T>("boundary", path(), &T::boundary, "none",
                   "morgen's .ini with what flows when, for a .net"),
       optional<T>("law", friction_law(), &T::law, "shifrinson", "of the pipes of a .net"),
       section_into<T>("gas", gas_section(), "what flows; of a file its own, and only `law` counts",
                       [](T& out, const GasDraft& gas) {
                         out.cnga = gas.compressible;
                         out.gas = gas_of(gas);
                       }),
       elements<T, sim::GasNodeConfig>("nodes", node_section(), &T::nodes, {}, "where pipes meet"),
       elements<T, sim::GasPipeConfig>("pipes", pipe_section(), &T::pipes,
                                       {&sim::GasPipeConfig::from, &sim::GasPipeConfig::to}, "between nodes"),
       elements<T, sim::GasCompressorConfig>("compressors", compressor_section(), &T::compressors,
                                             {&sim::GasCompressorConfig::from, &sim::GasCompressorConfig::to},
                                             "stations"),
       elements<T, sim::GasValveConfig>("valves", valve_section(), &T::valves,
                                        {&sim::GasValveConfig::from, &sim::GasValveConfig::to},
                                        "valves, check valves and short pipes"),
       elements<T, sim::GasSupplyConfig>("supplies", supply_section(), &T::supplies,
                                         {&sim::GasSupplyConfig::node}, "into nodes"),
       elements<T, sim::GasDemandConfig>("demands", demand_section(), &T::demands,
                                         {&sim::GasDemandConfig::node}, "out of nodes"),
       elements<T, sim::GasLeakConfig>("leaks", leak_section(), &T::leaks, {&sim::GasLeakConfig::pipe},
                                       "places where pipes may break"),
       elements<T, sim::GasGaugeConfig>("gauges", gauge_section(), &T::gauges, {&sim::GasGaugeConfig::pipe},
                                        "places on pipes where pressure and flow are read"),
       optional<T>(
           "cell", in("m"), &T::cell, "1 km",
           "least length of the cells that pipes are cut into; the step is `courant` of the time that "
           "sound takes through one"),
       optional<T>("courant", in("1"), &T::courant, "0.9", "share of that time; below 1")});
  return kSection;
}

}  // namespace

const Section<PlantDraft>& plant_section() {
  using T = PlantDraft;
  static const Section<T> kSection(
      "a plant", "plants",
      {optional<T>("exchange", period_from(kLeastPeriod), &T::exchange, "1 s",
                   "how often devices and the plant see each other's values"),
       section_into<T>("gas_network", gas_network_section(), "pipes, compressors and valves with gas",
                       [](T& out, NetworkDraft network) {
                         for (const auto& file : {network.file, network.boundary})
                           if (!file.empty()) out.files.push_back(file);
                         out.make = [network](uint64_t, const std::string& folder) {
                           return make_network(network, folder);
                         };
                       }),
       section_into<T>("production_line", line_section(), "stations of machines, and buffers between them",
                       [](T& out, sim::LineConfig line) {
                         out.make = [line](uint64_t seed, const std::string&) {
                           return as_plant(sim::ProductionLine::make(line, seed));
                         };
                       }),
       Key<T>{equations_key().info, equations_key().read},
       python_key<T>("a class of the program around us: whole columns of elements")});
  return kSection;
}

}  // namespace looptwin::testbed
