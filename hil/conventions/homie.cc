#include "hil/conventions/homie.h"

#include <algorithm>

#include "base/json_tree.h"
#include "hil/conventions/topics.h"

namespace looptwin::hil {
namespace {

constexpr std::string_view kFive = "homie/5/", kFour = "homie/";

std::string homie_name(std::string name) {
  std::replace(name.begin(), name.end(), '_', '-');
  return name;
}

std::string place_of(const std::vector<Place>& places, const std::string& name, const std::string& model) {
  const auto* place = place_in(places, name);
  return place != nullptr && !place->at.empty() ? place->at : homie_name(model) + "/" + homie_name(name);
}

Place with(const Place* place, const std::string& name, const std::string& topic) {
  Place out = place != nullptr ? *place : Place{};
  out.name = name;
  out.at.clear();
  out.topic = known_topic(topic);
  return out;
}

/// Homie as places with topics of their own, in both of its forms.
Speakers spread_out(Speakers speakers, bool both) {
  for (auto& [table, mapping] : speakers.models) {
    const auto& model = speakers.registry.model(table).config;
    std::vector<std::string> bases{std::string(kFive) + "{device}/"};
    if (both) bases.push_back(std::string(kFour) + "{device}/");
    Mapping out = mapping;
    out.fields.clear();
    out.setpoints.clear();
    out.orders.clear();
    for (const auto& field : model.telemetry)
      for (const auto& base : bases)
        out.fields.push_back(with(place_in(mapping.fields, field.name), field.name,
                                  base + place_of(mapping.fields, field.name, model.name)));
    const auto add_told = [&](const std::vector<Place>& places, const std::string& name,
                              std::vector<Place>& to, std::string otherwise) {
      const auto at = place_of(places, name, model.name);
      Place told = with(place_in(places, name), name, bases[0] + at + "/set");
      if (told.payload.empty()) told.payload = std::move(otherwise);
      told.shows.clear();
      for (const auto& base : bases) told.shows.push_back(with(place_in(places, name), name, base + at));
      to.push_back(std::move(told));
    };
    for (const auto& setpoint : model.setpoints)
      add_told(mapping.setpoints, setpoint.name, out.setpoints, {});
    for (const auto& command : model.commands) add_told(mapping.orders, command.name, out.orders, "true");
    out.presence = known_topic(bases[0] + "$state");
    out.online = "ready";
    out.offline = "lost";
    mapping = std::move(out);
  }
  return speakers;
}

bool says_gone(const std::string& state) {
  return state == "disconnected" || state == "lost" || state.empty();
}

class Homie final : public Topics {
 public:
  explicit Homie(Speakers speakers) : Topics(spread_out(std::move(speakers), true)) {}

  const char* name() const override { return "homie"; }

  std::vector<std::string> filters() const override {
    auto filters = Topics::filters();
    // Whose root is lost is lost as well, and a root need not be one of ours.
    for (const auto* filter :
         {"homie/5/+/$state", "homie/5/+/$description", "homie/+/$state", "homie/5/+/+/+/$target"})
      filters.push_back(filter);
    return filters;
  }

  bool take(const MqttMessage& message, Time at, std::vector<Heard>& heard) override {
    const std::string_view topic = message.topic;
    const bool five = topic.starts_with(kFive);
    if (!five && !topic.starts_with(kFour)) return false;
    const auto rest = topic.substr((five ? kFive : kFour).size());
    const auto name = rest.substr(0, rest.find('/'));
    const auto what = rest.substr(std::min(rest.size(), name.size() + 1));
    if (what == "$state") return take_state(name, five, message, heard);
    if (what == "$description") return take_description(name, message.payload);
    if (what.ends_with("/$target")) return take_target(message, heard);
    return Topics::take(message, at, heard);
  }

  bool write(const twin::Command& command, std::vector<Outgoing>& out) const override {
    const size_t before = out.size();
    if (!Topics::write(command, out)) return false;
    for (size_t i = before; i < out.size(); ++i)
      if (of_four_.contains(command.device)) out[i].topic.replace(0, kFive.size(), kFour);
    return true;
  }

 private:
  std::optional<twin::DeviceRef> device_named(std::string_view name) const {
    const auto topic = std::string(kFive) + std::string(name) + "/$state";
    for (const auto& model : models_)
      if (const auto device = model.device(*model.mapping().presence, topic)) return device;
    return std::nullopt;
  }

  bool take_state(std::string_view name, bool five, const MqttMessage& message, std::vector<Heard>& heard) {
    const auto& word = message.payload;
    const bool here = word == "ready" || word == "alert" || word == "sleeping";
    const bool gone = says_gone(word);
    const auto device = device_named(name);
    bool ours = device.has_value();
    if (device) {
      if (five)
        of_four_.erase(*device);
      else
        of_four_.insert(*device);
      const bool trusted = of_table(models_, device->table)->mapping().trust_kept;
      if (gone) ledger_.forget(*device);
      if (here || gone)
        heard.push_back(HeardPresence{*device, here, message.retained && !trusted});
      else if (word != "init")
        heard.push_back(PayloadProblem::wrong_type);
    }
    for (const auto& [child, root] : root_of_) {
      if (root != name) continue;
      ours = true;
      if (gone) heard.push_back(HeardPresence{child, false});
    }
    return ours;
  }

  bool take_description(std::string_view name, const std::string& payload) {
    const auto device = device_named(name);
    if (!device) return false;
    root_of_.erase(*device);
    if (payload.size() > kLongestPayload) return true;
    const auto json = load_json<Json>(payload);
    if (json.is_object() && json.contains("root") && json["root"].is_string())
      root_of_[*device] = json["root"].get<std::string>();
    return true;
  }

  /// The device has understood: $target is accepted, the property itself is reached.
  bool take_target(const MqttMessage& message, std::vector<Heard>& heard) {
    const auto property = message.topic.substr(0, message.topic.rfind('/'));
    Reading reading(message.payload);
    for (const auto& model : models_)
      for (const auto& said : model.said()) {
        const auto device =
            said.use == ModelPlaces::Use::setpoint ? model.device(*said.topic, property) : std::nullopt;
        if (!device) continue;
        const auto value = reading.at("");
        const auto shown = value && *value ? model.value(said.index, *said.place, **value) : std::nullopt;
        if (shown && !message.retained) ledger_.shows(*device, said.index, *shown, {}, heard);
        return true;
      }
    return false;
  }

  std::set<twin::DeviceRef> of_four_;
  std::map<twin::DeviceRef, std::string> root_of_;
};

/// What is retained is what they are: who comes later reads it.
class HomieDevices final : public TopicsDevices {
 public:
  explicit HomieDevices(Speakers speakers) : TopicsDevices(spread_out(std::move(speakers), false)) {
    retained_ = true;
  }

  void presence(twin::DeviceRef device, bool online, Time, std::vector<Outgoing>& out) override {
    const auto* model = of_table(models_, device.table);
    if (model == nullptr) return;
    const auto state = model->topic(*model->mapping().presence, device);
    if (!online) return out.push_back({state, "disconnected", true});
    out.push_back({state, "init", true});
    const auto base = state.substr(0, state.rfind('/') + 1);
    out.push_back({base + "$description", description(*model, device), true});
    out.push_back({state, "ready", true});
  }

 private:
  bool is_gone(const Mapping&, const MqttMessage& message) const override {
    return says_gone(message.payload);
  }

  std::string description(const ModelPlaces& model, twin::DeviceRef device) const {
    OrderedJson nodes;
    const auto add = [&](const TopicTemplate& topic, const std::string& datatype, const std::string& format,
                         const std::string& unit, bool settable) {
      const auto text = topic.topic("d").substr(kFive.size() + 2);
      const auto slash = text.find('/');
      auto& property = nodes[text.substr(0, slash)]["properties"][text.substr(slash + 1)];
      property = {{"datatype", datatype}};
      if (!format.empty()) property["format"] = format;
      if (!unit.empty()) property["unit"] = unit;
      if (settable) property["settable"] = true;
    };
    const auto describe = [&](const auto& quantity, const TopicTemplate& topic, bool settable) {
      std::string words;
      for (const auto& word : quantity.words) words += (words.empty() ? "" : ",") + word;
      const bool number = !quantity.boolean && words.empty();
      add(topic,
          quantity.boolean ? "boolean"
          : number         ? "float"
                           : "enum",
          words, number ? quantity.unit.text : "", settable);
    };
    for (const auto& said : model.said()) {
      if (said.use == ModelPlaces::Use::field)
        describe(model.config().telemetry[said.index], *said.topic, false);
      if (said.use == ModelPlaces::Use::setpoint)
        describe(model.config().setpoints[said.index], *said.topic, true);
      if (said.use == ModelPlaces::Use::command) add(*said.topic, "boolean", "", "", true);
    }
    const OrderedJson json = {{"homie", "5.0"},
                              {"version", 1},
                              {"name", std::string(speakers_.registry.id(device))},
                              {"nodes", nodes}};
    return dump_json(json);
  }
};

}  // namespace

bool is_homie_place(std::string_view at) {
  const auto slash = at.find('/');
  const auto good = [](std::string_view id) {
    return !id.empty() && std::all_of(id.begin(), id.end(), [](char c) {
      return ('a' <= c && c <= 'z') || ('A' <= c && c <= 'Z') || ('0' <= c && c <= '9') || c == '-' ||
             c == '_';
    });
  };
  return slash != std::string_view::npos && good(at.substr(0, slash)) && good(at.substr(slash + 1));
}

std::unique_ptr<Convention> make_homie(Speakers speakers) {
  return std::make_unique<Homie>(std::move(speakers));
}

std::unique_ptr<DeviceSide> make_homie_devices(Speakers speakers) {
  return std::make_unique<HomieDevices>(std::move(speakers));
}

}  // namespace looptwin::hil
