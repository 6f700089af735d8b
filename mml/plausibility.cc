#include "mml/plausibility.h"

#include <cstdlib>
#include <limits>

namespace looptwin::mml {

using twin::Quality;

Plausibility::Plausibility(const twin::FieldConfig& config, const twin::Scaling& scaling, size_t rows)
    : steps_per_ns_(std::numeric_limits<double>::infinity()),
      flat_after_(config.flat_after.value_or(Duration{kNever.ns}).ns),
      states_(rows) {
  const double step = (scaling.steps != 0 ? 1 / scaling.steps : scaling.resolution) * scaling.scale;
  // The last bits of a rate must not decide about a change of exactly that rate.
  if (config.max_rate) steps_per_ns_ = *config.max_rate / step * 1e-9 * (1 + 1e-14);
}

/// Of two samples each may be half a step from what it stands for, so that they may differ by one step more.
bool Plausibility::too_far(int32_t from, int32_t to, int64_t elapsed_ns) const {
  const int64_t steps = std::abs(int64_t{to} - from);
  return static_cast<double>(steps - 1) > steps_per_ns_ * static_cast<double>(elapsed_ns);
}

Quality Plausibility::judge(uint32_t row, int32_t raw, int64_t sampled_at, int64_t good_at,
                            bool after_silence) {
  State& s = states_[row];
  if (after_silence) s.since = kNever.ns;
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

void Plausibility::interrupt(uint32_t row, bool after_silence) {
  State& s = states_[row];
  s.agreeing = 0;
  if (after_silence) s.since = kNever.ns;
}

}  // namespace looptwin::mml
