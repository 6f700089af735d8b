// What the program that holds us in its hand adds to scenarios: plants, feeds, functions, controllers and
// physics over columns, which a scenario names `python: {class: "module:Class"}`. The `looptwin` program adds
// none: there such a scenario is refused with a word on how to run it.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "base/result.h"
#include "lang/units.h"
#include "mml/column_functions.h"
#include "mml/config.h"
#include "sim/column_code.h"
#include "sim/plant.h"

namespace looptwin::testbed {

/// What a scenario says of a class: its name, and what it is made with (numbers are in SI).
struct ClassUse {
  Span span;
  std::string name;
  std::map<std::string, std::variant<double, bool, std::string>> with;
};

/// Outlives all scenarios that were read with it, and what was made of them.
class Extensions {
 public:
  virtual ~Extensions() = default;
  /// `folder`: the scenario's, where classes are looked for first.
  virtual Result<std::unique_ptr<sim::CoupledPlant>> plant(const ClassUse& use, const std::string& folder,
                                                           uint64_t seed) const = 0;
  /// Signals with values from the run's start to `until`.
  virtual Result<std::vector<mml::FeedSignalConfig>> feed(const ClassUse& use, const std::string& folder,
                                                          UnixTime start, Duration until,
                                                          const lang::Units& units) const = 0;
  virtual Result<std::shared_ptr<mml::ColumnFunction>> function(const ClassUse& use,
                                                                const std::string& folder) const = 0;
  /// Of a device model; `units` are the scenario's.
  virtual Result<std::shared_ptr<const sim::ColumnCode>> controller(const ClassUse& use,
                                                                    const std::string& folder,
                                                                    const lang::Units& units) const = 0;
  virtual Result<std::shared_ptr<const sim::ColumnCode>> physics(const ClassUse& use,
                                                                 const std::string& folder,
                                                                 const lang::Units& units) const = 0;
  /// The file below the folder that the class is written in, as part of the scenario; null where there is
  /// none.
  virtual SourcePtr source(const ClassUse& use, const std::string& folder) const = 0;
};

}  // namespace looptwin::testbed
