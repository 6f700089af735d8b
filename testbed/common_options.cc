#include "testbed/common_options.h"

#include <cmath>
#include <cstdlib>

namespace looptwin::testbed {

std::vector<Setting> SettingOptions::settings() const {
  std::vector<Setting> settings;
  for (const auto& text : set) {
    const auto equals = text.find('=');
    if (equals == std::string::npos || equals == 0)
      refuse_use("--set", "'" + text + "' is not key=value, as in --set fleet.home.count=100");
    settings.push_back({text.substr(0, equals), text.substr(equals + 1)});
  }
  if (!seed.empty()) settings.push_back({"seed", seed});
  if (!duration.empty()) settings.push_back({"duration", duration});
  return settings;
}

void OutOption::add(const Subcommand& command) {
  command.option("--out", out, "the run folder; 'none' writes nothing (default: runs/NAME)");
}

std::optional<std::filesystem::path> OutOption::folder() const {
  if (out.empty() || none()) return std::nullopt;
  return out;
}

double speed_of(const std::string& text) {
  char* end = nullptr;
  const double speed = std::strtod(text.c_str(), &end);
  const bool number = end != text.c_str();
  if (*end == 'x') ++end;
  if (!number || *end != '\0' || !(speed > 0) || !std::isfinite(speed))
    refuse_use("--speed", "'" + text + "' is not a speed; write 4x");
  return speed;
}

}  // namespace looptwin::testbed
