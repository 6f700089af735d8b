// The life of commands, from their issue to their end.
#include "mml/dispatcher.h"

#include <catch2/catch.hpp>
#include <random>
#include <sstream>

#include "homes.h"
#include "mml/processor.h"

using namespace looptwin;
using namespace looptwin::mml;

namespace {

constexpr Duration kWithin = minutes(2);
constexpr uint16_t kRule = 0, kOtherRule = 1;

Time at(double s) { return Time{static_cast<int64_t>(s * 1e9)}; }

struct Desk {
  Homes homes;
  ColumnId that;
  Dispatcher dispatcher;
  std::vector<twin::Command> out;
  std::vector<Record> log;

  Desk() : homes(1, 4), that(homes.add_boolean(Homes::kHome, "that")), dispatcher(make()) {
    for (size_t row = 0; row < 4; ++row) set_status(row, DeviceStatus::online);
  }

  Dispatcher make() {
    return {homes.registry,
            homes.tables,
            {"setback", "relief"},
            {{that, {homes.model().fields[Homes::kPower].sampled}, kWithin}}};
  }

  void set_status(size_t row, DeviceStatus status) {
    homes.flag(Homes::kHome, homes.model().status, row) = static_cast<uint8_t>(status);
  }
  /// The power's newest sample, and whether the condition holds on it.
  void sample(size_t row, Time when, uint8_t holds) {
    homes.instant(Homes::kHome, homes.model().fields[Homes::kPower].sampled, row) = when.ns;
    homes.flag(Homes::kHome, that, row) = holds;
  }

  uint64_t setpoint(Time now, size_t row, double value, int32_t verification = -1, uint16_t rule = kRule) {
    Request r;
    r.command.device = Homes::home(row);
    r.command.index = Homes::kCool;
    r.command.value = value;
    r.command.expires = kNever;
    r.rule = rule;
    r.occurrence = 1;
    r.cause = 77;
    r.verification = verification;
    dispatcher.issue(r, now, log);
    return log.back().id;
  }
  uint64_t command(Time now, size_t row, Duration expires, int32_t verification = -1) {
    Request r;
    r.command.device = Homes::home(row);
    r.command.kind = twin::Command::Kind::command;
    r.command.index = Homes::kShed;
    r.command.expires = now + expires;
    r.rule = kRule;
    r.occurrence = 1;
    r.cause = 77;
    r.verification = verification;
    dispatcher.issue(r, now, log);
    return log.back().id;
  }
  void acknowledge(Time now, uint64_t id, size_t row, twin::Outcome outcome = twin::Outcome::accepted,
                   std::optional<Time> applied = {}) {
    const twin::Acknowledgement ack{id, Homes::home(row), outcome, applied.value_or(now), now};
    dispatcher.acknowledge({&ack, 1}, now, log);
  }
  /// What leaves at `now`.
  std::vector<uint64_t> step(Time now) {
    out.clear();
    dispatcher.step(now, out, log);
    std::vector<uint64_t> ids;
    for (const auto& c : out) ids.push_back(c.id);
    return ids;
  }
  /// "0 issued, 0 sent, ...": what the log says about one command, in seconds.
  std::string life(uint64_t id) const {
    std::ostringstream text;
    for (const auto& r : log)
      if (r.id == id)
        text << (text.tellp() > 0 ? ", " : "") << r.at.seconds() << ' '
             << std::string(name_of(r.kind)).substr(8);
    return text.str();
  }
};

using Ids = std::vector<uint64_t>;

}  // namespace

TEST_CASE("dispatcher: without a verification a command is done when it is acknowledged") {
  Desk desk;
  const auto id = desk.setpoint(at(1), 0, 297);
  CHECK(desk.step(at(1)) == Ids{id});
  CHECK(desk.out[0].issued == at(1));
  CHECK(desk.step(at(2)).empty());
  desk.acknowledge(at(3), id, 0);
  CHECK(desk.life(id) == "1 issued, 1 sent, 3 acknowledged");
  CHECK(desk.dispatcher.active() == 0);
  CHECK(desk.log.back().cause == 77);
  CHECK(desk.log.back().value == 297);
}

TEST_CASE("dispatcher: an accepted setpoint is the twin's reported value, a refused one is not") {
  Desk desk;
  const ColumnId reported = desk.homes.model().setpoints[Homes::kCool].reported;
  CHECK(desk.homes.number(Homes::kHome, reported, 1) == Homes::kCoolDefault);
  const auto id = desk.setpoint(at(1), 1, 297);
  desk.step(at(1));
  CHECK(desk.homes.number(Homes::kHome, reported, 1) == Homes::kCoolDefault);
  desk.acknowledge(at(2), id, 1);
  CHECK(desk.homes.number(Homes::kHome, reported, 1) == 297);
  const auto refused = desk.setpoint(at(3), 1, 298);
  desk.step(at(3));
  desk.acknowledge(at(4), refused, 1, twin::Outcome::refused_range);
  CHECK(desk.homes.number(Homes::kHome, reported, 1) == 297);
  CHECK(desk.homes.number(Homes::kHome, reported, 0) == Homes::kCoolDefault);
}

TEST_CASE("dispatcher: a duplicate acknowledgement acts once") {
  Desk desk;
  const auto id = desk.setpoint(at(1), 0, 297, 0);
  desk.step(at(1));
  desk.acknowledge(at(2), id, 0);
  desk.acknowledge(at(2), id, 0);
  desk.step(at(2));
  desk.acknowledge(at(3), id, 0);
  desk.sample(0, at(4), 1);
  desk.step(at(5));
  desk.acknowledge(at(6), id, 0);
  CHECK(desk.life(id) == "1 issued, 1 sent, 2 acknowledged, 5 verified");
  CHECK(desk.dispatcher.counters().acknowledged == 1);
  CHECK(desk.dispatcher.counters().verified == 1);
  CHECK(desk.dispatcher.active() == 0);
}

TEST_CASE("dispatcher: only samples taken after the acknowledgement verify") {
  Desk desk;
  desk.sample(0, at(0.5), 1);
  const auto id = desk.setpoint(at(1), 0, 297, 0);
  desk.step(at(1));
  desk.acknowledge(at(3), id, 0, twin::Outcome::accepted, at(2));
  desk.step(at(3));
  desk.sample(0, at(2), 1);  // taken as it was applied: says nothing yet
  desk.step(at(4));
  CHECK(desk.life(id) == "1 issued, 1 sent, 3 acknowledged");
  desk.sample(0, at(2) + nanoseconds(1), 2);  // later, but the condition is unknown
  desk.step(at(5));
  desk.sample(0, at(5.5), 0);
  desk.step(at(6));
  CHECK(desk.dispatcher.counters().verified == 0);
  desk.sample(0, at(6.5), 1);
  desk.step(at(7));
  CHECK(desk.life(id) == "1 issued, 1 sent, 3 acknowledged, 7 verified");
}

TEST_CASE("dispatcher: an acknowledgement dated by a clock that runs ahead counts from its arrival") {
  Desk desk;
  const auto id = desk.setpoint(at(1), 0, 297, 0);
  desk.step(at(1));
  desk.acknowledge(at(3), id, 0, twin::Outcome::accepted, at(300));
  desk.step(at(3));
  desk.sample(0, at(4), 1);
  desk.step(at(5));
  CHECK(desk.life(id) == "1 issued, 1 sent, 3 acknowledged, 5 verified");
}

TEST_CASE("dispatcher: what is not verified in time has failed") {
  Desk desk;
  const auto id = desk.setpoint(at(1), 0, 297, 0);
  desk.step(at(1));
  desk.acknowledge(at(3), id, 0);
  desk.step(at(122));
  CHECK(desk.dispatcher.active() == 1);
  desk.step(at(123));
  CHECK(desk.life(id) == "1 issued, 1 sent, 3 acknowledged, 123 failed");
  desk.sample(0, at(124), 1);
  desk.step(at(125));
  CHECK(desk.dispatcher.counters().verified == 0);
}

TEST_CASE("dispatcher: a sample of the last moment verifies before the time is up") {
  Desk desk;
  const auto id = desk.setpoint(at(1), 0, 297, 0);
  desk.step(at(1));
  desk.acknowledge(at(3), id, 0);
  desk.step(at(3));
  desk.sample(0, at(123), 1);
  desk.step(at(123));
  CHECK(desk.life(id) == "1 issued, 1 sent, 3 acknowledged, 123 verified");
}

TEST_CASE("dispatcher: refusals end a command, and the rules hear of them") {
  Desk desk;
  const auto local = desk.setpoint(at(1), 0, 297);
  const auto range = desk.setpoint(at(1), 1, 400);
  const auto late = desk.command(at(1), 2, seconds(10));
  desk.step(at(1));
  desk.acknowledge(at(2), local, 0, twin::Outcome::refused_local);
  desk.acknowledge(at(2), range, 1, twin::Outcome::refused_range);
  desk.acknowledge(at(2), late, 2, twin::Outcome::expired);
  CHECK(desk.life(local) == "1 issued, 1 sent, 2 refused");
  CHECK(desk.life(range) == "1 issued, 1 sent, 2 refused");
  CHECK(desk.life(late) == "1 issued, 1 sent, 2 expired");
  REQUIRE(desk.dispatcher.ended().size() == 3);
  CHECK(desk.dispatcher.ended()[0].outcome == twin::Outcome::refused_local);
  CHECK(desk.dispatcher.ended()[0].device == Homes::home(0));
  CHECK(desk.dispatcher.active() == 0);
  CHECK(desk.step(at(31)).empty());
}

TEST_CASE(
    "dispatcher: what is not acknowledged is sent again with the same id, five times in all, then it has "
    "failed") {
  Desk desk;
  const auto id = desk.setpoint(at(0), 0, 297);
  std::vector<double> sent;
  std::vector<int> attempts;
  for (int s = 0; s <= 400; ++s)
    for (const auto out : desk.step(at(s))) {
      CHECK(out == id);
      sent.push_back(s);
      attempts.push_back(desk.out[0].attempt);
    }
  CHECK(sent == std::vector<double>{0, 30, 60, 90, 120});
  CHECK(desk.life(id) == "0 issued, 0 sent, 150 failed");
  CHECK(desk.dispatcher.counters().repeated == 4);
  CHECK(attempts == std::vector<int>{0, 1, 2, 3, 4});
  desk.acknowledge(at(401), id, 0);  // too late to matter
  CHECK(desk.dispatcher.counters().acknowledged == 0);
}

TEST_CASE("dispatcher: an acknowledgement of the second copy is one of the command") {
  Desk desk;
  const auto id = desk.setpoint(at(0), 0, 297);
  desk.step(at(0));
  desk.step(at(30));
  desk.acknowledge(at(31), id, 0);
  CHECK(desk.life(id) == "0 issued, 0 sent, 31 acknowledged");
  CHECK(desk.step(at(60)).empty());
}

TEST_CASE("dispatcher: an imperative expires, and is not sent after that") {
  Desk desk;
  const auto id = desk.command(at(0), 0, seconds(45));
  std::vector<double> sent;
  for (int s = 0; s <= 100; ++s)
    if (!desk.step(at(s)).empty()) sent.push_back(s);
  CHECK(sent == std::vector<double>{0, 30});
  CHECK(desk.life(id) == "0 issued, 0 sent, 45 expired");
}

TEST_CASE(
    "dispatcher: what waits at the broker for a device that is offline is not repeated and does not fail") {
  Desk desk;
  desk.set_status(0, DeviceStatus::offline);
  const auto kept = desk.setpoint(at(0), 0, 297);
  const auto expires = desk.command(at(0), 0, seconds(70));
  CHECK(desk.step(at(0)).size() == 2);
  for (int s = 1; s <= 900; ++s) REQUIRE(desk.step(at(s)).empty());
  CHECK(desk.life(expires) == "0 issued, 0 sent, 70 expired");
  desk.set_status(0, DeviceStatus::online);
  desk.acknowledge(at(905), kept, 0);
  CHECK(desk.life(kept) == "0 issued, 0 sent, 905 acknowledged");
}

TEST_CASE("dispatcher: a newer value of a setpoint supersedes the older one, wherever that is in its life") {
  Desk desk;
  const auto first = desk.setpoint(at(1), 0, 297);
  const auto second = desk.setpoint(at(1), 0, 298);  // the first was never sent
  const auto elsewhere = desk.setpoint(at(1), 1, 299);
  CHECK(desk.step(at(1)).size() == 2);
  CHECK(desk.life(first) == "1 issued, 1 superseded");
  const auto third = desk.setpoint(at(2), 0, 299, 0, kOtherRule);
  desk.step(at(2));
  desk.acknowledge(at(3), second, 0);  // completes its own record, and nothing else
  CHECK(desk.life(second) == "1 issued, 1 sent, 2 superseded, 3 acknowledged");
  CHECK(desk.life(third) == "2 issued, 2 sent");
  desk.acknowledge(at(3), third, 0);
  desk.step(at(3));
  const auto fourth = desk.setpoint(at(4), 0, 300);  // while the third waits to be verified
  desk.step(at(4));
  CHECK(desk.life(third) == "2 issued, 2 sent, 3 acknowledged, 4 superseded");
  desk.sample(0, at(5), 1);
  desk.step(at(6));
  CHECK(desk.dispatcher.counters().verified == 0);
  desk.acknowledge(at(7), fourth, 0);
  CHECK(desk.life(fourth) == "4 issued, 4 sent, 7 acknowledged");
  CHECK(desk.life(elsewhere) == "1 issued, 1 sent");
  CHECK(desk.dispatcher.counters().superseded == 3);
}

TEST_CASE("dispatcher: the answer to a superseded command is its own, once, and within a time") {
  Desk desk;
  const auto& setpoint = desk.homes.model().setpoints[Homes::kCool];
  const auto reported = [&] { return desk.homes.number(Homes::kHome, setpoint.reported, 0); };
  std::vector<uint64_t> ids;
  for (int s = 1; s <= 4; ++s) {
    ids.push_back(desk.setpoint(at(s), 0, 296.0 + s, 0));
    desk.step(at(s));
  }
  CHECK(desk.dispatcher.active() == 1);
  desk.dispatcher.ended().clear();
  desk.acknowledge(at(5), ids[0], 0, twin::Outcome::accepted, at(4.1));
  CHECK(reported() == 297);  // what the device holds until the next one reaches it
  desk.acknowledge(at(6), ids[1], 0, twin::Outcome::refused_local);
  CHECK(desk.dispatcher.ended().empty());  // no claim yields for it
  desk.acknowledge(at(6), ids[3], 0, twin::Outcome::accepted, at(5.2));
  CHECK(reported() == 300);
  desk.acknowledge(at(7), ids[0], 0);  // a second time
  desk.step(at(7));
  CHECK(desk.life(ids[0]) == "1 issued, 1 sent, 2 superseded, 5 acknowledged");
  CHECK(desk.life(ids[1]) == "2 issued, 2 sent, 3 superseded, 6 refused");
  for (int s = 8; s <= 153; ++s) CHECK(desk.step(at(s)).empty());  // nothing of them is sent again
  desk.acknowledge(at(153), ids[2], 0, twin::Outcome::accepted, at(4.9));
  CHECK(desk.life(ids[2]) == "3 issued, 3 sent, 4 superseded, 153 acknowledged");
  CHECK(reported() == 300);  // which the device had applied before the last one

  const auto silent = desk.setpoint(at(200), 1, 297);
  desk.step(at(200));
  desk.setpoint(at(201), 1, 298);
  for (int s = 201; s <= 360; ++s) desk.step(at(s));
  desk.acknowledge(at(361), silent, 1);
  CHECK(desk.life(silent) == "200 issued, 200 sent, 201 superseded");
}

TEST_CASE("dispatcher: expiry is seen at the first boundary at or after it, and a late answer completes it") {
  Desk desk;
  const auto applied = desk.command(at(0), 0, milliseconds(12'500));
  const auto refused = desk.command(at(0), 1, seconds(12));
  const auto silent = desk.command(at(0), 2, seconds(12));
  desk.step(at(0));
  for (int s = 1; s <= 13; ++s) CHECK(desk.step(at(s)).empty());
  CHECK(desk.dispatcher.active() == 0);
  desk.acknowledge(at(14), applied, 0, twin::Outcome::accepted, at(12));
  desk.acknowledge(at(14), refused, 1, twin::Outcome::expired);
  CHECK(desk.life(applied) == "0 issued, 0 sent, 13 expired, 14 acknowledged");
  CHECK(desk.life(refused) == "0 issued, 0 sent, 12 expired");
  CHECK(desk.life(silent) == "0 issued, 0 sent, 12 expired");
  CHECK(desk.dispatcher.counters().expired == 3);
}

TEST_CASE("dispatcher: imperatives do not supersede each other, nor setpoints") {
  Desk desk;
  const auto a = desk.command(at(1), 0, seconds(60));
  const auto b = desk.command(at(2), 0, seconds(60));
  CHECK(a != b);
  CHECK(desk.step(at(2)) == Ids{a, b});
}

TEST_CASE("dispatcher: a rule may ask a setpoint and a command of one device for one cause") {
  Desk desk;
  const auto set = desk.setpoint(at(1), 0, 297);  // both are the first of their kind, with index 0
  const auto shed = desk.command(at(1), 0, seconds(60));
  CHECK(set != shed);
  CHECK(desk.step(at(1)) == Ids{set, shed});
}

TEST_CASE("dispatcher: repeats leave before what is new, both in the order of decision") {
  Desk desk;
  const auto a = desk.setpoint(at(0), 3, 297);
  const auto b = desk.setpoint(at(0), 1, 297);
  CHECK(desk.step(at(0)) == Ids{a, b});
  const auto c = desk.setpoint(at(30), 0, 297);
  CHECK(desk.step(at(30)) == Ids{a, b, c});
}

TEST_CASE("dispatcher: saved and restored in the middle of any life it goes on as the trunk does") {
  std::mt19937_64 random(12);
  Desk trunk;
  std::vector<std::pair<uint64_t, size_t>> ids;
  auto branch = std::make_unique<Desk>();
  for (int s = 0; s < 900; ++s) {
    ArchiveWriter archive;
    trunk.homes.tables.save(archive);
    trunk.dispatcher.save(archive);
    if (s % 50 == 49) branch = std::make_unique<Desk>();
    ArchiveReader reader(archive.bytes());
    branch->homes.tables.restore(reader);
    branch->dispatcher.restore(reader);
    REQUIRE((reader.ok() && reader.at_end()));

    // One second of the same life for both.
    const auto draw = random();
    const size_t row = random() % 4, which = ids.empty() ? 0 : random() % ids.size();
    std::vector<Ids> left;
    for (Desk* desk : {&trunk, branch.get()}) {
      desk->log.clear();
      desk->dispatcher.ended().clear();
      const auto now = at(s);
      if (draw % 5 == 0 && !ids.empty()) {
        const auto outcome = draw % 15 == 0 ? twin::Outcome::refused_local : twin::Outcome::accepted;
        desk->acknowledge(now, ids[which].first, ids[which].second, outcome);
      }
      if (draw % 7 == 0) desk->sample(row, now, static_cast<uint8_t>(draw / 7 % 3));
      uint64_t id = 0;
      if (draw % 11 == 0)
        id = desk->setpoint(now, row, 290 + static_cast<double>(draw % 10), draw % 2 == 0 ? 0 : -1);
      if (draw % 13 == 0) id = desk->command(now, row, seconds(45), draw % 2 == 0 ? 0 : -1);
      if (id != 0 && desk != &trunk) ids.emplace_back(id, row);
      left.push_back(desk->step(now));
    }
    INFO("after " << s << " s");
    REQUIRE(left[0] == left[1]);
    REQUIRE(trunk.log.size() == branch->log.size());
    for (size_t i = 0; i < trunk.log.size(); ++i) {
      REQUIRE(trunk.log[i].kind == branch->log[i].kind);
      REQUIRE(trunk.log[i].id == branch->log[i].id);
      REQUIRE(trunk.log[i].value == branch->log[i].value);
    }
  }
  const auto c = trunk.dispatcher.counters();
  CHECK(std::min({c.acknowledged, c.verified, c.refused, c.failed, c.expired, c.superseded, c.repeated}) > 0);
}
