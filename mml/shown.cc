#include "mml/shown.h"

#include <fmt/format.h>
#include <charconv>
#include <cmath>

#include "base/text.h"

namespace looptwin::mml {
namespace {

bool known(double x) { return std::isfinite(x); }

/// How many decimals show a resolution: 0.25 needs two, 10 none. One that no few decimals show, as that of
/// 0.1 K in degF, gets as many as its size asks for.
int decimals_of(double resolution) {
  constexpr int kMost = 9, kFurther = 2;
  int least = 0;
  double scaled = resolution;
  for (; least < kMost && scaled < 1 - 1e-9; ++least) scaled *= 10;
  for (int d = least; d <= least + kFurther; ++d, scaled *= 10)
    if (std::fabs(scaled - std::round(scaled)) < 1e-6 * scaled) return d;
  return least;
}

/// Without the sign of a zero: "-0.0" says nothing that "0.0" does not.
std::string without_negative_zero(std::string text) {
  if (text.starts_with('-') && text.find_first_not_of("-0.") == std::string::npos) text.erase(0, 1);
  return text;
}

std::string digits(double x, double resolution) {
  if (resolution > 0) return without_negative_zero(fmt::format("{:.{}f}", x, decimals_of(resolution)));
  return without_negative_zero(std::fabs(x) >= 1000 ? fmt::format("{:.0f}", x) : fmt::format("{:.4g}", x));
}

std::string json_number(double x, double resolution) {
  const std::string rounded =
      resolution > 0 ? fmt::format("{:.{}f}", x, decimals_of(resolution)) : fmt::format("{:.12g}", x);
  double value = 0;
  std::from_chars(rounded.data(), rounded.data() + rounded.size(), value);
  return shortest(value == 0 ? 0.0 : value);
}

bool is_bare(const lang::Unit& unit) { return unit.text.empty() || unit.text == "1"; }

}  // namespace

double Showing::value(const Shown& shown, twin::DeviceRef device) const {
  const auto storage = schema_.column(device.table, shown.column).storage;
  const double value = twin::load(tables_.column(device.table, shown.column), storage, device.row.index());
  return shown.is == Shown::Is::number ? shown.unit.from_si(value) : value;
}

const std::string* Showing::word(const Shown& shown, double code) const {
  const auto& words = schema_.enumerations[shown.words.index()].words;
  return code >= 0 && code < static_cast<double>(words.size()) ? &words[static_cast<size_t>(code)] : nullptr;
}

std::string Showing::text(const Shown& shown, twin::DeviceRef device) const {
  if (shown.is == Shown::Is::id) return std::string(registry_.id(device));
  if (shown.is == Shown::Is::text) return shown.text;
  const double x = value(shown, device);
  if (shown.is == Shown::Is::boolean) return x == 1 ? "true" : x == 0 ? "false" : "unknown";
  if (shown.is == Shown::Is::word) {
    const auto* found = word(shown, x);
    return found != nullptr ? *found : "unknown";
  }
  if (!known(x)) return "unknown";
  return digits(x, shown.resolution) + (is_bare(shown.unit) ? "" : " " + shown.unit.text);
}

std::string Showing::text(const Text& pieces, twin::DeviceRef device) const {
  std::string out;
  for (const auto& piece : pieces) {
    out += piece.text;
    if (piece.value) out += text(*piece.value, device);
  }
  return out;
}

std::string Showing::json_value(const Shown& shown, twin::DeviceRef device) const {
  if (shown.is == Shown::Is::id) return json_string(registry_.id(device));
  if (shown.is == Shown::Is::text) return json_string(shown.text);
  const double x = value(shown, device);
  if (shown.is == Shown::Is::boolean) return x == 1 ? "true" : x == 0 ? "false" : "null";
  if (shown.is == Shown::Is::word) {
    const auto* found = word(shown, x);
    return found != nullptr ? json_string(*found) : "null";
  }
  return known(x) ? json_number(x, shown.resolution) : "null";
}

std::string Showing::json_fields(const Shown& shown, twin::DeviceRef device) const {
  const std::string fields = fmt::format("\"value\":{}", json_value(shown, device));
  if (shown.is != Shown::Is::number || is_bare(shown.unit)) return fields;
  return fmt::format("{},\"unit\":{}", fields, json_string(shown.unit.text));
}

std::string Showing::json(const Shown& shown, twin::DeviceRef device) const {
  if (shown.is != Shown::Is::number || is_bare(shown.unit)) return json_value(shown, device);
  return fmt::format("{{{}}}", json_fields(shown, device));
}

std::string json_string(std::string_view text) {
  std::string json = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\')
      json += fmt::format("\\{}", c);
    else if (c == '\n')
      json += "\\n";
    else if (static_cast<unsigned char>(c) < 0x20)
      json += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
    else
      json += c;
  }
  return json + '"';
}

}  // namespace looptwin::mml
