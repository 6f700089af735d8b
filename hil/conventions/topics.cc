#include "hil/conventions/topics.h"

#include <algorithm>

namespace looptwin::hil {
namespace {

using Use = ModelPlaces::Use;
using Kind = twin::Command::Kind;
constexpr std::string_view kValue = "{value}";
constexpr size_t kMostAsked = 100'000;

}  // namespace

Topics::Topics(Speakers speakers) : speakers_(std::move(speakers)), models_(places_of(speakers_)) {}

std::vector<std::string> Topics::filters() const {
  std::set<std::string> filters;
  for (const auto& model : models_) {
    for (const auto& said : model.said()) model.add_filters(*said.topic, filters);
    if (model.mapping().presence) model.add_filters(*model.mapping().presence, filters);
    if (!model.mapping().gateway.empty()) filters.insert(model.mapping().gateway);
  }
  return {filters.begin(), filters.end()};
}

bool Topics::take(const MqttMessage& message, Time, std::vector<Heard>& heard) {
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

bool Topics::write(const twin::Command& command, std::vector<Outgoing>& out) const {
  const auto* model = of_table(models_, command.device.table);
  const auto* place = model != nullptr ? model->told(command.kind, command.index) : nullptr;
  if (place == nullptr) return false;
  out.push_back({model->topic(*place->topic, command.device), payload_of(*model, *place, command)});
  return true;
}

bool Topics::tell(const twin::Command& command, std::vector<Outgoing>& out) {
  std::vector<Outgoing> written;
  if (!write(command, written)) return false;
  const auto& model = *of_table(models_, command.device.table);
  if (!leaves(model, command)) return true;
  std::move(written.begin(), written.end(), std::back_inserter(out));
  // Nothing will ever show it: that it was sent is all there is to know.
  const auto use = command.kind == Kind::setpoint ? Use::setpoint : Use::command;
  if (!model.is_shown(use, command.index)) unshown_.push_back(command);
  return true;
}

bool Topics::leaves(const ModelPlaces& model, const twin::Command& command) {
  const bool setpoint = command.kind == Kind::setpoint;
  return ledger_.leaves(command,
                        setpoint ? tolerance_of(model.config().setpoints[command.index], command.value) : 0);
}

std::string Topics::payload_of(const ModelPlaces& model, const Place& place, const twin::Command& command) {
  std::string payload = place.payload.empty() ? std::string(kValue) : place.payload;
  if (const auto at = payload.find(kValue); command.kind == Kind::setpoint && at != std::string::npos)
    payload.replace(at, kValue.size(), bare_text(model.scalar(command.index, place, command.value)));
  return payload;
}

void Topics::step(Time now, std::vector<Heard>& heard, std::vector<Outgoing>& out) {
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

std::vector<std::pair<std::string, uint64_t>> Topics::counters() const {
  return {{"inferred answers", ledger_.inferred()}, {"devices asked whether they are there", asked_}};
}

std::optional<bool> Topics::online(const Mapping& mapping, Reading& reading,
                                   std::vector<Heard>& heard) const {
  auto value = reading.at(mapping.presence_at);
  // Some senders write the bare word where others have an object.
  if (!value && !mapping.presence_at.empty()) value = reading.at("");
  const auto word = value && *value ? bare_text(**value) : std::string();
  if (word == mapping.online || word == mapping.offline) return word == mapping.online;
  heard.push_back(PayloadProblem::wrong_type);
  return std::nullopt;
}

bool Topics::take_presence(const ModelPlaces& model, twin::DeviceRef device, const MqttMessage& message,
                           Reading& reading, std::vector<Heard>& heard) {
  const auto is_online = online(model.mapping(), reading, heard);
  if (!is_online) return true;
  if (!*is_online) ledger_.forget(device);
  if (*is_online && !model.mapping().gateway.empty() && gateway_lost_.contains(model.mapping().gateway))
    return true;
  const bool kept = message.retained && !model.mapping().trust_kept;
  if (*is_online && kept && model.mapping().ask) to_ask_.push_back(device);
  heard.push_back(HeardPresence{device, *is_online, kept});
  return true;
}

/// Who is behind a gateway goes with it; that it is back says nothing of them.
bool Topics::take_gateway(const ModelPlaces& model, const MqttMessage& message, Reading& reading,
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

bool Topics::take_said(const ModelPlaces& model, const MqttMessage& message, Reading& reading,
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

TopicsDevices::TopicsDevices(Speakers speakers)
    : speakers_(std::move(speakers)), models_(places_of(speakers_)) {}

std::vector<std::string> TopicsDevices::filters() const {
  std::set<std::string> filters;
  for (const auto& model : models_)
    if (model.mapping().presence) model.add_filters(*model.mapping().presence, filters);
  for (const auto& model : models_)
    for (const auto* places : {&model.mapping().setpoints, &model.mapping().orders})
      for (const auto& place : *places)
        if (place.topic) model.add_filters(*place.topic, filters);
  return {filters.begin(), filters.end()};
}

std::optional<twin::DeviceRef> TopicsDevices::said_gone(const MqttMessage& message) const {
  for (const auto& model : models_) {
    const auto& mapping = model.mapping();
    const auto device = mapping.presence ? model.device(*mapping.presence, message.topic) : std::nullopt;
    if (device) return is_gone(mapping, message) ? device : std::nullopt;
  }
  return std::nullopt;
}

bool TopicsDevices::is_gone(const Mapping& mapping, const MqttMessage& message) const {
  Reading reading(message.payload);
  const auto value = reading.at(mapping.presence_at);
  return value && *value && bare_text(**value) == mapping.offline;
}

void TopicsDevices::presence(twin::DeviceRef device, bool online, Time, std::vector<Outgoing>& out) {
  const auto* model = of_table(models_, device.table);
  if (model == nullptr || !model->mapping().presence) return;
  const auto& mapping = model->mapping();
  const auto& word = online ? mapping.online : mapping.offline;
  out.push_back({model->topic(*mapping.presence, device),
                 mapping.presence_at.empty() ? word : json_text({{mapping.presence_at, word}}), true});
}

void TopicsDevices::telemetry(twin::DeviceRef device, const Samples& samples, std::vector<Outgoing>& out) {
  const auto* model = of_table(models_, device.table);
  if (model == nullptr) return;
  Texts texts;
  for (const auto& [field, raw] : samples.values)
    for (const auto& said : model->said())
      if (said.use == Use::field && said.index == field) {
        texts[model->topic(*said.topic, device)].emplace_back(said.place->at, model->scalar(said, raw));
        break;  // at the first of its places
      }
  publish(texts, out);
}

void TopicsDevices::answer(const twin::Acknowledgement& answer, std::vector<Outgoing>& out) {
  const auto asked = asked_.find(answer.id);
  if (asked == asked_.end()) return;
  const auto command = asked->second;
  asked_.erase(asked);
  const auto* model = of_table(models_, command.device.table);
  if (model == nullptr || answer.outcome != twin::Outcome::accepted) return;
  const auto use = command.kind == Kind::setpoint ? Use::setpoint : Use::command;
  Texts texts;
  for (const auto& said : model->said()) {
    if (said.use != use || said.index != command.index) continue;
    const auto value = use == Use::setpoint ? model->scalar(said.index, *said.place, command.value)
                                            : Scalar(std::string("done"));
    texts[model->topic(*said.topic, command.device)].emplace_back(said.place->at, value);
    break;
  }
  publish(texts, out);
}

bool TopicsDevices::take(const MqttMessage& message, std::vector<HeardAsked>& asked) {
  bool ours = false;
  for (const auto& model : models_) {
    // Words of a command before values of a setpoint: both may stand at one topic.
    const auto before = asked.size();
    for (size_t c = 0; c < model.config().commands.size(); ++c)
      ours = take_as(model, Kind::command, static_cast<uint16_t>(c), message, asked) || ours;
    for (size_t s = 0; s < model.config().setpoints.size() && asked.size() == before; ++s)
      ours = take_as(model, Kind::setpoint, static_cast<uint16_t>(s), message, asked) || ours;
    if (ours && asked.size() == before) asked.push_back(tl::make_unexpected(PayloadProblem::wrong_type));
  }
  return ours;
}

void TopicsDevices::publish(const Texts& texts, std::vector<Outgoing>& out) const {
  for (const auto& [topic, values] : texts)
    out.push_back(
        {topic, values[0].first.empty() ? bare_text(values[0].second) : json_text(values), retained_});
}

/// Whether the topic is that of the quantity; appends what it asks if the payload is as the mapping says.
bool TopicsDevices::take_as(const ModelPlaces& model, Kind kind, uint16_t index, const MqttMessage& message,
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
    if (form.find(kValue) == std::string_view::npos) return true;
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

std::unique_ptr<Convention> make_topics(Speakers speakers) {
  return std::make_unique<Topics>(std::move(speakers));
}

std::unique_ptr<DeviceSide> make_topics_devices(Speakers speakers) {
  return std::make_unique<TopicsDevices>(std::move(speakers));
}

}  // namespace looptwin::hil
