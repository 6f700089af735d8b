#include "hil/device_sessions.h"

namespace looptwin::hil {

Result<std::unique_ptr<DeviceSessions>> DeviceSessions::start(const Options& options,
                                                              const twin::Registry& registry,
                                                              const DeviceSides& sides) {
  std::unique_ptr<DeviceSessions> made(new DeviceSessions());
  std::vector<MqttConnections::Account> accounts;
  made->first_.resize(sides.of_table.size());
  for (size_t t = 0; t < sides.of_table.size(); ++t) {
    if (sides.of_table[t] == nullptr || !sides.of_table[t]->has_sessions()) continue;
    made->first_[t] = accounts.size();
    for (size_t row = 0; row < registry.devices(TableId(t)); ++row) {
      const twin::DeviceRef device{TableId(t), Row(row)};
      auto session = sides.of_table[t]->session(device);
      auto& account = accounts.emplace_back();
      account.options = options.broker;
      account.options.client_id = registry.id(device);
      if (const auto secret = options.secrets.find(account.options.client_id);
          secret != options.secrets.end()) {
        account.options.user = secret->first;
        account.options.password = secret->second;
      }
      account.options.will = std::move(session.will);
      account.filters = std::move(session.filters);
      made->hello_.push_back(std::move(session.hello));
    }
  }
  made->wanted_.resize(accounts.size());
  auto connections = MqttConnections::start(
      std::move(accounts),
      {.heard = [own = made.get()](size_t, MqttMessage&& message) { own->arrived_.put(std::move(message)); },
       .joined =
           [own = made.get()](size_t one) {
             if (own->hello_[one]) own->connections_->publish(one, *own->hello_[one]);
           }});
  if (!connections) return tl::make_unexpected(std::move(connections.error()));
  made->connections_ = std::move(*connections);
  return made;
}

std::optional<size_t> DeviceSessions::place(twin::DeviceRef device) const {
  const auto& first = first_[device.table.index()];
  return first ? std::optional(*first + device.row.index()) : std::nullopt;
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
