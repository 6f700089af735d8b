// The rig's transport with a link of the test's own: what messages become, and what happens when the broker
// goes.
#include "tests/hil/rig_hall.h"

using namespace looptwin;
using namespace looptwin::hil;

namespace {

std::string presence(const twin::Inbox& inbox) {
  std::string text;
  for (const auto& p : inbox.presence)
    text +=
        std::to_string(p.device.row.index()) + (p.online ? " on at " : " off at ") + to_string(p.at) + "\n";
  return text;
}

}  // namespace

TEST_CASE("rig: it subscribes to what its devices' ids have levels for") {
  const Hall hall;
  CHECK(hall.link.subscribed == std::vector<std::string>{"$SYS/broker/publish/messages/dropped",
                                                         "$SYS/broker/version", "$looptwin/#",
                                                         "looptwin/+/+/acknowledgement",
                                                         "looptwin/+/+/presence", "looptwin/+/+/telemetry"});
}

TEST_CASE("rig: a message is about the fields that it has, and comes in the cycle that it arrived in") {
  Hall hall;
  hall.link.receive("hall/pump-1/telemetry", R"({"level": 1.5, "flow": 2, "n": 4, "t": 0.25})",
                    milliseconds(500));
  hall.link.receive("hall/pump-2/telemetry", R"({"level": 0.5})", milliseconds(600));
  hall.link.receive("hall/pump-2/telemetry", R"({"running": true, "level": null})", milliseconds(1500));
  auto inbox = hall.cycle(1);
  CHECK(presence(inbox) == "0 on at 00:00:00.5\n1 on at 00:00:00.6\n");
  REQUIRE(inbox.frames.size() == 2);
  CHECK(inbox.frames[0].without.empty());
  CHECK(inbox.frames[0].value == std::vector<std::vector<int32_t>>{{150}, {200}});
  CHECK(inbox.frames[0].sequence == std::vector<uint32_t>{4});
  CHECK(inbox.frames[0].sampled_at == std::vector<int64_t>{250'000'000});
  CHECK(inbox.frames[0].received_at == std::vector<int64_t>{500'000'000});
  CHECK(inbox.frames[1].without == std::vector<uint16_t>{1});
  CHECK(inbox.frames[1].row == std::vector<uint32_t>{1});
  CHECK(inbox.frames[1].value[0] == std::vector<int32_t>{50});
  inbox = hall.cycle(2);
  REQUIRE(inbox.frames.size() == 2);  // one a report group
  CHECK(inbox.frames[0].value[0] == std::vector<int32_t>{twin::kMissing});
  CHECK(inbox.frames[1].value[0] == std::vector<int32_t>{1});
  CHECK(inbox.frames[0].sequence == std::vector<uint32_t>{2});
  CHECK(hall.cycle(3).frames.empty());
}

TEST_CASE("rig: what is forced is told apart from what is not, by field and message") {
  Hall hall;
  Forces forces(hall.registry, 1);
  ForceConfig config{.name = "high", .kind = ForceKind::force, .point = ForcePoint::field};
  config.targets = {{{TableId(size_t{0}), Row(size_t{0})}, 1}};
  config.amount = 9;
  config.from = kStart + seconds(1);
  forces.add(config);
  hall.transport->use({.forces = &forces});
  for (const int64_t at : {500, 1500})
    hall.link.receive("hall/pump-1/telemetry", R"({"level": 1.5, "flow": 2})", milliseconds(at));
  hall.link.receive("hall/pump-2/telemetry", R"({"level": 1.5, "flow": 2})", milliseconds(1600));
  const auto inbox = hall.cycle(2);
  REQUIRE(inbox.frames.size() == 2);
  CHECK(inbox.frames[0].forced.empty());
  CHECK(inbox.frames[0].row == std::vector<uint32_t>{0, 1});
  CHECK(inbox.frames[1].forced == std::vector<uint16_t>{1});
  CHECK(inbox.frames[1].value == std::vector<std::vector<int32_t>>{{150}, {900}});
}

TEST_CASE("rig: what comes before the run's start is of its start") {
  Hall hall;
  hall.link.receive("hall/pump-1/telemetry", R"({"level": 1})", milliseconds(-300));
  const auto inbox = hall.cycle(1);
  REQUIRE(inbox.frames.size() == 1);
  CHECK(inbox.frames[0].received_at == std::vector<int64_t>{0});
}

TEST_CASE(
    "rig: a lost broker takes all devices along, after what they said before, and each comes back when it "
    "speaks") {
  Hall hall;
  hall.link.receive("hall/pump-1/presence", "online", milliseconds(100));
  hall.cycle(1);
  CHECK(hall.transport->online() == 1);
  hall.link.receive("hall/pump-2/telemetry", R"({"level": 1})", milliseconds(1200));
  hall.link.lose(milliseconds(1500));
  CHECK(presence(hall.cycle(2)) == "1 on at 00:00:01.2\n0 off at 00:00:01.5\n1 off at 00:00:01.5\n");
  CHECK(hall.transport->online() == 0);
  // What the broker had kept says nothing about who is there.
  hall.link.receive("hall/pump-1/telemetry", R"({"level": 1})", milliseconds(2500), true);
  CHECK(presence(hall.cycle(3)).empty());
  hall.link.receive("hall/pump-2/telemetry", R"({"level": 1})", milliseconds(3500));
  CHECK(presence(hall.cycle(4)) == "1 on at 00:00:03.5\n");
}

TEST_CASE("rig: a device that is back before the next boundary is there, although the broker was lost") {
  Hall hall;
  hall.link.receive("hall/pump-1/presence", "online", milliseconds(100));
  hall.cycle(1);
  hall.link.lose(milliseconds(1200));
  hall.link.receive("hall/pump-1/presence", "online", milliseconds(1400));
  CHECK(presence(hall.cycle(2)) == "0 off at 00:00:01.2\n0 on at 00:00:01.4\n");
  CHECK(hall.transport->online() == 1);
}

TEST_CASE("rig: where the broker says who is connected, an old will and what was retained say nothing") {
  Hall hall;
  const std::string session = "$looptwin/presence/hall/pump-1";
  hall.link.say(session, R"({"online": true, "session": 1})", milliseconds(100));
  CHECK(presence(hall.cycle(1)) == "0 on at 00:00:00.1\n");
  // Its session was taken over by itself: the will of the old one comes after the new one has begun.
  hall.link.say(session, R"({"online": true, "session": 2})", milliseconds(1100));
  hall.link.receive("hall/pump-1/presence", "offline", milliseconds(1200));
  CHECK(presence(hall.cycle(2)).empty());
  hall.link.say(session, R"({"online": false, "session": 2})", milliseconds(2100));
  hall.link.receive("hall/pump-1/presence", "online", milliseconds(2200), true);
  CHECK(presence(hall.cycle(3)) == "0 off at 00:00:02.1\n");
  CHECK(hall.transport->online() == 0);
  // The other one is known by what it says, as ever; and a broker that was lost knows nobody.
  hall.link.receive("hall/pump-2/presence", "online", milliseconds(3100));
  hall.link.lose(milliseconds(3200));
  hall.link.receive("hall/pump-1/presence", "online", milliseconds(3300));
  CHECK(presence(hall.cycle(4)) == "1 on at 00:00:03.1\n1 off at 00:00:03.2\n0 on at 00:00:03.3\n");
}

TEST_CASE("rig: what the broker has refused, shed and lost is counted and told, and cannot break anything") {
  Hall hall;
  std::string told;
  hall.transport->watch([&](const Incident& i) {
    told += i.kind + " " + i.device + " (" + i.detail + ") " + std::to_string(i.count) + "\n";
  });
  const std::string violations = "$looptwin/violations", dropped = "$SYS/broker/publish/messages/dropped";
  hall.link.say(
      violations,
      R"({"kind": "publish", "device": "a", "client": "a", "address": "::1", "topic": "b/t", "count": 3})",
      milliseconds(100));
  hall.link.say(violations, R"({"kind": "wrong_secret", "device": "a", "client": "x", "count": 1})",
                milliseconds(200));
  for (const auto* nonsense :
       {"", "[]", "{}", R"({"kind": "curse", "count": 1})", R"({"kind": "will", "count": -1})"})
    hall.link.say(violations, nonsense, milliseconds(300));
  hall.link.say("$looptwin/presence/hall/pump-9", R"({"online": true})", milliseconds(400));
  hall.link.say("$looptwin/presence/hall/pump-1", R"({"online": 1})", milliseconds(400));
  // What it says first was before us; a number that is smaller is of a broker that has begun anew.
  for (const auto* count : {"7", "9", "1", "x"}) hall.link.say(dropped, count, milliseconds(500));
  hall.link.say(violations, R"({"kind": "flood", "device": "hall/pump-2", "count": 20})", milliseconds(600));
  CHECK(presence(hall.cycle(1)).empty());
  // The loop hears of it as well: of the device, or of nobody whom it knows.
  std::vector<twin::Notice> notices;
  hall.transport->poll_notices(kStart + seconds(1), notices);
  REQUIRE(notices.size() == 3);
  CHECK(notices[0].about == twin::DeviceRef{hall.registry.site(), Row(size_t{0})});
  CHECK(notices[0].value == 3);
  CHECK(notices[2].about == twin::DeviceRef{TableId(size_t{0}), Row(size_t{1})});
  CHECK(notices[2].value == 20);
  CHECK(notices[2].at == kStart + milliseconds(600));
  hall.transport->poll_notices(kStart + seconds(2), notices);
  CHECK(notices.size() == 3);  // once
  CHECK(told ==
        "publish a (b/t from ::1) 3\nwrong_secret a (as client 'x') 1\n"
        "broker_dropped  (the broker had no room for them) 2\n"
        "broker_dropped  (the broker had no room for them) 1\n"
        "flood hall/pump-2 (as client '') 20\n");
  CHECK(hall.transport->status().violations() == 24);
  CHECK(hall.transport->status().violations_text() == "wrong_secret 1, publish 3, flood 20");
  CHECK(hall.transport->status().dropped() == 3);
}

TEST_CASE(
    "rig: what a device without a clock sends again is taken in once, and what it says anew each time") {
  Hall hall;
  const auto say = [&](const char* payload, int64_t ms) {
    hall.link.receive("hall/pump-1/telemetry", payload, milliseconds(ms));
  };
  say(R"({"level": 1.5, "n": 1})", 100);
  say(R"({"level": 1.6, "n": 2})", 200);
  say(R"({"level": 1.5, "n": 1})", 300);  // it has lost its link, and did not hear that they had arrived
  say(R"({"level": 1.6, "n": 2})", 310);
  say(R"({"level": 1.6, "n": 3})", 400);
  say(R"({"level": 1.9, "n": 1})", 500);  // it counts anew
  say(R"({"level": 1.9})", 600);          // no number: nobody can tell
  say(R"({"level": 1.9})", 700);
  const auto inbox = hall.cycle(1);
  REQUIRE(inbox.frames.size() == 1);
  CHECK(inbox.frames[0].size() == 6);
  CHECK(hall.transport->counters().resent == 2);
  CHECK(hall.transport->counters().messages == 8);
}

TEST_CASE("rig: a command waits for its device until it expires, and one that finds no room is counted") {
  Hall hall;
  hall.cycle(1, {Hall::stop(0, 60), Hall::stop(1, 2)});
  CHECK(hall.link.sent.empty());
  hall.link.receive("hall/pump-1/presence", "online", milliseconds(2500));
  hall.link.receive("hall/pump-2/presence", "online", milliseconds(2500));
  hall.cycle(3);
  REQUIRE(hall.link.sent.size() == 1);
  CHECK(hall.link.sent[0].first == "looptwin/hall/pump-1/command");
  CHECK(hall.link.sent[0].second == R"({"id":"0000000000000007","command":"stop","expires":60.0})");
  hall.link.full = true;
  hall.cycle(4, {Hall::stop(0, 60)});
  CHECK(hall.transport->counters().unsent == 1);
  hall.link.receive("hall/pump-1/acknowledgement", R"({"id": "7", "outcome": "accepted", "t": 4.5})",
                    milliseconds(4600));
  const auto inbox = hall.cycle(5);
  REQUIRE(inbox.acknowledgements.size() == 1);
  CHECK(inbox.acknowledgements[0].id == 7);
  CHECK(inbox.acknowledgements[0].applied_at == kStart + milliseconds(4500));
  CHECK(inbox.acknowledgements[0].received_at == kStart + milliseconds(4600));
}

TEST_CASE("rig: what is not of a device is counted by why") {
  Hall hall;
  for (const auto* payload : {"{", "[]", R"({"level": "deep"})"})
    hall.link.receive("hall/pump-1/telemetry", payload, milliseconds(1));
  hall.link.receive("hall/pump-9/telemetry", "{}", milliseconds(1));
  hall.link.receive("hall/pump-1/presence", "maybe", milliseconds(1));
  const auto inbox = hall.cycle(1);
  CHECK(inbox.frames.empty());
  CHECK(inbox.presence.empty());
  CHECK(hall.transport->counters().malformed == 2);
  CHECK(hall.transport->counters().wrong_types == 2);
  CHECK(hall.transport->counters().unknown == 1);
}

namespace {

/// Pump 1, whose messages come from `of`.
struct HandedOver : Hall {
  std::string of;

  HandedOver() {
    transport->take_only([this](twin::DeviceRef, const std::string& origin) { return origin == of; });
  }
  twin::Inbox hand_over(int64_t boundary, const std::string& to, bool joins) {
    twin::Inbox inbox;
    of = to;
    transport->begin(kStart + seconds(boundary));
    transport->hand_over({TableId(size_t{0}), Row(size_t{0})}, joins, kStart + seconds(boundary));
    transport->poll(0, kStart + seconds(boundary), inbox);
    transport->send(kStart + seconds(boundary), {});
    return inbox;
  }
  void say(int number, Duration at, const std::string& origin) {
    link.receive("hall/pump-1/telemetry", "{\"level\": 1, \"n\": " + std::to_string(number) + "}", at, false,
                 origin);
  }
};

}  // namespace

TEST_CASE(
    "rig: of two that speak as one device one counts, and the other's numbers go on when it takes over") {
  HandedOver hall;
  hall.say(70, milliseconds(100), "");
  hall.say(3, milliseconds(200), "model");
  auto inbox = hall.cycle(1);
  REQUIRE(inbox.frames.size() == 1);
  CHECK(inbox.frames[0].sequence == std::vector<uint32_t>{70});
  CHECK(presence(inbox) == "0 on at 00:00:00.1\n");

  CHECK(presence(hall.hand_over(2, "model", true)).empty());
  hall.say(71, milliseconds(2100), "");
  hall.say(5, milliseconds(2200), "model");
  hall.say(7, milliseconds(2300), "model");  // one was lost
  inbox = hall.cycle(3);
  REQUIRE(inbox.frames.size() == 1);
  CHECK(inbox.frames[0].sequence == std::vector<uint32_t>{71, 73});
  CHECK(presence(inbox).empty());

  CHECK(presence(hall.hand_over(4, "", false)).empty());  // it was heard all the time
  hall.say(72, milliseconds(4100), "");
  CHECK(hall.cycle(5).frames[0].sequence == std::vector<uint32_t>{74});
}

TEST_CASE("rig: a device that was replaced and has gone is offline when it is the device again") {
  HandedOver hall;
  hall.say(1, milliseconds(100), "");
  hall.cycle(1);
  hall.hand_over(2, "model", true);
  hall.link.receive("hall/pump-1/presence", "offline", milliseconds(2500));
  CHECK(presence(hall.cycle(3)).empty());
  CHECK(presence(hall.hand_over(4, "", false)) == "0 off at 00:00:04\n");
}
