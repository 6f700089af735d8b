// ago() and trends against their definitions: what stood at which boundary, which buckets count.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>
#include <optional>

#include "base/hash.h"
#include "mml/warm.h"

using namespace looptwin;
using namespace looptwin::mml;

namespace {

constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();
constexpr size_t kRows = 3;

UnixTime at(const std::string& iso) {
  const auto time = parse_iso(iso);
  REQUIRE(time);
  return Timezone::utc().to_utc(*time);
}

Timezone berlin() {
  auto zone = Timezone::load("Europe/Berlin");
  REQUIRE(zone.has_value());
  return *zone;
}

bool same(double a, double b) { return a == b || (a != a && b != b); }

/// A table of three rows with a column that is looked back on and one that takes the answer.
struct Site {
  lang::Schema schema;
  twin::Tables tables{schema};
  TableId table{0};
  ColumnId from, out;
  std::optional<Dirty> dirty;
  Workers workers{1};

  explicit Site(lang::Storage storage = lang::Storage::f64) {
    schema.tables.push_back({.name = "thing"});
    from = schema.add_column(table, {"x", lang::Type::number(), {}, storage});
    out = schema.add_column(table, {".x", lang::Type::number(), {}, storage});
    tables.resize(table, kRows);
    dirty.emplace(tables, 1);
    dirty->clear();
  }
  std::span<double> x() { return tables.values<double>(table, from); }
  std::span<double> y() { return tables.values<double>(table, out); }
};

/// A number for each (boundary, row), unknown for some.
double drawn(int64_t boundary, size_t row) {
  const uint64_t bits = hash64(std::to_string(boundary) + "/" + std::to_string(row));
  return bits % 7 == 0 ? kUnknown : static_cast<double>(bits % 1000) / 10;
}

template <typename Part>
Part restored(const Part& part, Part fresh) {
  ArchiveWriter writer;
  part.save(writer);
  ArchiveReader reader(writer.bytes());
  fresh.restore(reader);
  REQUIRE(reader.ok());
  REQUIRE(reader.at_end());
  return fresh;
}

/// What ago() means, by looking at every boundary there was.
double past_of(UnixTime start, Duration cycle, Duration step, UnixTime target, size_t row,
               const std::vector<int64_t>& boundaries) {
  const int64_t slot = floor_to(Time{target.ns}, step).ns;
  for (const int64_t b : boundaries)
    if (start.ns + b >= slot) return start.ns + b < slot + cycle.ns ? drawn(b, row) : kUnknown;
  return kUnknown;
}

}  // namespace

TEST_CASE("ago: is what stood at the boundary that long ago, through outages, restored at every one") {
  struct Case {
    Duration cycle, span, step;
    UnixTime start;
  };
  for (const Case& c : {Case{seconds(1), seconds(10), seconds(1), at("2024-05-01T00:00:00Z")},
                        Case{seconds(1), seconds(30), seconds(7), at("2024-05-01T00:00:03Z")},
                        Case{seconds(7), minutes(1), seconds(10), at("2024-05-01T11:00:00.5Z")},
                        Case{seconds(10), seconds(40), seconds(1), at("2024-05-01T00:00:04Z")}}) {
    const Duration cycle = c.cycle, span = c.span, step = c.step;
    const UnixTime start = c.start;
    INFO(to_string(cycle) << " " << to_string(span) << " " << to_string(step));
    Site site;
    const lang::WarmWindow what{.table = site.table, .span = span, .step = step};
    const auto make = [&] {
      WarmPast past(what, cycle, start, Timezone::utc(), kRows);
      past.bind({site.x().data(), lang::Storage::f64}, {site.y().data(), lang::Storage::f64});
      return past;
    };
    WarmPast past = make();
    std::vector<int64_t> boundaries;
    size_t known = 0;
    for (int64_t i = 1; i < 200; ++i) {
      if (i > 80 && i < 90) continue;  // nobody is there
      const Time now{i * cycle.ns};
      boundaries.push_back(now.ns);
      for (size_t row = 0; row < kRows; ++row) site.x()[row] = drawn(now.ns, row);
      past = restored(past, make());
      past.step(now, *site.dirty);
      for (size_t row = 0; row < kRows; ++row) {
        const double expected =
            past_of(start, cycle, std::max(step, cycle), start + (now - kStart) + -span, row, boundaries);
        INFO(i << ": " << site.y()[row] << " " << expected);
        REQUIRE(same(site.y()[row], expected));
        known += expected == expected ? 1 : 0;
      }
    }
    REQUIRE(known > 300);
  }
}

TEST_CASE("ago: of boundaries that come on arrival the first at or after a step's instant counts") {
  // From 50 ms to 1 min after the last one; a run that begins within a step has nothing of its beginning.
  for (const Duration step : {seconds(1), minutes(1), minutes(3)}) {
    INFO(to_string(step));
    const UnixTime start = at("2024-05-01T00:00:20Z");
    const Duration span = minutes(7), greatest = minutes(1);
    Site site;
    const lang::WarmWindow what{.table = site.table, .span = span, .step = step};
    const auto make = [&] {
      WarmPast past(what, greatest, start, Timezone::utc(), kRows);
      past.bind({site.x().data(), lang::Storage::f64}, {site.y().data(), lang::Storage::f64});
      return past;
    };
    WarmPast past = make();
    std::vector<int64_t> boundaries;
    size_t known = 0;
    Time now = kStart;
    for (int64_t i = 1; i < 400; ++i) {
      const uint64_t bits = hash64(std::to_string(i));
      now = now + (bits % 5 == 0 ? greatest : milliseconds(50 + static_cast<int64_t>(bits % 20'000)));
      boundaries.push_back(now.ns);
      for (size_t row = 0; row < kRows; ++row) site.x()[row] = drawn(now.ns, row);
      past = restored(past, make());
      past.step(now, *site.dirty);
      const UnixTime then = start + (now - kStart) + -span;
      const bool in_run = floor_to(Time{then.ns}, std::max(step, greatest)).ns > start.ns;
      for (size_t row = 0; row < kRows; ++row) {
        const double expected =
            in_run ? past_of(start, greatest, std::max(step, greatest), then, row, boundaries) : kUnknown;
        INFO(i << ": " << site.y()[row] << " " << expected);
        REQUIRE(same(site.y()[row], expected));
        known += expected == expected ? 1 : 0;
      }
    }
    REQUIRE(known > 300);
  }
}

TEST_CASE("ago: only rows that change are marked, and only where a step begins") {
  Site site;
  const lang::WarmWindow what{.table = site.table, .span = minutes(2), .step = minutes(1)};
  WarmPast past(what, seconds(1), at("2024-05-01T00:00:00Z"), Timezone::utc(), kRows);
  past.bind({site.x().data(), lang::Storage::f64}, {site.y().data(), lang::Storage::f64});
  std::fill(site.x().begin(), site.x().end(), 5.0);
  std::vector<int64_t> marked;
  for (int64_t s = 1; s <= 400; ++s) {
    past.step(Time{s * 1'000'000'000}, *site.dirty);
    if (site.dirty->marked(site.table, 0)) marked.push_back(s);
    site.dirty->clear();
  }
  // Kept first at 1 min, seen 2 min later; from then on it is the same.
  REQUIRE(marked == std::vector<int64_t>{180});
}

TEST_CASE("ago: conditions and words come back as they were") {
  for (const auto storage : {lang::Storage::boolean, lang::Storage::code}) {
    Site site(storage);
    const lang::WarmWindow what{.table = site.table, .span = seconds(2), .step = seconds(1)};
    WarmPast past(what, seconds(1), at("2024-05-01T00:00:00Z"), Timezone::utc(), kRows);
    auto x = site.tables.values<uint8_t>(site.table, site.from);
    auto y = site.tables.values<uint8_t>(site.table, site.out);
    past.bind({x.data(), storage}, {y.data(), storage});
    const uint8_t unknown = storage == lang::Storage::boolean ? 2 : 255;
    const uint8_t seen[] = {1, 0, unknown, 1};
    for (int64_t s = 1; s <= 6; ++s) {
      x[0] = seen[(s - 1) % 4];
      past.step(Time{s * 1'000'000'000}, *site.dirty);
      REQUIRE(y[0] == (s <= 2 ? unknown : seen[(s - 3) % 4]));
    }
  }
}

TEST_CASE("ago: by the calendar it is the same wall-clock time, on days of 23 and 25 hours as well") {
  struct Case {
    const char* start;
    const char* now;
    const char* then;
  };
  // Clocks go forward on 31 March 2024 at 01:00Z, back on 27 October at 01:00Z.
  for (const auto& [start, now, then] : {
           Case{"2024-03-30T00:00:00Z", "2024-03-31T10:00:00Z", "2024-03-30T11:00:00Z"},
           Case{"2024-03-30T00:00:00Z", "2024-03-31T00:30:00Z", "2024-03-30T00:30:00Z"},
           // 02:30 was not there the day before: it is read as 03:30.
           Case{"2024-03-31T00:00:00Z", "2024-04-01T00:30:00Z", "2024-03-31T01:30:00Z"},
           Case{"2024-10-26T00:00:00Z", "2024-10-27T10:00:00Z", "2024-10-26T09:00:00Z"},
           // 02:30 was there twice the day before: the first counts.
           Case{"2024-10-27T00:00:00Z", "2024-10-28T01:30:00Z", "2024-10-27T00:30:00Z"},
       }) {
    INFO(now);
    Site site;
    const lang::WarmWindow what{.table = site.table, .span = days(1), .step = minutes(5), .civil = true};
    WarmPast past(what, minutes(5), at(start), berlin(), kRows);
    past.bind({site.x().data(), lang::Storage::f64}, {site.y().data(), lang::Storage::f64});
    for (Time t{minutes(5).ns}; t <= kStart + (at(now) - at(start)); t = t + minutes(5)) {
      site.x()[0] = static_cast<double>(at(start).ns + t.ns) / 1e9;
      past.step(t, *site.dirty);
    }
    REQUIRE(site.y()[0] == static_cast<double>(at(then).ns) / 1e9);
  }
}

namespace {

/// What a trend means: all buckets of all boundaries, one after another.
double trend_of(const lang::WarmWindow& what, UnixTime start, const Timezone& zone, Time now,
                const std::vector<int64_t>& boundaries, size_t row) {
  const int64_t length = what.step.ns;
  const int64_t end = (start.ns + now.ns) / length;  // buckets before it have closed
  const auto hour_of = [&](int64_t ns) { return zone.to_local({ns}).hour; };
  std::vector<double> values;
  double wanted = 0;
  for (int64_t slot = end - what.span / what.step; slot < end; ++slot) {
    if (what.same_hour && hour_of(slot * length) != hour_of(start.ns + now.ns)) continue;
    ++wanted;
    double sum = 0, n = 0, least = INFINITY, greatest = -INFINITY;
    for (const int64_t b : boundaries) {
      const double x = drawn(b, row);
      if ((start.ns + b - 1) / length != slot || x != x) continue;
      sum += x, n += 1;
      least = std::min(least, x), greatest = std::max(greatest, x);
    }
    if (n == 0) continue;
    values.push_back(static_cast<float>(what.op == lang::Op::trend_minimum   ? least
                                        : what.op == lang::Op::trend_maximum ? greatest
                                                                             : sum / n));
  }
  const auto n = static_cast<double>(values.size());
  if (values.empty() || n < what.minimum_good * wanted) return kUnknown;
  double sum = 0, squares = 0;
  for (const double v : values) sum += v;
  for (const double v : values) squares += (v - sum / n) * (v - sum / n);
  switch (what.op) {
    case lang::Op::trend_mean:
      return sum / n;
    case lang::Op::trend_deviation:
      return std::sqrt(squares / n);
    case lang::Op::trend_minimum:
      return *std::min_element(values.begin(), values.end());
    case lang::Op::trend_maximum:
      return *std::max_element(values.begin(), values.end());
    default: {
      std::sort(values.begin(), values.end());
      const double rank = what.share * (n - 1);
      const auto low = static_cast<size_t>(std::floor(rank)), high = static_cast<size_t>(std::ceil(rank));
      return values[low] + (rank - std::floor(rank)) * (values[high] - values[low]);
    }
  }
}

}  // namespace

TEST_CASE("trends: of boundaries equal their definition, through outages and a change of clocks, restored") {
  using enum lang::Op;
  const UnixTime start = at("2024-03-29T05:30:00Z");
  const Duration cycle = minutes(10);
  for (const auto op : {trend_mean, trend_minimum, trend_maximum, trend_deviation, trend_percentile}) {
    for (const bool same_hour : {false, true}) {
      INFO(name_of(op) << (same_hour ? " of the same hour" : ""));
      Site site;
      const lang::WarmWindow what{.op = op,
                                  .table = site.table,
                                  .span = days(3),
                                  .step = hours(1),
                                  .same_hour = same_hour,
                                  .minimum_good = 0.5,
                                  .share = 0.9};
      const auto fresh = [&] {
        WarmBuckets buckets(site.table, site.from, hours(1), false, start, kRollupGrace, kRows);
        buckets.keep(WarmTrend(what, berlin()).statistic(), what.span / what.step);
        return buckets;
      };
      WarmBuckets buckets = fresh();
      WarmTrend trend(what, berlin());
      std::vector<int64_t> boundaries;
      size_t known = 0;
      for (int64_t i = 1; i < 6 * 24 * 6; ++i) {
        if (i > 500 && i < 560) continue;  // nobody is there
        const Time now{i * cycle.ns};
        boundaries.push_back(now.ns);
        for (size_t row = 0; row < kRows; ++row) site.x()[row] = drawn(now.ns, row);
        buckets = restored(buckets, fresh());
        trend = restored(trend, WarmTrend(what, berlin()));
        buckets.take(now, site.x().data(), lang::Storage::f64);
        trend.step(now, buckets, site.y(), *site.dirty, site.workers);
        if (i % 5 != 0) continue;
        const double expected = trend_of(what, start, berlin(), now, boundaries, 1);
        INFO(i << ": " << site.y()[1] << " " << expected);
        REQUIRE((same(site.y()[1], expected) || site.y()[1] == Approx(expected).epsilon(1e-12)));
        known += expected == expected ? 1 : 0;
      }
      REQUIRE(known > 80);
    }
  }
}

TEST_CASE("trends: nothing is computed between the end of one bucket and the next") {
  Site site;
  const UnixTime start = at("2024-05-01T00:00:00Z");
  WarmBuckets buckets(site.table, site.from, minutes(1), false, start, kRollupGrace, kRows);
  const lang::WarmWindow what{
      .op = lang::Op::trend_mean, .table = site.table, .span = minutes(5), .step = minutes(1)};
  buckets.keep(Statistic::mean, 5);
  WarmTrend trend(what, Timezone::utc());
  for (int64_t s = 1; s <= 300; ++s) {
    const Time now{s * 1'000'000'000};
    std::fill(site.x().begin(), site.x().end(), static_cast<double>(s));
    buckets.take(now, site.x().data(), lang::Storage::f64);
    trend.step(now, buckets, site.y(), *site.dirty, site.workers);
    REQUIRE(site.dirty->marked(site.table, 0) == (s % 60 == 0));
    site.dirty->clear();
  }
  REQUIRE(site.y()[0] == 150.5);
}

TEST_CASE("trends: of rollups a bucket counts half a minute after its end, also one of an earlier run") {
  Site site;
  const UnixTime start = at("2024-05-01T00:00:00Z");
  const lang::WarmWindow what{.op = lang::Op::trend_mean,
                              .table = site.table,
                              .span = minutes(3),
                              .step = minutes(1),
                              .minimum_good = 1};
  WarmBuckets buckets(site.table, site.from, minutes(1), true, start, kRollupGrace, kRows);
  buckets.keep(Statistic::mean, 3);
  WarmTrend trend(what, Timezone::utc());
  CHECK(trend.known_from(buckets) == std::vector(kRows, Time{minutes(3).ns + kRollupGrace.ns}));
  // The four newest before the start hold 1, 2, 3 and 4.
  for (int64_t back = 4; back >= 1; --back)
    for (float& x : buckets.row_of(Statistic::mean, buckets.start_slot() - back))
      x = static_cast<float>(5 - back);
  CHECK(trend.known_from(buckets) == std::vector(kRows, Time{kRollupGrace.ns}));
  for (const auto& [seconds_in, mean] : {std::pair(1, 2.0), {29, 2.0}, {30, 3.0}, {89, 3.0}}) {
    trend.step(Time{seconds(seconds_in).ns}, buckets, site.y(), *site.dirty, site.workers);
    INFO(seconds_in << " s");
    CHECK(site.y()[1] == mean);
  }
}

TEST_CASE("trends: are known as soon as enough buckets are, those of earlier runs counted in") {
  Site site;
  const UnixTime start = at("2024-05-01T00:00:00Z");
  const lang::WarmWindow what{.op = lang::Op::trend_mean,
                              .table = site.table,
                              .span = hours(10),
                              .step = hours(1),
                              .minimum_good = 0.5};
  for (const auto& [held, from] : {std::pair(0, hours(5)), {1, hours(4)}, {4, hours(1)}, {5, hours(0)}}) {
    WarmBuckets buckets(site.table, site.from, hours(1), false, start, kRollupGrace, kRows);
    buckets.keep(Statistic::mean, 10);
    for (int64_t back = 1; back <= held; ++back)
      buckets.row_of(Statistic::mean, buckets.start_slot() - back)[0] = 1;
    INFO(held << " buckets");
    // The earlier run has the first device, and no other.
    const auto known_from = WarmTrend(what, Timezone::utc()).known_from(buckets);
    CHECK(known_from == std::vector{kStart + from, kStart + hours(5), kStart + hours(5)});
  }
}

TEST_CASE("warm: a run may begin before 1970, or at it") {
  for (const char* begin : {"1969-12-31T23:59:30Z", "1970-01-01T00:00:00Z"}) {
    Site site;
    const lang::WarmWindow past{.table = site.table, .span = seconds(10), .step = seconds(1)};
    WarmPast ago(past, seconds(1), at(begin), Timezone::utc(), kRows);
    ago.bind({site.x().data(), lang::Storage::f64}, {site.y().data(), lang::Storage::f64});
    WarmBuckets buckets(site.table, site.from, minutes(1), false, at(begin), kRollupGrace, kRows);
    buckets.keep(Statistic::maximum, 100);
    WarmTrend trend(
        {.op = lang::Op::trend_maximum, .table = site.table, .span = minutes(100), .step = minutes(1)},
        Timezone::utc());
    std::vector<double> greatest(kRows);
    for (int64_t s = 1; s <= 180; ++s) {
      const Time now{seconds(s).ns};
      std::fill(site.x().begin(), site.x().end(), static_cast<double>(s));
      ago.step(now, *site.dirty);
      INFO(begin << " + " << s << " s");
      REQUIRE(same(site.y()[0], s <= 10 ? kUnknown : static_cast<double>(s - 10)));
      buckets.take(now, site.x().data(), lang::Storage::f64);
      trend.step(now, buckets, greatest, *site.dirty, site.workers);
    }
    CHECK(greatest[0] == (at(begin).ns < 0 ? 150 : 180));
  }
}

TEST_CASE("ago: what an earlier run held stands where it was put, and says from when on there is something") {
  Site site;
  const UnixTime start = at("2024-05-01T00:00:00Z");
  const lang::WarmWindow what{.table = site.table, .span = minutes(10), .step = minutes(1)};
  WarmPast past(what, seconds(10), start, Timezone::utc(), kRows);
  past.bind({site.x().data(), lang::Storage::f64}, {site.y().data(), lang::Storage::f64});
  for (const Time from : past.known_from()) CHECK(from >= kStart + minutes(11));
  for (int64_t back = 0; back < 5; ++back)
    past.put(past.start_slot() - 1 - back, 1, static_cast<double>(back));
  const auto known_from = past.known_from();
  CHECK(known_from[1] > kStart + minutes(5));
  CHECK(known_from[1] <= kStart + minutes(6) + seconds(10));
  CHECK(known_from[0] >= kStart + minutes(11));  // nothing was put there
  for (int64_t s = 10; s <= 600; s += 10) {
    past.step(Time{seconds(s).ns}, *site.dirty);
    INFO(s << " s");
    const int64_t back = 10 - s / 60;
    REQUIRE(same(site.y()[1], back < 5 ? static_cast<double>(back) : kUnknown));
    REQUIRE(same(site.y()[0], kUnknown));
  }
}
