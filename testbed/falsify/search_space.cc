#include "testbed/falsify/search_space.h"

#include <fmt/format.h>
#include <algorithm>
#include <cmath>
#include <utility>

#include "lang/units.h"

namespace looptwin::testbed {
namespace {

/// The n-th of `count` equally probable things that x falls on.
size_t index_of(double x, size_t count) {
  return std::min(count - 1, static_cast<size_t>(x * static_cast<double>(count)));
}

/// Steps of a range, counting both ends.
size_t steps_of(const SearchRange& range) {
  return static_cast<size_t>(std::floor((range.high - range.low) / range.step * (1 + 1e-12))) + 1;
}

/// The last decimal place that `digits` digits of a range reach: 10^-places.
int places_of(const SearchRange& range, int digits) {
  return digits - 1 - static_cast<int>(std::floor(std::log10(range.high - range.low)));
}

double rounded_to(double value, int places) {
  const double scale = std::pow(10.0, std::abs(places));
  return places >= 0 ? std::round(value * scale) / scale : std::round(value / scale) * scale;
}

double number_of(const SearchRange& range, double x, int digits) {
  if (range.step > 0) return range.low + static_cast<double>(index_of(x, steps_of(range))) * range.step;
  const double exact = range.low + x * (range.high - range.low);
  return std::clamp(rounded_to(exact, places_of(range, digits)), range.low, range.high);
}

/// Without exponent and without zeros at its end.
std::string number_text(double value) {
  auto text = fmt::format("{:.15g}", value);
  if (text.find('e') == std::string::npos) return text;
  text = fmt::format("{:.20f}", value);
  while (text.back() == '0') text.pop_back();
  if (text.back() == '.') text.pop_back();
  return text;
}

/// The seconds of a unit of time that a moment is in; 0 of what is no moment.
double second_of(const std::string& key, const SearchRange& range) {
  if (key != "after" || range.unit.empty()) return 0;
  const auto source = std::make_shared<const Source>(Source{"search", "1 " + range.unit});
  const auto length = lang::Units().duration({source, 0, static_cast<uint32_t>(source->text.size())});
  return length ? length->seconds() : 0;
}

}  // namespace

SearchSpace::SearchSpace(SearchConfig config) : config_(std::move(config)) {
  for (size_t v = 0; v < config_.values.size(); ++v)
    for (size_t e = 0; e < std::max<size_t>(1, config_.values[v].elements); ++e)
      variables_.push_back({SearchVariable::Is::value, config_.values[v].range, 0, v, e, 0});
  for (size_t c = 0; c < config_.entries.size(); ++c) {
    const auto& entry = config_.entries[c];
    for (size_t copy = 0; copy < entry.up_to; ++copy) {
      const size_t index = entries_.size();
      entries_.push_back({c, variables_.size(), {}});
      variables_.push_back({SearchVariable::Is::presence, {}, 0, 0, 0, index});
      for (size_t r = 0; r < entry.ranges.size(); ++r) {
        entries_.back().parts.push_back(variables_.size());
        variables_.push_back({SearchVariable::Is::part, entry.ranges[r],
                              second_of(entry.keys[r], entry.ranges[r]), 0, 0, index});
      }
    }
  }
}

std::string SearchSpace::text(size_t variable, double at, int digits) const {
  const auto& range = variables_[variable].range;
  if (!range.choices.empty()) return range.choices[choice(variable, at)];
  const auto number = number_text(number_of(range, at, digits));
  return range.unit.empty() ? number : number + ' ' + range.unit;
}

size_t SearchSpace::choice(size_t variable, double at) const {
  return index_of(at, variables_[variable].range.choices.size());
}

double SearchSpace::coarser(size_t variable, double at, int digits) const {
  const auto& [is, range, second, value, element, entry] = variables_[variable];
  if (is == SearchVariable::Is::presence) return at >= 0.5 ? 1 : 0;
  if (!range.choices.empty() || range.step > 0) return at;
  return (number_of(range, at, digits) - range.low) / (range.high - range.low);
}

SearchPoint SearchSpace::rounded(const SearchPoint& point) const {
  SearchPoint out = point;
  for (size_t v = 0; v < out.size(); ++v) out[v] = coarser(v, out[v], kDigits);
  return out;
}

std::vector<Setting> SearchSpace::settings(const SearchPoint& point,
                                           const std::vector<bool>& untouched) const {
  std::vector<Setting> settings;
  for (size_t v = 0; v < variables_.size(); ++v) {
    const auto& variable = variables_[v];
    if (variable.is != SearchVariable::Is::value || (!untouched.empty() && untouched[v])) continue;
    const auto& value = config_.values[variable.value];
    const auto path = value.elements == 0 ? value.path : fmt::format("{}.{}", value.path, variable.element);
    settings.push_back({path, text(v, point[v])});
  }
  std::vector<std::pair<std::string, size_t>> next;  // how many entries a section has
  for (size_t e = 0; e < entries_.size(); ++e) {
    if (!is_present(point, e)) continue;
    const auto& config = config_.entries[entries_[e].config];
    auto count =
        std::find_if(next.begin(), next.end(), [&](const auto& n) { return n.first == config.section; });
    if (count == next.end()) count = next.insert(count, {config.section, config.first});
    std::string text_of = config.texts[0];
    for (size_t p = 0; p < entries_[e].parts.size(); ++p) {
      const size_t v = entries_[e].parts[p];
      text_of += text(v, point[v]) + config.texts[p + 1];
    }
    settings.push_back({fmt::format("{}.{}", config.section, count->second++), std::move(text_of)});
  }
  return settings;
}

SearchPoint SearchSpace::uniform(SearchDraws& draws) const {
  SearchPoint point(size());
  for (auto& x : point) x = draws.next();
  return point;
}

}  // namespace looptwin::testbed
