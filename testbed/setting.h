// What is changed of a scenario from outside.
#pragma once

#include <string>

namespace looptwin::testbed {

/// `--set key=value`: one path names a thing everywhere, as models.home.parameters.UA.default.
struct Setting {
  std::string path;
  std::string value;
  bool operator==(const Setting&) const = default;
};

}  // namespace looptwin::testbed
