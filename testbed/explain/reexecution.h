// A run played again from its scenario, up to an instant that somebody asks about: everything is then as it
// was.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>

#include "testbed/assembly.h"

namespace looptwin::testbed {

class Extensions;

class Reexecution {
 public:
  /// Of a run folder; its scenario's files must be as they were. `stop` ends the building and the playing.
  static Result<Reexecution> of(const std::filesystem::path& run, const Extensions* extensions = nullptr,
                                StopAsked stop = {});

  Assembly& assembly() { return *assembly_; }
  /// To the last boundary at or before `until`, once. `each` is called after every boundary.
  Result<void> play(Time until, const std::function<void(Time)>& each = {});

 private:
  Reexecution(std::unique_ptr<Assembly> assembly, StopAsked stop)
      : assembly_(std::move(assembly)), stop_(std::move(stop)) {}
  std::unique_ptr<Assembly> assembly_;
  StopAsked stop_;
};

}  // namespace looptwin::testbed
