// The state machine of events against its definition, over random conditions with three values.
#include "mml/events.h"

#include <catch2/catch.hpp>
#include <map>
#include <random>

#include "homes.h"

using namespace looptwin;
using namespace looptwin::mml;

namespace {

Time at(int64_t s) { return kStart + seconds(s); }

struct Change {
  size_t tick;
  RecordKind kind;
  uint32_t occurrence;
  bool operator==(const Change&) const = default;
};
std::ostream& operator<<(std::ostream& out, const Change& c) {
  return out << c.tick << ':' << name_of(c.kind) << '#' << c.occurrence;
}

/// What happens at each tick: the conditions, and the time.
struct Course {
  std::vector<Time> at;
  std::vector<uint8_t> raise, clear;
  std::vector<uint8_t> reset{}, bypass{};  ///< empty: never
  uint8_t resets(size_t t) const { return reset.empty() ? 0 : reset[t]; }
  uint8_t bypasses(size_t t) const { return bypass.empty() ? 0 : bypass[t]; }
};

Course random_course(std::mt19937_64& random, size_t ticks) {
  Course course;
  Time at = kStart;
  uint8_t raise = 0, clear = 1, reset = 0, bypass = 0;
  for (size_t t = 0; t < ticks; ++t) {
    at = at + milliseconds(500 + static_cast<int64_t>(random() % 3) * 500);
    if (random() % 4 == 0) raise = static_cast<uint8_t>(random() % 3);
    if (random() % 4 == 0) clear = static_cast<uint8_t>(random() % 3);
    if (random() % 3 == 0) reset = static_cast<uint8_t>(random() % 3);
    if (random() % 6 == 0) bypass = static_cast<uint8_t>(random() % 3);
    course.at.push_back(at);
    course.raise.push_back(raise);
    course.clear.push_back(clear);
    course.reset.push_back(reset);
    course.bypass.push_back(bypass);
  }
  return course;
}

/// The definition, looking back over the whole course at every tick: a condition has run out when it was true
/// at every tick since one that lies at least the delay back, all of them after the event's last change. What
/// begins to hold is said at that tick.
std::vector<Change> by_definition(const EventConfig& config, const Course& course) {
  const auto raises = [&](size_t t) {
    return course.raise[t] == 1 || (course.raise[t] == 2 && config.unknown == OnUnknown::raise);
  };
  const auto clears = [&](size_t t) {
    const bool clear = course.clear[t] == 1 || (course.clear[t] == 2 && config.unknown == OnUnknown::clear);
    return clear && !raises(t);
  };
  std::vector<Change> changes;
  bool standing = false, both = false, latched = false, reset = false, bypassed = false, withheld = false;
  size_t first = 0;  // the tick after the last change
  uint32_t occurrence = 0;
  for (size_t t = 0; t < course.at.size(); ++t) {
    const auto run_out = [&](auto condition, Duration delay) {
      for (size_t since = t + 1; since-- > first;) {
        if (!condition(since)) return false;
        if (course.at[t] - course.at[since] >= delay) return true;
      }
      return false;
    };
    const auto begins = [&](bool& was, bool is, RecordKind kind) {
      if (is && !was) changes.push_back({t, kind, occurrence});
      was = is;
    };
    const bool bypass = config.bypassed_while && course.bypasses(t) == 1;
    if (bypass != bypassed)
      changes.push_back({t, bypass ? RecordKind::bypass_begun : RecordKind::bypass_ended, occurrence});
    bypassed = bypass;
    const bool resets = config.latched && course.resets(t) == 1;
    const bool clear = course.clear[t] == 1 || (course.clear[t] == 2 && config.unknown == OnUnknown::clear);
    if (!standing) {
      const bool rises = run_out(raises, config.on_delay);
      begins(withheld, rises && bypass, RecordKind::event_withheld);
      if (!rises || bypass) continue;
      standing = true;
      changes.push_back({t, RecordKind::event_raised, ++occurrence});
      first = t + 1;
      reset = resets;
      both = false;
      begins(both, raises(t) && clear, RecordKind::both_true);
      continue;
    }
    begins(both, raises(t) && clear, RecordKind::both_true);
    const bool over = run_out(clears, config.off_delay);
    if (config.latched) {
      if (resets && !over && !reset) changes.push_back({t, RecordKind::reset_refused, occurrence});
      reset = resets;
      begins(latched, over && !resets, RecordKind::event_latched);
    }
    if (!over || (config.latched && !resets)) continue;
    standing = latched = withheld = false;
    changes.push_back({t, RecordKind::event_cleared, occurrence});
    first = t + 1;
  }
  return changes;
}

/// The machine on one device. `lazy`: stepped only when a condition has changed or the time that it asked for
/// has come.
class Machine {
 public:
  explicit Machine(const EventConfig& config) : homes_(1, 1) {
    Event event{.config = config, .table = Homes::kHome};
    mml::add_columns(homes_.schema, event);
    event.raise = homes_.add_boolean(Homes::kHome, "raise");
    event.clear = homes_.add_boolean(Homes::kHome, "clear");
    if (config.latched) event.reset = homes_.add_boolean(Homes::kHome, "reset");
    if (config.bypassed_while) event.bypass = homes_.add_boolean(Homes::kHome, "bypass");
    event_ = event;
    events_ = std::make_unique<Events>(std::vector{event}, homes_.registry, homes_.tables);
    events_->bind(true);
  }

  std::vector<Change> run(const Course& course, bool lazy) {
    std::vector<Change> changes;
    for (size_t t = 0; t < course.at.size(); ++t) {
      bool changed = t == 0;
      const auto put = [&](ColumnId column, uint8_t value) {
        if (!column.valid()) return;
        changed = changed || homes_.flag(Homes::kHome, column) != value;
        homes_.flag(Homes::kHome, column) = value;
      };
      put(event_.raise, course.raise[t]);
      put(event_.clear, course.clear[t]);
      put(event_.reset, course.resets(t));
      put(event_.bypass, course.bypasses(t));
      if (lazy && !changed && due > course.at[t]) continue;
      due = kNever;
      events_->step(0, course.at[t], 0, 0, 1, &due);
      for (const auto& c : events_->take_changes()) changes.push_back({t, c.kind, c.occurrence});
    }
    return changes;
  }

  bool stands() const { return events_->stands(0, 0); }
  const Events& events() const { return *events_; }
  void restore(ArchiveReader& archive) { events_->restore(archive); }
  Time due = kNever;

 private:
  Homes homes_;
  Event event_;
  std::unique_ptr<Events> events_;
};

}  // namespace

TEST_CASE(
    "events: rise and clear as the definition says, stepped always or only when something can have changed") {
  std::mt19937_64 random(20);
  size_t raised = 0, long_delays = 0;
  std::map<RecordKind, size_t> said;
  for (int trial = 0; trial < 600; ++trial) {
    EventConfig config;
    config.name = "hot";
    config.on_delay = milliseconds(static_cast<int64_t>(random() % 5) * 750);
    config.off_delay = milliseconds(static_cast<int64_t>(random() % 5) * 750);
    config.unknown = static_cast<OnUnknown>(random() % 3);
    config.latched = random() % 2 == 0;
    if (random() % 2 == 0) config.bypassed_while.emplace();
    const Course course = random_course(random, 120);
    const auto expected = by_definition(config, course);
    INFO("trial " << trial);
    REQUIRE(Machine(config).run(course, false) == expected);
    REQUIRE(Machine(config).run(course, true) == expected);
    for (const auto& change : expected) {
      raised += change.kind == RecordKind::event_raised;
      ++said[change.kind];
      long_delays += config.on_delay.ns > 0;
    }
  }
  CHECK(raised > 500);
  for (const auto kind : {RecordKind::both_true, RecordKind::event_cleared, RecordKind::event_latched,
                          RecordKind::reset_refused, RecordKind::bypass_begun, RecordKind::bypass_ended,
                          RecordKind::event_withheld}) {
    INFO(name_of(kind));
    CHECK(said[kind] > 100);
  }
  CHECK(long_delays > 500);
}

TEST_CASE("events: ask to be stepped exactly when a running delay ends") {
  EventConfig config;
  config.name = "hot";
  config.on_delay = milliseconds(2500);
  config.off_delay = milliseconds(700);
  Machine machine(config);
  machine.run({{kStart + seconds(1)}, {1}, {0}}, false);
  CHECK(machine.due == kStart + milliseconds(3500));
  machine.run({{kStart + milliseconds(3499)}, {1}, {0}}, false);
  CHECK_FALSE(machine.stands());
  machine.run({{kStart + milliseconds(3500)}, {1}, {0}}, false);
  CHECK(machine.stands());
  CHECK(machine.due == kNever);
  machine.run({{kStart + seconds(4)}, {0}, {1}}, false);
  CHECK(machine.due == kStart + milliseconds(4700));
  machine.run({{kStart + seconds(4) + milliseconds(600)}, {0}, {2}},
              false);  // unknown: the delay starts anew
  CHECK(machine.due == kNever);
  machine.run({{kStart + seconds(5)}, {0}, {1}}, false);
  CHECK(machine.due == kStart + milliseconds(5700));
  machine.run({{kStart + milliseconds(5700)}, {0}, {1}}, false);
  CHECK_FALSE(machine.stands());
}

TEST_CASE("events: while raise and clear both hold the event rises, says so, and stands") {
  EventConfig config;
  config.name = "hot";
  Machine machine(config);
  const auto changes = machine.run(
      {{kStart + seconds(1), kStart + seconds(2), kStart + seconds(3)}, {1, 1, 0}, {1, 1, 1}}, false);
  CHECK(changes == std::vector<Change>{{0, RecordKind::event_raised, 1},
                                       {0, RecordKind::both_true, 1},
                                       {2, RecordKind::event_cleared, 1}});
}

TEST_CASE("events: that both conditions hold is said each time that it begins while the event stands") {
  EventConfig config;
  config.name = "hot";
  Course course;
  for (int s = 1; s <= 7; ++s) course.at.push_back(kStart + seconds(s));
  course.raise = {1, 1, 1, 1, 1, 1, 0};
  course.clear = {0, 1, 1, 0, 2, 1, 1};
  CHECK(Machine(config).run(course, true) == std::vector<Change>{{0, RecordKind::event_raised, 1},
                                                                 {1, RecordKind::both_true, 1},
                                                                 {5, RecordKind::both_true, 1},
                                                                 {6, RecordKind::event_cleared, 1}});
}

TEST_CASE("events: what may have been forgotten is counted: bypasses, and what waits for its reset") {
  EventConfig config;
  config.name = "hot";
  config.latched = true;
  config.bypassed_while.emplace();
  Machine machine(config);
  const Course course{{at(1), at(2), at(3), at(4), at(5)},
                      {1, 0, 1, 1, 0},
                      {0, 1, 0, 0, 1},
                      {0, 1, 1, 0, 0},
                      {0, 0, 1, 0, 1}};
  machine.run(course, true);
  const auto& counters = machine.events().counters();
  CHECK(counters.bypasses == 2);
  CHECK(counters.withheld == 1);
  CHECK(counters.refused_resets == 0);
  const auto waiting = machine.events().waiting();
  CHECK(waiting.bypassed == 1);
  CHECK(waiting.oldest_since == at(5));
  CHECK(waiting.latched == 1);

  ArchiveWriter archive;
  machine.events().save(archive);
  Machine other(config);
  ArchiveReader reader(archive.bytes());
  other.restore(reader);
  CHECK((reader.ok() && reader.at_end()));
  CHECK(other.events().counters().withheld == 1);
}

TEST_CASE("events: changes come ordered by event and row, from all shards") {
  Homes homes(1, 9000);  // two shards
  std::vector<Event> events;
  for (const char* name : {"a", "b"}) {
    Event event{.config = {.name = name}, .table = Homes::kHome};
    mml::add_columns(homes.schema, event);
    event.raise = homes.add_boolean(Homes::kHome, std::string("raise.") + name);
    event.clear = homes.add_boolean(Homes::kHome, std::string("clear.") + name);
    events.push_back(event);
  }
  Events machine(events, homes.registry, homes.tables);
  machine.bind(true);
  for (const auto& event : events) {
    for (const size_t row : {8999u, 5u, 8191u, 8192u}) homes.flag(Homes::kHome, event.raise, row) = 1;
  }
  const auto shards = homes.tables.shards();
  std::vector<Time> due(200, kNever);
  for (const size_t event : {1u, 0u})
    for (size_t s = shards.size(); s-- > 0;)
      if (shards[s].table == Homes::kHome)
        machine.step(event, kStart + seconds(1), s, shards[s].first, shards[s].rows, due.data());
  std::vector<std::pair<uint32_t, uint32_t>> order;
  for (const auto& change : machine.take_changes()) order.emplace_back(change.event, change.row);
  CHECK(order == std::vector<std::pair<uint32_t, uint32_t>>{
                     {0, 5}, {0, 8191}, {0, 8192}, {0, 8999}, {1, 5}, {1, 8191}, {1, 8192}, {1, 8999}});
  CHECK(machine.take_changes().empty());
}
