#include "hil/rig_safety.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/random.h"
#include "base/text.h"

namespace looptwin::hil {
namespace {

/// What is not answered is sent again after this; it acts once.
constexpr Duration kAgainAfter = seconds(1);
constexpr Duration kLookEvery = milliseconds(5);

std::string quantity_of(const twin::Registry& registry, const twin::Command& command) {
  const auto& model = registry.models()[command.device.table.index()].config;
  return command.kind == twin::Command::Kind::setpoint ? model.setpoints[command.index].name
                                                       : model.commands[command.index].name;
}

}  // namespace

twin::Command safe_command(const SafeStep& step, twin::DeviceRef device, uint64_t salt, uint64_t episode,
                           Time now) {
  twin::Command command;
  const uint64_t which = (uint64_t{device.table.value} << 48) ^ (uint64_t{device.row.value} << 17) ^
                         (uint64_t{step.index} << 1) ^ (step.kind == twin::Command::Kind::command ? 1 : 0);
  command.id = random::bits({salt, episode}, which, 0);
  command.device = device;
  command.kind = step.kind;
  command.index = step.index;
  command.value = step.value;
  command.issued = now;
  command.expires = kNever;
  return command;
}

RigSafety::RigSafety(const twin::Registry& registry, SafetyOptions options, MqttLink& link,
                     DeviceLanguage language, RigJournal& journal, const SteadyTime& time, Watchdog* watchdog)
    : registry_(registry),
      options_(std::move(options)),
      link_(link),
      language_(std::move(language)),
      journal_(journal),
      time_(time),
      watchdog_(watchdog),
      gate_(registry, options_.limits),
      losses_(link.counters().losses) {}

void RigSafety::begin(Time boundary) {
  if (watchdog_ != nullptr && watchdog_->fired()) {
    stop("the loop did not move, and the watchdog has made the rig safe", boundary);
  } else if (watchdog_ != nullptr && watched_ && !watchdog_->alive()) {
    watched_ = false;
    journal_.write(boundary, "watchdog_lost");
    fmt::print(
        stderr,
        "warning: the watchdog of this rig has ended: a kill of looptwin leaves devices as they are\n");
  }
  if (const auto losses = link_.counters().losses; losses != losses_) {
    losses_ = losses;
    if (options_.stop_after_loss && !options_.steps.empty() && gate_.armed() > 0)
      stop("the broker was away", boundary);
  }
  send_owed(boundary, false);
}

std::optional<Kept> RigSafety::keeps(const twin::Command& command, Time now) {
  const auto why = gate_.keeps(command, now);
  // Each kind of news once: a rule that asks for the same every second would fill the journal.
  if (why && told_.emplace(command.device, command.kind, command.index, *why).second)
    journal_.write(now, "kept_back",
                   {{"device", std::string(registry_.id(command.device))},
                    {"quantity", quantity_of(registry_, command)},
                    {"why", name_of(*why)},
                    {"command", fmt::format("{:016x}", command.id)}});
  return why;
}

bool RigSafety::answered(const DeviceLanguage::Answer& answer, Time now) {
  const auto owed =
      std::find_if(owed_.begin(), owed_.end(), [&](const Owed& o) { return o.command.id == answer.id; });
  if (owed == owed_.end()) return false;
  if (!owed->answered && !answer.accepted)
    journal_.write(now, "safe_value_refused",
                   {{"device", std::string(registry_.id(owed->command.device))},
                    {"quantity", quantity_of(registry_, owed->command)}});
  owed->refused = !answer.accepted;
  owed->answered = true;
  return true;
}

size_t RigSafety::arm(const std::string& pattern, Time now, const std::string& by) {
  const auto devices = registry_.matching(pattern);
  for (const auto device : devices) gate_.arm(device);
  // What they are told from now on is the loop's.
  const std::set<twin::DeviceRef> armed(devices.begin(), devices.end());
  settle([&](twin::DeviceRef device) { return armed.contains(device); });
  std::erase_if(told_, [&](const auto& told) { return armed.contains(std::get<0>(told)); });
  journal_.write(now, "armed", {{"devices", pattern}, {"count", std::to_string(devices.size())}, {"by", by}});
  prepare(now);
  return devices.size();
}

size_t RigSafety::disarm(const std::string& pattern, Time now, const std::string& by) {
  const auto devices = registry_.matching(pattern);
  std::set<twin::DeviceRef> concerned;
  for (const auto device : devices) {
    if (gate_.armed(device)) concerned.insert(device);
    gate_.disarm(device);
  }
  journal_.write(now, "disarmed",
                 {{"devices", pattern}, {"count", std::to_string(concerned.size())}, {"by", by}});
  owe([&](twin::DeviceRef device) { return concerned.contains(device); }, now,
      fmt::format("{} disarmed by {}", pattern, by));
  send_owed(now, true);
  return concerned.size();
}

size_t RigSafety::stop(const std::string& why, Time now) {
  ++stops_;
  // Who presses again at once adds nothing: a flood of stops is no flood of orders.
  if (gate_.stopped() && gate_.armed() == 0 && now < stopped_ + kAgainAfter) return owed_.size();
  gate_.stop();
  stopped_ = now;
  told_.clear();
  settle_all();
  const size_t orders = owe([](twin::DeviceRef) { return true; }, now, why);
  journal_.write(now, "stopped", {{"why", why}, {"safe_values", std::to_string(orders)}});
  fmt::print(stderr, "stopped: {}; nothing but safe values leaves until it is armed again\n", why);
  send_owed(now, true);
  prepare(now);
  return orders;
}

void RigSafety::hand_over(twin::DeviceRef device, Time now, const std::string& to) {
  if (!handed_over_.insert(device).second) return;
  gate_.disarm(device);
  settle([&](twin::DeviceRef owed) { return owed == device; });
  journal_.write(now, "handed_over", {{"device", std::string(registry_.id(device))}, {"to", to}});
  prepare(now);
}

template <typename Of>
size_t RigSafety::owe(Of&& of, Time now, const std::string& why) {
  ++episode_;
  outcomes_.push_back({.why = why});
  for (const auto& step : options_.steps) owe_step(step, of, now);
  const size_t orders = outcomes_.back().orders;
  if (orders == 0) outcomes_.pop_back();
  return orders;
}

void RigSafety::owe_step(const SafeStep& step, const std::function<bool(twin::DeviceRef)>& of, Time now) {
  for (const auto device : step.devices)
    if (of(device) && !handed_over_.contains(device)) {
      owed_.push_back({safe_command(step, device, options_.salt, episode_, now), outcomes_.size() - 1});
      ++outcomes_.back().orders;
    }
}

void RigSafety::send(Owed& owed, Time now) {
  owed.tried = true;
  owed.sent = language_.is_there(owed.command.device) ? time_.now() : Duration{-1};
  std::vector<Outgoing> orders;
  if (!language_.tell(owed.command, orders)) {
    owed.deaf = owed.answered = true;
    return;
  }
  for (auto& order : orders) link_.publish(order.topic, std::move(order.payload));
  gate_.sent_safe(owed.command, now);
}

/// A device that never answers has been told once it was there.
bool RigSafety::waits_for(const Owed& owed) const {
  if (owed.answered) return false;
  return owed.sent < Duration{} || language_.answers(owed.command.device);
}

void RigSafety::send_owed(Time now, bool whoever) {
  const Duration steady = time_.now();
  for (auto& owed : owed_) {
    const bool there = language_.is_there(owed.command.device);
    if (!waits_for(owed) || (!there && (!whoever || owed.tried))) continue;
    if (owed.sent < Duration{} || owed.sent + kAgainAfter <= steady) send(owed, now);
  }
}

size_t& RigSafety::place_of(const Owed& owed) {
  auto& outcome = outcomes_[owed.outcome];
  if (owed.refused) return outcome.refused;
  if (owed.deaf) return outcome.deaf;
  if (owed.answered) return outcome.answered;
  if (!language_.is_there(owed.command.device)) return outcome.absent;
  if (!language_.answers(owed.command.device)) return outcome.mute;
  return outcome.unanswered;
}

/// Nothing is owed to these devices any more: counts what became of it, under the reason for which it was.
void RigSafety::settle(const std::function<bool(twin::DeviceRef)>& of) {
  const auto settled = std::stable_partition(owed_.begin(), owed_.end(),
                                             [&](const Owed& owed) { return !of(owed.command.device); });
  for (auto owed = settled; owed != owed_.end(); ++owed) {
    ++place_of(*owed);
    outcomes_[owed->outcome].reached = link_.connected();
  }
  owed_.erase(settled, owed_.end());
}

void RigSafety::settle_all() {
  settle([](twin::DeviceRef) { return true; });
}

/// Without a loop: of what has been received nothing else counts any more.
void RigSafety::hear_answers(Time now) {
  std::vector<MqttMessage> messages;
  link_.take(messages);
  std::vector<DeviceLanguage::Answer> answers;
  for (const auto& message : messages) language_.answers_in(message, answers);
  for (const auto& answer : answers) answered(answer, now);
}

SafeOutcome RigSafety::tear_down(SteadyTime& time, Time now) {
  const Duration begun = time.now(), until = begun + options_.teardown;
  const auto concerned = [this](twin::DeviceRef device) { return gate_.was_armed(device); };
  gate_.stop();
  hear_answers(now);  // those that came since the last boundary are to what was owed until now
  settle_all();
  ++episode_;
  outcomes_.push_back({.why = "the end of the run"});
  const auto all_answered = [&] {
    return link_.connected() && std::none_of(owed_.begin(), owed_.end(), [this](const Owed& owed) {
             return waits_for(owed) && language_.is_there(owed.command.device);
           });
  };
  for (const auto& step : options_.steps) {
    owe_step(step, concerned, now);
    send_owed(now, true);
    while (!owed_.empty() && !all_answered() && time.now() < until) {
      time.sleep_until(time.now() + kLookEvery);
      hear_answers(now);
      send_owed(now, true);
    }
  }
  settle_all();
  if (outcomes_.back().orders == 0) {
    outcomes_.pop_back();
    return {.why = "nothing was armed"};
  }
  auto& outcome = outcomes_.back();
  outcome.took = time.now() - begun;
  journal_.write(now, "made_safe",
                 {{"why", outcome.why},
                  {"safe_values", std::to_string(outcome.orders)},
                  {"answered", std::to_string(outcome.answered)},
                  {"refused", std::to_string(outcome.refused)},
                  {"unanswered", std::to_string(outcome.unanswered)},
                  {"absent", std::to_string(outcome.absent)},
                  {"took", to_string(outcome.took)},
                  {"broker", outcome.reached ? "reached" : "away"}});
  return outcome;
}

/// What the watchdog would send: its ids are of an episode that is nobody else's.
void RigSafety::prepare(Time now) {
  if (watchdog_ == nullptr) return;
  ++episode_;
  std::vector<Outgoing> orders;
  for (const auto& step : options_.steps)
    for (const auto device : step.devices)
      if (gate_.was_armed(device) && !handed_over_.contains(device))
        language_.write(safe_command(step, device, options_.salt, episode_, now), orders);
  watchdog_->prepare(orders);
}

}  // namespace looptwin::hil
