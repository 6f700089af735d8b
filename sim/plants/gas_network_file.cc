#include "sim/plants/gas_network_file.h"

#include <fmt/format.h>
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace looptwin::sim {

namespace {

Result<SourcePtr> read_text(const std::string& path) {
  std::error_code error;
  if (!std::filesystem::exists(path, error))
    return failure(
        fmt::format("cannot read {}: there is no such file", path),
        "a network is a .net with its .ini, or a folder with network.json, params.json and bc.json");
  if (std::filesystem::is_directory(path, error))
    return failure(fmt::format("cannot read {}: it is a folder", path), "name a file");
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  if (!file || file.bad())
    return failure(fmt::format("cannot read {}: it does not open", path), "look at who may read it");
  return std::make_shared<const Source>(Source{path, std::move(text).str()});
}

}  // namespace

double GasProfile::at(double seconds) const {
  if (times.empty()) return 0;
  const auto after = std::upper_bound(times.begin(), times.end(), seconds) - times.begin();
  if (after == 0) return values.front();
  const auto i = static_cast<size_t>(after - 1);
  if (!is_linear || i + 1 == times.size()) return values[i];
  const double part = (seconds - times[i]) / (times[i + 1] - times[i]);
  return values[i] + part * (values[i + 1] - values[i]);
}

Result<GasNetworkFile> read_gas_network(const std::string& path, const std::string& scenario,
                                        const GasFileOptions& options) {
  std::error_code error;
  const bool is_folder = std::filesystem::is_directory(path, error);
  std::vector<std::string> names;
  if (is_folder)
    names = {path + "/network.json", path + "/params.json", path + "/bc.json"};
  else
    names = {path, scenario};
  if (!is_folder && scenario.empty())
    return failure(fmt::format("{} needs a scenario, an .ini file", path),
                   "write: its name behind the network");
  std::vector<SourcePtr> sources;
  Diagnostics problems;
  for (const std::string& name : names) {
    auto text = read_text(name);
    if (text)
      sources.push_back(*text);
    else
      problems.insert(problems.end(), text.error().begin(), text.error().end());
  }
  if (has_errors(problems)) return tl::make_unexpected(std::move(problems));
  return is_folder ? parse_gastransim(sources[0], sources[1], sources[2], options)
                   : parse_morgen(sources[0], sources[1], options);
}

}  // namespace looptwin::sim
