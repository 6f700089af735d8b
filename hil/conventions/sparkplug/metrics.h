// Which metric stands for which field, setpoint and command of a model: by name, or where the mapping says.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "hil/conventions/convention.h"
#include "hil/conventions/sparkplug/payload.h"

namespace looptwin::hil::sparkplug {

/// One model's side of metrics.
class ModelMetrics {
 public:
  ModelMetrics(const twin::Model& model, const Mapping& mapping);

  /// One of the model's quantities that a metric may stand for. A field and a setpoint may share one.
  struct Use {
    enum class Kind : uint8_t { field, setpoint, command } kind;
    uint16_t index;
  };
  const std::vector<Use>& uses(const std::string& metric) const;
  const std::string& metric_of(Use::Kind kind, uint16_t index) const;

  /// Absent where the metric's type is not the field's.
  std::optional<int32_t> raw(uint16_t field, const Scalar& value) const;
  std::optional<double> value(uint16_t setpoint, const Scalar& value) const;
  Scalar scalar(uint16_t field, int32_t raw) const;
  Scalar scalar(const twin::Command& command) const;

  const twin::ModelConfig& config() const { return model_.config; }
  const Mapping& mapping() const { return mapping_; }

 private:
  const lang::Unit& unit(const std::vector<Place>& places, const std::string& name,
                         const lang::Unit& otherwise) const;
  const twin::Model& model_;
  Mapping mapping_;
  std::vector<twin::Scaling> scalings_;
  std::vector<std::string> names_[3];  ///< [kind][index]
  std::map<std::string, std::vector<Use>> uses_;
};

/// What a device's BIRTH said of its metrics: DATA may leave out datatypes, and names where there are
/// aliases.
class Born {
 public:
  struct Known {
    Datatype datatype = Datatype::unknown;
    std::optional<uint64_t> alias;
  };
  void clear();
  void add(const Metric& metric);
  /// The metric's name and datatype; null where the BIRTH did not have it.
  const std::pair<const std::string, Known>* find(const Metric& metric) const;
  const std::pair<const std::string, Known>* find(const std::string& name) const;

 private:
  std::map<std::string, Known> by_name_;
  std::map<uint64_t, std::string> by_alias_;
};

}  // namespace looptwin::hil::sparkplug
