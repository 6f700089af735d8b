#include "mml/feeds/forecast.h"

#include <algorithm>
#include <limits>

#include "base/check.h"
#include "base/maths.h"

namespace looptwin::mml {
namespace {

constexpr int64_t kHour = hours(1).ns;
int64_t floor_divide(int64_t a, int64_t b) { return a / b - (a % b < 0 ? 1 : 0); }

}  // namespace

Forecast::Forecast(Curve truth, const ForecastModel& model, random::Stream stream, uint64_t signal)
    : truth_(truth), model_(model), stream_(stream), signal_(signal) {
  LT_CHECK(model.issued.ns > 0 && model.horizon.ns > 0);
  LT_CHECK(model.deviation >= 0 && model.correlation >= 0 && model.correlation <= 1);
}

double Forecast::error(UnixTime issued, UnixTime valid) const {
  const int64_t lead = (valid - issued).ns;
  const auto hour = static_cast<size_t>(lead / kHour);
  if (hour + 1 >= hourly_error_.size()) return hourly_error_.back();
  const double part = static_cast<double>(lead % kHour) / static_cast<double>(kHour);
  return hourly_error_[hour] + (hourly_error_[hour + 1] - hourly_error_[hour]) * part;
}

void Forecast::compute(int64_t issue) {
  issue_ = issue;
  computed_ = true;
  const UnixTime start{issue * model_.issued.ns}, end = start + model_.horizon;

  // One draw per valid hour, numbered by issue and hour; the horizon's last, broken hour counts as one.
  const auto last_hour = static_cast<size_t>((model_.horizon.ns + kHour - 1) / kHour);
  hourly_error_.assign(last_hour + 1, 0.0);
  const double keep = model_.correlation, fresh = maths::sqrt(1 - keep * keep);
  double z = 0;
  for (size_t h = 0; h <= last_hour; ++h) {
    const uint64_t counter = static_cast<uint64_t>(issue) * 0x10000 + h;
    const double draw = random::normal(random::bits(stream_, signal_, counter));
    z = h == 0 ? draw : keep * z + fresh * draw;
    const double lead =
        std::min(static_cast<double>(h) * static_cast<double>(kHour), static_cast<double>(model_.horizon.ns));
    hourly_error_[h] = model_.deviation * maths::sqrt(lead / static_cast<double>(model_.horizon.ns)) * z;
  }

  // The truth's own points within reach, and for a linear signal the hours as well: the sum is linear between
  // them.
  times_.clear();
  values_.clear();
  const auto first = std::lower_bound(truth_.times.begin(), truth_.times.end(), start);
  const auto from =
      first != truth_.times.begin() && (first == truth_.times.end() || *first > start) ? first - 1 : first;
  for (auto it = from; it != truth_.times.end(); ++it) {
    times_.push_back(*it);
    if (*it >= end) break;
  }
  if (truth_.interpolation == Interpolation::linear) {
    for (int64_t t = start.ns; t < end.ns; t += kHour) times_.push_back({t});
    times_.push_back(end);
    std::sort(times_.begin(), times_.end());
    times_.erase(std::unique(times_.begin(), times_.end()), times_.end());
  }
  for (const UnixTime t : times_) values_.push_back(truth_.at(t) + error(start, std::clamp(t, start, end)));
}

Curve Forecast::issue_at(UnixTime now) {
  const int64_t issue = floor_divide(now.ns, model_.issued.ns);
  if (!computed_ || issue != issue_) compute(issue);
  return {times_, values_, truth_.interpolation, truth_.last};
}

double Forecast::at(UnixTime now, Duration lead) { return mean(now, lead, lead); }

// A window is known only from now on and up to the horizon of the newest issue.
#define LT_WITHIN(function)                                                             \
  double Forecast::function(UnixTime now, Duration from, Duration to) {                 \
    const Curve issue = issue_at(now);                                                  \
    const UnixTime end = UnixTime{issue_ * model_.issued.ns} + model_.horizon;          \
    if (from.ns < 0 || now + to > end) return std::numeric_limits<double>::quiet_NaN(); \
    return issue.function(now + from, now + to);                                        \
  }
LT_WITHIN(maximum)
LT_WITHIN(minimum)
LT_WITHIN(mean)
#undef LT_WITHIN

}  // namespace looptwin::mml
