// Alarms between the plant, its operator and time.
#include "mml/alarms.h"

#include <fmt/format.h>
#include <algorithm>
#include <catch2/catch.hpp>
#include <fstream>
#include <functional>
#include <sstream>

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
    void journal(const JournalLine& line) override {
      lines.push_back({line.record.kind, line.state, line.priority, std::string(line.person),
                       std::string(line.text), line.until});
    }
    struct Line {
      RecordKind kind;
      AlarmState state;
      AlarmPriority priority;
      std::string person, text;
      Time until;
    };
    std::vector<RaisedAlarm> shown;
    std::vector<Line> lines;
  } wall;

  /// `change` has the last word on each alarm's configuration.
  explicit Panel(const std::function<void(std::vector<Alarm>&)>& change = {}) : homes(1, 3) {
    Event event{.config = {.name = "hot"}, .table = Homes::kHome};
    mml::add_columns(homes.schema, event);
    events.push_back(event);
    Event shutdown{.config = {.name = "shutdown"}, .table = Homes::kHome};
    mml::add_columns(homes.schema, shutdown);
    events.push_back(shutdown);
    for (const auto& [name, priority] :
         {std::pair{"too_hot", AlarmPriority::high}, std::pair{"warm", AlarmPriority::low}}) {
      Alarm alarm;
      alarm.config.event.name = name;
      alarm.config.priority = priority;
      alarm.event = 0;
      alarm.table = Homes::kHome;
      mml::add_columns(homes.schema, alarm);
      Shown temperature{
          .column = homes.model().fields[Homes::kTemperature].value, .unit = celsius(), .resolution = 0.1};
      alarm.cause = {{"It is ", temperature}, {" here.", {}}};
      alarm.action = {{std::string("Look at ") + name + ' ', Shown{.is = Shown::Is::id}}};
      wired.push_back(alarm);
    }
    if (change) change(wired);
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
  bool acknowledge(uint32_t row = 0) { return ask(AlarmOperation::acknowledge, 2, {}, {}, row).empty(); }
  std::string ask(AlarmOperation what, double now, std::string_view text = {}, Duration lasts = {},
                  uint32_t row = 0, size_t alarm = 0) {
    return alarms->operate({what, alarm, row, "anna", text, lasts}, at(now), log);
  }
  void shut_down(bool on, uint32_t row, double now) {
    homes.flag(Homes::kHome, events[1].standing, row) = on;
    alarms->on_change({1, row, 1, on ? RecordKind::event_raised : RecordKind::event_cleared}, 78, at(now),
                      log);
  }
  void step(double now) { alarms->step(at(now), log); }
  size_t count(RecordKind kind) const {
    return static_cast<size_t>(
        std::count_if(log.begin(), log.end(), [&](const Record& r) { return r.kind == kind; }));
  }
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

TEST_CASE("alarms: shelved for a time, an alarm is hidden; when that is over it is shown anew") {
  Panel panel;
  panel.change(RecordKind::event_raised, 0, 1);
  CHECK(panel.ask(AlarmOperation::shelve, 2, "", minutes(5)) == "it needs a reason");
  CHECK(panel.ask(AlarmOperation::shelve, 2, "gauge is being changed", hours(9)) ==
        "it may be shelved for 8 h at the most");
  CHECK(panel.ask(AlarmOperation::shelve, 2, "gauge is being changed") == "it is not said for how long");
  CHECK(panel.ask(AlarmOperation::shelve, 2, "gauge is being changed", minutes(5)).empty());
  CHECK(panel.state() == AlarmState::shelved);
  CHECK(panel.ask(AlarmOperation::shelve, 3, "again", minutes(5)) == "it is shelved already");
  CHECK(panel.ask(AlarmOperation::acknowledge, 3) == "it is shelved: unshelve it first");
  panel.step(301);
  CHECK(panel.state() == AlarmState::shelved);
  panel.step(302);
  CHECK(panel.state() == AlarmState::unacknowledged);
  CHECK(panel.count(RecordKind::alarm_unshelved) == 1);
  CHECK(panel.count(RecordKind::alarm_shown) == 1);
  CHECK(panel.count(RecordKind::alarm_refused) == 5);
  const auto& shelving =
      *std::find_if(panel.wall.lines.begin(), panel.wall.lines.end(),
                    [](const auto& line) { return line.kind == RecordKind::alarm_shelved; });
  CHECK(shelving.person == "anna");
  CHECK(shelving.text == "gauge is being changed");
  CHECK(shelving.until == at(302));
  CHECK(shelving.state == AlarmState::shelved);
  const auto& refused = *std::find_if(panel.wall.lines.begin(), panel.wall.lines.end(), [](const auto& line) {
    return line.kind == RecordKind::alarm_refused;
  });
  CHECK(refused.text == "shelve: it needs a reason");
}

TEST_CASE("alarms: what is raised while it is hidden is journalled, and shown only if it still stands") {
  Panel panel;
  CHECK(panel.ask(AlarmOperation::out_of_service, 1, "no crew today").empty());
  panel.change(RecordKind::event_raised, 0, 1, at(2));
  CHECK(panel.state() == AlarmState::out_of_service);
  CHECK(panel.log.back().quantity == 0);  // the second alarm is in service
  CHECK(panel.log[panel.log.size() - 2].quantity == kOutOfService);
  CHECK(panel.alarms->latest().size() == 1);
  panel.change(RecordKind::event_cleared, 0, 1, at(3));
  CHECK(panel.ask(AlarmOperation::in_service, 4).empty());
  CHECK(panel.state() == AlarmState::normal);  // nobody was told, nobody must answer
  CHECK(panel.count(RecordKind::alarm_shown) == 0);
  CHECK(panel.ask(AlarmOperation::in_service, 5) == "it is in service");
}

TEST_CASE("alarms: hidden twice, an alarm is shown when nothing hides it any more") {
  Panel panel;
  panel.change(RecordKind::event_raised, 0, 1);
  panel.acknowledge();
  CHECK(panel.ask(AlarmOperation::shelve, 3, "noisy", minutes(1)).empty());
  CHECK(panel.ask(AlarmOperation::suppress, 4, "maintenance").empty());
  CHECK(panel.state() == AlarmState::suppressed);
  CHECK(panel.ask(AlarmOperation::unshelve, 5).empty());
  CHECK(panel.state() == AlarmState::suppressed);
  CHECK(panel.ask(AlarmOperation::unsuppress, 6).empty());
  CHECK(panel.state() == AlarmState::unacknowledged);  // it was answered before, and is to be again
  panel.step(100);                                     // its shelving is over already
  CHECK(panel.count(RecordKind::alarm_unshelved) == 1);
}

TEST_CASE("alarms: suppressed by design, an alarm that rises at the same boundary is never shown") {
  const auto suppressed = [](std::vector<Alarm>& wired) { wired[0].suppression = 1; };
  Panel panel(suppressed);
  panel.homes.flag(Homes::kHome, panel.events[1].standing, 0) = 1;
  panel.change(RecordKind::event_raised, 0, 1, at(1));  // its event comes first, the suppression's later
  panel.shut_down(true, 0, 1);
  CHECK(panel.state() == AlarmState::suppressed);
  CHECK(panel.count(RecordKind::alarm_suppressed) == 1);
  CHECK(panel.wall.shown.size() == 2);
  CHECK(panel.alarms->latest().size() == 1);
  panel.shut_down(false, 0, 9);
  CHECK(panel.state() == AlarmState::unacknowledged);
  CHECK(panel.state(0, 1) == AlarmState::unacknowledged);
  CHECK(panel.ask(AlarmOperation::unsuppress, 10) == "no person has suppressed it");
}

TEST_CASE("alarms: a latched alarm is over when a person resets it, and not before") {
  Panel panel([](std::vector<Alarm>& wired) { wired[0].config.latched = true; });
  panel.change(RecordKind::event_raised, 0, 1);
  CHECK(panel.ask(AlarmOperation::reset, 2) == "its condition still stands");
  panel.change(RecordKind::event_cleared, 0, 1);
  CHECK(panel.state() == AlarmState::latched_unacknowledged);
  CHECK(panel.ask(AlarmOperation::reset, 3) == "acknowledge it first");
  CHECK(panel.acknowledge());
  CHECK(panel.state() == AlarmState::latched);
  CHECK(panel.ask(AlarmOperation::reset, 4).empty());
  CHECK(panel.state() == AlarmState::normal);
  CHECK(panel.ask(AlarmOperation::reset, 5) == "it is not latched");
}

TEST_CASE("alarms: a late answer is recorded once, and raises the priority") {
  Panel panel([](std::vector<Alarm>& wired) {
    wired[0].config.respond_within = seconds(60);
    wired[0].config.escalate_to = AlarmPriority::urgent;
    wired[1].config.respond_within = seconds(60);
  });
  panel.change(RecordKind::event_raised, 0, 1, at(1));
  panel.step(60);
  CHECK(panel.count(RecordKind::alarm_late) == 0);
  CHECK(panel.ask(AlarmOperation::acknowledge, 60.5, {}, {}, 0, 1).empty());  // in time
  panel.step(61);
  panel.step(62);
  CHECK(panel.count(RecordKind::alarm_late) == 1);
  CHECK(panel.wall.lines.back().priority == AlarmPriority::urgent);
  CHECK(panel.alarms->counters().standing_by_priority == std::array<uint64_t, 4>{1, 0, 0, 1});
  panel.change(RecordKind::event_cleared, 0, 1, at(70));
  CHECK(panel.alarms->counters().standing_by_priority == std::array<uint64_t, 4>{});
}

TEST_CASE("alarms: what still stands after its time is shown anew, acknowledged or not") {
  Panel panel([](std::vector<Alarm>& wired) {
    wired[0].config.realarm = seconds(100);
    wired[0].config.respond_within = seconds(150);
  });
  panel.change(RecordKind::event_raised, 0, 1, at(0));
  panel.step(100);
  CHECK(panel.count(RecordKind::alarm_repeated) == 1);
  panel.step(150);  // a repetition does not give more time to whoever has not answered
  CHECK(panel.count(RecordKind::alarm_late) == 1);
  CHECK(panel.ask(AlarmOperation::acknowledge, 160).empty());
  CHECK(panel.state() == AlarmState::acknowledged);
  panel.step(200);
  CHECK(panel.state() == AlarmState::unacknowledged);
  panel.step(349);
  CHECK(panel.count(RecordKind::alarm_late) == 1);
  panel.step(350);
  CHECK(panel.count(RecordKind::alarm_late) == 2);
}

TEST_CASE("alarms: in a flood one alarm stands for its members, and all are journalled") {
  Panel panel([](std::vector<Alarm>& wired) {
    wired[0].config.flood = FloodConfig{{}, {}, 2, seconds(60), 2};
    wired[0].event = kNoEvent;
    wired[0].members = {1};
  });
  const auto member = [&](uint32_t row) { return panel.state(row, 1); };
  panel.change(RecordKind::event_raised, 0, 1, at(0));
  panel.change(RecordKind::event_raised, 1, 1, at(10));
  CHECK(panel.state() == AlarmState::normal);
  panel.change(RecordKind::event_raised, 2, 1, at(20));
  CHECK(panel.state() == AlarmState::unacknowledged);  // the flood
  CHECK(member(0) == AlarmState::unacknowledged);      // what was shown stays
  CHECK(member(2) == AlarmState::suppressed);
  CHECK(panel.count(RecordKind::alarm_raised) == 4);
  panel.change(RecordKind::event_cleared, 2, 1, at(30));
  CHECK(member(2) == AlarmState::normal);  // came and went within the flood
  panel.change(RecordKind::event_raised, 2, 2, at(30));
  CHECK(member(2) == AlarmState::suppressed);
  for (const double now : {60., 70., 79.}) panel.step(now);
  CHECK(panel.state() == AlarmState::unacknowledged);
  panel.step(80);  // only that of 30 s is younger than a minute
  CHECK(panel.state() == AlarmState::returned);
  CHECK(member(2) == AlarmState::unacknowledged);
  CHECK(panel.count(RecordKind::alarm_shown) == 1);
}

TEST_CASE("alarms: one that has returned unanswered stays to be answered where it recurs in a flood") {
  Panel panel([](std::vector<Alarm>& wired) {
    wired[0].config.flood = FloodConfig{{}, {}, 2, seconds(60), 2};
    wired[0].event = kNoEvent;
    wired[0].members = {1};
  });
  const auto member = [&](uint32_t row) { return panel.state(row, 1); };
  const auto unanswered = [&] { return panel.alarms->figures().report(at(60)).unacknowledged; };
  for (const uint32_t row : {0u, 1u}) {
    panel.change(RecordKind::event_raised, row, 1, at(row));
    panel.change(RecordKind::event_cleared, row, 1, at(5 + row));
    CHECK(member(row) == AlarmState::returned);
  }
  CHECK(panel.ask(AlarmOperation::acknowledge, 8, {}, {}, 0, 1).empty());
  CHECK(member(0) == AlarmState::normal);
  for (const uint32_t row : {2u, 1u, 0u}) panel.change(RecordKind::event_raised, row, 2, at(20));
  CHECK(panel.state() == AlarmState::unacknowledged);  // the flood
  CHECK(member(1) == AlarmState::unacknowledged);      // shown since 1 s
  CHECK(member(0) == AlarmState::suppressed);          // it was answered, and begins in the flood
  CHECK(unanswered() == 2);                            // the flood, and that of row 1
  for (const uint32_t row : {0u, 1u}) panel.change(RecordKind::event_cleared, row, 2, at(30));
  CHECK(member(1) == AlarmState::returned);
  CHECK(member(0) == AlarmState::normal);
  CHECK(panel.ask(AlarmOperation::acknowledge, 40, {}, {}, 1, 1).empty());
  CHECK(member(1) == AlarmState::normal);
  CHECK(unanswered() == 1);
}

TEST_CASE("alarms: what returns in a flood that hides it is the flood's no more, whatever else hides it") {
  Panel panel([](std::vector<Alarm>& wired) {
    wired[0].config.flood = FloodConfig{{}, {}, 1, seconds(60), 1};
    wired[0].event = kNoEvent;
    wired[0].members = {1};
  });
  panel.change(RecordKind::event_raised, 0, 1, at(0));
  panel.change(RecordKind::event_raised, 1, 1, at(1));
  CHECK(panel.state() == AlarmState::unacknowledged);  // the flood
  CHECK(panel.state(1, 1) == AlarmState::suppressed);
  CHECK(panel.ask(AlarmOperation::shelve, 2, "noisy", seconds(20), 1, 1).empty());
  panel.change(RecordKind::event_cleared, 1, 1, at(5));
  CHECK(panel.state(1, 1) == AlarmState::shelved);
  panel.step(22);
  CHECK(panel.state() == AlarmState::unacknowledged);  // it goes on
  CHECK(panel.state(1, 1) == AlarmState::normal);
  CHECK(panel.alarms->figures().report(at(30)).suppressed_now == 0);
}

TEST_CASE("alarms: nobody is nobody, and comments have a text") {
  Panel panel;
  CHECK(panel.ask(AlarmOperation::comment, 1, "crew is on its way").empty());
  CHECK(panel.ask(AlarmOperation::comment, 1) == "the comment is empty");
  CHECK(panel.ask(AlarmOperation::comment, 1, " \t\n") == "the comment is empty");
  CHECK(panel.ask(AlarmOperation::suppress, 1, " ") == "it needs a reason");
  CHECK(panel.alarms->operate({AlarmOperation::comment, 0, 0, "", "x"}, at(1), panel.log) ==
        "it is not said who acts");
  CHECK(panel.state() == AlarmState::normal);
}

TEST_CASE("alarms: docs/alarms.md says which operations need a text") {
  std::ifstream file(LT_SOURCE_DIR "/docs/alarms.md");
  std::stringstream text;
  text << file.rdbuf();
  const size_t table = text.str().find("| operation | needs | refused |");
  REQUIRE(table != std::string::npos);
  for (uint8_t o = 0; o < kAlarmOperations; ++o) {
    const auto operation = static_cast<AlarmOperation>(o);
    const std::string row = fmt::format("| `{}` | ", name_of(operation));
    const size_t at = text.str().find(row, table);
    CAPTURE(row);
    REQUIRE(at != std::string::npos);
    const bool says = text.str().compare(at + row.size(), 2, "a ") == 0;
    CHECK(says == lacks_text(operation, " "));
    CHECK_FALSE(lacks_text(operation, "x"));
  }
}

TEST_CASE("alarms: everybody may answer, and those with the alarm's role may hide and reset it") {
  Panel panel([](std::vector<Alarm>& wired) { wired[0].config.role = "shift_lead"; });
  panel.change(RecordKind::event_raised, 0, 1);
  const auto ask = [&](AlarmOperation what) {
    return panel.alarms->operate({what, 0, 0, "ben", "because", minutes(1), 0, false}, at(2), panel.log);
  };
  for (const auto what : {AlarmOperation::shelve, AlarmOperation::suppress, AlarmOperation::out_of_service,
                          AlarmOperation::reset})
    CHECK(ask(what) == "ben does not have the role shift_lead");
  CHECK(ask(AlarmOperation::acknowledge).empty());
  CHECK(panel.state() == AlarmState::acknowledged);
}

TEST_CASE("alarms: a person raises one, which is answered as any other and cleared by hand") {
  Panel panel;
  CHECK(panel.ask(AlarmOperation::clear, 1) == "no person has raised it");
  CHECK(panel.ask(AlarmOperation::raise, 1, "smoke") == "");
  CHECK(panel.state() == AlarmState::unacknowledged);
  CHECK(panel.state(1) == AlarmState::normal);
  CHECK(panel.ask(AlarmOperation::raise, 2) == "it stands already");
  CHECK(panel.acknowledge());
  CHECK(panel.ask(AlarmOperation::clear, 3) == "");
  CHECK(panel.state() == AlarmState::normal);
  CHECK(panel.ask(AlarmOperation::raise, 4) == "");
  CHECK(panel.alarms->counters().raised == 2);
  CHECK(panel.alarms->counters().returned == 1);
  CHECK(panel.alarms->counters().standing_by_priority[static_cast<size_t>(AlarmPriority::high)] == 1);
  REQUIRE(panel.log.front().kind == RecordKind::alarm_refused);
  const auto raised = std::find_if(panel.log.begin(), panel.log.end(),
                                   [](const Record& r) { return r.kind == RecordKind::alarm_raised; });
  REQUIRE(raised != panel.log.end());
  CHECK(raised->occurrence == (kRaisedByHand | 1));
  CHECK(panel.log.back().id != raised->id);
  const auto line = std::find_if(panel.wall.lines.begin(), panel.wall.lines.end(),
                                 [](const auto& l) { return l.kind == RecordKind::alarm_raised; });
  CHECK(line->person == "anna");
  CHECK(line->text == "smoke");
}

TEST_CASE("alarms: what a person has raised is over when its condition raises it, which then clears it") {
  Panel panel;
  REQUIRE(panel.ask(AlarmOperation::raise, 1).empty());
  panel.change(RecordKind::event_raised, 0, 1, at(2));
  CHECK(panel.state() == AlarmState::unacknowledged);
  CHECK(panel.ask(AlarmOperation::clear, 3) == "no person has raised it");
  CHECK(panel.count(RecordKind::alarm_raised) == 3);    // by hand, and both alarms by their event
  CHECK(panel.count(RecordKind::alarm_returned) == 1);  // what stood by hand
  CHECK(panel.alarms->counters().standing_by_priority[static_cast<size_t>(AlarmPriority::high)] == 1);
  panel.change(RecordKind::event_cleared, 0, 1, at(4));
  CHECK(panel.alarms->counters().standing_by_priority[static_cast<size_t>(AlarmPriority::high)] == 0);
}

TEST_CASE("alarms: that a person has raised one is kept over save and restore") {
  Panel panel, other;
  REQUIRE(panel.ask(AlarmOperation::raise, 1).empty());
  ArchiveWriter writer;
  panel.alarms->save(writer);
  ArchiveReader reader(writer.bytes());
  other.alarms->restore(reader);
  CHECK(reader.ok());
  CHECK(other.ask(AlarmOperation::clear, 2) == "");
  CHECK(other.ask(AlarmOperation::raise, 3) == "");
  CHECK(other.log.back().occurrence == (kRaisedByHand | 2));
}
