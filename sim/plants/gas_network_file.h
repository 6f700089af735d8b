// Reads gas networks that others publish: GasTranSim.jl's folders of JSON files, and morgen's .net and .ini
// files. What a file asks for over time comes as profiles of the plant's input ports.
// docs/plants/gas-network.md says how their elements are taken.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "sim/plants/gas_config.h"

namespace looptwin::sim {

/// What one input port is over time.
struct GasProfile {
  std::string port;                   ///< its name, "demand.3.flow_wanted"
  std::vector<double> times, values;  ///< s since the start, rising; SI
  bool is_linear = true;              ///< between the times; else a value holds until the next
  /// Before the first and after the last time its value.
  double at(double seconds) const;
};

struct GasNetworkFile {
  GasNetworkConfig network;
  std::vector<GasProfile> profiles;
  Duration horizon{};  ///< how long the file's run takes; 0 where it says nothing
};

struct GasFileOptions {
  bool cnga = false;  ///< GasTranSim: the real gas of cnga_gas() instead of the ideal one
  double cell = 1000;
  FrictionLaw law = FrictionLaw::shifrinson;  ///< morgen: files give roughnesses
};

/// GasTranSim: network.json, params.json (SI units only) and bc.json. Slack nodes are supplies of pressure,
/// named after their node; flows out of nodes are demands, into nodes supplies. The bounds of the files
/// (pressures, c_max, max_power) are for planners and are not enforced, as they are not there.
Result<GasNetworkFile> parse_gastransim(const SourcePtr& network, const SourcePtr& params,
                                        const SourcePtr& boundary, const GasFileOptions& options = {});

/// morgen: pipes P, short pipes S, valves V, compressors C (discharge pressures cp); nodes that nothing
/// leads to are supplies with pressures up (bar), nodes that nothing leads from are demands uq (kg/s), both
/// in the order of their names as numbers.
Result<GasNetworkFile> parse_morgen(const SourcePtr& network, const SourcePtr& scenario,
                                    const GasFileOptions& options = {});

/// A folder with GasTranSim's files, or a .net file with its `scenario`, an .ini file.
Result<GasNetworkFile> read_gas_network(const std::string& path, const std::string& scenario = {},
                                        const GasFileOptions& options = {});

}  // namespace looptwin::sim
