#include "twin/hot_conditions.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <map>
#include <random>

#include "base/archive.h"

namespace looptwin::twin {
namespace {

using lang::Op;
using Samples = std::map<int64_t, int32_t>;  ///< ns, all whole milliseconds

constexpr Duration kSpacing = seconds(2), kStale = seconds(7);
constexpr Duration kSpans[] = {seconds(3), seconds(31), seconds(90)};

/// The definition, by the millisecond: what the last sample said, where it is not older than kStale.
double defined(Op op, const Samples& all, Duration span, Time now) {
  constexpr int64_t kTick = 1'000'000;
  double ticks_true = 0, ticks_known = 0, rises = 0;
  const int64_t after = (now - span).ns;
  for (auto s = all.begin(); s != all.end() && s->first <= now.ns; ++s) {
    auto next = std::next(s);
    int64_t until = std::min(now.ns, s->first + kStale.ns);
    if (next != all.end()) until = std::min(until, next->first);
    const double held = static_cast<double>(until - std::max(s->first, after)) / kTick;
    if (held > 0 || s->first > after) ticks_known += std::max(held, 1.0);
    if (s->second == 1 && held > 0) ticks_true += held;
    if (s == all.begin() || s->first <= after || s->second == 0) continue;
    const auto before = std::prev(s);
    rises += before->second == 0 && s->first - before->first <= kStale.ns;
  }
  if (ticks_known == 0) return std::nan("");
  return op == Op::rises ? rises : ticks_true / 1000;
}

struct Bench {
  static constexpr size_t kRows = 64;
  ConditionWindows windows{kRows, kSpacing, seconds(90), kStale};
  std::vector<Samples> arrived{kRows};

  void insert(uint32_t row, int64_t at, int32_t raw) {
    Taken taken;
    windows.insert(std::span(&row, 1), std::span(&at, 1), std::span(&raw, 1), {}, &taken);
    arrived[row].emplace(at, raw);
  }
  /// Compares all rows, and returns when the first of them may change.
  Time compare(Op op, Duration span, Time now) const {
    double out[kLanes];
    const Time next = windows.evaluate(op, span, 0, now, out);
    for (size_t row = 0; row < kRows; ++row) {
      const double want = defined(op, arrived[row], span, now);
      CAPTURE(row, now.seconds(), span.seconds(), lang::name_of(op), want, out[row]);
      REQUIRE(((std::isnan(want) && std::isnan(out[row])) || std::abs(want - out[row]) < 1e-9));
    }
    return next;
  }
};

}  // namespace

TEST_CASE("hot conditions: rises and time_true equal their definition, however late samples come") {
  const bool jitter = GENERATE(false, true);
  const int seed = GENERATE(1, 2, 3);
  std::mt19937_64 random(static_cast<uint64_t>(seed));
  const auto below = [&](int64_t n) { return static_cast<int64_t>(random() % static_cast<uint64_t>(n)); };
  Bench bench;
  struct Sent {
    int64_t arrives;
    uint32_t row;
    int64_t at;
    int32_t raw;
  };
  std::vector<Sent> sent;
  for (uint32_t row = 0; row < Bench::kRows; ++row)
    for (int64_t k = 0; k < 200; ++k) {
      if (below(10) == 0 || (row % 7 == 0 && k > 60 && k < 90)) continue;  // lost, or silent for a minute
      const int64_t at = k * kSpacing.ns + (jitter ? below(900) * 1'000'000 : 0);
      const int64_t delay = below(20) == 0 ? below(40) : 0;
      sent.push_back({at + delay * 1'000'000'000, row, at, static_cast<int32_t>(below(2))});
      if (below(20) == 0) sent.push_back(sent.back());  // twice
    }
  std::sort(sent.begin(), sent.end(), [](const Sent& a, const Sent& b) { return a.arrives < b.arrives; });
  size_t s = 0;
  for (Time now = kStart; now < kStart + seconds(520); now = now + milliseconds(1'500)) {
    for (; s < sent.size() && sent[s].arrives <= now.ns; ++s)
      bench.insert(sent[s].row, sent[s].at, sent[s].raw);
    for (const Duration span : kSpans)
      for (const Op op : {Op::rises, Op::time_true}) bench.compare(op, span, now);
  }
  CHECK(s == sent.size());
  CHECK(bench.windows.shed() == 0);
}

TEST_CASE("hot conditions: nothing changes before the instant that is told") {
  Bench bench;
  for (int64_t k = 0; k < 10; ++k) bench.insert(3, k * kSpacing.ns, k % 4 == 1 ? 1 : 0);
  Time now = kStart + seconds(19);
  size_t changes = 0;
  for (double before = -1;;) {
    const Time next = bench.compare(Op::rises, seconds(31), now);
    double out[kLanes];
    bench.windows.evaluate(Op::rises, seconds(31), 0, now, out);
    if (!(out[3] == before)) ++changes;
    before = out[3];
    if (next == kNever) break;
    double last[kLanes];
    bench.windows.evaluate(Op::rises, seconds(31), 0, next - nanoseconds(1), last);
    REQUIRE(last[3] == before);
    now = next;
  }
  // Three rises leave one by one, and then the last sample is stale and out of the window.
  CHECK(changes == 5);
}

TEST_CASE("hot conditions: samples that lie closer than a period are all there, as those dated by arrival") {
  Bench bench;
  for (int64_t k = 0; k < 95; ++k) bench.insert(5, k * milliseconds(100).ns, k % 3 == 0 ? 1 : 0);
  for (Time now = kStart; now < kStart + seconds(120); now = now + milliseconds(1'500))
    for (const Duration span : kSpans)
      for (const Op op : {Op::rises, Op::time_true}) bench.compare(op, span, now);
  CHECK(bench.windows.shed() == 0);
}

TEST_CASE("hot conditions: saved and restored they go on alike") {
  Bench bench;
  for (int64_t k = 0; k < 40; ++k) bench.insert(9, k * kSpacing.ns, k % 3 == 0 ? 1 : 0);
  ArchiveWriter writer;
  bench.windows.save(writer);
  Bench other;
  ArchiveReader reader(writer.bytes());
  other.windows.restore(reader);
  REQUIRE(reader.ok());
  other.arrived = bench.arrived;
  for (const Duration span : kSpans)
    for (const Op op : {Op::rises, Op::time_true}) other.compare(op, span, kStart + seconds(79));
}

}  // namespace looptwin::twin
