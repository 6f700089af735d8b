// Our simulated devices as Sparkplug's edge nodes and their devices. A node has a session of its own, which
// its devices share: its death is the will of it, and a birth with the same number comes when it begins.
#include <algorithm>
#include <map>
#include <utility>

#include "hil/conventions/sparkplug/metrics.h"
#include "hil/conventions/sparkplug/sparkplug.h"
#include "hil/conventions/sparkplug/topic.h"

namespace looptwin::hil {
namespace sparkplug {
namespace {

Datatype datatype_of(bool boolean, const std::vector<std::string>& words) {
  return boolean ? Datatype::boolean : words.empty() ? Datatype::float64 : Datatype::string;
}

class Edge final : public DeviceSide {
  using Use = ModelMetrics::Use;

 public:
  explicit Edge(Speakers speakers) : speakers_(std::move(speakers)) {
    const auto& registry = speakers_.registry;
    models_.reserve(speakers_.models.size());
    for (const auto& [table, mapping] : speakers_.models) {
      space_ = mapping.sparkplug.space;
      models_.emplace_back(registry.model(table), mapping);
      for (size_t row = 0; row < registry.devices(table); ++row) {
        const twin::DeviceRef ref{table, Row(row)};
        const auto address = address_of(mapping.group, mapping.name_of(registry.id(ref)));
        if (!address) continue;  // refused when the rig was read
        Node& node = nodes_[{address->group, address->node}];
        node.address = {address->group, address->node, {}};
        Device& device = node.devices[address->device];
        device.ref = ref;
        device.model = &models_.back();
        device.raw.assign(device.model->config().telemetry.size(), twin::kMissing);
        for (const auto& setpoint : device.model->config().setpoints) device.holds.push_back(setpoint.value);
        node.holder = std::min(node.holder.value_or(ref), ref);
        place_of_[ref] = {&node, address->device};
      }
    }
  }

  std::vector<std::string> filters() const override {
    std::vector<std::string> filters;
    for (const auto& [name, node] : nodes_)
      for (auto& filter : filters_of(node)) filters.push_back(std::move(filter));
    return filters;
  }

  Sessions sessions() const override { return Sessions::shared; }
  twin::DeviceRef holder(twin::DeviceRef ref) const override {
    const auto place = place_of_.find(ref);
    return place == place_of_.end() ? ref : *place->second.first->holder;
  }
  DeviceSession session(twin::DeviceRef ref) const override {
    const auto place = place_of_.find(ref);
    if (place == place_of_.end()) return {};
    const Node& node = *place->second.first;
    auto will = [topic = topic_of(space_, MessageType::ndeath, node.address)](const Attempt& attempt) {
      const auto ms = static_cast<uint64_t>(attempt.at.ns / 1'000'000);
      auto number = session_metric(session_of(attempt));
      number.timestamp = ms;
      return Will{topic, encode({.timestamp = ms, .metrics = {number}}), false};
    };
    return {filters_of(node), will, {}, node.address.group + "/" + node.address.node};
  }

  void joined(twin::DeviceRef ref, const Attempt& attempt, Time at, std::vector<Outgoing>& out) override {
    Node& node = *place_of_.at(ref).first;
    node.session = session_of(attempt);
    bear(node, at, out);
  }
  void lost(twin::DeviceRef ref) override { place_of_.at(ref).first->born = false; }
  bool is_in_use(twin::DeviceRef ref) const override { return is_in_use(*place_of_.at(ref).first); }

  void presence(twin::DeviceRef ref, bool online, Time at, std::vector<Outgoing>& out) override {
    const auto [node, name] = place_of_.at(ref);
    Device& device = node->devices.at(name);
    const bool left = std::exchange(device.left, false);
    if (device.online == online && !left) return;
    device.online = online;
    if (name.empty()) node->down = !online;
    if (online && node->born) {
      // A device that is the node says all it has at once.
      if (name.empty())
        bear(*node, at, out);
      else
        bear(*node, name, device, at, out);
    } else if (!online && is_in_use(*node)) {
      if (node->born && !name.empty()) send(*node, MessageType::ddeath, name, {}, at, out);
    } else if (!online) {
      // Its session had ended without a word. One that ends now has its will.
      if (left) send(*node, MessageType::ndeath, "", {session_metric(node->session)}, at, out);
      node->born = false;
    }
  }

  void leave(twin::DeviceRef ref) override {
    const auto [node, name] = place_of_.at(ref);
    Device& device = node->devices.at(name);
    device.left = device.online;
    device.online = false;
    if (!is_in_use(*node)) node->born = false;
  }

  void telemetry(twin::DeviceRef ref, const Samples& samples, std::vector<Outgoing>& out) override {
    const auto [node, name] = place_of_.at(ref);
    Device& device = node->devices.at(name);
    std::vector<Metric> metrics;
    for (const auto& [field, raw] : samples.values) {
      if (device.raw[field] == raw && raw != twin::kMissing) continue;  // what has not changed is not said
      device.raw[field] = raw;
      metrics.push_back(field_metric(device, field, false));
      if (samples.unix_seconds)
        metrics.back().timestamp = static_cast<uint64_t>(*samples.unix_seconds * 1000);
    }
    if (!device.online || !node->born || metrics.empty()) return;
    const auto ms = samples.unix_seconds ? static_cast<uint64_t>(*samples.unix_seconds * 1000) : last_ms_;
    send_at(*node, name.empty() ? MessageType::ndata : MessageType::ddata, name, std::move(metrics), ms, out);
  }

  void answer(const twin::Acknowledgement& answer, std::vector<Outgoing>& out) override {
    const auto asked = asked_.find(answer.id);
    if (asked == asked_.end()) return;
    const auto command = asked->second;
    asked_.erase(asked);
    const auto [node, name] = place_of_.at(command.device);
    Device& device = node->devices.at(name);
    const bool accepted = answer.outcome == twin::Outcome::accepted;
    Metric metric;
    if (command.kind == twin::Command::Kind::setpoint) {
      // Accepted or not: what it holds now is the answer.
      if (accepted) device.holds[command.index] = command.value;
      metric = setpoint_metric(device, command.index, false);
    } else {
      metric.name = device.model->metric_of(Use::Kind::command, command.index);
      metric.value = accepted;
    }
    if (!device.online || !node->born) return;
    send(*node, name.empty() ? MessageType::ndata : MessageType::ddata, name, {metric}, answer.applied_at,
         out);
  }

  bool take(const MqttMessage& message, std::vector<HeardAsked>& asked) override {
    const auto topic = parse_topic(space_, message.topic);
    if (!topic || (topic->type != MessageType::ncmd && topic->type != MessageType::dcmd)) return false;
    const auto found = nodes_.find({std::string(topic->group), std::string(topic->node)});
    if (found == nodes_.end()) return false;
    Node& node = found->second;
    const auto payload = decode(message.payload);
    if (!payload) return asked.push_back(tl::make_unexpected(payload.error())), true;
    const auto* rebirth = payload->find("Node Control/Rebirth");
    if (topic->type == MessageType::ncmd && rebirth != nullptr && rebirth->value == WireValue(true)) {
      if (node.born) asked_again_ = &node;
      return true;
    }
    const auto device = node.devices.find(std::string(topic->device));
    if (device == node.devices.end() || !device->second.ref) return false;
    for (const auto& metric : payload->metrics) take_metric(device->second, metric, asked);
    return true;
  }

  /// The births that a host has asked for, with the same session.
  std::optional<twin::DeviceRef> say_due(Time at, std::vector<Outgoing>& out) override {
    Node* node = std::exchange(asked_again_, nullptr);
    if (node == nullptr) return std::nullopt;
    bear(*node, at, out);
    return node->holder;
  }

 private:
  struct Device {
    std::optional<twin::DeviceRef> ref;
    const ModelMetrics* model = nullptr;
    bool online = false;
    bool left = false;          ///< somebody else is it, or nobody: nothing has been said
    std::vector<int32_t> raw;   ///< [field] what was said last
    std::vector<double> holds;  ///< [setpoint] SI
  };
  struct Node {
    Address address;
    std::map<std::string, Device> devices;
    std::optional<twin::DeviceRef> holder;  ///< of its session
    bool born = false;
    bool down = false;    ///< the device that is the node itself has gone
    uint8_t session = 0;  ///< bdSeq
    uint8_t seq = 0;      ///< of the next message
  };

  static uint8_t session_of(const Attempt& attempt) { return static_cast<uint8_t>(attempt.number); }
  static bool is_in_use(const Node& node) {
    return !node.down && std::any_of(node.devices.begin(), node.devices.end(),
                                     [](const auto& device) { return device.second.online; });
  }
  std::vector<std::string> filters_of(const Node& node) const {
    return {topic_of(space_, MessageType::ncmd, node.address),
            topic_of(space_, MessageType::dcmd, {node.address.group, node.address.node, "+"})};
  }

  static Metric valued(std::string name, Datatype datatype, const Scalar& scalar, bool birth) {
    Metric metric{.name = std::move(name)};
    if (birth) metric.datatype = datatype;
    const auto value = encoded(scalar, datatype);
    metric.null = !value;
    if (value) metric.value = *value;
    return metric;
  }
  static Metric field_metric(const Device& device, uint16_t field, bool birth) {
    const auto& config = device.model->config().telemetry[field];
    return valued(device.model->metric_of(Use::Kind::field, field), datatype_of(config.boolean, config.words),
                  device.model->scalar(field, device.raw[field]), birth);
  }
  static Metric setpoint_metric(const Device& device, uint16_t setpoint, bool birth) {
    const auto& config = device.model->config().setpoints[setpoint];
    twin::Command holds{.index = setpoint, .value = device.holds[setpoint]};
    return valued(device.model->metric_of(Use::Kind::setpoint, setpoint),
                  datatype_of(config.boolean, config.words), device.model->scalar(holds), birth);
  }
  /// All that a device has: fields, setpoints that are no field's metric, commands.
  static std::vector<Metric> all_metrics(const Device& device) {
    std::vector<Metric> metrics;
    if (device.model == nullptr) return metrics;
    const auto& config = device.model->config();
    const auto add = [&](Metric metric) {
      if (std::none_of(metrics.begin(), metrics.end(), [&](const auto& m) { return m.name == metric.name; }))
        metrics.push_back(std::move(metric));
    };
    for (size_t f = 0; f < config.telemetry.size(); ++f)
      add(field_metric(device, static_cast<uint16_t>(f), true));
    for (size_t s = 0; s < config.setpoints.size(); ++s)
      add(setpoint_metric(device, static_cast<uint16_t>(s), true));
    for (size_t c = 0; c < config.commands.size(); ++c)
      add(valued(device.model->metric_of(Use::Kind::command, static_cast<uint16_t>(c)), Datatype::boolean,
                 false, true));
    return metrics;
  }

  uint64_t unix_ms(Time at) const {
    return static_cast<uint64_t>((speakers_.start + (at - kStart)).ns / 1'000'000);
  }

  void send_at(Node& node, MessageType type, const std::string& device, std::vector<Metric> metrics,
               uint64_t ms, std::vector<Outgoing>& out) {
    last_ms_ = ms;
    for (auto& metric : metrics)
      if (!metric.timestamp) metric.timestamp = ms;
    Payload payload{.timestamp = ms, .metrics = std::move(metrics)};
    if (type != MessageType::ndeath) payload.seq = node.seq++;
    Address address = node.address;
    address.device = device;
    out.push_back({topic_of(space_, type, address), encode(payload), false, 0});
  }
  void send(Node& node, MessageType type, const std::string& device, std::vector<Metric> metrics, Time at,
            std::vector<Outgoing>& out) {
    send_at(node, type, device, std::move(metrics), unix_ms(at), out);
  }

  static Metric session_metric(uint8_t session) {
    return {.name = "bdSeq", .datatype = Datatype::int64, .value = static_cast<uint64_t>(session)};
  }

  /// The node, then every device that is there.
  void bear(Node& node, Time at, std::vector<Outgoing>& out) {
    node.born = true;
    node.seq = 0;
    std::vector<Metric> metrics{
        session_metric(node.session),
        {.name = "Node Control/Rebirth", .datatype = Datatype::boolean, .value = false}};
    if (const auto own = node.devices.find(""); own != node.devices.end() && own->second.online) {
      auto more = all_metrics(own->second);
      std::move(more.begin(), more.end(), std::back_inserter(metrics));
    }
    send(node, MessageType::nbirth, "", std::move(metrics), at, out);
    for (auto& [name, device] : node.devices)
      if (!name.empty() && device.online) bear(node, name, device, at, out);
  }
  void bear(Node& node, const std::string& name, Device& device, Time at, std::vector<Outgoing>& out) {
    send(node, MessageType::dbirth, name, all_metrics(device), at, out);
  }

  void take_metric(const Device& device, const Metric& metric, std::vector<HeardAsked>& asked) {
    const auto& uses = device.model->uses(metric.name);
    const auto use =
        std::find_if(uses.begin(), uses.end(), [](const Use& u) { return u.kind != Use::Kind::field; });
    if (use == uses.end()) return asked.push_back(tl::make_unexpected(PayloadProblem::wrong_type));
    Asked one;
    one.command.device = *device.ref;
    one.command.index = use->index;
    if (use->kind == Use::Kind::setpoint) {
      const auto& config = device.model->config().setpoints[use->index];
      const auto scalar = decoded(metric.value, metric.datatype != Datatype::unknown
                                                    ? metric.datatype
                                                    : datatype_of(config.boolean, config.words));
      const auto value = scalar ? device.model->value(use->index, *scalar) : std::nullopt;
      if (!value) return asked.push_back(tl::make_unexpected(PayloadProblem::wrong_type));
      one.command.value = *value;
    } else {
      one.command.kind = twin::Command::Kind::command;
      if (metric.value != WireValue(true)) return;  // only true asks for something
    }
    one.command.id = ++last_id_;
    asked_[one.command.id] = one.command;
    // What was never answered is of the past.
    if (asked_.size() > kMostAsked) asked_.erase(asked_.begin());
    asked.push_back(one);
  }

  static constexpr size_t kMostAsked = 100'000;
  Speakers speakers_;
  std::string space_;
  std::vector<ModelMetrics> models_;
  std::map<std::pair<std::string, std::string>, Node> nodes_;
  std::map<twin::DeviceRef, std::pair<Node*, std::string>> place_of_;
  Node* asked_again_ = nullptr;              ///< for its births
  std::map<uint64_t, twin::Command> asked_;  ///< by the id that we gave it
  uint64_t last_id_ = uint64_t{1} << 63;     ///< apart from those of the loop
  uint64_t last_ms_ = 0;
};

}  // namespace
}  // namespace sparkplug

std::unique_ptr<DeviceSide> make_sparkplug_edge(Speakers speakers) {
  return std::make_unique<sparkplug::Edge>(std::move(speakers));
}

}  // namespace looptwin::hil
