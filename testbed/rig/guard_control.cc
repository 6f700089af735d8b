#include "testbed/rig/guard_control.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace looptwin::testbed {
namespace {

/// {"do": "arm", "device": "cellar/*", "by": "anna"}
template <typename What>
ControlSocket::Handler of_devices(RigGuard& guard, What what) {
  return [&guard, what](const JsonValue& request) -> Result<std::string> {
    auto pattern = text_member(request, "device");
    if (!pattern) return pattern;
    auto by = text_member(request, "by");
    if (!by) return by;
    return guard.ask([what, pattern = *pattern, by = *by](RigGuard& guard, Time now) -> Result<std::string> {
      if (guard.registry().matching(pattern).empty())
        return failure(fmt::format("no device matches '{}'", pattern));
      return fmt::format("\"devices\": {}", what(guard.safety(), pattern, now, by));
    });
  };
}

/// {"do": "stop", "by": "anna"}
Result<std::string> stop(RigGuard& guard, const JsonValue& request) {
  auto by = text_member(request, "by");
  if (!by) return by;
  return guard.ask([by = *by](RigGuard& guard, Time now) -> Result<std::string> {
    guard.forces().forget_leaving();
    return fmt::format("\"safe_values\": {}", guard.safety().stop("asked for by " + by, now));
  });
}

/// {"do": "force", "force": "{device: cellar/pump-1, field: level, force: 3 m, for: 10 s}"}
Result<std::string> force(RigGuard& guard, const JsonValue& request) {
  auto line = text_member(request, "force");
  if (!line) return line;
  return guard.ask([line = *line](RigGuard& guard, Time now) -> Result<std::string> {
    const auto name = guard.add_force(line, now);
    if (!name) return name;
    return "\"name\": " + nlohmann::json(*name).dump();
  });
}

/// {"do": "unforce", "name": ""}: all.
Result<std::string> unforce(RigGuard& guard, const JsonValue& request) {
  auto name = text_member(request, "name");
  if (!name) return name;
  return guard.ask([name = *name](RigGuard& guard, Time now) -> Result<std::string> {
    const size_t ended = name.empty() ? guard.forces().end_all(now) : guard.forces().end(now, name);
    if (ended == 0 && !name.empty()) return failure(fmt::format("no force '{}' is on", name));
    return fmt::format("\"ended\": {}", ended);
  });
}

}  // namespace

void add_guard_handlers(ControlSocket& control, RigGuard& guard) {
  control.on("arm", of_devices(guard, [](hil::RigSafety& safety, const std::string& pattern, Time now,
                                         const std::string& by) { return safety.arm(pattern, now, by); }));
  control.on("disarm",
             of_devices(guard, [](hil::RigSafety& safety, const std::string& pattern, Time now,
                                  const std::string& by) { return safety.disarm(pattern, now, by); }));
  control.on("stop", [&guard](const JsonValue& request) { return stop(guard, request); });
  control.on("force", [&guard](const JsonValue& request) { return force(guard, request); });
  control.on("unforce", [&guard](const JsonValue& request) { return unforce(guard, request); });
}

}  // namespace looptwin::testbed
