// Alarms: the states of ISA-18.2 between the plant and its operator.
#include "mml/alarms.h"

#include <catch2/catch.hpp>

#include "homes.h"

using namespace looptwin;
using namespace looptwin::mml;

namespace {

Time at(double s) { return Time{static_cast<int64_t>(s * 1e9)}; }

/// One alarm of high priority on each home, and a second, of low priority, about the same event.
struct Panel {
  Homes homes;
  std::vector<Event> events;
  std::vector<Alarm> wired;
  std::unique_ptr<Alarms> alarms;
  std::vector<Record> log;
  struct Wall final : AlarmSink {
    void raised(const RaisedAlarm& alarm) override { shown.push_back(alarm); }
    std::vector<RaisedAlarm> shown;
  } wall;

  Panel() : homes(1, 3) {
    Event event{.config = {.name = "hot"}, .table = Homes::kHome};
    mml::add_columns(homes.schema, event);
    events.push_back(event);
    for (const auto& [name, priority] :
         {std::pair{"too_hot", AlarmPriority::high}, std::pair{"warm", AlarmPriority::low}}) {
      Alarm alarm;
      alarm.config.event.name = name;
      alarm.config.priority = priority;
      alarm.table = Homes::kHome;
      mml::add_columns(homes.schema, alarm);
      Shown temperature{
          .column = homes.model().fields[Homes::kTemperature].value, .unit = celsius(), .resolution = 0.1};
      alarm.cause = {{"It is ", temperature}, {" here.", {}}};
      alarm.action = {{std::string("Look at ") + name + ' ', Shown{.is = Shown::Is::id}}};
      wired.push_back(alarm);
    }
    homes.tables.allocate_added();
    alarms = std::make_unique<Alarms>(wired, events, homes.schema, homes.registry, homes.tables, &wall);
    alarms->bind(true);
  }

  void change(RecordKind kind, uint32_t row, uint32_t occurrence, Time now = at(1)) {
    homes.tables.values<uint32_t>(Homes::kHome, events[0].occurrence)[row] = occurrence;
    alarms->on_change({0, row, occurrence, kind}, 77, now, log);
  }
  AlarmState state(uint32_t row = 0, size_t alarm = 0) {
    return static_cast<AlarmState>(homes.flag(Homes::kHome, wired[alarm].state, row));
  }
  bool acknowledge(uint32_t row = 0) { return alarms->acknowledge(0, row, at(2), log); }
};

}  // namespace

TEST_CASE("alarms: acknowledged while it stands, then returned, an alarm is over") {
  Panel panel;
  CHECK(panel.state() == AlarmState::normal);
  CHECK_FALSE(panel.acknowledge());
  panel.change(RecordKind::event_raised, 0, 1);
  CHECK(panel.state() == AlarmState::unacknowledged);
  CHECK(panel.acknowledge());
  CHECK(panel.state() == AlarmState::acknowledged);
  CHECK_FALSE(panel.acknowledge());  // once is enough
  panel.change(RecordKind::event_cleared, 0, 1);
  CHECK(panel.state() == AlarmState::normal);
  CHECK(panel.state(1) == AlarmState::normal);
}

TEST_CASE("alarms: returned before anyone has seen it, an alarm waits for its acknowledgement") {
  Panel panel;
  panel.change(RecordKind::event_raised, 0, 1);
  panel.change(RecordKind::event_cleared, 0, 1);
  CHECK(panel.state() == AlarmState::returned);
  panel.change(RecordKind::event_raised, 0, 2);
  CHECK(panel.state() == AlarmState::unacknowledged);
  panel.change(RecordKind::event_cleared, 0, 2);
  CHECK(panel.acknowledge());
  CHECK(panel.state() == AlarmState::normal);
}

TEST_CASE("alarms: every change is a record with its event as the cause, and one id an occurrence") {
  Panel panel;
  panel.change(RecordKind::event_raised, 1, 1, at(5));
  panel.change(RecordKind::both_true, 1, 1, at(5));  // no change of an alarm
  REQUIRE(panel.log.size() == 2);
  CHECK(panel.log[0].kind == RecordKind::alarm_raised);
  CHECK(panel.log[0].subject == 0);
  CHECK(panel.log[1].subject == 1);
  CHECK(panel.log[0].cause == 77);
  CHECK(panel.log[0].device == Homes::home(1));
  CHECK(panel.log[0].at == at(5));
  CHECK(panel.log[0].id != panel.log[1].id);
  CHECK(panel.acknowledge(1));
  panel.change(RecordKind::event_cleared, 1, 1);
  CHECK(panel.log[2].kind == RecordKind::alarm_acknowledged);
  CHECK(panel.log[3].kind == RecordKind::alarm_returned);
  for (const size_t i : {2u, 3u}) CHECK(panel.log[i].id == panel.log[0].id);
  panel.change(RecordKind::event_raised, 1, 2);
  CHECK(panel.log[5].id != panel.log[0].id);
}

TEST_CASE("alarms: the operator's texts are filled in as the alarm is raised, and stay as they were") {
  Panel panel;
  auto& temperature = panel.homes.number(Homes::kHome, panel.homes.model().fields[0].value, 1);
  temperature = 273.15 + 31.24;
  panel.change(RecordKind::event_raised, 1, 1, at(5));
  temperature = 300;
  panel.change(RecordKind::event_cleared, 1, 1);
  REQUIRE(panel.wall.shown.size() == 2);
  const auto& shown = panel.wall.shown[0];
  CHECK(shown.cause == "It is 31.2 degC here.");
  CHECK(shown.consequence.empty());
  CHECK(shown.action == "Look at too_hot block-1/home-2");
  CHECK(shown.at == at(5));
  CHECK(shown.id == panel.log[0].id);
  CHECK(shown.device == Homes::home(1));

  for (uint32_t n = 2; n <= 4; ++n) panel.change(RecordKind::event_raised, 0, n, at(n));
  const auto& latest = panel.alarms->latest();
  REQUIRE(latest.size() == Alarms::kLatest);
  CHECK(latest.back().occurrence == 4);
  ArchiveWriter archive;
  panel.alarms->save(archive);
  Panel other;
  ArchiveReader reader(archive.bytes());
  other.alarms->restore(reader);
  REQUIRE((reader.ok() && reader.at_end()));
  REQUIRE(other.alarms->latest().size() == latest.size());
  CHECK(other.alarms->latest().front().action == latest.front().action);
}

TEST_CASE("alarms: the figures follow, by priority, and are saved") {
  Panel panel;
  for (const uint32_t row : {0u, 1u, 2u}) panel.change(RecordKind::event_raised, row, 1);
  panel.change(RecordKind::event_cleared, 1, 1);
  panel.acknowledge(0);
  ArchiveWriter archive;
  panel.alarms->save(archive);
  Panel other;
  ArchiveReader reader(archive.bytes());
  other.alarms->restore(reader);
  REQUIRE((reader.ok() && reader.at_end()));
  for (const auto& counters : {panel.alarms->counters(), other.alarms->counters()}) {
    CHECK(counters.raised == 6);
    CHECK(counters.returned == 2);
    CHECK(counters.acknowledged == 1);
    CHECK(counters.raised_by_priority == std::array<uint64_t, 4>{3, 0, 3, 0});
    CHECK(counters.standing_by_priority == std::array<uint64_t, 4>{2, 0, 2, 0});
  }
}
