#include "testbed/sequence/sequence_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "hil/json_codec.h"
#include "lang/readable.h"
#include "testbed/reading/load.h"
#include "testbed/scenario.h"

namespace looptwin::testbed {
namespace {

/// The drawing of a long sequence ends here; what it came to does not.
constexpr size_t kMostSamples = 100'000;
constexpr size_t kMostTraces = 24;
constexpr size_t kMostReasons = 8;

}  // namespace

const char* name_of(Outcome outcome) {
  static constexpr const char* kNames[] = {"SKIPPED", "PASS", "FAIL", "INVALID", "ERROR", "ABORTED"};
  return kNames[static_cast<size_t>(outcome)];
}

bool RefusalEar::decided(Time, std::span<const mml::Record> records) {
  refused_.clear();
  for (const auto& record : records)
    if (record.kind == mml::RecordKind::input_refused || record.kind == mml::RecordKind::alarm_refused)
      refused_.push_back(record);
  return true;
}

bool RefusalEar::refused(const twin::OperatorAction& action) const {
  const auto kind = action.of == twin::OperatorSubject::input ? mml::RecordKind::input_refused
                                                              : mml::RecordKind::alarm_refused;
  return std::any_of(refused_.begin(), refused_.end(), [&](const auto& record) {
    return record.kind == kind && record.subject == action.subject && record.device == action.device;
  });
}

SequenceRun::SequenceRun(const PlannedSequence& sequence, Bench bench)
    : sequence_(sequence), bench_(std::move(bench)) {
  result_.name = sequence.config.name;
  result_.about = sequence.config.about;
  for (size_t p = 0; p < kPhases; ++p)
    for (const auto& planned : sequence.phases[p]) {
      auto& shown = result_.phases[p].steps.emplace_back();
      shown.name = planned.config->name;
      shown.is = planned.config->is;
      if (shown.is != StepIs::measure) continue;
      const auto& unit = bench_.assembly.probes()->unit(*planned.probe);
      shown.unit = unit.text;
      if (planned.low) shown.low = lang::readable(*planned.low, unit);
      if (planned.high) shown.high = lang::readable(*planned.high, unit);
    }
  drawn_ = fields_to_draw();
  for (const auto& read : drawn_) {
    const auto& field = registry().model(read.device.table).config.telemetry[read.field];
    auto words = field.words;
    if (field.boolean) words = {"false", "true"};
    result_.traces.push_back(
        {id(read.device), field.name, words.empty() ? field.unit.text : "", std::move(words), {}});
  }
}

/// Those that steps force, then those that they read.
std::vector<Probes::Read> SequenceRun::fields_to_draw() const {
  std::set<Probes::Read> forced;
  for (const auto& phase : sequence_.phases)
    for (const auto& step : phase) {
      if (!step.force || step.force->point != hil::ForcePoint::field) continue;
      for (const auto& target : step.force->targets) forced.insert({target.device, target.index});
    }
  std::vector<Probes::Read> all(forced.begin(), forced.end());
  for (const auto& read : bench_.assembly.probes()->reads())
    if (!forced.contains(read)) all.push_back(read);
  all.resize(std::min(all.size(), kMostTraces));
  return all;
}

std::string SequenceRun::id(twin::DeviceRef device) const {
  return device.table == registry().site() ? std::string() : std::string(registry().id(device));
}

// ---- from boundary to boundary

void SequenceRun::look(Time boundary) {
  if (over_) return;
  now_ = boundary;
  bench_.assembly.look_at_probes(boundary);
  draw(boundary);
  if (!begun_) {
    begun_ = true;
    begin_phase(0);
  }
  watch_for_the_end(boundary);
  while (!over_) {
    if (in_step_) {
      if (!advance(boundary)) return;
    } else if (step_ < sequence_.phases[phase_].size()) {
      begin_step(boundary);
    } else {
      end_phase(boundary);
      over_ = phase_ + 1 == kPhases;
      if (!over_) begin_phase(next_phase());
    }
  }
  result_.ended = boundary;
}

/// What ends the test leaves its teardown to be done.
void SequenceRun::watch_for_the_end(Time now) {
  if (!abort_.empty()) return;
  if (bench_.stop)
    abort_ = "somebody asked for the end";
  else if (bench_.stopped)
    abort_ = bench_.stopped();
  if (abort_.empty()) return;
  result_.why = abort_;
  if (phase_ + 1 == kPhases) return;  // it is under way already
  if (in_step_) finish_step(Outcome::aborted, abort_, now);
  step_ = sequence_.phases[phase_].size();
}

/// What was not prepared is not tested; the teardown is always done.
size_t SequenceRun::next_phase() const {
  const bool prepared = phase_ != 0 || result_.phases[0].outcome <= Outcome::pass;
  return prepared && abort_.empty() ? phase_ + 1 : kPhases - 1;
}

void SequenceRun::begin_phase(size_t phase) {
  phase_ = phase;
  step_ = 0;
  forced_.clear();
}

void SequenceRun::end_phase(Time now) {
  auto& phase = result_.phases[phase_];
  for (const auto& one : forced_) {
    const auto& force = bench_.forces->all()[one.force];
    if (!force.over) bench_.forces->end(now, force.config.name);
    auto& shown = phase.steps[one.step];
    shown.details.push_back(fmt::format("{}: {} touched", force.config.name, force.touched));
    if (force.touched > 0) continue;
    shown.outcome = worse(shown.outcome, Outcome::invalid);
    shown.why = "it had nothing to act on: what was seen meanwhile shows nothing";
  }
  forced_.clear();
  for (const auto& shown : phase.steps) phase.outcome = worse(phase.outcome, shown.outcome);
  result_.outcome = worse(result_.outcome, phase.outcome);
  if (!abort_.empty()) result_.outcome = Outcome::aborted;
}

void SequenceRun::end(const std::string& why) {
  if (over_) return;
  over_ = true;
  if (result_.why.empty()) result_.why = why;
  if (begun_ && in_step_) finish_step(Outcome::error, why, now_);
  if (begun_) end_phase(now_);
  result_.outcome = worse(result_.outcome, Outcome::error);
  result_.ended = now_;
}

/// After a step that came to this: what is tested may have several faults, and all are shown; where nothing
/// can be known any more nothing more is tried. A teardown is always done as a whole.
bool SequenceRun::goes_on(Outcome outcome) const {
  if (phase_ + 1 == kPhases || outcome <= Outcome::pass) return true;
  return outcome == Outcome::fail && phase_ == static_cast<size_t>(PhaseIs::main);
}

void SequenceRun::finish_step(Outcome outcome, std::string why, Time now) {
  auto& one = shown();
  one.outcome = outcome;
  if (!why.empty()) one.why = std::move(why);
  one.ended = now;
  in_step_ = false;
  bench_.answers.give_up();
  step_ = goes_on(outcome) ? step_ + 1 : sequence_.phases[phase_].size();
}

void SequenceRun::begin_step(Time now) {
  in_step_ = true;
  step_began_ = now;
  holds_since_ = kNever;
  told_.clear();
  shown().began = now;
  switch (step().config->is) {
    case StepIs::set:
    case StepIs::send:
    case StepIs::act:
      return act(now);
    case StepIs::force:
      return begin_force(now);
    case StepIs::fault:
      return begin_fault(now);
    case StepIs::prompt:
      return bench_.answers.ask(step().config->name, step().config->what().text);
    default:
      return;
  }
}

/// Whether the step at hand has ended.
bool SequenceRun::advance(Time now) {
  switch (step().config->is) {
    case StepIs::set:
    case StepIs::send:
    case StepIs::act:
    case StepIs::force:
    case StepIs::fault:
      return see_acted(now);
    case StepIs::ramp:
      return see_ramp(now);
    case StepIs::wait_until:
    case StepIs::expect:
      return see_condition(now);
    case StepIs::measure:
      return see_measured(now);
    case StepIs::prompt:
      return see_answered(now);
  }
  return true;
}

// ---- what is done

void SequenceRun::act(Time now) {
  for (const auto& action : step().acts) bench_.transport.act(action);
  for (const auto& command : step().commands) tell(command, now);
}

void SequenceRun::move(Time now) {
  const double share = std::min(1.0, (now - step_began_).seconds() / step().config->over.seconds());
  const auto between = [&](double to) { return share >= 1 ? to : step().from + share * (to - step().from); };
  for (auto action : step().acts) {
    action.value = between(action.value);
    bench_.transport.act(action);
  }
  for (auto command : step().commands) {
    command.value = between(command.value);
    tell(command, now);
  }
}

void SequenceRun::tell(twin::Command command, Time now) {
  command.issued = now;
  command.expires = now + std::max(sequence_.config.within, bench_.assembly.scenario().cycle);
  command.id = mml::command_id(result_.name, ++orders_, registry().key(command.device), command.index, 1);
  told_[command.id] = command.device;
  bench_.transport.tell(command);
}

void SequenceRun::begin_force(Time now) {
  auto force = *step().force;
  auto& forces = *bench_.forces;
  const std::string name = force.name;
  const auto taken = [&] {
    return std::any_of(forces.all().begin(), forces.all().end(),
                       [&](const auto& other) { return other.config.name == force.name; });
  };
  for (int n = 2; taken(); ++n) force.name = fmt::format("{} ({})", name, n);
  const Duration lasts = force.until - force.from;
  force.until = force.until == kNever ? kNever : now + lasts;
  force.from = now;
  forces.add(std::move(force));
  forced_.push_back({forces.all().size() - 1, step_});
}

void SequenceRun::begin_fault(Time now) {
  if (auto done = bench_.fault(step().fault); !done)
    finish_step(Outcome::error, done.error().front().message, now);
}

// ---- what comes of it

/// Why what the step has done did not come about: the loop, or a device, refuses it. Forgets what was
/// accepted.
std::string SequenceRun::refusal() {
  for (const auto& action : step().acts)
    if (now_ > step_began_ && bench_.ear.refused(action))
      return "the loop refused it: the log of decisions says why";
  for (auto it = told_.begin(); it != told_.end();) {
    const auto answer = bench_.transport.answer(it->first);
    if (answer == twin::Outcome::withheld)
      return fmt::format("{} is not armed, or the rig's safety keeps this back", id(it->second));
    if (answer && answer != twin::Outcome::accepted)
      return fmt::format("{} answered: {}", id(it->second), hil::name_of(*answer));
    it = answer ? told_.erase(it) : std::next(it);
  }
  return {};
}

/// What was done shows at the boundary after it.
bool SequenceRun::see_acted(Time now) {
  if (now == step_began_) return false;
  if (auto why = refusal(); !why.empty()) {
    finish_step(Outcome::error, std::move(why), now);
    return true;
  }
  if (told_.empty()) {
    finish_step(Outcome::pass, {}, now);
    return true;
  }
  if (now - step_began_ < step().within) return false;
  finish_step(Outcome::error, fmt::format("{} has not answered", id(told_.begin()->second)), now);
  return true;
}

bool SequenceRun::see_ramp(Time now) {
  if (auto why = refusal(); !why.empty()) {
    finish_step(Outcome::error, std::move(why), now);
    return true;
  }
  // The last value acts at the boundary after it.
  if (holds_since_ != kNever) {
    finish_step(Outcome::pass, {}, now);
    return true;
  }
  move(now);
  if (now - step_began_ >= step().config->over) holds_since_ = now;
  return false;
}

bool SequenceRun::see_condition(Time now) {
  const auto& probes = *bench_.assembly.probes();
  const auto& devices = probes.devices(*step().probe);
  const auto not_held = std::find_if(devices.begin(), devices.end(), [&](const auto device) {
    return probes.value(*step().probe, device) != 1;
  });
  const auto& config = *step().config;
  if (not_held == devices.end()) {
    if (holds_since_ == kNever) holds_since_ = now;
    if (now - holds_since_ < config.holds) return false;
    finish_step(Outcome::pass, {}, now);
    return true;
  }
  const Time since = std::exchange(holds_since_, kNever);
  if (now - step_began_ < step().within) return false;
  const std::string on = id(*not_held).empty() ? std::string() : " on " + id(*not_held);
  auto& one = shown();
  one.details = probes.why(*step().probe, *not_held);
  if (one.details.size() > kMostReasons) one.details.resize(kMostReasons);
  std::string why = since != kNever ? fmt::format("it held for {} of {}{}", to_string(now - since),
                                                  to_string(config.holds), on)
                    : step().within.ns > 0
                        ? fmt::format("it did not come to hold within {}{}", to_string(step().within), on)
                        : fmt::format("it does not hold{}", on);
  // What is waited for prepares the test; only what is expected is tested.
  finish_step(config.is == StepIs::expect ? Outcome::fail : Outcome::error, std::move(why), now);
  return true;
}

bool SequenceRun::see_measured(Time now) {
  const auto& probes = *bench_.assembly.probes();
  const auto& devices = probes.devices(*step().probe);
  const bool known = std::none_of(devices.begin(), devices.end(), [&](const auto device) {
    return std::isnan(probes.value(*step().probe, device));
  });
  if (!known && now - step_began_ < step().within) return false;
  auto& one = shown();
  Outcome all = Outcome::pass;
  for (const auto device : devices) {
    const double si = probes.value(*step().probe, device);
    Measured measured{id(device), lang::readable(si, probes.unit(*step().probe))};
    if (std::isnan(si))
      measured.outcome = Outcome::error;
    else if ((step().low && si < *step().low) || (step().high && si > *step().high))
      measured.outcome = Outcome::fail;
    all = worse(all, measured.outcome);
    one.measured.push_back(std::move(measured));
  }
  finish_step(all,
              all == Outcome::error
                  ? fmt::format("it is unknown, {} after it was asked for", to_string(step().within))
              : all == Outcome::fail ? "it is outside of its limits"
                                     : "",
              now);
  return true;
}

bool SequenceRun::see_answered(Time now) {
  if (const auto answer = bench_.answers.take()) {
    finish_step(answer->yes ? Outcome::pass : Outcome::fail,
                fmt::format("{}: {}", answer->by, answer->yes ? "yes" : "no"), now);
    return true;
  }
  if (now - step_began_ < step().within) return false;
  finish_step(Outcome::error, fmt::format("nobody has answered within {}", to_string(step().within)), now);
  return true;
}

// ---- what was seen

void SequenceRun::draw(Time now) {
  for (size_t t = 0; t < drawn_.size(); ++t) {
    const auto& read = drawn_[t];
    auto& trace = result_.traces[t];
    if (trace.samples.size() >= kMostSamples) continue;
    const auto& model = registry().model(read.device.table);
    const auto column = model.fields[read.field].value;
    const double si = twin::load(bench_.assembly.tables().column(read.device.table, column),
                                 bench_.assembly.schema().column(read.device.table, column).storage,
                                 read.device.row.index());
    const auto& unit = model.config.telemetry[read.field].unit;
    const bool word = si == std::floor(si) && si < static_cast<double>(trace.words.size());
    const double unknown = std::numeric_limits<double>::quiet_NaN();
    trace.samples.push_back({now, trace.words.empty() ? lang::readable(si, unit) : word ? si : unknown});
  }
}

SequenceResult SequenceRun::result() const {
  SequenceResult result = result_;
  result.hops = bench_.transport.hops();
  for (const auto& force : bench_.forces->all()) {
    if (!force.begun) continue;
    auto& shown = result.forces.emplace_back(ForceShown{force.config.name,
                                                        force.config.owner,
                                                        hil::name_of(force.config.kind),
                                                        force.config.from,
                                                        std::min(force.config.until, result.ended),
                                                        force.touched,
                                                        {}});
    if (force.config.point != hil::ForcePoint::field) continue;
    for (const auto& target : force.config.targets)
      shown.fields.push_back(
          {id(target.device), registry().model(target.device.table).config.telemetry[target.index].name});
  }
  return result;
}

}  // namespace looptwin::testbed
