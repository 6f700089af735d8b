// Links, presence, commands and faults as a person would state them.
#include <catch2/catch.hpp>
#include <cmath>
#include <map>
#include <set>

#include "sim/link.h"
#include "tests/sim/fleet_world.h"

namespace looptwin::sim::test {
namespace {

Setup linked(const lang::Units& units, size_t count, LinkConfig link) {
  Setup s = homes(units, count);
  link.name = "lte";
  s.links = {link};
  s.fleet[0].link = "lte";
  return s;
}

Received run(World& world, Duration until, Duration cycle = seconds(1)) {
  Received received;
  for (Time now = kStart + cycle; now <= kStart + until; now = now + cycle) world.advance(now, received);
  return received;
}

TEST_CASE("fleet: every row samples at its phase and period, a cycle holds a contiguous run of a block") {
  const lang::Units units;
  World world(homes(units, 1024));
  Received received;
  std::vector<int> samples(1024);
  for (int64_t k = 1; k <= 30; ++k) {
    Received cycle;
    world.advance(kStart + seconds(k), cycle);
    std::vector<uint32_t> rows;
    for (const auto& m : cycle.messages) {
      CHECK(m.received == m.sampled);
      if (m.group != 0) continue;
      CHECK((m.sampled - 9'765'625ll * m.row) % 10'000'000'000 == 0);
      if (m.sampled == 0) continue;  // the very first sample falls on the start
      rows.push_back(m.row);
      ++samples[m.row];
    }
    std::sort(rows.begin(), rows.end());
    // A run, but for row 0 that closes the period.
    if (!rows.empty() && rows.front() == 0 && rows.back() > 500) rows.erase(rows.begin());
    CHECK(rows.back() - rows.front() == rows.size() - 1);
    CHECK(rows.size() <= 104);
    CHECK(rows.size() >= 101);
  }
  CHECK(std::all_of(samples.begin(), samples.end(), [](int n) { return n == 3; }));
}

TEST_CASE("fleet: what a link loses, doubles, delays and reorders follows its configuration") {
  const lang::Units units;
  LinkConfig link{.loss = 0.02, .duplication = 0.03, .reordering = 0.01, .reorder_delay = seconds(5)};
  link.latency = *Distribution::lognormal(0.06, 0.4);
  World world(linked(units, 2000, link));
  const auto received = run(world, minutes(10));
  const auto c = world.fleet->counters();
  const double sent = static_cast<double>(c.sent);
  REQUIRE(c.sent > 150'000);
  const auto share = [&](uint64_t n, double p) {
    CHECK(std::abs(static_cast<double>(n) / sent - p) < 5 * std::sqrt(p * (1 - p) / sent));
  };
  share(c.lost, 0.02);
  share(c.duplicated, 0.03);
  share(c.reordered, 0.01);
  CHECK(c.delivered == received.messages.size());
  // The latency's quartiles are those of the distribution.
  std::vector<double> late;
  for (const auto& m : received.messages)
    if (m.received - m.sampled < 4'000'000'000)
      late.push_back(static_cast<double>(m.received - m.sampled) * 1e-9);
  std::sort(late.begin(), late.end());
  for (const double p : {0.25, 0.5, 0.75}) {
    const double wanted = *link.latency->quantile(p);
    CHECK(late[static_cast<size_t>(p * static_cast<double>(late.size()))] == Approx(wanted).epsilon(0.01));
  }
}

TEST_CASE("fleet: a message that is doubled keeps its sequence and its values") {
  const lang::Units units;
  LinkConfig link{.duplication = 1};
  link.latency = *Distribution::exponential(2);
  World world(linked(units, 50, link));
  auto received = run(world, minutes(2));
  received.sort();
  size_t pairs = 0;
  for (size_t i = 1; i < received.messages.size(); ++i) {
    const auto &a = received.messages[i - 1], &b = received.messages[i];
    if (a.row != b.row || a.group != b.group || a.sequence != b.sequence) continue;
    ++pairs;
    CHECK(a.sampled == b.sampled);
    CHECK(a.value == b.value);
  }
  CHECK(pairs == 50 * (12 + 4));
}

TEST_CASE("fleet: outages come as often and last as long as the link says, and the broker notices") {
  const lang::Units units;
  LinkConfig link;
  link.outage_every = hours(1);
  link.outage_lasts = *Distribution::uniform(60, 180);
  World world(linked(units, 300, link));
  const auto received = run(world, hours(20), minutes(1));
  // An outage and the wait after it take 3600 s + 120 s in the mean.
  const double expected = 300 * 72000.0 / 3720;
  CHECK(static_cast<double>(world.fleet->counters().outages) == Approx(expected).epsilon(0.05));
  std::map<uint32_t, std::vector<Seen>> by_row;
  for (const auto& p : received.presence) by_row[p.row].push_back(p);
  for (const auto& [row, seen] : by_row) {
    REQUIRE(seen.front() == Seen{0, row, true});
    for (size_t i = 1; i < seen.size(); ++i) {
      CHECK(seen[i].online != seen[i - 1].online);
      CHECK(seen[i].at >= seen[i - 1].at);
      if (seen[i].online) CHECK(seen[i].at - seen[i - 1].at <= seconds(90).ns);
    }
  }
}

TEST_CASE("fleet: during an outage the last samples are stored, and sent in order when the link is back") {
  const lang::Units units;
  LinkConfig link{.stored = 4};
  link.latency = *Distribution::constant(0.25);
  Setup setup = linked(units, 8, link);
  setup.faults = {{.kind = FaultKind::link_down,
                   .device = "home-2",
                   .after = kStart + seconds(20),
                   .lasts = seconds(100)}};
  World world(setup);
  auto received = run(world, seconds(150));
  std::vector<Message> stored;
  for (const auto& m : received.messages)
    if (m.row == 1 && m.group == 0 && m.sampled >= seconds(20).ns && m.sampled < seconds(120).ns)
      stored.push_back(m);
  REQUIRE(stored.size() == 4);
  for (size_t i = 0; i < stored.size(); ++i) {
    CHECK(stored[i].sampled == 9'765'625 + seconds(80 + 10 * static_cast<int64_t>(i)).ns);
    CHECK(stored[i].received == (seconds(120) + milliseconds(250)).ns);
    if (i > 0) CHECK(stored[i].sequence == stored[i - 1].sequence + 1);
  }
  CHECK(world.fleet->counters().stored == 4 + 3);  // running, every 30 s, fits
  CHECK(world.fleet->counters().dropped == 6);
  // What is dropped counts as sent, as what is lost does.
  World whole(linked(units, 8, link));
  run(whole, seconds(150));
  CHECK(world.fleet->counters().sent == whole.fleet->counters().sent);
  const std::vector<Seen> noticed{{seconds(110).ns, 1, false}, {seconds(120).ns, 1, true}};
  std::vector<Seen> presence;
  for (const auto& p : received.presence)
    if (p.row == 1 && p.at > 0) presence.push_back(p);
  CHECK(presence == noticed);
}

TEST_CASE("fleet: a controller goes on alone while its link is down") {
  const lang::Units units;
  Setup setup = linked(units, 4, {});
  Setup cut = setup;
  cut.faults = {{.kind = FaultKind::link_down, .device = "home-1", .after = kStart + seconds(10)}};
  World connected(setup), alone(cut);
  run(connected, minutes(20)), run(alone, minutes(20));
  connected.fleet->settle(0, kStart + minutes(20));
  alone.fleet->settle(0, kStart + minutes(20));
  CHECK(connected.numbers(".physics.air")[0] == alone.numbers(".physics.air")[0]);
  CHECK(std::abs(alone.numbers(".physics.air")[0] - 296.15) < 1.5);
}

TEST_CASE("fleet: a command sent twice acts once, a later one does not come undone by a late repeat") {
  const lang::Units units;
  World world(homes(units, 4));
  Received received;
  const auto at = [&](int64_t s) { return kStart + seconds(s); };
  world.advance(at(1), received);
  const auto first = set_cool(2, 11, 290, at(1)), second = set_cool(2, 12, 300, at(2));
  world.deliver(at(1), {first});
  world.advance(at(2), received);
  world.deliver(at(2), {second});
  world.advance(at(3), received);
  world.deliver(at(3), {first});
  world.advance(at(4), received);
  CHECK(world.numbers(".held.cool")[2] == 300);
  REQUIRE(received.acknowledgements.size() == 3);
  CHECK(received.acknowledgements[2].id == 11);
  CHECK(received.acknowledgements[2].applied == received.acknowledgements[0].applied);
  CHECK(received.acknowledgements[0].applied == seconds(2).ns);
}

TEST_CASE("fleet: a command that is sent again has its luck anew, and so has its answer") {
  const lang::Units units;
  World world(linked(units, 4, {.loss = 0.5}));
  Received received;
  std::set<uint64_t> answered;
  constexpr uint64_t kCommands = 400;
  int64_t second = 1;
  for (uint64_t id = 1; id <= kCommands; ++id) {
    auto command = set_cool(2, id * 0x9E3779B97F4A7C15, 290, kStart + seconds(1'000'000));
    for (command.attempt = 0; command.attempt < 5; ++command.attempt) {
      const Time now = kStart + seconds(second++);
      world.advance(now, received);
      world.deliver(now, {command});
    }
  }
  world.advance(kStart + seconds(second), received);
  for (const auto& ack : received.acknowledgements) answered.insert(ack.id);
  // One in four comes back; of five, one at least with 1 - 0.75⁵ = 0.763, within four standard deviations.
  CHECK(static_cast<double>(answered.size()) == Approx(0.763 * kCommands).margin(4 * 8.5));
}

TEST_CASE("fleet: a device knows its last eight commands, and takes an older one sent again for a new one") {
  const lang::Units units;
  World world(homes(units, 4));
  Received received;
  int64_t now = 1;
  const auto send = [&](uint64_t id) {
    const Time sent = kStart + seconds(now++);
    world.advance(sent, received);
    auto command = set_cool(2, id, 290 + static_cast<double>(id), kStart + seconds(1));
    world.deliver(sent, {command});
  };
  for (uint64_t id = 1; id <= 9; ++id) send(id);
  send(2);  // the eighth from the end
  world.advance(kStart + seconds(now++), received);
  CHECK(world.numbers(".held.cool")[2] == 299);
  send(1);
  world.advance(kStart + seconds(now), received);
  CHECK(world.numbers(".held.cool")[2] == 291);
}

TEST_CASE("fleet: a device without power is silent, its actuators are off, and its physics goes on") {
  const lang::Units units;
  Setup setup = homes(units, 4);
  setup.faults = {{.kind = FaultKind::device_off,
                   .device = "home-2",
                   .after = kStart + seconds(100),
                   .lasts = seconds(400)}};
  World world(setup);
  const auto received = run(world, seconds(499));
  world.fleet->settle(0, kStart + seconds(499));
  for (const auto& m : received.messages)
    if (m.row == 1) CHECK(m.sampled < seconds(100).ns);
  CHECK(world.numbers(".physics.air")[1] > 296.15 + 4);
  CHECK(world.numbers(".physics.air")[0] < 296.15 + 1.5);
}

TEST_CASE("link: a column of messages passes as they do one by one") {
  LinkConfig config{
      .name = "lte", .loss = 0.3, .duplication = 0.3, .reordering = 0.3, .reorder_delay = seconds(3)};
  config.latency = *Distribution::gamma(2, 0.1);
  const Link link(config, 3, 2);
  std::vector<uint64_t> devices;
  for (uint64_t i = 0; i < 77; ++i) devices.push_back(i * i * 7919 + 1);
  Passages column;
  link.telemetry(1, devices, 42, column);
  for (size_t i = 0; i < devices.size(); ++i) {
    const auto one = link.telemetry(1, devices[i], 42);
    CHECK(one.delay == column.delay[i]);
    CHECK(one.duplicate == column.duplicate[i]);
    CHECK((one.lost == (column.lost[i] != 0) && one.reordered == (column.reordered[i] != 0)));
  }
}

TEST_CASE("link: what is in flight arrives in the cycle of its arrival, however far ahead") {
  InFlight flight(1, seconds(1));
  flight.set_fields(0, 1);
  std::vector<int64_t> waits;
  for (int64_t i = 0; i < 500; ++i) waits.push_back(1 + i * i * 7'654'321 % 400'000'000'000);
  for (const int64_t w : waits) {
    const auto value = static_cast<int32_t>(w % 1000);
    flight.add(0, 0, 0, 0, w, &value, 1);
  }
  std::vector<twin::Frame> out(1);
  out[0].value.resize(1);
  int64_t before = 0;
  for (int64_t t = 300'000'000; before < 400'000'000'000; t += 300'000'000 + (t % 7) * 500'000'000) {
    out[0].clear();
    flight.arrive(Time{t}, out);
    std::vector<int64_t> got = out[0].received_at, wanted;
    for (const int64_t w : waits)
      if (w > before && w <= t) wanted.push_back(w);
    std::sort(got.begin(), got.end()), std::sort(wanted.begin(), wanted.end());
    REQUIRE(got == wanted);
    before = t;
  }
  CHECK(flight.size() == 0);
}

}  // namespace
}  // namespace looptwin::sim::test
