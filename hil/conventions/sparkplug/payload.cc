#include "hil/conventions/sparkplug/payload.h"

#include <algorithm>
#include <cmath>

#include "hil/conventions/sparkplug/sparkplug.pb.h"

namespace looptwin::hil::sparkplug {
namespace {

constexpr uint32_t kGoodQuality = 192;

/// OPC's qualities as a property: 0 bad, 192 good, 500 stale.
bool says_bad(const wire::Metric& metric) {
  const auto& properties = metric.properties();
  for (int i = 0; i < std::min(properties.keys_size(), properties.values_size()); ++i)
    if (properties.keys(i) == "Quality" && properties.values(i).has_int_value() &&
        properties.values(i).int_value() != kGoodQuality)
      return true;
  return false;
}

WireValue value_of(const wire::Metric& metric) {
  switch (metric.value_case()) {
    case wire::Metric::kIntValue:
      return metric.int_value();
    case wire::Metric::kLongValue:
      return static_cast<uint64_t>(metric.long_value());
    case wire::Metric::kFloatValue:
      return metric.float_value();
    case wire::Metric::kDoubleValue:
      return metric.double_value();
    case wire::Metric::kBooleanValue:
      return metric.boolean_value();
    case wire::Metric::kStringValue:
      return metric.string_value();
    default:
      return {};
  }
}

struct PutValue {
  wire::Metric& metric;
  void operator()(std::monostate) const {}
  void operator()(uint32_t v) const { metric.set_int_value(v); }
  void operator()(uint64_t v) const { metric.set_long_value(v); }
  void operator()(float v) const { metric.set_float_value(v); }
  void operator()(double v) const { metric.set_double_value(v); }
  void operator()(bool v) const { metric.set_boolean_value(v); }
  void operator()(const std::string& v) const { metric.set_string_value(v); }
};

/// Whole numbers, whichever of both wire types a sender chose.
std::optional<uint64_t> bits_of(const WireValue& value) {
  if (const auto* v = std::get_if<uint32_t>(&value)) return *v;
  if (const auto* v = std::get_if<uint64_t>(&value)) return *v;
  return std::nullopt;
}

/// Numbers of up to 32 bits are sign-extended in an unsigned one; some senders leave the upper bits away.
template <typename Integer>
double narrow(uint64_t bits) {
  return static_cast<double>(static_cast<Integer>(bits));
}

struct Whole {
  double low, high;
};
std::optional<Whole> whole_range(Datatype datatype) {
  switch (datatype) {
    case Datatype::int8:
      return Whole{-0x1p7, 0x1p7 - 1};
    case Datatype::int16:
      return Whole{-0x1p15, 0x1p15 - 1};
    case Datatype::int32:
      return Whole{-0x1p31, 0x1p31 - 1};
    case Datatype::int64:
      return Whole{-0x1p62, 0x1p62};
    case Datatype::uint8:
      return Whole{0, 0x1p8 - 1};
    case Datatype::uint16:
      return Whole{0, 0x1p16 - 1};
    case Datatype::uint32:
      return Whole{0, 0x1p32 - 1};
    case Datatype::uint64:
      return Whole{0, 0x1p62};
    default:
      return std::nullopt;
  }
}

}  // namespace

const Metric* Payload::find(std::string_view name) const {
  const auto found =
      std::find_if(metrics.begin(), metrics.end(), [&](const auto& m) { return m.name == name; });
  return found != metrics.end() ? &*found : nullptr;
}

tl::expected<Payload, PayloadProblem> decode(std::string_view bytes) {
  wire::Payload wire;
  if (bytes.size() > kLongestPayload || !wire.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())))
    return tl::make_unexpected(PayloadProblem::malformed);
  Payload payload;
  if (wire.has_timestamp()) payload.timestamp = wire.timestamp();
  if (wire.has_seq()) payload.seq = wire.seq();
  payload.metrics.reserve(static_cast<size_t>(wire.metrics_size()));
  for (const auto& metric : wire.metrics()) {
    Metric& m = payload.metrics.emplace_back();
    m.name = metric.name();
    if (metric.has_alias()) m.alias = metric.alias();
    if (metric.has_timestamp()) m.timestamp = metric.timestamp();
    m.datatype = static_cast<Datatype>(metric.datatype());
    m.historical = metric.is_historical();
    m.null = metric.is_null();
    m.bad = says_bad(metric);
    m.value = value_of(metric);
  }
  return payload;
}

std::string encode(const Payload& payload) {
  wire::Payload wire;
  if (payload.timestamp) wire.set_timestamp(*payload.timestamp);
  for (const auto& m : payload.metrics) {
    auto& metric = *wire.add_metrics();
    if (!m.name.empty()) metric.set_name(m.name);
    if (m.alias) metric.set_alias(*m.alias);
    if (m.timestamp) metric.set_timestamp(*m.timestamp);
    if (m.datatype != Datatype::unknown) metric.set_datatype(static_cast<uint32_t>(m.datatype));
    if (m.historical) metric.set_is_historical(true);
    if (m.null) metric.set_is_null(true);
    std::visit(PutValue{metric}, m.value);
  }
  if (payload.seq) wire.set_seq(*payload.seq);
  return wire.SerializeAsString();
}

std::optional<Scalar> decoded(const WireValue& value, Datatype datatype) {
  if (const auto bits = bits_of(value)) {
    switch (datatype) {
      case Datatype::int8:
        return narrow<int8_t>(*bits);
      case Datatype::int16:
        return narrow<int16_t>(*bits);
      case Datatype::int32:
        return narrow<int32_t>(*bits);
      case Datatype::int64:
        return narrow<int64_t>(*bits);
      case Datatype::uint8:
      case Datatype::uint16:
      case Datatype::uint32:
      case Datatype::uint64:
        return narrow<uint64_t>(*bits);
      case Datatype::date_time:
        return static_cast<double>(*bits) / 1000;
      default:
        return std::nullopt;
    }
  }
  if (const auto* v = std::get_if<float>(&value))
    return datatype == Datatype::float32 ? std::optional<Scalar>(static_cast<double>(*v)) : std::nullopt;
  if (const auto* v = std::get_if<double>(&value))
    return datatype == Datatype::float64 ? std::optional<Scalar>(*v) : std::nullopt;
  if (const auto* v = std::get_if<bool>(&value))
    return datatype == Datatype::boolean ? std::optional<Scalar>(*v) : std::nullopt;
  const auto* text = std::get_if<std::string>(&value);
  const bool textual =
      datatype == Datatype::string || datatype == Datatype::text || datatype == Datatype::uuid;
  return text != nullptr && textual ? std::optional<Scalar>(*text) : std::nullopt;
}

std::optional<WireValue> encoded(const Scalar& value, Datatype datatype) {
  if (const auto* truth = std::get_if<bool>(&value)) {
    if (datatype == Datatype::boolean) return *truth;
    return whole_range(datatype) ? encoded(*truth ? 1.0 : 0.0, datatype) : std::nullopt;
  }
  if (const auto* text = std::get_if<std::string>(&value)) {
    const bool textual = datatype == Datatype::string || datatype == Datatype::text;
    return textual ? std::optional<WireValue>(*text) : std::nullopt;
  }
  const auto* number = std::get_if<double>(&value);
  if (number == nullptr || !std::isfinite(*number)) return std::nullopt;
  if (datatype == Datatype::float64) return *number;
  if (datatype == Datatype::float32) return static_cast<float>(*number);
  if (datatype == Datatype::date_time)
    return *number >= 0 && *number < 0x1p52 ? std::optional<WireValue>(static_cast<uint64_t>(*number * 1000))
                                            : std::nullopt;
  const auto range = whole_range(datatype);
  const double whole = std::nearbyint(*number);
  if (!range || whole < range->low || whole > range->high) return std::nullopt;
  const auto bits = static_cast<uint64_t>(static_cast<int64_t>(whole));
  // UInt32 as the reference implementation has it: in the wide field.
  if (datatype == Datatype::int64 || datatype == Datatype::uint64 || datatype == Datatype::uint32)
    return bits;
  return static_cast<uint32_t>(bits);
}

}  // namespace looptwin::hil::sparkplug
