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
    if (!speaks_by_sessions(*side))
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
  if (sessions_) {
    take_changes(now);
    sessions_->take(received_);
  }
  for (const auto& message : received_) take(now, message, inbox);
}

bool DeviceBridge::speaks_by_sessions(const DeviceSide& side) const {
  for (size_t t = 0; t < sides_.of_table.size(); ++t)
    if (sides_.of_table[t] == &side && registry_.devices(TableId(t)) > 0)
      return has_session({TableId(t), Row(size_t{0})});
  return false;
}

twin::DeviceRef DeviceBridge::holder(twin::DeviceRef device) const {
  const auto* side = sides_.of_table[device.table.index()];
  return side != nullptr ? side->holder(device) : device;
}

bool DeviceBridge::shares(twin::DeviceRef device) const {
  const auto* side = sides_.of_table[device.table.index()];
  return side != nullptr && side->sessions() == DeviceSide::Sessions::shared && has_session(device);
}

void DeviceBridge::take_changes(Time now) {
  for (const auto& change : sessions_->take_changes()) {
    auto& side = *sides_.of_table[change.device.table.index()];
    if (!change.joined)
      side.lost(change.device);
    else if (sessions_->is_wanted(change.device))
      side.joined(change.device, *change.joined, now, leaving_);
    send(change.device);
  }
}

void DeviceBridge::take(Time now, const MqttMessage& message, Inbox& inbox) {
  for (const auto& side : sides_.all) {
    if (message.origin.empty())
      if (const auto gone = side->said_gone(message)) return inbox.gone.push_back(*gone);
    asked_.clear();
    if (!side->take(message, asked_)) continue;
    // What the broker had kept was for somebody at another time.
    for (const auto& asked : asked_)
      if (message.retained)
        ++counters_.unread;
      else
        take(now, asked, inbox);
    while (const auto device = side->say_due(now, leaving_)) send(*device);
    break;
  }
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
  for (auto& one : leaving_) sessions_->publish(holder(device), std::move(one));
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
  if (shares(presence.device)) return publish_shared(presence);
  if (has_session(presence.device) && (presence.online || sessions_->is_wanted(presence.device)))
    return presence.online ? sessions_->come(presence.device) : sessions_->go(presence.device);
  tell_of(presence.device, presence.online, presence.at);
  if (auto* side = sides_.of_table[presence.device.table.index()])
    side->presence(presence.device, presence.online, presence.at, leaving_);
  send();
}

void DeviceBridge::tell_of(twin::DeviceRef device, bool online, Time at) {
  auto* side = sides_.of_table[device.table.index()];
  if (!told_ || side == nullptr || has_session(device)) return;
  std::vector<Outgoing> gone;
  side->presence(device, false, at, gone);
  for (auto& one : gone) told_({std::move(one.topic), std::move(one.payload), one.retain}, online);
}

/// The connection comes with the first of those that share it, and goes with the last: the broker says its
/// will. What is said of one that has gone already goes over the link.
void DeviceBridge::publish_shared(const twin::Presence& presence) {
  auto& side = *sides_.of_table[presence.device.table.index()];
  const auto of = holder(presence.device);
  const bool was = sessions_->is_wanted(of);
  side.presence(presence.device, presence.online, presence.at, leaving_);
  if (was)
    send(presence.device);
  else
    send();
  const bool is = side.is_in_use(of);
  if (is && !was) sessions_->come(of);
  if (was && !is) sessions_->go(of);
}

void DeviceBridge::publish(const twin::Acknowledgement& answer) {
  if (auto* side = sides_.of_table[answer.device.table.index()]) side->answer(answer, leaving_);
  send(answer.device);
}

void DeviceBridge::leave(twin::DeviceRef device, Time at) {
  if (!has_session(device)) return tell_of(device, false, at);
  auto& side = *sides_.of_table[device.table.index()];
  side.leave(device);
  if (!shares(device) || !side.is_in_use(holder(device))) sessions_->leave(holder(device));
}

}  // namespace looptwin::hil
