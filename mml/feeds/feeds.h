// The inbound feeds of a run, as the language's programs ask for them: a signal now, a forecast of it, civil
// time. FeedIds count the signals in the order in which they are added; the schema lists them in the same
// order.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/timezone.h"
#include "lang/program.h"
#include "mml/feeds/forecast.h"
#include "mml/feeds/series.h"

namespace looptwin::mml {

class Feeds final : public lang::UniformProgram::Feeds {
 public:
  /// `start`: the civil instant of Time 0.
  Feeds(UnixTime start, Timezone timezone, uint64_t seed)
      : start_(start), timezone_(std::move(timezone)), seed_(seed) {}

  /// Adds all signals of a series under `feed`, foreseen by as many models; without any no forecasts may be
  /// asked for.
  void add(std::string feed, std::shared_ptr<const Series> series,
           std::span<const ForecastModel> models = {});
  /// Adds a signal without a course, which has the value that it was given last: 0 at first.
  FeedId add_given();
  void give(FeedId feed, double value) { signals_[feed.index()].given = value; }
  double given(FeedId feed) const { return signals_[feed.index()].given; }
  size_t size() const { return signals_.size(); }
  /// Another course of a signal, which forecasts foresee exactly; null: its own again.
  void replace(FeedId feed, std::shared_ptr<const Series> series, size_t signal = 0);

  /// NaN outside the times that the feed covers.
  double value(FeedId feed, Time now) override;
  /// NaN where the feed has no forecasts, before now and past the horizon.
  double forecast(lang::Op how, FeedId feed, Time now, double from, double to) override;
  double civil(lang::Op what, Time now) override;

 private:
  struct Entry {
    std::shared_ptr<const Series> series;  ///< null: it has no course
    Curve truth;
    std::unique_ptr<Forecast> forecast;
    double given = 0;
  };
  Entry& entry(FeedId feed);
  UnixTime start_;
  Timezone timezone_;
  uint64_t seed_;
  std::vector<Entry> signals_;
  std::vector<std::unique_ptr<Entry>> instead_;  ///< one a signal; null where it has its own course
};

}  // namespace looptwin::mml
