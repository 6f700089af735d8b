#include "testbed/rig/guard_control.h"

#include <fmt/format.h>

#include "base/json_tree.h"

namespace looptwin::testbed {
namespace {

/// {"do": "arm", "device": "cellar/*", "by": "anna"}. At once, in the order of all that changes who may be
/// told something: what is asked after a stop acts after it.
template <typename What>
ControlSocket::Handler of_devices(RigGuard& guard, RigRequests& requests, RigRequests::Late late, What what) {
  return [&guard, &requests, late, what](const JsonValue& request) -> Result<std::string> {
    auto pattern = text_member(request, "device");
    if (!pattern) return pattern;
    auto by = text_member(request, "by");
    if (!by) return by;
    return requests.ask_at_once(
        [&guard, what, pattern = *pattern, by = *by](Time now) -> Result<std::string> {
          if (guard.registry().matching(pattern).empty())
            return failure(fmt::format("no device matches '{}'", pattern));
          return fmt::format("\"devices\": {}", what(guard.safety(), pattern, now, by));
        },
        late);
  };
}

/// {"do": "stop", "by": "anna"}
Result<std::string> stop(RigGuard& guard, RigRequests& requests, const JsonValue& request) {
  auto by = text_member(request, "by");
  if (!by) return by;
  return requests.ask_at_once(
      [&guard, by = *by](Time now) -> Result<std::string> {
        return fmt::format("\"safe_values\": {}", guard.stop("asked for by " + by, now));
      },
      RigRequests::Late::done);
}

/// {"do": "force", "force": "{device: cellar/pump-1, field: level, force: 3 m, for: 10 s}"}
Result<std::string> force(RigGuard& guard, RigRequests& requests, const JsonValue& request) {
  auto line = text_member(request, "force");
  if (!line) return line;
  return requests.ask([&guard, line = *line](Time boundary) -> Result<std::string> {
    const auto name = guard.add_force(line, boundary);
    if (!name) return name;
    return "\"name\": " + dump_json(Json(*name));
  });
}

/// {"do": "unforce", "name": ""}: all.
Result<std::string> unforce(RigGuard& guard, RigRequests& requests, const JsonValue& request) {
  auto name = text_member(request, "name");
  if (!name) return name;
  return requests.ask([&guard, name = *name](Time boundary) -> Result<std::string> {
    const size_t ended = name.empty() ? guard.forces().end_all(boundary) : guard.forces().end(boundary, name);
    if (ended == 0 && !name.empty()) return failure(fmt::format("no force '{}' is on", name));
    return fmt::format("\"ended\": {}", ended);
  });
}

}  // namespace

void add_guard_handlers(ControlSocket& control, RigGuard& guard, RigRequests& requests) {
  const auto arm = [](hil::RigSafety& safety, const std::string& pattern, Time now, const std::string& by) {
    return safety.arm(pattern, now, by);
  };
  const auto disarm = [](hil::RigSafety& safety, const std::string& pattern, Time now,
                         const std::string& by) { return safety.disarm(pattern, now, by); };
  control.on("arm", of_devices(guard, requests, RigRequests::Late::dropped, arm));
  control.on("disarm", of_devices(guard, requests, RigRequests::Late::done, disarm));
  for (const auto& [name, handle] :
       {std::pair("stop", &stop), std::pair("force", &force), std::pair("unforce", &unforce)})
    control.on(name, [&guard, &requests, handle = handle](const JsonValue& request) {
      return handle(guard, requests, request);
    });
}

}  // namespace looptwin::testbed
