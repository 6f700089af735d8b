// fleet, links, faults, history: how many devices there are, what connects them, and what goes wrong.
#include <fmt/format.h>

#include "testbed/distribution.h"
#include "testbed/sections.h"

namespace looptwin::testbed {
namespace {

struct Outage {
  std::optional<Duration> every;
  std::optional<Distribution> lasts;
  uint64_t store = 0;
};
const Section<Outage>& outage_section() {
  using T = Outage;
  static const Section<T> kSection(
      "an outage", "outage",
      {required<T>("every", period(), &T::every, "mean time between outages of one device (exponential)"),
       required<T>("lasts", time_distribution(), &T::lasts, "how long"),
       optional<T>("store", whole_number(0, 1'000'000'000), &T::store, "0",
                   "samples that a device keeps, and sends afterwards")});
  return kSection;
}

struct Reordering {
  double share = 0;
  Duration delay{};
};
const Section<Reordering>& reordering_section() {
  using T = Reordering;
  static const Section<T> kSection("'reordering'", "reordering",
                                   {required<T>("share", share(), &T::share, "of messages that are held up"),
                                    required<T>("delay", period(), &T::delay, "by how much")});
  return kSection;
}

const lang::Unit& second() {
  static const lang::Unit kSecond{"s", lang::Type::number(lang::kTimeDimension), 1, 0};
  return kSecond;
}

Value<std::vector<Duration>> rollups() {
  return {Form::texts, [](Reader& reader, const yaml::Node& node) -> std::optional<std::vector<Duration>> {
            if (!expect_list(reader, "rollups", node)) return std::nullopt;
            std::vector<Duration> out;
            for (const auto& item : node.items) {
              const auto value = period().read(reader, item);
              if (!value) continue;
              if (*value == minutes(1) || *value == minutes(15) || *value == hours(1))
                out.push_back(*value);
              else
                reader.error(item.span, fmt::format("{} is not a rollup that is kept", item.text),
                             "write 1 min, 15 min or 1 h");
            }
            return out;
          }};
}

}  // namespace

std::optional<Distribution> distribution(Reader& reader, const yaml::Node& node, const lang::Unit& unit) {
  if (!scalar(reader, node, "a distribution")) return std::nullopt;
  auto read = reader.accept(read_distribution(node.span, reader.units, &unit));
  if (!read) return std::nullopt;
  if (read->unit.type == unit.type) return std::move(read->distribution);
  reader.error(node.span,
               fmt::format("what is drawn is {}; {} stands here", lang::to_string(read->unit.type.dimension),
                           lang::to_string(unit.type.dimension)),
               fmt::format("write values in {}", unit.text));
  return std::nullopt;
}

Value<Distribution> time_distribution() {
  return {Form::distribution, [](Reader& reader, const yaml::Node& node) -> std::optional<Distribution> {
            if (!scalar(reader, node, "a time, or a distribution of times")) return std::nullopt;
            auto read = reader.accept(read_distribution(node.span, reader.units));
            if (!read) return std::nullopt;
            if (read->unit.type != second().type) {
              const bool bare = read->unit.text == "1";
              reader.error(node.span,
                           bare ? "a time needs its unit"
                                : fmt::format("what is drawn is in {}, which is not a time", read->unit.text),
                           "write it as 60 ms, or lognormal(60 ms, 0.4)");
              return std::nullopt;
            }
            if (!read->negative) return std::move(read->distribution);
            reader.error(node.span, fmt::format("the duration {} is negative", node.text),
                         "a time that passes is zero or more");
            return std::nullopt;
          }};
}

const Section<FleetDraft>& fleet_section() {
  using T = FleetDraft;
  static const Section<T> kSection = [] {
    Key<T> other{
        {.name = "<parameter>",
         .form = Form::other,
         .about =
             "a parameter of the model: a value, a list of one for each device, a distribution, or `{choose: "
             "{word: weight, ...}}`; or a relation of it: a pattern of ids, or a list"},
        [](Reader&, const yaml::Entry& entry, T& out) { out.others.push_back(&entry); }};
    return Section<T>(
               "a fleet entry", "fleet",
               {optional<T>("count", whole_number(0, 1'000'000'000), &T::count, "1",
                            "how many, for each device of `per`; not 0"),
                optional<T>("per", name(), &T::per, "top level", "the model that each group belongs to"),
                optional<T>("id", pattern(), &T::id, "`{per}/model-{i}`",
                            "pattern of the ids, with `{i}` (from 1 below each parent) or `{n}` (over all), "
                            "and the parent's `{<per>}`"),
                optional<T>("link", name(), &T::link, "none: at once, without loss",
                            "how they are connected"),
                optional<T>("tags", texts(), &T::tags, "none", "for patterns and reports")})
        .with_others(std::move(other));
  }();
  return kSection;
}

const Section<sim::LinkConfig>& link_section() {
  using T = sim::LinkConfig;
  static const Section<T> kSection(
      "a link", "links",
      {optional<T>("latency", time_distribution(), &T::latency, "0 s: at the next boundary",
                   "from sent to received, each way"),
       optional<T>("loss", share(), &T::loss, "0", "of messages lost"),
       optional<T>("duplication", share(), &T::duplication, "0", "of messages that come twice"),
       section_into<T>("reordering", reordering_section(), "messages that are overtaken",
                       [](T& out, Reordering r) {
                         out.reordering = r.share;
                         out.reorder_delay = r.delay;
                       }),
       section_into<T>("outage", outage_section(), "times without a link", [](T& out, Outage o) {
         out.outage_every = o.every;
         out.outage_lasts = std::move(o.lasts);
         out.stored = static_cast<uint32_t>(o.store);
       })});
  return kSection;
}

const Section<FaultDraft>& fault_section() {
  using T = FaultDraft;
  using K = sim::FaultKind;
  const std::vector<std::pair<std::string, K>> kinds = {
      {"stuck", K::stuck},          {"bias", K::bias},
      {"drift", K::drift},          {"noise", K::noise},
      {"dropout", K::dropout},      {"out_of_range", K::out_of_range},
      {"link_down", K::link_down},  {"actuator_stuck", K::actuator_stuck},
      {"device_off", K::device_off},
      {"restart", K::restart}};
  const auto after = [](T & t) -> auto& { return t.after; };
  const auto sensed = [](std::string key, std::string about) {
    return Key<T>{{.name = std::move(key), .form = Form::name, .about = std::move(about)},
                  [](Reader& reader, const yaml::Entry& entry, T& out) {
                    if (out.sensor_span.source)
                      return reader.error(entry.key_span, "a fault has 'sensor' or 'signal', not both",
                                          "remove one of them");
                    if (const auto read = name().read(reader, entry.value)) out.sensor = *read;
                    out.sensor_span = entry.value.span;
                  }};
  };
  const auto placed = [](auto key, Span T::*place) {
    key.read = [read = key.read, place](Reader& reader, const yaml::Entry& entry, T& out) {
      read(reader, entry, out);
      out.*place = entry.key_span;
    };
    return key;
  };
  const Value<Time> since_start{Form::duration,
                                [](Reader& reader, const yaml::Node& node) -> std::optional<Time> {
                                  const auto read = duration().read(reader, node);
                                  return read ? std::optional(kStart + *read) : std::nullopt;
                                }};
  static const Section<T> kSection(
      "a fault", "faults",
      {optional<T>("device", pattern(), &T::device, "",
                   "pattern of device ids: `*` stops at a slash, `**` does not; needed for all that "
                   "happens to devices"),
       required<T>("kind", word<K>(kinds), &T::kind, "what goes wrong"),
       sensed("sensor", "the telemetry field, for stuck, bias, drift, noise, dropout, out_of_range"),
       sensed("signal", "the controller's signal, for actuator_stuck"),
       optional<T>("after", since_start, after, "", "from the start. One of after, at, every"),
       optional<T>("at", later(Form::time_of_day), &T::at, "",
                   "\"14:00\": the first such time of day; or a date and time, local"),
       optional<T>("every", period(), &T::every, "", "mean time between faults of one device, drawn"),
       optional<T>("lasts", duration(), &T::lasts, "to the run's end",
                   "how long; of a restart, which needs it, `0 s` is at once"),
       placed(optional<T>("of", word<Restarted>({{"devices", Restarted::devices},
                                                 {"mml", Restarted::mml},
                                                 {"broker", Restarted::broker}}),
                          &T::of, "devices", "restart: what restarts"),
              &T::of_span),
       placed(optional<T>("persistent", boolean(), &T::persistent, "true",
                          "restart of broker or mml: what waits in the broker is kept"),
              &T::persistent_span),
       optional<T>(
           "value", later(Form::quantity), &T::value_node, "",
           "bias: a difference; drift: per second, or as 0.1 K/h; noise: a factor; dropout: a share; "
           "out_of_range: a reading, or of words and of true and false one of them or a code up to 254 "
           "that is none")});
  return kSection;
}

const Section<HistoryConfig>& history_section() {
  using T = HistoryConfig;
  const Value<std::vector<Duration>> kept = rollups();
  static const Section<T> kSection(
      "a history entry", "history",
      {optional<T>("raw", pattern(), &T::raw, "none", "pattern of the device ids whose samples are kept"),
       optional<T>("rollups", kept, &T::rollups, "none",
                   "of 1 min, 15 min, 1 h: min, max, mean, last and count are kept")});
  return kSection;
}

}  // namespace looptwin::testbed
