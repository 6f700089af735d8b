// feeds: data from outside, in files or written down in the scenario, and to it.
#include <fmt/format.h>
#include <cstdint>

#include "testbed/reading/sections.h"

namespace looptwin::testbed {
namespace {

const Section<mml::ForecastConfig>& forecast_section() {
  using T = mml::ForecastConfig;
  static const Section<T> kSection(
      "a forecast", "forecast",
      {required<T>("issued", period(), &T::issued, "how often a new one comes"),
       required<T>("horizon", period(), &T::horizon, "how far it reaches"),
       optional<T>("error", expression(), &T::error, "0",
                   "standard deviation at the horizon, a difference as `1.5 K`; of the signals of "
                   "that dimension, the others are forecast without an error"),
       Key<T>{{.name = "errors",
               .form = Form::expressions,
               .about = "the same of single signals, in its place: `{wind: 2 m/s, humidity: 5 %}`",
               .fallback = "`error`"},
              [](Reader& reader, const yaml::Entry& entry, T& out) {
                for (auto& named :
                     expressions().read(reader, entry.value).value_or(std::vector<sim::Named>{}))
                  out.errors.push_back({std::move(named.name), named.name_span, named.text});
              }}});
  return kSection;
}

struct SignalDraft : mml::FeedSignalConfig {
  const yaml::Node* unit_node = nullptr;
  const yaml::Node* values_node = nullptr;
  std::optional<Duration> every;
  const yaml::Node* at_node = nullptr;
};

/// Times that rise, from 0 s on: what is not known at the start would make all that follows from it unknown.
std::optional<std::vector<Duration>> rising_times(Reader& reader, const yaml::Node& node) {
  if (!expect_list(reader, "at", node)) return std::nullopt;
  std::vector<Duration> times;
  for (const auto& item : node.items) {
    const auto time = duration().read(reader, item);
    if (!time) return std::nullopt;
    const bool first = times.empty();
    if (first ? time->ns != 0 : *time <= times.back()) {
      reader.error(item.span,
                   first
                       ? fmt::format("the first value holds from {} on; before, nothing is known", item.text)
                       : fmt::format("{} is not after the time before it", item.text),
                   first ? "begin with 0 s" : "write the times in rising order");
      return std::nullopt;
    }
    times.push_back(*time);
  }
  return times;
}

const Section<SignalDraft>& signal_section() {
  using T = SignalDraft;
  static const Section<T> kSection(
      "a signal", "signals",
      {required<T>("unit", later(Form::unit), &T::unit_node, "of bare numbers; `1` for a ratio"),
       optional<T>("every", period(), &T::every, "",
                   "how long each value holds. One of every and at, unless there is one value"),
       optional<T>("at", later(Form::durations), &T::at_node, "",
                   "when each begins to hold, since the start; `0 s` first"),
       required<T>("values", later(Form::quantities), &T::values_node,
                   "one after the other; the last one holds to the end")});
  return kSection;
}

/// When each of the values begins; reports what does not go together.
void finish_times(Reader& reader, SignalDraft& d) {
  const size_t count = d.values.size();
  if (d.every && d.at_node)
    return reader.error(d.span, fmt::format("the signal '{}' has both every: and at:", d.name),
                        "remove one of them");
  if (!d.every && !d.at_node && count > 1)
    return reader.error(d.span, fmt::format("the signal '{}' does not say when its values hold", d.name),
                        "write every: 5 s, or at: with the time of each");
  if (d.every && d.every->ns > INT64_MAX / static_cast<int64_t>(count))
    return reader.error(d.span, fmt::format("the values of '{}' reach further than 292 years", d.name),
                        "write a shorter every:");
  if (!d.at_node) {
    for (size_t i = 0; i < count; ++i) d.at.push_back(d.every.value_or(Duration{}) * static_cast<int64_t>(i));
    return;
  }
  const auto times = rising_times(reader, *d.at_node);
  if (times && times->size() != count)
    reader.error(d.values_node->span,
                 fmt::format("{} value{} for {} time{}", count, count == 1 ? "" : "s", times->size(),
                             times->size() == 1 ? "" : "s"),
                 "write one for each");
  if (times) d.at = *times;
}

void finish(Reader& reader, SignalDraft& d) {
  if (!d.unit_node || !d.values_node) return;
  const auto read = unit().read(reader, *d.unit_node);
  if (!read || !expect_list(reader, "values", *d.values_node)) return;
  d.unit = *read;
  if (d.values_node->items.empty())
    return reader.error(d.values_node->span, fmt::format("the signal '{}' has no value", d.name),
                        "write values: [50]");
  for (const auto& item : d.values_node->items)
    d.values.push_back(quantity(reader, item, d.unit, false).value_or(0));
  finish_times(reader, d);
}

Key<mml::FeedConfig> signals_key() {
  return {{.name = "signals",
           .form = Form::named,
           .about = "signals that are written down here, in place of a file",
           .section = &signal_section()},
          [](Reader& reader, const yaml::Entry& entry, mml::FeedConfig& out) {
            static const SectionInfo kOwner{"'signals'", {}, {}, {}};
            std::vector<SignalDraft> drafts;
            read_named(reader, kOwner, signal_section(), entry, drafts);
            for (auto& draft : drafts) {
              finish(reader, draft);
              out.signals.push_back(std::move(draft));
            }
          }};
}

}  // namespace

const Section<FeedDraft>& feed_section() {
  using T = FeedDraft;
  static const Section<T> kSection(
      "a feed", "feeds",
      {optional<T>("direction", word<bool>({{"in", true}, {"out", false}}), &T::inbound, "in",
                   "`out`: for what rules publish, which is in `feeds/NAME.jsonl` of the run's folder"),
       optional<T>("file", path(), &T::file, "none", "CSV with the signals"),
       Key<T>{signals_key().info, signals_key().read},
       python_key<T>("a class that gives the signals' values, in place of a file"),
       section<T>("forecast", forecast_section(), &T::forecast,
                  "that forecasts of its signals can be asked for, made from what they will be"),
       optional<T>("longest_gap", period(), &T::longest_gap, "none",
                   "holes of the file up to this are interpolated, a longer one is an error")});
  return kSection;
}

}  // namespace looptwin::testbed
