// Hot history of devices whose clocks run ahead: instants of their own mix with those of arrivals, which lie
// as close as they like, also in one instant.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <map>
#include <optional>
#include <random>
#include <set>

#include "meters.h"
#include "twin/ahead.h"
#include "twin/hot.h"

namespace looptwin::twin {
namespace {

using lang::Op;

struct Sample {
  int64_t at;  ///< ns
  int32_t raw;
  bool by_arrival;
};

constexpr Op kOps[] = {Op::window_count, Op::window_mean, Op::window_minimum, Op::window_maximum,
                       Op::window_delta};

/// One field of a few meters, with all of kOps over each span.
struct Bench {
  Meters meters;
  std::vector<Duration> spans;
  std::vector<WindowSpec> windows;
  std::unique_ptr<HotHistory> hot;

  Bench(size_t rows, Duration every, std::vector<Duration> over)
      : meters(rows, {field_config("t", every, 1)}), spans(std::move(over)) {
    for (const Duration span : spans)
      for (const Op op : kOps) {
        const auto out = meters.add_output(".w" + std::to_string(windows.size()));
        windows.push_back({meters.table, 0, op, span, out});
      }
    hot = make();
  }
  std::unique_ptr<HotHistory> make() {
    return std::make_unique<HotHistory>(meters.registry, meters.schema, meters.tables, windows);
  }
  void insert(uint32_t row, const Sample& s) {
    const uint8_t by_arrival = s.by_arrival;
    hot->insert(meters.table, 0, std::span(&row, 1), std::span(&s.at, 1), std::span(&s.raw, 1),
                std::span(&by_arrival, 1));
  }
  void evaluate(Time now) {
    const size_t rows = meters.tables.rows(meters.table);
    std::vector<Time> due((rows + kGroupRows - 1) / kGroupRows, kNever);
    hot->evaluate(meters.table, 0, rows, now, due.data());
  }
  double value(size_t window, size_t row) {
    return meters.tables.values<double>(meters.table, windows[window].out)[row];
  }
};

/// By the definition; nothing where no sample is in the window.
std::optional<double> defined(Op op, const std::map<int64_t, int32_t>& all, Time after, Time now) {
  std::vector<int32_t> in;
  for (const auto& [at, raw] : all)
    if (at > after.ns && at <= now.ns) in.push_back(raw);
  if (op == Op::window_count) return static_cast<double>(in.size());
  if (in.empty()) return std::nullopt;
  double sum = 0;
  for (const int32_t x : in) sum += x;
  switch (op) {
    case Op::window_mean:
      return sum / static_cast<double>(in.size());
    case Op::window_minimum:
      return *std::min_element(in.begin(), in.end());
    case Op::window_maximum:
      return *std::max_element(in.begin(), in.end());
    default:
      return in.back() - in.front();
  }
}

}  // namespace

TEST_CASE("hot history: exact windows hold instants of arrivals between those of a clock that runs ahead") {
  const Duration ahead = GENERATE(milliseconds(1'500), milliseconds(2'000), milliseconds(700));
  constexpr size_t kRows = 3;
  constexpr int kCycles = 300;
  std::mt19937_64 random(5);
  Bench bench(kRows, seconds(1), {seconds(2), seconds(10), seconds(64)});
  std::vector<std::vector<std::pair<uint32_t, Sample>>> arriving(kCycles + 4);
  for (uint32_t row = 0; row < kRows; ++row) {
    std::set<int64_t> taken;  // no two in one millisecond: there is a first and a last
    for (int k = 0; k < kCycles; ++k) {
      const int64_t sampled = (seconds(k) + ahead).ns;
      int64_t at = 0, received = 0;
      bool by_arrival = false;
      do {
        received = (seconds(k) + milliseconds(200 + static_cast<int64_t>(random() % 1600))).ns;
        by_arrival = sampled > received + kFutureTolerance.ns;
        at = by_arrival ? received : sampled;
      } while (!taken.insert(at).second);
      const auto cycle = static_cast<size_t>((received + seconds(1).ns - 1) / seconds(1).ns);
      arriving[cycle].push_back({row, {at, static_cast<int32_t>(k), by_arrival}});
    }
  }
  std::vector<std::map<int64_t, int32_t>> arrived(kRows);
  for (size_t cycle = 0; cycle < arriving.size(); ++cycle) {
    for (const auto& [row, sample] : arriving[cycle]) {
      bench.insert(row, sample);
      arrived[row].emplace(sample.at, sample.raw);
    }
    if (cycle % 50 == 49) {  // spilled or not, it goes on as it was
      ArchiveWriter saved;
      bench.hot->save(saved);
      bench.hot = bench.make();
      ArchiveReader reader(saved.bytes());
      bench.hot->restore(reader);
      REQUIRE(reader.ok());
      REQUIRE(reader.at_end());
    }
    const Time now = kStart + seconds(static_cast<int64_t>(cycle));
    bench.evaluate(now);
    for (size_t w = 0; w < bench.windows.size(); ++w)
      for (size_t row = 0; row < kRows; ++row) {
        const auto& window = bench.windows[w];
        const auto want = defined(window.op, arrived[row], now - window.span, now);
        const double is = bench.value(w, row);
        if (want ? is != *want : !std::isnan(is)) {
          CAPTURE(ahead.seconds(), cycle, row, window.span.seconds(), lang::name_of(window.op), is,
                  want.value_or(-1));
          FAIL("differs");
        }
      }
  }
  CHECK(bench.hot->shed() == 0);
}

TEST_CASE("hot history: a fast field whose clock is ahead by less than the tolerance loses nothing") {
  const Duration every = GENERATE(milliseconds(100), milliseconds(10));
  const Duration span = every * 50;
  Bench bench(1, every, {span});
  const int64_t per_cycle = seconds(1) / every;
  std::map<int64_t, int32_t> arrived;
  for (int64_t cycle = 1; cycle < 20; ++cycle) {
    for (int64_t k = (cycle - 1) * per_cycle; k < cycle * per_cycle; ++k) {
      const Sample sample{(every * k + milliseconds(950)).ns, static_cast<int32_t>(k), false};
      bench.insert(0, sample);
      arrived.emplace(sample.at, sample.raw);
    }
    const Time now = kStart + seconds(cycle);
    bench.evaluate(now);
    for (size_t w = 0; w < bench.windows.size(); ++w) {
      CAPTURE(cycle, lang::name_of(bench.windows[w].op));
      REQUIRE(bench.value(w, 0) == defined(bench.windows[w].op, arrived, now - span, now).value_or(-1));
    }
  }
}

TEST_CASE("hot history: a sample that one from ahead has replaced is not counted on") {
  Bench bench(1, seconds(1), {seconds(10)});
  bench.insert(0, {milliseconds(950).ns, 1, false});
  bench.insert(0, {milliseconds(2'500).ns, 2, false});
  bench.evaluate(kStart + milliseconds(10'100));
  CHECK(bench.value(0, 0) == 2);
  bench.insert(0, {seconds(12).ns, 3, false});
  bench.evaluate(kStart + milliseconds(11'100));
  CHECK(bench.value(0, 0) == 1);
  CHECK(bench.value(1, 0) == 2);
}

TEST_CASE("hot history: what arrives in one instant is each a sample, what is repeated is none") {
  Bench bench(70, seconds(1), {seconds(20)});
  const int64_t at = milliseconds(1'500).ns;
  for (int i = 0; i < 9; ++i) bench.insert(69, {at, i / 2, true});
  bench.insert(69, {at, 40, false});
  bench.insert(69, {at, 40, false});  // what a device says of one instant twice is said once
  bench.insert(68, {at, 7, false});
  bench.insert(68, {at, 7, false});
  bench.insert(68, {at, 8, false});
  bench.evaluate(kStart + seconds(2));
  CHECK(bench.value(0, 69) == 10);
  CHECK(bench.value(1, 69) == 5.6);
  CHECK(bench.value(3, 69) == 40);
  CHECK(bench.value(0, 68) == 2);
  CHECK(bench.value(0, 0) == 0);
}

TEST_CASE("hot history: of a burst a window holds as many again as it was made for, the rest is counted") {
  Bench bench(2, seconds(1), {seconds(10)});
  const size_t bytes = bench.hot->bytes();
  for (int i = 0; i < 100; ++i) bench.insert(1, {milliseconds(5'000 + i).ns, i, true});
  bench.evaluate(kStart + seconds(6));
  CHECK(bench.value(0, 1) == 24);
  CHECK(bench.hot->shed() == 76);
  CHECK(bench.hot->bytes() == bytes + 12 * 64 * 8);  // of the group of 64 alone
  bench.evaluate(kStart + seconds(16));
  CHECK(bench.value(0, 1) == 0);
  // All of that is out of the windows, and makes room.
  for (int i = 0; i < 20; ++i) bench.insert(1, {milliseconds(30'000 + i).ns, i, true});
  bench.evaluate(kStart + seconds(31));
  CHECK(bench.value(0, 1) == 20);
  CHECK(bench.hot->shed() == 76);
}

}  // namespace looptwin::twin
