// What a scenario's sections say about each other: references, names, fleets and their assignments, faults'
// times and values. Runs once all sections are read, so that the order of sections and files does not matter.
#pragma once

#include <vector>

#include "base/timezone.h"
#include "testbed/reading/sections.h"
#include "testbed/reading/sections_people.h"
#include "testbed/reading/sections_tests.h"

namespace looptwin::testbed {

/// A scenario between reading and resolving.
struct Draft {
  Scenario scenario;
  Timezone zone = Timezone::utc();
  const yaml::Node* start = nullptr;
  std::vector<ModelDraft> models;
  std::vector<FleetDraft> fleet;
  std::vector<PlantDraft> plants;
  bool plants_refused = false;  ///< a value of theirs was
  std::vector<FeedDraft> feeds;
  std::vector<FunctionDraft> functions;
  std::vector<FaultDraft> faults;
  std::vector<InputDraft> inputs;
  std::vector<ScriptDraft> script;
  std::vector<TestDraft> tests;
};

/// Checks and completes the draft; problems go to the reader. scenario.models, devices, fleet and faults are
/// filled.
void resolve(Reader& reader, Draft& draft);

// Its parts.
bool resolve_python(Reader& reader, Draft& draft);  ///< whether all classes may be used
bool resolve_plants(Reader& reader, Draft& draft);  ///< whether all could be built
void resolve_models(Reader& reader, const std::vector<ModelDraft>& models);
void resolve_fleet(Reader& reader, Draft& draft);
void resolve_faults(Reader& reader, Draft& draft);
void resolve_loop(Reader& reader, Draft& draft);
void resolve_people(Reader& reader, Draft& draft);  ///< the tests' scripts as well
void resolve_tests(Reader& reader, Draft& draft);
void resolve_names(Reader& reader, const Draft& draft);

/// The model of a name, or null after having reported at `span` that `what` names an unknown one.
const ModelDraft* find_model(Reader& reader, const std::vector<ModelDraft>& models, const std::string& name,
                             const Span& span, const std::string& what);

/// The first such time of day at or after the start, or the date and time itself; local.
/// Whether a date has an instant where the scenario is: reports it where clocks are set forward over it.
bool is_there(Reader& reader, const Timezone& zone, const IsoTime& date, const yaml::Node& node);
std::optional<Time> read_at(Reader& reader, const Draft& draft, const yaml::Node& node);

template <typename T>
const T* find_named(const std::vector<T>& all, const std::string& name) {
  for (const auto& one : all)
    if (one.name == name) return &one;
  return nullptr;
}
template <typename T>
std::vector<std::string> names_of(const std::vector<T>& all) {
  std::vector<std::string> names;
  for (const auto& one : all) names.push_back(one.name);
  return names;
}
/// "did you mean 'x'? models: a, b"; or that there are none.
std::string near_and_all(const std::string& word, const std::vector<std::string>& candidates,
                         const std::string& what);

}  // namespace looptwin::testbed
