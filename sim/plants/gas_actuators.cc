#include "sim/plants/gas_actuators.h"

#include <algorithm>
#include <limits>

namespace looptwin::sim {

double moved(double position, double command, double travel, double step) {
  const double most = travel > 0 ? step / travel : 1;
  return position + std::clamp(command - position, -most, most);
}

double GasStation::surge_flow(const Gas& gas, double suction, double discharge) const {
  const double head = isentropic_head(gas, discharge / suction);
  return (config_.surge_flow + config_.surge_slope * head) * gas.density(suction);
}

void GasStation::prepare(const Gas& gas, const Command& command, double step, double suction,
                         double discharge, double flow, GasLink& link) {
  if (!command.running) tripped_ = false;
  const double surge = surge_flow(gas, suction, discharge);
  const bool boosts = spin_ > 0 && discharge > suction * (1 + 1e-6);
  in_surge_ = !config_.recycles && boosts && flow < surge ? in_surge_ + step : 0;
  if (in_surge_ > 0 && in_surge_ >= config_.trip_delay.seconds() && command.running) tripped_ = true;

  spin_ = moved(spin_, command.running && !tripped_ ? 1 : 0, config_.ramp.seconds(), step);
  link.mode = command.mode;
  link.target = command.target;
  link.most_ratio = 1 + spin_ * (config_.most_ratio - 1);
  link.shaft = config_.most_power * config_.efficiency;
  link.recycled_to = config_.recycles && spin_ > 0 ? surge : 0;
}

double GasStation::surge_margin(const Gas& gas, double suction, double discharge, double flow) const {
  const double surge = surge_flow(gas, suction, discharge);
  if (surge <= 0) return std::numeric_limits<double>::quiet_NaN();
  return (config_.recycles && spin_ > 0 ? std::max(flow, surge) : flow) / surge - 1;
}

void GasStation::save(ArchiveWriter& writer) const {
  writer.put(spin_);
  writer.put(in_surge_);
  writer.put(tripped_);
}

void GasStation::restore(ArchiveReader& reader) {
  spin_ = reader.get<double>();
  in_surge_ = reader.get<double>();
  tripped_ = reader.get<bool>();
}

}  // namespace looptwin::sim
