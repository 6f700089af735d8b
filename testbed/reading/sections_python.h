// What is read by the class that stands behind it: plants, feeds, functions, controllers and physics
// (testbed/extensions.h).
#pragma once

#include <optional>

#include "testbed/extensions.h"
#include "testbed/reading/keys.h"
#include "testbed/reading/values.h"
#include "testbed/scenario.h"

namespace looptwin::testbed {

struct PlantDraft : sim::PlantConfig {
  std::optional<ClassUse> python;
};
struct FeedDraft : mml::FeedConfig {
  std::optional<ClassUse> python;
};
struct PhysicsDraft : sim::PhysicsConfig {
  std::optional<ClassUse> python;
};
struct ControllerDraft : sim::ControllerConfig {
  std::optional<ClassUse> python;
};
struct FunctionDraft : mml::FunctionConfig {
  std::optional<ClassUse> python;
};

const Section<ClassUse>& python_section();
const Section<FunctionDraft>& function_section();

template <typename T>
Key<T> python_key(std::string about, bool is_required = false) {
  auto key = section<T>("python", python_section(), &T::python, std::move(about));
  key.info.required = is_required;
  return key;
}

}  // namespace looptwin::testbed
