#include "hil/conventions/sparkplug/metrics.h"

namespace looptwin::hil::sparkplug {

ModelMetrics::ModelMetrics(const twin::Model& model, const Mapping& mapping)
    : model_(model), mapping_(mapping) {
  const auto add = [&](Use::Kind kind, const auto& quantities, const std::vector<Place>& places) {
    for (size_t i = 0; i < quantities.size(); ++i) {
      const auto* place = place_in(places, quantities[i].name);
      const auto& name = place != nullptr && !place->at.empty() ? place->at : quantities[i].name;
      names_[static_cast<size_t>(kind)].push_back(name);
      uses_[name].push_back({kind, static_cast<uint16_t>(i)});
    }
  };
  add(Use::Kind::field, model.config.telemetry, mapping.fields);
  add(Use::Kind::setpoint, model.config.setpoints, mapping.setpoints);
  add(Use::Kind::command, model.config.commands, mapping.orders);
  for (const auto& field : model.config.telemetry) scalings_.push_back(twin::scaling_of(field));
}

const std::vector<ModelMetrics::Use>& ModelMetrics::uses(const std::string& metric) const {
  static const std::vector<Use> kNone;
  const auto found = uses_.find(metric);
  return found != uses_.end() ? found->second : kNone;
}

const std::string& ModelMetrics::metric_of(Use::Kind kind, uint16_t index) const {
  return names_[static_cast<size_t>(kind)][index];
}

const lang::Unit& ModelMetrics::unit(const std::vector<Place>& places, const std::string& name,
                                     const lang::Unit& otherwise) const {
  const auto* place = place_in(places, name);
  return place != nullptr && place->unit ? *place->unit : otherwise;
}

std::optional<int32_t> ModelMetrics::raw(uint16_t field, const Scalar& value) const {
  const auto& config = model_.config.telemetry[field];
  return raw_of(config, scalings_[field], unit(mapping_.fields, config.name, config.unit), value);
}

std::optional<double> ModelMetrics::value(uint16_t setpoint, const Scalar& value) const {
  const auto& config = model_.config.setpoints[setpoint];
  return value_of(config, unit(mapping_.setpoints, config.name, config.unit), value);
}

Scalar ModelMetrics::scalar(uint16_t field, int32_t raw) const {
  const auto& config = model_.config.telemetry[field];
  return scalar_of(config, scalings_[field], unit(mapping_.fields, config.name, config.unit), raw);
}

Scalar ModelMetrics::scalar(const twin::Command& command) const {
  if (command.kind == twin::Command::Kind::command) return true;
  const auto& config = model_.config.setpoints[command.index];
  return scalar_of(config, unit(mapping_.setpoints, config.name, config.unit), command.value);
}

void Born::clear() {
  by_name_.clear();
  by_alias_.clear();
}

void Born::add(const Metric& metric) {
  if (metric.name.empty()) return;
  by_name_[metric.name] = {metric.datatype, metric.alias};
  if (metric.alias) by_alias_[*metric.alias] = metric.name;
}

const std::pair<const std::string, Born::Known>* Born::find(const std::string& name) const {
  const auto found = by_name_.find(name);
  return found != by_name_.end() ? &*found : nullptr;
}

const std::pair<const std::string, Born::Known>* Born::find(const Metric& metric) const {
  if (!metric.name.empty()) return find(metric.name);
  const auto alias = metric.alias ? by_alias_.find(*metric.alias) : by_alias_.end();
  return alias != by_alias_.end() ? find(alias->second) : nullptr;
}

}  // namespace looptwin::hil::sparkplug
