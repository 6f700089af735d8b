#include "testbed/feeds.h"

#include <fmt/format.h>
#include <algorithm>
#include <cmath>
#include <fstream>
#include <map>
#include <optional>
#include <set>
#include <sstream>

#include "base/text.h"
#include "base/timezone.h"
#include "lang/readable.h"
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
  // A weather file has its own standard time: its year may begin after that of the scenario's timezone.
  options.first_year = timezone.to_local(scenario.start + days(-2)).year;
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

/// A forecast's error as it is written: a difference that is not negative.
Result<lang::Quantity> error_of(const Span& written, const lang::Units& units) {
  auto error = units.quantity(written);
  if (!error) return error;
  const std::string bare = lang::behind_number(lang::difference_unit(error->unit));
  const double number = lang::readable(error->value, error->unit);
  if (error->unit.type.point)
    return failure(written,
                   fmt::format("a difference stands here, not a value on the scale of {}", error->unit.text),
                   fmt::format("write {}{}", shortest(std::abs(number)), bare));
  if (error->value < 0)
    return failure(written, fmt::format("{}{} is negative", shortest(number), bare),
                   fmt::format("write {}{}", shortest(-number), bare));
  return error;
}

/// Whether an error can be one of the signal.
bool fits(const lang::Quantity& error, const mml::Signal& signal) {
  return error.value == 0 || signal.unit.type.dimension == error.unit.type.dimension;
}

/// How the signals of a feed are foreseen: each as wrong as is said of it, or of all of its dimension.
class Forecasts {
 public:
  static Result<Forecasts> make(const mml::ForecastConfig& config, const std::vector<Series>& all,
                                const lang::Units& units) {
    Forecasts forecasts;
    forecasts.model_ = {.issued = config.issued, .horizon = config.horizon};
    std::vector<const mml::Signal*> signals;
    for (const auto& series : all)
      for (const auto& signal : series.signals) signals.push_back(&signal);
    if (auto good = forecasts.take_common(config.error, signals, units); !good)
      return tl::make_unexpected(std::move(good.error()));
    for (const auto& error : config.errors)
      if (auto good = forecasts.take_own(error, signals, units); !good)
        return tl::make_unexpected(std::move(good.error()));
    return forecasts;
  }

  const mml::ForecastModel& model() const { return model_; }
  std::vector<mml::ForecastModel> of(const Series& series) const {
    std::vector<mml::ForecastModel> models(series.signals.size(), model_);
    for (size_t i = 0; i < models.size(); ++i) {
      const auto& signal = series.signals[i];
      const auto own = own_.find(signal.name);
      if (own != own_.end())
        models[i].deviation = own->second;
      else if (common_ && fits(*common_, signal))
        models[i].deviation = common_->value;
    }
    return models;
  }

 private:
  Result<void> take_common(const Span& written, const std::vector<const mml::Signal*>& signals,
                           const lang::Units& units) {
    if (!written.source) return {};
    auto error = error_of(written, units);
    if (!error) return tl::make_unexpected(std::move(error.error()));
    std::vector<std::string> known;
    bool meant = error->value == 0;
    for (const auto* signal : signals) {
      meant = meant || fits(*error, *signal);
      known.push_back(fmt::format("{} in {}", signal->name, lang::difference_unit(signal->unit).text));
    }
    if (!meant)
      return failure(written,
                     lang::behind_number(error->unit).empty()
                         ? std::string("no signal of this feed is a number without unit")
                         : fmt::format("no signal of this feed is in {}", error->unit.text),
                     "signals, and what their errors are in: " + joined(known));
    common_ = std::move(*error);
    return {};
  }

  Result<void> take_own(const mml::ForecastConfig::SignalError& own,
                        const std::vector<const mml::Signal*>& signals, const lang::Units& units) {
    std::vector<std::string> names;
    for (const auto* signal : signals) names.push_back(signal->name);
    const auto found = std::ranges::find(names, own.signal);
    if (found == names.end()) {
      auto near = did_you_mean(own.signal, names);
      return failure(own.span, fmt::format("this feed has no signal '{}'", own.signal),
                     near.empty() ? "signals: " + joined(names) : std::move(near));
    }
    const auto& signal = *signals[static_cast<size_t>(found - names.begin())];
    auto error = error_of(own.error, units);
    if (!error) return tl::make_unexpected(std::move(error.error()));
    const auto unit = lang::difference_unit(signal.unit).text;
    if (!fits(*error, signal))
      return failure(own.error, fmt::format("'{}' is not in {}", own.signal, error->unit.text),
                     fmt::format("write it in {}", unit));
    own_[own.signal] = error->value;
    return {};
  }

  mml::ForecastModel model_;
  std::optional<lang::Quantity> common_;
  std::map<std::string, double> own_;
};

FeedReach reach_of(const Series& series, const mml::Signal& signal, const mml::FeedConfig& config,
                   const std::optional<Forecasts>& forecasts) {
  FeedReach reach{config.span, series.times.front(), series.times.back(), {}};
  if (signal.interpolation == mml::Interpolation::hold) reach.end = reach.end + series.step;
  if (forecasts) reach.forecast = forecasts->model();
  return reach;
}

/// A forecast is known up to the horizon of the newest issue, which is up to `issued` old.
void note_horizon(lang::NodeId id, const lang::Graph& graph, const lang::FeedSignal& signal,
                  const FeedReach& known, Diagnostics& problems) {
  if (!known.forecast) return;
  const double lead = graph[id].number.back();
  const auto& model = *known.forecast;
  const bool never = lead > model.horizon.seconds();
  if (!never && lead <= (model.horizon - model.issued).seconds()) return;
  problems.push_back(
      {never ? Severity::error : Severity::warning, graph.span(id),
       fmt::format(
           "the forecasts of '{}' reach {} from when they are issued, every {}: what lies {} ahead is {}",
           signal.feed, to_string(model.horizon), to_string(model.issued),
           to_string(nanoseconds(static_cast<int64_t>(lead * 1e9))),
           never ? "never known" : "unknown until the next comes"),
       never ? "write a shorter lead, or a longer horizon:"
             : "write a longer horizon:, or issue them more often"});
}

}  // namespace

Result<LoadedFeeds> load_feeds(const Scenario& scenario, const lang::Units& units, lang::Schema& schema) {
  auto timezone = Timezone::load(scenario.timezone);
  if (!timezone) return tl::make_unexpected(std::move(timezone.error()));
  LoadedFeeds loaded;
  loaded.feeds = std::make_unique<mml::Feeds>(scenario.start, *timezone, scenario.seed);
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
      auto read = Forecasts::make(*config.forecast, all, units);
      if (!accept(read)) continue;
      forecasts = std::move(*read);
    }
    for (auto& series : all) {
      for (const auto& signal : series.signals) {
        schema.feeds.push_back(
            {config.name, signal.name, signal.unit.type, signal.unit, forecasts.has_value()});
        loaded.reach.push_back(reach_of(series, signal, config, forecasts));
      }
      const auto models = forecasts ? forecasts->of(series) : std::vector<mml::ForecastModel>();
      loaded.feeds->add(config.name, std::make_shared<const Series>(std::move(series)), models);
    }
  }
  if (!problems.empty()) return tl::make_unexpected(std::move(problems));
  return loaded;
}

void note_reach(const Scenario& scenario, const lang::Schema& schema, const lang::Graph& graph,
                size_t of_physics, std::span<const FeedReach> reach, Diagnostics& problems) {
  const auto timezone = Timezone::load(scenario.timezone);
  if (!timezone) return;
  const UnixTime end = scenario.start + scenario.duration;
  std::set<std::string> said;  // a feed's signals are known from and to the same times, mostly
  for (size_t n = 0; n < graph.size(); ++n) {
    const lang::NodeId id(n);
    const lang::Node& node = graph[id];
    if (!node.feed.valid() || node.feed.index() >= reach.size()) continue;
    const auto& known = reach[node.feed.index()];
    const auto& signal = schema.feeds[node.feed.index()];
    if (node.op != lang::Op::feed) {
      note_horizon(id, graph, signal, known, problems);
      continue;
    }
    if (known.first <= scenario.start && known.end >= end) continue;
    if (!said.insert(signal.feed).second) continue;
    const bool physics = n < of_physics;
    problems.push_back(
        {physics ? Severity::error : Severity::warning, known.span,
         fmt::format("the feed '{}' is known from {} to {}, and the run is from {} to {}: {}.{} is unknown "
                     "in the rest{}",
                     signal.feed, timezone->format(known.first), timezone->format(known.end),
                     timezone->format(scenario.start), timezone->format(end), signal.feed, signal.name,
                     physics ? ", and the physics that reads it from then on" : ""),
         "add rows to its file, or change start: or duration:"});
  }
}

}  // namespace looptwin::testbed
