#include "hil/device_bridge.h"

#include <cmath>

#include "hil/filters.h"

namespace looptwin::hil {

DeviceBridge::DeviceBridge(MqttLink& link, const twin::Registry& registry,
                           const std::vector<Mapping>& mappings, UnixTime start)
    : link_(link), registry_(registry), start_(start), connections_(link.counters().connections) {
  std::set<std::string> filters;
  for (size_t m = 0; m < registry.models().size(); ++m) {
    codecs_.emplace_back(registry.models()[m].config, mappings[m]);
    add_filters(mappings[m].commands, registry, TableId(m), filters);
    add_filters(mappings[m].presence, registry, TableId(m), filters);
  }
  link_.subscribe({filters.begin(), filters.end()});
}

void DeviceBridge::take(Time now, Inbox& inbox) {
  inbox.orders.clear();
  inbox.gone.clear();
  const auto connections = link_.counters().connections;
  inbox.anew = connections != connections_;
  connections_ = connections;
  received_.clear();
  link_.take(received_);
  for (const auto& message : received_) take(now, message, inbox);
}

void DeviceBridge::take(Time now, const MqttMessage& message, Inbox& inbox) {
  for (size_t m = 0; m < codecs_.size(); ++m) {
    const auto& mapping = codecs_[m].mapping();
    const auto device_of = [&](const std::optional<TopicTemplate>& of) {
      const auto match = of ? of->match(message.topic) : std::nullopt;
      const auto device = match ? registry_.find(match->device) : std::nullopt;
      return device && device->table.index() == m ? device : std::nullopt;
    };
    if (const auto device = device_of(mapping.presence)) {
      if (message.origin.empty() && message.payload == mapping.offline) inbox.gone.push_back(*device);
      return;
    }
    const auto device = device_of(mapping.commands);
    if (!device) continue;
    // A command that the broker had kept was for somebody at another time.
    auto order = codecs_[m].order(message.payload);
    if (!order || message.retained) return ++counters_.unread, void();
    constexpr double kFarthest = 9e9;  // s: beyond it no int64 of ns
    auto& command = order->command;
    command.device = *device;
    command.issued = now;
    command.expires = kNever;
    if (order->expires > 0 && order->expires < kFarthest)
      command.expires = kStart + (UnixTime{static_cast<int64_t>(order->expires * 1e9)} - start_);
    ++counters_.orders;
    inbox.orders.push_back({command, order->refused});
    return;
  }
}

void DeviceBridge::publish(const twin::Frame& frame, size_t message) {
  const twin::DeviceRef device{frame.table, Row(frame.row[message])};
  codecs_[frame.table.index()].telemetry(registry_.id(device), frame, message, frame.sequence[message],
                                         unix_seconds(Time{frame.sampled_at[message]}), leaving_);
  send();
}

void DeviceBridge::publish(const twin::Presence& presence) {
  codecs_[presence.device.table.index()].presence(registry_.id(presence.device), presence.online, leaving_);
  send();
}

void DeviceBridge::publish(const twin::Acknowledgement& answer) {
  codecs_[answer.device.table.index()].acknowledgement(registry_.id(answer.device), answer,
                                                       unix_seconds(answer.applied_at), leaving_);
  send();
}

void DeviceBridge::send() {
  for (auto& one : leaving_)
    ++(link_.publish(one.topic, std::move(one.payload), one.retain) ? counters_.published : counters_.unsent);
  leaving_.clear();
}

}  // namespace looptwin::hil
