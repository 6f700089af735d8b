#include "hil/device_bridge.h"

#include <set>

namespace looptwin::hil {

DeviceBridge::DeviceBridge(MqttLink& link, const twin::Registry& registry,
                           const std::vector<Mapping>& mappings, UnixTime start,
                           std::unique_ptr<DeviceSessions> sessions)
    : link_(link),
      registry_(registry),
      sides_(make_device_sides(registry, mappings, start)),
      sessions_(std::move(sessions)),
      start_(start),
      connections_(link.counters().connections) {
  // What devices with connections of their own are told comes over these.
  std::set<std::string> filters;
  for (const auto& side : sides_.all)
    if (!sessions_ || !side->has_sessions())
      for (auto& filter : side->filters()) filters.insert(std::move(filter));
  for (const auto& model : registry.models()) groups_.push_back(twin::report_groups(model.config));
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
  if (sessions_) sessions_->take(received_);
  for (const auto& message : received_) take(now, message, inbox);
}

void DeviceBridge::take(Time now, const MqttMessage& message, Inbox& inbox) {
  for (const auto& side : sides_.all) {
    if (message.origin.empty())
      if (const auto gone = side->said_gone(message)) return inbox.gone.push_back(*gone);
    asked_.clear();
    if (!side->take(message, now, asked_, leaving_)) continue;
    // What the broker had kept was for somebody at another time.
    for (const auto& asked : asked_)
      if (message.retained)
        ++counters_.unread;
      else
        take(now, asked, inbox);
    break;
  }
  send();  // what a convention answers by itself
}

void DeviceBridge::take(Time now, const HeardAsked& asked, Inbox& inbox) {
  if (!asked) return ++counters_.unread, void();
  constexpr double kFarthest = 9e9;  // s: beyond it no int64 of ns
  auto command = asked->command;
  command.issued = now;
  command.expires = kNever;
  if (const auto expires = asked->unix_expires; expires && *expires > 0 && *expires < kFarthest)
    command.expires = kStart + (UnixTime{static_cast<int64_t>(*expires * 1e9)} - start_);
  ++counters_.orders;
  inbox.orders.push_back({command, asked->refused});
}

void DeviceBridge::send() {
  for (auto& one : leaving_)
    ++(link_.publish(one.topic, std::move(one.payload), one.retain, one.qos) ? counters_.published
                                                                             : counters_.unsent);
  leaving_.clear();
}

void DeviceBridge::send(twin::DeviceRef device) {
  if (!has_session(device)) return send();
  counters_.published += leaving_.size();
  for (auto& one : leaving_) sessions_->publish(device, std::move(one));
  leaving_.clear();
}

void DeviceBridge::publish(const twin::Frame& frame, size_t message) {
  const twin::DeviceRef device{frame.table, Row(frame.row[message])};
  Samples samples{{}, unix_seconds(Time{frame.sampled_at[message]}), frame.sequence[message]};
  const auto& fields = groups_[frame.table.index()][frame.group].fields;
  for (size_t k = 0; k < fields.size(); ++k)
    if (frame.is_about(k)) samples.values.emplace_back(fields[k], frame.value[k][message]);
  if (auto* side = sides_.of_table[device.table.index()]) side->telemetry(device, samples, leaving_);
  send(device);
}

void DeviceBridge::publish(const twin::Presence& presence) {
  if (has_session(presence.device) && (presence.online || sessions_->is_wanted(presence.device)))
    return presence.online ? sessions_->come(presence.device) : sessions_->go(presence.device);
  if (auto* side = sides_.of_table[presence.device.table.index()])
    side->presence(presence.device, presence.online, presence.at, leaving_);
  send();
}

void DeviceBridge::publish(const twin::Acknowledgement& answer) {
  if (auto* side = sides_.of_table[answer.device.table.index()]) side->answer(answer, leaving_);
  send(answer.device);
}

void DeviceBridge::leave(twin::DeviceRef device) {
  if (has_session(device)) sessions_->leave(device);
}

}  // namespace looptwin::hil
