#include "testbed/explain/explanation.h"

#include <fmt/format.h>
#include <algorithm>
#include <limits>
#include <set>

#include "lang/readable.h"
#include "mml/alarms.h"
#include "mml/events.h"
#include "mml/loop.h"
#include "testbed/explain/reexecution.h"
#include "testbed/explain/run_decisions.h"
#include "testbed/explain/why_not.h"
#include "testbed/field_at.h"
#include "testbed/one_line.h"
#include "testbed/scenario.h"
#include "testbed/wiring.h"
#include "twin/registry.h"

namespace looptwin::testbed {
namespace {

constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();
constexpr size_t kMostConsequences = 20;
constexpr size_t kMostMembers = 3;  // of a set, the largest

Said said_of(const RunDecision& d, const char* before, size_t level, size_t indent) {
  Said said{"decision", before + d.line(), level, indent};
  said.facts = {{"at_s", d.at.seconds()}, {"kind", d.kind},
                {"subject", d.subject},   {"device", d.device},
                {"quantity", d.quantity}, {"value", d.unit.empty() ? kUnknown : d.value},
                {"unit", d.unit},         {"occurrence", static_cast<double>(d.occurrence)},
                {"id", id_text(d.id)},    {"cause", d.cause == 0 ? std::string() : id_text(d.cause)}};
  return said;
}

/// From what it is asked about up to what led to all.
std::vector<uint64_t> chain_up(const RunDecisions& decisions, uint64_t id) {
  std::vector<uint64_t> chain{id};
  for (;;) {
    const auto life = decisions.life(chain.back());
    if (life.empty() || life.front()->cause == 0 ||
        std::find(chain.begin(), chain.end(), life.front()->cause) != chain.end())
      break;
    chain.push_back(life.front()->cause);
  }
  return chain;
}

/// What a condition looked at: values behind names, samples with their time and quality, the largest of sets.
class Behind {
 public:
  Behind(Assembly& a, const Conditions& conditions, Time now) : a_(a), conditions_(conditions), now_(now) {}

  Explanation of(lang::NodeId node, twin::DeviceRef device) {
    base_ = device;
    walk(node, device, 0);
    return std::move(told_);
  }

 private:
  void walk(lang::NodeId id, twin::DeviceRef device, size_t depth) {
    if (!seen_.insert({id, device}).second) return;
    const auto& node = a_.graph()[id];
    if (node.op == lang::Op::related) {
      const auto& relation = a_.schema().table(device.table).relations[node.relation.index()];
      const auto row = a_.tables().values<uint32_t>(device.table, relation.rows)[device.row.index()];
      if (row < a_.tables().rows(relation.to)) walk(node.args[0], {relation.to, Row(row)}, depth);
      return;
    }
    if (lang::is_set(node.op) && !node.args.empty()) return set(id, device, depth);
    if (node.op == lang::Op::column && node.table == device.table) return column(node.column, device, depth);
    for (const auto argument : node.args) walk(argument, device, depth);
  }

  void column(ColumnId column, twin::DeviceRef device, size_t depth) {
    for (const auto& derived : a_.wired().derived)
      if (derived.table == device.table && derived.column == column) {
        const auto value = twin::load(a_.tables().column(device.table, column),
                                      a_.schema().column(device.table, column).storage, device.row.index());
        const auto& c = derived.config;
        say(depth, "value", c.name, device, c.boolean ? "" : c.unit.text,
            c.boolean || c.unit.text.empty() ? value : lang::readable(value, c.unit),
            fmt::format("{}{} = {}: {}", c.name, elsewhere(device), in_one_line(c.value),
                        c.boolean ? (value == 1   ? "true"
                                     : value == 0 ? "false"
                                                  : "unknown")
                                  : shown_value(value, c.unit)));
        for (const auto& explained : a_.wired().explained)
          if (explained.name == "derived." + c.name) walk(explained.node, device, depth + 1);
        return;
      }
    if (const auto field = field_at(a_.registry(), device.table, column))
      tell_sample(depth, a_.registry().model(device.table), *field, device);
  }

  /// "sample: power of block-1/home-3 is 9.2 kW, sampled at 00:02:55, good"
  void tell_sample(size_t depth, const twin::Model& model, size_t field, twin::DeviceRef device) {
    const auto& config = model.config.telemetry[field];
    const auto& columns = model.fields[field];
    const size_t row = device.row.index();
    const auto storage = a_.schema().column(device.table, columns.value).storage;
    const double value = twin::load(a_.tables().column(device.table, columns.value), storage, row);
    const Time sampled{a_.tables().values<int64_t>(device.table, columns.sampled)[row]};
    const auto quality = a_.tables().values<uint8_t>(device.table, columns.quality)[row];
    static constexpr const char* kQualities[] = {"good",         "never received", "stale",
                                                 "out of range", "missing",        "late",
                                                 "dated ahead",  "too fast",       "flat"};
    std::string shown = shown_value(value, config.unit);
    if (config.boolean) shown = value == 1 ? "true" : value == 0 ? "false" : "unknown";
    if (!config.words.empty())
      shown = value < static_cast<double>(config.words.size()) ? config.words[static_cast<size_t>(value)]
                                                               : "unknown";
    const bool number = !config.boolean && config.words.empty();
    say(depth, "sample", config.name, device, number ? config.unit.text : "",
        number && !config.unit.text.empty() ? lang::readable(value, config.unit) : value,
        fmt::format("sample: {} of {} is {}{}, {}", config.name, a_.registry().id(device), shown,
                    sampled == kNever ? "" : ", sampled at " + to_string(sampled),
                    kQualities[std::min<size_t>(quality, 8)]));
    told_.back().facts.emplace_back("sampled_at_s", sampled == kNever ? kUnknown : sampled.seconds());
    told_.back().facts.emplace_back("quality", kQualities[std::min<size_t>(quality, 8)]);
  }

  void set(lang::NodeId id, twin::DeviceRef device, size_t depth) {
    const auto& node = a_.graph()[id];
    const auto& relation = a_.schema().table(device.table).relations[node.relation.index()];
    struct Member {
      double value;
      twin::DeviceRef device;
    };
    std::vector<Member> members;
    size_t unknown = 0;
    for (const uint32_t row : a_.registry().members(device.table, node.relation, device.row)) {
      const twin::DeviceRef member{relation.to, Row(row)};
      const double value = conditions_.value(node.args[0], member, now_);
      if (value != value || (a_.graph()[node.args[0]].type.kind == lang::Kind::boolean && value == 0.5))
        ++unknown;
      else
        members.push_back({value, member});
    }
    told_.push_back({"set",
                     fmt::format("{}: {} members known, {} unknown", in_one_line(a_.graph().span(id)),
                                 members.size(), unknown),
                     depth,
                     2 * depth,
                     {{"expression", in_one_line(a_.graph().span(id))},
                      {"known", static_cast<double>(members.size())},
                      {"unknown", static_cast<double>(unknown)}}});
    const size_t shown = std::min(kMostMembers, members.size());
    std::partial_sort(members.begin(), members.begin() + static_cast<std::ptrdiff_t>(shown), members.end(),
                      [](const Member& x, const Member& y) { return x.value > y.value; });
    for (size_t m = 0; m < shown; ++m) walk(node.args[0], members[m].device, depth + 1);
  }

  void say(size_t depth, const char* is, const std::string& name, twin::DeviceRef device,
           const std::string& unit, double value, std::string text) {
    told_.push_back({is,
                     std::move(text),
                     depth,
                     2 * depth,
                     {{"name", name},
                      {"device", std::string(a_.registry().id(device))},
                      {"value", value},
                      {"unit", unit}}});
  }
  /// " of seg-16", where it is another device than the one asked about.
  std::string elsewhere(twin::DeviceRef device) const {
    if (device == base_ || device.table.index() >= a_.registry().models().size()) return {};
    return fmt::format(" of {}", a_.registry().id(device));
  }

  Assembly& a_;
  const Conditions& conditions_;
  Time now_;
  twin::DeviceRef base_;
  std::set<std::pair<lang::NodeId, twin::DeviceRef>> seen_;
  Explanation told_;
};

/// The event behind a decision, by its name: an event's own, or an alarm's.
std::optional<size_t> event_of(Assembly& a, const RunDecision& d) {
  const auto& events = a.events().all();
  for (size_t e = 0; e < events.size(); ++e)
    if (events[e].config.name == d.subject) return e;
  for (const auto& alarm : a.alarms().all())
    if (alarm.config.event.name == d.subject && alarm.event < events.size()) return alarm.event;
  return std::nullopt;
}

/// The condition that raised an event, at the boundary at which it rose.
Result<Explanation> deciding_condition(const std::filesystem::path& run, const RunDecision& raised,
                                       const Extensions* extensions, const StopAsked& stop) {
  auto again = Reexecution::of(run, extensions, stop);
  if (!again) return tl::make_unexpected(std::move(again.error()));
  Assembly& a = again->assembly();
  const auto event = event_of(a, raised);
  if (!event || !a.events().all()[*event].raises.valid()) return Explanation{};
  const auto& of = a.events().all()[*event];
  const auto device = raised.device.empty() ? std::optional(twin::DeviceRef{a.registry().site(), Row(0)})
                                            : a.registry().find(raised.device);
  if (!device) return Explanation{};
  if (auto played = again->play(raised.at); !played) return tl::make_unexpected(std::move(played.error()));
  const Conditions conditions = conditions_of(a);
  Explanation told;
  if (of.config.on_delay.ns > 0)
    told.push_back({"timer",
                    fmt::format("timer: it had held for on_delay, {}, since {} or before",
                                to_string(of.config.on_delay), to_string(raised.at - of.config.on_delay)),
                    0,
                    0,
                    {{"on_delay_s", of.config.on_delay.seconds()},
                     {"since_s", (raised.at - of.config.on_delay).seconds()}}});
  add_below(told, conditions.read(of.raises, *device, raised.at).told(), 0, 0);
  add_below(told, Behind(a, conditions, raised.at).of(of.raises, *device), 1, 5);
  return told;
}

bool rises(const RunDecision& d) { return d.kind == "event_raised" || d.kind == "alarm_raised"; }

}  // namespace

Result<Explanation> list_decisions(const std::filesystem::path& run, const StopAsked& stop) {
  const auto decisions = RunDecisions::read(run, stop);
  if (!decisions) return tl::make_unexpected(decisions.error());
  Explanation told;
  for (const auto& d : decisions->all())
    if (rises(d)) told.push_back(said_of(d, (id_text(d.id).substr(0, 8) + "  ").c_str(), 0, 0));
  if (told.empty()) told.push_back({"answer", "no event rose, and no alarm"});
  return told;
}

Result<Explanation> explain_decision(const std::filesystem::path& run, const std::string& digits,
                                     const Extensions* extensions, const StopAsked& stop) {
  const auto decisions = RunDecisions::read(run, stop);
  if (!decisions) return tl::make_unexpected(decisions.error());
  const auto id = decisions->find(digits);
  if (!id) return tl::make_unexpected(id.error());
  const auto chain = chain_up(*decisions, *id);
  Explanation told;
  // What led to all stands first, with its condition; each below is what came of the one above.
  size_t depth = 0;
  for (auto at = chain.rbegin(); at != chain.rend(); ++at) {
    const auto life = decisions->life(*at);
    if (life.empty()) continue;  // an alarm's own event has no record
    for (const auto* d : life) told.push_back(said_of(*d, depth > 0 ? "-> " : "", depth, 2 * depth));
    const auto raised = std::find_if(life.begin(), life.end(), [](const auto* d) { return rises(*d); });
    if (depth++ > 0 || raised == life.end()) continue;
    if (((*raised)->occurrence & mml::kRaisedByHand) != 0) {
      told.push_back({"answer", "a person has raised it, whatever its condition", 1, 4});
      continue;
    }
    auto condition = deciding_condition(run, **raised, extensions, stop);
    if (!condition) return tl::make_unexpected(std::move(condition.error()));
    add_below(told, *condition, 1, 4);
  }
  const auto consequences = decisions->consequences(*id);
  if (!consequences.empty()) told.push_back({"answer", "what came of it:", depth, 2 * depth});
  for (size_t c = 0; c < consequences.size() && c < kMostConsequences; ++c)
    for (const auto* d : consequences[c]) told.push_back(said_of(*d, "-> ", depth + 1, 2 * depth + 2));
  if (consequences.size() > kMostConsequences)
    told.push_back({"answer", fmt::format("and {} more", consequences.size() - kMostConsequences), depth + 1,
                    2 * depth + 2});
  return told;
}

Result<Explanation> explain_why_not(const std::filesystem::path& run, const std::string& name,
                                    const std::string& device, Time at, const Extensions* extensions,
                                    const StopAsked& stop) {
  auto again = Reexecution::of(run, extensions, stop);
  if (!again) return tl::make_unexpected(std::move(again.error()));
  auto watch = WhyNotWatch::make(again->assembly(), name, device);
  if (!watch) return tl::make_unexpected(std::move(watch.error()));
  if (at < kStart + again->assembly().scenario().cycle || at > kStart + again->assembly().scenario().duration)
    return failure(fmt::format("{} lies outside of the run", to_string(at)),
                   fmt::format("write a time up to {}", to_string(again->assembly().scenario().duration)));
  auto played = again->play(at, [&](Time now) {
    if (now >= at - watch->needs() - again->assembly().scenario().cycle) watch->look(now);
  });
  if (!played) return tl::make_unexpected(std::move(played.error()));
  const auto answer = watch->answer();
  const auto& registry = again->assembly().registry();
  const bool site = answer.device.table == registry.site();
  const std::string of(site ? std::string_view() : registry.id(answer.device));
  const Time now = again->assembly().loop().now();
  Explanation told{
      {"answer",
       fmt::format("{}{} at {}, what raises it:", answer.name, site ? "" : " on " + of, to_string(now)),
       0,
       0,
       {{"name", name}, {"device", of}, {"at_s", now.seconds()}, {"stands", answer.stands}}}};
  add_below(told, answer.told, 0, 0);
  return told;
}

}  // namespace looptwin::testbed
