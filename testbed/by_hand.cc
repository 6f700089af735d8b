#include "testbed/by_hand.h"

#include <fmt/format.h>

#include <sstream>

#include "base/json_tree.h"
#include "testbed/assembly.h"
#include "testbed/reading/load.h"
#include "testbed/scenario.h"
#include "testbed/script.h"
#include "testbed/sim_transport.h"
#include "twin/registry.h"
#include "twin/warm/disk.h"

namespace looptwin::testbed {
namespace {

constexpr const char* name_of(DoneByHand::Is is) { return is == DoneByHand::Is::act ? "act" : "fault"; }

SourcePtr source_of(const DoneByHand& done) {
  return std::make_shared<const Source>(Source{kByHandFile, done.entry});
}

/// All whole lines: a last one that a kill has torn is as if it had not been done.
Result<std::vector<DoneByHand>> read(const std::filesystem::path& run) {
  std::vector<DoneByHand> all;
  std::error_code ignored;
  if (!std::filesystem::exists(run / kByHandFile, ignored)) return all;
  const auto text = twin::read_whole_file(run / kByHandFile);
  if (!text) return tl::make_unexpected(text.error());
  for (size_t begin = 0, end; (end = text->find('\n', begin)) != std::string::npos; begin = end + 1) {
    const auto line = load_json<Json>(text->substr(begin, end - begin));
    const bool sound = line.is_object() && line.contains("entry") && line["entry"].is_string() &&
                       line.contains("after_ns") && line["after_ns"].is_number_integer() &&
                       line.contains("is") && line["is"].is_string();
    if (!sound)
      return failure(fmt::format("{} holds what was never written there", (run / kByHandFile).string()),
                     "bring the file back as it was");
    all.push_back({line["is"] == name_of(DoneByHand::Is::fault) ? DoneByHand::Is::fault : DoneByHand::Is::act,
                   Time{line["after_ns"].get<int64_t>()}, line["entry"].get<std::string>()});
  }
  return all;
}

}  // namespace

Result<void> note_by_hand(const std::filesystem::path& run, const DoneByHand& done) {
  const auto path = run / kByHandFile;
  std::error_code error;
  const auto size = std::filesystem::file_size(path, error);
  auto file = error ? twin::File::create(path) : twin::File::append_after(path, size);
  if (!file) return tl::make_unexpected(std::move(file.error()));
  const OrderedJson line = {{"after_ns", done.after.ns}, {"is", name_of(done.is)}, {"entry", done.entry}};
  const std::string text = dump_json(line) + "\n";
  if (auto written = file->write(std::as_bytes(std::span(text))); !written) return written;
  return file->sync();
}

Result<sim::FaultConfig> fault_by_hand(const Scenario& scenario, const SourcePtr& entry, Time after) {
  auto fault = read_fault(scenario, lang::Units(scenario.ambient_pressure), entry);
  if (fault) fault->after = std::max(fault->after.value_or(kStart), after + nanoseconds(1));
  return fault;
}

Result<std::vector<twin::OperatorAction>> acts_by_hand(Assembly& assembly, const SourcePtr& entry,
                                                       Time after) {
  auto script = read_act(assembly.scenario(), assembly.units(), entry);
  if (!script) return tl::make_unexpected(std::move(script.error()));
  auto actions = actions_of(*script, assembly.registry());
  // What was done at the last boundary, or before, comes after it.
  if (actions)
    for (auto& action : *actions) action.at = std::max(action.at, after + nanoseconds(1));
  return actions;
}

Result<void> add_faults_by_hand(const std::filesystem::path& run, Scenario& scenario) {
  const auto all = read(run);
  if (!all) return tl::make_unexpected(all.error());
  for (const auto& done : *all) {
    if (done.is != DoneByHand::Is::fault) continue;
    auto fault = fault_by_hand(scenario, source_of(done), done.after);
    if (!fault) return tl::make_unexpected(std::move(fault.error()));
    scenario.faults.push_back(std::move(*fault));
  }
  return {};
}

Result<void> add_acts_by_hand(const std::filesystem::path& run, Assembly& assembly, Time after) {
  const auto all = read(run);
  if (!all) return tl::make_unexpected(all.error());
  for (const auto& done : *all) {
    if (done.is != DoneByHand::Is::act) continue;
    auto actions = acts_by_hand(assembly, source_of(done), done.after);
    if (!actions) return tl::make_unexpected(std::move(actions.error()));
    std::erase_if(*actions, [&](const auto& action) { return action.at <= after; });
    assembly.transport().act(std::move(*actions));
  }
  return {};
}

}  // namespace looptwin::testbed
