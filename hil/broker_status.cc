#include "hil/broker_status.h"

#include <fmt/format.h>

#include <charconv>
#include <numeric>

#include "base/json_tree.h"

namespace looptwin::hil {
namespace {

constexpr std::string_view kPresence = "$looptwin/presence/";
constexpr std::string_view kViolationsTopic = "$looptwin/violations";
constexpr std::string_view kDropped = "$SYS/broker/publish/messages/dropped";
constexpr std::string_view kVersion = "$SYS/broker/version";
constexpr size_t kLongestVersion = 100;

std::string text_of(const Json& json, const char* key) {
  const auto found = json.find(key);
  return found != json.end() && found->is_string() ? found->get<std::string>() : std::string();
}

}  // namespace

std::vector<std::string> BrokerStatus::filters() {
  return {"$looptwin/#", std::string(kDropped), std::string(kVersion)};
}

std::optional<BrokerStatus::Session> BrokerStatus::take(const MqttMessage& message, Time at,
                                                        const IncidentSink& sink) {
  const std::string_view topic = message.topic;
  if (topic == kVersion) {
    version_ = message.payload.substr(0, kLongestVersion);
    return std::nullopt;
  }
  if (topic == kDropped) {
    uint64_t dropped = 0;
    const auto* end = message.payload.data() + message.payload.size();
    if (std::from_chars(message.payload.data(), end, dropped).ec != std::errc()) return std::nullopt;
    const uint64_t before = told_ && *told_ <= dropped ? *told_ : told_ ? 0 : dropped;
    told_ = dropped;
    if (dropped == before) return std::nullopt;
    dropped_ += dropped - before;
    if (sink) sink({at, "broker_dropped", "", "the broker had no room for them", dropped - before});
    return std::nullopt;
  }
  const auto json = load_json<Json>(message.payload);
  if (!json.is_object()) return std::nullopt;
  if (topic.starts_with(kPresence)) {
    const auto online = json.find("online");
    if (online == json.end() || !online->is_boolean()) return std::nullopt;
    return Session{std::string(topic.substr(kPresence.size())), online->get<bool>()};
  }
  const auto kind = violation(text_of(json, "kind"));
  const auto count = json.find("count");
  if (topic != kViolationsTopic || !kind || count == json.end() || !count->is_number_unsigned())
    return std::nullopt;
  violations_[static_cast<size_t>(*kind)] += count->get<uint64_t>();
  if (sink) {
    auto detail = text_of(json, "topic");
    if (const auto address = text_of(json, "address"); !address.empty())
      detail += (detail.empty() ? "from " : " from ") + address;
    if (const auto client = text_of(json, "client"); client != text_of(json, "device"))
      detail += fmt::format("{}as client '{}'", detail.empty() ? "" : " ", client);
    sink({at, std::string(name_of(*kind)), text_of(json, "device"), detail, count->get<uint64_t>()});
  }
  return std::nullopt;
}

uint64_t BrokerStatus::violations() const {
  return std::accumulate(violations_.begin(), violations_.end(), uint64_t{0});
}

std::string BrokerStatus::violations_text() const {
  std::string text;
  for (size_t k = 0; k < kViolations; ++k)
    if (violations_[k] != 0)
      text += fmt::format("{}{} {}", text.empty() ? "" : ", ", name_of(static_cast<Violation>(k)),
                          violations_[k]);
  return text;
}

}  // namespace looptwin::hil
