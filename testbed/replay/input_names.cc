#include "testbed/replay/input_names.h"

#include "testbed/scenario.h"
#include "testbed/wiring.h"
#include "twin/registry.h"

namespace looptwin::testbed {

twin::InputLogStart input_log_start(const Assembly& assembly, Time after) {
  const auto& scenario = assembly.scenario();
  twin::InputLogStart start{.scenario = scenario.name, .after = after};
  for (const auto& model : assembly.registry().models()) {
    twin::InputLogStart::Table table{model.config.name, assembly.registry().devices(model.table), {}};
    for (const auto& group : twin::report_groups(model.config)) {
      auto& fields = table.groups.emplace_back();
      for (const auto field : group.fields) fields.push_back(model.config.telemetry[field].name);
    }
    start.tables.push_back(std::move(table));
  }
  for (const auto& input : scenario.inputs) start.inputs.push_back(input.name);
  for (const auto& alarm : assembly.wired().alarms) start.alarms.push_back(alarm.config.event.name);
  for (const auto& person : scenario.people) start.people.push_back(person.name);
  return start;
}

}  // namespace looptwin::testbed
