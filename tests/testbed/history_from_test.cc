// history_from: a run that begins where another ended looks back as one long run does, and says what it
// cannot look back on.
#include <fmt/format.h>
#include <catch2/catch.hpp>
#include <cmath>
#include <map>

#include "loading.h"
#include "mml/loop.h"
#include "testbed/assembly.h"
#include "testbed/sim_transport.h"
#include "testbed/snapshots.h"
#include "twin/warm/manifest.h"

using namespace looptwin;
using namespace looptwin::testbed;
using namespace looptwin::testbed::test;

namespace {

// What gauges measure is a function of the wall clock alone, so that a run can begin anywhere.
const char* kScenario = R"yaml(scenario: harbour
about: Gauges at a coast.
start: "2024-05-01T00:00:00"
duration: 4 h
cycle: 10 s
use: [models.yaml]
)yaml";
const char* kModels = R"yaml(feeds:
  sea: {file: sea.csv}
models:
  harbour: {}
  gauge:
    relations: {harbour: {to: harbour, inverse: gauges}}
    parameters: {factor: {default: 1}}
    telemetry:
      level: {from: seen, unit: m, every: 10 s, phase: 0 s, range: [0, 100], resolution: 0.001}
    physics:
      inputs: {tide: sea.level}
      states: {nothing: 0 m}
      rates: {nothing: 0 m/s}
      outputs: {seen: tide * factor + nothing}
fleet:
  harbour: {count: 1, id: "harbour-{i}"}
  gauge: {count: 3, per: harbour, id: "{harbour}/gauge-{i}", factor: "uniform(0.5, 2)"}
derived:
  mean_level: {each: harbour, value: avg(gauges.level), unit: m, every: 10 s}
  usual: {each: gauge, value: "percentile(level over 1 h, 90 %)", unit: m}
  lowest: {each: gauge, value: "min(level over 1 h, bucket=1 min)", unit: m}
  hour_ago: {each: gauge, value: "ago(level, 1 h, every=1 min)", unit: m}
  mean_ago: {each: harbour, value: "ago(mean_level, 1 h, every=1 min)", unit: m}
  mean_usual: {each: harbour, value: "avg(mean_level over 1 h, bucket=15 min)", unit: m}
events:
  unusual: {each: gauge, raise: level > 1.02 * usual}
  rising: {each: harbour, raise: mean_level > mean_ago + 1 m}
)yaml";

std::string sea() {
  std::string csv = "time,level [m]\n";
  for (int minute = 0; minute <= 300; minute += 5)
    csv += fmt::format("2024-05-01T{:02}:{:02}:00,{:.3f}\n", minute / 60, minute % 60,
                       10 + 5 * std::sin(minute * 0.11) + 2 * std::sin(minute * 1.7));
  return csv;
}

std::string with(std::string text, const std::string& from, const std::string& to) {
  const auto at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

std::string lasting(const std::string& start, const std::string& duration, const std::string& more = {}) {
  return with(with(kScenario, "00:00:00", start), "4 h", duration) + more;
}

struct Coast : Folder {
  Coast() : Folder({{"scenario.yaml", kScenario}, {"models.yaml", kModels}, {"sea.csv", sea()}}) {}

  Result<std::unique_ptr<Assembly>> build(const std::string& scenario,
                                          std::optional<std::filesystem::path> out = {}) const {
    write("scenario.yaml", scenario);
    auto loaded = load(path());
    if (!loaded) return tl::make_unexpected(loaded.error());
    return Assembly::build(*loaded, {.threads = 1, .out = out});
  }
  std::unique_ptr<Assembly> assemble(const std::string& scenario,
                                     std::optional<std::filesystem::path> out = {}) const {
    auto built = build(scenario, out);
    INFO((built ? std::string() : render(built.error())));
    REQUIRE(built.has_value());
    return std::move(*built);
  }
  /// A run from its start to its end, in a folder of that name.
  void record(const std::string& scenario, const std::string& name) const {
    const auto a = assemble(scenario, path() / name);
    while (a->loop().now() < kStart + a->scenario().duration)
      REQUIRE(a->loop().cycle(a->loop().now() + a->scenario().cycle, a->transport()));
    REQUIRE(a->finish("{}").has_value());
  }
  /// Errors, or else warnings.
  std::string said(const std::string& scenario) const {
    const auto built = build(scenario);
    return in_short(built ? (*built)->warnings() : built.error());
  }
};

/// All values of a column, as numbers.
std::vector<double> values(Assembly& a, const std::string& table, const std::string& column) {
  for (size_t t = 0; t < a.schema().tables.size(); ++t) {
    if (a.schema().tables[t].name != table) continue;
    const auto& columns = a.schema().tables[t].columns;
    for (size_t c = 0; c < columns.size(); ++c) {
      if (columns[c].name != column) continue;
      std::vector<double> out;
      for (size_t row = 0; row < a.tables().rows(TableId(t)); ++row)
        out.push_back(twin::load(a.tables().column(TableId(t), ColumnId(c)), columns[c].storage, row));
      return out;
    }
  }
  FAIL("no column " << table << '.' << column);
  return {};
}

constexpr std::pair<const char*, const char*> kCompared[] = {{"gauge", "usual"},    {"gauge", "lowest"},
                                                             {"gauge", "unusual"},  {"harbour", "mean_usual"},
                                                             {"harbour", "rising"}, {"harbour", "mean_ago"}};

/// What is compared, and the levels, at each boundary from `first` on.
using Course = std::map<int64_t, std::map<std::string, std::vector<double>>>;
Course course(Assembly& a) {
  Course all;
  while (a.loop().now() < kStart + a.scenario().duration) {
    REQUIRE(a.loop().cycle(a.loop().now() + a.scenario().cycle, a.transport()));
    auto& now = all[(a.scenario().start + (a.loop().now() - kStart)).ns];
    for (const auto& [table, column] : kCompared) now[column] = values(a, table, column);
    now["level"] = values(a, "gauge", "level");
    now["hour_ago"] = values(a, "gauge", "hour_ago");
  }
  return all;
}

bool same(const std::vector<double>& a, const std::vector<double>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](double x, double y) { return (std::isnan(x) && std::isnan(y)) || x == y; });
}

}  // namespace

TEST_CASE("history_from: a run that begins where another ended decides as one long run does") {
  const Coast coast;
  coast.record(lasting("00:00:00", "2 h"), "first");
  const auto whole = coast.assemble(lasting("00:00:00", "4 h"));
  auto expected = course(*whole);
  const auto second = coast.assemble(lasting("02:00:00", "2 h", "history_from: [first]\n"));
  CHECK(in_short(second->warnings()).empty());
  const auto seen = course(*second);
  size_t raised = 0, looked = 0;
  for (const auto& [at, now] : seen) {
    INFO(to_string(UnixTime{at}));
    for (const auto& [table, column] : kCompared) {
      INFO(column);
      CHECK(same(now.at(column), expected[at][column]));
    }
    for (const double x : now.at("unusual")) raised += x == 1;
    // Of a telemetry field the last sample before the minute is what there was.
    const int64_t slot = floor_to(Time{at}, minutes(1)).ns - hours(1).ns;
    const int64_t start = second->scenario().start.ns;
    if (slot <= start && expected.contains(slot - seconds(10).ns)) {
      CHECK(same(now.at("hour_ago"), expected[slot - seconds(10).ns]["level"]));
      ++looked;
    }
  }
  CHECK(raised > 100);
  CHECK(looked > 300);
  auto scenario = load(coast.path());
  REQUIRE(scenario.has_value());
  auto threads = Assembly::build(*scenario, {.threads = 2});
  REQUIRE(threads.has_value());
  (*threads)->loop().evaluate_everything(true);
  course(**threads);
  CHECK((*threads)->loop().fingerprint() == second->loop().fingerprint());
  CHECK(second->loop().decisions() > 10);
}

TEST_CASE("history_from: what is sampled rarely is told by rollups that are long enough to have a sample") {
  const Coast coast;
  coast.write("models.yaml", with(with(kModels, "every: 10 s, phase: 0 s", "every: 5 min, phase: 0 s"),
                                  "ago(level, 1 h, every=1 min)", "ago(level, 1 h, every=15 min)"));
  coast.record(lasting("00:00:00", "2 h"), "first");
  const auto second = coast.assemble(lasting("02:00:00", "2 h", "history_from: [first]\n"));
  // Buckets of 1 min that have no sample are another matter: of lowest and usual, in lines 20 and 21.
  CHECK(in_short(second->warnings()).find("models.yaml:22:") == std::string::npos);
  for (const auto& [at, now] : course(*second)) {
    INFO(to_string(UnixTime{at}));
    for (const double x : now.at("hour_ago")) CHECK(x == x);
  }
}

TEST_CASE("history_from: several runs follow one another, in whatever order they are named") {
  const Coast coast;
  coast.record(lasting("00:00:00", "70 min"), "first");
  coast.record(lasting("01:10:00", "50 min"), "second");
  coast.record(lasting("00:00:00", "2 h"), "both");
  const auto one = coast.assemble(lasting("02:00:00", "30 min", "history_from: [both]\n"));
  const auto two = coast.assemble(lasting("02:00:00", "30 min", "history_from: [second, first]\n"));
  const auto of_one = course(*one), of_two = course(*two);
  for (const auto& [at, now] : of_one)
    for (const auto& column : {"usual", "lowest", "mean_ago"}) {
      INFO(to_string(UnixTime{at}) << ' ' << column);
      CHECK(same(now.at(column), of_two.at(at).at(column)));
    }
}

TEST_CASE("history_from: what was looked back on is in the manifest, and saved with the run") {
  const Coast coast;
  coast.record(lasting("00:00:00", "2 h"), "first");
  const auto later = lasting("02:00:00", "1 h", "history_from: [first]\n");
  coast.record(later, "second");
  coast.record(later, "again");
  const auto manifest = twin::read_manifest(coast.path() / "second");
  REQUIRE(manifest.has_value());
  REQUIRE(manifest->spec.history_from.size() == 1);
  const auto& told = manifest->spec.history_from[0];
  CHECK(told.folder == "first");
  CHECK(told.scenario == "harbour");
  CHECK(told.digest.size() == 32);
  CHECK(twin::read_manifest(coast.path() / "again")->spec.history_from == manifest->spec.history_from);
  coast.write("sea.csv", with(sea(), "01:30:00,", "01:30:00,1"));
  coast.record(lasting("00:00:00", "2 h"), "other");
  coast.record(with(later, "first", "other"), "third");
  CHECK(twin::read_manifest(coast.path() / "third")->spec.history_from[0].digest != told.digest);

  const auto a = coast.assemble(later), b = coast.assemble(lasting("02:00:00", "1 h"));
  ArchiveWriter writer;
  a->save(writer);
  ArchiveReader reader(writer.bytes());
  b->restore(reader);
  REQUIRE(reader.ok());
  CHECK(same(values(*a, "gauge", "usual"), values(*b, "gauge", "usual")));
  const auto of_a = course(*a), of_b = course(*b);
  for (const auto& [at, now] : of_a)
    for (const auto& [table, column] : kCompared) REQUIRE(same(now.at(column), of_b.at(at).at(column)));
}

TEST_CASE("history_from: runs that are missing, later, or reach into another are refused at their place") {
  const Coast coast;
  coast.record(lasting("01:00:00", "1 h"), "first");
  coast.record(lasting("01:30:00", "30 min"), "second");
  CHECK(coast.said(lasting("02:00:00", "1 h", "history_from: [first, ../gone]\n")) ==
        "scenario.yaml:7:23: there is no run in ../gone [name the folder of a run; paths are relative to the "
        "file that names them]\n");
  CHECK(coast.said(lasting("01:59:50", "1 h", "history_from: [first]\n")) ==
        "scenario.yaml:7:16: first lasts until 2024-05-01T02:00:00Z, and this run begins at "
        "2024-05-01T01:59:50Z [name runs that ended by then, or let this one start later]\n");
  CHECK_THAT(coast.said(lasting("01:00:00", "1 h", "history_from: [first]\n")),
             Catch::Contains("first begins at 2024-05-01T01:00:00Z, and this run at 2024-05-01T01:00:00Z"));
  CHECK_THAT(coast.said(lasting("03:00:00", "1 h", "history_from: [second, first]\n")),
             Catch::Contains("7:16: second begins at 2024-05-01T01:30:00Z, while first lasts until"));
}

TEST_CASE("history_from: a run is not resumed where an earlier run has changed since") {
  const Coast coast;
  coast.record(lasting("00:00:00", "2 h"), "first");
  coast.write("scenario.yaml", lasting("02:00:00", "1 h", "history_from: [first]\n"));
  const auto before = hash_of(*load(coast.path()), {});
  CHECK(hash_of(*load(coast.path()), {}) == before);
  coast.write("first/manifest.json", read_text(coast.path() / "first/manifest.json") + "\n");
  CHECK(hash_of(*load(coast.path()), {}) != before);
}

TEST_CASE("looks back: what the run is too short for is warned of") {
  const Coast coast;
  const auto said = coast.said(lasting("00:00:00", "20 min"));
  CHECK_THAT(said, Catch::Contains("what lies 1 h back is unknown in all of the run of 20 min [make the run "
                                   "longer, or name earlier runs in history_from:]"));
  CHECK(std::count(said.begin(), said.end(), '\n') == 5);
  CHECK(coast.said(lasting("00:00:00", "2 h")).empty());
}

TEST_CASE("looks back: trends whose buckets are shorter than what they are made of are warned of") {
  const Coast coast;
  const auto every = [&](const char* period, const std::string& usual) {
    coast.write("models.yaml",
                with(with(with(kModels, "unit: m, every: 10 s, phase",
                               "unit: m, every: " + std::string(period) + ", phase"),
                          "percentile(level over 1 h, 90 %)", usual),
                     "min(level over 1 h, bucket=1 min)", "min(level over 1 h, bucket=15 min)"));
    return coast.said(lasting("02:00:00", "2 h", "history_from: [first]\n"));
  };
  coast.record(lasting("00:00:00", "10 min"), "first");
  const auto never = every("5 min", "percentile(level over 1 h, 90 %)");
  CHECK_THAT(never,
             Catch::Contains("'level' is sampled every 5 min: 20 % of the buckets of 1 min have a value, and "
                             "min_good wants 50 %, so that it is never known [write bucket=15 min]"));
  // The earlier run is not to blame for it.
  CHECK(never.find("models.yaml:20:") == never.rfind("models.yaml:20:"));
  CHECK_THAT(
      every("90 s", "percentile(level over 20 min, 90 %)"),
      Catch::Contains("'level' is sampled every 1 min 30 s: 67 % of the buckets of 1 min have a value, and "
                      "min_good wants 50 % [write bucket=15 min and a window of a multiple of that]"));
  CHECK_THAT(
      every("2 h", "avg(level over 1 d, bucket=1 h, min_good=60 %)"),
      Catch::Contains("50 % of the buckets of 1 h have a value, and min_good wants 60 %, so that it is "
                      "never known [write min_good=50 %]"));
}

TEST_CASE("history_from: what an earlier run lacks is said, with when it is known in spite of that") {
  const Coast coast;
  coast.write("models.yaml",
              with(kModels, "unit: m, every: 10 s}", "unit: m}") + "history:\n  gauge: {rollups: [1 h]}\n");
  coast.record(lasting("00:00:00", "2 h"), "coarse");
  coast.write("models.yaml", kModels);
  const auto said = coast.said(lasting("02:00:00", "2 h", "history_from: [coarse]\n"));
  CHECK_THAT(said, Catch::Contains("coarse tells nothing to `percentile(level over 1 h, 90 %)`: it keeps no "
                                   "rollups of 1 min of gauge.level [its history: needs rollups: [1 min]]"));
  CHECK_THAT(said, Catch::Contains("it keeps no values of harbour.mean_level"));
  CHECK_THAT(said, Catch::Contains("what lies 1 h back is unknown until 2024-05-01T02:30:30Z"));
  CHECK_THAT(said, Catch::Contains("what lies 1 h back is unknown until 2024-05-01T03:"));

  coast.write("models.yaml", with(kModels, "unit: m, every: 10 s}", "unit: m, every: 5 min}"));
  coast.record(lasting("00:00:00", "2 h"), "seldom");
  coast.write("models.yaml", kModels);
  CHECK_THAT(coast.said(lasting("02:00:00", "2 h", "history_from: [seldom]\n")),
             Catch::Contains("it keeps harbour.mean_level every 5 min, and every 1 min is needed"));

  coast.write("models.yaml", with(kModels, "id: \"harbour-{i}\"", "id: \"port-{i}\""));
  CHECK_THAT(coast.said(lasting("02:00:00", "2 h", "history_from: [seldom]\n")),
             Catch::Contains("it has no 'gauge' with an id of here"));
}

TEST_CASE("history_from: devices that an earlier run does not have are named, with when they are known") {
  const Coast coast;
  coast.write("models.yaml", with(kModels, "gauge: {count: 3,", "gauge: {count: 1,"));
  coast.record(lasting("00:00:00", "2 h"), "one");
  coast.write("models.yaml", kModels);
  const auto said = coast.said(lasting("02:00:00", "2 h", "history_from: [one]\n"));
  CHECK_THAT(said, Catch::Contains("7:16: one tells nothing of 2 of the 3 devices of 'gauge': it has no "
                                   "harbour-1/gauge-2, harbour-1/gauge-3 [devices are found by their ids]"));
  CHECK_THAT(said, Catch::Contains("what lies 1 h back of harbour-1/gauge-2, harbour-1/gauge-3 is unknown "
                                   "until 2024-05-01T02:30:30Z: the runs of history_from do not have it"));
  CHECK_THAT(said, Catch::Contains("what lies 1 h back of harbour-1/gauge-2, harbour-1/gauge-3 is unknown "
                                   "until 2024-05-01T03:"));
  // Said once for the table, and once for each of the three functions that look back on gauges.
  CHECK(std::count(said.begin(), said.end(), '\n') == 4);
  // What it warns of is what happens.
  auto a = coast.assemble(lasting("02:00:00", "2 h", "history_from: [one]\n"));
  while (a->loop().now() < kStart + minutes(2))
    REQUIRE(a->loop().cycle(a->loop().now() + a->scenario().cycle, a->transport()));
  for (const char* column : {"usual", "lowest", "hour_ago"}) {
    const auto now = values(*a, "gauge", column);
    REQUIRE(now.size() == 3);
    CHECK(now[0] == now[0]);
    CHECK(now[1] != now[1]);
    CHECK(now[2] != now[2]);
  }
  CHECK_THAT(
      coast.said(lasting("02:00:00", "20 min", "history_from: [one]\n")),
      Catch::Contains("what lies 1 h back of harbour-1/gauge-2, harbour-1/gauge-3 is unknown in all of "
                      "the run of 20 min"));
}

TEST_CASE("history_from: values are converted to the unit and resolution of here, or refused") {
  const Coast coast;
  coast.record(lasting("00:00:00", "2 h"), "metres");
  const auto later = lasting("02:00:00", "30 min", "history_from: [metres]\n");
  const auto before = course(*coast.assemble(later));
  coast.write("models.yaml",
              with(kModels, "unit: m, every: 10 s, phase: 0 s, range: [0, 100], resolution: 0.001",
                   "unit: cm, every: 10 s, phase: 0 s, range: [0, 10000], resolution: 0.1"));
  const auto centimetres = course(*coast.assemble(later));
  for (const auto& [at, now] : centimetres)
    for (size_t row = 0; row < 3; ++row)
      CHECK(now.at("usual")[row] == Approx(before.at(at).at("usual")[row]).epsilon(1e-5));

  const std::string models = kModels;
  coast.write("models.yaml", with(models.substr(0, models.find("  usual:")), "avg(gauges.level), unit: m",
                                  "avg(gauges.level) / 1 s, unit: m/s"));
  coast.record(lasting("00:00:00", "2 h"), "rates");
  coast.write("models.yaml", models);
  CHECK(
      coast.said(with(later, "metres", "rates")) ==
      "scenario.yaml:7:16: rates has harbour.mean_level in m/s, which is in m here [give one of them another "
      "name, or leave that run out]\n");
}
