// What moves by itself in a gas network: compressor machines (running, tripped, spinning up and down) and
// valves (travelling). Each sets the equation of its link for the next step.
#pragma once

#include "base/archive.h"
#include "sim/plants/gas_links.h"

namespace looptwin::sim {

class GasStation {
 public:
  explicit GasStation(const GasCompressorConfig& config) : config_(config), spin_(config.running) {}

  struct Command {
    CompressorMode mode = CompressorMode::ratio;
    double target = 1;
    bool running = true;
  };
  /// Lets `step` seconds pass (0: none, for the steady state) with suction and discharge as they are and
  /// `flow` kg/s through the station. A machine that tripped stays so until running is withdrawn.
  void prepare(const Gas& gas, const Command& command, double step, double suction, double discharge,
               double flow, GasLink& link);

  bool tripped() const { return tripped_; }
  /// How far the machine's volume flow is above the surge line, relative to it; NaN without a surge line.
  double surge_margin(const Gas& gas, double suction, double discharge, double flow) const;
  double efficiency() const { return config_.efficiency; }

  void save(ArchiveWriter& writer) const;
  void restore(ArchiveReader& reader);

 private:
  double surge_flow(const Gas& gas, double suction, double discharge) const;  ///< kg/s

  GasCompressorConfig config_;
  double spin_;          ///< 0 at standstill, 1 at full speed
  double in_surge_ = 0;  ///< for how long now, s
  bool tripped_ = false;
};

/// Moves towards a position between 0 and 1 at 1/travel per second; at once where travel is 0.
double moved(double position, double command, double travel, double step);

}  // namespace looptwin::sim
