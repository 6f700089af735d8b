// fleet, links, faults, history: how many devices there are, what connects them, and what goes wrong.
#include <fmt/format.h>

#include "sim/fault.h"
#include "testbed/reading/distribution.h"
#include "testbed/reading/sections.h"

namespace looptwin::testbed {
namespace {

Value<sim::SharedBy> shared_by() {
  return {Form::other, [](Reader& reader, const yaml::Node& node) -> std::optional<sim::SharedBy> {
            if (!node.list()) {
              const auto* one = scalar(reader, node, "a relation");
              return one != nullptr ? std::optional(sim::SharedBy{{one->text}, node.span}) : std::nullopt;
            }
            if (node.items.empty())
              reader.error(node.span, "no relation is named",
                           "write [station, opens_to.station], or leave it out");
            auto paths = texts().read(reader, node);
            return paths ? std::optional(sim::SharedBy{std::move(*paths), node.span}) : std::nullopt;
          }};
}

/// How long a state lasts, of two that take turns: never so short that time would not go on.
Value<Distribution> time_of_turn() {
  return {Form::distribution, [](Reader& reader, const yaml::Node& node) -> std::optional<Distribution> {
            auto read = time_distribution().read(reader, node);
            if (!read || read->mean() >= sim::kLeastSpell.seconds()) return read;
            reader.error(node.span,
                         read->mean() > 0 ? fmt::format("{} is shorter than 1 ms on average", node.text)
                                          : fmt::format("{} is always zero", node.text),
                         "write 1 ms or longer");
            return std::nullopt;
          }};
}

/// A mean time from one of many to the next.
Value<Duration> time_between() { return period_from(sim::kLeastSpell); }

struct Outage {
  std::optional<Duration> every;
  std::optional<Distribution> up, lasts, down;
  sim::SharedBy shared;
  uint64_t store = 0;
};
const Section<Outage>& outage_section() {
  using T = Outage;
  static const Section<T> kSection(
      "an outage", "outage",
      {optional<T>("every", time_between(), &T::every, "",
                   "mean time between outages of one device (exponential). One of every, up"),
       optional<T>("up", time_of_turn(), &T::up, "", "time between outages"),
       optional<T>("lasts", time_of_turn(), &T::lasts, "", "how long. One of lasts, down"),
       optional<T>("down", time_of_turn(), &T::down, "", "the same"),
       optional<T>(
           "shared", shared_by(), &T::shared, "each device on its own",
           "a relation of the devices, [or several](#shared): those of one related device, as a cell, "
           "have their outages together"),
       optional<T>("store", whole_number(0, 1'000'000'000), &T::store, "0",
                   "samples that a device keeps, and sends afterwards")});
  return kSection;
}
void read_outage(Reader& reader, const yaml::Entry& entry, sim::LinkConfig& out) {
  Outage o;
  const size_t before = reader.problems.size();
  outage_section().read(reader, entry.value, entry.key_span, o);
  if (reader.problems.size() != before) return;
  if (o.every.has_value() == o.up.has_value())
    reader.error(entry.key_span, "an outage has one of 'every' and 'up'",
                 "write every: 3 d for a mean, or up: exponential(3 d)");
  if (o.lasts.has_value() == o.down.has_value())
    reader.error(entry.key_span, "an outage has one of 'lasts' and 'down'",
                 "write lasts: 10 min, or down: exponential(10 min)");
  out.outage_every = o.every;
  out.outage_up = std::move(o.up);
  out.outage_lasts = o.lasts ? std::move(o.lasts) : std::move(o.down);
  out.outage_shared = std::move(o.shared);
  out.stored = static_cast<uint32_t>(o.store);
}

struct Bandwidth {
  uint64_t rate = 0;
  uint64_t queue = 0;
  bool oldest = false;
  sim::SharedBy shared;
};
const Section<Bandwidth>& bandwidth_section() {
  using T = Bandwidth;
  static const Section<T> kSection(
      "'bandwidth'", "bandwidth",
      {required<T>("rate", whole_number(1, 1'000'000'000'000), &T::rate, "bit/s"),
       optional<T>("queue", whole_number(1, 1'000'000'000'000), &T::queue, "no limit", "bytes that may wait"),
       optional<T>("drop", word<bool>({{"newest", false}, {"oldest", true}}), &T::oldest, "newest",
                   "what is dropped of a full queue"),
       optional<T>("shared", shared_by(), &T::shared, "each device on its own",
                   "a relation of the devices, [or several](#shared): those of one related device, as a "
                   "gateway, have one uplink")});
  return kSection;
}

struct Bursts {
  std::optional<Distribution> up, down;
  double loss = 1;
  sim::SharedBy shared;
};
const Section<Bursts>& bursts_section() {
  using T = Bursts;
  static const Section<T> kSection(
      "'bursts'", "bursts",
      {required<T>("up", time_of_turn(), &T::up, "time between bursts, in which `loss` holds"),
       required<T>("down", time_of_turn(), &T::down, "how long a burst lasts"),
       optional<T>("loss", share(), &T::loss, "100 %",
                   "of messages lost in a burst, beside those of the link"),
       optional<T>("shared", shared_by(), &T::shared, "each device on its own",
                   "a relation of the devices, [or several](#shared): those of one related device have their "
                   "bursts together")});
  return kSection;
}

Value<uint8_t> kept() {
  static const std::vector<std::pair<std::string, sim::Kept>> kWords = {{"setpoints", sim::Kept::setpoints},
                                                                        {"queue", sim::Kept::queue},
                                                                        {"numbers", sim::Kept::numbers},
                                                                        {"controller", sim::Kept::controller},
                                                                        {"commands", sim::Kept::commands}};
  return {Form::texts, [](Reader& reader, const yaml::Node& node) -> std::optional<uint8_t> {
            if (!expect_list(reader, "keeps", node)) return std::nullopt;
            uint8_t mask = 0;
            for (const auto& item : node.items)
              if (const auto one = word<sim::Kept>(kWords).read(reader, item))
                mask |= static_cast<uint8_t>(*one);
            return mask;
          }};
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

namespace {

Value<std::vector<twin::DeviceState>> device_states() {
  return {Form::texts,
          [](Reader& reader, const yaml::Node& node) -> std::optional<std::vector<twin::DeviceState>> {
            static const std::vector<std::string> kWords(twin::kDeviceStates.begin(),
                                                         twin::kDeviceStates.end());
            if (!expect_list(reader, "states", node)) return std::nullopt;
            std::vector<twin::DeviceState> out;
            for (const auto& item : node.items)
              if (const auto found = find_word(reader, item, kWords))
                out.push_back(static_cast<twin::DeviceState>(*found));
            if (node.items.empty())
              reader.error(node.span, "no state is named", "write [provisioned, active], or leave it out");
            return out.empty() ? std::nullopt : std::optional(out);
          }};
}

const Section<RegistryDraft>& registry_section() {
  using T = RegistryDraft;
  static const Section<T> kSection(
      "'registry'", "registry",
      {required<T>("file", path(), &T::file, "made by `looptwin registry init`"),
       optional<T>("devices", pattern(), &T::devices, "all", "pattern of the ids that are taken"),
       optional<T>("tagged", text(), &T::tagged, "any", "only devices with this tag"),
       optional<T>("states", device_states(), &T::states, "[provisioned, active]",
                   "provisioned, active, suspended, retired; the broker refuses the last two")});
  return kSection;
}

}  // namespace

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
               {with_span(optional<T>("count", whole_number(0, 1'000'000'000), &T::count, "1",
                                      "how many, for each device of `per`; not 0"),
                          &T::count_span),
                optional<T>("per", name(), &T::per, "top level", "the model that each group belongs to"),
                optional<T>("id", pattern(), &T::id, "`{per}/model-{i}`",
                            "pattern of the ids, with `{i}` (from 1 below each parent) or `{n}` (over all), "
                            "and the parent's `{<per>}`"),
                optional<T>("link", name(), &T::link, "none: at once, without loss",
                            "how they are connected"),
                optional<T>("tags", texts(), &T::tags, "none",
                            "for patterns: `tag:cold` is all devices that are tagged cold"),
                section<T>("registry", registry_section(), &T::registry,
                           "devices from a registry's file, in place of `count`, `per` and `id`")})
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
       section_into<T>("bandwidth", bandwidth_section(), "of telemetry, from device to broker",
                       [](T& out, Bandwidth b) {
                         out.bandwidth = b.rate;
                         out.queue = b.queue;
                         out.drop_oldest = b.oldest;
                         out.bandwidth_shared = std::move(b.shared);
                       }),
       section_into<T>("bursts", bursts_section(), "times with many losses (Gilbert-Elliott)",
                       [](T& out, Bursts b) {
                         out.burst_up = std::move(b.up);
                         out.burst_lasts = std::move(b.down);
                         out.burst_loss = b.loss;
                         out.burst_shared = std::move(b.shared);
                       }),
       Key<T>{{.name = "outage",
               .form = Form::section,
               .about = "times without a link",
               .section = &outage_section()},
              read_outage}});
  return kSection;
}

const Section<FaultDraft>& fault_section() {
  using T = FaultDraft;
  using K = sim::FaultKind;
  const std::vector<std::pair<std::string, K>> kinds = {{"stuck", K::stuck},
                                                        {"bias", K::bias},
                                                        {"drift", K::drift},
                                                        {"noise", K::noise},
                                                        {"dropout", K::dropout},
                                                        {"out_of_range", K::out_of_range},
                                                        {"link_down", K::link_down},
                                                        {"actuator_stuck", K::actuator_stuck},
                                                        {"device_off", K::device_off},
                                                        {"restart", K::restart},
                                                        {"loss", K::loss},
                                                        {"malformed", K::malformed},
                                                        {"wrong_type", K::wrong_type},
                                                        {"unknown_device", K::unknown_device},
                                                        {"foreign_credentials", K::foreign_credentials}};
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
       optional<T>("every", time_between(), &T::every, "", "mean time between faults of one device, drawn"),
       optional<T>("lasts", duration(), &T::lasts, "to the run's end",
                   "how long; of a restart, which needs it, `0 s` is at once"),
       placed(optional<T>("of",
                          word<Restarted>({{"devices", Restarted::devices},
                                           {"mml", Restarted::mml},
                                           {"broker", Restarted::broker}}),
                          &T::of, "devices", "restart: what restarts"),
              &T::of_span),
       placed(optional<T>("keeps", kept(), &T::keeps, "nothing",
                          "restart of devices: of setpoints, queue, numbers, controller, commands"),
              &T::keeps_span),
       placed(optional<T>("persistent", boolean(), &T::persistent, "true",
                          "restart of broker or mml: what waits in the broker is kept"),
              &T::persistent_span),
       optional<T>(
           "value", later(Form::quantity), &T::value_node, "",
           "bias: a difference; drift: per second, or as 0.1 K/h; noise: a factor; dropout, loss: a share; "
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
