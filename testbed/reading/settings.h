// --set: values given on the command line, put into the tree of the files before it is read.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "testbed/reading/keys.h"
#include "testbed/reading/yaml.h"
#include "testbed/scenario.h"

namespace looptwin::testbed {

/// Sets each path, as models.home.parameters.UA.default or faults.0.after, to its value, which is YAML. Keys
/// that are absent but allowed by the tables are added, and so is the entry behind the last one of a list of
/// sections; a path that leads nowhere is an error with the nearest.
void apply(const std::vector<Setting>& settings, const SectionInfo& root_section, yaml::Node& root,
           Diagnostics& problems);

/// What stands at such a path; nothing where it may be written and is not, or after a message.
std::optional<yaml::Node> find(const std::string& path, const SectionInfo& root_section, yaml::Node root,
                               Diagnostics& problems);

}  // namespace looptwin::testbed
