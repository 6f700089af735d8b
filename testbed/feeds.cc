#include "testbed/feeds.h"

#include <fstream>
#include <sstream>

#include "base/timezone.h"
#include "mml/feeds/read.h"

namespace looptwin::testbed {
namespace {

using mml::Series;

Result<Series> read_file(const Scenario& scenario, const mml::FeedConfig& config, const Timezone& timezone,
                         const lang::Units& units) {
  const auto path = scenario.folder / config.file;
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  if (!file)
    return failure(config.span, "cannot read " + path.string(),
                   "the path is relative to the scenario's folder");
  mml::ReadOptions options;
  options.timezone = timezone;
  options.first_year = timezone.to_local(scenario.start).year;
  options.last_year = timezone.to_local(scenario.start + scenario.duration + days(2)).year;
  if (config.longest_gap) options.gaps = {mml::Gaps::Fill::interpolate, *config.longest_gap};
  return mml::read_series(std::make_shared<const Source>(Source{path.string(), text.str()}), units, options);
}

/// Held from time to time; the last value to beyond the run's end, as far as anybody looks ahead.
Series written_down(const mml::FeedSignalConfig& config, const Scenario& scenario) {
  Series series;
  series.signals.push_back({config.name, config.unit, mml::Interpolation::hold, {}});
  const Duration ahead = days(30);
  for (size_t i = 0; i < config.at.size() && config.at[i] <= scenario.duration + ahead; ++i) {
    series.times.push_back(scenario.start + config.at[i]);
    series.signals[0].values.push_back(config.values[i]);
  }
  series.step = scenario.duration + ahead;
  return series;
}

struct Forecasts {
  mml::ForecastModel model;
  lang::Dimension deviation_of = lang::kTemperature;
};

Result<Forecasts> forecasts_of(const mml::ForecastConfig& config, const lang::Units& units) {
  Forecasts forecasts{.model = {.issued = config.issued, .horizon = config.horizon}};
  if (!config.error.source) return forecasts;
  auto error = units.quantity(config.error);
  if (!error) return tl::make_unexpected(std::move(error.error()));
  forecasts.model.deviation = error->value;
  forecasts.deviation_of = error->unit.type.dimension;
  return forecasts;
}

}  // namespace

Result<std::unique_ptr<mml::Feeds>> load_feeds(const Scenario& scenario, const lang::Units& units,
                                               lang::Schema& schema) {
  auto timezone = Timezone::load(scenario.timezone);
  if (!timezone) return tl::make_unexpected(std::move(timezone.error()));
  auto feeds = std::make_unique<mml::Feeds>(scenario.start, *timezone, scenario.seed);
  Diagnostics problems;
  const auto accept = [&](auto& result) {
    if (!result) problems.insert(problems.end(), result.error().begin(), result.error().end());
    return result.has_value();
  };
  for (const auto& config : scenario.feeds) {
    if (!config.inbound) continue;
    std::vector<Series> all;
    for (const auto& signal : config.signals) all.push_back(written_down(signal, scenario));
    if (config.signals.empty()) {
      auto series = read_file(scenario, config, *timezone, units);
      if (!accept(series)) continue;
      all.push_back(std::move(*series));
    }
    std::optional<Forecasts> forecasts;
    if (config.forecast) {
      auto read = forecasts_of(*config.forecast, units);
      if (!accept(read)) continue;
      forecasts = *read;
    }
    for (auto& series : all) {
      for (const auto& signal : series.signals)
        schema.feeds.push_back(
            {config.name, signal.name, signal.unit.type, signal.unit, forecasts.has_value()});
      feeds->add(config.name, std::make_shared<const Series>(std::move(series)),
                 forecasts ? &forecasts->model : nullptr,
                 forecasts ? forecasts->deviation_of : lang::kTemperature);
    }
  }
  if (!problems.empty()) return tl::make_unexpected(std::move(problems));
  return feeds;
}

}  // namespace looptwin::testbed
