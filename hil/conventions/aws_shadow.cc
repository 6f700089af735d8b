#include <algorithm>

#include "hil/conventions/cloud_twins.h"
#include "hil/conventions/twin_document.h"

namespace looptwin::hil {
namespace {

const char* const kBase = "$aws/things/{device}/shadow/";

class AwsShadow final : public Convention, DocumentReader {
 public:
  explicit AwsShadow(Speakers speakers)
      : DocumentReader(std::move(speakers), std::string(kBase) + "update"),
        get_(known_topic(std::string(kBase) + "get")),
        delete_(known_topic(std::string(kBase) + "delete")) {}

  const char* name() const override { return "aws-shadow"; }

  std::vector<std::string> filters() const override {
    std::set<std::string> filters;
    for (const auto& model : models_) {
      for (const auto* topic : {&topic_, &get_, &delete_}) model.add_filters(*topic, filters);
      add_presence(model, filters);
    }
    return {filters.begin(), filters.end()};
  }

  bool take(const MqttMessage& message, Time at, std::vector<Heard>& heard) override {
    for (const auto& model : models_) {
      if (hear_presence(model, message, heard)) return true;
      if (const auto device = model.device(topic_, message.topic))
        return update(*device, message, at, heard), true;
      if (const auto device = model.device(get_, message.topic))
        return get(*device, message, at, heard), true;
      if (const auto device = model.device(delete_, message.topic)) {
        auto& document = documents_[*device];
        document = {.version = document.version};
        answer(*device, "delete/accepted", {{"version", document.version}}, message.payload, at);
        return true;
      }
    }
    return false;
  }

  bool tell(const twin::Command& command, std::vector<Outgoing>& out) override {
    if (place(command) == nullptr) return false;
    if (const auto patch = desire(command)) wish(command.device, *patch, now_);
    flush(out);
    return true;
  }

  /// As the delta that it would be.
  bool write(const twin::Command& command, std::vector<Outgoing>& out) const override {
    const auto patch = patch_of(command);
    if (!patch) return false;
    const auto document = documents_.find(command.device);
    const Json delta = {{"state", *patch},
                        {"version", (document != documents_.end() ? document->second.version : 0) + 1}};
    out.push_back({base(command.device) + "update/delta", dump_json(delta)});
    return true;
  }

  void step(Time now, std::vector<Heard>& heard, std::vector<Outgoing>& out) override {
    now_ = std::max(now_, now);
    // A device that comes back later must not find a wish whose time is over.
    for (const auto& [device, undo] : expired(now)) wish(device, undo, now);
    flush(out);
    ledger_.step(now, heard);
  }

  std::vector<std::pair<std::string, uint64_t>> counters() const override {
    return {{"inferred answers", ledger_.inferred()}, {"updates refused", refused_}};
  }

 private:
  /// An answer bears the token of what it answers.
  void answer(twin::DeviceRef device, const std::string& what, Json json, const std::string& question,
              Time at) {
    json["timestamp"] = static_cast<int64_t>(unix_seconds(at));
    const auto asked = object_of(question);
    if (asked && asked->contains("clientToken") && (*asked)["clientToken"].is_string())
      json["clientToken"] = (*asked)["clientToken"];
    say(device, what, json);
  }

  void refuse(twin::DeviceRef device, const char* of, int code, const char* why, const MqttMessage& message,
              Time at) {
    ++refused_;
    answer(device, std::string(of) + "/rejected", {{"code", code}, {"message", why}}, message.payload, at);
  }

  void update(twin::DeviceRef device, const MqttMessage& message, Time at, std::vector<Heard>& heard) {
    now_ = std::max(now_, at);
    const auto json = object_of(message.payload);
    if (!json || !json->contains("state") || !(*json)["state"].is_object()) {
      heard.push_back(PayloadProblem::malformed);
      return refuse(device, "update", 400, "Missing required node: state", message, at);
    }
    const auto& state = (*json)["state"];
    const auto part = [&](const char* name) {
      const auto found = state.find(name);
      return found != state.end() && found->is_object() ? *found : Json();
    };
    const Json reported = part("reported"), desired = part("desired");
    auto& document = documents_[device];
    const auto version = json->find("version");
    if (version != json->end() && version->is_number_integer() &&
        version->get<int64_t>() != static_cast<int64_t>(document.version))
      return refuse(device, "update", 409, "Version conflict", message, at);
    TwinDocument next = document;
    if ((!reported.is_null() && !TwinDocument::merge(next.reported, reported)) ||
        (!desired.is_null() && !TwinDocument::merge(next.desired, desired)))
      return refuse(device, "update", 413, "The payload exceeds the maximum size allowed", message, at);
    ++next.version;
    const auto previous = std::exchange(document, std::move(next));
    answer(device, "update/accepted", {{"state", state}, {"version", document.version}}, message.payload, at);
    tell_difference(device, previous, at);
    if (!reported.is_null()) hear(device, reported, heard);
  }

  void get(twin::DeviceRef device, const MqttMessage& message, Time at, std::vector<Heard>& heard) {
    heard.push_back(HeardTelemetry{device, {}, false});  // it is there
    const auto& document = documents_[device];
    if (document.version == 0) return refuse(device, "get", 404, "No shadow exists", message, at);
    Json state = {{"desired", document.desired}, {"reported", document.reported}};
    if (auto delta = TwinDocument::difference(document.desired, document.reported); !delta.is_null())
      state["delta"] = std::move(delta);
    answer(device, "get/accepted", {{"state", state}, {"version", document.version}}, message.payload, at);
  }

  void wish(twin::DeviceRef device, const Json& patch, Time at) {
    auto& document = documents_[device];
    const auto previous = document;
    if (!TwinDocument::merge(document.desired, patch)) return;
    ++document.version;
    tell_difference(device, previous, at);
  }

  /// Only what differs, and only when that is anything.
  void tell_difference(twin::DeviceRef device, const TwinDocument& previous, Time at) {
    const auto& document = documents_[device];
    const auto whole = [](const TwinDocument& d) {
      return Json{{"state", {{"desired", d.desired}, {"reported", d.reported}}}, {"version", d.version}};
    };
    const auto timestamp = static_cast<int64_t>(unix_seconds(at));
    say(device, "update/documents",
        {{"previous", whole(previous)}, {"current", whole(document)}, {"timestamp", timestamp}});
    if (const auto delta = TwinDocument::difference(document.desired, document.reported); !delta.is_null())
      say(device, "update/delta",
          {{"state", delta}, {"version", document.version}, {"timestamp", timestamp}});
  }

  const TopicTemplate get_, delete_;
  Time now_ = kStart;
  uint64_t refused_ = 0;
};

}  // namespace

std::unique_ptr<Convention> make_aws_shadow(Speakers speakers) {
  return std::make_unique<AwsShadow>(std::move(speakers));
}

}  // namespace looptwin::hil
