// A weather service's forecast of one signal, made from what will happen and an error: what a rule may know
// of the future. Issued every `issued` since 1970 in UTC; at any moment the newest issue counts, and reaches
// `horizon` far.
//
//   forecast(v) = truth(v) + σ(v - i) z(v)      for the valid time v of the issue at i, i <= v <= i + horizon
//   σ(lead) = deviation · sqrt(lead / horizon)   as a random walk's; nothing is wrong about the present
//   z(v): standard normal, one draw per issue and valid hour, correlated over the hours as AR(1) with
//   `correlation`,
//         linear between the hours
//
// The draws are counter-based (base/random.h), so a forecast does not depend on which others were asked for.
#pragma once

#include <vector>

#include "base/random.h"
#include "mml/feeds/series.h"

namespace looptwin::mml {

struct ForecastModel {
  Duration issued = hours(6);
  Duration horizon = hours(24);
  double deviation = 0;      ///< standard deviation of the error at the horizon, in the signal's SI unit
  double correlation = 0.9;  ///< of the errors of neighbouring valid hours of one issue, 0 to 1
};

class Forecast {
 public:
  /// `signal` is what the draws are made under: random::device("weather.temperature").
  Forecast(Curve truth, const ForecastModel& model, random::Stream stream, uint64_t signal);

  const ForecastModel& model() const { return model_; }

  /// What is expected at now + lead. NaN for a lead below 0 or a time past the horizon or the truth's end.
  double at(UnixTime now, Duration lead);
  // Over [now + from, now + to]; NaN if any of it is unknown. An issue's values are computed when it is first
  // asked for; later calls only look at the points within the window.
  double maximum(UnixTime now, Duration from, Duration to);
  double minimum(UnixTime now, Duration from, Duration to);
  double mean(UnixTime now, Duration from, Duration to);

 private:
  Curve issue_at(UnixTime now);
  void compute(int64_t issue);
  double error(UnixTime issued, UnixTime valid) const;

  Curve truth_;
  ForecastModel model_;
  random::Stream stream_;
  uint64_t signal_;
  // The issue that was asked for last.
  int64_t issue_ = 0;
  bool computed_ = false;
  std::vector<double> hourly_error_;  ///< σ z at the issue's valid hours
  std::vector<UnixTime> times_;
  std::vector<double> values_;
};

}  // namespace looptwin::mml
