#include "testbed/rig/rig_config.h"

#include <fmt/format.h>

#include "base/hash.h"
#include "testbed/reading/file_name.h"
#include "testbed/reading/files.h"
#include "testbed/reading/schema.h"
#include "testbed/reading/values.h"
#include "testbed/reading/written.h"
#include "twin/record_rules.h"

namespace looptwin::testbed {
namespace {

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

/// `{"cellar/*": [pump, hot]}`
Key<RigConfig> equipment_key() {
  return {{.name = "equipment",
           .form = Form::other,
           .about = "by pattern of device ids: tags of the inventory, of which any piece will do for each"},
          [](Reader& reader, const yaml::Entry& entry, RigConfig& out) {
            if (!entry.value.map() || entry.value.entries.empty())
              return reader.error(entry.key_span, "'equipment' holds patterns of device ids with tags each",
                                  "write equipment: {\"cellar/*\": [pump, hot]}");
            static const auto kTags = texts();
            for (const auto& item : entry.value.entries) {
              auto tags = kTags.read(reader, item.value);
              if (!tags) continue;
              if (tags->empty())
                reader.error(item.key_span, fmt::format("'{}' has no tags to be chosen by", item.key),
                             "write them, as [pump, hot]; without the pattern its devices go by their ids");
              for (const auto& tag : *tags)
                if (const auto good = twin::check_tag(tag); !good)
                  reader.error(item.value.span, good.error().front().message, good.error().front().hint);
              out.equipment.push_back({item.key, item.key_span, std::move(*tags)});
            }
          }};
}

/// `{fleet.home.count: 20}`
Key<RigConfig> settings_key() {
  return {
      {.name = "settings", .form = Form::other, .about = "values of the scenario that differ here, as --set"},
      [](Reader& reader, const yaml::Entry& entry, RigConfig& out) {
        if (!entry.value.map())
          return reader.error(entry.key_span, "'settings' holds paths with a value each",
                              "write settings: {fleet.home.count: 20}");
        for (const auto& item : entry.value.entries)
          out.settings.push_back({item.key, yaml::written(item.value)});
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

const Section<ReserveConfig>& reserve_section() {
  using T = ReserveConfig;
  static const Section<T> kSection(
      "'reserve'", "reserve",
      {optional<T>("lease", period(), &T::lease, "1 min", "how long devices stay ours when we are killed"),
       optional<T>("wait", duration(), &T::wait, "0 s", "how long devices that others have are waited for"),
       optional<T>("overdue", boolean(), &T::overdue, "false",
                   "whether devices whose calibration is overdue will do")});
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
      {.name = "devices", .form = Form::named, .about = "mappings by model", .section = &device_section()},
      [](Reader& reader, const yaml::Entry& entry, T& out) {
        const SectionInfo owner{"'devices'", {}, {}, {}};
        if (!expect_map(reader, owner, entry.value, entry.key_span)) return;
        for (const auto& item : entry.value.entries) {
          DeviceDraft& draft = out.devices.emplace_back();
          draft.mapping.model = item.key;
          draft.mapping.span = item.key_span;
          device_section().read(reader, item.value, item.key_span, draft);
          check_device(reader, draft);
        }
      }};
  static const Section<T> kSection(
      "a rig", "rig",
      {with_span(required<T>("rig", text(), &T::name, "its name"), &T::name_span),
       scenario,
       optional<T>("broker", text(), in(&hil::MqttOptions::broker), "one of our own",
                   "mqtt://HOST:PORT or mqtts://HOST:PORT"),
       optional<T>("client_id", text(), in(&hil::MqttOptions::client_id), "looptwin-NAME",
                   "unique at the broker"),
       optional<T>("version",
                   word<hil::MqttVersion>({{"5", hil::MqttVersion::v5}, {"3.1.1", hil::MqttVersion::v3_1_1}}),
                   in(&hil::MqttOptions::version), "5", "of MQTT: 5 or 3.1.1"),
       optional<T>("registry", path(), &T::registry, "the scenario's",
                   "whose devices may connect to a broker of our own"),
       optional<T>("view", path(), &T::view, "none",
                   "the file that our plugin at a broker of yours reads: written, and kept current"),
       with_span(optional<T>("inventory", path(), &T::inventory, "none",
                             "which equipment the devices are, and who may use it"),
                 &T::inventory_span),
       section<T>("reserve", reserve_section(), &T::reserve, "how they are reserved there"),
       equipment_key(),
       optional<T>("most_messages", whole_number(1, 1'000'000), &T::most_messages, "1000",
                   "of one device in a second, at a broker of our own or one that reads the view"),
       optional<T>("ingest_connections", whole_number(0, 64), &T::ingest_connections, "0",
                   "further ones, over which comes what devices say"),
       optional<T>("user", text(), in(&hil::MqttOptions::user), "none", "that we are at the broker"),
       optional<T>("password", text(), in(&hil::MqttOptions::password), "none", "of that user"),
       optional<T>("certificates", path(), in(&hil::MqttOptions::certificates), "none",
                   "PEM file of authorities, for mqtts"),
       optional<T>("certificate", path(), in(&hil::MqttOptions::certificate), "none",
                   "PEM file of our own certificate"),
       optional<T>("key", path(), in(&hil::MqttOptions::key), "none", "PEM file of its key"),
       optional<T>("overrun",
                   word<hil::Overrun>({{"catch_up", hil::Overrun::catch_up},
                                       {"skip", hil::Overrun::skip},
                                       {"stretch", hil::Overrun::stretch},
                                       {"abort", hil::Overrun::abort}}),
                   &T::overrun, "catch_up", "what becomes of boundaries that are overdue"),
       optional<T>("tolerance", duration(), &T::tolerance, "10 ms", "so late a boundary is not late"),
       section<T>("sparkplug", sparkplug_section(), &T::sparkplug, "the host that edge nodes find"),
       optional<T>("realtime", boolean(), &T::realtime, "false",
                   "whether to ask for SCHED_FIFO and locked memory"),
       devices,
       settings_key(),
       optional<T>("start", word<RigStart>({{"now", RigStart::now}, {"as_written", RigStart::as_written}}),
                   &T::start, "now", "the civil time of the run's start"),
       bindings_key(),
       with_span(optional<T>("own_connections", boolean(), &T::own_connections, "false",
                             "whether each simulated device has a connection of its own"),
                 &T::own_connections_span),
       with_span(optional<T>("secrets", path(), &T::secrets, "none",
                             "CSV of id,secret: what simulated devices connect with"),
                 &T::secrets_span),
       section_into<T>("shadow", shadow_section(), "of devices that are bound so",
                       [](T& out, std::vector<ToleranceConfig> all) { out.tolerances = std::move(all); }),
       section<T>("safety", safety_section(), &T::safety, "what may be sent, and what makes it safe"),
       list<T>("forces", force_section(), &T::forces, "forces and faults on its signals"),
       optional<T>("recording", boolean(), &T::recording, "false", "all packets are kept in the run folder"),
       optional<T>("durable", boolean(), &T::durable, "false",
                   "whether decisions wait for the disk before they are sent")});
  return kSection;
}

/// What would have no effect.
void check_connections(Reader& reader, const RigConfig& rig) {
  if (rig.own_connections && !rig.bindings)
    reader.error(rig.own_connections_span, "no device is simulated that could have a connection of its own",
                 "write bindings: {\"*\": simulated}, or leave own_connections out");
  if (!rig.secrets.empty() && !rig.own_connections)
    reader.error(rig.secrets_span, "secrets are what simulated devices connect with, and none does",
                 "write own_connections: true, or leave secrets out");
  if (rig.has("shadow") && !rig.bindings)
    reader.error(rig.written.at("shadow"), "no device is beside its model, from which it could be apart",
                 "write bindings: {\"*\": shadow}, or leave shadow out");
}

void check_name(Reader& reader, const RigConfig& rig) {
  if (!is_file_name(rig.name))
    reader.error(rig.name_span, fmt::format("'{}' is no name of a rig", rig.name),
                 "write up to 64 letters, digits, '.', '_' and '-', beginning with a letter, a digit or _: "
                 "runs, sockets "
                 "and clients of brokers bear it");
}

/// Files are written from where rig.yaml is.
void from_where_we_are(RigConfig& rig, const std::filesystem::path& folder) {
  rig.scenario = (folder / rig.scenario).lexically_normal();
  for (auto* file : {&rig.registry, &rig.view, &rig.inventory, &rig.secrets})
    if (!file->empty()) *file = (folder / *file).lexically_normal();
  for (auto* file : {&rig.broker.certificates, &rig.broker.certificate, &rig.broker.key})
    if (!file->empty()) *file = (folder / *file).lexically_normal().string();
}

}  // namespace

std::string rig_schema() { return json_schema(rig_section(), "looptwin rig"); }

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
  for (const auto& entry : files.root.entries)
    rig.written.emplace(entry.key, entry.value.map() ? entry.key_span : entry.value.span);
  rig_section().read(reader, files.root, Span{files.sources.front(), 0, 0}, rig);
  if (rig.inventory.empty() && rig.reserve.span.source)
    reader.error(rig.reserve.span, "devices are reserved in an inventory, and none is named",
                 "write inventory: FILE");
  check_name(reader, rig);
  if (rig.inventory.empty() && !rig.equipment.empty())
    reader.error(rig.equipment.front().span, "equipment is chosen from an inventory, and none is named",
                 "write inventory: FILE");
  check_connections(reader, rig);
  if (has_errors(problems)) return tl::make_unexpected(std::move(problems));
  from_where_we_are(rig, files.folder);
  rig.key =
      fmt::format("{}-{:08x}", rig.name,
                  static_cast<uint32_t>(hash64(std::filesystem::weakly_canonical(file, ignored).string())));
  if (rig.broker.client_id.empty()) rig.broker.client_id = "looptwin-" + rig.name;
  if (rig.sparkplug.host.empty()) rig.sparkplug.host = "looptwin-" + rig.name;
  return rig;
}

}  // namespace looptwin::testbed
