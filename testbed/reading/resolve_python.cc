// Classes behind plants, feeds, functions, controllers and physics: asked for where the program around us has
// them.
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
           "write python3 -m looptwin in place of looptwin, or looptwin.run(\"PATH\") in Python"}};
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

/// A class stands in the place of expressions, not beside them.
void check_alone(Reader& reader, const ModelDraft& model) {
  const auto refuse = [&](const ClassUse& use, const char* whose, const char* what) {
    reader.error(use.span, fmt::format("the {} of '{}' has a class, and {}", whose, model.name, what),
                 fmt::format("keep python:, or {}", what));
  };
  if (const auto& use = model.controller_class) {
    const auto& controller = *model.device.controller;
    if (!controller.outputs.empty()) refuse(*use, "controller", "outputs:");
    if (!controller.machines.empty()) refuse(*use, "controller", "machines:");
  }
  if (const auto& use = model.physics_class) {
    const auto& physics = *model.device.physics;
    if (!physics.rates.empty()) refuse(*use, "physics", "rates:");
    if (!physics.limits.empty()) refuse(*use, "physics", "limits:");
    if (!physics.events.empty()) refuse(*use, "physics", "events:");
    if (physics.integrator) refuse(*use, "physics", "integrator:");
  }
}

bool resolve_model(Reader& reader, Draft& draft, ModelDraft& model) {
  bool all = true;
  const auto folder = draft.scenario.folder.string();
  if (const auto& use = model.controller_class) {
    auto made = take(reader, draft, *use)
                    ? reader.accept(reader.extensions->controller(*use, folder, reader.units))
                    : std::nullopt;
    all &= made.has_value();
    if (made) model.device.controller->code = std::move(*made);
  }
  if (const auto& use = model.physics_class) {
    auto made = take(reader, draft, *use)
                    ? reader.accept(reader.extensions->physics(*use, folder, reader.units))
                    : std::nullopt;
    all &= made.has_value();
    if (made) model.device.physics->code = std::move(*made);
  }
  check_alone(reader, model);
  return all;
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
  for (auto& model : draft.models) all &= resolve_model(reader, draft, model);
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
