// The state machine of events against its definition, over random conditions with three values.
#include "mml/events.h"

#include <catch2/catch.hpp>
#include <random>

#include "homes.h"

using namespace looptwin;
using namespace looptwin::mml;

namespace {

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
};

Course random_course(std::mt19937_64& random, size_t ticks) {
  Course course;
  Time at = kStart;
  uint8_t raise = 0, clear = 1;
  for (size_t t = 0; t < ticks; ++t) {
    at = at + milliseconds(500 + static_cast<int64_t>(random() % 3) * 500);
    if (random() % 4 == 0) raise = static_cast<uint8_t>(random() % 3);
    if (random() % 4 == 0) clear = static_cast<uint8_t>(random() % 3);
    course.at.push_back(at);
    course.raise.push_back(raise);
    course.clear.push_back(clear);
  }
  return course;
}

/// The definition, looking back over the whole course at every tick: a condition has run out when it was true
/// at every tick since one that lies at least the delay back, all of them after the event's last change.
std::vector<Change> by_definition(const EventConfig& config, const Course& course) {
  const auto raises = [&](size_t t) {
    return course.raise[t] == 1 || (course.raise[t] == 2 && config.unknown == OnUnknown::raise);
  };
  const auto clears = [&](size_t t) {
    const bool clear = course.clear[t] == 1 || (course.clear[t] == 2 && config.unknown == OnUnknown::clear);
    return clear && !raises(t);
  };
  std::vector<Change> changes;
  bool standing = false, both = false;
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
    if (!standing && run_out(raises, config.on_delay)) {
      standing = true;
      changes.push_back({t, RecordKind::event_raised, ++occurrence});
      first = t + 1;
    } else if (standing && run_out(clears, config.off_delay)) {
      standing = false;
      changes.push_back({t, RecordKind::event_cleared, occurrence});
      first = t + 1;
    }
    const bool clear = course.clear[t] == 1 || (course.clear[t] == 2 && config.unknown == OnUnknown::clear);
    const bool both_now = standing && raises(t) && clear;
    if (both_now && !both) changes.push_back({t, RecordKind::both_true, occurrence});
    both = both_now;
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
    event_ = event;
    events_ = std::make_unique<Events>(std::vector{event}, homes_.registry, homes_.tables);
    events_->bind(true);
  }

  std::vector<Change> run(const Course& course, bool lazy) {
    std::vector<Change> changes;
    for (size_t t = 0; t < course.at.size(); ++t) {
      auto& raise = homes_.flag(Homes::kHome, event_.raise);
      auto& clear = homes_.flag(Homes::kHome, event_.clear);
      const bool changed = t == 0 || raise != course.raise[t] || clear != course.clear[t];
      raise = course.raise[t];
      clear = course.clear[t];
      if (lazy && !changed && due > course.at[t]) continue;
      due = kNever;
      events_->step(0, course.at[t], 0, 0, 1, &due);
      for (const auto& c : events_->take_changes()) changes.push_back({t, c.kind, c.occurrence});
    }
    return changes;
  }

  bool stands() const { return events_->stands(0, 0); }
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
  size_t raised = 0, both = 0, long_delays = 0;
  for (int trial = 0; trial < 300; ++trial) {
    EventConfig config;
    config.name = "hot";
    config.on_delay = milliseconds(static_cast<int64_t>(random() % 5) * 750);
    config.off_delay = milliseconds(static_cast<int64_t>(random() % 5) * 750);
    config.unknown = static_cast<OnUnknown>(random() % 3);
    const Course course = random_course(random, 120);
    const auto expected = by_definition(config, course);
    INFO("trial " << trial);
    REQUIRE(Machine(config).run(course, false) == expected);
    REQUIRE(Machine(config).run(course, true) == expected);
    for (const auto& change : expected) {
      raised += change.kind == RecordKind::event_raised;
      both += change.kind == RecordKind::both_true;
      long_delays += config.on_delay.ns > 0;
    }
  }
  CHECK(raised > 500);
  CHECK(both > 100);
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
