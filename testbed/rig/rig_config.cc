#include "testbed/rig/rig_config.h"

#include "testbed/reading/files.h"
#include "testbed/reading/values.h"

namespace looptwin::testbed {
namespace {

using hil::Mapping;
using hil::TopicTemplate;

Value<std::optional<TopicTemplate>> topic() {
  return {Form::text,
          [](Reader& reader, const yaml::Node& node) -> std::optional<std::optional<TopicTemplate>> {
            const auto* text = scalar(reader, node, "a topic");
            if (text == nullptr) return std::nullopt;
            auto parsed = reader.accept(TopicTemplate::parse(text->span));
            return parsed ? std::optional(std::optional(std::move(*parsed))) : std::nullopt;
          }};
}

/// `{power: /ENERGY/Power}`
Key<Mapping> fields_key() {
  return {
      {.name = "fields", .form = Form::other, .about = "where fields stand, as JSON pointers; else at /NAME"},
      [](Reader& reader, const yaml::Entry& entry, Mapping& out) {
        if (!entry.value.map())
          return reader.error(entry.key_span, "'fields' holds names with JSON pointers",
                              "write fields: {power: /ENERGY/Power}");
        for (const auto& item : entry.value.entries) {
          const auto* pointer = scalar(reader, item.value, "a JSON pointer");
          if (pointer == nullptr) continue;
          if (!pointer->text.starts_with('/'))
            reader.error(pointer->span, "a JSON pointer begins with a slash", "write /ENERGY/Power");
          out.fields.push_back({item.key, pointer->text});
        }
      }};
}

/// `{"cellar/*": simulated}`: later entries win.
Key<RigConfig> bindings_key() {
  static const auto kWord = word<Binding>(
      {{"real", Binding::real}, {"simulated", Binding::simulated}, {"shadow", Binding::shadow}});
  return {{.name = "bindings",
           .form = Form::other,
           .about = "by pattern of device ids: real, simulated or shadow"},
          [](Reader& reader, const yaml::Entry& entry, RigConfig& out) {
            out.bindings.emplace();
            if (!entry.value.map())
              return reader.error(entry.key_span, "'bindings' holds patterns of device ids with a word each",
                                  "write bindings: {\"*\": simulated}");
            for (const auto& item : entry.value.entries)
              if (const auto binding = kWord.read(reader, item.value))
                out.bindings->push_back({item.key, item.key_span, *binding});
          }};
}

/// A value as --set takes it: YAML on one line.
std::string written(const yaml::Node& node) {
  const bool plain = !node.quoted && node.text.find_first_of(",[]{}:#") == std::string::npos;
  if (node.scalar()) return plain ? node.text : yaml::quoted(node.text);
  std::string all;
  for (const auto& entry : node.entries)
    all += (all.empty() ? "" : ", ") + yaml::quoted(entry.key) + ": " + written(entry.value);
  for (const auto& item : node.items) all += (all.empty() ? "" : ", ") + written(item);
  return node.map() ? "{" + all + "}" : "[" + all + "]";
}

/// `{fleet.home.count: 20}`
Key<RigConfig> settings_key() {
  return {
      {.name = "settings", .form = Form::other, .about = "values of the scenario that differ here, as --set"},
      [](Reader& reader, const yaml::Entry& entry, RigConfig& out) {
        if (!entry.value.map())
          return reader.error(entry.key_span, "'settings' holds paths with a value each",
                              "write settings: {fleet.home.count: 20}");
        for (const auto& item : entry.value.entries) out.settings.push_back({item.key, written(item.value)});
      }};
}

const Section<std::vector<ToleranceConfig>>& shadow_section() {
  using T = std::vector<ToleranceConfig>;
  static const Section<T> kSection("'shadow'", "shadow",
                                   {{{.name = "tolerance",
                                      .form = Form::other,
                                      .about = "by field: so far a device may be from its model"},
                                     [](Reader& reader, const yaml::Entry& entry, T& out) {
                                       if (!entry.value.map())
                                         return reader.error(entry.key_span,
                                                             "'tolerance' holds fields with a quantity each",
                                                             "write tolerance: {level: 5 cm}");
                                       for (const auto& item : entry.value.entries)
                                         out.push_back({item.key, item.key_span, item.value});
                                     }}});
  return kSection;
}

const Section<PaceConfig>& pace_section() {
  using T = PaceConfig;
  const auto entry = [](const char* name, std::string T::*member, const char* about) -> Key<T> {
    return {{.name = name, .form = Form::other, .about = about},
            [member](Reader&, const yaml::Entry& entry, T& out) { out.*member = written(entry.value); }};
  };
  static const Section<T> kSection("'pace'", "pace",
                                   {entry("late", &T::late, "an entry of a script, when a boundary was late"),
                                    entry("in_time", &T::in_time, "and when one is in time again")});
  return kSection;
}

struct Presence {
  std::optional<TopicTemplate> topic;
  std::string online = "online", offline = "offline";
};

const Section<Presence>& presence_section() {
  using T = Presence;
  static const Section<T> kSection(
      "presence", "presence",
      {required<T>("topic", topic(), &T::topic, "where devices say that they are there"),
       optional<T>("online", text(), &T::online, "online", "the payload that says so"),
       optional<T>("offline", text(), &T::offline, "offline", "the device's will")});
  return kSection;
}

const Section<Mapping>& mapping_section() {
  using T = Mapping;
  static const Section<T> kSection(
      "a mapping", "devices",
      {required<T>("telemetry", topic(), &T::telemetry,
                   "with {device}; with {field} each payload is one value"),
       fields_key(),
       optional<T>("time", text(), &T::time, "/t", "pointer to the device's time, Unix seconds"),
       optional<T>("sequence", text(), &T::sequence, "/n", "pointer to its message counter"),
       section_into<T>("presence", presence_section(), "how it is known who is there",
                       [](T& out, Presence presence) {
                         out.presence = std::move(presence.topic);
                         out.online = std::move(presence.online);
                         out.offline = std::move(presence.offline);
                       }),
       optional<T>("commands", topic(), &T::commands, "none", "where commands are sent to"),
       optional<T>("acknowledgements", topic(), &T::acknowledgements, "none", "where answers come from")});
  return kSection;
}

const Section<RigConfig>& rig_section() {
  using T = RigConfig;
  const auto in = [](auto hil::MqttOptions::*member) {
    return [member](T & rig) -> auto& { return rig.broker.*member; };
  };
  Key<T> scenario =
      optional<T>("scenario", path(), &T::scenario, ".", "the scenario's folder, from this file");
  Key<T> devices{
      {.name = "devices", .form = Form::named, .about = "mappings by model", .section = &mapping_section()},
      [](Reader& reader, const yaml::Entry& entry, T& out) {
        const SectionInfo owner{"'devices'", {}, {}, {}};
        if (!expect_map(reader, owner, entry.value, entry.key_span)) return;
        for (const auto& item : entry.value.entries) {
          Mapping& mapping = out.devices.emplace_back();
          mapping.model = item.key;
          mapping.span = item.key_span;
          mapping_section().read(reader, item.value, item.key_span, mapping);
        }
      }};
  static const Section<T> kSection(
      "a rig", "rig",
      {required<T>("rig", text(), &T::name, "its name"), scenario,
       optional<T>("broker", text(), in(&hil::MqttOptions::broker), "one of our own",
                   "mqtt://HOST:PORT or mqtts://HOST:PORT"),
       optional<T>("client_id", text(), in(&hil::MqttOptions::client_id), "looptwin-NAME",
                   "unique at the broker"),
       optional<T>("user", text(), in(&hil::MqttOptions::user), "none", "that we are at the broker"),
       optional<T>("password", text(), in(&hil::MqttOptions::password), "none", "of that user"),
       optional<T>("certificates", text(), in(&hil::MqttOptions::certificates), "none",
                   "PEM file of authorities, for mqtts"),
       optional<T>("certificate", text(), in(&hil::MqttOptions::certificate), "none",
                   "PEM file of our own certificate"),
       optional<T>("key", text(), in(&hil::MqttOptions::key), "none", "PEM file of its key"),
       optional<T>("overrun",
                   word<hil::Overrun>({{"catch_up", hil::Overrun::catch_up},
                                       {"skip", hil::Overrun::skip},
                                       {"stretch", hil::Overrun::stretch},
                                       {"abort", hil::Overrun::abort}}),
                   &T::overrun, "catch_up", "what becomes of boundaries that are overdue"),
       optional<T>("tolerance", duration(), &T::tolerance, "10 ms", "so late a boundary is not late"),
       optional<T>("realtime", boolean(), &T::realtime, "false",
                   "whether to ask for SCHED_FIFO and locked memory"),
       section<T>("pace", pace_section(), &T::pace, "what is done where boundaries are late"), devices,
       settings_key(),
       optional<T>("start", word<RigStart>({{"now", RigStart::now}, {"as_written", RigStart::as_written}}),
                   &T::start, "now", "the civil time of the run's start"),
       bindings_key(),
       section_into<T>("shadow", shadow_section(), "of devices that are bound so",
                       [](T& out, std::vector<ToleranceConfig> all) { out.tolerances = std::move(all); })});
  return kSection;
}

}  // namespace

Result<RigConfig> load_rig(const std::filesystem::path& path) {
  std::error_code ignored;
  const auto file = std::filesystem::is_directory(path, ignored) ? path / "rig.yaml" : path;
  Diagnostics problems;
  const auto files = read_files(file, problems);
  if (files.sources.empty()) return tl::make_unexpected(std::move(problems));
  const lang::Units units;
  Reader reader{units, problems, files.complete};
  RigConfig rig;
  rig.scenario = ".";
  rig_section().read(reader, files.root, Span{files.sources.front(), 0, 0}, rig);
  if (has_errors(problems)) return tl::make_unexpected(std::move(problems));
  rig.scenario = (files.folder / rig.scenario).lexically_normal();
  if (rig.broker.client_id.empty()) rig.broker.client_id = "looptwin-" + rig.name;
  return rig;
}

}  // namespace looptwin::testbed
