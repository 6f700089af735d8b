#include "testbed/rig/mapping_sections.h"

#include <fmt/format.h>

#include "base/text.h"
#include "hil/conventions/convention.h"
#include "hil/conventions/homie.h"
#include "testbed/reading/values.h"

namespace looptwin::testbed {
namespace {

using hil::Mapping;
using hil::Place;
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

Value<std::optional<lang::Unit>> wire_unit() {
  return {Form::unit, [](Reader& reader, const yaml::Node& node) -> std::optional<std::optional<lang::Unit>> {
            auto read = unit().read(reader, node);
            return read ? std::optional(std::optional(std::move(*read))) : std::nullopt;
          }};
}

/// `{ON: true, OFF: false}`
Key<Place> words_key() {
  return {{.name = "words",
           .form = Form::other,
           .about = "words of the wire for the model's, or for true and false"},
          [](Reader& reader, const yaml::Entry& entry, Place& out) {
            if (!entry.value.map())
              return reader.error(entry.key_span, "'words' holds words of the wire with the model's",
                                  "write words: {\"ON\": true, \"OFF\": false}");
            for (const auto& item : entry.value.entries)
              if (const auto* word = scalar(reader, item.value, "a word"))
                out.words.emplace_back(item.key, word->text);
          }};
}

void read_places(Reader& reader, const yaml::Entry& entry, std::vector<Place>& out);

/// One place or several, for one name.
void read_place(Reader& reader, const yaml::Node& node, const std::string& name, const Span& where,
                std::vector<Place>& out);

Key<Place> shows_key() {
  return {{.name = "shows", .form = Form::other, .about = "places where devices show what it has become"},
          [](Reader& reader, const yaml::Entry& entry, Place& out) {
            read_place(reader, entry.value, out.name, entry.key_span, out.shows);
          }};
}

const Section<Place>& place_section() {
  using T = Place;
  static const Section<T> kSection(
      "a place", "places",
      {optional<T>("topic", topic(), &T::topic, "the mapping's", "of its own, with {device}"),
       optional<T>("at", text(), &T::at, "the whole payload",
                   "a JSON pointer (RFC 6901); with Sparkplug a metric, with Homie NODE/PROPERTY"),
       optional<T>("unit", wire_unit(), &T::unit, "the model's", "of the number on the wire"), words_key(),
       optional<T>("payload", text(), &T::payload, "{value}", "what is sent, with {value} in it"),
       shows_key()});
  return kSection;
}

void read_place(Reader& reader, const yaml::Node& node, const std::string& name, const Span& where,
                std::vector<Place>& out) {
  if (node.list()) {
    for (const auto& item : node.items) read_place(reader, item, name, item.span, out);
    return;
  }
  Place place;
  place.name = name;
  place.span = where;
  if (node.scalar()) {
    place.span = node.span;
    place.at = node.text;
  } else {
    place_section().read(reader, node, where, place);
  }
  out.push_back(std::move(place));
}

void read_places(Reader& reader, const yaml::Entry& entry, std::vector<Place>& out) {
  if (!entry.value.map())
    return reader.error(entry.key_span, fmt::format("'{}' holds names with places", entry.key),
                        fmt::format("write {}: {{power: /ENERGY/Power}}", entry.key));
  for (const auto& item : entry.value.entries) read_place(reader, item.value, item.key, item.key_span, out);
}

Key<DeviceDraft> places_key(std::string name, std::vector<Place> Mapping::*member, std::string about) {
  return {{.name = std::move(name), .form = Form::other, .about = std::move(about)},
          [member](Reader& reader, const yaml::Entry& entry, DeviceDraft& out) {
            read_places(reader, entry, out.mapping.*member);
          }};
}

/// A topic, as devices take them that are told by id; or a place for each command.
Key<DeviceDraft> commands_key() {
  return {{.name = "commands",
           .form = Form::other,
           .about = "the topic that commands are sent to; or a place for each"},
          [](Reader& reader, const yaml::Entry& entry, DeviceDraft& out) {
            if (entry.value.map()) return read_places(reader, entry, out.mapping.orders);
            if (auto read = topic().read(reader, entry.value)) out.mapping.commands = std::move(*read);
          }};
}

Key<DeviceDraft> names_key() {
  return {{.name = "names",
           .form = Form::other,
           .about = "what devices call themselves, by registry id; else their id"},
          [](Reader& reader, const yaml::Entry& entry, DeviceDraft& out) {
            if (!entry.value.map())
              return reader.error(entry.key_span, "'names' holds ids with what the devices call themselves",
                                  "write names: {hall/plug-1: tasmota_7F32}");
            for (const auto& item : entry.value.entries)
              if (const auto* text = scalar(reader, item.value, "a name"))
                out.mapping.names.emplace_back(item.key, text->text);
          }};
}

struct Presence {
  std::optional<TopicTemplate> topic, ask;
  std::string online = "online", offline = "offline", at, gateway, ask_payload;
};

const Section<Presence>& presence_section() {
  using T = Presence;
  static const Section<T> kSection(
      "presence", "presence",
      {required<T>("topic", topic(), &T::topic, "where devices say that they are there"),
       optional<T>("online", text(), &T::online, "online", "the payload that says so"),
       optional<T>("offline", text(), &T::offline, "offline", "the device's will"),
       optional<T>("at", text(), &T::at, "the whole payload", "a JSON pointer to that word"),
       optional<T>("gateway", text(), &T::gateway, "none",
                   "a topic with the same words: behind it devices are there only while it is"),
       optional<T>(
           "ask", topic(), &T::ask, "none",
           "a topic that makes a device answer, when all that is known is that the broker kept `online`"),
       optional<T>("ask_payload", text(), &T::ask_payload, "empty", "what is sent there")});
  return kSection;
}

/// `serial: /serial` or `serial: {topic: "shed/{device}/info", at: /sn}`
Key<hil::IdentityPlaces> identity_place(std::string name, std::optional<Place> hil::IdentityPlaces::*member,
                                        std::string about) {
  return {{.name = name, .form = Form::other, .about = std::move(about), .fallback = "none"},
          [name, member](Reader& reader, const yaml::Entry& entry, hil::IdentityPlaces& out) {
            std::vector<Place> places;
            read_place(reader, entry.value, name, entry.key_span, places);
            if (entry.value.list())
              reader.error(entry.key_span, "an identity stands at one place", "write serial: /serial");
            else if (!places.empty())
              out.*member = std::move(places.front());
          }};
}

const Section<hil::IdentityPlaces>& identity_section() {
  using T = hil::IdentityPlaces;
  static const Section<T> kSection(
      "an identity", "identity",
      {identity_place("serial", &T::serial, "the place of the serial number"),
       identity_place("firmware", &T::firmware, "the place of the firmware's version"),
       optional<T>("ask", topic(), &T::ask, "none", "a topic that makes a device say both"),
       optional<T>("ask_payload", text(), &T::ask_payload, "empty", "what is sent there")});
  return kSection;
}

void check_identity(Reader& reader, const Mapping& mapping) {
  const auto& places = *mapping.identity;
  const bool sparkplug = mapping.convention == "sparkplug";
  if (sparkplug && places.ask)
    reader.error(mapping.span, "births of Sparkplug say who is born: nobody is asked", "leave out ask");
  for (const auto* place : {&places.serial, &places.firmware}) {
    if (!*place) continue;
    const auto& one = **place;
    if (one.unit || !one.words.empty() || !one.payload.empty() || !one.shows.empty())
      reader.error(one.span, "the place of an identity has a topic and `at`", "leave out the others");
    if (sparkplug && (one.topic || one.at.empty()))
      reader.error(one.span, "with Sparkplug an identity is a metric of the birth",
                   "write serial: Properties/Serial");
    else if (!sparkplug && !one.topic && !mapping.telemetry)
      reader.error(one.span, "the place of an identity needs its topic",
                   "write {topic: \"shed/{device}/info\", at: /serial}");
    else if (!sparkplug && !one.at.empty() && !one.at.starts_with('/'))
      reader.error(one.span, "a JSON pointer begins with a slash", "write /serial");
  }
}

Key<DeviceDraft> periods_key() {
  using T = DeviceDraft::Period;
  static const Section<T> kSection("a period", "periods",
                                   {{{.name = "every",
                                      .form = Form::period,
                                      .about = "how often the devices report it",
                                      .fallback = "the model's"},
                                     [](Reader& reader, const yaml::Entry& entry, T& out) {
                                       if (auto read = period().read(reader, entry.value)) out.every = *read;
                                     }},
                                    {{.name = "stale_after",
                                      .form = Form::period,
                                      .about = "so long a value holds",
                                      .fallback = "the model's, or three periods"},
                                     [](Reader& reader, const yaml::Entry& entry, T& out) {
                                       if (auto read = period().read(reader, entry.value))
                                         out.stale_after = *read;
                                     }}});
  return {{.name = "periods",
           .form = Form::named,
           .about = "fields that these devices report at other periods",
           .section = &kSection},
          [](Reader& reader, const yaml::Entry& entry, DeviceDraft& out) {
            const SectionInfo owner{"'periods'", {}, {}, {}};
            if (!expect_map(reader, owner, entry.value, entry.key_span)) return;
            for (const auto& item : entry.value.entries) {
              auto& one = out.periods.emplace_back();
              one.field = item.key;
              one.span = item.key_span;
              kSection.read(reader, item.value, item.key_span, one);
            }
          }};
}

}  // namespace

const Section<DeviceDraft>& device_section() {
  using T = DeviceDraft;
  const auto in = [](auto Mapping::*member) {
    return [member](T & draft) -> auto& { return draft.mapping.*member; };
  };
  static const Section<T> kSection(
      "a mapping", "devices",
      {with_span(
           optional<T>("mapping", text(), &T::ready, "none", "a ready mapping that this one begins with"),
           &T::ready_span),
       optional<T>("convention", text(), in(&Mapping::convention), "plain", "what the devices speak"),
       optional<T>("telemetry", topic(), in(&Mapping::telemetry), "none",
                   "with {device}; with {field} each payload is one value"),
       places_key("fields", &Mapping::fields, "where fields stand; else at /NAME"),
       places_key("setpoints", &Mapping::setpoints, "where setpoints stand"), commands_key(),
       optional<T>("acknowledgements", topic(), in(&Mapping::acknowledgements), "none",
                   "where answers come from"),
       optional<T>("confirmations", topic(), in(&Mapping::confirmations), "none",
                   "where devices that keep their messages hear which have arrived"),
       optional<T>("time", text(), in(&Mapping::time), "/t", "pointer to the device's time, Unix seconds"),
       optional<T>("sequence", text(), in(&Mapping::sequence), "/n", "pointer to its message counter"),
       optional<T>("kept", text(), in(&Mapping::kept), "/kept",
                   "pointer to the lowest number that the device still keeps"),
       section_into<T>("presence", presence_section(), "how it is known who is there",
                       [](T& out, Presence presence) {
                         auto& mapping = out.mapping;
                         mapping.presence = std::move(presence.topic);
                         mapping.online = std::move(presence.online);
                         mapping.offline = std::move(presence.offline);
                         mapping.presence_at = std::move(presence.at);
                         mapping.gateway = std::move(presence.gateway);
                         mapping.ask = std::move(presence.ask);
                         mapping.ask_payload = std::move(presence.ask_payload);
                       }),
       section<T>("identity", identity_section(), in(&Mapping::identity),
                  "where devices say which ones they are"),
       optional<T>("trust_kept", boolean(), in(&Mapping::trust_kept), "false",
                   "whether an `online` that the broker kept is believed"),
       names_key(),
       optional<T>("group", text(), in(&Mapping::group), "ids begin with it", "Sparkplug's group"),
       periods_key()});
  return kSection;
}

const Section<hil::SparkplugOptions>& sparkplug_section() {
  using T = hil::SparkplugOptions;
  static const Section<T> kSection(
      "sparkplug", "sparkplug",
      {optional<T>("host", text(), &T::host, "looptwin-NAME",
                   "the host application's id, which edge nodes may wait for"),
       optional<T>("namespace", text(), &T::space, "spBv1.0", "what topics begin with"),
       optional<T>("reorder", period(), &T::reorder, "2 s", "so long a message that is missing may be late"),
       optional<T>("rebirth", period(), &T::rebirth, "10 s",
                   "a node is asked for a rebirth not more often")});
  return kSection;
}

void check_device(Reader& reader, const DeviceDraft& draft) {
  const auto& mapping = draft.mapping;
  const auto conventions = hil::convention_names();
  if (std::find(conventions.begin(), conventions.end(), mapping.convention) == conventions.end())
    return reader.error(mapping.span, fmt::format("'{}' is no convention", mapping.convention),
                        "conventions: " + joined(conventions));
  if (mapping.confirmations &&
      (mapping.convention != "plain" || (mapping.telemetry && mapping.telemetry->has_field())))
    reader.error(mapping.span, "only JSON at one topic bears numbers that could be confirmed",
                 "leave confirmations out");
  // What begins with a ready mapping has its topics from there.
  const bool plain = mapping.convention == "plain" && draft.ready.empty();
  if (plain && !mapping.telemetry)
    reader.error(mapping.span, "a mapping needs the topic of its telemetry",
                 "write telemetry: plant/{device}/telemetry");
  for (const auto& place : mapping.setpoints)
    if (!place.payload.empty() && place.payload.find("{value}") == std::string::npos)
      reader.error(place.span, fmt::format("'{}' says nothing of the value", place.payload),
                   "write {value} where it belongs");
  if (mapping.convention == "homie")
    for (const auto* places : {&mapping.fields, &mapping.setpoints, &mapping.orders})
      for (const auto& place : *places)
        if (!place.at.empty() && !hil::is_homie_place(place.at))
          reader.error(place.span, "a place of Homie is a node and a property", "write NODE/PROPERTY");
  if (mapping.identity) check_identity(reader, mapping);
  if (!plain) return;
  const std::pair<const char*, bool> of_others[] = {{"setpoints", !mapping.setpoints.empty()},
                                                    {"presence.at", !mapping.presence_at.empty()},
                                                    {"presence.gateway", !mapping.gateway.empty()},
                                                    {"presence.ask", mapping.ask.has_value()}};
  for (const auto& [key, is_written] : of_others)
    if (is_written)
      reader.error(mapping.span, fmt::format("'{}' means nothing to devices that speak plain", key),
                   "write convention: topics, or leave it out");
  for (const auto& place : mapping.fields)
    if (!place.at.starts_with('/'))
      reader.error(place.span, "a JSON pointer begins with a slash", "write /ENERGY/Power");
}

}  // namespace looptwin::testbed
