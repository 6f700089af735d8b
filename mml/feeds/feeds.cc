#include "mml/feeds/feeds.h"

#include <limits>

#include "base/check.h"
#include "base/maths.h"

namespace looptwin::mml {
namespace {

/// Seconds as the language has them, to the nearest nanosecond.
Duration from_seconds(double s) { return {static_cast<int64_t>(maths::round(s * 1e9))}; }

}  // namespace

void Feeds::add(std::string feed, std::shared_ptr<const Series> series,
                std::span<const ForecastModel> models) {
  LT_CHECK(models.empty() || models.size() == series->signals.size());
  for (size_t i = 0; i < series->signals.size(); ++i) {
    const Signal& signal = series->signals[i];
    Entry entry{series, series->curve(i), nullptr, 0};
    if (!models.empty())
      entry.forecast = std::make_unique<Forecast>(entry.truth, models[i], random::stream(seed_, "forecast"),
                                                  random::device(feed + "." + signal.name));
    signals_.push_back(std::move(entry));
  }
}

FeedId Feeds::add_given() {
  signals_.emplace_back();
  return FeedId(signals_.size() - 1);
}

void Feeds::replace(FeedId feed, std::shared_ptr<const Series> series, size_t signal) {
  LT_CHECK(feed.index() < signals_.size());
  instead_.resize(signals_.size());
  auto& instead = instead_[feed.index()];
  instead.reset();
  if (series == nullptr) return;
  const Curve course = series->curve(signal);
  instead = std::make_unique<Entry>(Entry{std::move(series), course, nullptr, 0});
  const auto& own = signals_[feed.index()].forecast;
  if (own == nullptr) return;
  ForecastModel exact = own->model();
  exact.deviation = 0;
  instead->forecast = std::make_unique<Forecast>(course, exact, random::stream(seed_, "forecast"), 0);
}

Feeds::Entry& Feeds::entry(FeedId feed) {
  LT_CHECK(feed.index() < signals_.size());
  const bool replaced = feed.index() < instead_.size() && instead_[feed.index()] != nullptr;
  return replaced ? *instead_[feed.index()] : signals_[feed.index()];
}

double Feeds::value(FeedId feed, Time now) {
  const Entry& of = entry(feed);
  return of.series == nullptr ? of.given : of.truth.at(start_ + (now - kStart));
}

double Feeds::forecast(lang::Op how, FeedId feed, Time now, double from, double to) {
  Forecast* const forecast = entry(feed).forecast.get();
  if (forecast == nullptr) return std::numeric_limits<double>::quiet_NaN();
  const UnixTime t = start_ + (now - kStart);
  const Duration first = from_seconds(from), last = from_seconds(to);
  switch (how) {
    case lang::Op::forecast:
      return forecast->at(t, first);
    case lang::Op::forecast_maximum:
      return forecast->maximum(t, first, last);
    case lang::Op::forecast_minimum:
      return forecast->minimum(t, first, last);
    case lang::Op::forecast_mean:
      return forecast->mean(t, first, last);
    default:
      LT_CHECK(false, "not a question about the future");
  }
}

double Feeds::civil(lang::Op what, Time now) {
  const Civil c = timezone_.to_local(start_ + (now - kStart));
  switch (what) {
    case lang::Op::civil_time:
      return c.hour * 3600 + c.minute * 60 + c.second + static_cast<double>(c.ns) * 1e-9;
    case lang::Op::civil_weekday:
      return weekday(c);
    case lang::Op::civil_day_of_year:
      return day_of_year(c);
    default:
      LT_CHECK(false, "not a question about civil time");
  }
}

}  // namespace looptwin::mml
