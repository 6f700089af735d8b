// The device's side of a mapping: what a device says as messages, and what it is told as commands; the
// inverse of JsonCodec. By it simulated devices are on the broker as real ones are.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "hil/json_codec.h"

namespace looptwin::hil {

struct Publication {
  std::string topic, payload;
  bool retain = false;
};

class DeviceCodec {
 public:
  /// Both are copied.
  DeviceCodec(const twin::ModelConfig& model, Mapping mapping);

  const Mapping& mapping() const { return mapping_; }
  /// Message i of a frame: one text, or one for each field where the topic has {field}. `number` is the
  /// device's count, `dated` Unix seconds by its clock.
  void telemetry(std::string_view device, const twin::Frame& frame, size_t i, uint32_t number, double dated,
                 std::vector<Publication>& out) const;
  void presence(std::string_view device, bool online, std::vector<Publication>& out) const;
  void acknowledgement(std::string_view device, const twin::Acknowledgement& answer, double dated,
                       std::vector<Publication>& out) const;

  struct Order {
    twin::Command command;                 ///< without device, `issued` and `expires`
    double expires = 0;                    ///< Unix seconds; 0: never
    std::optional<twin::Outcome> refused;  ///< it is none that the model knows, and answered at once
  };
  /// Reads what JsonCodec::command() writes; `unit` may be left out, and is else the setpoint's.
  tl::expected<Order, PayloadProblem> order(std::string_view payload) const;

 private:
  twin::ModelConfig model_;
  Mapping mapping_;
  std::vector<twin::ReportGroup> groups_;
  std::vector<twin::Scaling> scalings_;  ///< [field]
};

}  // namespace looptwin::hil
