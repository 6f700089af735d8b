#include "hil/conventions/topics.h"

#include <algorithm>
#include <map>

#include "hil/command_ledger.h"
#include "hil/conventions/model_places.h"

namespace looptwin::hil {
namespace {

using Use = ModelPlaces::Use;
using Kind = twin::Command::Kind;
constexpr std::string_view kValue = "{value}";

class Topics final : public Convention {
 public:
  explicit Topics(Speakers speakers) : speakers_(std::move(speakers)), models_(places_of(speakers_)) {}

  const char* name() const override { return "topics"; }

  std::vector<std::string> filters() const override {
    std::set<std::string> filters;
    for (const auto& model : models_) {
      for (const auto& said : model.said()) model.add_filters(*said.topic, filters);
      if (model.mapping().presence) model.add_filters(*model.mapping().presence, filters);
      if (!model.mapping().gateway.empty()) filters.insert(model.mapping().gateway);
    }
    return {filters.begin(), filters.end()};
  }

  bool take(const MqttMessage& message, Time, std::vector<Heard>& heard) override {
    Reading reading(message.payload);
    bool ours = false;
    for (const auto& model : models_) {
      const auto& mapping = model.mapping();
      if (!mapping.gateway.empty() && message.topic == mapping.gateway)
        ours = take_gateway(model, message, reading, heard);
      else if (const auto device =
                   mapping.presence ? model.device(*mapping.presence, message.topic) : std::nullopt)
        ours = take_presence(model, *device, message, reading, heard);
      else
        ours = take_said(model, message, reading, heard) || ours;
    }
    return ours;
  }

  bool tell(const twin::Command& command, std::vector<Outgoing>& out) override {
    const auto* model = of_table(models_, command.device.table);
    const auto* place = model != nullptr ? model->told(command.kind, command.index) : nullptr;
    if (place == nullptr) return false;
    const bool setpoint = command.kind == Kind::setpoint;
    const double tolerance =
        setpoint ? tolerance_of(model->config().setpoints[command.index], command.value) : 0;
    if (!ledger_.leaves(command, tolerance)) return true;
    std::string payload = place->payload.empty() ? std::string(kValue) : place->payload;
    if (const auto at = payload.find(kValue); setpoint && at != std::string::npos)
      payload.replace(at, kValue.size(), bare_text(model->scalar(command.index, *place, command.value)));
    out.push_back({model->topic(*place->topic, command.device), std::move(payload)});
    // Nothing will ever show it: that it was sent is all there is to know.
    if (!model->is_shown(setpoint ? Use::setpoint : Use::command, command.index)) unshown_.push_back(command);
    return true;
  }

  void step(Time now, std::vector<Heard>& heard, std::vector<Outgoing>& out) override {
    for (const auto& command : unshown_)
      ledger_.answers(command.device, command.kind, command.index, twin::Outcome::accepted, {}, heard);
    unshown_.clear();
    for (const auto device : to_ask_) {
      const auto& model = *of_table(models_, device.table);
      out.push_back({model.topic(*model.mapping().ask, device), model.mapping().ask_payload});
      ++asked_;
    }
    to_ask_.clear();
    ledger_.step(now, heard);
  }

  std::vector<std::pair<std::string, uint64_t>> counters() const override {
    return {{"inferred answers", ledger_.inferred()}, {"devices asked whether they are there", asked_}};
  }

 private:
  /// Whether the payload is the word for being there; absent, with the problem noted, where it is none.
  static std::optional<bool> online(const Mapping& mapping, Reading& reading, std::vector<Heard>& heard) {
    auto value = reading.at(mapping.presence_at);
    // Some senders write the bare word where others have an object.
    if (!value && !mapping.presence_at.empty()) value = reading.at("");
    const auto word = value && *value ? bare_text(**value) : std::string();
    if (word == mapping.online || word == mapping.offline) return word == mapping.online;
    heard.push_back(PayloadProblem::wrong_type);
    return std::nullopt;
  }

  bool take_presence(const ModelPlaces& model, twin::DeviceRef device, const MqttMessage& message,
                     Reading& reading, std::vector<Heard>& heard) {
    const auto is_online = online(model.mapping(), reading, heard);
    if (!is_online) return true;
    if (!*is_online) ledger_.forget(device);
    if (*is_online && !model.mapping().gateway.empty() && gateway_lost_.contains(model.mapping().gateway))
      return true;
    if (*is_online && message.retained && model.mapping().ask) to_ask_.push_back(device);
    heard.push_back(HeardPresence{device, *is_online, message.retained});
    return true;
  }

  /// Who is behind a gateway goes with it; that it is back says nothing of them.
  bool take_gateway(const ModelPlaces& model, const MqttMessage& message, Reading& reading,
                    std::vector<Heard>& heard) {
    const auto is_online = online(model.mapping(), reading, heard);
    if (!is_online) return true;
    if (*is_online)
      gateway_lost_.erase(message.topic);
    else
      gateway_lost_.insert(message.topic);
    for (size_t row = 0; row < speakers_.registry.devices(model.table()); ++row) {
      const twin::DeviceRef device{model.table(), Row(row)};
      if (!*is_online) {
        ledger_.forget(device);
        heard.push_back(HeardPresence{device, false});
      } else if (model.mapping().ask) {
        to_ask_.push_back(device);
      }
    }
    return true;
  }

  bool take_said(const ModelPlaces& model, const MqttMessage& message, Reading& reading,
                 std::vector<Heard>& heard) {
    std::optional<twin::DeviceRef> device;
    Samples samples;
    std::vector<Heard> answers;
    const TopicTemplate* last = nullptr;
    std::optional<twin::DeviceRef> here;
    for (const auto& said : model.said()) {
      if (said.topic != last) here = model.device(*said.topic, message.topic);
      last = said.topic;
      if (!here) continue;
      device = here;
      const auto value = reading.at(said.place->at);
      if (!value) {
        heard.push_back(value.error());
        return true;
      }
      if (!*value) continue;
      if (said.use == Use::field) {
        const auto raw = model.raw(said, **value);
        if (!raw) return heard.push_back(PayloadProblem::wrong_type), true;
        samples.values.emplace_back(said.index, *raw);
      } else if (message.retained) {
        continue;  // of before anything was told
      } else if (said.use == Use::command) {
        ledger_.answers(*here, Kind::command, said.index, twin::Outcome::accepted, {}, answers);
      } else if (const auto shown = model.value(said.index, *said.place, **value)) {
        ledger_.shows(*here, said.index, *shown, {}, answers);
      }
    }
    if (!device) return false;
    if (const auto time = reading.at(model.mapping().time); time && *time)
      if (const auto* seconds = std::get_if<double>(&**time); seconds != nullptr && *seconds > 1e9)
        samples.unix_seconds = *seconds;
    // What says nothing of ours says that its device is there all the same.
    if (!samples.values.empty() || !message.retained)
      heard.push_back(HeardTelemetry{*device, std::move(samples), message.retained});
    std::move(answers.begin(), answers.end(), std::back_inserter(heard));
    return true;
  }

  Speakers speakers_;
  std::deque<ModelPlaces> models_;
  CommandLedger ledger_;
  std::set<std::string> gateway_lost_;
  std::vector<twin::DeviceRef> to_ask_;
  std::vector<twin::Command> unshown_;
  uint64_t asked_ = 0;
};

class TopicsDevices final : public DeviceSide {
 public:
  explicit TopicsDevices(Speakers speakers) : speakers_(std::move(speakers)), models_(places_of(speakers_)) {}

  std::vector<std::string> filters() const override {
    std::set<std::string> filters;
    for (const auto& model : models_)
      for (const auto* places : {&model.mapping().setpoints, &model.mapping().orders})
        for (const auto& place : *places)
          if (place.topic) model.add_filters(*place.topic, filters);
    return {filters.begin(), filters.end()};
  }

  void presence(twin::DeviceRef device, bool online, Time, std::vector<Outgoing>& out) override {
    const auto* model = of_table(models_, device.table);
    if (model == nullptr || !model->mapping().presence) return;
    const auto& mapping = model->mapping();
    const auto& word = online ? mapping.online : mapping.offline;
    out.push_back({model->topic(*mapping.presence, device),
                   mapping.presence_at.empty() ? word : json_text({{mapping.presence_at, word}}), true});
  }

  void telemetry(twin::DeviceRef device, const Samples& samples, std::vector<Outgoing>& out) override {
    const auto* model = of_table(models_, device.table);
    if (model == nullptr) return;
    std::map<std::string, std::vector<std::pair<std::string, Scalar>>> texts;
    for (const auto& [field, raw] : samples.values)
      for (const auto& said : model->said())
        if (said.use == Use::field && said.index == field) {
          texts[model->topic(*said.topic, device)].emplace_back(said.place->at, model->scalar(said, raw));
          break;  // at the first of its places
        }
    publish(texts, out);
  }

  void answer(const twin::Acknowledgement& answer, std::vector<Outgoing>& out) override {
    const auto asked = asked_.find(answer.id);
    if (asked == asked_.end()) return;
    const auto command = asked->second;
    asked_.erase(asked);
    const auto* model = of_table(models_, command.device.table);
    if (model == nullptr || answer.outcome != twin::Outcome::accepted) return;
    const auto use = command.kind == Kind::setpoint ? Use::setpoint : Use::command;
    std::map<std::string, std::vector<std::pair<std::string, Scalar>>> texts;
    for (const auto& said : model->said()) {
      if (said.use != use || said.index != command.index) continue;
      const auto value = use == Use::setpoint ? model->scalar(said.index, *said.place, command.value)
                                              : Scalar(std::string("done"));
      texts[model->topic(*said.topic, command.device)].emplace_back(said.place->at, value);
      break;
    }
    publish(texts, out);
  }

  bool take(const MqttMessage& message, Time, std::vector<HeardAsked>& asked,
            std::vector<Outgoing>&) override {
    bool ours = false;
    for (const auto& model : models_) {
      // Words of a command before values of a setpoint: both may stand at one topic.
      const auto before = asked.size();
      for (uint16_t c = 0; c < model.config().commands.size(); ++c)
        ours = take_as(model, Kind::command, c, message, asked) || ours;
      for (uint16_t s = 0; s < model.config().setpoints.size() && asked.size() == before; ++s)
        ours = take_as(model, Kind::setpoint, s, message, asked) || ours;
      if (ours && asked.size() == before) asked.push_back(tl::make_unexpected(PayloadProblem::wrong_type));
    }
    return ours;
  }

 private:
  static constexpr size_t kMostAsked = 100'000;

  static void publish(const std::map<std::string, std::vector<std::pair<std::string, Scalar>>>& texts,
                      std::vector<Outgoing>& out) {
    for (const auto& [topic, values] : texts)
      out.push_back({topic, values[0].first.empty() ? bare_text(values[0].second) : json_text(values)});
  }

  /// Whether the topic is that of the quantity; appends what it asks if the payload is as the mapping says.
  bool take_as(const ModelPlaces& model, Kind kind, uint16_t index, const MqttMessage& message,
               std::vector<HeardAsked>& asked) {
    const auto* place = model.told(kind, index);
    const auto device = place != nullptr ? model.device(*place->topic, message.topic) : std::nullopt;
    if (!device) return false;
    Asked one;
    one.command.device = *device;
    one.command.kind = kind;
    one.command.index = index;
    if (kind == Kind::command) {
      if (message.payload != place->payload) return true;
    } else {
      const std::string_view text = message.payload;
      const std::string_view form = place->payload.empty() ? kValue : std::string_view(place->payload);
      const auto before = form.substr(0, form.find(kValue)),
                 after = form.substr(form.find(kValue) + kValue.size());
      if (text.size() < before.size() + after.size() || !text.starts_with(before) || !text.ends_with(after))
        return true;
      Reading reading(text.substr(before.size(), text.size() - before.size() - after.size()));
      const auto said = reading.at("");
      const auto value = said && *said ? model.value(index, *place, **said) : std::nullopt;
      if (!value) return true;
      one.command.value = *value;
    }
    one.command.id = ++last_id_;
    asked_[one.command.id] = one.command;
    if (asked_.size() > kMostAsked) asked_.erase(asked_.begin());
    asked.push_back(one);
    return true;
  }

  Speakers speakers_;
  std::deque<ModelPlaces> models_;
  std::map<uint64_t, twin::Command> asked_;  ///< by the id that we gave it
  uint64_t last_id_ = uint64_t{1} << 63;     ///< apart from those of the loop
};

}  // namespace

std::unique_ptr<Convention> make_topics(Speakers speakers) {
  return std::make_unique<Topics>(std::move(speakers));
}

std::unique_ptr<DeviceSide> make_topics_devices(Speakers speakers) {
  return std::make_unique<TopicsDevices>(std::move(speakers));
}

}  // namespace looptwin::hil
