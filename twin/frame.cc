#include "twin/frame.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "twin/tables.h"

namespace looptwin::twin {

std::vector<ReportGroup> report_groups(const ModelConfig& model) {
  std::vector<ReportGroup> groups;
  for (size_t f = 0; f < model.telemetry.size(); ++f) {
    const auto& field = model.telemetry[f];
    auto same = std::find_if(groups.begin(), groups.end(), [&](const ReportGroup& g) {
      return g.every == field.every && g.phase == field.phase;
    });
    if (same == groups.end()) same = groups.insert(groups.end(), ReportGroup{field.every, field.phase, {}});
    same->fields.push_back(static_cast<uint16_t>(f));
  }
  return groups;
}

Duration phase_of(const ReportGroup& group, size_t row) {
  if (group.phase) return *group.phase;
  return nanoseconds(group.every.ns / static_cast<int64_t>(kBlockRows) *
                     static_cast<int64_t>(row % kBlockRows));
}

int32_t Scaling::to_raw(double si) const {
  if (!(si == si)) return kMissing;
  const double value = (si - offset) / scale;
  const double raw = std::nearbyint(steps != 0 ? value * steps : value / resolution);
  constexpr double kLargest = 2147483647.0;
  return static_cast<int32_t>(raw > kLargest ? kLargest : raw < -kLargest ? -kLargest : raw);
}

Scaling scaling_of(const FieldConfig& field) {
  Scaling s{.scale = field.unit.scale, .offset = field.unit.offset};
  if (field.boolean || !field.words.empty()) return s;
  double resolution = field.resolution;
  if (resolution == 0) {
    // Undeclared: 2^-20 of the range, or of a million units; fine enough for any sensor, and still an
    // integer.
    const double span = field.range ? (field.range->high - field.range->low) / field.unit.scale : 1048576.0;
    int exponent = 0;  // span = part * 2^exponent, 0.5 <= part < 1
    const double part = std::frexp(span, &exponent);
    resolution = std::ldexp(1.0, (part == 0.5 ? exponent - 1 : exponent) - 20);
  }
  const double steps = std::nearbyint(1 / resolution);
  const bool whole = steps >= 1 && std::abs(steps * resolution - 1) < 1e-12;
  s.steps = whole ? steps : 0;
  s.resolution = resolution;
  return s;
}

void Frame::clear() {
  row.clear();
  sequence.clear();
  sampled_at.clear();
  received_at.clear();
  for (auto& v : value) v.clear();
}

void Frame::resize(size_t messages) {
  row.resize(messages);
  sequence.resize(messages);
  sampled_at.resize(messages);
  received_at.resize(messages);
  for (auto& v : value) v.resize(messages);
}

void Frame::move(size_t to, size_t from) {
  row[to] = row[from];
  sequence[to] = sequence[from];
  sampled_at[to] = sampled_at[from];
  received_at[to] = received_at[from];
  for (auto& v : value) v[to] = v[from];
}

void Frame::reserve(size_t messages, size_t fields) {
  row.reserve(messages);
  sequence.reserve(messages);
  sampled_at.reserve(messages);
  received_at.reserve(messages);
  value.resize(fields);
  for (auto& v : value) v.reserve(messages);
}

}  // namespace looptwin::twin
