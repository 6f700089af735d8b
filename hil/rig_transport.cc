#include "hil/rig_transport.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

namespace looptwin::hil {

RigTransport::RigTransport(MqttLink& link, const twin::Registry& registry, mml::Broker& broker,
                           std::vector<twin::Shard> shards, std::vector<Mapping> mappings, RigTime time)
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
    Model model{JsonCodec(config, std::move(mappings[m])), twin::report_groups(config), {}, {}, {}, {}};
    const size_t devices = registry.devices(TableId(m));
    model.place.resize(config.telemetry.size());
    for (size_t g = 0; g < model.groups.size(); ++g)
      for (size_t k = 0; k < model.groups[g].fields.size(); ++k)
        model.place[model.groups[g].fields[k]] = {static_cast<uint16_t>(g), static_cast<uint16_t>(k)};
    model.sequence.assign(model.groups.size(), std::vector<uint32_t>(devices, 0));
    model.online.assign(devices, 0);
    model.by_session.assign(devices, 0);
    models_.push_back(std::move(model));
  }
  subscribe();
}

/// A filter for each depth of ids that a model's devices have.
void RigTransport::subscribe() {
  std::set<std::string> filters;
  for (size_t m = 0; m < models_.size(); ++m) {
    std::set<size_t> depths;
    for (size_t row = 0; row < registry_.devices(TableId(m)); ++row) {
      const auto id = registry_.id({TableId(m), Row(row)});
      depths.insert(1 + static_cast<size_t>(std::count(id.begin(), id.end(), '/')));
    }
    const auto& mapping = models_[m].codec.mapping();
    for (const size_t depth : depths)
      for (const auto* of : {&mapping.telemetry, &mapping.presence, &mapping.acknowledgements})
        if (*of) filters.insert((*of)->filter(depth));
  }
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
  for (size_t m = 0; m < models_.size(); ++m)
    for (size_t row = 0; row < models_[m].online.size(); ++row) {
      models_[m].by_session[row] = 0;
      presence(models_[m], {TableId(m), Row(row)}, false, at);
    }
  if (sink_) sink_({at, "broker_lost", "", "until it is back all devices are offline", 1});
}

void RigTransport::take_status(const MqttMessage& message, Time at) {
  const auto session = status_.take(message, at, sink_);
  const auto device = session ? registry_.find(session->device) : std::nullopt;
  if (!device) return;
  Model& model = models_[device->table.index()];
  model.by_session[device->row.index()] = 1;
  presence(model, *device, session->online, at);
}

void RigTransport::take(const MqttMessage& message, Time at) {
  if (message.topic.empty()) return lost_broker(at);
  if (BrokerStatus::is_status(message)) return take_status(message, at);
  for (size_t m = 0; m < models_.size(); ++m)
    if (take_for(m, message, at)) return;
  ++counters_.unknown;
}

/// Whether the message was one of this model's devices.
bool RigTransport::take_for(size_t m, const MqttMessage& message, Time at) {
  Model& model = models_[m];
  const auto& mapping = model.codec.mapping();
  const auto device_of = [&](const std::optional<TopicTemplate>& of, std::string_view* field) {
    const auto match = of ? of->match(message.topic) : std::nullopt;
    if (match && field != nullptr) *field = match->field;
    const auto device = match ? registry_.find(match->device) : std::nullopt;
    return device && device->table.index() == m ? device : std::nullopt;
  };
  std::string_view field;
  if (const auto device = device_of(mapping.presence, nullptr)) {
    const bool online = message.payload == mapping.online;
    if (!online && message.payload != mapping.offline) return refuse(PayloadProblem::wrong_type), true;
    if (model.by_session[device->row.index()] == 0) presence(model, *device, online, at);
    ++counters_.messages;
    return true;
  }
  if (const auto device = device_of(mapping.acknowledgements, nullptr)) {
    const auto answer = model.codec.acknowledgement(message.payload);
    if (!answer) return refuse(answer.error()), true;
    arrived_[shard_of(*device)].inbox.acknowledgements.push_back(
        {answer->id, *device, answer->outcome, time_of(answer->unix_seconds, at), at});
    ++counters_.messages;
    return true;
  }
  if (const auto device = device_of(mapping.telemetry, &field)) {
    const auto samples = model.codec.telemetry(message.payload, field);
    if (!samples) return refuse(samples.error()), true;
    // What the broker had kept is old: it says nothing about who is there.
    if (!message.retained && model.by_session[device->row.index()] == 0) presence(model, *device, true, at);
    telemetry(model, *device, *samples, at);
    ++counters_.messages;
    return true;
  }
  return false;
}

void RigTransport::refuse(PayloadProblem problem) {
  ++(problem == PayloadProblem::malformed ? counters_.malformed : counters_.wrong_types);
}

Time RigTransport::time_of(const std::optional<double>& unix_seconds, Time otherwise) const {
  constexpr double kFarthest = 9e9;  // s: beyond it no int64 of ns
  if (!unix_seconds || !(std::abs(*unix_seconds) < kFarthest)) return otherwise;
  return kStart + (UnixTime{static_cast<int64_t>(*unix_seconds * 1e9)} - time_.start);
}

void RigTransport::telemetry(Model& model, twin::DeviceRef device, const Samples& samples, Time at) {
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

void RigTransport::presence(Model& model, twin::DeviceRef device, bool online, Time at) {
  uint8_t& known = model.online[device.row.index()];
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
  for (const auto& command : leaving_) publish(command, now);
}

void RigTransport::publish(const twin::Command& command, Time now) {
  const auto& codec = models_[command.device.table.index()].codec;
  const auto& topic = codec.mapping().commands;
  if (!topic) {
    ++counters_.unaddressed;
    return;
  }
  const UnixTime expires = time_.start + (command.expires - kStart);
  const double seconds = command.expires == kNever ? 0 : static_cast<double>(expires.ns) / 1e9;
  const Duration left = command.expires == kNever ? Duration{} : command.expires - now;
  if (!link_.publish_until(topic->topic(registry_.id(command.device)), codec.command(command, seconds), left,
                           fmt::format("{:016x}", command.id)))
    ++counters_.unsent;
}

}  // namespace looptwin::hil
