#include "testbed/sequence/sequence_config.h"

#include <fmt/format.h>

#include "base/text.h"
#include "testbed/one_line.h"
#include "testbed/reading/files.h"
#include "testbed/reading/values.h"
#include "testbed/reading/written.h"

namespace looptwin::testbed {
namespace {

constexpr const char* kKinds[] = {"set",   "ramp",       "send",   "do",      "force",
                                  "fault", "wait_until", "expect", "measure", "prompt"};

Key<StepConfig> kind(StepIs is, Form form, std::string about) {
  return {{.name = name_of(is), .form = form, .about = std::move(about)},
          [](Reader&, const yaml::Entry& entry, StepConfig& out) {
            out.kinds.push_back({entry.key_span, entry.key, entry.value});
          }};
}

Key<StepConfig> kept(const char* name, Form form, std::string about,
                     std::optional<yaml::Node> StepConfig::*into) {
  return {{.name = name, .form = form, .about = std::move(about)},
          [into](Reader&, const yaml::Entry& entry, StepConfig& out) { out.*into = entry.value; }};
}

const Section<StepConfig>& step_section() {
  using T = StepConfig;
  using enum StepIs;
  static const Section<T> kSection =
      Section<T>(
          "a step", "step",
          {kind(set, Form::other,
                "operator's inputs, or setpoints of `device`, with their values: `{speed: 80 %}`"),
           kind(ramp, Form::other,
                "the same, one that is a number: from `from` to this value, `over` a time"),
           kind(send, Form::name, "a command to `device`"),
           kind(act, Form::other, "what a person does, as in a script: `{by: anna, acknowledge: overload}`"),
           kind(force, Form::other, "a force on a signal: its keys, but for `at`"),
           kind(fault, Form::other, "a fault of a simulated device or link, with the keys of `faults`"),
           kind(wait_until, Form::expression, "goes on when it holds"),
           kind(expect, Form::expression,
                "must hold, or come to hold `within` a time, and stay so while it `holds`"),
           kind(measure, Form::expression,
                "a number that the report tells; within `low` and `high` where they are given"),
           kind(prompt, Form::text, "asks a person, who answers yes or no"),
           optional<T>("name", text(), &T::name, "what it does", "for the report"),
           with_span(optional<T>("device", pattern(), &T::device, "the whole site",
                                 "an id, or a pattern of devices of one model"),
                     &T::device_span),
           optional<T>("within", duration(), &T::within, "the sequence's; of expect 0 s",
                       "so long it may take"),
           optional<T>("holds", period(), &T::holds, "an instant", "of wait_until and expect: for how long"),
           optional<T>("over", period(), &T::over, "", "of ramp: how long it takes"),
           kept("from", Form::quantity, "of ramp: where it begins", &T::from),
           kept("low", Form::quantity, "of measure: the least that passes", &T::low),
           kept("high", Form::quantity, "of measure: the most that passes", &T::high),
           {{.name = "unit", .form = Form::unit, .about = "of measure", .fallback = "its own"},
            [](Reader& reader, const yaml::Entry& entry, T& out) {
              if (const auto* node = scalar(reader, entry.value, "a unit")) out.unit = node->span;
            }}})
          .with_mistaken({{"wait", "write wait_until: with a condition"},
                          {"expect_within", "write expect: with within: beside it"},
                          {"timeout", "write within:"},
                          {"for", "write holds: of a condition, over: of a ramp"}});
  return kSection;
}

/// That a key stands at steps of these kinds only.
void only_of(Reader& reader, const StepConfig& step, bool given, const char* key,
             std::initializer_list<StepIs> kinds) {
  if (!given || std::find(kinds.begin(), kinds.end(), step.is) != kinds.end()) return;
  std::vector<std::string> names;
  for (const auto is : kinds) names.push_back(name_of(is));
  reader.error(step.span, fmt::format("a step that has '{}' has no '{}'", name_of(step.is), key),
               fmt::format("remove it; '{}' is for {}", key, joined(names)));
}

void needs(Reader& reader, const StepConfig& step, bool given, const char* key, const char* write) {
  if (!given) reader.error(step.span, fmt::format("'{}' needs '{}'", name_of(step.is), key), write);
}

void check_map(Reader& reader, const StepConfig& step, const char* write) {
  const auto& node = step.what();
  if (!node.refused() && (!node.map() || node.entries.empty()))
    reader.error(step.kinds.front().span, fmt::format("'{}' names nothing", name_of(step.is)), write);
}

void read_force_of(Reader& reader, StepConfig& step) {
  ForceText force;
  force.span = step.kinds.front().span;
  force_section().read(reader, step.what(), force.span, force);
  if (force.at) reader.error(force.span, "a force of a sequence begins with its step", "remove 'at'");
  step.force = std::move(force);
}

std::string default_name(const StepConfig& step) {
  const auto& node = step.what();
  std::string what = node.scalar() ? in_one_line(node.span) : yaml::written(node);
  if (step.is == StepIs::prompt) return what;
  constexpr size_t kLongest = 80;
  if (what.size() > kLongest) what = what.substr(0, kLongest) + " ...";
  const bool elsewhere = !step.device.empty();
  return fmt::format("{} {}{}{}", name_of(step.is), what, elsewhere ? " on " : "", step.device);
}

/// What a step's keys say about each other.
void check(Reader& reader, StepConfig& step) {
  using enum StepIs;
  if (step.kinds.size() != 1) {
    std::vector<std::string> names(std::begin(kKinds), std::end(kKinds));
    reader.error(step.kinds.empty() ? step.span : step.kinds[1].span,
                 step.kinds.empty() ? "a step does nothing" : "a step does one thing",
                 "write one of: " + joined(names));
    return;
  }
  step.is = static_cast<StepIs>(std::find(std::begin(kKinds), std::end(kKinds), step.kinds.front().name) -
                                std::begin(kKinds));
  if (step.what().refused()) return;
  if (step.name.empty()) step.name = default_name(step);
  only_of(reader, step, !step.device.empty(), "device", {set, ramp, send, wait_until, expect, measure});
  only_of(reader, step, step.within.has_value(), "within",
          {set, send, act, wait_until, expect, measure, prompt});
  only_of(reader, step, step.holds.ns > 0, "holds", {wait_until, expect});
  only_of(reader, step, step.over.ns > 0, "over", {ramp});
  only_of(reader, step, step.from.has_value(), "from", {ramp});
  only_of(reader, step, step.low.has_value(), "low", {measure});
  only_of(reader, step, step.high.has_value(), "high", {measure});
  only_of(reader, step, step.unit.has_value(), "unit", {measure});
  if (step.is == set || step.is == ramp) check_map(reader, step, "write set: {speed: 80 %}, or ramp:");
  if (step.is == act) check_map(reader, step, "write {by: anna, press: reset}");
  if (step.is == fault) check_map(reader, step, "write {device: home-7, kind: device_off, lasts: 10 s}");
  if (step.is == ramp) {
    needs(reader, step, step.from.has_value(), "from", "write the value that it begins with");
    needs(reader, step, step.over.ns > 0, "over", "write how long it takes");
    if (step.what().entries.size() > 1)
      reader.error(step.kinds.front().span, "a ramp moves one thing", "write a step for each");
  }
  if (step.is == send) needs(reader, step, !step.device.empty(), "device", "write whose command it is");
  if (step.is == force) read_force_of(reader, step);
  if (step.asks_the_twin() || step.is == send || step.is == prompt)
    scalar(reader, step.what(),
           step.is == prompt ? "a question"
           : step.is == send ? "a command"
                             : "an expression");
}

Key<SequenceConfig> phase(PhaseIs is, bool required, std::string about) {
  return {{.name = name_of(is),
           .form = Form::list,
           .about = std::move(about),
           .required = required,
           .fallback = required ? "" : "none",
           .section = &step_section()},
          [is](Reader& reader, const yaml::Entry& entry, SequenceConfig& out) {
            if (!expect_list(reader, entry.key, entry.value)) return;
            for (const auto& item : entry.value.items) {
              auto& step = out.phases[static_cast<size_t>(is)].emplace_back();
              step.span = item.span;
              step_section().read(reader, item, item.span, step);
              check(reader, step);
            }
            if (is == PhaseIs::main && entry.value.items.empty())
              reader.error(entry.key_span, "a sequence that tests nothing", "write steps below main:");
          }};
}

}  // namespace

const char* name_of(StepIs is) { return kKinds[static_cast<size_t>(is)]; }

const char* name_of(PhaseIs is) {
  static constexpr const char* kNames[] = {"setup", "main", "teardown"};
  return kNames[static_cast<size_t>(is)];
}

const Section<SequenceConfig>& sequence_section() {
  using T = SequenceConfig;
  static const Section<T> kSection(
      "a sequence", "sequence",
      {required<T>("sequence", text(), &T::name, "its name"),
       optional<T>("about", text(), &T::about, "", "what it tests"),
       with_span(optional<T>("by", name(), &T::by, "nobody", "the person who sets operator's inputs"),
                 &T::by_span),
       optional<T>("within", period(), &T::within, "30 s",
                   "so long each step may take that says nothing else"),
       phase(PhaseIs::setup, false, "what prepares the test: where it does not pass nothing is tested"),
       phase(PhaseIs::main, true, "what tests"),
       phase(PhaseIs::teardown, false, "done after that, whatever has happened")});
  return kSection;
}

Duration SequenceConfig::within_of(const StepConfig& step) const {
  return step.within.value_or(step.is == StepIs::expect ? Duration{} : within);
}

Duration SequenceConfig::longest(Duration cycle) const {
  // Each step waits for boundaries: for that at which it acts, and for the first one after its time is over.
  Duration all = cycle * 10;
  for (const auto& phase : phases)
    for (const auto& step : phase) all = all + within_of(step) + step.holds + step.over + cycle * 3;
  return all;
}

std::vector<ProbeText> SequenceConfig::probes() const {
  std::vector<ProbeText> probes;
  for (const auto& phase : phases)
    for (const auto& step : phase)
      if (step.asks_the_twin())
        probes.push_back(
            {step.what().span, step.is != StepIs::measure, step.device, step.device_span, step.unit});
  return probes;
}

Result<SequenceConfig> load_sequence(const std::filesystem::path& file) {
  Diagnostics problems;
  const auto files = read_files(file, problems);
  if (files.sources.empty()) return tl::make_unexpected(std::move(problems));
  const lang::Units units;
  Reader reader{units, problems, files.complete};
  SequenceConfig sequence;
  sequence.source = files.sources.front();
  sequence_section().read(reader, files.root, Span{sequence.source, 0, 0}, sequence);
  if (has_errors(problems)) return tl::make_unexpected(std::move(problems));
  return sequence;
}

}  // namespace looptwin::testbed
