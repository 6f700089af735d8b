#include "mml/plausibility.h"

#include <cstdlib>
#include <limits>

namespace looptwin::mml {

using twin::Quality;

Plausibility::Plausibility(const twin::FieldConfig& config, const twin::Scaling& scaling, size_t rows)
    : stale_after_(config.stale_after.ns),
      steps_per_ns_(std::numeric_limits<double>::infinity()),
      flat_after_(config.flat_after.value_or(Duration{kNever.ns}).ns),
      states_(rows) {
  const double step = (scaling.steps != 0 ? 1 / scaling.steps : scaling.resolution) * scaling.scale;
  // The last bits of a rate must not decide about a change of exactly that rate.
  if (config.max_rate) steps_per_ns_ = *config.max_rate / step * 1e-9 * (1 + 1e-14);
}

/// Of two samples each may be half a step from what it stands for, so that they may differ by one step more.
inline bool Plausibility::too_far(int32_t from, int32_t to, int64_t elapsed_ns) const {
  const int64_t steps = std::abs(int64_t{to} - from);
  return static_cast<double>(steps - 1) > steps_per_ns_ * static_cast<double>(elapsed_ns);
}

Quality Plausibility::judge(uint32_t row, int32_t raw, int64_t sampled_at, int64_t last, int64_t good_at) {
  State& s = states_[row];
  if (silent(last, sampled_at)) s.since = kNever.ns;
  if (good_at != kNever.ns && too_far(s.good, raw, sampled_at - good_at)) {
    const bool agrees = s.agreeing > 0 && !too_far(s.jumped, raw, sampled_at - s.jumped_at);
    s.agreeing = agrees ? s.agreeing + 1 : 1;
    s.jumped = raw;
    s.jumped_at = sampled_at;
    if (s.agreeing < kConfirming) return Quality::rate;
  }
  s.agreeing = 0;
  if (s.since == kNever.ns || raw != s.good) {
    s.good = raw;
    s.since = sampled_at;
  }
  return sampled_at - s.since < flat_after_ ? Quality::good : Quality::flat;
}

void Plausibility::interrupt(uint32_t row, int64_t sampled_at, int64_t last) {
  State& s = states_[row];
  s.agreeing = 0;
  if (silent(last, sampled_at)) s.since = kNever.ns;
}

bool Plausibility::plain(uint32_t row, size_t count, const int32_t* raw, const int64_t* sampled_at,
                         const int64_t* good_at) const {
  const State* states = states_.data() + row;
  bool other = false;
  for (size_t i = 0; i < count; ++i) {
    const State& s = states[i];
    other |= silent(good_at[i], sampled_at[i]) || too_far(s.good, raw[i], sampled_at[i] - good_at[i]) ||
             (raw[i] == s.good && sampled_at[i] - s.since >= flat_after_);
  }
  return !other;
}

void Plausibility::store(uint32_t row, size_t count, const int32_t* raw, const int64_t* sampled_at) {
  State* states = states_.data() + row;
  for (size_t i = 0; i < count; ++i) {
    State& s = states[i];
    s.since = raw[i] == s.good ? s.since : sampled_at[i];
    s.good = raw[i];
  }
}

}  // namespace looptwin::mml
