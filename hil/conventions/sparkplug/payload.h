// Sparkplug B payloads: what a message carries, and its bytes. A metric's value is what is on the wire until
// its datatype is known, which DATA messages need not carry: it is remembered from the BIRTH.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "hil/json_codec.h"
#include "hil/payload_bound.h"
#include "hil/scalar.h"

namespace looptwin::hil::sparkplug {

enum class Datatype : uint32_t {
  unknown,
  int8,
  int16,
  int32,
  int64,
  uint8,
  uint16,
  uint32,
  uint64,
  float32,
  float64,
  boolean,
  string,
  date_time,
  text,
  uuid
};

/// As it is on the wire. monostate: none, or one that the loop has no use for (data sets, templates, bytes).
using WireValue = std::variant<std::monostate, uint32_t, uint64_t, float, double, bool, std::string>;

struct Metric {
  std::string name;  ///< empty where an alias stands for it
  std::optional<uint64_t> alias;
  std::optional<uint64_t> timestamp;  ///< ms since 1970
  Datatype datatype = Datatype::unknown;
  bool historical = false;
  bool null = false;
  bool bad = false;  ///< its Quality property says so
  WireValue value;
};

struct Payload {
  std::optional<uint64_t> timestamp;  ///< ms since 1970
  std::optional<uint64_t> seq;
  std::vector<Metric> metrics;

  const Metric* find(std::string_view name) const;
};

tl::expected<Payload, PayloadProblem> decode(std::string_view bytes);
std::string encode(const Payload& payload);

/// A value by its datatype; absent where they do not fit, or where it is no scalar. Times are Unix seconds.
std::optional<Scalar> decoded(const WireValue& value, Datatype datatype);
/// Numbers are rounded to what the datatype can hold; absent where it cannot.
std::optional<WireValue> encoded(const Scalar& value, Datatype datatype);

}  // namespace looptwin::hil::sparkplug
