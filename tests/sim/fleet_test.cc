// The fleet against its naive reference, and its laws: laziness, pieces, threads and saving change nothing.
#include <fmt/format.h>
#include <algorithm>
#include <catch2/catch.hpp>
#include <random>

#include "base/workers.h"
#include "tests/sim/fleet_reference.h"

namespace looptwin::sim::test {
namespace {

constexpr size_t kHomes = 1100;  // more than one block
constexpr Time kEnd{120'000'000'000};

Setup troubled_homes(const lang::Units& units) {
  Setup s = homes(units, kHomes);
  LinkConfig lte{
      .name = "lte", .loss = 0.05, .duplication = 0.05, .reordering = 0.05, .reorder_delay = seconds(2)};
  lte.latency = *Distribution::lognormal(0.3, 0.5);
  s.links = {lte};
  s.fleet[0].link = "lte";
  const auto fault = [&](FaultKind kind, const char* device, const char* sensor, Duration after,
                         Duration lasts, double value) {
    s.faults.push_back({.kind = kind,
                        .device = device,
                        .sensor = sensor,
                        .after = kStart + after,
                        .lasts = lasts,
                        .value = value});
  };
  fault(FaultKind::stuck, "home-3", "temperature", seconds(20), seconds(30), 0);
  fault(FaultKind::bias, "home-7", "temperature", milliseconds(10500), seconds(60), 1.5);
  fault(FaultKind::device_off, "home-9", "", milliseconds(33300), milliseconds(38600), 0);
  fault(FaultKind::link_down, "home-12", "", milliseconds(40100), seconds(40), 0);
  fault(FaultKind::actuator_stuck, "home-15", "compressor", seconds(11), seconds(90), 0);
  fault(FaultKind::out_of_range, "home-20", "temperature", seconds(50), seconds(20), 400);
  fault(FaultKind::drift, "home-21", "temperature", seconds(5), seconds(100), 0.03125);
  fault(FaultKind::dropout, "home-30", "temperature", seconds(20), seconds(80), 0.5);
  // From here on in large fleets only.
  fault(FaultKind::link_down, "home-1050", "", seconds(0), seconds(15), 0);
  fault(FaultKind::dropout, "home-600", "temperature", milliseconds(30500), seconds(60), 0.5);
  // Between a step and the sample that is due before the next.
  fault(FaultKind::device_off, "home-700", "", milliseconds(36500), milliseconds(15200), 0);
  return s;
}

/// Setpoints in and out of range, overrides that residents may refuse, commands, repeats, messages that come
/// too late.
std::vector<Delivery> random_deliveries(unsigned seed) {
  std::mt19937_64 draw(seed);
  std::vector<Delivery> all;
  for (int64_t k = 1; k < 12; ++k) {
    const Time now = kStart + seconds(10 * k);
    for (int i = 0; i < 120; ++i) {
      const auto row = static_cast<uint32_t>(i < 40 ? draw() % 24 : draw() % kHomes);
      auto c = set_cool(row, draw() | 1, 273.15 + 15 + static_cast<double>(draw() % 17), now);
      c.may_refuse = draw() % 3 == 0;
      if (draw() % 8 == 0) c.kind = twin::Command::Kind::command;
      if (draw() % 10 == 0) c.expires = now + milliseconds(400);
      all.push_back({now, c});
      if (k < 11 && draw() % 5 == 0) all.push_back({now + seconds(10), c});
    }
  }
  std::stable_sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.sent < b.sent; });
  return all;
}

std::string shown(const Ack& a) {
  return fmt::format("row {} id {} received {} applied {} outcome {}", a.row, a.id, a.received, a.applied,
                     a.outcome);
}
std::string shown(const Message& m) {
  return fmt::format("row {} group {} sequence {} sampled {} received {} value {}", m.row, m.group,
                     m.sequence, m.sampled, m.received, fmt::join(m.value, ","));
}

/// Where two sorted lists part, or nothing.
template <typename T>
std::string first_difference(const std::vector<T>& got, const std::vector<T>& wanted) {
  const auto [g, w] = std::mismatch(got.begin(), got.end(), wanted.begin(), wanted.end());
  if (g == got.end() && w == wanted.end()) return "";
  return "got    " + (g == got.end() ? "nothing" : shown(*g)) + "\nwanted " +
         (w == wanted.end() ? "nothing" : shown(*w));
}

TEST_CASE("fleet: lazy slices equal a naive simulation of one device at a time, bit for bit, at any cycle") {
  const lang::Units units;
  const auto deliveries = random_deliveries(1);
  Setup setup = troubled_homes(units);
  Received expected;
  for (uint32_t row = 0; row < kHomes; ++row) simulate_home(setup, row, deliveries, kEnd, expected);
  expected.sort();
  REQUIRE(expected.messages.size() > 15000);
  REQUIRE(expected.acknowledgements.size() > 1000);
  for (const auto outcome :
       {twin::Outcome::refused_range, twin::Outcome::refused_local, twin::Outcome::expired}) {
    const auto is = [&](const Ack& a) { return a.outcome == static_cast<int>(outcome); };
    CHECK(std::count_if(expected.acknowledgements.begin(), expected.acknowledgements.end(), is) >= 5);
  }
  for (const Duration cycle : {seconds(1), seconds(10), milliseconds(2500), Duration{}, seconds(60)}) {
    setup.cycle = cycle.ns > 0 ? cycle : seconds(1);
    World world(setup);
    const auto received = run(world, kEnd, cycle, deliveries);
    INFO("cycle " << to_string(cycle));
    CHECK(first_difference(received.acknowledgements, expected.acknowledgements) == "");
    CHECK(first_difference(received.messages, expected.messages) == "");
  }
}

TEST_CASE("fleet: true states do not depend on when slices are looked at") {
  const lang::Units units;
  Setup setup = troubled_homes(units);
  const auto deliveries = random_deliveries(2);
  std::vector<std::vector<double>> states;
  for (const Duration cycle : {seconds(1), seconds(60)}) {
    setup.cycle = cycle;
    World world(setup);
    run(world, kEnd, cycle, deliveries);
    for (size_t shard = 0; shard < world.shards.size(); ++shard) world.fleet->settle(shard, kEnd);
    const auto air = world.numbers(".physics.air");
    states.emplace_back(air.begin(), air.end());
  }
  CHECK(states[0] == states[1]);
}

TEST_CASE("fleet: two threads give what one gives") {
  const lang::Units units;
  Setup setup = troubled_homes(units);
  setup.fleet[0].count = 9000;  // two shards
  World alone(setup), team(setup);
  Workers workers(2);
  for (Time now = kStart + seconds(1); now <= kStart + seconds(30); now = now + seconds(1)) {
    Received ignored;
    alone.advance(now, ignored);
    team.fleet->begin(now);
    workers.run(team.shards.size(),
                [&](size_t shard, int) { team.fleet->advance(shard, now, team.arrivals[shard]); });
    for (size_t s = 0; s < team.shards.size(); ++s) {
      for (size_t g = 0; g < team.arrivals[s].frames.size(); ++g) {
        const auto &a = alone.arrivals[s].frames[g], &b = team.arrivals[s].frames[g];
        REQUIRE((a.row == b.row && a.received_at == b.received_at && a.value == b.value));
      }
    }
  }
  CHECK(team.fleet->counters().samples > 30000);
}

TEST_CASE("fleet: a run restored after any cycle goes on as if nothing had happened") {
  const lang::Units units;
  Setup setup = troubled_homes(units);
  setup.fleet[0].count = 100;
  setup.faults.resize(setup.faults.size() - 3);
  setup.links[0].outage_every = minutes(2);
  setup.links[0].outage_lasts = *Distribution::exponential(20);
  setup.links[0].stored = 3;
  const auto deliveries = random_deliveries(3);
  World trunk(setup);
  std::vector<std::vector<std::byte>> saved;
  std::vector<Received> parts;
  const auto send = [&](World& world, Time now) {
    std::vector<twin::Command> commands;
    for (const auto& d : deliveries)
      if (d.sent == now && d.command.device.row.value < 100) commands.push_back(d.command);
    world.deliver(now, commands);
  };
  for (int64_t k = 1; k <= 60; ++k) {
    saved.push_back(trunk.save());
    parts.emplace_back();
    trunk.advance(kStart + seconds(k), parts.back());
    send(trunk, kStart + seconds(k));
  }
  World other(setup);
  for (size_t from = 0; from < saved.size(); ++from) {
    other.restore(saved[from]);
    CHECK(other.save() == saved[from]);
    for (size_t k = from; k < std::min(from + 15, saved.size()); ++k) {
      Received again;
      const Time now = kStart + seconds(static_cast<int64_t>(k) + 1);
      other.advance(now, again);
      send(other, now);
      REQUIRE(again.messages == parts[k].messages);
      REQUIRE(again.acknowledgements == parts[k].acknowledgements);
      REQUIRE(again.presence == parts[k].presence);
    }
  }
}

TEST_CASE("fleet: an archive of another fleet is refused") {
  const lang::Units units;
  World small(homes(units, 100)), large(homes(units, 9000));
  const auto bytes = small.save();
  ArchiveReader archive(bytes);
  large.tables.restore(archive);
  large.fleet->restore(archive);
  CHECK_FALSE(archive.ok());
}

}  // namespace
}  // namespace looptwin::sim::test
