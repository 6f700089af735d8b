#include "hil/home_assistant.h"

#include "base/json_tree.h"
#include "hil/payload_bound.h"

namespace looptwin::hil {
namespace {

constexpr int kDeepest = 16;

/// A key by its name or its abbreviation; null where neither is there.
const Json* find(const Json& json, const char* name, const char* abbreviation) {
  if (!json.is_object()) return nullptr;
  for (const auto* key : {name, abbreviation})
    if (const auto found = json.find(key); found != json.end()) return &*found;
  return nullptr;
}

std::string text(const Json& json, const char* name, const char* abbreviation) {
  const auto* found = find(json, name, abbreviation);
  return found != nullptr && found->is_string() ? found->get<std::string>() : std::string();
}

/// A topic, in which ~ at either end stands for the base.
std::string topic(const Json& json, const char* name, const char* abbreviation, const std::string& base) {
  auto said = text(json, name, abbreviation);
  if (base.empty() || said.empty()) return said;
  if (said.front() == '~') said = base + said.substr(1);
  if (said.back() == '~') said = said.substr(0, said.size() - 1) + base;
  return said;
}

/// "{{ value_json.ENERGY.Power }}" is /ENERGY/Power; other templates are programs, which are not run.
std::string pointer_of(const std::string& form) {
  constexpr std::string_view kBegin = "value_json.";
  const auto at = form.find(kBegin);
  if (at == std::string::npos) return {};
  std::string pointer = "/";
  for (const char c : form.substr(at + kBegin.size())) {
    const bool name = ('a' <= c && c <= 'z') || ('A' <= c && c <= 'Z') || ('0' <= c && c <= '9') || c == '_';
    if (!name && c != '.') break;
    pointer += c == '.' ? '/' : c;
  }
  return pointer;
}

Candidate::Component component_of(const Json& json, std::string kind, const std::string& base) {
  return {std::move(kind),
          text(json, "name", "name"),
          topic(json, "state_topic", "stat_t", base),
          topic(json, "command_topic", "cmd_t", base),
          text(json, "unit_of_measurement", "unit_of_meas"),
          pointer_of(text(json, "value_template", "val_tpl"))};
}

std::string availability_of(const Json& json, const std::string& base) {
  auto said = topic(json, "availability_topic", "avty_t", base);
  const auto* list = find(json, "availability", "avty");
  if (said.empty() && list != nullptr && list->is_array() && !list->empty())
    said = topic(list->front(), "topic", "t", base);
  if (said.empty() && list != nullptr) said = topic(*list, "topic", "t", base);
  return said;
}

std::string identifier_of(const Json& device) {
  const auto* ids = find(device, "identifiers", "ids");
  if (ids == nullptr) return {};
  if (ids->is_string()) return ids->get<std::string>();
  return ids->is_array() && !ids->empty() && ids->front().is_string() ? ids->front().get<std::string>() : "";
}

}  // namespace

void Announcements::take(std::string_view said_topic, std::string_view payload) {
  constexpr std::string_view kEnd = "/config";
  if (said_topic.size() <= prefix_.size() + 1 + kEnd.size() || !said_topic.starts_with(prefix_ + "/") ||
      !said_topic.ends_with(kEnd))
    return;
  if (payload.empty()) {
    by_topic_.erase(std::string(said_topic));
    unreadable_.erase(std::string(said_topic));
    return;
  }
  const auto inner =
      said_topic.substr(prefix_.size() + 1, said_topic.size() - prefix_.size() - 1 - kEnd.size());
  const auto kind = std::string(inner.substr(0, inner.find('/')));
  const auto object = std::string(inner.substr(inner.rfind('/') + 1));
  const auto json = payload.size() <= kLongestPayload ? load_json<Json>(payload, kDeepest) : Json();
  if (!json.is_object() || (!by_topic_.contains(said_topic) && by_topic_.size() >= kMostDevices)) {
    if (unreadable_.size() < kMostDevices) unreadable_.emplace(said_topic);
    by_topic_.erase(std::string(said_topic));  // what stood there before stands no more
    return;
  }
  unreadable_.erase(std::string(said_topic));
  const auto base = text(json, "~", "~");
  const auto* device = find(json, "device", "dev");
  Candidate candidate;
  candidate.id = device != nullptr ? identifier_of(*device) : std::string();
  if (candidate.id.empty()) candidate.id = object;
  if (device != nullptr) {
    candidate.name = text(*device, "name", "name");
    candidate.manufacturer = text(*device, "manufacturer", "mf");
    candidate.model = text(*device, "model", "mdl");
  }
  candidate.availability_topic = availability_of(json, base);
  const auto* components = find(json, "components", "cmps");
  if (kind != "device") {
    candidate.components.push_back(component_of(json, kind, base));
  } else if (components != nullptr && components->is_object()) {
    for (const auto& [name, part] : components->items()) {
      if (candidate.components.size() == kMostComponents) break;
      candidate.components.push_back(component_of(part, text(part, "platform", "p"), base));
      auto& component = candidate.components.back();
      if (component.name.empty()) component.name = name;
      if (component.state_topic.empty()) component.state_topic = topic(json, "state_topic", "stat_t", base);
    }
  }
  by_topic_[std::string(said_topic)] = std::move(candidate);
}

std::vector<Candidate> Announcements::candidates() const {
  std::map<std::string, Candidate> devices;
  for (const auto& [said_topic, part] : by_topic_) {
    auto& device = devices[part.id];
    device.id = part.id;
    for (auto member :
         {&Candidate::name, &Candidate::manufacturer, &Candidate::model, &Candidate::availability_topic})
      if ((device.*member).empty()) device.*member = part.*member;
    for (const auto& component : part.components)
      if (device.components.size() < kMostComponents) device.components.push_back(component);
  }
  std::vector<Candidate> out;
  for (auto& [id, device] : devices) out.push_back(std::move(device));
  return out;
}

}  // namespace looptwin::hil
