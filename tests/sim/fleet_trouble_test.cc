// Trouble that strikes many devices at once, or that devices come back from with less than they had: shared
// outages, bursts of losses, restarts of the broker and of devices.
#include <catch2/catch.hpp>
#include <cmath>
#include <map>
#include <set>
#include <tuple>

#include "sim/fault.h"
#include "tests/sim/fleet_world.h"

namespace looptwin::sim::test {
namespace {

Received run(World& world, Duration until, Duration cycle = seconds(1), Time from = kStart) {
  Received received;
  for (Time now = from + cycle; now <= kStart + until; now = now + cycle) world.advance(now, received);
  return received;
}

std::map<uint32_t, std::vector<Seen>> by_row(const Received& received) {
  std::map<uint32_t, std::vector<Seen>> rows;
  for (const auto& p : received.presence) rows[p.row].push_back(p);
  return rows;
}

}  // namespace

TEST_CASE("trouble: devices of one cell have their outages together, those of two cells do not") {
  const lang::Units units;
  LinkConfig link;
  link.outage_up = *Distribution::exponential(1800);
  link.outage_lasts = *Distribution::exponential(120);
  link.outage_shared = {{"cell"}, {}};
  World world(in_cells(units, 20, link));
  const auto seen = by_row(run(world, hours(4), minutes(1)));
  REQUIRE(seen.size() == 160);
  std::set<std::vector<int64_t>> different;
  for (uint32_t row = 0; row < 160; ++row) {
    std::vector<int64_t> own, first;
    for (const auto& p : seen.at(row)) own.push_back(p.online ? p.at : -p.at);
    for (const auto& p : seen.at(row / 8 * 8)) first.push_back(p.online ? p.at : -p.at);
    CHECK(own == first);
    different.insert(own);
  }
  CHECK(different.size() == 20);
  const double expected = 160 * 4 * 3600.0 / (1800 + 120);
  CHECK(static_cast<double>(world.fleet->counters().outages) == Approx(expected).epsilon(0.25));
}

TEST_CASE("trouble: of several relations a device shares by the first that leads somewhere, or with all") {
  const lang::Units units;
  LinkConfig link;
  link.outage_up = *Distribution::exponential(1800);
  link.outage_lasts = *Distribution::exponential(120);
  const auto different = [&](std::vector<std::string> paths) {
    link.outage_shared = {std::move(paths), {}};
    auto setup = in_cells(units, 20, link);
    // The cells themselves stand in four regions; every second home lies in a region of its own as well.
    twin::ModelConfig region;
    region.name = "region";
    setup.models.push_back(region);
    setup.devices.emplace_back();
    setup.models[1].relations.push_back({.name = "region", .to = "region", .inverse = "cells"});
    setup.models[0].relations.push_back(
        {.name = "place", .to = "region", .inverse = "homes", .optional = true});
    setup.fleet.insert(setup.fleet.begin(), {.model = "region", .count = 4, .id = "region-{i}"});
    setup.fleet[1].per = "region", setup.fleet[1].count = 5, setup.fleet[1].id = "cell-{n}";
    World world(setup);
    std::map<std::vector<int64_t>, size_t> sizes;
    for (const auto& [row, seen] : by_row(run(world, hours(4), minutes(1)))) {
      std::vector<int64_t> own;
      for (const auto& p : seen) own.push_back(p.online ? p.at : -p.at);
      ++sizes[own];
    }
    return sizes;
  };
  CHECK(different({"cell"}).size() == 20);
  const auto by_region = different({"cell.region"});
  CHECK(by_region.size() == 4);
  for (const auto& [spells, homes] : by_region) CHECK(homes == 40);
  CHECK(different({"place", "cell.region"}).size() == 4);  // the first leads nowhere
  CHECK(different({"place", "self"}).size() > 100);
  CHECK(different({"place"}).size() > 100);
  CHECK(different({"all"}).size() == 1);
}

TEST_CASE("trouble: a relation that devices do not have is refused where it is shared by") {
  const lang::Units units;
  LinkConfig link;
  link.outage_every = hours(1);
  link.outage_shared = {{"sell"}, text("shared: sell")};
  const auto setup = in_cells(units, 1, link);
  lang::Schema schema;
  lang::Graph graph;
  twin::Tables tables{schema};
  const auto registry = twin::Registry::build(setup.models, setup.fleet, 1, schema, tables);
  REQUIRE(registry.has_value());
  Weather weather;
  const auto fleet = Fleet::build(units, schema, graph, *registry, tables, weather,
                                  {setup.devices, setup.links, {}, 1, seconds(1)});
  REQUIRE(!fleet.has_value());
  const auto refused = std::find_if(fleet.error().begin(), fleet.error().end(), [](const Diagnostic& d) {
    return d.message == "'home', whose devices hang on this link, has no relation 'sell'";
  });
  REQUIRE(refused != fleet.error().end());  // beside the weather, which nobody has declared here
  CHECK(refused->hint.find("did you mean 'cell'?") != std::string::npos);
}

TEST_CASE("trouble: in a burst so many messages are lost as it says, and between bursts none") {
  const lang::Units units;
  LinkConfig link;
  link.burst_up = *Distribution::constant(600);
  link.burst_lasts = *Distribution::constant(300);
  link.burst_loss = 0.4;
  World world(in_cells(units, 25, link));
  const auto received = run(world, hours(3));
  const auto counters = world.fleet->counters();
  CHECK(static_cast<double>(counters.lost) / static_cast<double>(counters.sent) ==
        Approx(0.4 * 300 / 900).epsilon(0.05));
  std::map<std::pair<uint32_t, uint32_t>, std::vector<int64_t>> sampled;
  for (const auto& m : received.messages) {
    const int64_t in_turn = m.sampled % seconds(900).ns;
    if (in_turn < seconds(600).ns) sampled[{m.row, m.group}].push_back(m.sampled / seconds(900).ns);
  }
  for (const auto& [source, turns] : sampled)
    for (int64_t turn = 0; turn < 12; ++turn)
      CHECK(std::count(turns.begin(), turns.end(), turn) == (source.second == 0 ? 60 : 20));
}

TEST_CASE("trouble: when the broker is back devices return with backoff, each at its own time") {
  const lang::Units units;
  const std::vector<BrokerAway> away = {{kStart + seconds(100), kStart + seconds(160)},
                                        {kStart + seconds(400), kStart + seconds(400)}};
  Setup setup = in_cells(units, 40, {});
  setup.broker = away;
  World world(setup);
  const auto received = run(world, minutes(15));
  std::set<int64_t> returns;
  for (const auto& [row, seen] : by_row(received)) {
    REQUIRE(seen.size() == 5);
    CHECK(seen[1] == Seen{seconds(100).ns, row, false});
    CHECK(seen[2].online);
    CHECK(seen[2].at >= seconds(160).ns);
    CHECK(seen[2].at <= (seconds(160) + kLongestWait).ns);
    CHECK(seen[3] == Seen{seconds(400).ns, row, false});
    CHECK(seen[4].at > (seconds(400) + milliseconds(499)).ns);
    CHECK(seen[4].at <= seconds(401).ns);
    returns.insert(seen[2].at);
  }
  CHECK(returns.size() > 300);  // of 320
  for (const auto& m : received.messages)
    if (m.received >= seconds(100).ns) CHECK(m.received >= seconds(160).ns);
}

TEST_CASE("trouble: a device that restarts counts anew, and holds defaults unless it keeps its setpoints") {
  const lang::Units units;
  const auto restart = [](const char* device, uint8_t keeps, Duration lasts) {
    return FaultConfig{.kind = FaultKind::restart,
                       .device = device,
                       .after = kStart + seconds(100),
                       .lasts = lasts,
                       .keeps = keeps};
  };
  Setup setup = homes(units, 4);
  setup.faults = {
      restart("home-2", 0, seconds(30)),
      restart("home-3", static_cast<uint8_t>(Kept::setpoints) | static_cast<uint8_t>(Kept::numbers),
              seconds(30)),
      restart("home-4", static_cast<uint8_t>(Kept::commands), {})};
  World world(setup);
  Received received;
  for (uint32_t row = 0; row < 4; ++row) world.deliver(kStart, {set_cool(row, 10 + row, 299, kStart)});
  for (Time now = kStart + seconds(1); now <= kStart + seconds(200); now = now + seconds(1))
    world.advance(now, received);
  const auto cool = world.numbers(".held.cool");
  CHECK(cool[0] == 299);
  CHECK(cool[1] != 299);
  CHECK(cool[2] == 299);
  CHECK(cool[3] == cool[1]);
  std::map<uint32_t, std::vector<uint32_t>> numbers;
  for (const auto& m : received.messages)
    if (m.group == 0) numbers[m.row].push_back(m.sequence);
  const auto begins_anew = [](const std::vector<uint32_t>& n) {
    return std::count(n.begin(), n.end(), 0u) == 2;
  };
  CHECK(!begins_anew(numbers[0]));
  CHECK(begins_anew(numbers[1]));
  CHECK(!begins_anew(numbers[2]));
  CHECK(begins_anew(numbers[3]));
  CHECK(numbers[0].size() == 21);
  CHECK(numbers[1].size() == 17);  // none for 30 s
  CHECK(numbers[3].size() == 20);

  // Asked again, a device that has forgotten its commands acts again; one that has kept them only answers.
  for (uint32_t row = 1; row < 4; row += 2)
    world.deliver(kStart + seconds(200), {set_cool(row, 10 + row, 299, kStart + seconds(200))});
  for (Time now = kStart + seconds(201); now <= kStart + seconds(210); now = now + seconds(1))
    world.advance(now, received);
  CHECK(world.numbers(".held.cool")[1] == 299);
  CHECK(world.numbers(".held.cool")[3] != 299);
}

TEST_CASE("trouble: what waited for the link is lost in a restart, unless the queue is kept") {
  const lang::Units units;
  for (const bool kept : {false, true}) {
    Setup setup = homes(units, 2);
    setup.links = {{.name = "lte", .stored = 100}};
    setup.fleet[0].link = "lte";
    setup.faults = {{.kind = FaultKind::link_down,
                     .device = "home-1",
                     .after = kStart + seconds(100),
                     .lasts = seconds(100)},
                    {.kind = FaultKind::restart,
                     .device = "home-1",
                     .after = kStart + seconds(150),
                     .lasts = Duration{},
                     .keeps = static_cast<uint8_t>(kept ? Kept::queue : Kept::setpoints)}};
    World world(setup);
    const auto received = run(world, seconds(300));
    int64_t before = 0, after = 0;
    for (const auto& m : received.messages) {
      if (m.row != 0 || m.group != 0) continue;
      before += m.sampled >= seconds(100).ns && m.sampled < seconds(150).ns;
      after += m.sampled >= seconds(150).ns && m.sampled < seconds(200).ns;
    }
    CHECK(before == (kept ? 5 : 0));
    CHECK(after == 5);
  }
}

TEST_CASE("trouble: a device's clock dates its samples, drifts, and is set when it is synchronised") {
  const lang::Units units;
  Setup setup = homes(units, 3);
  ClockConfig clock;
  clock.offset = *Distribution::normal(0, 0.5);
  clock.drift = *Distribution::normal(0, 1e-3);
  clock.sync = seconds(100);
  setup.devices[0].clock = clock;
  World world(setup), right(homes(units, 3));
  auto received = run(world, seconds(300));
  auto exact = run(right, seconds(300));
  REQUIRE(received.messages.size() == exact.messages.size());
  const auto by_number = [](const Message& a, const Message& b) {
    return std::tie(a.row, a.group, a.sequence) < std::tie(b.row, b.group, b.sequence);
  };
  std::sort(received.messages.begin(), received.messages.end(), by_number);
  std::sort(exact.messages.begin(), exact.messages.end(), by_number);
  std::map<uint32_t, std::map<int64_t, double>> errors;  // [row][10 s]
  for (size_t i = 0; i < exact.messages.size(); ++i) {
    const auto& m = exact.messages[i];
    CHECK(received.messages[i].received == m.received);
    CHECK(received.messages[i].value == m.value);
    if (m.group == 0)
      errors[m.row][m.sampled / seconds(10).ns] =
          static_cast<double>(received.messages[i].sampled - m.sampled);
  }
  for (auto& [row, error] : errors) {
    const double drift = (error[9] - error[1]) / 80;  // ns/s
    CHECK(std::abs(drift) > 1);
    CHECK((error[19] - error[11]) / 80 == Approx(drift).margin(5));
    CHECK(std::abs(error[10] - error[9] - 10 * drift) > 1e5);  // it was set
  }
}

TEST_CASE("trouble: messages that are not what they should be are strays, and never telemetry") {
  const lang::Units units;
  const std::pair<FaultKind, twin::Stray> kinds[] = {
      {FaultKind::malformed, {.form = twin::Stray::Form::malformed}},
      {FaultKind::wrong_type, {.form = twin::Stray::Form::wrong_type}},
      {FaultKind::unknown_device, {}},
      {FaultKind::foreign_credentials, {.foreign = true}}};
  for (const auto& [kind, expected] : kinds) {
    Setup setup = homes(units, 2);
    setup.faults = {{.kind = kind, .device = "home-2", .after = kStart + seconds(60), .lasts = seconds(60)}};
    World world(setup);
    Received received;
    std::vector<twin::Stray> strays;
    for (Time now = kStart + seconds(1); now <= kStart + seconds(180); now = now + seconds(1)) {
      world.advance(now, received);
      for (const auto& arrivals : world.arrivals)
        strays.insert(strays.end(), arrivals.strays.begin(), arrivals.strays.end());
    }
    REQUIRE(strays.size() == 6 + 2);
    const uint64_t key = world.registry->keys(TableId(0))[1];
    for (const auto& stray : strays) {
      CHECK(stray.row == 1);
      CHECK(stray.form == expected.form);
      CHECK(stray.foreign == expected.foreign);
      CHECK((stray.device == key) == (kind != FaultKind::unknown_device));
    }
    for (const auto& m : received.messages)
      CHECK((m.row != 1 || m.sampled < seconds(60).ns || m.sampled >= seconds(120).ns));
  }
}

TEST_CASE("trouble: a message with several faults is a stray with all of them, whichever began first") {
  const lang::Units units;
  using enum FaultKind;
  const auto strays_of = [&](std::vector<FaultKind> kinds) {
    Setup setup = homes(units, 1);
    for (size_t k = 0; k < kinds.size(); ++k)
      setup.faults.push_back({.kind = kinds[k],
                              .device = "home-1",
                              .after = kStart + seconds(60 + static_cast<int64_t>(k)),
                              .lasts = seconds(120)});
    World world(setup);
    Received received;
    std::vector<twin::Stray> strays;
    for (Time now = kStart + seconds(1); now <= kStart + seconds(150); now = now + seconds(1)) {
      world.advance(now, received);
      for (const auto& arrivals : world.arrivals)
        if (now > kStart + seconds(70))
          strays.insert(strays.end(), arrivals.strays.begin(), arrivals.strays.end());
    }
    REQUIRE(!strays.empty());
    return std::pair(strays, world.registry->keys(TableId(0))[0]);
  };
  for (const auto& kinds : {std::vector{wrong_type, malformed}, std::vector{malformed, wrong_type}})
    for (const auto& stray : strays_of(kinds).first) CHECK(stray.form == twin::Stray::Form::malformed);
  const auto [strays, key] = strays_of({wrong_type, foreign_credentials, unknown_device});
  for (const auto& stray : strays) {
    CHECK(stray.form == twin::Stray::Form::wrong_type);
    CHECK(stray.foreign);
    CHECK(stray.device != key);
  }
}

TEST_CASE("trouble: saved and restored after any cycle, with all of it, the fleet goes on alike") {
  const lang::Units units;
  const std::vector<BrokerAway> away = {{kStart + seconds(60), kStart + seconds(75)}};
  LinkConfig link;
  link.latency = *Distribution::exponential(2);
  link.outage_up = *Distribution::exponential(100);
  link.outage_lasts = *Distribution::exponential(20);
  link.outage_shared = {{"cell"}, {}};
  link.burst_up = *Distribution::exponential(60);
  link.burst_lasts = *Distribution::exponential(30);
  link.stored = 5;
  link.bandwidth = 4800;
  link.queue = 2000;
  link.bandwidth_shared = {{"cell"}, {}};
  Setup setup = in_cells(units, 3, link);
  setup.broker = away;
  setup.faults = {{.kind = FaultKind::restart, .device = "**", .every = minutes(1), .lasts = seconds(5)}};
  World trunk(setup);
  const auto whole = [&] {
    World world(setup);
    return run(world, seconds(180));
  }();
  Received so_far;
  for (Time now = kStart + seconds(1); now <= kStart + seconds(180); now = now + seconds(1)) {
    trunk.advance(now, so_far);
    if (now.ns / 1'000'000'000 % 20 != 7) continue;
    World branch(setup);
    branch.restore(trunk.save());
    auto joined = so_far;
    const auto rest = run(branch, seconds(180), seconds(1), now);
    joined.messages.insert(joined.messages.end(), rest.messages.begin(), rest.messages.end());
    joined.presence.insert(joined.presence.end(), rest.presence.begin(), rest.presence.end());
    auto expected = whole;
    expected.sort();
    joined.sort();
    CHECK(joined.messages == expected.messages);
    CHECK(joined.presence == expected.presence);
  }
}

}  // namespace looptwin::sim::test
