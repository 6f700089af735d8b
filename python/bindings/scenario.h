// A scenario in Python's hands: where it is read from, and what was set since. It is loaded anew whenever a
// setting is tried, by the path that --set uses, so that what it holds is always valid.
#pragma once

#include <pybind11/pybind11.h>

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "testbed/simulation.h"

namespace looptwin::python {

class ScenarioSource {
 public:
  /// `text`: what is read in place of a file, whose name then is that of the text in messages.
  ScenarioSource(std::filesystem::path path, std::string text, std::string name);

  /// Adds settings, all or none; raises what is wrong with them.
  void set(const std::vector<std::pair<std::string, std::string>>& settings);
  /// What it says at a path, as --set names it, in Python's types; None where it says nothing. Raises.
  pybind11::object written(const std::string& path) const;
  /// Read with its settings and these further ones. Raises.
  testbed::Loaded load(const std::vector<std::pair<std::string, std::string>>& further = {}) const;
  const std::vector<testbed::Setting>& settings() const { return settings_; }

 private:
  testbed::Loaded load_with(std::vector<testbed::Setting> settings) const;

  std::filesystem::path path_;  ///< of a text: the folder from which it uses files
  SourcePtr text_;
  std::vector<testbed::Setting> settings_;
};

}  // namespace looptwin::python
