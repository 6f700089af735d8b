#include "hil/scalar.h"

#include <algorithm>
#include <cmath>

#include "lang/readable.h"

namespace looptwin::hil {
namespace {

/// The number of a word or of a truth; absent where the value is of another type.
std::optional<double> coded(const std::vector<std::string>& words, const Scalar& value) {
  if (words.empty()) {
    const auto* truth = std::get_if<bool>(&value);
    return truth != nullptr ? std::optional(*truth ? 1.0 : 0.0) : std::nullopt;
  }
  const auto* text = std::get_if<std::string>(&value);
  const auto word = text != nullptr ? std::find(words.begin(), words.end(), *text) : words.end();
  return word != words.end() ? std::optional(static_cast<double>(word - words.begin())) : std::nullopt;
}

Scalar uncoded(const std::vector<std::string>& words, double code) {
  if (words.empty()) return code != 0;
  return 0 <= code && code < static_cast<double>(words.size()) ? Scalar(words[static_cast<size_t>(code)])
                                                               : Scalar();
}

}  // namespace

std::optional<int32_t> raw_of(const twin::FieldConfig& field, const twin::Scaling& scaling,
                              const lang::Unit& unit, const Scalar& value) {
  if (std::holds_alternative<std::monostate>(value)) return twin::kMissing;
  if (field.boolean || !field.words.empty()) {
    const auto code = coded(field.words, value);
    return code ? std::optional(static_cast<int32_t>(*code)) : std::nullopt;
  }
  const auto* number = std::get_if<double>(&value);
  if (number == nullptr) return std::nullopt;
  const double si = unit.to_si(*number);
  return std::isfinite(si) ? scaling.to_raw(si) : twin::kMissing;
}

Scalar scalar_of(const twin::FieldConfig& field, const twin::Scaling& scaling, const lang::Unit& unit,
                 int32_t raw) {
  if (raw == twin::kMissing) return {};
  if (field.boolean || !field.words.empty()) return uncoded(field.words, raw);
  // In the field's own unit the wire's integer is a whole number of steps: without a detour over SI its
  // decimals are few.
  if (unit.text == field.unit.text)
    return scaling.steps != 0 ? raw / scaling.steps : raw * scaling.resolution;
  return lang::readable(scaling.to_si(raw), unit);
}

Scalar scalar_of(const twin::SetpointConfig& setpoint, const lang::Unit& unit, double value) {
  if (setpoint.boolean || !setpoint.words.empty()) return uncoded(setpoint.words, value);
  return lang::readable(value, unit);
}

std::optional<double> value_of(const twin::SetpointConfig& setpoint, const lang::Unit& unit,
                               const Scalar& value) {
  if (setpoint.boolean || !setpoint.words.empty()) return coded(setpoint.words, value);
  const auto* number = std::get_if<double>(&value);
  return number != nullptr && std::isfinite(*number) ? std::optional(unit.to_si(*number)) : std::nullopt;
}

}  // namespace looptwin::hil
