#include "hil/conventions/plain.h"

#include <algorithm>
#include <functional>
#include <map>
#include <set>

namespace looptwin::hil {
namespace {

/// What both sides know.
class Plain {
 protected:
  explicit Plain(Speakers speakers) : speakers_(std::move(speakers)) {
    for (const auto& [table, mapping] : speakers_.models) {
      codecs_.emplace_back(table, JsonCodec(speakers_.registry.model(table).config, mapping));
      for (const auto& [id, name] : mapping.names)
        if (const auto device = speakers_.registry.find(id); device && device->table == table)
          renamed_[table][name] = *device;
    }
  }

  /// What a device calls itself.
  std::string_view name_of(twin::DeviceRef device) const {
    const auto id = speakers_.registry.id(device);
    const auto* model = codec(device);
    return model == nullptr ? id : model->mapping().name_of(id);
  }

  /// The device that a topic names; absent where it is none of the model's.
  std::optional<twin::DeviceRef> device_of(TableId table, const std::optional<TopicTemplate>& of,
                                           std::string_view topic, std::string_view* field = nullptr) const {
    const auto match = of ? of->match(topic) : std::nullopt;
    if (!match) return std::nullopt;
    if (field != nullptr) *field = match->field;
    if (const auto renamed = renamed_.find(table); renamed != renamed_.end())
      if (const auto device = renamed->second.find(match->device); device != renamed->second.end())
        return device->second;
    const auto device = speakers_.registry.find(match->device);
    return device && device->table == table && name_of(*device) == match->device ? device : std::nullopt;
  }

  /// A filter for each depth of ids that the model's devices have.
  void add_filters(TableId table, std::initializer_list<const std::optional<TopicTemplate>*> templates,
                   std::set<std::string>& filters) const {
    std::set<size_t> depths;
    for (size_t row = 0; row < speakers_.registry.devices(table); ++row) {
      const auto name = name_of({table, Row(row)});
      depths.insert(1 + static_cast<size_t>(std::count(name.begin(), name.end(), '/')));
    }
    for (const size_t depth : depths)
      for (const auto* of : templates)
        if (*of) filters.insert((*of)->filter(depth));
  }

  const JsonCodec* codec(twin::DeviceRef device) const {
    for (const auto& [table, codec] : codecs_)
      if (table == device.table) return &codec;
    return nullptr;
  }
  double unix_seconds(Time at) const {
    return static_cast<double>((speakers_.start + (at - kStart)).ns) / 1e9;
  }

  Speakers speakers_;
  std::vector<std::pair<TableId, JsonCodec>> codecs_;
  std::map<TableId, std::map<std::string, twin::DeviceRef, std::less<>>> renamed_;
};

class PlainLoop final : public Convention, Plain {
 public:
  explicit PlainLoop(Speakers speakers) : Plain(std::move(speakers)) {}

  const char* name() const override { return "plain"; }

  std::vector<std::string> filters() const override {
    std::set<std::string> filters;
    for (const auto& [table, mapping] : speakers_.models)
      add_filters(table, {&mapping.telemetry, &mapping.presence, &mapping.acknowledgements}, filters);
    return {filters.begin(), filters.end()};
  }

  std::vector<std::string> filters_of(twin::DeviceRef device) const override {
    std::vector<std::string> filters;
    const auto* model = codec(device);
    if (model == nullptr) return filters;
    const auto& mapping = model->mapping();
    for (const auto* of : {&mapping.telemetry, &mapping.presence, &mapping.acknowledgements})
      if (*of) filters.push_back((*of)->topic(name_of(device), "+"));
    return filters;
  }

  void confirm(twin::DeviceRef device, uint32_t number, std::vector<Outgoing>& out) const override {
    const auto* model = codec(device);
    if (model == nullptr || !model->mapping().confirmations) return;
    // One that is lost is made up for by the next.
    out.push_back(
        {model->mapping().confirmations->topic(name_of(device)), model->confirmation(number), false, 0});
  }

  bool take(const MqttMessage& message, Time, std::vector<Heard>& heard) override {
    return std::any_of(codecs_.begin(), codecs_.end(), [&](const auto& model) {
      return take_for(model.first, model.second, message, heard);
    });
  }

  bool tell(const twin::Command& command, std::vector<Outgoing>& out) override { return write(command, out); }

  bool write(const twin::Command& command, std::vector<Outgoing>& out) const override {
    const auto* model = codec(command.device);
    if (model == nullptr || !model->mapping().commands) return false;
    const double expires = command.expires == kNever ? 0 : unix_seconds(command.expires);
    out.push_back(
        {model->mapping().commands->topic(name_of(command.device)), model->command(command, expires)});
    return true;
  }

 private:
  bool take_for(TableId table, const JsonCodec& codec, const MqttMessage& message,
                std::vector<Heard>& heard) const {
    const auto& mapping = codec.mapping();
    std::string_view field;
    if (const auto device = device_of(table, mapping.presence, message.topic)) {
      const bool online = message.payload == mapping.online;
      if (!online && message.payload != mapping.offline)
        heard.push_back(PayloadProblem::wrong_type);
      else
        heard.push_back(HeardPresence{*device, online, message.retained && !mapping.trust_kept});
      return true;
    }
    if (const auto device = device_of(table, mapping.acknowledgements, message.topic)) {
      if (const auto answer = codec.acknowledgement(message.payload))
        heard.push_back(HeardAnswer{*device, *answer});
      else
        heard.push_back(answer.error());
      return true;
    }
    if (const auto device = device_of(table, mapping.telemetry, message.topic, &field)) {
      if (auto samples = codec.telemetry(message.payload, field))
        heard.push_back(HeardTelemetry{*device, std::move(*samples), message.retained});
      else
        heard.push_back(samples.error());
      return true;
    }
    return false;
  }
};

class PlainDevices final : public DeviceSide, Plain {
 public:
  explicit PlainDevices(Speakers speakers) : Plain(std::move(speakers)) {}

  std::vector<std::string> filters() const override {
    std::set<std::string> filters;
    for (const auto& [table, mapping] : speakers_.models)
      add_filters(table, {&mapping.commands, &mapping.presence}, filters);
    return {filters.begin(), filters.end()};
  }

  Sessions sessions() const override { return Sessions::of_each; }

  DeviceSession session(twin::DeviceRef device) const override {
    const auto& mapping = codec(device)->mapping();
    const auto id = name_of(device);
    DeviceSession session;
    if (mapping.commands) session.filters.push_back(mapping.commands->topic(id));
    if (!mapping.presence) return session;
    const auto topic = mapping.presence->topic(id);
    session.filters.push_back(topic);
    session.will = always({topic, mapping.offline});
    session.hello = Outgoing{topic, mapping.online, true};
    return session;
  }

  std::optional<twin::DeviceRef> said_gone(const MqttMessage& message) const override {
    for (const auto& [table, codec] : codecs_)
      if (const auto device = device_of(table, codec.mapping().presence, message.topic))
        return message.payload == codec.mapping().offline ? device : std::nullopt;
    return std::nullopt;
  }

  void presence(twin::DeviceRef device, bool online, Time, std::vector<Outgoing>& out) override {
    const auto* model = codec(device);
    if (model == nullptr || !model->mapping().presence) return;
    const auto& mapping = model->mapping();
    out.push_back(
        {mapping.presence->topic(name_of(device)), online ? mapping.online : mapping.offline, true});
  }

  void telemetry(twin::DeviceRef device, const Samples& samples, std::vector<Outgoing>& out) override {
    const auto* model = codec(device);
    if (model == nullptr || !model->mapping().telemetry) return;
    const auto& topic = *model->mapping().telemetry;
    const auto id = name_of(device);
    if (!topic.has_field()) {
      out.push_back({topic.topic(id), model->telemetry_text(samples)});
      return;
    }
    for (const auto& [field, raw] : samples.values)
      out.push_back({topic.topic(id, model->field_name(field)), model->scalar_text(field, raw)});
  }

  void answer(const twin::Acknowledgement& answer, std::vector<Outgoing>& out) override {
    const auto* model = codec(answer.device);
    if (model == nullptr || !model->mapping().acknowledgements) return;
    out.push_back(
        {model->mapping().acknowledgements->topic(name_of(answer.device)),
         model->acknowledgement_text({answer.id, answer.outcome, unix_seconds(answer.applied_at)})});
  }

  bool take(const MqttMessage& message, std::vector<HeardAsked>& asked) override {
    for (const auto& [table, codec] : codecs_) {
      const auto device = device_of(table, codec.mapping().commands, message.topic);
      if (!device) continue;
      auto found = codec.asked(message.payload);
      if (found) found->command.device = *device;
      asked.push_back(found);
      return true;
    }
    return false;
  }
};

}  // namespace

std::unique_ptr<Convention> make_plain(Speakers speakers) {
  return std::make_unique<PlainLoop>(std::move(speakers));
}

std::unique_ptr<DeviceSide> make_plain_devices(Speakers speakers) {
  return std::make_unique<PlainDevices>(std::move(speakers));
}

}  // namespace looptwin::hil
