#include "testbed/explain/explanation.h"

#include <fmt/format.h>
#include <algorithm>
#include <set>

#include "testbed/explain/reexecution.h"
#include "testbed/explain/run_decisions.h"
#include "testbed/explain/why_not.h"
#include "testbed/one_line.h"

namespace looptwin::testbed {
namespace {

using Lines = std::vector<std::string>;

constexpr size_t kMostConsequences = 20;
constexpr size_t kMostMembers = 3;  // of a set, the largest

void indent(Lines& to, const Lines& from, size_t by) {
  for (const auto& line : from) to.push_back(std::string(by, ' ') + line);
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

  Lines of(lang::NodeId node, twin::DeviceRef device) {
    base_ = device;
    walk(node, device, 0);
    return std::move(lines_);
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
        say(depth, fmt::format("{}{} = {}: {}", c.name, elsewhere(device), in_one_line(c.value),
                               c.boolean ? (value == 1   ? "true"
                                            : value == 0 ? "false"
                                                         : "unknown")
                                         : shown_value(value, c.unit)));
        for (const auto& explained : a_.wired().explained)
          if (explained.name == "derived." + c.name) walk(explained.node, device, depth + 1);
        return;
      }
    if (device.table.index() >= a_.registry().models().size()) return;
    const auto& model = a_.registry().model(device.table);
    for (size_t f = 0; f < model.fields.size(); ++f)
      if (model.fields[f].value == column) say(depth, sample(model, f, device));
  }

  /// "sample: power of block-1/home-3 is 9.2 kW, sampled at 00:02:55, good"
  std::string sample(const twin::Model& model, size_t field, twin::DeviceRef device) const {
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
    return fmt::format("sample: {} of {} is {}{}, {}", config.name, a_.registry().id(device), shown,
                       sampled == kNever ? "" : ", sampled at " + to_string(sampled),
                       kQualities[std::min<size_t>(quality, 8)]);
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
    say(depth, fmt::format("{}: {} members known, {} unknown", in_one_line(a_.graph().span(id)),
                           members.size(), unknown));
    const size_t shown = std::min(kMostMembers, members.size());
    std::partial_sort(members.begin(), members.begin() + static_cast<std::ptrdiff_t>(shown), members.end(),
                      [](const Member& x, const Member& y) { return x.value > y.value; });
    for (size_t m = 0; m < shown; ++m) walk(node.args[0], members[m].device, depth + 1);
  }

  void say(size_t depth, const std::string& line) { lines_.push_back(std::string(2 * depth, ' ') + line); }
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
  Lines lines_;
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
Result<Lines> deciding_condition(const std::filesystem::path& run, const RunDecision& raised) {
  auto again = Reexecution::of(run);
  if (!again) return tl::make_unexpected(std::move(again.error()));
  Assembly& a = again->assembly();
  const auto event = event_of(a, raised);
  if (!event || !a.events().all()[*event].raises.valid()) return Lines{};
  const auto& of = a.events().all()[*event];
  const auto device = raised.device.empty() ? std::optional(twin::DeviceRef{a.registry().site(), Row(0)})
                                            : a.registry().find(raised.device);
  if (!device) return Lines{};
  if (auto played = again->play(raised.at); !played) return tl::make_unexpected(std::move(played.error()));
  const Conditions conditions = conditions_of(a);
  Lines lines;
  if (of.config.on_delay.ns > 0)
    lines.push_back(fmt::format("timer: it had held for on_delay, {}, since {} or before",
                                to_string(of.config.on_delay), to_string(raised.at - of.config.on_delay)));
  indent(lines, conditions.read(of.raises, *device, raised.at).lines(), 0);
  indent(lines, Behind(a, conditions, raised.at).of(of.raises, *device), 5);
  return lines;
}

bool rises(const RunDecision& d) { return d.kind == "event_raised" || d.kind == "alarm_raised"; }

}  // namespace

Result<Lines> list_decisions(const std::filesystem::path& run) {
  const auto decisions = RunDecisions::read(run);
  if (!decisions) return tl::make_unexpected(decisions.error());
  Lines lines;
  for (const auto& d : decisions->all())
    if (rises(d)) lines.push_back(fmt::format("{}  {}", id_text(d.id).substr(0, 8), d.line()));
  if (lines.empty()) lines.emplace_back("no event rose, and no alarm");
  return lines;
}

Result<Lines> explain_decision(const std::filesystem::path& run, const std::string& digits) {
  const auto decisions = RunDecisions::read(run);
  if (!decisions) return tl::make_unexpected(decisions.error());
  const auto id = decisions->find(digits);
  if (!id) return tl::make_unexpected(id.error());
  const auto chain = chain_up(*decisions, *id);
  Lines lines;
  // What led to all stands first, with its condition; each below is what came of the one above.
  size_t depth = 0;
  for (auto at = chain.rbegin(); at != chain.rend(); ++at, ++depth) {
    const auto life = decisions->life(*at);
    for (const auto* d : life)
      lines.push_back(fmt::format("{}{}{}", std::string(2 * depth, ' '), depth > 0 ? "-> " : "", d->line()));
    const auto raised = std::find_if(life.begin(), life.end(), [](const auto* d) { return rises(*d); });
    if (depth > 0 || raised == life.end()) continue;
    auto condition = deciding_condition(run, **raised);
    if (!condition) return tl::make_unexpected(std::move(condition.error()));
    indent(lines, *condition, 4);
  }
  const auto consequences = decisions->consequences(*id);
  if (!consequences.empty()) lines.push_back(fmt::format("{}what came of it:", std::string(2 * depth, ' ')));
  for (size_t c = 0; c < consequences.size() && c < kMostConsequences; ++c)
    for (const auto* d : decisions->life(consequences[c]))
      lines.push_back(fmt::format("{}-> {}", std::string(2 * depth + 2, ' '), d->line()));
  if (consequences.size() > kMostConsequences)
    lines.push_back(fmt::format("{}and {} more", std::string(2 * depth + 2, ' '),
                                consequences.size() - kMostConsequences));
  return lines;
}

Result<Lines> explain_why_not(const std::filesystem::path& run, const std::string& name,
                              const std::string& device, Time at) {
  auto again = Reexecution::of(run);
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
  const bool site = answer.device.table == again->assembly().registry().site();
  Lines lines{fmt::format("{}{} at {}, what raises it:", answer.name,
                          site ? "" : fmt::format(" on {}", again->assembly().registry().id(answer.device)),
                          to_string(again->assembly().loop().now()))};
  lines.insert(lines.end(), answer.lines.begin(), answer.lines.end());
  return lines;
}

}  // namespace looptwin::testbed
