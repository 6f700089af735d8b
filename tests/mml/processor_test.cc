// The telemetry stream processor: what becomes of each kind of sample, and the status that follows from them.
#include <algorithm>
#include <array>
#include <catch2/catch.hpp>
#include <cmath>
#include <limits>
#include <optional>
#include <random>
#include <set>

#include "processor_site.h"

using namespace looptwin;
using namespace looptwin::mml;
using namespace looptwin::mml::test;

TEST_CASE("processor: a good sample becomes the twin's value, equal to the literal") {
  Site site;
  site.take(at(1), {message(0, 0.5, 253)});
  CHECK(site.value(kT) == 25.3 + 273.15);
  CHECK(site.value(kP) == 900);
  CHECK(site.sampled(kT) == at(0.5));
  CHECK(site.quality(kT) == twin::Quality::good);
  CHECK(site.quality(Homes::kEnergy) == twin::Quality::never);
  CHECK(std::isnan(site.value(Homes::kEnergy)));
  CHECK(site.processor.counters().messages == 1);
  CHECK(site.processor.counters().samples == 2);
}

TEST_CASE("processor: missing and out of range make the value unknown, the bounds themselves are good") {
  Site site;
  site.take(at(1), {message(0, 0.5)});
  site.take(at(2), {message(1, 1.5, twin::kMissing, 30'001)});
  CHECK(std::isnan(site.value(kT)));
  CHECK(site.quality(kT) == twin::Quality::missing);
  CHECK(std::isnan(site.value(kP)));
  CHECK(site.quality(kP) == twin::Quality::out_of_range);
  CHECK(site.sampled(kT) == at(0.5));  // of the newest good one
  site.take(at(3), {message(2, 2.5, 600, 30'000)});
  CHECK(site.quality(kT) == twin::Quality::good);
  CHECK(site.quality(kP) == twin::Quality::good);
  site.take(at(4), {message(3, 3.5, -201, -1)});
  CHECK(site.quality(kT) == twin::Quality::out_of_range);
  CHECK(site.quality(kP) == twin::Quality::out_of_range);
  const auto counters = site.processor.counters();
  CHECK(counters.by_quality[static_cast<size_t>(twin::Quality::missing)] == 1);
  CHECK(counters.by_quality[static_cast<size_t>(twin::Quality::out_of_range)] == 3);
}

TEST_CASE("processor: a sample from the future is dated by its arrival, beyond one second") {
  Site site;
  site.take(at(2), {{0, 0, at(2), at(1), {215, 900}}});
  CHECK(site.sampled(kT) == at(2));
  site.take(at(5), {{0, 1, at(9), at(4), {216, 900}}});
  CHECK(site.sampled(kT) == at(4));
  CHECK(site.quality(kT) == twin::Quality::future);
  CHECK(site.value(kT) == 21.6 + 273.15);
  CHECK(site.status() == DeviceStatus::offline);
  site.connect(at(5));
  CHECK(site.status() == DeviceStatus::online);
  CHECK(site.count(twin::Quality::future) == 2);
  CHECK(site.count(twin::Quality::good) == 2);
  // Bad is bad, whenever it was; and what is usable grows stale.
  site.take(at(6), {{0, 2, at(9), at(5.5), {216, 40'000}}});
  CHECK(site.quality(kP) == twin::Quality::out_of_range);
  site.take(at(35.5), {});
  CHECK(site.quality(kT) == twin::Quality::future);
  site.take(at(35.5) + nanoseconds(1), {});
  CHECK(site.quality(kT) == twin::Quality::stale);
  CHECK(std::isnan(site.value(kT)));
  site.take(at(40), {message(3, 39)});
  CHECK(site.quality(kT) == twin::Quality::good);
}

TEST_CASE("processor: a bad value holds for stale_after as a good one does, then the field is stale") {
  Site site;
  site.connect(at(0.1));
  site.take(at(1), {message(0, 0.5)});
  site.take(at(11), {message(1, 10.5, twin::kMissing, 40'000)});
  CHECK(site.status() == DeviceStatus::faulty);
  site.take(at(40.5), {});
  CHECK(site.status() == DeviceStatus::faulty);
  site.take(at(40.5) + nanoseconds(1), {});
  CHECK(site.quality(kT) == twin::Quality::stale);
  CHECK(site.quality(kP) == twin::Quality::stale);
  CHECK(site.status() == DeviceStatus::stale);
  CHECK(site.sampled(kT) == at(0.5));  // age(x) is of the newest good one
}

TEST_CASE("processor: a device of which only bad samples ever came is faulty, then stale") {
  Site site;
  site.connect(at(0.1));
  site.take(at(100), {message(0, 99, twin::kMissing, -5)});
  CHECK(site.status() == DeviceStatus::faulty);
  CHECK(site.sampled(kT) == kNever);
  site.take(at(129) + nanoseconds(1), {});
  CHECK(site.status() == DeviceStatus::stale);
}

TEST_CASE("processor: a late good sample does not make a value good again after a newer bad one") {
  Site site;
  site.take(at(1), {message(0, 0.5, 210)});
  site.take(at(21), {message(2, 20.5, twin::kMissing, 900)});
  site.take(at(22), {message(1, 10.5, 220)});
  CHECK(site.quality(kT) == twin::Quality::missing);
  CHECK(std::isnan(site.value(kT)));
  CHECK(site.sampled(kT) == at(0.5));
  CHECK(site.count(twin::Quality::late) == 2);
  site.take(at(31), {message(3, 30.5, 230)});
  CHECK(site.value(kT) == 23.0 + 273.15);
}

TEST_CASE("processor: a device that counts anew is neither late nor a duplicate, and leaves no gap") {
  for (const uint32_t last : {0u, 3u, 40u, 1'000u, 2'000'000'000u, 4'000'000'000u}) {
    INFO("last number " << last);
    Site site(1);
    for (uint32_t k = 0; k < 3; ++k) site.take(at(10 + k), {message(last - 2 + k, 10 + k)});
    for (uint32_t k = 0; k < 6; ++k) site.take(at(20 + k), {message(k, 20 + k, 200 + static_cast<int>(k))});
    CHECK(site.value(kT) == 20.5 + 273.15);
    // Those still on their way from before are late, whatever their number; those from after are told apart.
    site.take(at(30), {message(last - 3, 9), message(last + 1, 13)});
    CHECK(site.count(twin::Quality::late) == 4);
    site.take(at(31), {message(3, 23)});
    const auto counters = site.processor.counters();
    CHECK(counters.restarts == 1);
    CHECK(counters.duplicates == 1);
    CHECK(counters.gaps == 0);
    CHECK(counters.messages == 11);
  }
}

TEST_CASE("processor: samples nearer to the newest before them than least_spacing are shed and counted") {
  Site site(4, [](twin::ModelConfig& home) { home.telemetry[kP].least_spacing = seconds(5); });
  site.take(at(1), {message(0, 1, 215, 100)});
  site.take(at(6), {message(1, 5.9, 216, 200)});
  CHECK(site.value(kP) == 100);
  CHECK(site.value(kT) == Approx(21.6 + 273.15));  // only of the field that says so
  site.take(at(7), {message(2, 6, 217, 300)});
  CHECK(site.value(kP) == 300);
  site.take(at(8), {message(3, 7, 218, 40'000)});  // shed before it can be bad
  CHECK(site.quality(kP) == twin::Quality::good);
  site.take(at(12), {message(4, 11, 219, 40'000)});
  CHECK(site.quality(kP) == twin::Quality::out_of_range);
  site.take(at(13), {message(5, 12, 219, 400)});  // the one before was bad, and counts
  CHECK(site.quality(kP) == twin::Quality::out_of_range);
  CHECK(site.processor.counters().shed == 3);
  CHECK(site.processor.counters().samples == 12);
}

TEST_CASE("processor: a late sample goes to history and leaves the twin alone") {
  Site site;
  site.take(at(12), {message(1, 10.5, 220)});
  site.take(at(13), {{0, 0, at(0.5), at(12.5), {210, 100}}});
  CHECK(site.value(kT) == 22.0 + 273.15);
  CHECK(site.sampled(kT) == at(10.5));
  CHECK(site.processor.counters().by_quality[static_cast<size_t>(twin::Quality::late)] == 2);
}

TEST_CASE("processor: a duplicate is dropped, in one frame or across frames") {
  Site site;
  site.take(at(1), {message(7, 0.5, 215), message(7, 0.5, 999)});
  CHECK(site.value(kT) == 21.5 + 273.15);
  site.take(at(2), {message(7, 0.5, 999), message(8, 1.5, 216)});
  CHECK(site.value(kT) == Approx(21.6 + 273.15));
  const auto counters = site.processor.counters();
  CHECK(counters.duplicates == 2);
  CHECK(counters.messages == 2);
  CHECK(counters.gaps == 0);
}

TEST_CASE(
    "processor: gaps are the numbers between lowest and highest that never came, across the wrap-around") {
  std::mt19937_64 random(5);
  for (const uint32_t start : {0u, 1u, 1000u, 0xffffffe0u, 0x7fffffe0u}) {
    for (int trial = 0; trial < 40; ++trial) {
      Site site(1);
      // Numbers in order, some lost, some twice, some up to 20 places late.
      std::vector<std::pair<uint64_t, uint32_t>> sent;
      for (uint32_t k = 0; k < 300; ++k) {
        if (random() % 10 == 0) continue;
        sent.emplace_back(k + (random() % 8 == 0 ? random() % 20 : 0), k);
        if (random() % 12 == 0) sent.emplace_back(k + random() % 20, k);
      }
      std::stable_sort(sent.begin(), sent.end(),
                       [](const auto& a, const auto& b) { return a.first < b.first; });
      std::set<uint32_t> received;
      uint64_t duplicates = 0;
      for (size_t i = 0; i < sent.size(); ++i) {
        duplicates += received.contains(sent[i].second);
        received.insert(sent[i].second);
        site.take(at(static_cast<double>(i + 1)),
                  {message(start + sent[i].second, static_cast<double>(sent[i].second))});
        const uint64_t missing = *received.rbegin() - *received.begin() + 1 - received.size();
        INFO("start " << start << " trial " << trial << " after " << i);
        REQUIRE(site.processor.counters().gaps == missing);
        REQUIRE(site.processor.counters().duplicates == duplicates);
      }
    }
  }
}

TEST_CASE("processor: what comes after a long silence is new, and what is too old to tell is no duplicate") {
  Site site(1);
  site.take(at(1), {message(10, 1)});
  site.take(at(2), {message(110, 2)});
  CHECK(site.processor.counters().gaps == 99);
  site.take(at(3), {message(60, 1.5)});  // late, but within 64
  CHECK(site.processor.counters().gaps == 98);
  site.take(at(4), {message(10, 1)});  // beyond what is remembered
  CHECK(site.processor.counters().duplicates == 0);
  CHECK(site.processor.counters().gaps == 98);
}

TEST_CASE(
    "processor: what comes again is known however far back, up to what was missing when it was forgotten") {
  std::mt19937_64 random(6);
  for (const uint32_t start : {0u, 0xffffff00u}) {
    for (int trial = 0; trial < 40; ++trial) {
      Site site(1);
      const auto rarely = 20u << (trial % 6);
      std::set<int64_t> received;
      int64_t newest = -1, forgotten = -1;  // all after `forgotten` are known
      uint64_t duplicates = 0, late = 0, missing = 0;
      double now = 0;
      const auto take = [&](int64_t n) {
        site.take(at(++now), {message(start + static_cast<uint32_t>(n), static_cast<double>(n))});
        if (n > newest) {
          missing += static_cast<uint64_t>(n - newest - 1);
          received.insert(n);
          for (int64_t old = std::max<int64_t>(newest - 63, 0); old <= n - 64; ++old)
            if (!received.contains(old)) forgotten = old;
          newest = n;
        } else if (n <= newest - 64 && n <= forgotten) {
          ++late;
        } else if (!received.insert(n).second) {
          ++duplicates;
        } else {
          --missing;
        }
        INFO("start " << start << " trial " << trial << " number " << n << " newest " << newest);
        REQUIRE(site.processor.counters().duplicates == duplicates);
        REQUIRE(site.processor.counters().gaps == missing);
      };
      take(0);
      while (newest < 600) {
        take(newest + 1 + (random() % rarely == 0 ? static_cast<int64_t>(random() % 80) : 0));
        if (random() % 4 == 0) take(static_cast<int64_t>(random() % static_cast<uint64_t>(newest + 1)));
      }
      CHECK(duplicates > 0);
      if (trial % 6 == 0) CHECK(late > 0);
    }
  }
}

TEST_CASE("processor: a value holds until stale_after, to the nanosecond, though nothing arrives") {
  Site site;
  site.connect(at(0.1));
  site.take(at(1), {message(0, 0.5)});
  site.take(at(30.5), {});
  CHECK(site.quality(kT) == twin::Quality::good);
  site.take(at(30.5) + nanoseconds(1), {});
  CHECK(site.quality(kT) == twin::Quality::stale);
  CHECK(std::isnan(site.value(kT)));
  CHECK(site.status() == DeviceStatus::stale);
  CHECK(site.sampled(kT) == at(0.5));
  site.take(at(40), {message(1, 39)});
  CHECK(site.quality(kT) == twin::Quality::good);
}

TEST_CASE("processor: a field that was never received is stale from stale_after on") {
  Site site;
  site.connect(at(0.1));
  site.take(at(1), {message(0, 0.5)});
  CHECK(site.status() == DeviceStatus::online);
  for (int k = 1; k < 18; ++k) site.take(at(k * 10), {message(static_cast<uint32_t>(k), k * 10)});
  site.take(at(180), {message(18, 180)});  // energy, a minute's field, was never seen
  CHECK(site.status() == DeviceStatus::online);
  site.take(at(180) + nanoseconds(1), {});
  CHECK(site.status() == DeviceStatus::stale);
  CHECK(site.quality(Homes::kEnergy) == twin::Quality::never);
}

TEST_CASE("processor: offline goes before stale, stale before faulty, faulty before deviating") {
  Site site;
  CHECK(site.status() == DeviceStatus::offline);
  site.take(at(1), {message(0, 0.5)});
  CHECK(site.status() == DeviceStatus::offline);  // without a session
  site.connect(at(2));
  CHECK(site.status() == DeviceStatus::online);
  // 30 degC against a setpoint of 23 with tolerance 1.5, but it may take 10 minutes from the start.
  for (int k = 1; k <= 16; ++k) site.take(at(k * 10), {message(static_cast<uint32_t>(k), k * 10, 300)});
  CHECK(site.status() == DeviceStatus::online);
  auto& energy_sampled = site.homes.instant(Homes::kHome, site.homes.model().fields[Homes::kEnergy].sampled);
  auto& energy_quality = site.homes.flag(Homes::kHome, site.homes.model().fields[Homes::kEnergy].quality);
  energy_sampled = at(1000).ns;  // reported all the time
  energy_quality = static_cast<uint8_t>(twin::Quality::good);
  site.take(at(595), {message(59, 595, 300)});
  CHECK(site.status() == DeviceStatus::online);
  site.take(at(600), {});
  CHECK(site.status() == DeviceStatus::deviating);
  site.take(at(610), {message(60, 610, 300, twin::kMissing)});
  CHECK(site.status() == DeviceStatus::faulty);
  site.take(at(641), {});
  CHECK(site.status() == DeviceStatus::stale);  // the temperature
  site.take(at(642), {}, {{Homes::home(0), false, at(642)}});
  CHECK(site.status() == DeviceStatus::offline);
  site.connect(at(643));
  site.take(at(650), {message(61, 650, 230)});
  CHECK(site.status() == DeviceStatus::online);
}

TEST_CASE("processor: a device that is not what its model says is diverging, before it is deviating") {
  Site site;
  site.connect(at(0.1));
  site.homes.instant(Homes::kHome, site.homes.model().fields[Homes::kEnergy].sampled) = at(1000).ns;
  site.homes.flag(Homes::kHome, site.homes.model().fields[Homes::kEnergy].quality) = 0;
  const auto diverges = [&](bool is) {
    site.processor.diverges(Homes::home(0), is);
    site.dirty.mark(Homes::kHome, 0);
  };
  diverges(true);
  site.take(at(695), {message(0, 695, 300)});
  CHECK(site.status() == DeviceStatus::diverging);  // 30 degC against 23: deviating as well
  CHECK(site.status(1) == DeviceStatus::offline);
  diverges(false);
  site.take(at(696), {});
  CHECK(site.status() == DeviceStatus::deviating);
  diverges(true);
  site.take(at(700), {message(1, 700, 300, twin::kMissing)});
  CHECK(site.status() == DeviceStatus::faulty);
  CHECK(site.processor.devices_by_status()[static_cast<size_t>(DeviceStatus::faulty)] == 1);
}

TEST_CASE("processor: a value that somebody forces is known, and of that quality until another comes") {
  Site site;
  site.connect(at(0.1));
  const auto take = [&](double now, uint32_t number, int32_t tenths, bool forced) {
    twin::Inbox inbox;
    twin::Frame frame;
    frame.table = Homes::kHome;
    frame.row = {0};
    frame.sequence = {number};
    frame.sampled_at = frame.received_at = {at(now).ns};
    frame.value = {{tenths}, {900}};
    if (forced) frame.forced = {0};
    inbox.frames.push_back(std::move(frame));
    site.processor.take_in(site.shard, inbox, at(now), site.dirty);
  };
  take(10, 1, 215, false);
  CHECK(site.quality(kT) == twin::Quality::good);
  take(20, 2, 300, true);
  CHECK(site.quality(kT) == twin::Quality::forced);
  CHECK(site.quality(kP) == twin::Quality::good);
  CHECK(site.value(kT) == Approx(303.15));
  CHECK(site.count(twin::Quality::forced) == 1);
  take(30, 3, 12000, true);  // out of range: whoever forces that does not make it good
  CHECK(site.quality(kT) == twin::Quality::out_of_range);
  take(40, 4, 216, false);
  CHECK(site.quality(kT) == twin::Quality::good);
}

TEST_CASE("processor: a setpoint's change gives the field its time to follow") {
  Site site;
  site.connect(at(0.1));
  site.homes.instant(Homes::kHome, site.homes.model().setpoints[0].changed) = at(100).ns;
  site.homes.number(Homes::kHome, site.homes.model().setpoints[0].desired) = 273.15 + 26;
  site.homes.instant(Homes::kHome, site.homes.model().fields[Homes::kEnergy].sampled) = at(1000).ns;
  site.homes.flag(Homes::kHome, site.homes.model().fields[Homes::kEnergy].quality) = 0;
  site.take(at(690), {message(0, 690, 230)});
  CHECK(site.status() == DeviceStatus::online);
  site.take(at(700), {});
  CHECK(site.status() == DeviceStatus::deviating);
  site.take(at(701), {message(1, 701, 245)});  // within the tolerance, which itself still counts
  CHECK(site.status() == DeviceStatus::online);
}

TEST_CASE("processor: a row of a table without telemetry is woken when its time comes") {
  Site site;
  const TableId place = site.homes.registry.site();
  site.take(at(1), {});
  site.dirty.due(place)[0] = at(5);
  twin::Inbox empty;
  const auto shards = site.homes.tables.shards();
  for (const double now : {4.0, 5.0}) {
    for (size_t s = 0; s < shards.size(); ++s) site.processor.take_in(s, empty, at(now), site.dirty);
    CHECK(site.dirty.marked(place, 0) == (now == 5));
  }
}

TEST_CASE("processor: saved and restored, it goes on as if nothing had happened") {
  const auto judged = [](twin::ModelConfig& home) {
    home.telemetry[kT].max_rate = 20;
    home.telemetry[kP].flat_after = seconds(2);
  };
  Site trunk(4, judged), branch(4, judged);
  std::mt19937_64 random(8);
  uint32_t sequence = 0;
  for (int k = 1; k < 120; ++k) {
    std::vector<Message> messages;
    for (uint32_t row = 0; row < 4; ++row) {
      if (random() % 4 == 0) continue;
      const auto number = sequence + static_cast<uint32_t>(random() % 4);
      const bool again = random() % 16 == 0;  // the device began anew
      messages.push_back({row,
                          again ? 0 : number,
                          again ? at(k - 0.25) : at(number),
                          at(k),
                          {static_cast<int32_t>(random() % 700),
                           random() % 3 == 0 ? static_cast<int32_t>(random() % 31'000) : 900}});
    }
    sequence += static_cast<uint32_t>(random() % 3);
    ArchiveWriter archive;
    trunk.homes.tables.save(archive);
    trunk.dirty.save(archive);
    trunk.hot.save(archive);
    trunk.processor.save(archive);
    ArchiveReader reader(archive.bytes());
    branch.homes.tables.restore(reader);
    branch.dirty.restore(reader);
    branch.hot.restore(reader);
    branch.processor.restore(reader);
    REQUIRE((reader.ok() && reader.at_end()));
    trunk.take(at(k), messages);
    branch.take(at(k), messages);
    const auto a = trunk.processor.counters(), b = branch.processor.counters();
    REQUIRE(a.duplicates == b.duplicates);
    REQUIRE(a.gaps == b.gaps);
    REQUIRE(a.restarts == b.restarts);
    REQUIRE(a.by_quality == b.by_quality);
    ArchiveWriter x, y;
    trunk.homes.tables.save(x);
    branch.homes.tables.save(y);
    REQUIRE(x.bytes() == y.bytes());
  }
  CHECK(trunk.processor.counters().duplicates > 10);
  CHECK(trunk.processor.counters().restarts > 10);
  CHECK(trunk.count(twin::Quality::rate) > 10);
  CHECK(trunk.count(twin::Quality::flat) > 10);
}
