#include "hil/broker_view.h"

#include <fmt/format.h>

#include <charconv>
#include <span>

namespace looptwin::hil {
namespace {

constexpr std::string_view kFirstLine = "looptwin broker view 1";
constexpr std::string_view kNothing = "-";

std::string hexadecimal(const twin::RegistryKey& key) {
  std::string text;
  for (const uint8_t byte : key) text += fmt::format("{:02x}", byte);
  return text;
}

template <typename T>
bool number(std::string_view text, T& out, int base = 10) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out, base);
  return error == std::errc() && end == text.data() + text.size();
}

std::vector<std::string_view> split(std::string_view line) {
  std::vector<std::string_view> words;
  for (size_t at = 0;;) {
    const size_t tab = line.find('\t', at);
    words.push_back(line.substr(at, tab - at));
    if (tab == std::string_view::npos) return words;
    at = tab + 1;
  }
}

/// Reads line by line: a word that says what stands in it, and its values, with tabs between.
class ViewReader {
 public:
  explicit ViewReader(const SourcePtr& source) : source_(source) {}

  Result<BrokerView> read() {
    const std::string_view text = source_->text;
    bool first = true;
    for (size_t at = 0; at < text.size();) {
      const size_t end = std::min(text.find('\n', at), text.size());
      span_ = {source_, static_cast<uint32_t>(at), static_cast<uint32_t>(end)};
      const auto line = text.substr(at, end - at);
      if (ended_ || (first ? line != kFirstLine : !take(split(line))))
        return failure(span_, "this is no line of a broker's view", "it is looptwin that writes them");
      first = false;
      at = end + 1;
    }
    if (!ended_) return failure(source_->name + " is cut off", "it is looptwin that writes it");
    return std::move(view_);
  }

 private:
  bool take(std::span<const std::string_view> words) {
    const auto kind = words[0];
    if (kind == "limit") return words.size() == 2 && number(words[1], view_.most_messages);
    if (kind == "key") return words.size() == 2 && take_key(words[1]);
    if (kind == "host" && words.size() == 3 && !view_.keys.empty())
      return view_.hosts.push_back({std::string(words[1]), std::string(words[2])}), true;
    if (kind == "model" && words.size() == 2)
      return view_.models.push_back({std::string(words[1]), {}, {}}), true;
    if ((kind == "says" || kind == "hears") && words.size() == 2) return take_topic(kind, words[1]);
    if (kind == "device" && words.size() == 5) return take_device(words);
    size_t devices = 0;
    ended_ =
        kind == "end" && words.size() == 2 && number(words[1], devices) && devices == view_.devices.size();
    return ended_;
  }

  bool take_key(std::string_view text) {
    twin::RegistryKey key{};
    if (text.size() != 2 * key.size()) return false;
    for (size_t i = 0; i < key.size(); ++i)
      if (!number(text.substr(2 * i, 2), key[i], 16)) return false;
    return view_.keys.push_back(key), true;
  }

  bool take_topic(std::string_view kind, std::string_view text) {
    const auto end = span_.end;
    auto parsed = TopicTemplate::parse({source_, static_cast<uint32_t>(end - text.size()), end});
    if (!parsed || view_.models.empty()) return false;
    auto& model = view_.models.back();
    return (kind == "says" ? model.says : model.hears).push_back(std::move(*parsed)), true;
  }

  /// device MODEL STATE HASH ID
  bool take_device(std::span<const std::string_view> words) {
    auto& device = view_.devices.emplace_back();
    const auto state = twin::device_state(words[2]);
    if (!number(words[1], device.model) || device.model >= view_.models.size() || !state ||
        view_.keys.empty() || words[4].empty())
      return false;
    device.state = *state;
    device.key = static_cast<uint32_t>(view_.keys.size() - 1);
    if (words[3] != kNothing) device.hash = words[3];
    device.id = words[4];
    return true;
  }

  const SourcePtr source_;
  BrokerView view_;
  Span span_;
  bool ended_ = false;
};

}  // namespace

Result<BrokerView::Model> topics_of(const Mapping& mapping) {
  if ((mapping.convention != "plain" && mapping.convention != "topics") || !mapping.names.empty() ||
      !mapping.gateway.empty())
    return failure(
        mapping.span,
        fmt::format("a broker cannot be told which topics are a {}'s own: they do not go by its id",
                    mapping.model),
        "leave the registry out, or name a broker that knows by itself who may say what");
  BrokerView::Model model{mapping.model, {}, {}};
  const auto add = [](std::vector<TopicTemplate>& all, const std::optional<TopicTemplate>& topic) {
    if (topic) all.push_back(*topic);
  };
  for (const auto* says : {&mapping.telemetry, &mapping.presence, &mapping.acknowledgements})
    add(model.says, *says);
  for (const auto* hears : {&mapping.commands, &mapping.ask}) add(model.hears, *hears);
  if (const auto& identity = mapping.identity) {
    for (const auto* place : {&identity->serial, &identity->firmware})
      if (*place) add(model.says, (*place)->topic);
    add(model.hears, identity->ask);
  }
  if (mapping.convention == "plain") add(model.hears, mapping.confirmations);
  for (const auto& field : mapping.fields) add(model.says, field.topic);
  for (const auto* told : {&mapping.setpoints, &mapping.orders})
    for (const auto& place : *told) {
      add(model.hears, place.topic);
      for (const auto& shown : place.shows) add(model.says, shown.topic);
    }
  return model;
}

std::string to_text(const BrokerView& view) {
  std::string text = fmt::format("{}\nlimit\t{}\n", kFirstLine, view.most_messages);
  for (const auto& model : view.models) {
    text += fmt::format("model\t{}\n", model.name);
    for (const auto& topic : model.says)
      text += fmt::format("says\t{}\n", topic.topic("{device}", "{field}"));
    for (const auto& topic : model.hears)
      text += fmt::format("hears\t{}\n", topic.topic("{device}", "{field}"));
  }
  for (size_t k = 0; k < view.keys.size(); ++k) {
    text += fmt::format("key\t{}\n", hexadecimal(view.keys[k]));
    if (k == 0)
      for (const auto& host : view.hosts) text += fmt::format("host\t{}\t{}\n", host.name, host.hash);
    for (const auto& device : view.devices)
      if (device.key == k)
        text += fmt::format("device\t{}\t{}\t{}\t{}\n", device.model, twin::name_of(device.state),
                            device.hash.empty() ? kNothing : device.hash, device.id);
  }
  return text + fmt::format("end\t{}\n", view.devices.size());
}

Result<BrokerView> parse_view(const SourcePtr& source) { return ViewReader(source).read(); }

}  // namespace looptwin::hil
