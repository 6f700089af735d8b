#include "hil/device_bridge.h"

#include <cmath>

#include "hil/filters.h"

namespace looptwin::hil {

DeviceBridge::DeviceBridge(MqttLink& link, const twin::Registry& registry,
                           const std::vector<Mapping>& mappings, UnixTime start)
    : link_(link), registry_(registry), start_(start) {
  std::set<std::string> filters;
  for (size_t m = 0; m < registry.models().size(); ++m) {
    const auto& convention = mappings[m].convention;
    codecs_.emplace_back(registry.models()[m].config, mappings[m]);
    groups_.push_back(twin::report_groups(registry.models()[m].config));
    if (convention != "plain" && !sides_.contains(convention))
      sides_[convention] = make_device_side(convention, registry, mappings, start);
    side_of_.push_back(convention != "plain" ? sides_[convention].get() : nullptr);
    if (convention != "plain") continue;
    add_filters(mappings[m].commands, registry, TableId(m), filters);
    add_filters(mappings[m].presence, registry, TableId(m), filters);
  }
  for (const auto& [name, side] : sides_)
    if (side != nullptr)
      for (auto& filter : side->filters()) filters.insert(std::move(filter));
  link_.subscribe({filters.begin(), filters.end()});
}

void DeviceBridge::take(Time now, Inbox& inbox) {
  inbox.orders.clear();
  inbox.gone.clear();
  received_.clear();
  link_.take(received_);
  for (const auto& message : received_) take(now, message, inbox);
}

void DeviceBridge::take(Time now, const MqttMessage& message, Inbox& inbox) {
  for (size_t m = 0; m < codecs_.size(); ++m) {
    const auto& mapping = codecs_[m].mapping();
    if (mapping.convention != "plain") continue;
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
    order->command.device = *device;
    return note(now, order->command, order->expires, order->refused, inbox);
  }
  take_by_sides(now, message, inbox);
}

void DeviceBridge::take_by_sides(Time now, const MqttMessage& message, Inbox& inbox) {
  for (const auto& [name, side] : sides_) {
    asked_.clear();
    if (side == nullptr || !side->take(message, now, asked_, said_)) continue;
    for (const auto& asked : asked_)
      if (asked && !message.retained)
        note(now, asked->command, asked->unix_expires.value_or(0), {}, inbox);
      else
        ++counters_.unread;
    return send();
  }
}

void DeviceBridge::note(Time now, twin::Command command, double unix_expires,
                        std::optional<twin::Outcome> refused, Inbox& inbox) {
  constexpr double kFarthest = 9e9;  // s: beyond it no int64 of ns
  command.issued = now;
  command.expires = kNever;
  if (unix_expires > 0 && unix_expires < kFarthest)
    command.expires = kStart + (UnixTime{static_cast<int64_t>(unix_expires * 1e9)} - start_);
  ++counters_.orders;
  inbox.orders.push_back({command, refused});
}

void DeviceBridge::publish(const twin::Frame& frame, size_t message) {
  const twin::DeviceRef device{frame.table, Row(frame.row[message])};
  if (auto* side = this->side(frame.table)) {
    const auto& fields = groups_[frame.table.index()][frame.group].fields;
    Samples samples;
    for (size_t k = 0; k < fields.size(); ++k)
      if (frame.is_about(k)) samples.values.emplace_back(fields[k], frame.value[k][message]);
    samples.sequence = frame.sequence[message];
    samples.unix_seconds = unix_seconds(Time{frame.sampled_at[message]});
    side->telemetry(device, samples, said_);
    return send();
  }
  codecs_[frame.table.index()].telemetry(registry_.id(device), frame, message, frame.sequence[message],
                                         unix_seconds(Time{frame.sampled_at[message]}), leaving_);
  send();
}

void DeviceBridge::publish(const twin::Presence& presence) {
  if (auto* side = this->side(presence.device.table)) {
    side->presence(presence.device, presence.online, presence.at, said_);
    return send();
  }
  codecs_[presence.device.table.index()].presence(registry_.id(presence.device), presence.online, leaving_);
  send();
}

void DeviceBridge::publish(const twin::Acknowledgement& answer) {
  if (auto* side = this->side(answer.device.table)) {
    side->answer(answer, said_);
    return send();
  }
  codecs_[answer.device.table.index()].acknowledgement(registry_.id(answer.device), answer,
                                                       unix_seconds(answer.applied_at), leaving_);
  send();
}

void DeviceBridge::send() {
  for (auto& one : leaving_)
    ++(link_.publish(one.topic, std::move(one.payload), one.retain) ? counters_.published : counters_.unsent);
  leaving_.clear();
  for (auto& one : said_)
    ++(link_.publish(one.topic, std::move(one.payload), one.retain, one.qos) ? counters_.published
                                                                             : counters_.unsent);
  said_.clear();
}

}  // namespace looptwin::hil
