// morgen's .net (comma-separated lines) and .ini files.
#include <fmt/format.h>
#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <string_view>

#include "base/text.h"
#include "sim/plants/gas_network_file.h"

namespace looptwin::sim {

namespace {

constexpr double kLongestRun = 1e9;               // s
constexpr double kColdest = -60, kHottest = 150;  // degC, of gas in pipes
constexpr double kBar = 1e5, kZeroCelsius = 273.15;

/// A piece of a source's text.
struct Piece {
  std::string_view text;
  Span span;
};

Piece trimmed(const SourcePtr& source, size_t begin, size_t end) {
  const std::string_view text = source->text;
  constexpr std::string_view kSpace = " \t\r";
  while (begin < end && kSpace.find(text[begin]) != std::string_view::npos) ++begin;
  while (begin < end && kSpace.find(text[end - 1]) != std::string_view::npos) --end;
  return {text.substr(begin, end - begin),
          {source, static_cast<uint32_t>(begin), static_cast<uint32_t>(std::max(end, begin))}};
}

std::vector<Piece> split(const SourcePtr& source, const Piece& piece, char separator) {
  std::vector<Piece> parts;
  size_t begin = piece.span.begin;
  for (size_t at = begin; at <= piece.span.end; ++at) {
    if (at < piece.span.end && source->text[at] != separator) continue;
    parts.push_back(trimmed(source, begin, at));
    begin = at + 1;
  }
  return parts;
}

/// Lines that are not empty and do not begin with '#' or ';'.
std::vector<Piece> lines(const SourcePtr& source) {
  std::vector<Piece> found;
  for (const Piece& line :
       split(source, {source->text, {source, 0, static_cast<uint32_t>(source->text.size())}}, '\n'))
    if (!line.text.empty() && line.text[0] != '#' && line.text[0] != ';') found.push_back(line);
  return found;
}

/// "2" before "10", numbers before words.
bool before(const std::string& a, const std::string& b) {
  const auto number = [](const std::string& s) {
    double value = 0;
    const auto [end, error] = std::from_chars(s.data(), s.data() + s.size(), value);
    return error == std::errc() && end == s.data() + s.size() ? value : INFINITY;
  };
  return number(a) != number(b) ? number(a) < number(b) : a < b;
}

class Reader {
 public:
  explicit Reader(const GasFileOptions& options) : options_(options) {}

  Result<GasNetworkFile> read(const SourcePtr& network, const SourcePtr& scenario) {
    file_.network.cell = options_.cell;
    for (const Piece& line : lines(network)) read_element(network, line);
    set_heights();
    read_settings(scenario);
    if (file_.network.pipes.empty())
      error({network, 0, 0}, "the network has no pipes",
            "write P,from,to,length,diameter,height difference,roughness");
    if (!has_errors(problems_)) set_scenario(scenario);
    if (has_errors(problems_)) return tl::make_unexpected(std::move(problems_));
    return std::move(file_);
  }

 private:
  struct Node {
    bool is_entered = false, is_left = false;
  };

  void error(const Span& span, std::string message, std::string hint = {}) {
    problems_.push_back({Severity::error, span, std::move(message), std::move(hint)});
  }
  double number(const Piece& piece, std::string_view what) {
    double value = 0;
    const auto [end, code] = std::from_chars(piece.text.data(), piece.text.data() + piece.text.size(), value);
    if (code != std::errc() || end != piece.text.data() + piece.text.size() || !std::isfinite(value))
      error(piece.span, fmt::format("{} should be a number, not '{}'", what, piece.text),
            "write a number without unit, as 12.5");
    return value;
  }

  void read_element(const SourcePtr& source, const Piece& line) {
    const auto fields = split(source, line, ',');
    const std::string_view kind = fields[0].text;
    const bool is_pipe = kind == "P";
    if (!is_pipe && kind != "S" && kind != "V" && kind != "C")
      return error(fields[0].span, fmt::format("'{}' is no element", kind),
                   "write: P (pipe), S (short pipe), V (valve) or C (compressor)");
    const size_t least = is_pipe ? 7 : 3;
    if (fields.size() < least)
      return error(line.span, fmt::format("'{}' needs {} fields, there are {}", kind, least, fields.size()),
                   is_pipe ? "write P,from,to,length,diameter,height difference,roughness"
                           : fmt::format("write {},from,to", kind));
    const std::string from(fields[1].text), to(fields[2].text);
    if (from.empty() || to.empty())
      return error(line.span, "an end has no name", "write both nodes, as P,1,2,...");
    if (from == to) return error(line.span, fmt::format("both ends are node '{}'", from), "write two nodes");
    nodes_[from].is_left = true;
    nodes_[to].is_entered = true;
    GasNetworkConfig& network = file_.network;
    if (is_pipe) {
      GasPipeConfig pipe{.name = std::to_string(network.pipes.size() + 1), .from = from, .to = to};
      pipe.length = number(fields[3], "the length");
      pipe.diameter = number(fields[4], "the diameter");
      rises_.push_back(number(fields[5], "the height difference"));
      pipe.roughness = number(fields[6], "the roughness");
      pipe.law = options_.law;
      pipe.span = line.span;
      network.pipes.push_back(std::move(pipe));
      return;
    }
    if (kind == "C") {
      network.compressors.push_back({.name = std::to_string(network.compressors.size() + 1),
                                     .from = from,
                                     .to = to,
                                     .mode = CompressorMode::discharge_pressure,
                                     .most_ratio = 10,
                                     .span = line.span});
      return;
    }
    network.valves.push_back({.name = std::to_string(network.valves.size() + 1),
                              .from = from,
                              .to = to,
                              .kind = kind == "V" ? GasValveKind::valve : GasValveKind::short_pipe,
                              .diameter = 1,
                              .span = line.span});
  }

  /// Heights from differences: along pipes, other elements are level. Around a loop they must add up.
  void set_heights() {
    std::map<std::string, double> height;
    GasNetworkConfig& network = file_.network;
    struct Edge {
      std::string from, to;
      double rise;
      Span span;
    };
    std::vector<Edge> edges;
    for (size_t i = 0; i < network.pipes.size(); ++i)
      edges.push_back({network.pipes[i].from, network.pipes[i].to, rises_[i], network.pipes[i].span});
    for (const auto& c : network.compressors) edges.push_back({c.from, c.to, 0, c.span});
    for (const auto& v : network.valves) edges.push_back({v.from, v.to, 0, v.span});
    for (const auto& [name, node] : nodes_) {
      if (!height.emplace(name, 0).second) continue;
      for (bool moved = true; moved;) {
        moved = false;
        for (const Edge& edge : edges) {
          if (height.contains(edge.from) && !height.contains(edge.to))
            height[edge.to] = height[edge.from] + edge.rise, moved = true;
          else if (height.contains(edge.to) && !height.contains(edge.from))
            height[edge.from] = height[edge.to] - edge.rise, moved = true;
        }
      }
    }
    for (const Edge& edge : edges)
      if (std::abs(height[edge.to] - height[edge.from] - edge.rise) > 0.1)
        error(edge.span, "the height differences around a loop do not add up to 0",
              "look at the sixth fields of its pipes, and at their signs");
    for (const auto& [name, node] : nodes_) network.nodes.push_back({.name = name, .height = height[name]});
    std::sort(network.nodes.begin(), network.nodes.end(),
              [](const auto& a, const auto& b) { return before(a.name, b.name); });
  }

  void read_settings(const SourcePtr& source) {
    for (const Piece& line : lines(source)) {
      const size_t equals = line.text.find('=');
      if (equals == std::string_view::npos) {
        error(line.span, "a line 'name = value' should stand here", "write one, or # before a remark");
        continue;
      }
      const size_t at = line.span.begin + equals;
      const Piece key = trimmed(source, line.span.begin, at);
      if (!settings_.emplace(std::string(key.text), trimmed(source, at + 1, line.span.end)).second)
        error(key.span, fmt::format("'{}' stands twice", key.text), "remove one of them");
    }
  }
  const Piece* setting(const SourcePtr& source, const std::string& key) {
    const auto at = settings_.find(key);
    if (at != settings_.end()) return &at->second;
    std::vector<std::string> known;
    for (const auto& [name, value] : settings_) known.push_back(name);
    error({source, 0, 0}, fmt::format("'{}' is missing", key), did_you_mean(key, known));
    return nullptr;
  }

  /// One series for each of `names`: moments parted by '|', names by ';'.
  void read_series(const SourcePtr& source, const std::string& key, const std::vector<std::string>& ports,
                   double factor, std::vector<GasProfile>& out) {
    const Piece* setting_piece = setting(source, key);
    if (!setting_piece) return;
    const size_t first = out.size();
    for (const std::string& port : ports) out.push_back({port, times_, {}, false});
    const auto moments = split(source, *setting_piece, '|');
    if (moments.size() != times_.size())
      return error(setting_piece->span, fmt::format("'{}' has values for {} moments, but ut has {}", key,
                                                    moments.size(), times_.size()));
    for (const Piece& moment : moments) {
      const auto values = split(source, moment, ';');
      if (values.size() != ports.size())
        return error(moment.span, fmt::format("'{}' has {} values here, but the network has {} {}", key,
                                              values.size(), ports.size(),
                                              key == "up"   ? "nodes that nothing leads to"
                                              : key == "uq" ? "nodes that nothing leads from"
                                                            : "stations"));
      for (size_t i = 0; i < values.size(); ++i)
        out[first + i].values.push_back(factor * number(values[i], "a value"));
    }
  }

  void set_scenario(const SourcePtr& source) {
    GasNetworkConfig& network = file_.network;
    const Piece *temperature = setting(source, "T0"), *constant = setting(source, "Rs"),
                *moments = setting(source, "ut");
    if (!temperature || !constant || !moments) return;
    const double celsius = number(*temperature, "T0");
    if (!(celsius >= kColdest && celsius <= kHottest))
      error(temperature->span,
            fmt::format("T0 = {} degC is no temperature of a gas network", temperature->text),
            celsius > kHottest ? fmt::format("it is in degC: write {:.6g}", celsius - kZeroCelsius)
                               : "write it in degC, as 15");
    network.gas.temperature = celsius + kZeroCelsius;
    network.gas.a_squared = number(*constant, "Rs") * network.gas.temperature;
    for (const Piece& moment : split(source, *moments, '|')) {
      times_.push_back(number(moment, "a moment"));
      if (times_.size() > 1 && times_.back() <= times_[times_.size() - 2])
        error(moment.span, "moments must rise", "write them in s, in order of time");
    }
    network.gas.span = constant->span;
    if (const auto at = settings_.find("tH"); at != settings_.end()) {
      const double seconds = number(at->second, "tH");
      if (seconds >= 0 && seconds <= kLongestRun)
        file_.horizon = {static_cast<int64_t>(std::llround(seconds * 1e9))};
      else
        error(at->second.span, "tH should lie between 0 and 1e9 s", "write the run's length in s");
    }

    std::vector<std::string> supplies, demands, stations;
    for (const GasNodeConfig& node : network.nodes) {
      const Node& use = nodes_[node.name];
      if (!use.is_entered) supplies.push_back(node.name);
      if (!use.is_left) demands.push_back(node.name);
    }
    const auto ports = [](const char* kind, const std::vector<std::string>& names, const char* quantity) {
      std::vector<std::string> out;
      for (const std::string& name : names) out.push_back(fmt::format("{}.{}.{}", kind, name, quantity));
      return out;
    };
    for (const auto& station : network.compressors) stations.push_back(station.name);
    auto& profiles = file_.profiles;
    read_series(source, "up", ports("supply", supplies, "pressure_wanted"), kBar, profiles);
    read_series(source, "uq", ports("demand", demands, "flow_wanted"), 1, profiles);
    if (!stations.empty()) {
      // A pressure for each station, for the whole run or for each moment.
      if (const Piece* cp = setting(source, "cp"); cp && cp->text.find('|') == std::string_view::npos) {
        const auto all = times_;
        times_.resize(std::min<size_t>(times_.size(), 1));
        read_series(source, "cp", ports("compressor", stations, "discharge_pressure_wanted"), kBar, profiles);
        times_ = all;
      } else if (cp) {
        read_series(source, "cp", ports("compressor", stations, "discharge_pressure_wanted"), kBar, profiles);
      }
    }
    if (has_errors(problems_)) return;
    size_t at = 0;
    for (const auto& name : supplies)
      network.supplies.push_back({.name = name,
                                  .node = name,
                                  .value = profiles[at++].values[0],
                                  .span = setting(source, "up")->span});
    for (const auto& name : demands)
      network.demands.push_back({.name = name,
                                 .node = name,
                                 .flow = profiles[at++].values[0],
                                 .span = setting(source, "uq")->span});
    for (auto& station : network.compressors) station.discharge_pressure = profiles[at++].values[0];
  }

  GasFileOptions options_;
  GasNetworkFile file_;
  Diagnostics problems_;
  std::map<std::string, Node> nodes_;
  std::vector<double> rises_;  ///< of pipes
  std::map<std::string, Piece> settings_;
  std::vector<double> times_;
};

}  // namespace

Result<GasNetworkFile> parse_morgen(const SourcePtr& network, const SourcePtr& scenario,
                                    const GasFileOptions& options) {
  return Reader(options).read(network, scenario);
}

}  // namespace looptwin::sim
