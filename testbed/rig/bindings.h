// What each device of a rig is bound to: a real one, the scenario's own model of it, or a real one with the
// model beside it. Read by several threads; swapped by one at a time.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "twin/registry.h"

namespace looptwin::testbed {

enum class Binding : uint8_t {
  real,
  simulated,  ///< the model runs it, and is on the broker as it would be
  shadow,     ///< it is real, and the model is told the same and compared with it
};
const char* name_of(Binding binding);
/// Whether devices of the model say or hear anything: the elements of a plant do not.
bool speaks(const twin::ModelConfig& model);
std::optional<Binding> binding_of(std::string_view word);

/// What the messages of simulated devices say of where they come from (hil::MqttMessage::origin).
inline constexpr const char* kSimulatedOrigin = "simulated";

/// `bindings: {"cellar/*": simulated}`
struct BindingConfig {
  std::string pattern;  ///< of device ids
  Span span;
  Binding binding = Binding::real;
};

class Bindings {
 public:
  /// Later entries win; a pattern that no device matches is an error. What has neither telemetry nor
  /// setpoints nor commands, as the elements of a plant, is none.
  static Result<std::unique_ptr<Bindings>> make(const std::vector<BindingConfig>& config,
                                                const twin::Registry& registry);

  Binding of(twin::DeviceRef device) const {
    return static_cast<Binding>(
        all_[device.table.index()][device.row.index()].load(std::memory_order_acquire));
  }
  void set(twin::DeviceRef device, Binding binding) {
    all_[device.table.index()][device.row.index()].store(static_cast<uint8_t>(binding),
                                                         std::memory_order_release);
  }
  size_t count(Binding binding) const;

 private:
  std::vector<std::vector<std::atomic<uint8_t>>> all_;  ///< [table][row]
};

}  // namespace looptwin::testbed
