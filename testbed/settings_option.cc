#include "testbed/settings_option.h"

#include <CLI/CLI.hpp>

namespace looptwin::testbed {

std::vector<Setting> settings_of(const std::vector<std::string>& texts) {
  std::vector<Setting> settings;
  for (const auto& text : texts) {
    const auto equals = text.find('=');
    if (equals == std::string::npos || equals == 0)
      throw CLI::ValidationError("--set",
                                 "'" + text + "' is not key=value, as in --set fleet.home.count=100");
    settings.push_back({text.substr(0, equals), text.substr(equals + 1)});
  }
  return settings;
}

}  // namespace looptwin::testbed
