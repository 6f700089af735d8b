// JSON and scalar payloads of one model's devices, to and from what the loop takes in and sends. Whatever
// arrives is hostile until it is read: nothing here throws, and nothing grows beyond the payload's size.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "hil/mapping.h"
#include "hil/payload_bound.h"
#include "hil/scalar.h"
#include "twin/transport.h"

namespace looptwin::hil {

/// One message's samples.
struct Samples {
  std::vector<std::pair<uint16_t, int32_t>> values;  ///< (field of the model, the wire's integer or kMissing)
  std::optional<double> unix_seconds;
  std::optional<uint32_t> sequence;
  std::optional<uint32_t> kept;  ///< the lowest number that the device still has, if it keeps its messages
};

/// "accepted", "out_of_range" …: as acknowledgements say it.
const char* name_of(twin::Outcome outcome);

enum class PayloadProblem : uint8_t { malformed, wrong_type };

/// What somebody asked of a device.
struct Asked {
  twin::Command command;                 ///< without `issued` and `expires`
  std::optional<double> unix_expires;    ///< s; absent: never
  std::optional<twin::Outcome> refused;  ///< it is nothing that the model takes: to be answered, not obeyed
};

class JsonCodec {
 public:
  /// Both are copied.
  JsonCodec(const twin::ModelConfig& model, Mapping mapping);

  const Mapping& mapping() const { return mapping_; }
  /// Of a topic with {field}: `field` is its name, and the payload its value.
  tl::expected<Samples, PayloadProblem> telemetry(std::string_view payload, std::string_view field) const;

  /// {"id": "00ab…", "set": "cool", "value": 25.5, "unit": "degC", "expires": 1700000060, "may_refuse":
  /// true}, or "command": "stop" in place of set, value and unit. `expires`: Unix seconds.
  std::string command(const twin::Command& command, double expires) const;

  struct Answer {
    uint64_t id = 0;
    twin::Outcome outcome = twin::Outcome::accepted;
    std::optional<double> unix_seconds;
  };
  /// {"id": "00ab…", "outcome": "accepted"}; other outcomes: out_of_range, refused, expired, unknown_command.
  tl::expected<Answer, PayloadProblem> acknowledgement(std::string_view payload) const;

  /// {"n": 120}: all up to this message have arrived.
  std::string confirmation(uint32_t number) const;

  // The same, said by a device.
  std::string telemetry_text(const Samples& samples) const;
  /// Of a topic with {field}.
  std::string scalar_text(uint16_t field, int32_t raw) const;
  const std::string& field_name(uint16_t field) const { return model_.telemetry[field].name; }
  std::string acknowledgement_text(const Answer& answer) const;
  /// The command lacks its device. One without an id is not answered, and has to be right.
  tl::expected<Asked, PayloadProblem> asked(std::string_view payload) const;

 private:
  struct Field {
    std::string pointer;
    twin::Scaling scaling;
  };
  std::optional<int32_t> raw(size_t field, const Scalar& value) const;

  twin::ModelConfig model_;
  Mapping mapping_;
  std::vector<Field> fields_;
};

}  // namespace looptwin::hil
