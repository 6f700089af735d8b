#include "hil/device_sessions.h"

#include <utility>

namespace looptwin::hil {
namespace {

using Kind = DeviceSide::Sessions;

/// One that is shared is none of a device's that the broker might know: it comes as the rig itself.
MqttConnections::Account account(const DeviceSessions::Options& options, const std::string& id,
                                 DeviceSession& session) {
  MqttConnections::Account account;
  account.options = options.broker;
  account.options.client_id = session.name.empty() ? id : options.broker.client_id + "/" + session.name;
  if (const auto secret = options.secrets.find(id); session.name.empty() && secret != options.secrets.end()) {
    account.options.user = secret->first;
    account.options.password = secret->second;
  }
  account.options.will = std::move(session.will);
  account.filters = std::move(session.filters);
  return account;
}

}  // namespace

Result<std::unique_ptr<DeviceSessions>> DeviceSessions::start(const Options& options,
                                                              const twin::Registry& registry,
                                                              const DeviceSides& sides) {
  std::unique_ptr<DeviceSessions> made(new DeviceSessions(options.broker.arrivals));
  std::vector<MqttConnections::Account> accounts;
  made->place_.resize(sides.of_table.size());
  for (size_t t = 0; t < sides.of_table.size(); ++t) {
    const auto kind = sides.of_table[t] != nullptr ? sides.of_table[t]->sessions() : Kind::none;
    if (kind == Kind::none || (kind == Kind::of_each && !options.of_each)) continue;
    made->place_[t].resize(registry.devices(TableId(t)));
    for (size_t row = 0; row < made->place_[t].size(); ++row) {
      const twin::DeviceRef device{TableId(t), Row(row)};
      const bool shared = kind == Kind::shared;
      if (shared && sides.of_table[t]->holder(device) != device) continue;
      made->place_[t][row] = accounts.size();
      made->holder_.push_back(shared ? std::optional(device) : std::nullopt);
      auto session = sides.of_table[t]->session(device);
      accounts.push_back(account(options, std::string(registry.id(device)), session));
      made->hello_.push_back(std::move(session.hello));
    }
  }
  made->wanted_.resize(accounts.size());
  auto connections = MqttConnections::start(
      std::move(accounts),
      {.heard = [own = made.get()](size_t, MqttMessage&& message) { own->arrived_.put(std::move(message)); },
       .joined =
           [own = made.get()](size_t one, const Attempt& attempt) {
             if (own->hello_[one]) own->connections_->publish(one, *own->hello_[one]);
             own->note(one, attempt);
           },
       .lost = [own = made.get()](size_t one) { own->note(one, {}); }});
  if (!connections) return tl::make_unexpected(std::move(connections.error()));
  made->connections_ = std::move(*connections);
  return made;
}

std::optional<size_t> DeviceSessions::place(twin::DeviceRef device) const {
  const auto& rows = place_[device.table.index()];
  return device.row.index() < rows.size() ? rows[device.row.index()] : std::nullopt;
}

void DeviceSessions::note(size_t one, std::optional<Attempt> joined) {
  if (!holder_[one]) return;
  const std::scoped_lock lock(mutex_);
  changes_.push_back({*holder_[one], joined});
}

std::vector<DeviceSessions::Change> DeviceSessions::take_changes() {
  const std::scoped_lock lock(mutex_);
  return std::exchange(changes_, {});
}

void DeviceSessions::come(twin::DeviceRef device) {
  const size_t one = *place(device);
  if (wanted_[one] && hello_[one]) connections_->publish(one, *hello_[one]);
  if (!wanted_[one]) connections_->connect(one);
  wanted_[one] = true;
}

void DeviceSessions::go(twin::DeviceRef device) {
  connections_->drop(*place(device));
  wanted_[*place(device)] = false;
}

void DeviceSessions::leave(twin::DeviceRef device) {
  connections_->leave(*place(device));
  wanted_[*place(device)] = false;
}

void DeviceSessions::publish(twin::DeviceRef device, Outgoing message) {
  connections_->publish(*place(device), std::move(message));
}

}  // namespace looptwin::hil
