#include "testbed/rig/rig_control.h"

#include <fmt/format.h>

#include "testbed/reading/load.h"
#include "testbed/rig/guard_control.h"
#include "testbed/rig/rig_inventory.h"
#include "testbed/scenario.h"
#include "testbed/script.h"
#include "twin/registry.h"

namespace looptwin::testbed {
namespace {

/// {"do": "swap", "device": "cellar/pump-1", "to": "simulated", "by": "anna"}; the device may be a pattern.
Result<std::string> swap(const JsonValue& request, const twin::Registry& registry, BoundTransport& transport,
                         const RigInventory* inventory) {
  const auto pattern = text_member(request, "device");
  if (!pattern) return pattern;
  const auto word = text_member(request, "to");
  if (!word) return word;
  const auto to = binding_of(*word);
  if (!to) return failure(fmt::format("'{}' is no binding", *word), "write real, simulated or shadow");
  const auto by = text_member(request, "by");
  if (!by) return by;
  if (!transport.swappable())
    return failure("all devices of this rig are real, for good", "write 'bindings: {}' into its rig.yaml");
  const auto devices = registry.matching(*pattern);
  if (devices.empty()) return failure(fmt::format("no device matches '{}'", *pattern));
  for (const auto device : devices)
    if (const std::string id(registry.id(device));
        inventory != nullptr && *to != Binding::simulated && !inventory->has(id))
      return failure(fmt::format("'{}' is not reserved by this run", id),
                     "devices are reserved that are real, or shadowed, when the rig begins");
  const auto swaps = transport.swap(devices, *to, *by);
  if (swaps.empty()) return failure("the rig has come to no boundary at which to swap: nothing was swapped");
  return fmt::format("\"at_s\": {}, \"devices\": {}", (swaps.front().at - kStart).seconds(), swaps.size());
}

/// {"do": "act", "entry": "{by: anna, press: may_reopen, device: seg-17}"}: as in a scenario's script.
Result<std::string> act(const JsonValue& request, Assembly& assembly, BoundTransport& transport) {
  const auto entry = text_member(request, "entry");
  if (!entry) return entry;
  auto script =
      read_act(assembly.scenario(), assembly.units(), std::make_shared<const Source>(Source{"act", *entry}));
  if (!script) return tl::make_unexpected(std::move(script.error()));
  auto actions = actions_of(*script, assembly.registry());
  if (!actions) return tl::make_unexpected(std::move(actions.error()));
  transport.act(*actions);
  return fmt::format("\"acts\": {}", actions->size());
}

/// {"do": "answer", "answer": "yes", "by": "anna"}: to what the sequence asks now.
Result<std::string> answer(const JsonValue& request, Answers* answers) {
  const auto text = text_member(request, "answer");
  if (!text) return text;
  const auto by = text_member(request, "by");
  if (!by) return by;
  if (answers == nullptr)
    return failure("this rig carries out no sequence", "begin it with looptwin hil RIG --sequence FILE");
  if (auto given = answers->give(*text, *by); !given) return tl::make_unexpected(std::move(given.error()));
  return std::string();
}

}  // namespace

Result<std::unique_ptr<ControlSocket>> open_control(const RigConfig& rig,
                                                    const std::optional<std::filesystem::path>& run,
                                                    Assembly& assembly, BoundTransport& transport,
                                                    RigGuard& guard, RigRequests& requests,
                                                    const RigInventory* inventory, Answers* answers) {
  auto control = ControlSocket::open(run ? *run / kSocketFile : socket_of(rig.key), rig.key);
  if (!control) return control;
  (*control)->on("swap", [&, inventory](const JsonValue& request) {
    return swap(request, assembly.registry(), transport, inventory);
  });
  (*control)->on("act", [&](const JsonValue& request) { return act(request, assembly, transport); });
  (*control)->on("answer", [answers](const JsonValue& request) { return answer(request, answers); });
  (*control)->on("status", [name = rig.name, &guard](const JsonValue&) -> Result<std::string> {
    const auto state = guard.state();
    return fmt::format("\"rig\": \"{}\", \"at_s\": {}, \"devices_there\": {}, \"acknowledged\": {}", name,
                       (state.at - kStart).seconds(), state.devices_there, state.acknowledged);
  });
  add_guard_handlers(**control, guard, requests);
  (*control)->start();
  return control;
}

}  // namespace looptwin::testbed
