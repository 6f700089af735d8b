#include "mml/claims.h"

#include <fmt/format.h>
#include <algorithm>
#include <limits>

#include "base/check.h"
#include "base/prefetch.h"
#include "base/random.h"

namespace looptwin::mml {
namespace {

constexpr double kNoClaim = std::numeric_limits<double>::quiet_NaN();
/// Groups that a release is spread over when the rule names no groups of its own.
constexpr uint32_t kReleaseGroups = 10;
/// Of how many rows the memory is asked for before they are claimed.
constexpr size_t kAhead = 8;

}  // namespace

void add_columns(lang::Schema& schema, const std::string& rule, TableId target, lang::Type type,
                 WiredOverride::Set& set) {
  const std::string name = fmt::format(".{}.{}", rule, set.setpoint);
  const lang::Type instant = lang::Type::point_of(lang::kTimeDimension);
  set.claim = schema.add_column(target, {name + ".claim", type, {}, lang::Storage::f64});
  set.since = schema.add_column(target, {name + ".since", instant, {}, lang::Storage::instant});
  set.occurrence = schema.add_column(target, {name + ".occurrence", {}, {}, lang::Storage::row});
  set.owner = schema.add_column(target, {name + ".owner", {}, {}, lang::Storage::row});
  set.waiting =
      schema.add_column(target, {name + ".waiting", lang::Type::boolean(), {}, lang::Storage::boolean});
}

Claims::Claims(const std::vector<Rule>& rules, const lang::Schema& schema, const twin::Registry& registry,
               twin::Tables& tables, const Events& events, Dispatcher& dispatcher, uint64_t seed)
    : rules_(rules),
      schema_(schema),
      registry_(registry),
      tables_(tables),
      events_(events),
      dispatcher_(dispatcher),
      seed_(seed) {}

void Claims::bind(const lang::Plan& plan) {
  contests_.clear();
  begun_ = false;
  for (size_t r = 0; r < rules_.size(); ++r) {
    for (size_t o = 0; o < rules_[r].overrides.size(); ++o) {
      const auto& wired = rules_[r].overrides[o];
      const TableId table = wired.target.table;
      const auto* where =
          wired.target.where ? tables_.values<uint8_t>(table, *wired.target.where).data() : nullptr;
      for (size_t s = 0; s < wired.set.size(); ++s) {
        const auto& set = wired.set[s];
        const bool steady = plan.is_steady(table, set.value) &&
                            (!wired.target.where || plan.is_steady(table, *wired.target.where));
        contest_of(table, set.setpoint)
            .claims.push_back({static_cast<uint16_t>(r), static_cast<uint16_t>(o), static_cast<uint16_t>(s),
                               wired.config.priority, tables_.values<double>(table, set.claim).data(),
                               tables_.values<int64_t>(table, set.since).data(),
                               tables_.values<uint32_t>(table, set.occurrence).data(),
                               tables_.values<uint32_t>(table, set.owner).data(),
                               tables_.values<uint8_t>(table, set.waiting).data(), where,
                               tables_.column(table, set.value), schema_.column(table, set.value).storage,
                               steady});
      }
    }
  }
}

Claims::Contest& Claims::contest_of(TableId table, uint16_t setpoint) {
  const auto found = std::find_if(contests_.begin(), contests_.end(), [&](const Contest& c) {
    return c.table == table && c.setpoint == setpoint;
  });
  if (found != contests_.end()) return *found;
  dispatcher_.expect(table, setpoint);
  const auto& model = registry_.model(table);
  const auto& columns = model.setpoints[setpoint];
  return contests_.emplace_back(Contest{table,
                                        setpoint,
                                        tables_.values<double>(table, columns.desired).data(),
                                        tables_.values<double>(table, columns.fallback).data(),
                                        tables_.values<int64_t>(table, columns.changed).data(),
                                        tables_.values<uint32_t>(table, model.version).data(),
                                        {}});
}

template <typename Act>
void Claims::for_each_claim(uint16_t rule, uint16_t override_index, Act act) {
  for (Contest& contest : contests_)
    for (Claim& claim : contest.claims)
      if (claim.rule == rule && claim.override_index == override_index) act(contest, claim);
}

uint64_t Claims::cause_of(const Claim& claim, uint32_t row) const {
  const auto& event = events_.all()[rules_[claim.rule].event];
  return event_id(event.config.name, registry_.key({event.table, Row(claim.owner[row])}),
                  claim.occurrence[row]);
}

Record Claims::record(RecordKind kind, const Contest& contest, const Claim& claim, uint32_t row, double value,
                      Time now) const {
  return {
      now,   kind, claim.rule,          contest.setpoint, {contest.table, Row(row)}, claim.occurrence[row],
      value, 0,    cause_of(claim, row)};
}

// ---- when: an event's turns

void Claims::on_change(uint16_t rule, const EventChange& change, Time now, std::vector<Record>& log) {
  const bool raised = change.kind == RecordKind::event_raised;
  for (size_t o = 0; o < rules_[rule].overrides.size(); ++o) {
    const auto override_index = static_cast<uint16_t>(o);
    if (raised) {
      keep_claims(rule, override_index, change, now, log);
    } else {
      stop_waiting(rule, override_index, change);
      begin_turns(rule, override_index, change, true, now);
    }
  }
}

void Claims::begin(uint16_t rule, uint16_t override_index, const EventChange& change, Time now) {
  begin_turns(rule, override_index, change, false, now);
}

/// Claims of the occurrence before that are not released yet belong to this one from now on.
void Claims::keep_claims(uint16_t rule, uint16_t override_index, const EventChange& change, Time now,
                         std::vector<Record>& log) {
  for_each_claim(rule, override_index, [&](Contest& contest, Claim& claim) {
    const auto& target = rules_[rule].overrides[override_index].target;
    for_each_target(registry_, tables_, target, change.row, [&](uint32_t row) {
      if (!claim.held(row)) return;
      claim.occurrence[row] = change.occurrence;
      ++counters_.claims;
      log.push_back(record(RecordKind::claimed, contest, claim, row, claim.claim[row], now));
    });
  });
}

void Claims::stop_waiting(uint16_t rule, uint16_t override_index, const EventChange& change) {
  for_each_claim(rule, override_index, [&](Contest& contest, Claim& claim) {
    if (contest.waiting == 0) return;
    const auto& target = rules_[rule].overrides[override_index].target;
    for_each_target(registry_, tables_, target, change.row, [&](uint32_t row) {
      contest.waiting -= claim.waits(row);
      claim.waiting[row] = 0;
    });
  });
}

void Claims::begin_turns(uint16_t rule, uint16_t override_index, const EventChange& change, bool release,
                         Time now) {
  const OverrideConfig& config = rules_[rule].overrides[override_index].config;
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

void Claims::step(Time now, const Dirty& dirty, std::vector<Record>& log) {
  yield_to_refusals(now, log);
  while (!agenda_.empty() && agenda_.top().at <= now) {
    const Turn turn = agenda_.top();
    agenda_.pop();
    take_turn(turn, now, log);
  }
  for (Contest& contest : contests_)
    if (!begun_) contest.rests = can_rest(contest);
  begun_ = true;
  claim_late(now, dirty, log);
  follow_values(now, dirty, log);
}

/// Whether nothing can come of waiting and following by itself. Claims that have been restored may be those
/// of other rules.
bool Claims::can_rest(const Contest& contest) const {
  const size_t rows = tables_.rows(contest.table);
  return std::all_of(contest.claims.begin(), contest.claims.end(), [&](const Claim& claim) {
    if (!claim.steady) return false;
    for (size_t row = 0; row < rows; ++row) {
      if (claim.held(row) && claim.claim[row] != claim.value(row)) return false;
      if (claim.waits(row) && claim.wanted(row)) return false;
    }
    return true;
  });
}

void Claims::take_turn(const Turn& turn, Time now, std::vector<Record>& log) {
  const Rule& rule = rules_[turn.rule];
  // A claim's turn is over when its event has cleared, or has risen anew, in the meantime.
  if (!turn.release &&
      (!events_.stands(rule.event, turn.row) || events_.occurrence(rule.event, turn.row) != turn.occurrence))
    return;
  const auto stream = random::stream(seed_, "stagger." + rule.config.name);
  const uint64_t draw = (static_cast<uint64_t>(turn.row) << 32) | turn.occurrence;
  const auto& target = rule.overrides[turn.override_index].target;
  group_.clear();
  for_each_target(registry_, tables_, target, turn.row, [&](uint32_t row) {
    const uint64_t bits = random::bits(stream, registry_.key({target.table, Row(row)}), draw);
    if (turn.groups == 1 || bits % turn.groups == turn.group) group_.push_back(row);
  });
  for_each_claim(turn.rule, turn.override_index, [&](Contest& contest, Claim& claim) {
    for (size_t i = 0; i < group_.size(); ++i) {
      if (i + kAhead < group_.size()) ahead(contest, claim, group_[i + kAhead]);
      take_turn(turn, contest, claim, group_[i], now, log);
    }
  });
}

/// The group's rows lie apart, each in many columns: their memory is asked for while others are claimed.
void Claims::ahead(const Contest& contest, const Claim& claim, uint32_t row) const {
  const auto ask = [row](const auto* column) { prefetch(&column[row], sizeof column[row]); };
  ask(claim.claim), ask(claim.since), ask(claim.occurrence), ask(claim.owner);
  ask(contest.desired), ask(contest.changed), ask(contest.version);
  dispatcher_.ahead(contest.table, contest.setpoint, row);
}

void Claims::take_turn(const Turn& turn, Contest& contest, Claim& claim, uint32_t row, Time now,
                       std::vector<Record>& log) {
  const bool belongs = claim.belongs_to(turn.row, turn.occurrence, row);
  if (turn.release) {
    if (belongs && claim.held(row)) release(contest, claim, row, now, log);
    return;
  }
  if (belongs) return;  // kept from the occurrence before
  claim.owner[row] = turn.row;
  claim.occurrence[row] = turn.occurrence;
  if (try_claim(contest, claim, row, now, log)) return;
  claim.waiting[row] = 1;
  ++contest.waiting;
}

// ---- who: one claim

/// Claims the row where that can be done now; its owner and occurrence are set.
bool Claims::try_claim(Contest& contest, Claim& claim, uint32_t row, Time now, std::vector<Record>& log) {
  if (!claim.wanted(row)) return false;
  const double value = claim.value(row);
  LT_CHECK(!claim.held(row), "a claim of another device's event");
  ++contest.held;
  claim.claim[row] = value;
  claim.since[row] = now.ns;
  ++counters_.claims;
  log.push_back(record(RecordKind::claimed, contest, claim, row, value, now));
  resolve(contest, row, claim, Move::claimed, now, log);
  return true;
}

void Claims::release(Contest& contest, Claim& claim, uint32_t row, Time now, std::vector<Record>& log) {
  claim.claim[row] = kNoClaim;
  --contest.held;
  ++counters_.releases;
  log.push_back(record(RecordKind::released, contest, claim, row, contest.fallback[row], now));
  resolve(contest, row, claim, Move::released, now, log);
}

/// Only rows that are dirty can have come to meet what they waited for.
void Claims::claim_late(Time now, const Dirty& dirty, std::vector<Record>& log) {
  for (Contest& contest : contests_) {
    if (contest.waiting == 0 || contest.rests) continue;
    dirty.for_each_run({contest.table, 0, tables_.rows(contest.table)}, [&](size_t first, size_t count) {
      for (Claim& claim : contest.claims) {
        for (size_t row = first; row < first + count; ++row) {
          if (!claim.waits(row) || !try_claim(contest, claim, static_cast<uint32_t>(row), now, log)) continue;
          claim.waiting[row] = 0;
          --contest.waiting;
        }
      }
    });
  }
}

void Claims::follow_values(Time now, const Dirty& dirty, std::vector<Record>& log) {
  for (Contest& contest : contests_) {
    if (contest.held == 0 || contest.rests) continue;
    dirty.for_each_run({contest.table, 0, tables_.rows(contest.table)}, [&](size_t first, size_t count) {
      for (size_t row = first; row < first + count; ++row) {
        const Claim* moved = nullptr;
        for (Claim& claim : contest.claims) {
          if (!claim.held(row)) continue;
          const double value = claim.value(row);
          if (value != value || claim.claim[row] == value) continue;
          claim.claim[row] = value;
          moved = &claim;
        }
        if (moved != nullptr) resolve(contest, static_cast<uint32_t>(row), *moved, Move::followed, now, log);
      }
    });
  }
}

void Claims::yield_to_refusals(Time now, std::vector<Record>& log) {
  for (const Ended& ended : dispatcher_.ended()) {
    if (ended.outcome != twin::Outcome::refused_local) continue;
    const auto row = static_cast<uint32_t>(ended.device.row.index());
    for (Contest& contest : contests_) {
      if (contest.table != ended.device.table || contest.setpoint != ended.quantity) continue;
      for (Claim& claim : contest.claims) {
        if (claim.rule != ended.rule || !claim.held(row)) continue;
        claim.claim[row] = kNoClaim;
        --contest.held;
        ++counters_.yields;
        log.push_back(record(RecordKind::yielded, contest, claim, row, contest.fallback[row], now));
        resolve(contest, row, claim, Move::yielded, now, log);
      }
    }
  }
  dispatcher_.ended().clear();
}

// ---- what: the setpoint's value

void Claims::resolve(Contest& contest, uint32_t row, const Claim& moved, Move move, Time now,
                     std::vector<Record>& log) {
  const Claim* winner = nullptr;
  const Claim* rival = nullptr;  // the strongest beside the one that moved
  bool conflict = false;
  const auto beats = [row](const Claim& claim, const Claim* other) {
    return other == nullptr || claim.priority > other->priority ||
           (claim.priority == other->priority && claim.since[row] < other->since[row]);
  };
  for (const Claim& claim : contest.claims) {
    if (!claim.held(row)) continue;
    conflict |= claim.priority == moved.priority && claim.claim[row] != moved.claim[row];
    if (beats(claim, winner)) winner = &claim;
    if (&claim != &moved && beats(claim, rival)) rival = &claim;
  }
  const double desired = winner != nullptr ? winner->claim[row] : contest.fallback[row];
  // Said when the second of the two is claimed, and only where no higher claim makes it idle.
  if (move == Move::claimed && conflict && winner->priority == moved.priority) {
    ++counters_.conflicts;
    Record said = record(RecordKind::conflict, contest, *winner, row, desired, now);
    said.cause = 0;
    log.push_back(said);
  }
  // A rule's own later step is meant to take the place of an earlier one.
  if (move == Move::claimed && rival != nullptr && rival->rule != moved.rule &&
      rival->priority != moved.priority && rival->claim[row] != moved.claim[row]) {
    ++counters_.outranked;
    Record said =
        record(RecordKind::outranked, contest, winner == &moved ? *rival : moved, row, desired, now);
    said.cause = cause_of(*winner, row);
    log.push_back(said);
  }
  if (desired == contest.desired[row]) return;
  contest.desired[row] = desired;
  contest.changed[row] = now.ns;
  ++contest.version[row];
  // The resident keeps what he has, unless another claim stands.
  if (move == Move::yielded && winner == nullptr) return;
  ask(contest, row, winner, moved, now, log);
}

void Claims::ask(const Contest& contest, uint32_t row, const Claim* winner, const Claim& moved, Time now,
                 std::vector<Record>& log) {
  const Claim& because = winner != nullptr ? *winner : moved;
  Request request;
  request.command.device = {contest.table, Row(row)};
  request.command.index = contest.setpoint;
  request.command.value = contest.desired[row];
  request.command.expires = kNever;
  request.rule = because.rule;
  request.occurrence = because.occurrence[row];
  request.cause = cause_of(because, row);
  if (winner != nullptr) {
    const WiredOverride& wired = rules_[winner->rule].overrides[winner->override_index];
    request.command.may_refuse = wired.config.yield_to_local;
    request.verification = wired.verification;
  }
  dispatcher_.issue(request, now, log);
}

// ---- state

uint64_t Claims::held() const {
  uint64_t n = 0;
  for (const Contest& contest : contests_) n += contest.held;
  return n;
}

void Claims::save(ArchiveWriter& archive) const {
  archive.section("claims", 2);
  auto agenda = agenda_;
  std::vector<Turn> turns;
  for (; !agenda.empty(); agenda.pop()) turns.push_back(agenda.top());
  archive.put_vector(turns);
  archive.put(next_order_);
  for (const Contest& contest : contests_) {
    archive.put(contest.held);
    archive.put(contest.waiting);
  }
  archive.put(counters_);
}

void Claims::restore(ArchiveReader& archive) {
  archive.section("claims", 2);
  begun_ = false;
  agenda_ = {};
  for (const Turn& turn : archive.get_vector<Turn>()) agenda_.push(turn);
  next_order_ = archive.get<uint64_t>();
  for (Contest& contest : contests_) {
    contest.held = archive.get<uint64_t>();
    contest.waiting = archive.get<uint64_t>();
  }
  counters_ = archive.get<ClaimCounters>();
}

}  // namespace looptwin::mml
