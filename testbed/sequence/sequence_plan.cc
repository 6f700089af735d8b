#include "testbed/sequence/sequence_plan.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "testbed/reading/load.h"
#include "testbed/reading/values.h"
#include "testbed/reading/written.h"
#include "testbed/scenario.h"
#include "testbed/script.h"
#include "testbed/sequence/probes.h"
#include "twin/registry.h"

namespace looptwin::testbed {
namespace {

/// A node of a file as a text of its own, whose messages are shown at the step.
SourcePtr text_of(const std::string& name, std::string text) {
  return std::make_shared<const Source>(Source{name, std::move(text)});
}

class Planner {
 public:
  Planner(const SequenceConfig& config, Assembly& assembly, const Stimuli& stimuli)
      : config_(config),
        assembly_(assembly),
        stimuli_(stimuli),
        registry_(assembly.registry()),
        reader_{assembly.units(), problems_} {}

  void run(std::vector<PlannedStep> (&phases)[kPhases]) {
    check_person();
    for (size_t p = 0; p < kPhases; ++p)
      for (const auto& step : config_.phases[p]) phases[p].push_back(planned(step));
  }
  Diagnostics take() { return std::move(problems_); }

 private:
  void check_person() {
    if (config_.by.empty()) return;
    std::vector<std::string> names;
    for (const auto& person : assembly_.scenario().people) names.push_back(person.name);
    if (std::find(names.begin(), names.end(), config_.by) != names.end()) return;
    error(config_.by_span, fmt::format("'{}' is nobody that the scenario declares", config_.by),
          names.empty() ? "declare people: in the scenario" : "people: " + joined(names));
  }

  PlannedStep planned(const StepConfig& step) {
    PlannedStep out;
    out.config = &step;
    out.within = config_.within_of(step);
    if (step.asks_the_twin()) out.probe = next_probe_++;
    switch (step.is) {
      case StepIs::set:
      case StepIs::ramp:
        for (const auto& entry : step.what().entries) set(step, entry, out);
        break;
      case StepIs::send:
        command(step, out);
        break;
      case StepIs::act:
        act(step, yaml::written(step.what()), out.acts);
        break;
      case StepIs::force:
        force(step, out);
        break;
      case StepIs::fault:
        fault(step, out);
        break;
      case StepIs::measure:
        limits(step, out);
        break;
      default:
        break;
    }
    return out;
  }

  // ---- what is done

  /// A setpoint of the step's devices, or an operator's input.
  void set(const StepConfig& step, const yaml::Entry& entry, PlannedStep& out) {
    if (entry.value.refused()) return;
    const auto devices = step.device.empty() ? std::vector<twin::DeviceRef>{} : matching(step);
    if (!step.device.empty() && devices.empty()) return;
    std::vector<std::string> names;
    bool found = false;
    for (const auto device : devices) {
      const auto& setpoints = registry_.model(device.table).config.setpoints;
      for (size_t s = 0; s < setpoints.size(); ++s) {
        names.push_back(setpoints[s].name);
        if (setpoints[s].name != entry.key) continue;
        add_setpoint(step, entry, device, s, out);
        found = true;
      }
    }
    if (found) return;
    for (const auto& input : assembly_.scenario().inputs) names.push_back(input.name);
    if (std::find(names.begin(), names.end(), entry.key) == names.end()) {
      const auto near = did_you_mean(entry.key, names);
      return error(entry.key_span,
                   fmt::format("'{}' is no operator's input{}", entry.key,
                               devices.empty() ? "; a setpoint needs 'device'" : " and no setpoint"),
                   !near.empty() || names.empty() ? near : "there are " + joined(unique(names)));
    }
    set_input(step, entry, out);
  }

  void add_setpoint(const StepConfig& step, const yaml::Entry& entry, twin::DeviceRef device, size_t index,
                    PlannedStep& out) {
    const auto& setpoint = registry_.model(device.table).config.setpoints[index];
    const auto to = setpoint_value(reader_, entry.value, setpoint);
    if (!to) return;
    if (step.is == StepIs::ramp) {
      if (setpoint.boolean || !setpoint.words.empty())
        return error(entry.key_span, fmt::format("'{}' is no number, which a ramp moves", entry.key),
                     "write set:");
      const auto from = step.from ? setpoint_value(reader_, *step.from, setpoint) : std::nullopt;
      if (!from) return;
      out.from = *from;
    }
    twin::Command command;
    command.device = device;
    command.index = static_cast<uint16_t>(index);
    command.value = *to;
    out.commands.push_back(command);
  }

  void set_input(const StepConfig& step, const yaml::Entry& entry, PlannedStep& out) {
    if (config_.by.empty())
      return error(entry.key_span, "an operator's input is set by somebody",
                   "write by: with a person of the scenario at the sequence's head");
    const auto line = [&](const yaml::Node& value) {
      return fmt::format("{{by: {}, set: {{{}: {}}}{}}}", yaml::in_quotes(config_.by),
                         yaml::in_quotes(entry.key), yaml::written(value),
                         step.device.empty() ? "" : ", device: " + yaml::in_quotes(step.device));
    };
    if (step.is == StepIs::ramp) {
      const auto input = std::find_if(assembly_.scenario().inputs.begin(), assembly_.scenario().inputs.end(),
                                      [&](const auto& i) { return i.name == entry.key; });
      if (input->kind != mml::InputKind::limit)
        return error(entry.key_span, fmt::format("'{}' is no limit, which a ramp moves", entry.key),
                     "write set:");
      std::vector<twin::OperatorAction> begins;
      if (step.from) act(step, line(*step.from), begins);
      if (!begins.empty()) out.from = begins.front().value;
    }
    act(step, line(entry.value), out.acts);
  }

  void act(const StepConfig& step, const std::string& entry, std::vector<twin::OperatorAction>& out) {
    auto script = read_act(assembly_.scenario(), assembly_.units(), text_of("act", entry));
    if (!script) return at_step(step, std::move(script.error()));
    auto actions = actions_of(*script, registry_);
    if (!actions) return at_step(step, std::move(actions.error()));
    out.insert(out.end(), actions->begin(), actions->end());
  }

  void command(const StepConfig& step, PlannedStep& out) {
    std::vector<std::string> names;
    for (const auto device : matching(step)) {
      const auto& commands = registry_.model(device.table).config.commands;
      for (size_t c = 0; c < commands.size(); ++c) {
        names.push_back(commands[c].name);
        if (commands[c].name != step.what().text) continue;
        twin::Command command;
        command.device = device;
        command.kind = twin::Command::Kind::command;
        command.index = static_cast<uint16_t>(c);
        out.commands.push_back(command);
      }
    }
    if (!out.commands.empty() || has_errors(problems_)) return;
    error(step.what().span, fmt::format("no device that matches has a command '{}'", step.what().text),
          names.empty() ? "" : "write one of: " + joined(unique(names)));
  }

  void force(const StepConfig& step, PlannedStep& out) {
    auto force = resolve(*step.force, registry_, assembly_.units(), kStart);
    if (!force) {
      problems_.insert(problems_.end(), force.error().begin(), force.error().end());
      return;
    }
    const bool possible = !stimuli_.fields_only ||
                          (force->point == hil::ForcePoint::field && force->kind != hil::ForceKind::drop);
    if (!possible)
      return error(step.kinds.front().span,
                   "in a simulation only values of fields are forced: by force, offset, freeze or noise",
                   "write fault: for what devices and links do, or run the sequence on a rig");
    out.force = std::move(*force);
  }

  void fault(const StepConfig& step, PlannedStep& out) {
    if (!stimuli_.fault)
      return error(step.kinds.front().span, "the devices of a rig are real: no fault can be given to them",
                   "write force: with drop, delay, duplicate, reorder or corrupt");
    out.fault = text_of("fault", yaml::written(step.what()));
    if (auto read = read_fault(assembly_.scenario(), assembly_.units(), out.fault); !read)
      at_step(step, std::move(read.error()));
  }

  void limits(const StepConfig& step, PlannedStep& out) {
    const auto& unit = assembly_.probes()->unit(*out.probe);
    if (step.low) out.low = quantity(reader_, *step.low, unit, false);
    if (step.high) out.high = quantity(reader_, *step.high, unit, false);
    if (out.low && out.high && *out.low > *out.high)
      error(step.low->span, "'low' is above 'high': nothing passes", "exchange them");
  }

  // ---- helpers

  std::vector<twin::DeviceRef> matching(const StepConfig& step) {
    auto devices = registry_.matching(step.device);
    if (devices.empty())
      error(step.device_span, fmt::format("no device matches '{}'", step.device),
            "write an id; `*` stands for any part of an id without '/'");
    return devices;
  }
  static std::vector<std::string> unique(std::vector<std::string> names) {
    std::sort(names.begin(), names.end());
    names.erase(std::unique(names.begin(), names.end()), names.end());
    return names;
  }
  void error(const Span& span, std::string message, std::string hint = {}) {
    reader_.error(span, std::move(message), std::move(hint));
  }
  void at_step(const StepConfig& step, Diagnostics problems) {
    for (auto& problem : problems) {
      problem.span = step.kinds.front().span;
      problems_.push_back(std::move(problem));
    }
  }

  const SequenceConfig& config_;
  Assembly& assembly_;
  const Stimuli& stimuli_;
  const twin::Registry& registry_;
  Diagnostics problems_;
  Reader reader_;
  size_t next_probe_ = 0;
};

}  // namespace

Result<std::unique_ptr<PlannedSequence>> plan(SequenceConfig config, Assembly& assembly,
                                              const Stimuli& stimuli) {
  auto planned = std::make_unique<PlannedSequence>();
  planned->config = std::move(config);
  Planner planner(planned->config, assembly, stimuli);
  planner.run(planned->phases);
  if (auto problems = planner.take(); has_errors(problems)) return tl::make_unexpected(std::move(problems));
  return planned;
}

}  // namespace looptwin::testbed
