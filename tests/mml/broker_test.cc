// The in-process broker: who may speak, and what waits for whom.
#include "mml/broker.h"

#include <algorithm>
#include <array>
#include <catch2/catch.hpp>
#include <random>

#include "homes.h"

using namespace looptwin;
using namespace looptwin::mml;

namespace {

twin::Command setpoint(uint64_t id, twin::DeviceRef device, double value, uint16_t index = Homes::kCool) {
  twin::Command c;
  c.id = id;
  c.device = device;
  c.index = index;
  c.value = value;
  c.expires = kNever;
  return c;
}

twin::Command command(uint64_t id, twin::DeviceRef device, Time expires) {
  twin::Command c;
  c.id = id;
  c.device = device;
  c.kind = twin::Command::Kind::command;
  c.expires = expires;
  return c;
}

std::vector<uint64_t> ids(const std::vector<twin::Command>& commands) {
  std::vector<uint64_t> ids;
  for (const auto& c : commands) ids.push_back(c.id);
  return ids;
}

std::vector<uint64_t> released(Broker& broker, twin::DeviceRef device, Time now) {
  std::vector<twin::Command> out;
  broker.release(device, now, out);
  return ids(out);
}

std::vector<uint64_t> routed(Broker& broker, const std::vector<twin::Command>& commands) {
  std::vector<twin::Command> out;
  broker.route(commands, out);
  return ids(out);
}

twin::Frame frame_of(const std::vector<uint32_t>& rows) {
  twin::Frame frame;
  frame.table = Homes::kHome;
  frame.reserve(rows.size(), 2);
  for (const uint32_t row : rows) {
    frame.row.push_back(row);
    frame.sequence.push_back(100 + row);
    frame.sampled_at.push_back(200 + row);
    frame.received_at.push_back(300 + row);
    frame.value[0].push_back(static_cast<int32_t>(400 + row));
    frame.value[1].push_back(static_cast<int32_t>(500 + row));
  }
  return frame;
}

}  // namespace

TEST_CASE("broker: a device with a wrong credential gets no session") {
  Homes homes;
  Broker broker(homes.registry);
  const auto device = Homes::home(2);
  CHECK_FALSE(broker.connect(device, homes.registry.credential(device) + 1, kStart));
  CHECK_FALSE(broker.connect(device, homes.registry.credential(Homes::home(1)), kStart));
  CHECK_FALSE(broker.connected(device));
  CHECK(broker.counters().refused_connections == 2);
  CHECK(broker.connect(device, homes.registry.credential(device), kStart));
  CHECK(broker.connected(device));
  broker.disconnect(device, kStart);
  CHECK_FALSE(broker.connected(device));
}

TEST_CASE("broker: messages of devices without a session are taken out, whole and in order") {
  Homes homes;
  Broker broker(homes.registry);
  for (const size_t row : {0u, 2u})
    REQUIRE(broker.connect(Homes::home(row), homes.registry.credential(Homes::home(row)), kStart));
  auto frame = frame_of({0, 1, 2, 3, 0, 2});
  broker.admit(frame);
  const auto expected = frame_of({0, 2, 0, 2});
  CHECK(frame.row == expected.row);
  CHECK(frame.sequence == expected.sequence);
  CHECK(frame.sampled_at == expected.sampled_at);
  CHECK(frame.received_at == expected.received_at);
  CHECK(frame.value == expected.value);
  CHECK(broker.counters().refused_messages == 2);

  for (const size_t row : {1u, 3u})
    REQUIRE(broker.connect(Homes::home(row), homes.registry.credential(Homes::home(row)), kStart));
  auto all = frame_of({0, 1, 2, 3});
  broker.admit(all);
  CHECK(all.size() == 4);
  broker.disconnect(Homes::home(0), kStart);
  broker.disconnect(Homes::home(0), kStart);  // twice is once
  REQUIRE(broker.connect(Homes::home(0), homes.registry.credential(Homes::home(0)), kStart));
  broker.admit(all);
  CHECK(all.size() == 4);
}

TEST_CASE("broker: what was received before a device left, in the same cycle, is admitted") {
  Homes homes;
  Broker broker(homes.registry);
  const auto device = Homes::home(1);
  REQUIRE(broker.connect(device, homes.registry.credential(device), kStart));
  broker.begin();
  broker.disconnect(device, Time{100});
  auto frame = frame_of({1, 1, 1, 0});
  frame.received_at = {99, 100, 101, 99};
  broker.admit(frame);
  CHECK(frame.received_at == std::vector<int64_t>{99});
  CHECK(broker.counters().refused_messages == 3);

  broker.begin();
  auto later = frame_of({1, 1});
  broker.admit(later);
  CHECK(later.size() == 0);
}

TEST_CASE(
    "broker: a message meets the session of its instant, however often devices come and go in a cycle") {
  std::mt19937_64 random(11);
  Homes homes(1, 8);
  Broker broker(homes.registry);
  std::array<bool, 8> open{};
  for (int64_t cycle = 0; cycle < 300; ++cycle) {
    broker.begin();
    const int64_t begin = cycle * 50;
    const auto before = open;
    struct Change {
      int64_t at;
      uint32_t row;
      bool open;
    };
    std::vector<Change> changes;
    for (uint64_t k = random() % 12; k > 0; --k)
      changes.push_back({begin + 1 + static_cast<int64_t>(random() % 50), static_cast<uint32_t>(random() % 8),
                         random() % 2 == 0});
    std::stable_sort(changes.begin(), changes.end(),
                     [](const auto& a, const auto& b) { return a.at < b.at; });
    for (const auto& change : changes) {
      const auto device = Homes::home(change.row);
      if (change.open)
        REQUIRE(broker.connect(device, homes.registry.credential(device), Time{change.at}));
      else
        broker.disconnect(device, Time{change.at});
      open[change.row] = change.open;
    }
    std::vector<uint32_t> rows(random() % 30);
    for (auto& row : rows) row = static_cast<uint32_t>(random() % 8);
    auto frame = frame_of(rows);
    std::vector<std::pair<uint32_t, int64_t>> admitted;
    for (size_t i = 0; i < rows.size(); ++i) {
      frame.received_at[i] = begin + 1 + static_cast<int64_t>(random() % 50);
      bool session = before[rows[i]];
      for (const auto& change : changes)
        if (change.row == rows[i] && change.at <= frame.received_at[i]) session = change.open;
      if (session) admitted.emplace_back(rows[i], frame.received_at[i]);
    }
    broker.admit(frame);
    INFO("cycle " << cycle);
    REQUIRE(frame.size() == admitted.size());
    for (size_t i = 0; i < admitted.size(); ++i)
      REQUIRE(admitted[i] == std::pair(frame.row[i], frame.received_at[i]));
    for (size_t row = 0; row < 8; ++row) REQUIRE(broker.connected(Homes::home(row)) == open[row]);
  }
}

TEST_CASE("broker: for a device that is away the newest of each setpoint waits, and every command") {
  Homes homes;
  Broker broker(homes.registry);
  const auto away = Homes::home(0), here = Homes::home(1);
  REQUIRE(broker.connect(here, homes.registry.credential(here), kStart));
  const Time soon = kStart + seconds(60);
  CHECK(routed(broker, {setpoint(1, away, 20), setpoint(2, here, 20), setpoint(3, away, 1, Homes::kFan),
                        command(4, away, soon), setpoint(5, away, 21), command(6, away, soon)}) ==
        std::vector<uint64_t>{2});
  CHECK(routed(broker, {command(4, away, soon)}).empty());  // said again, it waits once
  CHECK(broker.counters().held == 6);
  CHECK(released(broker, away, kStart + seconds(10)) == std::vector<uint64_t>{3, 5, 6, 4});
  CHECK(released(broker, away, kStart + seconds(10)).empty());
  CHECK(broker.counters().routed == 5);
}

TEST_CASE("broker: what has expired while it waited is not sent, what expires now still is") {
  Homes homes;
  Broker broker(homes.registry);
  const auto away = Homes::home(0);
  routed(broker, {command(1, away, kStart + seconds(10)), command(2, away, kStart + seconds(20)),
                  setpoint(3, away, 20)});
  CHECK(released(broker, away, kStart + seconds(20)) == std::vector<uint64_t>{2, 3});
  CHECK(broker.counters().expired == 1);
}

TEST_CASE("broker: saved and restored, it knows sessions, what waits, and its counters") {
  Homes homes;
  Broker broker(homes.registry);
  REQUIRE(broker.connect(Homes::home(1), homes.registry.credential(Homes::home(1)), kStart));
  broker.connect(Homes::home(1), 0, kStart);
  routed(broker, {setpoint(1, Homes::home(0), 20), command(2, Homes::home(3), kNever),
                  setpoint(3, Homes::home(1), 22)});
  ArchiveWriter archive;
  broker.save(archive);

  Broker copy(homes.registry);
  routed(copy, {setpoint(9, Homes::home(2), 1)});  // forgotten by the restore
  ArchiveReader reader(archive.bytes());
  copy.restore(reader);
  REQUIRE((reader.ok() && reader.at_end()));
  CHECK(copy.connected(Homes::home(1)));
  CHECK_FALSE(copy.connected(Homes::home(0)));
  CHECK(copy.counters().refused_connections == 1);
  CHECK(copy.counters().held == 2);
  CHECK(released(copy, Homes::home(0), kStart) == std::vector<uint64_t>{1});
  CHECK(released(copy, Homes::home(2), kStart).empty());
  CHECK(released(copy, Homes::home(3), kStart) == std::vector<uint64_t>{2});
  ArchiveWriter first, second;
  broker.save(first);
  Broker again(homes.registry);
  ArchiveReader bytes(first.bytes());
  again.restore(bytes);
  again.save(second);
  CHECK(first.bytes() == second.bytes());
}
