// Uplinks whose bandwidth is limited: how messages wait for them, and what becomes of those that wait or are
// on their way when a link, a device or the broker goes.
#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <set>

#include "sim/fault.h"
#include "sim/uplink.h"
#include "tests/sim/fleet_world.h"

namespace looptwin::sim::test {
namespace {

constexpr Time kEnd = kStart + seconds(400);

/// Two homes that send 84 bit/s over links that carry 60, so that 40 s of messages wait after 100 s,
/// while the second has trouble from 100 s on.
Setup slow_homes(const lang::Units& units, const FaultConfig& fault) {
  Setup s = homes(units, 2);
  LinkConfig link{.name = "slow", .stored = 100};
  link.bandwidth = 60;
  s.links = {link};
  s.fleet[0].link = "slow";
  s.faults = {fault};
  s.faults[0].device = "home-2";
  s.faults[0].after = kStart + seconds(100);
  return s;
}

/// When the messages of a row were received, by when they were sampled.
std::map<int64_t, int64_t> of_row(const Received& received, uint32_t row, uint32_t group = 0) {
  std::map<int64_t, int64_t> times;
  for (const auto& m : received.messages)
    if (m.row == row && m.group == group) CHECK(times.emplace(m.sampled, m.received).second);
  return times;
}

}  // namespace

TEST_CASE("uplink: messages leave one after the other, each in the time that its bits take") {
  std::vector<std::pair<uint32_t, int64_t>> sent;
  const auto done = [&](const UplinkMessage& m, Time left) {
    sent.emplace_back(m.sequence, left.ns + m.delay);
  };
  const auto connected = [](const UplinkMessage&, Time t) { return t; };
  const auto message = [](uint32_t sequence, Duration leaves) {
    return UplinkMessage{
        .leaves = kStart + leaves, .delay = 5, .sequence = sequence, .bytes = 125, .values = {}};
  };
  Uplink uplink(1000, 250, false);  // a second each; two may wait
  for (uint32_t i = 0; i < 5; ++i) uplink.offer(message(i, milliseconds(100 * i)), connected, done);
  uplink.offer(message(5, milliseconds(2500)), connected, done);
  uplink.serve(kStart + seconds(10), connected, done);
  CHECK(sent ==
        std::vector<std::pair<uint32_t, int64_t>>{
            {0, seconds(1).ns + 5}, {1, seconds(2).ns + 5}, {2, seconds(3).ns + 5}, {5, seconds(4).ns + 5}});
  CHECK(uplink.dropped() == 2);

  sent.clear();
  Uplink oldest(1000, 250, true);
  for (uint32_t i = 0; i < 5; ++i) oldest.offer(message(i, milliseconds(100 * i)), connected, done);
  oldest.serve(kStart + seconds(10), connected, done);
  CHECK(sent == std::vector<std::pair<uint32_t, int64_t>>{
                    {0, seconds(1).ns + 5}, {3, seconds(2).ns + 5}, {4, seconds(3).ns + 5}});
  CHECK(oldest.dropped() == 2);
}

TEST_CASE("uplink: of a gateway that eight devices share, no two messages overlap, and all come") {
  const lang::Units units;
  LinkConfig link;
  link.bandwidth = 9600;
  link.bandwidth_shared = {{"cell"}, {}};
  const auto setup = in_cells(units, 3, link);
  World world(setup);
  const auto received = run(world, kStart + minutes(10), seconds(1));
  const auto messages = received.messages;
  std::map<uint32_t, std::vector<int64_t>> by_cell;
  for (const auto& m : messages) {
    by_cell[m.row / 8].push_back(m.received);
    // temperature and power; or running alone
    const int64_t bytes = kMessageBytes + (m.group == 0 ? 8 : 1);
    CHECK(m.received - m.sampled >= bytes * 8 * 1'000'000'000 / 9600);
  }
  for (auto& [cell, times] : by_cell) {
    std::sort(times.begin(), times.end());
    for (size_t i = 1; i < times.size(); ++i)
      CHECK(times[i] - times[i - 1] >= (kMessageBytes + 1) * int64_t{8} * 1'000'000'000 / 9600);
  }
  World free(in_cells(units, 3, {}));
  CHECK(messages.size() + 30 > run(free, kStart + minutes(10), seconds(1)).messages.size());
  CHECK(world.fleet->counters().dropped == 0);
}

TEST_CASE("uplink: one that is too narrow for what it carries drops the rest, and what it brings is old") {
  const lang::Units units;
  LinkConfig link;
  link.bandwidth = 300;
  link.queue = 1000;
  link.bandwidth_shared = {{"cell"}, {}};
  World world(in_cells(units, 1, link));
  const auto received = run(world, kStart + minutes(10), seconds(1));
  CHECK(world.fleet->counters().dropped > 100);
  int64_t oldest = 0;
  for (const auto& m : received.messages) oldest = std::max(oldest, m.received - m.sampled);
  CHECK(oldest > seconds(20).ns);
  CHECK(oldest < seconds(31).ns);  // 1000 bytes and one message more
}

TEST_CASE("uplink: whose link is down waits, others go first, and a restart forgets what waited") {
  std::vector<std::pair<uint32_t, int64_t>> sent;  // and ms
  const auto done = [&](const UplinkMessage& m, Time left) {
    sent.emplace_back(m.sequence, left.ns / 1'000'000);
  };
  // Row 1 is cut off from 1.5 s to 4.25 s.
  const auto connected = [](const UplinkMessage& m, Time t) {
    const bool down = m.row == 1 && t >= kStart + milliseconds(1500) && t < kStart + milliseconds(4250);
    return down ? kStart + milliseconds(4250) : t;
  };
  const auto offer = [&](Uplink& uplink, uint32_t sequence, uint32_t row, Duration leaves) {
    uplink.offer({.leaves = kStart + leaves, .row = row, .sequence = sequence, .bytes = 125, .values = {}},
                 connected, done);
  };
  for (const bool restarts : {false, true}) {
    sent.clear();
    Uplink uplink(1000, 0, false);  // a second each
    for (uint32_t i = 0; i < 3; ++i) offer(uplink, i, 1, milliseconds(0));
    offer(uplink, 3, 2, milliseconds(100));
    offer(uplink, 4, 2, milliseconds(3900));
    if (restarts) {
      uplink.serve(kStart + milliseconds(4000), connected, done);
      uplink.forget(0, 1, kStart + milliseconds(4000));
    }
    offer(uplink, 5, 1, milliseconds(4300));
    uplink.serve(kEnd, connected, done);
    // The second began before the cut, and is through.
    using Sent = std::vector<std::pair<uint32_t, int64_t>>;
    if (restarts)
      CHECK(sent == Sent{{0, 1000}, {1, 2000}, {3, 3000}, {4, 4900}, {5, 5900}});
    else
      CHECK(sent == Sent{{0, 1000}, {1, 2000}, {3, 3000}, {4, 4900}, {2, 5900}, {5, 6900}});
    CHECK(uplink.dropped() == (restarts ? 1 : 0));
  }
}

TEST_CASE("uplink: while a link is down nothing passes, and then all that waited") {
  const lang::Units units;
  // Off it also takes no samples meanwhile.
  for (const auto kind : {FaultKind::link_down, FaultKind::device_off}) {
    const auto setup = slow_homes(units, {.kind = kind, .lasts = seconds(60)});
    Received first;
    for (const Duration cycle : {seconds(1), seconds(10), milliseconds(2500), Duration{}}) {
      World world(setup);
      auto received = run(world, kEnd, cycle);
      const auto struck = of_row(received, 1), spared = of_row(received, 0);
      size_t waited = 0;
      for (const auto& [sampled, at] : struck) {
        // What was being sent goes through.
        CHECK((at < seconds(111).ns || at > seconds(160).ns));
        waited += sampled < seconds(100).ns && at > seconds(160).ns;
      }
      CHECK(waited > 0);
      for (const auto& [sampled, at] : spared)
        if (sampled < seconds(100).ns)
          CHECK(struck.contains(sampled + (struck.begin()->first - spared.begin()->first)));
      received.sort();
      if (first.messages.empty()) first = received;
      CHECK(received.messages == first.messages);
    }
  }
}

TEST_CASE("uplink: what waits is lost in a restart, unless the queue is kept") {
  const lang::Units units;
  for (const bool kept : {false, true}) {
    const auto setup =
        slow_homes(units, {.kind = FaultKind::restart,
                           .lasts = seconds(5),
                           .keeps = static_cast<uint8_t>(kept ? Kept::queue : Kept::setpoints)});
    Received first;
    for (const Duration cycle : {seconds(1), seconds(10), Duration{}}) {
      World world(setup);
      auto received = run(world, kEnd, cycle);
      size_t late = 0, next = 0;
      for (const auto& [sampled, at] : of_row(received, 1)) {
        late += sampled < seconds(100).ns && at > seconds(111).ns;
        if (sampled > seconds(105).ns && next == 0) next = static_cast<size_t>(at - sampled);
      }
      CHECK((late > 0) == kept);
      CHECK((next < static_cast<size_t>(seconds(20).ns)) == !kept);
      CHECK((world.fleet->counters().dropped > 0) == !kept);
      received.sort();
      if (first.messages.empty()) first = received;
      CHECK(received.messages == first.messages);
    }
  }
}

TEST_CASE("trouble: what is on its way when the broker restarts is lost, however fast devices are back") {
  const lang::Units units;
  const std::vector<BrokerAway> away = {{kStart + seconds(100), kStart + seconds(100)}};
  Setup setup = homes(units, 200);
  LinkConfig far{.name = "far"};
  far.latency = *Distribution::uniform(4, 6);
  setup.links = {far};
  setup.fleet[0].link = "far";
  setup.broker = away;
  std::vector<Delivery> deliveries;
  for (uint32_t row = 0; row < 200; ++row)
    deliveries.push_back({kStart + seconds(92), set_cool(row, row + 1, 295.15, kStart + seconds(92))});
  Received first;
  for (const Duration cycle : {seconds(1), seconds(4), Duration{}}) {
    World world(setup);
    auto received = run(world, kEnd, cycle, deliveries);
    size_t later = 0, before = 0;
    for (const auto& m : received.messages) {
      before += m.received < seconds(100).ns;
      if (m.received < seconds(100).ns) continue;
      CHECK(m.sampled >= seconds(100).ns);
      ++later;
    }
    CHECK(before > 2000);
    CHECK(later > 5000);
    // They left between 96 and 98 s, and arrive between 100 and 104 s.
    for (const auto& a : received.acknowledgements) CHECK(a.received < seconds(100).ns);
    const auto c = world.fleet->counters();
    CHECK(c.lost > 200);
    CHECK(received.messages.size() + received.acknowledgements.size() + c.lost <= c.sent);
    received.sort();
    if (first.messages.empty()) first = received;
    CHECK(received.messages == first.messages);
    CHECK(received.acknowledgements == first.acknowledgements);
  }
}

TEST_CASE("trouble: a broker that restarts ends the sessions of devices whose links have just gone, too") {
  const lang::Units units;
  const std::vector<BrokerAway> away = {{kStart + seconds(110), kStart + seconds(110)}};
  for (const Duration lasts : {seconds(1), seconds(70), seconds(150)}) {
    Setup setup = homes(units, 2);
    setup.broker = away;
    setup.faults = {
        {.kind = FaultKind::link_down, .device = "home-2", .after = kStart + seconds(105), .lasts = lasts}};
    World world(setup);
    const auto received = run(world, kEnd, seconds(1));
    std::vector<Seen> seen;
    for (const auto& p : received.presence)
      if (p.row == 1) seen.push_back(p);
    INFO("a link that is down for " << to_string(lasts));
    REQUIRE(seen.size() >= 3);
    const auto off =
        std::find_if(seen.begin(), seen.end(), [](const Seen& p) { return p.at >= seconds(107).ns; });
    REQUIRE(off != seen.end());
    CHECK(*off == Seen{seconds(110).ns, 1, false});
    CHECK(seen.back().online);
    CHECK(seen.back().at >= std::max(seconds(105) + lasts, seconds(110)).ns);
  }
}

}  // namespace looptwin::sim::test
