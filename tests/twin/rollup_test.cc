#include "twin/rollup.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <random>
#include <set>
#include <tuple>

#include "allocations.h"
#include "base/workers.h"
#include "meters.h"

namespace looptwin::twin {
namespace {

struct Sample {
  uint32_t row;
  int64_t at;
  int32_t raw;
};

struct Bucket {
  int32_t minimum = kMissing, maximum = kMissing, mean16 = kMissing, last = kMissing;
  uint32_t samples = 0;
  bool operator==(const Bucket&) const = default;
};
using Key = std::tuple<int64_t, int64_t, uint32_t, uint16_t>;  ///< length ns, slot, row, field
using Buckets = std::map<Key, Bucket>;

int64_t floor_divide(int64_t a, int64_t b) { return a / b - (a % b < 0); }

/// Collects, and fails when a bucket is given twice.
std::function<void(const ClosedBucket&)> into(Buckets& buckets) {
  return [&buckets](const ClosedBucket& b) {
    for (size_t i = 0; i < b.samples.size(); ++i) {
      const Key key{b.length.ns, b.slot, static_cast<uint32_t>(b.first_row + i), b.field};
      const bool fresh =
          buckets.emplace(key, Bucket{b.minimum[i], b.maximum[i], b.mean16[i], b.last[i], b.samples[i]})
              .second;
      if (!fresh) FAIL("a bucket closed twice");
    }
  };
}

/// The definition, from all samples of one row, bucket and field.
Bucket defined(std::vector<Sample> in) {
  if (in.empty()) return {};
  std::sort(in.begin(), in.end(), [](const Sample& a, const Sample& b) { return a.at < b.at; });
  Bucket b{in[0].raw, in[0].raw, 0, in.back().raw, static_cast<uint32_t>(in.size())};
  int64_t sum = 0;
  for (const Sample& s : in)
    b.minimum = std::min(b.minimum, s.raw), b.maximum = std::max(b.maximum, s.raw), sum += s.raw;
  b.mean16 = static_cast<int32_t>(
      std::floor(16.0 * static_cast<double>(sum) / static_cast<double>(in.size()) + 0.5));
  return b;
}

void insert(Rollups& rollups, TableId table, uint16_t field, const std::vector<Sample>& samples) {
  std::vector<uint32_t> row;
  std::vector<int64_t> at;
  std::vector<int32_t> raw;
  for (const Sample& s : samples) row.push_back(s.row), at.push_back(s.at), raw.push_back(s.raw);
  rollups.insert(table, field, row, at, raw);
}

/// 07:17:23.5 UTC: on no bucket's edge.
constexpr UnixTime kCivilStart{1563175043'500'000'000};
const std::vector<Duration> kLengths = {minutes(1), minutes(15), hours(1)};

/// Samples by the cycle that takes them in; some come late, within the grace or beyond.
std::vector<std::vector<Sample>> stream(std::mt19937_64& random, size_t rows, int cycles, Duration latest) {
  const auto below = [&](int64_t n) { return static_cast<int64_t>(random() % static_cast<uint64_t>(n)); };
  std::vector<std::vector<Sample>> cycle(static_cast<size_t>(cycles) + 1);
  for (uint32_t row = 0; row < rows; ++row) {
    if (row % 17 == 3) continue;  // never heard of
    for (int64_t t = below(seconds(10).ns); t < seconds(cycles).ns;
         t += seconds(10).ns + below(3) * seconds(20).ns) {
      const int64_t late = below(5) == 0 ? below(latest.ns) : 0;
      const auto when = static_cast<size_t>((t + late) / seconds(1).ns + 1);
      if (when < cycle.size()) cycle[when].push_back({row, t, static_cast<int32_t>(below(20'000)) - 10'000});
    }
  }
  for (auto& batch : cycle) std::shuffle(batch.begin(), batch.end(), random);
  return cycle;
}

Meters two_fields(size_t rows) {
  return Meters(rows, {field_config("t", seconds(10), 0.1), field_config("p", seconds(10), 1)});
}

}  // namespace

TEST_CASE("rollups: all levels equal their definition over civil buckets, for a start on no bucket's edge") {
  std::mt19937_64 random(1);
  constexpr size_t kRows = 70;
  Meters meters(kRows, {field_config("t", seconds(10), 0.1), field_config("p", seconds(10), 1)});
  Rollups rollups(meters.registry, {{meters.table, kLengths}}, kCivilStart, seconds(30));
  const Shard shard{meters.table, 0, kRows};
  const auto cycles = stream(random, kRows, 9'000, seconds(29));
  Buckets got;
  std::map<Key, std::vector<Sample>> want;
  for (size_t c = 0; c < cycles.size(); ++c) {
    insert(rollups, meters.table, 0, cycles[c]);
    rollups.close(shard, kStart + seconds(static_cast<int64_t>(c)), into(got));
    for (const Sample& s : cycles[c])
      for (const Duration length : kLengths)
        want[{length.ns, floor_divide(kCivilStart.ns + s.at, length.ns), s.row, 0}].push_back(s);
  }
  rollups.finish(shard, into(got));
  CHECK(rollups.late() == 0);
  size_t filled = 0;
  for (const auto& [key, bucket] : got) {
    const auto in = want.find(key);
    const Bucket expected = in == want.end() ? Bucket{} : defined(in->second);
    if (!(bucket == expected)) FAIL("a bucket differs");
    if (bucket.samples != 0) ++filled;
  }
  CHECK(filled == want.size());
}

TEST_CASE("rollups: a bucket closes at its end plus the grace, the coarser one with its last finer one") {
  Meters meters = two_fields(1);
  Rollups rollups(meters.registry, {{meters.table, kLengths}}, kCivilStart, seconds(30));
  const Shard shard{meters.table, 0, 1};
  insert(rollups, meters.table, 1, {{0, seconds(1).ns, 5}});
  Buckets got;
  // The first minute ends 36.5 s after the start.
  rollups.close(shard, kStart + milliseconds(66'499), into(got));
  CHECK(got.empty());
  rollups.close(shard, kStart + milliseconds(66'500), into(got));
  CHECK(got.size() == 2);  // of both fields
  const int64_t minute = kCivilStart.ns / minutes(1).ns;
  CHECK(got.at({minutes(1).ns, minute, 0, 1}) == Bucket{5, 5, 80, 5, 1});
  CHECK(got.at({minutes(1).ns, minute, 0, 0}) == Bucket{});
  // The quarter ends at 07:30:00.
  const Time quarter = kStart + minutes(12) + milliseconds(36'500) + seconds(30);
  rollups.close(shard, quarter - milliseconds(1), into(got));
  CHECK(got.count({minutes(15).ns, minute / 15, 0, 1}) == 0);
  rollups.close(shard, quarter, into(got));
  CHECK(got.at({minutes(15).ns, minute / 15, 0, 1}) == Bucket{5, 5, 80, 5, 1});
}

TEST_CASE("rollups: a sample that is too late for its minute is in its hour, whichever levels there are") {
  std::mt19937_64 random(5);
  constexpr size_t kRows = 40;
  constexpr Duration kGrace = seconds(30);
  const auto cycles = stream(random, kRows, 9'000, minutes(50));
  std::map<Key, std::vector<Sample>> want;
  uint64_t late = 0;
  for (size_t c = 0; c < cycles.size(); ++c)
    for (const Sample& s : cycles[c])
      for (const Duration length : kLengths) {
        const int64_t slot = floor_divide(kCivilStart.ns + s.at, length.ns);
        const Time closes = kStart + Duration{(slot + 1) * length.ns + kGrace.ns - kCivilStart.ns};
        if (closes > kStart + seconds(static_cast<int64_t>(c) - 1))
          want[{length.ns, slot, s.row, 0}].push_back(s);
        else if (length == kLengths.back())
          ++late;
      }
  CHECK(late > 100);
  for (const auto& lengths : {kLengths, {kLengths[0], kLengths[2]}, {kLengths[2]}}) {
    Meters meters = two_fields(kRows);
    Rollups rollups(meters.registry, {{meters.table, lengths}}, kCivilStart, kGrace);
    const Shard shard{meters.table, 0, kRows};
    Buckets got;
    for (size_t c = 0; c < cycles.size(); ++c) {
      insert(rollups, meters.table, 0, cycles[c]);
      rollups.close(shard, kStart + seconds(static_cast<int64_t>(c)), into(got));
    }
    rollups.finish(shard, into(got));
    size_t wrong = 0, looked_at = 0;
    for (const auto& [key, samples] : want) {
      if (std::find(lengths.begin(), lengths.end(), Duration{std::get<0>(key)}) == lengths.end()) continue;
      ++looked_at;
      wrong += got.at(key) != defined(samples);
    }
    CHECK(looked_at > 50);
    CHECK(wrong == 0);
    CHECK(rollups.late() == late);
  }
}

TEST_CASE("rollups: what comes after the grace is counted and left out") {
  Meters meters = two_fields(1);
  Rollups rollups(meters.registry, {{meters.table, {minutes(1)}}}, UnixTime{0}, seconds(30));
  const Shard shard{meters.table, 0, 1};
  Buckets got;
  insert(rollups, meters.table, 0, {{0, seconds(10).ns, 1}, {0, seconds(70).ns, 2}});
  rollups.close(shard, kStart + seconds(89), into(got));
  insert(rollups, meters.table, 0, {{0, seconds(50).ns, 3}});
  rollups.close(shard, kStart + seconds(90), into(got));
  insert(rollups, meters.table, 0, {{0, seconds(55).ns, 4}, {0, seconds(20).ns, 4}});
  CHECK(rollups.late() == 2);
  CHECK(got.at({minutes(1).ns, 0, 0, 0}) == Bucket{1, 3, 32, 3, 2});
}

TEST_CASE(
    "rollups: a late sample does not become the last of its bucket, and the newest sent twice counts once") {
  Meters meters = two_fields(1);
  Rollups rollups(meters.registry, {{meters.table, {minutes(1)}}}, UnixTime{0});
  insert(rollups, meters.table, 0, {{0, 500, 7}, {0, 900, 8}, {0, 900, 8}, {0, 100, 9}});
  Buckets got;
  rollups.finish({meters.table, 0, 1}, into(got));
  CHECK(got.at({minutes(1).ns, 0, 0, 0}) == Bucket{7, 9, 128, 8, 3});
}

TEST_CASE("rollups: the mean is the nearest sixteenth of a step, for negative values as well") {
  Meters meters = two_fields(3);
  Rollups rollups(meters.registry, {{meters.table, {minutes(1)}}}, UnixTime{0});
  insert(rollups, meters.table, 0,
         {{0, 1, 1}, {0, 2, 0}, {0, 3, 0}, {1, 1, -1}, {1, 2, 0}, {1, 3, 0}, {2, 1, INT32_MAX}});
  Buckets got;
  rollups.finish({meters.table, 0, 3}, into(got));
  CHECK(got.at({minutes(1).ns, 0, 0, 0}).mean16 == 5);
  CHECK(got.at({minutes(1).ns, 0, 1, 0}).mean16 == -5);
  CHECK(got.at({minutes(1).ns, 0, 2, 0}).mean16 == INT32_MAX);
}

TEST_CASE("rollups: a cycle that is longer than a bucket loses nothing") {
  Meters meters = two_fields(2);
  const Shard shard{meters.table, 0, 2};
  Rollups often(meters.registry, {{meters.table, kLengths}}, kCivilStart);
  Rollups rarely(meters.registry, {{meters.table, kLengths}}, kCivilStart);
  Buckets a, b;
  std::vector<Sample> waiting;
  for (int s = 1; s <= 3 * 3600; ++s) {
    const std::vector<Sample> now = {{static_cast<uint32_t>(s % 2), seconds(s).ns - 1, s * 37 % 1000}};
    insert(often, meters.table, 0, now);
    often.close(shard, kStart + seconds(s), into(a));
    waiting.insert(waiting.end(), now.begin(), now.end());
    if (s % 600 != 0) continue;
    insert(rarely, meters.table, 0, waiting);
    rarely.close(shard, kStart + seconds(s), into(b));
    waiting.clear();
  }
  often.finish(shard, into(a));
  rarely.finish(shard, into(b));
  CHECK(rarely.late() == 0);
  CHECK(a == b);
}

TEST_CASE("rollups: saved and restored between any two cycles, the buckets are the same") {
  std::mt19937_64 random(5);
  constexpr size_t kRows = 40;
  Meters meters = two_fields(kRows);
  const Shard shard{meters.table, 0, kRows};
  const auto cycles = stream(random, kRows, 4'000, seconds(50));
  const auto run = [&](size_t restart_every) {
    auto rollups = std::make_unique<Rollups>(meters.registry,
                                             std::vector<RollupSpec>{{meters.table, kLengths}}, kCivilStart);
    Buckets got;
    for (size_t c = 0; c < cycles.size(); ++c) {
      insert(*rollups, meters.table, 0, cycles[c]);
      rollups->close(shard, kStart + seconds(static_cast<int64_t>(c)), into(got));
      if (c % restart_every != restart_every - 1) continue;
      ArchiveWriter saved;
      rollups->save(saved);
      rollups = std::make_unique<Rollups>(meters.registry, std::vector<RollupSpec>{{meters.table, kLengths}},
                                          kCivilStart);
      ArchiveReader reader(saved.bytes());
      rollups->restore(reader);
      REQUIRE(reader.ok());
      REQUIRE(reader.at_end());
    }
    rollups->finish(shard, into(got));
    CHECK(rollups->late() > 0);
    return std::pair(got, rollups->late());
  };
  CHECK(run(100'000) == run(61));
}

TEST_CASE("rollups: shards that are filled and closed in parallel give what they give one by one") {
  constexpr size_t kRows = 3 * kShardRows - 100;
  Meters meters = two_fields(kRows);
  auto shards = meters.tables.shards();
  std::erase_if(shards, [&](const Shard& s) { return s.table != meters.table; });
  REQUIRE(shards.size() == 3);
  const auto run = [&](int threads) {
    Workers workers(threads);
    Rollups rollups(meters.registry, {{meters.table, {minutes(1), minutes(15)}}}, kCivilStart);
    std::vector<std::map<Key, uint64_t>> got(shards.size());
    for (int s = 0; s < 1000; s += 10)
      workers.run(shards.size(), [&](size_t part, int) {
        std::vector<uint32_t> row;
        std::vector<int64_t> at;
        std::vector<int32_t> raw;
        for (size_t r = 0; r < shards[part].rows; r += 7) {
          row.push_back(static_cast<uint32_t>(shards[part].first + r));
          at.push_back(seconds(s).ns + static_cast<int64_t>(r));
          raw.push_back(static_cast<int32_t>(r * 31 + static_cast<size_t>(s)) % 5000);
        }
        rollups.insert(meters.table, 1, row, at, raw);
        rollups.close(shards[part], kStart + seconds(s), [&](const ClosedBucket& b) {
          uint64_t h = 0;
          for (size_t i = 0; i < b.samples.size(); ++i)
            h = h * 31 + static_cast<uint64_t>(b.mean16[i]) * 7 + b.samples[i] +
                static_cast<uint64_t>(b.last[i]);
          got[part][{b.length.ns, b.slot, static_cast<uint32_t>(b.first_row), b.field}] = h;
        });
      });
    return got;
  };
  const auto one = run(1);
  CHECK(one == run(4));
  CHECK(one[2].size() > 16);
}

TEST_CASE("rollups: in steady state neither inserting nor closing allocates") {
  constexpr size_t kRows = 100;
  Meters meters = two_fields(kRows);
  const Shard shard{meters.table, 0, kRows};
  Rollups rollups(meters.registry, {{meters.table, kLengths}}, kCivilStart);
  std::vector<uint32_t> row(kRows);
  std::vector<int64_t> at(kRows);
  std::vector<int32_t> raw(kRows, 5);
  for (uint32_t r = 0; r < kRows; ++r) row[r] = r;
  uint64_t spent = 0, given = 0;
  const std::function<void(const ClosedBucket&)> sink = [&](const ClosedBucket& b) {
    given += b.samples.size();
  };
  for (int s = 0; s < 4000; ++s) {
    std::fill(at.begin(), at.end(), seconds(s).ns);
    const uint64_t before = allocations();
    rollups.insert(meters.table, 0, row, at, raw);
    rollups.close(shard, kStart + seconds(s), sink);
    spent += allocations() - before;
  }
  CHECK(spent == 0);
  CHECK(given > 12'000);
}

TEST_CASE("rollups: an archive of other lengths is refused") {
  Meters meters = two_fields(4);
  Rollups three(meters.registry, {{meters.table, kLengths}}, kCivilStart),
      one(meters.registry, {{meters.table, {hours(1)}}}, kCivilStart);
  ArchiveWriter saved;
  three.save(saved);
  ArchiveReader reader(saved.bytes());
  one.restore(reader);
  CHECK_FALSE(reader.ok());
}

}  // namespace looptwin::twin
