#include "testbed/script.h"

#include <fmt/format.h>

namespace looptwin::testbed {

Result<std::vector<twin::OperatorAction>> actions_of(std::span<const ScriptConfig> script,
                                                     const twin::Registry& registry) {
  std::vector<twin::OperatorAction> actions;
  Diagnostics problems;
  for (const auto& entry : script) {
    twin::OperatorAction action = entry.action;
    if (entry.model.empty()) {
      action.device = {registry.site(), Row(0)};
      actions.push_back(std::move(action));
      continue;
    }
    const size_t before = actions.size();
    const auto table = registry.find_model(entry.model);
    for (const auto device : registry.matching(entry.device)) {
      if (!table || device.table != *table) continue;
      action.device = device;
      actions.push_back(action);
    }
    if (actions.size() == before)
      problems.push_back({Severity::error, entry.span,
                          fmt::format("no device of '{}' matches '{}'", entry.model, entry.device),
                          "`*` stands for any part of an id without '/'"});
  }
  if (!problems.empty()) return tl::make_unexpected(std::move(problems));
  return actions;
}

}  // namespace looptwin::testbed
