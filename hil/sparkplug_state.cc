#include "hil/sparkplug_state.h"

namespace looptwin::hil {

Result<std::unique_ptr<SparkplugState>> SparkplugState::announce(const MqttOptions& link,
                                                                 const std::string& host) {
  std::unique_ptr<SparkplugState> state(new SparkplugState());
  const auto topic = "STATE/" + host;
  MqttConnections::Account account{.options = link, .filters = {}};
  account.options.client_id += "-state";
  account.options.will = always({topic, "OFFLINE"});
  auto made = MqttConnections::start({std::move(account)},
                                     {.joined = [own = state.get(), topic](size_t one, const Attempt&) {
                                       own->connection_->publish(one, {topic, "ONLINE", true});
                                     }});
  if (!made) return tl::make_unexpected(std::move(made.error()));
  state->connection_ = std::move(*made);
  state->connection_->connect(0);
  return state;
}

}  // namespace looptwin::hil
