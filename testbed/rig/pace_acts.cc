#include "testbed/rig/pace_acts.h"

#include "testbed/reading/load.h"
#include "testbed/script.h"

namespace looptwin::testbed {
namespace {

Result<std::vector<twin::OperatorAction>> acts_of(const std::string& entry, const std::string& key,
                                                  const Assembly& assembly) {
  if (entry.empty()) return std::vector<twin::OperatorAction>{};
  const auto source = std::make_shared<const Source>(Source{"rig.yaml, pace." + key, entry});
  auto script = read_act(assembly.scenario(), assembly.units(), source);
  if (!script) return tl::make_unexpected(std::move(script.error()));
  return actions_of(*script, assembly.registry());
}

}  // namespace

Result<PaceActs> PaceActs::make(const RigConfig& rig, const Assembly& assembly) {
  PaceActs made;
  made.tolerance_ = rig.tolerance;
  auto late = acts_of(rig.pace.late, "late", assembly);
  if (!late) return tl::make_unexpected(std::move(late.error()));
  auto in_time = acts_of(rig.pace.in_time, "in_time", assembly);
  if (!in_time) return tl::make_unexpected(std::move(in_time.error()));
  made.late_ = std::move(*late);
  made.in_time_ = std::move(*in_time);
  return made;
}

void PaceActs::look(const hil::PacedClock& clock, BoundTransport& transport) {
  const bool behind = clock.counters().last > tolerance_;
  if (behind == behind_) return;
  behind_ = behind;
  transport.act(behind ? late_ : in_time_);
}

}  // namespace looptwin::testbed
