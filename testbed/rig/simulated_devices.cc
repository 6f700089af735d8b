#include "testbed/rig/simulated_devices.h"

namespace looptwin::testbed {
namespace {

/// How often the world follows the wall: what a device says is on the broker so much later at most.
constexpr Duration kPeriod = milliseconds(5);

}  // namespace

SimulatedDevices::SimulatedDevices(DeviceWorld& world, hil::DeviceBridge& bridge, Bindings& bindings,
                                   Parity& parity, std::function<Time()> now, hil::SteadyTime& time)
    : world_(world),
      bridge_(bridge),
      bindings_(bindings),
      parity_(parity),
      now_(std::move(now)),
      time_(time) {
  for (const auto& model : world.registry().models())
    online_.emplace_back(world.registry().devices(model.table), 0);
}

SimulatedDevices::~SimulatedDevices() {
  stop_ = true;
  if (thread_.joinable()) thread_.join();
  say_all(false);
}

/// The presence of all that are simulated and there.
void SimulatedDevices::say_all(bool online) {
  for (size_t t = 0; t < online_.size(); ++t)
    for (size_t row = 0; row < online_[t].size(); ++row) {
      const twin::DeviceRef device{TableId(t), Row(row)};
      if (online_[t][row] != 0 && bindings_.of(device) == Binding::simulated)
        bridge_.publish(twin::Presence{device, online, world_.now()});
    }
}

void SimulatedDevices::start() {
  thread_ = std::thread([this] { run(); });
}

void SimulatedDevices::run() {
  while (!stop_ && !broken_) {
    const auto began = time_.now();
    if (const Time now = now_(); now > world_.now()) {
      const std::scoped_lock lock(mutex_);
      step(now);
    }
    time_.sleep_until(began + kPeriod);
  }
}

void SimulatedDevices::step(Time now) {
  bridge_.take(world_.now(), inbox_);
  for (const auto& order : inbox_.orders) obey(order);
  if (inbox_.anew) say_all(true);
  // A real device's will, or its farewell: the one that counts is still there.
  for (const auto device : inbox_.gone)
    if (bindings_.of(device) == Binding::simulated && online_[device.table.index()][device.row.index()] != 0)
      bridge_.publish(twin::Presence{device, true, world_.now()});
  if (world_.advance(now))
    speak();
  else
    broken_ = true;
}

void SimulatedDevices::obey(const hil::DeviceBridge::Inbox::Order& order) {
  const auto& command = order.command;
  const auto binding = bindings_.of(command.device);
  if (order.refused) {
    if (binding == Binding::simulated)
      bridge_.publish(
          twin::Acknowledgement{command.id, command.device, *order.refused, world_.now(), world_.now()});
    return;
  }
  if (holds(command)) held_[{command.device, command.index}] = command;
  if (binding == Binding::real) return;
  // The wire does not say that it is sent again: a link that has lost it once may bring it the next time.
  twin::Command one = command;
  one.attempt = attempts_++;
  world_.deliver(one);
}

/// Whether a device that is told this holds it, as far as its model says.
bool SimulatedDevices::holds(const twin::Command& command) const {
  if (command.kind != twin::Command::Kind::setpoint || command.expires < world_.now()) return false;
  const auto& range = world_.registry().model(command.device.table).config.setpoints[command.index].range;
  return !range || (range->low <= command.value && command.value <= range->high);
}

void SimulatedDevices::speak() {
  for (const auto& arrivals : world_.arrivals()) {
    for (const auto& presence : arrivals.presence) {
      online_[presence.device.table.index()][presence.device.row.index()] = presence.online ? 1 : 0;
      if (bindings_.of(presence.device) == Binding::simulated) bridge_.publish(presence);
    }
    for (const auto& frame : arrivals.frames)
      for (size_t i = 0; i < frame.size(); ++i) {
        const auto binding = bindings_.of({frame.table, Row(frame.row[i])});
        if (binding == Binding::simulated) bridge_.publish(frame, i);
        if (binding == Binding::shadow) parity_.model(frame, i);
      }
    for (const auto& answer : arrivals.acknowledgements)
      if (bindings_.of(answer.device) == Binding::simulated) bridge_.publish(answer);
  }
}

void SimulatedDevices::swap(twin::DeviceRef device, Binding to, const LastValues& last,
                            std::vector<twin::Command>& tell) {
  const std::scoped_lock lock(mutex_);
  const auto from = bindings_.of(device);
  if (from == to) return;
  const auto& telemetry = world_.registry().model(device.table).config.telemetry;
  if (from != Binding::simulated)
    for (size_t f = 0; f < last.size(); ++f)
      if (last[f] && *last[f] != twin::kMissing)
        world_.set_state(device, f, twin::scaling_of(telemetry[f]).to_si(*last[f]));
  const auto first = held_.lower_bound({device, 0});
  for (auto held = first; held != held_.end() && held->first.first == device; ++held) {
    if (from == Binding::real) world_.hold(device, held->first.second, held->second.value);
    if (from == Binding::simulated) {
      tell.push_back(held->second);
      tell.back().expires = kNever;  // it stands now, whenever it was said
    }
  }
  parity_.forget(device);
  bindings_.set(device, to);
  if (from == Binding::simulated) bridge_.leave(device, world_.now());
  if (to == Binding::simulated && online_[device.table.index()][device.row.index()] != 0)
    bridge_.publish(twin::Presence{device, true, world_.now()});
}

void SimulatedDevices::say_gone(twin::DeviceRef device) {
  const std::scoped_lock lock(mutex_);
  bridge_.publish(twin::Presence{device, false, world_.now()});
}

Diagnostics SimulatedDevices::breakdown() const {
  const std::scoped_lock lock(mutex_);
  return broken_ ? world_.breakdown() : Diagnostics{};
}

std::optional<hil::ConnectionCounters> SimulatedDevices::connections() const {
  if (bridge_.sessions() == nullptr) return std::nullopt;
  return bridge_.sessions()->counters();
}

hil::BridgeCounters SimulatedDevices::counters() const {
  const std::scoped_lock lock(mutex_);
  return bridge_.counters();
}

}  // namespace looptwin::testbed
