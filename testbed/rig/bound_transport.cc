#include "testbed/rig/bound_transport.h"

#include <algorithm>
#include <chrono>

namespace looptwin::testbed {
namespace {

/// Longer than a boundary is ever away: nobody is left hanging when the loop is.
constexpr std::chrono::seconds kPatience(30);

}  // namespace

BoundTransport::BoundTransport(std::unique_ptr<hil::RigTransport> rig, std::optional<Bound> bound,
                               const twin::Registry& registry)
    : rig_(std::move(rig)), bound_(bound), loop_{registry.site(), Row(size_t{0})} {
  if (!bound_) return;
  for (const auto& model : registry.models()) {
    groups_.push_back(twin::report_groups(model.config));
    last_.emplace_back(registry.devices(model.table), LastValues(model.config.telemetry.size()));
  }
  rig_->take_only([bindings = &bound_->bindings](twin::DeviceRef device, const std::string& origin) {
    return (origin == kSimulatedOrigin) == (bindings->of(device) == Binding::simulated);
  });
}

void BoundTransport::begin(Time boundary) {
  rig_->begin(boundary);
  std::vector<std::shared_ptr<Asked>> asked;
  {
    const std::scoped_lock lock(mutex_);
    boundary_ = boundary;
    asked.swap(asked_);
  }
  if (!bound_) return;
  for (const auto& one : asked)
    for (auto& swap : one->swaps) swap_now(swap);
  if (bound_->devices.broken()) breakdown_ = bound_->devices.breakdown();
  if (asked.empty()) return;
  const std::scoped_lock lock(mutex_);
  for (const auto& one : asked) one->done = true;
  done_.notify_all();
}

void BoundTransport::swap_now(Swap& swap) {
  const auto device = swap.device;
  swap.from = bound_->bindings.of(device);
  swap.at = boundary_;
  if (swap.from == swap.to) return;
  bound_->devices.swap(device, swap.to, last_[device.table.index()][device.row.index()], tell_);
  swaps_.push_back(swap);
  if (swapped_) swapped_(swap);
  const bool was = swap.from == Binding::simulated, is = swap.to == Binding::simulated;
  if (was != is && !rig_->hand_over(device, is, boundary_) && was) bound_->devices.say_gone(device);
}

void BoundTransport::poll_notices(Time boundary, std::vector<twin::Notice>& notices) {
  rig_->poll_notices(boundary, notices);
  if (pace_) notice_pace(boundary, notices);
  if (!bound_) return;
  for (const auto& [device, is] : bound_->parity.take_changes())
    notices.push_back({twin::Notice::Kind::diverging, device, is ? 1.0 : 0.0, boundary});
}

void BoundTransport::notice_pace(Time boundary, std::vector<twin::Notice>& notices) {
  const auto pace = pace_();
  if (pace.last != told_pace_.last)
    notices.push_back({twin::Notice::Kind::lateness, loop_, pace.last.seconds(), boundary});
  const auto overruns = [](const hil::PacingCounters& counters) { return counters.late + counters.skipped; };
  if (const auto more = overruns(pace) - overruns(told_pace_); more != 0)
    notices.push_back({twin::Notice::Kind::overruns, loop_, static_cast<double>(more), boundary});
  told_pace_ = pace;
}

void BoundTransport::poll(size_t shard, Time boundary, twin::Inbox& inbox) {
  rig_->poll(shard, boundary, inbox);
  if (bound_)
    for (const auto& frame : inbox.frames) note(frame);
}

void BoundTransport::note(const twin::Frame& frame) {
  const size_t table = frame.table.index();
  const auto& fields = groups_[table][frame.group].fields;
  for (size_t i = 0; i < frame.size(); ++i) {
    auto& last = last_[table][frame.row[i]];
    for (size_t k = 0; k < fields.size(); ++k)
      if (frame.is_about(k)) last[fields[k]] = frame.value[k][i];
    if (bound_->bindings.of({frame.table, Row(frame.row[i])}) == Binding::shadow)
      bound_->parity.real(frame, i);
  }
}

void BoundTransport::poll_people(Time boundary, std::vector<twin::OperatorAction>& actions) {
  rig_->poll_people(boundary, actions);
  const std::scoped_lock lock(mutex_);
  for (auto& act : acts_) {
    act.at = std::min(act.at, boundary);
    actions.push_back(std::move(act));
  }
  acts_.clear();
}

void BoundTransport::send(Time now, std::span<const twin::Command> commands) {
  if (tell_.empty()) return rig_->send(now, commands);
  leaving_.assign(tell_.begin(), tell_.end());
  leaving_.insert(leaving_.end(), commands.begin(), commands.end());
  tell_.clear();
  rig_->send(now, leaving_);
}

std::vector<Swap> BoundTransport::swap(std::span<const twin::DeviceRef> devices, Binding to,
                                       const std::string& by) {
  auto asked = std::make_shared<Asked>();
  for (const auto device : devices) asked->swaps.push_back({device, to, to, kStart, by});
  std::unique_lock lock(mutex_);
  if (!closed_) asked_.push_back(asked);
  if (told_) told_();
  const auto is_settled = [&] { return asked->done || closed_; };
  // What has begun by then is waited for: it is short.
  if (!done_.wait_for(lock, kPatience, is_settled) && std::erase(asked_, asked) == 0)
    done_.wait(lock, is_settled);
  return asked->done ? asked->swaps : std::vector<Swap>{};
}

void BoundTransport::act(const std::vector<twin::OperatorAction>& actions) {
  const std::scoped_lock lock(mutex_);
  for (auto action : actions) {
    action.at = Time{boundary_.ns + 1};  // after what has been decided on
    acts_.push_back(std::move(action));
  }
  if (told_) told_();
}

void BoundTransport::close() {
  const std::scoped_lock lock(mutex_);
  closed_ = true;
  done_.notify_all();
}

}  // namespace looptwin::testbed
