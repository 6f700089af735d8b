#include "hil/rig_transport.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

namespace looptwin::hil {

RigTransport::RigTransport(MqttLink& link, const twin::Registry& registry, mml::Broker& broker,
                           std::vector<twin::Shard> shards, const std::vector<Mapping>& mappings,
                           RigTime time)
    : link_(link),
      registry_(registry),
      broker_(broker),
      shards_(std::move(shards)),
      time_(std::move(time)),
      arrived_(shards_.size()) {
  for (size_t s = 0; s < shards_.size(); ++s)
    while (first_shard_.size() <= shards_[s].table.index()) first_shard_.push_back(s);
  for (size_t m = 0; m < registry.models().size(); ++m) {
    const auto& config = registry.models()[m].config;
    Model model{twin::report_groups(config), {}, {}, {}, {}, Resent(0)};
    const size_t devices = registry.devices(TableId(m));
    model.place.resize(config.telemetry.size());
    for (size_t g = 0; g < model.groups.size(); ++g)
      for (size_t k = 0; k < model.groups[g].fields.size(); ++k)
        model.place[model.groups[g].fields[k]] = {static_cast<uint16_t>(g), static_cast<uint16_t>(k)};
    model.sequence.assign(model.groups.size(), std::vector<uint32_t>(devices, 0));
    model.online.assign(devices, 0);
    model.by_session.assign(devices, 0);
    model.resent = Resent(devices);
    models_.push_back(std::move(model));
  }
  conventions_ = make_conventions(registry, mappings, time_.start);
  subscribe();
}

void RigTransport::subscribe() {
  std::set<std::string> filters;
  for (const auto& convention : conventions_)
    for (auto& filter : convention->filters()) filters.insert(std::move(filter));
  for (auto& filter : BrokerStatus::filters()) filters.insert(std::move(filter));
  link_.subscribe({filters.begin(), filters.end()});
}

size_t RigTransport::shard_of(twin::DeviceRef device) const {
  return first_shard_[device.table.index()] + device.row.index() / twin::kShardRows;
}

void RigTransport::begin(Time boundary) {
  broker_.begin();
  taken_.clear();
  std::swap(taken_, early_);
  link_.take(taken_);
  for (auto& message : taken_) {
    const Time at = std::max(kStart, time_.at(message.received));
    if (at > boundary)
      early_.push_back(std::move(message));
    else
      take(message, at);
  }
  for (const auto& convention : conventions_) convention->step(boundary, heard_, outgoing_);
  hear(boundary);
  publish();
  for (const auto& [topic, count] : link_.take_shed())
    if (sink_) sink_({boundary, "shed", "", topic, count});
  for (auto& arrived : arrived_) {
    const auto by_time = [](const auto& a, const auto& b) { return a.at < b.at; };
    std::stable_sort(arrived.inbox.presence.begin(), arrived.inbox.presence.end(), by_time);
    for (auto& frame : arrived.inbox.frames) broker_.admit(frame);
  }
}

/// Whoever was there is not any more, as far as anybody can tell.
void RigTransport::lost_broker(Time at) {
  for (const auto& convention : conventions_) convention->lost(at);
  for (size_t m = 0; m < models_.size(); ++m)
    for (size_t row = 0; row < models_[m].online.size(); ++row) {
      models_[m].by_session[row] = 0;
      presence({TableId(m), Row(row)}, false, at);
    }
  if (sink_) sink_({at, "broker_lost", "", "until it is back all devices are offline", 1});
}

void RigTransport::take_status(const MqttMessage& message, Time at) {
  const auto session = status_.take(message, at, sink_);
  const auto device = session ? registry_.find(session->device) : std::nullopt;
  if (!device) return;
  models_[device->table.index()].by_session[device->row.index()] = 1;
  presence(*device, session->online, at);
}

bool RigTransport::has_session(twin::DeviceRef device) const {
  return models_[device.table.index()].by_session[device.row.index()] != 0;
}

void RigTransport::take(const MqttMessage& message, Time at) {
  if (message.topic.empty()) return lost_broker(at);
  if (BrokerStatus::is_status(message)) return take_status(message, at);
  if (std::none_of(conventions_.begin(), conventions_.end(),
                   [&](const auto& convention) { return convention->take(message, at, heard_); }))
    ++counters_.unknown;
  hear(at);
}

void RigTransport::hear(Time at) {
  for (const auto& heard : heard_) std::visit([&](const auto& what) { hear(what, at); }, heard);
  heard_.clear();
}

void RigTransport::hear(const HeardTelemetry& heard, Time at) {
  // What the broker had kept is old: it says nothing about who is there.
  if (!heard.old && !has_session(heard.device)) presence(heard.device, true, at);
  ++counters_.messages;
  if (models_[heard.device.table.index()].resent.again(heard.device.row.index(), heard.samples))
    ++counters_.resent;
  else
    telemetry(heard.device, heard.samples, at);
}

void RigTransport::hear(const HeardPresence& heard, Time at) {
  if (!has_session(heard.device)) presence(heard.device, heard.online, at);
  ++counters_.messages;
}

void RigTransport::hear(const HeardAnswer& heard, Time at) {
  arrived_[shard_of(heard.device)].inbox.acknowledgements.push_back(
      {heard.answer.id, heard.device, heard.answer.outcome, time_of(heard.answer.unix_seconds, at), at});
  ++counters_.messages;
}

void RigTransport::hear(PayloadProblem problem, Time /*at*/) {
  ++(problem == PayloadProblem::malformed ? counters_.malformed : counters_.wrong_types);
}

Time RigTransport::time_of(const std::optional<double>& unix_seconds, Time otherwise) const {
  constexpr double kFarthest = 9e9;  // s: beyond it no int64 of ns
  if (!unix_seconds || !(std::abs(*unix_seconds) < kFarthest)) return otherwise;
  return kStart + (UnixTime{static_cast<int64_t>(*unix_seconds * 1e9)} - time_.start);
}

void RigTransport::telemetry(twin::DeviceRef device, const Samples& samples, Time at) {
  Model& model = models_[device.table.index()];
  auto& arrived = arrived_[shard_of(device)];
  for (size_t g = 0; g < model.groups.size(); ++g) {
    const auto& group = model.groups[g];
    std::vector<int32_t> values(group.fields.size(), twin::kMissing);
    std::vector<bool> there(group.fields.size(), false);
    for (const auto& [field, raw] : samples.values)
      if (model.place[field].first == g) {
        values[model.place[field].second] = raw;
        there[model.place[field].second] = true;
      }
    Stream stream{static_cast<uint16_t>(g), {}};
    for (size_t k = 0; k < there.size(); ++k)
      if (!there[k]) stream.without.push_back(static_cast<uint16_t>(k));
    if (stream.without.size() == there.size()) continue;
    const auto [place, is_new] = arrived.frame_of.try_emplace(stream, arrived.inbox.frames.size());
    if (is_new) {
      auto& frame = arrived.inbox.frames.emplace_back();
      frame.table = device.table;
      frame.group = stream.group;
      frame.without = stream.without;
      frame.value.resize(values.size());
    }
    auto& frame = arrived.inbox.frames[place->second];
    auto& counter = model.sequence[g][device.row.index()];
    counter = samples.sequence.value_or(counter + 1);
    frame.row.push_back(static_cast<uint32_t>(device.row.index()));
    frame.sequence.push_back(counter);
    frame.sampled_at.push_back(time_of(samples.unix_seconds, at).ns);
    frame.received_at.push_back(at.ns);
    for (size_t k = 0; k < values.size(); ++k) frame.value[k].push_back(values[k]);
  }
}

void RigTransport::presence(twin::DeviceRef device, bool online, Time at) {
  uint8_t& known = models_[device.table.index()].online[device.row.index()];
  if ((known != 0) == online) return;
  if (online && !broker_.connect(device, registry_.credential(device), at)) {
    ++counters_.not_admitted;
    return;
  }
  if (!online) broker_.disconnect(device, at);
  known = online ? 1 : 0;
  online_ += online ? 1 : -size_t{1};
  if (online) returned_.push_back(device);
  arrived_[shard_of(device)].inbox.presence.push_back({device, online, at});
}

void RigTransport::poll(size_t shard, Time /*boundary*/, twin::Inbox& inbox) {
  inbox.clear();
  std::swap(inbox, arrived_[shard].inbox);
  arrived_[shard].inbox = {};
  arrived_[shard].frame_of.clear();
}

void RigTransport::poll_people(Time /*boundary*/, std::vector<twin::OperatorAction>& /*actions*/) {}

void RigTransport::send(Time now, std::span<const twin::Command> commands) {
  leaving_.clear();
  for (const auto device : returned_)
    if (broker_.connected(device)) broker_.release(device, now, leaving_);  // it may have gone again
  returned_.clear();
  broker_.route(commands, leaving_);
  for (const auto& command : leaving_) tell(command, now);
  publish();
}

void RigTransport::tell(const twin::Command& command, Time now) {
  const size_t before = outgoing_.size();
  if (std::none_of(conventions_.begin(), conventions_.end(),
                   [&](const auto& convention) { return convention->tell(command, outgoing_); }))
    ++counters_.unaddressed;
  for (size_t i = before; i < outgoing_.size(); ++i) {
    outgoing_[i].id = fmt::format("{:016x}", command.id);
    if (command.expires != kNever) outgoing_[i].expires = command.expires - now;
  }
}

void RigTransport::publish() {
  for (auto& message : outgoing_)
    if (!(message.id.empty()
              ? link_.publish(message.topic, std::move(message.payload), message.retain)
              : link_.publish_until(message.topic, std::move(message.payload), message.expires, message.id)))
      ++counters_.unsent;
  outgoing_.clear();
}

}  // namespace looptwin::hil
