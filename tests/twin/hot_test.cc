#include "twin/hot.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <map>
#include <random>

#include "allocations.h"
#include "base/simd.h"
#include "meters.h"
#include "twin/hot_kernels.h"

namespace looptwin::twin {
namespace {

using lang::Op;

constexpr Op kOps[] = {Op::window_mean,  Op::window_minimum,   Op::window_maximum, Op::window_slope,
                       Op::window_delta, Op::window_deviation, Op::window_count};

struct Sample {
  uint32_t row;
  int64_t at;  ///< ns
  int32_t raw;
};

int64_t floor_divide(int64_t a, int64_t b) { return a / b - (a % b < 0); }
int64_t ceil_divide(int64_t a, int64_t b) { return -floor_divide(-a, b); }

/// The definition: a window's value from all samples that are in it, in 128-bit integers up to one quotient.
double defined(Op op, std::vector<Sample> in, const Scaling& s) {
  std::sort(in.begin(), in.end(), [](const Sample& a, const Sample& b) { return a.at < b.at; });
  const double nan = std::nan("");
  const auto n = static_cast<__int128>(in.size());
  const auto scaled = [&](double x) { return (s.steps != 0 ? x / s.steps : x * s.resolution) * s.scale; };
  __int128 sum = 0, squares = 0, t1 = 0, t2 = 0, tx = 0;
  int32_t low = INT32_MAX, high = INT32_MIN;
  for (const Sample& x : in) {
    const __int128 tick = ceil_divide(x.at, 1'000'000);
    sum += x.raw, squares += static_cast<__int128>(x.raw) * x.raw;
    t1 += tick, t2 += tick * tick, tx += tick * x.raw;
    low = std::min(low, x.raw), high = std::max(high, x.raw);
  }
  if (op == Op::window_count) return static_cast<double>(in.size());
  if (in.empty()) return nan;
  switch (op) {
    case Op::window_mean:
      return scaled(static_cast<double>(static_cast<int64_t>(sum)) / in.size()) + s.offset;
    case Op::window_minimum:
      return s.to_si(low);
    case Op::window_maximum:
      return s.to_si(high);
    case Op::window_delta:
      return scaled(static_cast<double>(int64_t{in.back().raw} - in.front().raw));
    case Op::window_deviation:
      return n < 2 ? nan : scaled(std::sqrt(static_cast<double>(n * squares - sum * sum)) / in.size());
    default:
      if (n < 2) return nan;
      return scaled(static_cast<double>(n * tx - t1 * sum) / static_cast<double>(n * t2 - t1 * t1) * 1000.0);
  }
}

bool same(double a, double b) { return a == b || (std::isnan(a) && std::isnan(b)); }

/// Samples in the order in which they arrive at each cycle of 1 s: with loss, delay, repetition and clocks
/// that are off.
struct Stream {
  std::vector<std::vector<Sample>> arriving;  ///< [cycle]: taken in at cycle * 1 s
  std::vector<Sample> sent;                   ///< each once
};

Stream stream(std::mt19937_64& random, size_t rows, int cycles, Duration every, bool irregular) {
  const auto below = [&](int64_t n) { return static_cast<int64_t>(random() % static_cast<uint64_t>(n)); };
  Stream out;
  out.arriving.resize(static_cast<size_t>(cycles) + 1);
  for (uint32_t row = 0; row < rows; ++row) {
    int32_t value = static_cast<int32_t>(below(2000)) - 1000;
    int64_t t = below(every.ns);
    while (t < seconds(cycles).ns) {
      value += static_cast<int32_t>(below(41)) - 20;
      const int64_t at = irregular ? t : t + below(every.ns / 4);  // jitter
      const bool ahead = below(50) == 0;                           // a clock that is up to 300 ms fast
      const int64_t received = ahead ? at - below(300'000'000) : at + below(200'000'000) * below(3);
      const int64_t late = below(10) == 0 ? below(every.ns * 8) : 0;
      const auto cycle =
          static_cast<size_t>(std::max<int64_t>(0, ceil_divide(received + late, seconds(1).ns)));
      const bool lost = below(10) == 0;
      if (!lost && cycle < out.arriving.size()) {
        out.arriving[cycle].push_back({row, at, value});
        out.sent.push_back({row, at, value});
        const size_t again = cycle + static_cast<size_t>(below(4));
        if (below(8) == 0 && again < out.arriving.size()) out.arriving[again].push_back({row, at, value});
      }
      t += irregular ? every.ns + below(3 * every.ns) : every.ns;
    }
  }
  for (auto& batch : out.arriving) std::shuffle(batch.begin(), batch.end(), random);
  return out;
}

void insert(HotHistory& hot, TableId table, uint16_t field, const std::vector<Sample>& samples) {
  std::vector<uint32_t> row;
  std::vector<int64_t> at;
  std::vector<int32_t> raw;
  for (const Sample& s : samples) row.push_back(s.row), at.push_back(s.at), raw.push_back(s.raw);
  hot.insert(table, field, row, at, raw);
}

/// One field with all operations over several spans.
struct Bench {
  Meters meters;
  std::vector<WindowSpec> windows;
  std::unique_ptr<HotHistory> hot;
  std::vector<Time> due;

  Bench(size_t rows, Duration every, const std::vector<Duration>& spans, std::span<const Op> ops = kOps)
      : meters(rows, {field_config("t", every, 0.1, celsius())}), due((rows + 63) / 64, kNever) {
    for (const Duration span : spans)
      for (const Op op : ops) {
        const auto out = meters.add_output(fmt_name(windows.size()));
        windows.push_back({meters.table, 0, op, span, out});
      }
    hot = make();
  }
  static std::string fmt_name(size_t i) { return ".w" + std::to_string(i); }
  std::unique_ptr<HotHistory> make() {
    return std::make_unique<HotHistory>(meters.registry, meters.schema, meters.tables, windows);
  }
  size_t rows() const { return meters.tables.rows(meters.table); }
  void evaluate(Time now) { hot->evaluate(meters.table, 0, rows(), now, due.data()); }
  double value(size_t window, size_t row) {
    return meters.tables.values<double>(meters.table, windows[window].out)[row];
  }
  Scaling scaling() const { return scaling_of(meters.registry.model(meters.table).config.telemetry[0]); }
};

/// What has arrived by a cycle, once each, by row.
class Arrived {
 public:
  explicit Arrived(size_t rows) : of_row_(rows) {}
  void add(const std::vector<Sample>& batch) {
    for (const Sample& s : batch) of_row_[s.row].emplace(s.at, s);
  }
  template <typename In>
  std::vector<Sample> that(size_t row, In in) const {
    std::vector<Sample> out;
    for (const auto& [at, s] : of_row_[row])
      if (in(at)) out.push_back(s);
    return out;
  }

 private:
  std::vector<std::map<int64_t, Sample>> of_row_;
};

}  // namespace

TEST_CASE(
    "hot history: exact windows equal their definition, with loss, jitter, late samples and repetitions") {
  const bool irregular = GENERATE(false, true);
  const int seed = GENERATE(1, 2, 3);
  std::mt19937_64 random(static_cast<uint64_t>(seed));
  constexpr size_t kRows = 150;
  Bench bench(kRows, seconds(5), {seconds(5), seconds(12), seconds(60), milliseconds(90'500), seconds(320)});
  const Stream stream = twin::stream(random, kRows, 700, seconds(5), irregular);
  Arrived arrived(kRows);
  size_t compared = 0;
  for (size_t cycle = 0; cycle < stream.arriving.size(); ++cycle) {
    insert(*bench.hot, bench.meters.table, 0, stream.arriving[cycle]);
    arrived.add(stream.arriving[cycle]);
    if (cycle % 13 != 0) continue;
    const Time now = kStart + seconds(static_cast<int64_t>(cycle));
    bench.evaluate(now);
    for (size_t w = 0; w < bench.windows.size(); ++w)
      for (size_t row = 0; row < kRows; ++row) {
        const int64_t after = (now - bench.windows[w].span).ns;
        const auto in = arrived.that(row, [&](int64_t at) { return at > after && at <= now.ns; });
        const double want = defined(bench.windows[w].op, in, bench.scaling());
        if (!same(bench.value(w, row), want)) {
          CAPTURE(cycle, w, row, in.size(), want, bench.value(w, row));
          FAIL("differs");
        }
        ++compared;
      }
  }
  CHECK(compared > 200'000);
  CHECK(bench.hot->shed() == 0);
}

TEST_CASE(
    "hot history: long windows equal their definition by panes, and err by less than one pane at the old "
    "edge") {
  const int seed = GENERATE(4, 5);
  std::mt19937_64 random(static_cast<uint64_t>(seed));
  constexpr size_t kRows = 70;
  Bench bench(kRows, seconds(2), {seconds(200), seconds(777)});
  const Stream stream = twin::stream(random, kRows, 2000, seconds(2), false);
  Arrived arrived(kRows);
  for (size_t cycle = 0; cycle < stream.arriving.size(); ++cycle) {
    insert(*bench.hot, bench.meters.table, 0, stream.arriving[cycle]);
    arrived.add(stream.arriving[cycle]);
    if (cycle % 37 != 0) continue;
    const Time now = kStart + seconds(static_cast<int64_t>(cycle));
    bench.evaluate(now);
    for (size_t w = 0; w < bench.windows.size(); ++w) {
      const Duration span = bench.windows[w].span;
      const WindowCost cost = bench.hot->cost(w);
      REQUIRE_FALSE(cost.exact);
      REQUIRE(cost.pane.ns == ceil_divide(span.ns, 64));
      for (size_t row = 0; row < kRows; ++row) {
        const auto in = arrived.that(
            row, [&](int64_t at) { return ceil_divide(at, cost.pane.ns) * cost.pane.ns > (now - span).ns; });
        const double want = defined(bench.windows[w].op, in, bench.scaling());
        if (!same(bench.value(w, row), want)) {
          CAPTURE(cycle, w, row, in.size(), want, bench.value(w, row));
          FAIL("differs");
        }
        for (const Sample& s : in) REQUIRE(s.at > (now - span - cost.pane).ns);
      }
    }
  }
}

TEST_CASE(
    "hot history: evaluating only what is new or due gives what evaluating everything gives, at each cycle") {
  std::mt19937_64 random(11);
  constexpr size_t kRows = 300;
  const std::vector<Duration> spans = {seconds(7), seconds(60), seconds(900)};
  Bench all(kRows, seconds(5), spans), some(kRows, seconds(5), spans);
  Stream stream = twin::stream(random, kRows, 1500, seconds(5), true);
  // For a while nothing comes at all, so that only timers are left.
  for (size_t c = 400; c < 700; ++c) stream.arriving[c].clear();
  for (auto& batch : stream.arriving) std::erase_if(batch, [](const Sample& s) { return s.row / 64 == 2; });
  size_t skipped = 0;
  for (size_t cycle = 0; cycle < stream.arriving.size(); ++cycle) {
    const Time now = kStart + seconds(static_cast<int64_t>(cycle));
    const auto& batch = stream.arriving[cycle];
    insert(*all.hot, all.meters.table, 0, batch);
    insert(*some.hot, some.meters.table, 0, batch);
    all.evaluate(now);
    std::vector<bool> dirty(some.due.size(), cycle == 0);
    for (const Sample& s : batch) dirty[s.row / 64] = true;
    for (size_t g = 0; g < dirty.size(); ++g) {
      if (!dirty[g] && some.due[g] > now) {
        ++skipped;
        continue;
      }
      some.due[g] = kNever;
      some.hot->evaluate(some.meters.table, g * 64, std::min<size_t>(64, kRows - g * 64), now,
                         some.due.data());
      REQUIRE(some.due[g] > now);
    }
    for (size_t w = 0; w < all.windows.size(); ++w)
      for (size_t row = 0; row < kRows; ++row)
        if (!same(all.value(w, row), some.value(w, row)))
          FAIL("window " << w << " row " << row << " cycle " << cycle);
  }
  CHECK(skipped > 1000);
}

TEST_CASE("hot history: a sample leaves a window exactly a span after it was taken") {
  Bench bench(1, seconds(10), {seconds(30)});
  insert(*bench.hot, bench.meters.table, 0, {{0, seconds(7).ns, 5}, {0, seconds(11).ns, 9}});
  bench.evaluate(kStart + seconds(11));
  CHECK(bench.due[0] == kStart + seconds(37));
  CHECK(bench.value(6, 0) == 2);
  bench.evaluate(kStart + milliseconds(36'999));
  CHECK(bench.value(6, 0) == 2);
  bench.due[0] = kNever;
  bench.evaluate(kStart + seconds(37));
  CHECK(bench.value(6, 0) == 1);
  CHECK(bench.due[0] == kStart + seconds(41));
  bench.due[0] = kNever;
  bench.evaluate(kStart + seconds(41));
  CHECK(bench.due[0] == kNever);
  CHECK(std::isnan(bench.value(0, 0)));
  CHECK(bench.value(6, 0) == 0);
}

TEST_CASE(
    "hot history: a sample ahead of the boundary enters the window when the boundary reaches it, and says "
    "so") {
  Bench bench(1, seconds(10), {seconds(30)});
  insert(*bench.hot, bench.meters.table, 0, {{0, milliseconds(10'300).ns, 5}});
  bench.evaluate(kStart + seconds(10));
  CHECK(bench.value(6, 0) == 0);
  CHECK(bench.due[0] == kStart + milliseconds(10'300));
  bench.evaluate(kStart + seconds(11));
  CHECK(bench.value(6, 0) == 1);
}

TEST_CASE("hot history: incremental windows equal those of a history that is filled afresh") {
  std::mt19937_64 random(17);
  constexpr size_t kRows = 100;
  const std::vector<Duration> spans = {seconds(60), seconds(600)};
  Bench bench(kRows, seconds(3), spans), fresh(kRows, seconds(3), spans);
  const Stream stream = twin::stream(random, kRows, 1500, seconds(3), false);
  std::vector<Sample> so_far;
  for (size_t cycle = 0; cycle < stream.arriving.size(); ++cycle) {
    const Time now = kStart + seconds(static_cast<int64_t>(cycle));
    insert(*bench.hot, bench.meters.table, 0, stream.arriving[cycle]);
    so_far.insert(so_far.end(), stream.arriving[cycle].begin(), stream.arriving[cycle].end());
    bench.evaluate(now);
    if (cycle % 150 != 149) continue;
    fresh.hot = fresh.make();
    std::stable_sort(so_far.begin(), so_far.end(),
                     [](const Sample& a, const Sample& b) { return a.at < b.at; });
    insert(*fresh.hot, fresh.meters.table, 0, so_far);
    fresh.evaluate(now);
    for (size_t w = 0; w < bench.windows.size(); ++w)
      for (size_t row = 0; row < kRows; ++row)
        if (!same(bench.value(w, row), fresh.value(w, row))) FAIL("window " << w << " row " << row);
  }
}

TEST_CASE("hot history: saved and restored at any cycle, it goes on as if nothing had happened") {
  std::mt19937_64 random(23);
  constexpr size_t kRows = 90;
  Bench bench(kRows, seconds(5), {seconds(60), seconds(900)});
  const Stream stream = twin::stream(random, kRows, 1200, seconds(5), true);
  for (size_t cycle = 0; cycle < stream.arriving.size(); ++cycle) {
    const Time now = kStart + seconds(static_cast<int64_t>(cycle));
    insert(*bench.hot, bench.meters.table, 0, stream.arriving[cycle]);
    bench.evaluate(now);
    if (cycle % 100 != 99) continue;
    ArchiveWriter saved;
    bench.hot->save(saved);
    auto restored = bench.make();
    ArchiveReader reader(saved.bytes());
    restored->restore(reader);
    REQUIRE(reader.ok());
    REQUIRE(reader.at_end());
    ArchiveWriter again;
    restored->save(again);
    REQUIRE(saved.bytes() == again.bytes());
    bench.hot = std::move(restored);
    std::vector<double> before;
    for (size_t w = 0; w < bench.windows.size(); ++w) before.push_back(bench.value(w, cycle % kRows));
    bench.evaluate(now);
    for (size_t w = 0; w < bench.windows.size(); ++w) CHECK(same(before[w], bench.value(w, cycle % kRows)));
  }
  for (const Duration other_span : {seconds(80), seconds(600)}) {
    const bool exact = other_span == seconds(80);
    Bench other(kRows, seconds(5), {exact ? other_span : seconds(60), exact ? seconds(900) : other_span});
    ArchiveWriter saved;
    bench.hot->save(saved);
    ArchiveReader reader(saved.bytes());
    other.hot->restore(reader);
    CHECK_FALSE(reader.ok());
  }
}

TEST_CASE("hot history: samples that come too fast are shed and counted, those kept give the window") {
  Bench bench(1, seconds(10), {seconds(60)});
  std::vector<Sample> samples;
  for (int i = 0; i < 60; ++i) samples.push_back({0, seconds(i).ns + 1, i});
  insert(*bench.hot, bench.meters.table, 0, samples);
  bench.evaluate(kStart + seconds(60));
  CHECK(bench.hot->shed() > 0);
  CHECK(bench.value(6, 0) + static_cast<double>(bench.hot->shed()) == 60);
}

TEST_CASE("hot history: a declared least spacing makes room for samples that come faster than the period") {
  auto field = field_config("t", seconds(10), 0.1);
  field.least_spacing = seconds(1);
  Meters meters(1, {field});
  const ColumnId out = meters.add_output(".n");
  HotHistory hot(meters.registry, meters.schema, meters.tables,
                 {{meters.table, 0, Op::window_count, seconds(60), out}});
  std::vector<Sample> samples;
  for (int i = 0; i < 300; ++i) samples.push_back({0, seconds(i).ns + 1, i});
  insert(hot, meters.table, 0, samples);
  Time due = kNever;
  hot.evaluate(meters.table, 0, 1, kStart + seconds(300), &due);
  CHECK(hot.shed() == 0);
  CHECK(meters.tables.values<double>(meters.table, out)[0] == 60);
}

TEST_CASE("hot history: times stay exact over months, and after weeks of silence") {
  Bench bench(3, minutes(1), {minutes(5)});
  int64_t t = 0;
  for (int step = 0; step < 3000; ++step) {
    t += (step % 300 == 299 ? days(30) : minutes(1)).ns;
    insert(*bench.hot, bench.meters.table, 0, {{1, t - 1, step}});
    if (step % 7 != 0) continue;
    bench.evaluate({t});
    const int since_gap = step % 300 == 299 ? 0 : (step % 300 + (step >= 300 ? 1 : 0));
    const double want = step < 300 ? std::min(step + 1, 5) : std::min(since_gap + 1, 5);
    REQUIRE(bench.value(6, 1) == want);
    REQUIRE(bench.value(6, 0) == 0);
  }
  bench.evaluate({t + days(400).ns});
  CHECK(bench.value(6, 1) == 0);
}

TEST_CASE("hot history: a daily reading averaged over 28 days is exact") {
  Bench bench(1, days(1), {days(28)});
  CHECK(bench.hot->cost(0).exact);
  std::vector<Sample> samples;
  for (int day = 0; day < 100; ++day) samples.push_back({0, days(day).ns, day});
  insert(*bench.hot, bench.meters.table, 0, samples);
  bench.evaluate(kStart + days(99));
  CHECK(bench.value(6, 0) == 28);
  CHECK(bench.value(4, 0) == Approx(2.7));
  bench.evaluate(kStart + days(99) + seconds(1));
  CHECK(bench.value(6, 0) == 28);
  bench.evaluate(kStart + days(100));
  CHECK(bench.value(6, 0) == 27);
}

TEST_CASE("hot history: extreme raw values and single samples are handled") {
  Bench bench(2, seconds(1), {seconds(60), seconds(600)});
  std::vector<Sample> samples;
  for (int i = 0; i < 60; ++i) samples.push_back({0, seconds(i).ns + 1, i % 2 == 0 ? INT32_MAX : -INT32_MAX});
  samples.push_back({1, 500, 250});
  insert(*bench.hot, bench.meters.table, 0, samples);
  bench.evaluate(kStart + seconds(60) - nanoseconds(0));
  std::vector<Sample> first(samples.begin(), samples.begin() + 60);
  for (size_t w = 0; w < bench.windows.size(); ++w) {
    CAPTURE(w);
    CHECK(same(bench.value(w, 0), defined(bench.windows[w].op, first, bench.scaling())));
  }
  CHECK(bench.value(0, 1) == 25.0 + 273.15);
  CHECK(std::isnan(bench.value(3, 1)));
  CHECK(bench.value(4, 1) == 0);
  CHECK(std::isnan(bench.value(5, 1)));
}

TEST_CASE("hot history: an hour's mean at 10 s keeps panes, not samples") {
  const Op mean[] = {Op::window_mean};
  Bench hour(64, seconds(10), {hours(1)}, mean), minute(64, seconds(10), {minutes(1)}, mean);
  CHECK_FALSE(hour.hot->cost(0).exact);
  CHECK(hour.hot->cost(0).pane == milliseconds(56'250));
  CHECK(hour.hot->cost(0).bytes_per_device <= 68 * 12);
  CHECK(minute.hot->cost(0).exact);
  CHECK(minute.hot->cost(0).pane.ns == 0);
  CHECK(minute.hot->cost(0).bytes_per_device == 8 * 8);
}

TEST_CASE("hot history: neither inserting nor evaluating allocates") {
  std::mt19937_64 random(31);
  constexpr size_t kRows = 200;
  Bench bench(kRows, seconds(2), {seconds(60), seconds(600)});
  const Stream stream = twin::stream(random, kRows, 400, seconds(2), false);
  std::vector<uint32_t> row;
  std::vector<int64_t> at;
  std::vector<int32_t> raw;
  uint64_t spent = 0;
  for (size_t cycle = 0; cycle < stream.arriving.size(); ++cycle) {
    row.clear(), at.clear(), raw.clear();
    for (const Sample& s : stream.arriving[cycle])
      row.push_back(s.row), at.push_back(s.at), raw.push_back(s.raw);
    const uint64_t before = allocations();
    bench.hot->insert(bench.meters.table, 0, row, at, raw);
    bench.evaluate(kStart + seconds(static_cast<int64_t>(cycle)));
    spent += allocations() - before;
  }
  CHECK(spent == 0);
}

TEST_CASE("hot history: all vector widths give the same sums") {
  std::mt19937_64 random(37);
  std::vector<int32_t> at(66 * 64), raw(66 * 64);
  for (auto& t : at) t = static_cast<int32_t>(random() % 1000);
  for (auto& x : raw) x = static_cast<int32_t>(random());
  for (size_t i = 0; i < at.size(); i += 7) at[i] = INT32_MIN;
  std::fill_n(at.begin() + 5 * 64, 64, 901);  // a slot of which nothing is in the window
  const SampleColumns columns{at.data(), raw.data(), 64, 66, 250, 900};
  const auto run = [&](Simd width) {
    const HotKernels& k = hot_kernels(width);
    CountSums count{};
    ExtremeSums extremes{};
    EndSums ends{};
    SquareSums squares{};
    TrendSums trend{};
    std::array<int32_t, kLanes> oldest{};
    oldest.fill(INT32_MAX);
    k.oldest(columns, oldest.data());
    k.count(columns, count), k.extremes(columns, extremes), k.ends(columns, ends);
    k.squares(columns, squares), k.trend(columns, trend);
    ArchiveWriter bytes;
    bytes.put(count), bytes.put(oldest), bytes.put(extremes), bytes.put(ends), bytes.put(squares),
        bytes.put(trend);
    return bytes.take();
  };
  const auto narrow = run(Simd::v2);
  if (simd() >= Simd::v3) CHECK(run(Simd::v3) == narrow);
  if (simd() >= Simd::v4) CHECK(run(Simd::v4) == narrow);
}

}  // namespace looptwin::twin
