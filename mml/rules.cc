#include "mml/rules.h"

#include <fmt/format.h>
#include <algorithm>
#include <cmath>
#include <limits>

#include "base/check.h"
#include "base/random.h"
#include "base/text.h"

namespace looptwin::mml {
namespace {

constexpr double kNoClaim = std::numeric_limits<double>::quiet_NaN();
/// Groups that a release is spread over when the rule names no groups of its own.
constexpr uint32_t kReleaseGroups = 10;

bool claimed(double claim) { return claim == claim; }

/// A JSON string.
std::string quoted(std::string_view text) {
  std::string json = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\')
      json += fmt::format("\\{}", c);
    else if (c == '\n')
      json += "\\n";
    else if (static_cast<unsigned char>(c) < 0x20)
      json += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
    else
      json += c;
  }
  return json + '"';
}

}  // namespace

void add_columns(lang::Schema& schema, const std::string& rule, TableId target, lang::Type type,
                 WiredOverride::Set& set) {
  const std::string name = fmt::format(".{}.{}", rule, set.setpoint);
  set.claim = schema.add_column(target, {name + ".claim", type, {}, lang::Storage::f64});
  set.since = schema.add_column(
      target, {name + ".since", lang::Type::point_of(lang::kTimeDimension), {}, lang::Storage::instant});
  set.occurrence = schema.add_column(target, {name + ".occurrence", {}, {}, lang::Storage::row});
  set.owner = schema.add_column(target, {name + ".owner", {}, {}, lang::Storage::row});
}

Rules::Rules(std::vector<Rule> rules, const lang::Schema& schema, const twin::Registry& registry,
             twin::Tables& tables, const Events& events, Dispatcher& dispatcher, Publisher& publisher,
             uint64_t seed)
    : rules_(std::move(rules)),
      schema_(schema),
      registry_(registry),
      tables_(tables),
      events_(events),
      dispatcher_(dispatcher),
      publisher_(publisher),
      seed_(seed) {}

void Rules::bind() {
  contests_.clear();
  for (size_t r = 0; r < rules_.size(); ++r) {
    for (size_t o = 0; o < rules_[r].overrides.size(); ++o) {
      const auto& wired = rules_[r].overrides[o];
      for (size_t s = 0; s < wired.set.size(); ++s) {
        const auto& set = wired.set[s];
        const TableId table = wired.target.table;
        auto contest = std::find_if(contests_.begin(), contests_.end(), [&](const Contest& c) {
          return c.table == table && c.setpoint == set.setpoint;
        });
        if (contest == contests_.end()) {
          const auto& columns = registry_.model(table).setpoints[set.setpoint];
          contest = contests_.insert(
              contests_.end(), Contest{table,
                                       set.setpoint,
                                       tables_.values<double>(table, columns.desired).data(),
                                       tables_.values<double>(table, columns.fallback).data(),
                                       tables_.values<int64_t>(table, columns.changed).data(),
                                       tables_.values<uint32_t>(table, registry_.model(table).version).data(),
                                       {}});
        }
        contest->claims.push_back(
            {static_cast<uint16_t>(r), static_cast<uint16_t>(o), static_cast<uint16_t>(s),
             rules_[r].config.overrides[o].priority, tables_.values<double>(table, set.claim).data(),
             tables_.values<int64_t>(table, set.since).data(),
             tables_.values<uint32_t>(table, set.occurrence).data(),
             tables_.values<uint32_t>(table, set.owner).data(), tables_.column(table, set.value),
             schema_.column(table, set.value).storage});
      }
    }
  }
  held_.assign(contests_.size(), 0);
}

template <typename Act>
void Rules::for_each_target(const WiredTarget& target, uint32_t row, Act act) const {
  const uint8_t* where = target.where ? tables_.values<uint8_t>(target.table, *target.where).data() : nullptr;
  const auto consider = [&](uint32_t r) {
    if (where == nullptr || where[r] == 1) act(r);
  };
  if (!target.relation) return consider(row);
  for (const uint32_t member : registry_.members(target.from, *target.relation, Row(row))) consider(member);
}

uint64_t Rules::cause_of(uint16_t rule, uint32_t row, uint32_t occurrence) const {
  const auto& event = events_.all()[rules_[rule].event];
  return event_id(event.config.name, registry_.key({event.table, Row(row)}), occurrence);
}

void Rules::on_change(const EventChange& change, uint64_t event_id, Time now, std::vector<Record>& log) {
  const bool raised = change.kind == RecordKind::event_raised;
  if (!raised && change.kind != RecordKind::event_cleared) return;
  for (size_t r = 0; r < rules_.size(); ++r) {
    const Rule& rule = rules_[r];
    if (rule.event != change.event) continue;
    for (size_t o = 0; o < rule.overrides.size(); ++o)
      start_turns(static_cast<uint16_t>(r), static_cast<uint16_t>(o), change, !raised, now);
    const bool fires = rule.config.trigger == Trigger::when_cleared ? !raised : raised;
    if (!fires) continue;
    for (size_t s = 0; s < rule.sends.size(); ++s) send(rule, s, change, event_id, now, log);
    for (size_t p = 0; p < rule.publishes.size(); ++p)
      publish(static_cast<uint16_t>(r), p, change, event_id, now, log);
  }
}

void Rules::start_turns(uint16_t rule, uint16_t override_index, const EventChange& change, bool release,
                        Time now) {
  const OverrideConfig& config = rules_[rule].config.overrides[override_index];
  uint32_t groups = std::max(1u, config.stagger_groups);
  Duration every = config.stagger_every;
  if (release) {
    if (groups == 1 && config.release_over.ns > 0) groups = kReleaseGroups;
    every = nanoseconds(config.release_over.ns / groups);
    if (config.release_over.ns == 0) groups = 1;
  }
  for (uint32_t g = 0; g < groups; ++g)
    agenda_.push({now + every * g, next_order_++, rule, override_index, release, change.row,
                  change.occurrence, g, groups});
}

void Rules::step(Time now, const Dirty& dirty, std::vector<Record>& log) {
  yield_to_refusals(now, log);
  while (!agenda_.empty() && agenda_.top().at <= now) {
    const Turn turn = agenda_.top();
    agenda_.pop();
    take_turn(turn, now, log);
  }
  follow_values(now, dirty, log);
}

void Rules::take_turn(const Turn& turn, Time now, std::vector<Record>& log) {
  const Rule& rule = rules_[turn.rule];
  // A claim's turn is over when its event has cleared, or has risen anew, in the meantime.
  if (!turn.release &&
      (!events_.stands(rule.event, turn.row) || events_.occurrence(rule.event, turn.row) != turn.occurrence))
    return;
  const auto stream = random::stream(seed_, "stagger." + rule.config.name);
  const uint64_t draw = (static_cast<uint64_t>(turn.row) << 32) | turn.occurrence;
  for (size_t c = 0; c < contests_.size(); ++c) {
    Contest& contest = contests_[c];
    for (ClaimRef& ref : contest.claims) {
      if (ref.rule != turn.rule || ref.override_index != turn.override_index) continue;
      const WiredTarget& target = rule.overrides[turn.override_index].target;
      const auto act = [&](uint32_t row) {
        const uint64_t bits = random::bits(stream, registry_.key({target.table, Row(row)}), draw);
        if (turn.groups > 1 && bits % turn.groups != turn.group) return;
        if (!turn.release) {
          claim(contest, ref, row, turn, now, log);
        } else if (claimed(ref.claim[row]) && ref.owner[row] == turn.row &&
                   ref.occurrence[row] == turn.occurrence) {
          ref.claim[row] = kNoClaim;
          --held_[c];
          ++counters_.releases;
          log.push_back({now,
                         RecordKind::released,
                         turn.rule,
                         contest.setpoint,
                         {target.table, Row(row)},
                         turn.occurrence,
                         contest.fallback[row],
                         0,
                         cause_of(turn.rule, turn.row, turn.occurrence)});
          resolve(contest, row, ref, Move::released, now, log);
        }
      };
      if (turn.release) {  // whoever was claimed is released, whatever `where` says by now
        WiredTarget all = target;
        all.where.reset();
        for_each_target(all, turn.row, act);
      } else {
        for_each_target(target, turn.row, act);
      }
    }
  }
}

void Rules::claim(Contest& contest, ClaimRef& ref, uint32_t row, const Turn& turn, Time now,
                  std::vector<Record>& log) {
  const double value = ref.value(row);
  if (!claimed(value)) return;  // unknown: nothing can be asked for
  if (!claimed(ref.claim[row])) ++held_[static_cast<size_t>(&contest - contests_.data())];
  ref.claim[row] = value;
  ref.since[row] = now.ns;
  ref.occurrence[row] = turn.occurrence;
  ref.owner[row] = turn.row;
  ++counters_.claims;
  log.push_back({now,
                 RecordKind::claimed,
                 ref.rule,
                 contest.setpoint,
                 {contest.table, Row(row)},
                 turn.occurrence,
                 value,
                 0,
                 cause_of(ref.rule, turn.row, turn.occurrence)});
  resolve(contest, row, ref, Move::claimed, now, log);
}

void Rules::resolve(Contest& contest, uint32_t row, const ClaimRef& moved, Move move, Time now,
                    std::vector<Record>& log) {
  const ClaimRef* winner = nullptr;
  bool conflict = false;
  for (const ClaimRef& ref : contest.claims) {
    if (!claimed(ref.claim[row])) continue;
    conflict |= ref.priority == moved.priority && ref.claim[row] != moved.claim[row];
    const bool earlier =
        winner != nullptr && ref.priority == winner->priority && ref.since[row] < winner->since[row];
    if (winner == nullptr || ref.priority > winner->priority || earlier) winner = &ref;
  }
  const double desired = winner != nullptr ? winner->claim[row] : contest.fallback[row];
  const twin::DeviceRef device{contest.table, Row(row)};
  // Said when the second of the two is claimed, and only where no higher claim makes it idle.
  if (move == Move::claimed && conflict && winner->priority == moved.priority) {
    ++counters_.conflicts;
    log.push_back({now, RecordKind::conflict, winner->rule, contest.setpoint, device, winner->occurrence[row],
                   desired, 0, 0});
  }
  if (desired == contest.desired[row]) return;
  contest.desired[row] = desired;
  contest.changed[row] = now.ns;
  ++contest.version[row];
  // The resident keeps what he has, unless another claim stands.
  if (move == Move::yielded && winner == nullptr) return;
  Request request;
  request.command.device = device;
  request.command.index = contest.setpoint;
  request.command.value = desired;
  request.command.expires = kNever;
  if (winner != nullptr) {
    const auto& config = rules_[winner->rule].config.overrides[winner->override_index];
    request.rule = winner->rule;
    request.occurrence = winner->occurrence[row];
    request.cause = cause_of(winner->rule, winner->owner[row], winner->occurrence[row]);
    request.command.may_refuse = config.yield_to_local;
    request.verification = rules_[winner->rule].overrides[winner->override_index].verification;
  } else {
    request.rule = moved.rule;
    request.occurrence = moved.occurrence[row];
    request.cause = cause_of(moved.rule, moved.owner[row], moved.occurrence[row]);
  }
  dispatcher_.issue(request, now, log);
}

void Rules::follow_values(Time now, const Dirty& dirty, std::vector<Record>& log) {
  for (size_t c = 0; c < contests_.size(); ++c) {
    if (held_[c] == 0) continue;
    Contest& contest = contests_[c];
    const size_t rows = tables_.rows(contest.table);
    dirty.for_each_run({contest.table, 0, rows}, [&](size_t first, size_t count) {
      for (size_t row = first; row < first + count; ++row) {
        const ClaimRef* moved = nullptr;
        for (ClaimRef& ref : contest.claims) {
          if (!claimed(ref.claim[row]) || !claimed(ref.value(row)) || ref.claim[row] == ref.value(row))
            continue;
          ref.claim[row] = ref.value(row);
          moved = &ref;
        }
        if (moved != nullptr) resolve(contest, static_cast<uint32_t>(row), *moved, Move::followed, now, log);
      }
    });
  }
}

void Rules::yield_to_refusals(Time now, std::vector<Record>& log) {
  for (const Ended& ended : dispatcher_.ended()) {
    if (ended.outcome != twin::Outcome::refused_local) continue;
    const auto row = static_cast<uint32_t>(ended.device.row.index());
    for (size_t c = 0; c < contests_.size(); ++c) {
      Contest& contest = contests_[c];
      if (contest.table != ended.device.table || contest.setpoint != ended.quantity) continue;
      for (ClaimRef& ref : contest.claims) {
        if (ref.rule != ended.rule || !claimed(ref.claim[row])) continue;
        ref.claim[row] = kNoClaim;
        --held_[c];
        ++counters_.yields;
        log.push_back({now, RecordKind::yielded, ref.rule, contest.setpoint, ended.device,
                       ref.occurrence[row], contest.fallback[row], 0,
                       cause_of(ref.rule, ref.owner[row], ref.occurrence[row])});
        resolve(contest, row, ref, Move::yielded, now, log);
      }
    }
  }
  dispatcher_.ended().clear();
}

void Rules::send(const Rule& rule, size_t index, const EventChange& change, uint64_t cause, Time now,
                 std::vector<Record>& log) {
  const WiredSend& wired = rule.sends[index];
  const auto& command = registry_.model(wired.target.table).config.commands[wired.command];
  for_each_target(wired.target, change.row, [&](uint32_t row) {
    Request request;
    request.command.device = {wired.target.table, Row(row)};
    request.command.kind = twin::Command::Kind::command;
    request.command.index = wired.command;
    request.command.expires = now + command.expires;
    request.rule = static_cast<uint16_t>(&rule - rules_.data());
    request.occurrence = change.occurrence;
    request.cause = cause;
    request.verification = wired.verification;
    dispatcher_.issue(request, now, log);
  });
}

void Rules::publish(uint16_t rule_index, size_t index, const EventChange& change, uint64_t cause, Time now,
                    std::vector<Record>& log) {
  const Rule& rule = rules_[rule_index];
  const WiredPublish& wired = rule.publishes[index];
  const TableId table = events_.all()[rule.event].table;
  const twin::DeviceRef device{table, Row(change.row)};
  std::string json = fmt::format("\"rule\":\"{}\",\"event\":\"{:016x}\"", rule.config.name, cause);
  for (size_t i = 0; i < wired.items.size(); ++i) {
    const auto& item = wired.items[i];
    json += fmt::format(",{}:", quoted(rule.config.publishes[index].body[i].key));
    using Is = WiredPublish::Item::Is;
    switch (item.is) {
      case Is::id:
        json += quoted(registry_.id(device));
        break;
      case Is::text:
        json += quoted(item.text);
        break;
      case Is::number: {
        const double x = tables_.values<double>(table, item.column)[change.row];
        json += std::isfinite(x) ? shortest(x) : "null";
        break;
      }
      case Is::boolean: {
        const uint8_t b = tables_.values<uint8_t>(table, item.column)[change.row];
        json += b == 2 ? "null" : b == 1 ? "true" : "false";
        break;
      }
      case Is::word: {
        const uint8_t code = tables_.values<uint8_t>(table, item.column)[change.row];
        const auto& words = schema_.enumerations[item.words.index()].words;
        json += code < words.size() ? fmt::format("\"{}\"", words[code]) : "null";
        break;
      }
    }
  }
  publisher_.publish(wired.feed, now, json);
  ++counters_.published;
  log.push_back({now, RecordKind::published, rule_index, wired.feed, device, change.occurrence, 0, 0, cause});
}

uint64_t Rules::claims_held() const {
  uint64_t n = 0;
  for (const uint64_t h : held_) n += h;
  return n;
}

void Rules::save(ArchiveWriter& archive) const {
  archive.section("rules", 1);
  auto agenda = agenda_;
  std::vector<Turn> turns;
  for (; !agenda.empty(); agenda.pop()) turns.push_back(agenda.top());
  archive.put_vector(turns);
  archive.put(next_order_);
  archive.put_vector(held_);
  archive.put(counters_);
}

void Rules::restore(ArchiveReader& archive) {
  archive.section("rules", 1);
  agenda_ = {};
  for (const Turn& turn : archive.get_vector<Turn>()) agenda_.push(turn);
  next_order_ = archive.get<uint64_t>();
  archive.get_span(std::span(held_));
  counters_ = archive.get<RuleCounters>();
}

}  // namespace looptwin::mml
