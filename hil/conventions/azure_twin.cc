#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "hil/conventions/cloud_twins.h"
#include "hil/conventions/twin_document.h"

namespace looptwin::hil {
namespace {

const char* const kMount = "azure/{device}/";

/// "$rid=7&$version=3": the value of a name; empty where it is not there.
std::string_view parameter(std::string_view topic, std::string_view name) {
  const auto query = topic.substr(std::min(topic.size(), topic.find('?')));
  const auto at = query.find(std::string(name) + "=");
  if (at == std::string_view::npos) return {};
  const auto value = query.substr(at + name.size() + 1);
  return value.substr(0, value.find('&'));
}

class AzureTwin final : public Convention, DocumentReader {
 public:
  /// The topic is made up: its device is what stands before.
  explicit AzureTwin(Speakers speakers)
      : DocumentReader(std::move(speakers), std::string(kMount) + "reported") {}

  const char* name() const override { return "azure-twin"; }

  std::vector<std::string> filters() const override {
    std::set<std::string> filters;
    for (const auto& model : models_) {
      for (const auto* what : {"$iothub/twin/GET/", "$iothub/twin/PATCH/properties/reported/"})
        add(model, what, "#", filters);
      add(model, "$iothub/methods/res/", "#", filters);
      add(model, "devices/", "#", filters);
      add_presence(model, filters);
    }
    return {filters.begin(), filters.end()};
  }

  bool take(const MqttMessage& message, Time, std::vector<Heard>& heard) override {
    for (const auto& model : models_) {
      if (hear_presence(model, message, heard)) return true;
      for (const auto* part : {"/$iothub/", "/devices/"}) {
        const auto at = message.topic.find(part);
        if (at == std::string::npos) continue;
        const auto device = model.device(topic_, message.topic.substr(0, at) + "/reported");
        if (!device) continue;
        take_for(*device, std::string_view(message.topic).substr(at + 1), message.payload, heard);
        return true;
      }
    }
    return false;
  }

  /// A setpoint is a desired property, a command a direct method.
  bool tell(const twin::Command& command, std::vector<Outgoing>& out) override {
    const auto* told = place(command);
    if (told == nullptr) return false;
    if (command.kind == twin::Command::Kind::command)
      return ledger_.leaves(command, 0) ? write(command, out) : true;
    if (const auto patch = desire(command)) {
      wish(command.device, *patch);
      asked_version_[{command.device, told->at}] = {command.index,
                                                    documents_[command.device].desired_version};
    }
    flush(out);
    return true;
  }

  bool write(const twin::Command& command, std::vector<Outgoing>& out) const override {
    const auto* told = place(command);
    if (told == nullptr) return false;
    if (command.kind == twin::Command::Kind::command) {
      const auto method = told->at.substr(told->at.rfind('/') + 1);
      out.push_back(
          {base(command.device) + fmt::format("$iothub/methods/POST/{}/?$rid={:x}", method, command.id),
           told->payload.empty() ? "{}" : told->payload, false, 0});
      return true;
    }
    auto patch = patch_of(command);
    if (!patch) return false;
    const auto document = documents_.find(command.device);
    const auto version = (document != documents_.end() ? document->second.desired_version : 0) + 1;
    (*patch)["$version"] = version;
    out.push_back(
        {base(command.device) + fmt::format("$iothub/twin/PATCH/properties/desired/?$version={}", version),
         patch->dump()});
    return true;
  }

  void step(Time now, std::vector<Heard>& heard, std::vector<Outgoing>& out) override {
    for (const auto& [device, undo] : expired(now)) wish(device, undo);
    flush(out);
    ledger_.step(now, heard);
  }

  std::vector<std::pair<std::string, uint64_t>> counters() const override {
    return {{"inferred answers", ledger_.inferred()}};
  }

 private:
  static void add(const ModelPlaces& model, const std::string& what, const std::string& rest,
                  std::set<std::string>& filters) {
    std::set<std::string> bases;
    model.add_filters(known_topic(std::string(kMount) + what + "x"), bases);
    for (const auto& filter : bases) filters.insert(filter.substr(0, filter.size() - 1) + rest);
  }

  void take_for(twin::DeviceRef device, std::string_view what, const std::string& payload,
                std::vector<Heard>& heard) {
    auto& document = documents_[device];
    const std::string rid(parameter(what, "$rid"));
    if (what.starts_with("$iothub/twin/GET/")) {
      heard.push_back(HeardTelemetry{device, {}, false});  // it is there
      Json desired = document.desired, reported = document.reported;
      desired["$version"] = document.desired_version;
      reported["$version"] = document.version;
      return say(device, "$iothub/twin/res/200/?$rid=" + rid, {{"desired", desired}, {"reported", reported}});
    }
    if (what.starts_with("$iothub/methods/res/")) return take_result(device, what, rid, heard);
    const auto json = object_of(payload);
    if (!json) {
      heard.push_back(PayloadProblem::malformed);
      if (what.starts_with("$iothub/")) say(device, "$iothub/twin/res/400/?$rid=" + rid, {});
      return;
    }
    if (what.starts_with("$iothub/twin/PATCH/properties/reported/")) {
      if (!TwinDocument::merge(document.reported, *json))
        return say(device, "$iothub/twin/res/413/?$rid=" + rid, {});
      ++document.version;
      say(device, fmt::format("$iothub/twin/res/204/?$rid={}&$version={}", rid, document.version), {});
      return hear(device, plain(device, *json, heard), heard);
    }
    hear(device, *json, heard);  // telemetry: what it has of the model's fields
  }

  /// $iothub/methods/res/STATUS/?$rid=ID: an answer to a command by its id.
  void take_result(twin::DeviceRef device, std::string_view what, const std::string& rid,
                   std::vector<Heard>& heard) {
    int status = 0;
    uint64_t id = 0;
    const auto text = what.substr(std::string_view("$iothub/methods/res/").size());
    const auto read = std::from_chars(text.data(), text.data() + text.size(), status);
    const auto read_id = std::from_chars(rid.data(), rid.data() + rid.size(), id, 16);
    if (read.ec != std::errc() || read_id.ec != std::errc() || read_id.ptr != rid.data() + rid.size())
      return heard.push_back(PayloadProblem::malformed);
    const auto outcome = 200 <= status && status < 300    ? twin::Outcome::accepted
                         : status == 404 || status == 501 ? twin::Outcome::unknown_command
                                                          : twin::Outcome::refused_range;
    heard.push_back(HeardAnswer{device, {id, outcome, {}}});
  }

  /// Writable properties are acknowledged as {value, ac, av, ad}: the value alone is left, and what is
  /// refused is an answer.
  Json plain(twin::DeviceRef device, const Json& reported, std::vector<Heard>& heard) {
    Json out = Json::object();
    for (const auto& [key, value] : reported.items()) {
      if (!value.is_object() || !value.contains("value") || !value.contains("ac") ||
          !value["ac"].is_number_integer()) {
        out[key] = value;
        continue;
      }
      const auto code = value["ac"].get<int64_t>();
      if (code == 202) continue;  // under way: it ends in another one
      out[key] = value["value"];
      const auto asked = asked_version_.find({device, "/" + key});
      const bool newest = asked != asked_version_.end() && value.contains("av") &&
                          value["av"].is_number_integer() &&
                          value["av"].get<int64_t>() == static_cast<int64_t>(asked->second.second);
      if (code >= 400 && newest)
        ledger_.answers(device, twin::Command::Kind::setpoint, asked->second.first,
                        twin::Outcome::refused_range, {}, heard);
    }
    return out;
  }

  void wish(twin::DeviceRef device, const Json& patch) {
    auto& document = documents_[device];
    if (!TwinDocument::merge(document.desired, patch)) return;
    Json said = patch;
    said["$version"] = ++document.desired_version;
    say(device, fmt::format("$iothub/twin/PATCH/properties/desired/?$version={}", document.desired_version),
        said);
  }

  std::map<std::pair<twin::DeviceRef, std::string>, std::pair<uint16_t, uint64_t>> asked_version_;
};

}  // namespace

std::unique_ptr<Convention> make_azure_twin(Speakers speakers) {
  return std::make_unique<AzureTwin>(std::move(speakers));
}

}  // namespace looptwin::hil
