// GasTranSim.jl's network.json, params.json and bc.json.
#include <fmt/format.h>
#include <algorithm>
#include <cmath>
#include <map>
#include <string_view>

#include "base/json.h"
#include "base/text.h"
#include "sim/plants/gas_network_file.h"

namespace looptwin::sim {

namespace {

constexpr double kLongestRun = 1e9;  // s

class Reader {
 public:
  explicit Reader(const GasFileOptions& options) : options_(options) {}

  Result<GasNetworkFile> read(const SourcePtr& network, const SourcePtr& params, const SourcePtr& boundary) {
    const auto trees = {parse(network), parse(params), parse(boundary)};
    if (!has_errors(problems_)) {
      read_params(trees.begin()[1]);
      read_network(trees.begin()[0]);
      read_boundary(trees.begin()[2]);
      // Where a node's id is wrong, what is missing at node '0' says nothing.
      if (has_errors(problems_)) return tl::make_unexpected(std::move(problems_));
      for (const auto& [node, span] : slack_)
        if (!has_pressure_[node])
          error(span, fmt::format("slack node '{}' has no pressure in boundary_pslack", node),
                "write its pressure there, or slack_bool: 0");
    }
    if (has_errors(problems_)) return tl::make_unexpected(std::move(problems_));
    return std::move(file_);
  }

 private:
  using Members = std::vector<JsonMember>;

  void error(const Span& span, std::string message, std::string hint = {}) {
    problems_.push_back({Severity::error, span, std::move(message), std::move(hint)});
  }
  JsonValue parse(const SourcePtr& source) {
    auto tree = parse_json(source);
    if (tree && tree->kind == JsonValue::Kind::object) return std::move(*tree);
    if (tree)
      error(tree->span, "an object should stand here", "write {...}, as GasTranSim's examples have it");
    else
      problems_.insert(problems_.end(), tree.error().begin(), tree.error().end());
    return {};
  }
  /// The members of an object within `tree`; none where it is missing and may be.
  const Members& object(const JsonValue& tree, std::string_view key, bool is_needed) {
    static const Members kNone;
    const JsonValue* value = tree.find(key);
    if (value && value->kind == JsonValue::Kind::object) return value->members;
    if (value) error(value->span, fmt::format("\"{}\" should be an object", key), "write {...}");
    if (!value && is_needed) error(tree.span, fmt::format("\"{}\" is missing", key), known(tree, key));
    return kNone;
  }
  static std::string known(const JsonValue& tree, std::string_view key) {
    std::vector<std::string> keys;
    for (const auto& [name, at, value] : tree.members) keys.push_back(name);
    return did_you_mean(key, keys);
  }
  double number(const JsonValue& tree, std::string_view key) {
    const JsonValue* value = tree.find(key);
    if (value && value->kind == JsonValue::Kind::number) return value->number;
    if (value)
      error(value->span, fmt::format("\"{}\" should be a number", key), "write it without quotes or unit");
    else
      error(tree.span, fmt::format("\"{}\" is missing", key), known(tree, key));
    return 0;
  }
  /// Whether a 0 or 1, or false or true, is set.
  bool flag(const JsonValue& value, std::string_view key) {
    if (value.kind == JsonValue::Kind::boolean || value.kind == JsonValue::Kind::number)
      return value.number != 0;
    error(value.span, fmt::format("\"{}\" should be 0 or 1", key), "write it without quotes");
    return false;
  }
  template <typename Part>
  static std::vector<std::string> names_of(const std::vector<Part>& parts) {
    std::vector<std::string> names;
    for (const auto& part : parts) names.push_back(part.name);
    return names;
  }
  /// An id, which the files write as a number here and as a string there.
  std::string id(const JsonValue& tree, std::string_view key) { return shortest(number(tree, key)); }

  void read_params(const JsonValue& tree) {
    const JsonValue* params = tree.find("simulation_params");
    if (!params)
      return error(tree.span, "\"simulation_params\" is missing", known(tree, "simulation_params"));
    const double temperature = number(*params, "Temperature (K):");
    const double gravity = number(*params, "Gas specific gravity (G):");
    GasConfig& gas = file_.network.gas;
    gas = options_.cnga ? cnga_gas(temperature, gravity) : ideal_gas(temperature, gravity);
    gas.span = params->span;
    gas.heat_ratio = number(*params, "Specific heat capacity ratio");
    // Whatever else the key says: GasTranSim looks for this word in it.
    for (const auto& [key, at, value] : params->members)
      if (key.find("units") != std::string::npos && flag(value, key))
        error(value.span, "standard (US) units are not read", "write: the values in SI units, and 0 here");
    if (const JsonValue* until = params->find("Final time")) {
      const double seconds = number(*params, "Final time");
      if (seconds >= 0 && seconds <= kLongestRun)
        file_.horizon = {static_cast<int64_t>(std::llround(seconds * 1e9))};
      else
        error(until->span, "\"Final time\" should lie between 0 and 1e9 s", "write the run's length in s");
    }
  }

  void read_network(const JsonValue& tree) {
    GasNetworkConfig& network = file_.network;
    network.cell = options_.cell;
    static constexpr std::string_view kKnown[] = {"nodes",  "pipes",       "compressors",
                                                  "gnodes", "short_pipes", "valves"};
    for (const auto& [key, at, value] : tree.members)
      if (std::find(std::begin(kKnown), std::end(kKnown), key) == std::end(kKnown) && !value.members.empty())
        error(value.span, fmt::format("\"{}\" are elements that are not known here", key),
              "known are nodes, pipes, compressors, gnodes, short_pipes and valves");
    for (const auto& [key, at, node] : object(tree, "nodes", true)) {
      const std::string name = id(node, "node_id");
      network.nodes.push_back({.name = name, .span = node.span});
      if (const JsonValue* slack = node.find("slack_bool"); slack && flag(*slack, "slack_bool"))
        slack_.emplace(name, node.span);
    }
    double widest = 0;
    for (const auto& [key, at, pipe] : object(tree, "pipes", true)) {
      network.pipes.push_back({.name = id(pipe, "pipe_id"),
                               .from = id(pipe, "from_node"),
                               .to = id(pipe, "to_node"),
                               .length = number(pipe, "length"),
                               .diameter = number(pipe, "diameter"),
                               .friction = number(pipe, "friction_factor"),
                               .span = pipe.span});
      widest = std::max(widest, network.pipes.back().diameter);
    }
    for (const auto& [key, at, station] : object(tree, "compressors", false))
      network.compressors.push_back({.name = id(station, "comp_id"),
                                     .from = id(station, "from_node"),
                                     .to = id(station, "to_node"),
                                     .most_ratio = 10,
                                     .span = station.span});
    const auto read_valves = [&](const char* list, const char* name, GasValveKind kind) {
      for (const auto& [key, at, valve] : object(tree, list, false))
        network.valves.push_back({.name = id(valve, name),
                                  .from = id(valve, "from_node"),
                                  .to = id(valve, "to_node"),
                                  .kind = kind,
                                  .diameter = widest,
                                  .span = valve.span});
    };
    read_valves("valves", "valve_id", GasValveKind::valve);
    read_valves("short_pipes", "short_pipe_id", GasValveKind::short_pipe);
    for (const auto& [key, at, pipe] : object(tree, "short_pipes", false))
      if (const JsonValue* loss = pipe.find("loss");
          loss && (loss->kind != JsonValue::Kind::number || loss->number != 0))
        error(loss->span, fmt::format("short pipe '{}' has a loss, which is not read", key),
              "write it as a pipe with its length and diameter, or remove its loss");
  }

  /// "time" and one list beside it, equally long, times rising.
  bool read_series(const JsonValue& tree, std::string_view key, std::vector<double>& times,
                   std::vector<double>& values) {
    for (const auto& [name, out] : {std::pair{std::string_view("time"), &times}, {key, &values}}) {
      const JsonValue* list = tree.find(name);
      if (!list || list->kind != JsonValue::Kind::array || list->items.empty()) {
        error(list ? list->span : tree.span, fmt::format("\"{}\" should be a list of numbers", name),
              "write [0, 3600, ...]");
        return false;
      }
      for (const JsonValue& item : list->items) {
        if (item.kind != JsonValue::Kind::number) {
          error(item.span, "a number should stand here", "write it without quotes or unit");
          return false;
        }
        if (out == &times && !times.empty() && item.number <= times.back()) {
          error(item.span, "times must rise", "write them in s, in order");
          return false;
        }
        out->push_back(item.number);
      }
    }
    if (times.size() == values.size()) return true;
    error(tree.span, fmt::format("{} times, but \"{}\" has {} values", times.size(), key, values.size()),
          "write a value for each time");
    return false;
  }
  bool knows_node(const std::string& name, const Span& span) {
    for (const GasNodeConfig& node : file_.network.nodes)
      if (node.name == name) return true;
    error(span, fmt::format("there is no node '{}' in the network", name),
          did_you_mean(name, names_of(file_.network.nodes)));
    return false;
  }

  void read_boundary(const JsonValue& tree) {
    GasNetworkConfig& network = file_.network;
    for (const auto& [node, at, series] : object(tree, "boundary_pslack", true)) {
      GasProfile profile{"supply." + node + ".pressure_wanted", {}, {}, true};
      if (!knows_node(node, series.span) || !read_series(series, "value", profile.times, profile.values))
        continue;
      has_pressure_[node] = true;
      network.supplies.push_back(
          {.name = node, .node = node, .value = profile.values[0], .span = series.span});
      file_.profiles.push_back(std::move(profile));
    }
    for (const auto& [node, at, series] : object(tree, "boundary_nonslack_flow", false)) {
      std::vector<double> times, values;
      if (knows_node(node, series.span) && read_series(series, "value", times, values))
        add_flow(node, times, values, series.span);
    }
    for (const auto& [name, at, series] : object(tree, "boundary_compressor", false))
      read_control(name, series);
  }

  /// Out of the node where positive, into it where negative.
  void add_flow(const std::string& node, const std::vector<double>& times, const std::vector<double>& values,
                const Span& span) {
    const auto part = [&](double sign) {
      std::vector<double> one = values;
      for (double& v : one) v = std::max(sign * v, 0.0);
      return one;
    };
    if (std::any_of(values.begin(), values.end(), [](double v) { return v < 0; })) {
      file_.profiles.push_back({"supply." + node + ".flow_wanted", times, part(-1), true});
      file_.network.supplies.push_back({.name = node,
                                        .node = node,
                                        .kind = GasSupplyConfig::Kind::flow,
                                        .value = part(-1)[0],
                                        .span = span});
    }
    file_.profiles.push_back({"demand." + node + ".flow_wanted", times, part(1), true});
    file_.network.demands.push_back({.name = node, .node = node, .flow = part(1)[0], .span = span});
  }

  /// control_type 0: a ratio, 1: a discharge pressure, 2: a flow; one for the whole run.
  void read_control(const std::string& name, const JsonValue& series) {
    auto& stations = file_.network.compressors;
    const auto station =
        std::find_if(stations.begin(), stations.end(), [&](const auto& s) { return s.name == name; });
    if (station == stations.end())
      return error(series.span, fmt::format("there is no compressor '{}' in the network", name),
                   did_you_mean(name, names_of(stations)));
    std::vector<double> times, values, types, again;
    if (!read_series(series, "value", times, values) || !read_series(series, "control_type", again, types))
      return;
    const double type = types[0];
    if (type != 0 && type != 1 && type != 2)
      return error(series.find("control_type")->span,
                   "control_type should be 0 (ratio), 1 (discharge pressure) or 2 (flow)",
                   "write one of them for each time");
    if (std::any_of(types.begin(), types.end(), [&](double t) { return t != type; }))
      return error(series.find("control_type")->span,
                   "control_type changes during the run, which is not read", "write the same for each time");
    const auto* list = series.find("value");
    for (size_t i = 0; type == 0 && i < values.size(); ++i)
      if (!(values[i] >= 1 && values[i] <= station->most_ratio))
        return error(list->items[i].span,
                     fmt::format("compressor '{}' has the ratio {}: it must lie between 1 and {}", name,
                                 shortest(values[i]), shortest(station->most_ratio)),
                     "write discharge over suction pressure; or control_type 1 for a pressure, 2 for a flow");
    static constexpr const char* kPorts[] = {"ratio_wanted", "discharge_pressure_wanted", "flow_wanted"};
    const int mode = static_cast<int>(type);
    station->mode = static_cast<CompressorMode>(mode);
    (mode == 0 ? station->ratio : mode == 1 ? station->discharge_pressure : station->flow) = values[0];
    file_.profiles.push_back({"compressor." + name + "." + kPorts[mode], times, values, true});
  }

  GasFileOptions options_;
  GasNetworkFile file_;
  Diagnostics problems_;
  std::map<std::string, Span> slack_;
  std::map<std::string, bool> has_pressure_;
};

}  // namespace

Result<GasNetworkFile> parse_gastransim(const SourcePtr& network, const SourcePtr& params,
                                        const SourcePtr& boundary, const GasFileOptions& options) {
  return Reader(options).read(network, params, boundary);
}

}  // namespace looptwin::sim
