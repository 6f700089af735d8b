// Classes behind plants, feeds and functions: asked for where the program around us has them.
#include <fmt/format.h>

#include <algorithm>

#include "testbed/reading/resolve.h"

namespace looptwin::testbed {
namespace {

/// Beyond the run's end values are needed as far as forecasts reach.
Duration needed(const Scenario& scenario, const FeedDraft& feed) {
  return scenario.duration + (feed.forecast ? feed.forecast->horizon : Duration{}) + seconds(1);
}

Diagnostics no_python(const ClassUse& use) {
  return {{Severity::error, use.span,
           fmt::format("'{}' is a Python class, and this program has no Python", use.name),
           "run it from Python, as looptwin.run(\"PATH\")"}};
}

/// The class may be used; its file then belongs to the scenario.
bool take(Reader& reader, Draft& draft, const ClassUse& use) {
  if (reader.extensions == nullptr) {
    const auto why = no_python(use);
    reader.problems.insert(reader.problems.end(), why.begin(), why.end());
    return false;
  }
  auto& sources = draft.scenario.sources;
  const auto file = reader.extensions->source(use, draft.scenario.folder.string());
  if (file &&
      std::none_of(sources.begin(), sources.end(), [&](const auto& s) { return s->name == file->name; }))
    sources.push_back(file);
  return true;
}

void resolve_feed(Reader& reader, Draft& draft, FeedDraft& feed) {
  if (feed.inbound && (!feed.file.empty() || !feed.signals.empty()))
    return reader.error(feed.span, fmt::format("the feed '{}' has values of its own, and a class", feed.name),
                        "keep one of python:, file: and signals:");
  if (!feed.inbound)
    return reader.error(feed.span,
                        fmt::format("the class of '{}' would have nothing to give: it goes out", feed.name),
                        "remove python:");
  auto signals = reader.accept(reader.extensions->feed(*feed.python, draft.scenario.folder.string(),
                                                       draft.scenario.start, needed(draft.scenario, feed),
                                                       reader.units));
  if (!signals) return;
  for (auto& signal : *signals) signal.span = feed.span;
  feed.signals = std::move(*signals);
}

void resolve_function(Reader& reader, Draft& draft, FunctionDraft& function) {
  const bool has_unit = !function.unit.text.empty();
  if (has_unit == function.boolean)
    reader.error(function.span, fmt::format("the function '{}' needs one of unit and boolean", function.name),
                 "write unit: kW, unit: \"1\" for a ratio, or boolean: true");
  find_model(reader, draft.models, function.each, function.span, fmt::format("function '{}'", function.name));
  auto made = reader.accept(reader.extensions->function(*function.python, draft.scenario.folder.string()));
  if (made) function.function = std::move(*made);
}

}  // namespace

bool resolve_python(Reader& reader, Draft& draft) {
  bool all = true;
  for (auto& plant : draft.plants) {
    if (plant.python) {
      all &= take(reader, draft, *plant.python);
      plant.make = [extensions = reader.extensions, use = *plant.python](
                       uint64_t seed,
                       const std::string& folder) -> Result<std::unique_ptr<sim::CoupledPlant>> {
        if (extensions == nullptr) return tl::make_unexpected(no_python(use));
        return extensions->plant(use, folder, seed);
      };
    }
    draft.scenario.plants.push_back(plant);
  }
  for (auto& feed : draft.feeds) {
    if (feed.python) {
      const bool there = take(reader, draft, *feed.python);
      if (there) resolve_feed(reader, draft, feed);
      all &= there;
    }
    draft.scenario.feeds.push_back(feed);
  }
  for (auto& function : draft.functions) {
    if (!function.python) continue;  // reported
    const bool there = take(reader, draft, *function.python);
    if (there) resolve_function(reader, draft, function);
    all &= there;
    draft.scenario.functions.push_back(function);
  }
  return all;
}

}  // namespace looptwin::testbed
