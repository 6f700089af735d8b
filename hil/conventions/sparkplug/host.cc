#include "hil/conventions/sparkplug/host.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/check.h"
#include "base/json_tree.h"
#include "hil/conventions/model_places.h"

namespace looptwin::hil {
namespace sparkplug {
namespace {

constexpr std::string_view kSession = "bdSeq";
constexpr std::string_view kRebirth = "Node Control/Rebirth";
/// Nodes that are asked for a rebirth in one cycle: all of them at once would answer at once.
constexpr size_t kMostAsked = 50;

std::string state_topic(const SparkplugOptions& options) {
  return fmt::format("{}/STATE/{}", options.space, options.host);
}

int64_t in_ms(UnixTime at) { return at.ns / 1'000'000; }

std::string state_text(bool online, UnixTime at) {
  return fmt::format(R"({{"online":{},"timestamp":{}}})", online, in_ms(at));
}

std::optional<Scalar> session_of(const Payload& payload) {
  const auto* metric = payload.find(kSession);
  return metric != nullptr ? decoded(metric->value, Datatype::uint64) : std::nullopt;
}

}  // namespace

Host::Host(Speakers speakers) : speakers_(std::move(speakers)) {
  const auto& registry = speakers_.registry;
  models_.reserve(speakers_.models.size());
  for (const auto& [table, mapping] : speakers_.models) {
    options_ = mapping.sparkplug;
    models_.emplace_back(table, ModelMetrics(registry.model(table), mapping));
    for (size_t row = 0; row < registry.devices(table); ++row) {
      const twin::DeviceRef ref{table, Row(row)};
      const auto address = address_of(mapping.group, mapping.name_of(registry.id(ref)));
      if (!address) continue;  // refused when the rig was read
      Node& node = nodes_[{address->group, address->node}];
      node.address = {address->group, address->node, {}};
      node.devices.try_emplace("");
      Device& device = node.devices[address->device];
      device.ref = ref;
      device.model = &models_.back().second;
      device_of_[ref] = {&node, &device};
    }
  }
}

std::vector<std::string> Host::filters() const {
  std::set<std::string> groups;
  for (const auto& [name, node] : nodes_) groups.insert(name.first);
  std::vector<std::string> filters;
  for (const auto& group : groups) {
    for (const auto* type : {"NBIRTH", "NDEATH", "NDATA"})
      filters.push_back(fmt::format("{}/{}/{}/+", options_.space, group, type));
    for (const auto* type : {"DBIRTH", "DDEATH", "DDATA"})
      filters.push_back(fmt::format("{}/{}/{}/+/+", options_.space, group, type));
  }
  if (!options_.host.empty()) filters.push_back(state_topic(options_));
  return filters;
}

void Host::state(bool online, UnixTime at, std::vector<Outgoing>& out) const {
  if (!options_.host.empty()) out.push_back({state_topic(options_), state_text(online, at), true});
}

void Host::joined(Time at, UnixTime connected, std::vector<Outgoing>& out) {
  now_ = at;
  connected_ = connected;
  state(true, connected_, out);
  // Nodes that were there before us have no reason to say what they said at their birth: they are asked when
  // they had time to.
  for (auto& [name, node] : nodes_) {
    node.ask_from = at + options_.reorder;
    node.to_ask = !node.online;
  }
}

void Host::lost(Time) {
  for (auto& [name, node] : nodes_) {
    std::vector<Heard> nobody;
    go(node, nobody);
  }
}

void Host::leave(std::vector<Outgoing>& out) { state(false, unix_time(now_), out); }

/// Somebody else has our id, or our old session's will came late: edge nodes would go.
void Host::take_state(const MqttMessage& message) {
  const auto json = load_json<Json>(message.payload);
  const auto* online = json.is_object() && json.contains("online") ? &json["online"] : nullptr;
  denied_ = denied_ || (online != nullptr && online->is_boolean() && !online->get<bool>());
}

bool Host::take(const MqttMessage& message, Time at, std::vector<Heard>& heard) {
  now_ = std::max(now_, at);
  if (!options_.host.empty() && message.topic == state_topic(options_)) return take_state(message), true;
  const auto topic = parse_topic(options_.space, message.topic);
  if (!topic) return false;
  const auto found = nodes_.find({std::string(topic->group), std::string(topic->node)});
  if (found == nodes_.end()) return false;
  Node& node = found->second;
  if (topic->type == MessageType::ncmd || topic->type == MessageType::dcmd || message.retained) return true;
  auto payload = decode(message.payload);
  if (!payload) {
    heard.push_back(payload.error());
    node.to_ask = true;
    return true;
  }
  Message sent{topic->type, std::string(topic->device), std::move(*payload), at};
  if (topic->type == MessageType::nbirth) return birth(node, std::move(sent), heard), true;
  if (topic->type == MessageType::ndeath) return death(node, sent.payload, at, heard), true;
  if (!node.order.begun()) {
    ++counted_.without_birth;
    node.to_ask = true;
    return true;
  }
  if (!sent.payload.seq) {
    heard.push_back(PayloadProblem::malformed);
    node.to_ask = true;
    return true;
  }
  std::vector<Message> ready;
  if (!node.order.take(std::move(sent), ready)) {
    ++counted_.repeated;
    node.to_ask = true;
  }
  for (const auto& next : ready) act(node, next, heard);
  return true;
}

void Host::birth(Node& node, Message message, std::vector<Heard>& heard) {
  const auto session = session_of(message.payload);
  // Devices that do not count their sessions: whose death comes after this birth cannot be told.
  if (session != node.session)
    node.old_death_due = false;
  else if (node.online && !node.asked)
    node.old_death_due = true;
  node.session = session;
  node.asked = node.to_ask = false;
  node.doubted.reset();
  node.order.begin(message.payload.seq.value_or(0));
  // Its devices are born after it, each for itself: until then what they say means nothing.
  for (auto& [name, device] : node.devices) {
    if (device.born) device.due = message.at + options_.reorder;
    device.born = false;
  }
  node.online = true;
  act(node, message, heard);
}

void Host::death(Node& node, const Payload& payload, Time at, std::vector<Heard>& heard) {
  if (!node.online) return;
  if (session_of(payload) != node.session) {
    ++counted_.old_deaths;
  } else if (node.old_death_due) {
    node.old_death_due = false;
    node.doubted = at;
    node.ask_from = at;
    node.to_ask = true;
  } else {
    ++counted_.deaths;
    go(node, heard);
  }
}

/// The node is gone, and all its devices with it.
void Host::go(Node& node, std::vector<Heard>& heard) {
  for (auto& [name, device] : node.devices) go(device, heard);
  node.online = false;
  node.old_death_due = false;
  node.doubted.reset();
  node.order.end();
}

void Host::go(Device& device, std::vector<Heard>& heard) {
  if (device.ref && (device.born || device.due)) {
    heard.push_back(HeardPresence{*device.ref, false});
    ledger_.forget(*device.ref);
  }
  device.born = false;
  device.due.reset();
}

/// A message of which nothing is missing before it.
void Host::act(Node& node, const Message& message, std::vector<Heard>& heard) {
  node.doubted.reset();  // whoever speaks is there
  const auto found = node.devices.find(message.device);
  if (found == node.devices.end())
    return;  // of a device that is not ours; it counts in the order all the same
  Device& device = found->second;
  switch (message.type) {
    case MessageType::nbirth:
    case MessageType::dbirth:
      ++counted_.births;
      device.born = true;
      device.due.reset();
      device.metrics.clear();
      for (const auto& metric : message.payload.metrics) device.metrics.add(metric);
      if (device.ref) {
        say_who(device, message.payload, heard);
        heard.push_back(HeardPresence{*device.ref, true});
      }
      return data(node, device, message, heard);
    case MessageType::ddeath:
      ++counted_.deaths;
      return go(device, heard);
    case MessageType::ndata:
    case MessageType::ddata:
      if (device.born) return data(node, device, message, heard);
      ++counted_.without_birth;
      node.to_ask = true;
      return;
    default:
      return;
  }
}

/// Before its presence: who is not the right one has not come.
void Host::say_who(const Device& device, const Payload& payload, std::vector<Heard>& heard) {
  const auto& places = device.model->mapping().identity;
  if (!places) return;
  HeardIdentity said{*device.ref, {}};
  const auto read = [&](const std::optional<Place>& place, std::string& out) {
    const auto* metric = place ? payload.find(place->at) : nullptr;
    if (const auto value = metric != nullptr ? decoded(metric->value, metric->datatype) : std::nullopt)
      out = bare_text(*value);
  };
  read(places->serial, said.said.serial);
  read(places->firmware, said.said.firmware);
  if (said.said != twin::Identity{}) heard.push_back(std::move(said));
}

void Host::data(Node& node, Device& device, const Message& message, std::vector<Heard>& heard) {
  // Metrics that were taken together are one message's samples.
  std::optional<uint64_t> taken;
  bool historical = false;
  Samples samples;
  const auto flush = [&] {
    if (!samples.values.empty()) heard.push_back(HeardTelemetry{*device.ref, std::move(samples), historical});
    samples = {};
  };
  const bool is_birth = message.type == MessageType::nbirth || message.type == MessageType::dbirth;
  for (const auto& metric : message.payload.metrics) {
    const auto at = metric.timestamp ? metric.timestamp : message.payload.timestamp;
    if (at != taken || metric.historical != historical) flush();
    taken = at;
    historical = metric.historical;
    if (at) samples.unix_seconds = static_cast<double>(*at) / 1000;
    if (!is_birth && device.metrics.find(metric) == nullptr) {
      ++counted_.unknown_metrics;
      node.to_ask = true;
    } else if (device.ref && !take_metric(device, metric, samples, heard)) {
      heard.push_back(PayloadProblem::wrong_type);
    }
  }
  if (device.ref) flush();
}

/// False where its type is not the model's.
bool Host::take_metric(const Device& device, const Metric& metric, Samples& samples,
                       std::vector<Heard>& heard) {
  const auto* known = device.metrics.find(metric);
  if (known == nullptr) return true;  // a birth's metric without a name
  const auto& uses = device.model->uses(known->first);
  if (uses.empty()) return true;
  const bool is_nothing = metric.null || metric.bad || std::holds_alternative<std::monostate>(metric.value);
  const auto scalar = is_nothing ? std::optional(Scalar()) : decoded(metric.value, known->second.datatype);
  if (!scalar) return false;
  const auto at = samples.unix_seconds;
  bool good = true;
  for (const auto& use : uses) {
    if (use.kind == ModelMetrics::Use::Kind::field) {
      const auto raw = device.model->raw(use.index, *scalar);
      if (raw) samples.values.emplace_back(use.index, *raw);
      good = good && raw.has_value();
    } else if (metric.historical || is_nothing) {
      continue;
    } else if (use.kind == ModelMetrics::Use::Kind::setpoint) {
      if (const auto value = device.model->value(use.index, *scalar))
        ledger_.shows(*device.ref, use.index, *value, at, heard);
    } else {
      ledger_.answers(*device.ref, twin::Command::Kind::command, use.index, twin::Outcome::accepted, at,
                      heard);
    }
  }
  return good;
}

bool Host::tell(const twin::Command& command, std::vector<Outgoing>& out) {
  std::vector<Outgoing> written;
  if (!write(command, written)) return false;
  const bool setpoint = command.kind == twin::Command::Kind::setpoint;
  const auto& config = device_of_.at(command.device).second->model->config();
  if (ledger_.leaves(command, setpoint ? tolerance_of(config.setpoints[command.index], command.value) : 0))
    std::move(written.begin(), written.end(), std::back_inserter(out));
  return true;
}

bool Host::write(const twin::Command& command, std::vector<Outgoing>& out) const {
  const auto found = device_of_.find(command.device);
  if (found == device_of_.end()) return false;
  const auto& [node, device] = found->second;
  using Use = ModelMetrics::Use::Kind;
  const bool setpoint = command.kind == twin::Command::Kind::setpoint;
  const auto& name = device->model->metric_of(setpoint ? Use::setpoint : Use::command, command.index);
  const auto* known = device->born ? device->metrics.find(name) : nullptr;
  const auto value =
      known != nullptr ? encoded(device->model->scalar(command), known->second.datatype) : std::nullopt;
  if (!value) return false;
  Metric metric{.alias = known->second.alias, .datatype = known->second.datatype, .value = *value};
  if (!metric.alias) metric.name = name;
  const auto ms = static_cast<uint64_t>(in_ms(unix_time(now_)));
  metric.timestamp = ms;
  Address address = node->address;
  for (const auto& [device_name, one] : node->devices)
    if (&one == device) address.device = device_name;
  const auto type = address.device.empty() ? MessageType::ncmd : MessageType::dcmd;
  out.push_back(
      {topic_of(options_.space, type, address), encode({.timestamp = ms, .metrics = {metric}}), false, 0});
  return true;
}

void Host::step(Time now, std::vector<Heard>& heard, std::vector<Outgoing>& out) {
  now_ = std::max(now_, now);
  if (std::exchange(denied_, false)) state(true, connected_, out);
  size_t asked = 0;
  for (auto& [name, node] : nodes_) {
    if (node.order.overdue(now, options_.reorder)) {
      ++counted_.gaps;
      std::vector<Message> ready;
      node.order.give_up(ready);
      for (const auto& message : ready) act(node, message, heard);
      node.to_ask = true;
    }
    for (auto& [device_name, device] : node.devices)
      if (device.due && *device.due < now) go(device, heard);
    // A death that was not the old session's: nothing has come since, though it was asked.
    if (node.doubted && now - *node.doubted > options_.reorder) {
      ++counted_.deaths;
      go(node, heard);
    }
    if (node.to_ask && node.ask_from <= now && asked++ < kMostAsked) ask(node, now, out);
  }
  ledger_.step(now, heard);
}

void Host::ask(Node& node, Time now, std::vector<Outgoing>& out) {
  node.to_ask = false;
  node.asked = true;
  node.ask_from = now + options_.rebirth;
  ++counted_.rebirths_asked;
  const auto ms = static_cast<uint64_t>(in_ms(unix_time(now)));
  const Metric rebirth{
      .name = std::string(kRebirth), .timestamp = ms, .datatype = Datatype::boolean, .value = true};
  out.push_back({topic_of(options_.space, MessageType::ncmd, node.address),
                 encode({.timestamp = ms, .metrics = {rebirth}}), false, 0});
}

std::vector<std::pair<std::string, uint64_t>> Host::counters() const {
  return {{"births", counted_.births},
          {"deaths", counted_.deaths},
          {"gaps", counted_.gaps},
          {"repeated", counted_.repeated},
          {"rebirths asked for", counted_.rebirths_asked},
          {"deaths of old sessions", counted_.old_deaths},
          {"messages without a birth", counted_.without_birth},
          {"metrics without a birth", counted_.unknown_metrics},
          {"inferred answers", ledger_.inferred()}};
}

}  // namespace sparkplug

std::unique_ptr<Convention> make_sparkplug_host(Speakers speakers) {
  return std::make_unique<sparkplug::Host>(std::move(speakers));
}

WillOf sparkplug_will(const SparkplugOptions& options) {
  return [topic = sparkplug::state_topic(options)](const Attempt& attempt) {
    return Will{topic, sparkplug::state_text(false, attempt.at)};
  };
}

}  // namespace looptwin::hil
