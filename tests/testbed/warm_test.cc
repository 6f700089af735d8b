// Warm history in a whole run: trends and ago() against what the run folder holds, saved and restored at any
// boundary, lazily evaluated or not, with a run folder or without.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <deque>
#include <map>

#include "loading.h"
#include "mml/loop.h"
#include "mml/warm.h"
#include "testbed/assembly.h"
#include "testbed/sim_transport.h"
#include "testbed/wiring.h"
#include "twin/registry.h"
#include "twin/warm/run_reader.h"

using namespace looptwin;
using namespace looptwin::testbed;
using namespace looptwin::testbed::test;

namespace {

const char* kScenario = R"yaml(scenario: warm
about: Tanks that breathe, and lose some of their messages.
duration: 40 min
seed: 5
models:
  yard:
    parameters: {limit: {default: 20 m3}}
  tank:
    relations: {yard: {to: yard, inverse: tanks}}
    parameters: {inflow: {default: 0.1 m3/s}}
    telemetry:
      content: {from: held, unit: m3, every: 5 s, range: [0, 1000], resolution: 0.001, noise: 3 m3}
    physics:
      states: {held: 1 m3}
      rates:
        held: inflow
fleet:
  yard: {count: 2, id: "yard-{i}"}
  tank: {count: 3, per: yard, id: "{yard}/tank-{i}", link: radio, inflow: "uniform(0.01 m3/s, 0.2 m3/s)"}
links:
  radio: {latency: "uniform(0 s, 40 s)", loss: 10 %}
derived:
  total: {each: yard, value: sum(tanks.content), unit: m3, min_good: 60 %}
  usual: {each: tank, value: "percentile(content over 10 min, 90 %)", unit: m3}
  lowest: {each: tank, value: "min(content over 10 min, bucket=1 min, min_good=90 %)", unit: m3}
  before: {each: tank, value: "ago(content, 5 min)", unit: m3}
  mean_before: {each: tank, value: "avg(ago(content, 5 min) over 1 min)", unit: m3}
  before_mean: {each: tank, value: "ago(avg(content over 1 min), 5 min)", unit: m3}
  yard_before: {each: yard, value: "ago(total, 3 min)", unit: m3}
  yard_index: {each: yard, value: "trend_index(total over 5 min)", unit: "1"}
events:
  unusual:
    each: tank
    raise: content > percentile(content over 10 min, 90 %) * 1.05
  more_than_before:
    each: yard
    raise: total - ago(total, 3 min) > 20 m3
)yaml";

std::unique_ptr<Assembly> assemble(const AssemblyOptions& options = {}) {
  auto assembly = Assembly::build(loaded({{"scenario.yaml", kScenario}}), options);
  INFO((assembly ? std::string() : render(assembly.error())));
  REQUIRE(assembly.has_value());
  return std::move(*assembly);
}

void cycle(Assembly& a) { REQUIRE(a.loop().cycle(a.loop().now() + a.scenario().cycle, a.transport())); }

std::span<double> values(Assembly& a, const std::string& table, const std::string& column) {
  for (size_t t = 0; t < a.schema().tables.size(); ++t) {
    if (a.schema().tables[t].name != table) continue;
    const auto& columns = a.schema().tables[t].columns;
    for (size_t c = 0; c < columns.size(); ++c)
      if (columns[c].name == column) return a.tables().values<double>(TableId(t), ColumnId(c));
  }
  FAIL("no column " << table << '.' << column);
  return {};
}

bool same(double a, double b) { return a == b || (a != a && b != b); }

constexpr size_t kTanks = 6;
constexpr int kCycles = 2400;

}  // namespace

TEST_CASE(
    "warm: trends of a field are those of the rollups in the run folder, late and lost samples or not") {
  const Folder folder;
  const auto out = folder.path() / "run";
  const auto a = assemble({.threads = 1, .out = out});
  std::map<int64_t, std::vector<double>> usual, lowest;  // by the second
  for (int i = 1; i <= kCycles; ++i) {
    cycle(*a);
    const auto u = values(*a, "tank", "usual"), l = values(*a, "tank", "lowest");
    usual[i].assign(u.begin(), u.end());
    lowest[i].assign(l.begin(), l.end());
  }
  REQUIRE(a->finish("{}").has_value());
  auto run = twin::RunReader::open(out);
  REQUIRE(run.has_value());
  const auto grid = run->grid("tank/1min");
  REQUIRE(grid);
  const auto& variables = run->spec().grids[grid->index()].variables;
  REQUIRE(variables[0].name == "content_minimum");
  REQUIRE(variables[3].name == "content_mean");
  const auto minimum = run->read(*grid, 0, {0, kTanks}, {0, 40});
  const auto mean = run->read(*grid, 3, {0, kTanks}, {0, 40});
  REQUIRE(minimum.has_value());
  REQUIRE(mean.has_value());
  size_t known = 0;
  for (int i = 1; i <= kCycles; ++i) {
    const int closed = (i - 30) / 60;  // buckets that have closed, half a minute after their end
    for (size_t tank = 0; tank < kTanks; ++tank) {
      std::vector<double> means, minima;
      for (int slot = std::max(0, closed - 10); slot < closed; ++slot) {
        const double x = (*mean)[tank * 40 + static_cast<size_t>(slot)];
        if (x != x) continue;
        means.push_back(x);
        minima.push_back((*minimum)[tank * 40 + static_cast<size_t>(slot)]);
      }
      std::sort(means.begin(), means.end());
      INFO(i << " s, tank " << tank << ", " << means.size() << " buckets");
      if (means.size() < 5) {
        REQUIRE(std::isnan(usual[i][tank]));
      } else {
        const double rank = 0.9 * static_cast<double>(means.size() - 1);
        const auto low = static_cast<size_t>(rank);
        const double high = means[std::min(low + 1, means.size() - 1)];
        REQUIRE(usual[i][tank] ==
                Approx(means[low] + (rank - static_cast<double>(low)) * (high - means[low])).epsilon(1e-6));
        ++known;
      }
      if (means.size() < 9)
        REQUIRE(std::isnan(lowest[i][tank]));
      else
        REQUIRE(lowest[i][tank] == Approx(*std::min_element(minima.begin(), minima.end())).epsilon(1e-6));
    }
  }
  REQUIRE(known > 10'000);
}

TEST_CASE("warm: ago() gives what a value was, and a window over the past is the window's past") {
  const auto a = assemble();
  std::map<int64_t, std::vector<double>> content, total;
  size_t known = 0;
  for (int i = 1; i <= 1200; ++i) {
    cycle(*a);
    const auto c = values(*a, "tank", "content"), t = values(*a, "yard", "total");
    content[i].assign(c.begin(), c.end());
    total[i].assign(t.begin(), t.end());
    for (size_t tank = 0; tank < kTanks; ++tank) {
      const double before = values(*a, "tank", "before")[tank];
      REQUIRE(same(before, i <= 300 ? NAN : content[i - 300][tank]));
      REQUIRE(same(values(*a, "tank", "mean_before")[tank], values(*a, "tank", "before_mean")[tank]));
      known += before == before ? 1 : 0;
    }
    for (size_t yard = 0; yard < 2; ++yard)
      REQUIRE(same(values(*a, "yard", "yard_before")[yard], i <= 180 ? NAN : total[i - 180][yard]));
    double buckets = 0, sum = 0;
    for (int minute = std::max(0, i / 60 - 5); minute < i / 60; ++minute) {
      double in = 0, n = 0;
      for (int s = 60 * minute + 1; s <= 60 * minute + 60; ++s)
        if (total[s][0] == total[s][0]) in += total[s][0], ++n;
      if (n > 0) sum += in / n, ++buckets;
    }
    const double index = values(*a, "yard", "yard_index")[0];
    INFO(i << " s: " << buckets << " buckets");
    if (buckets < 3)
      REQUIRE(std::isnan(index));
    else if (total[i][0] == total[i][0])
      REQUIRE(index == Approx(total[i][0] / (sum / buckets)).epsilon(1e-6));
  }
  // Of 5400, by this link's latency and what is stale: both known and unknown are seen.
  REQUIRE(known > 2000);
  REQUIRE(known < 4000);
}

TEST_CASE("warm: a run restored at every boundary, all rows or few, several threads or one, decides alike") {
  const Folder folder;
  const auto plain = assemble();
  const auto everything = assemble();
  everything->loop().evaluate_everything(true);
  const auto threads = assemble({.threads = 2, .out = folder.path() / "run"});
  auto restored = assemble();
  auto other = assemble();
  for (int i = 1; i <= kCycles; ++i) {
    for (Assembly* a : {plain.get(), everything.get(), threads.get(), restored.get()}) cycle(*a);
    if (i > 900 && i % 50 > 3) continue;  // one after another at first, then now and then
    ArchiveWriter writer;
    restored->save(writer);
    ArchiveReader reader(writer.bytes());
    other->restore(reader);
    REQUIRE(reader.ok());
    REQUIRE(reader.at_end());
    std::swap(restored, other);
  }
  REQUIRE(plain->loop().decisions() > 50);
  REQUIRE(everything->loop().fingerprint() == plain->loop().fingerprint());
  REQUIRE(threads->loop().fingerprint() == plain->loop().fingerprint());
  REQUIRE(restored->loop().fingerprint() == plain->loop().fingerprint());
}

TEST_CASE("warm: how much a function keeps a device is known before the run") {
  const auto a = assemble();
  std::map<std::string, mml::WarmHistory::Cost> kept;
  for (const auto& e : a->wired().explained) kept[e.name] = a->warm().cost(e.node);
  const auto is = [&](const char* name, size_t values, Duration every, size_t bytes) {
    INFO(name);
    CHECK(kept.at(name).values == values);
    CHECK(kept.at(name).every == every);
    CHECK(kept.at(name).bytes_per_device == bytes);
  };
  // The same minutes have means for one and minima for the other, one more than counts at a time.
  is("derived.usual", 10, minutes(1), 11 * (4 + 4));
  is("derived.lowest", 10, minutes(1), 11 * (4 + 4));
  is("derived.before", 302, seconds(1), 302 * 8);
  is("derived.yard_before", 182, seconds(1), 182 * 8);
  is("derived.total", 0, Duration{}, 0);
  const auto table = [&](const char* name) { return *a->registry().find_model(name); };
  CHECK(a->warm().bytes_per_device(table("tank")) == 11 * 8 + 2 * 302 * 8);
  CHECK(a->warm().bytes() ==
        6 * a->warm().bytes_per_device(table("tank")) + 2 * a->warm().bytes_per_device(table("yard")));
}
