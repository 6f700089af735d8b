// Derived values: computed at each boundary, read by name from anywhere, kept in the run folder.
#include <fmt/format.h>
#include <catch2/catch.hpp>
#include <cmath>
#include <map>
#include <sstream>

#include "loading.h"
#include "mml/loop.h"
#include "testbed/assembly.h"
#include "testbed/sim_transport.h"
#include "twin/warm/run_reader.h"

using namespace looptwin;
using namespace looptwin::testbed;
using namespace looptwin::testbed::test;

namespace {

const char* kScenario = R"yaml(scenario: derived
about: Tanks that fill.
duration: 2 min
seed: 5
models:
  yard:
    parameters: {limit: {default: 20 m3}}
  tank:
    relations: {yard: {to: yard, inverse: tanks}}
    parameters: {inflow: {default: 0.1 m3/s}}
    telemetry:
      content: {from: held, unit: m3, every: 1 s, phase: 0 s, range: [0, 100], resolution: 0.001}
    physics:
      states: {held: 1 m3}
      rates:
        held: inflow
fleet:
  yard: {count: 2, id: "yard-{i}"}
  tank: {count: 3, per: yard, id: "{yard}/tank-{i}", inflow: "uniform(0.05 m3/s, 0.2 m3/s)"}
derived:
  room: {each: yard, value: limit - total, unit: m3, every: 10 s}
  total: {each: yard, value: sum(tanks.content), unit: m3, every: 10 s}
  rise: {each: yard, value: total - previous(total), unit: L, every: 1 s}
  full: {each: tank, value: "yard.room < 2 m3", boolean: true, every: 5 s}
  all_of_it: {value: sum(yard.total), unit: L, every: 30 s}
events:
  brim:
    each: yard
    raise: room < 2 m3
  any_full:
    raise: count(tank, full) > 0
)yaml";

FileTexts with(const std::string& from, const std::string& to) {
  std::string text = kScenario;
  const auto at = text.find(from);
  REQUIRE(at != std::string::npos);
  return {{"scenario.yaml", text.replace(at, from.size(), to)}};
}

std::unique_ptr<Assembly> assemble(const Scenario& scenario, const AssemblyOptions& options = {}) {
  auto assembly = Assembly::build(scenario, options);
  INFO((assembly ? std::string() : render(assembly.error())));
  REQUIRE(assembly.has_value());
  return std::move(*assembly);
}

void cycle(Assembly& a) { REQUIRE(a.loop().cycle(a.loop().now() + a.scenario().cycle, a.transport())); }

template <typename T>
std::span<T> values(Assembly& a, const std::string& table, const std::string& column) {
  for (size_t t = 0; t < a.schema().tables.size(); ++t) {
    if (a.schema().tables[t].name != table) continue;
    const auto& columns = a.schema().tables[t].columns;
    for (size_t c = 0; c < columns.size(); ++c)
      if (columns[c].name == column) return a.tables().values<T>(TableId(t), ColumnId(c));
  }
  FAIL("no column " << table << '.' << column);
  return {};
}

std::string refused(const std::string& from, const std::string& to) {
  const Folder folder(with(from, to));
  const auto scenario = load(folder.path());
  if (!scenario) return in_short(scenario.error());
  const auto built = Assembly::build(*scenario);
  return built ? std::string() : in_short(built.error());
}

}  // namespace

TEST_CASE("derived values: follow what is reported, across tables, within the same cycle") {
  const auto a = assemble(loaded({{"scenario.yaml", kScenario}}));
  double before[2] = {NAN, NAN};
  bool risen = false;
  for (int i = 0; i < 120; ++i) {
    cycle(*a);
    const auto content = values<double>(*a, "tank", "content");
    double all = 0;
    for (size_t yard = 0; yard < 2; ++yard) {
      const double sum = content[3 * yard] + content[3 * yard + 1] + content[3 * yard + 2];
      INFO(to_string(a->loop().now()) << ", yard " << yard);
      const double total = values<double>(*a, "yard", "total")[yard];
      REQUIRE(total == Approx(sum).epsilon(1e-12));
      REQUIRE(values<double>(*a, "yard", "room")[yard] == 20 - total);
      const double rise = values<double>(*a, "yard", "rise")[yard];
      if (!std::isnan(before[yard])) REQUIRE(rise == total - before[yard]);
      before[yard] = total;
      for (size_t tank = 3 * yard; tank < 3 * yard + 3; ++tank)
        REQUIRE(values<uint8_t>(*a, "tank", "full")[tank] == (20 - total < 2 ? 1 : 0));
      REQUIRE(values<uint8_t>(*a, "yard", "brim")[yard] == (20 - total < 2 ? 1 : 0));
      risen |= 20 - total < 2;
      all += total;
    }
    REQUIRE(values<double>(*a, "site", "all_of_it")[0] == Approx(all).epsilon(1e-12));
  }
  REQUIRE(risen);
}

TEST_CASE("derived values: the run folder keeps them as often as asked, in their unit") {
  const Folder folder;
  const auto out = folder.path() / "run";
  const auto a = assemble(loaded({{"scenario.yaml", kScenario}}), {.threads = 1, .out = out});
  std::map<int64_t, double> total, litres;
  for (int i = 0; i < 120; ++i) {
    cycle(*a);
    total[a->loop().now().ns / seconds(1).ns] = values<double>(*a, "yard", "total")[1];
    litres[a->loop().now().ns / seconds(1).ns] = values<double>(*a, "site", "all_of_it")[0] * 1000;
  }
  REQUIRE(a->finish("{}").has_value());
  auto run = twin::RunReader::open(out);
  REQUIRE(run.has_value());
  const auto grid = run->grid("yard/derived/10s");
  REQUIRE(grid);
  const auto& variables = run->spec().grids[grid->index()].variables;
  REQUIRE(variables.size() == 2);
  REQUIRE(variables[1].name == "total");
  REQUIRE(variables[1].unit == "m3");
  const auto kept = run->read(*grid, 1, {1, 1}, {1, 13});
  REQUIRE(kept.has_value());
  for (size_t k = 0; k < 12; ++k) REQUIRE((*kept)[k] == total[10 * static_cast<int64_t>(k + 1)]);
  const auto site = run->grid("site/derived/30s");
  REQUIRE(site);
  const auto whole = run->read(*site, 0, {0, 1}, {1, 5});
  REQUIRE(whole.has_value());
  for (size_t k = 0; k < 4; ++k)
    REQUIRE((*whole)[k] == Approx(litres[30 * static_cast<int64_t>(k + 1)]).epsilon(1e-12));
}

TEST_CASE("derived values: what cannot be is refused with its place and what to write") {
  REQUIRE_THAT(refused("unit: m3, every: 10 s}\n  total", "every: 10 s}\n  total"),
               Catch::Contains("'room' needs one of unit and boolean"));
  REQUIRE_THAT(refused("every: 5 s", "every: 1500 ms"), Catch::Contains("no multiple of the cycle of 1 s"));
  REQUIRE_THAT(refused("limit - total, unit: m3", "limit - total, unit: kW"), Catch::Contains("room"));
  REQUIRE_THAT(refused("value: sum(tanks.content)", "value: limit - room"),
               Catch::Contains("depends on itself"));
  REQUIRE_THAT(refused("  rise: {each: yard", "  limit: {each: yard"),
               Catch::Contains("the name 'limit' is taken"));
  REQUIRE_THAT(refused("room: {each: yard", "room: {each: yrad"), Catch::Contains("did you mean 'yard'"));
}

TEST_CASE("derived values: are published as often as they are kept, in their unit, and are no decisions") {
  std::string text =
      with("unit: m3, every: 10 s}\n  total", "unit: m3, every: 10 s, publish: yards}\n  total")
          .at("scenario.yaml");
  const auto publish = [&](const std::string& from, const std::string& to) {
    const auto at = text.find(from);
    REQUIRE(at != std::string::npos);
    text.replace(at, from.size(), to);
  };
  publish("boolean: true, every: 5 s}", "boolean: true, every: 50 s, publish: yards}");
  publish("unit: L, every: 30 s}", "unit: L, every: 30 s, publish: site}");
  publish("unit: L, every: 1 s}", "unit: L, every: 60 s, publish: site}");
  const Folder folder;
  const auto run = [&](const std::string& scenario, const std::string& name, int threads) {
    const auto a =
        assemble(loaded({{"scenario.yaml", scenario}}), {.threads = threads, .out = folder.path() / name});
    for (int i = 0; i < 60; ++i) cycle(*a);
    std::map<std::string, std::string> out{{"fingerprint", a->loop().fingerprint()}};
    for (const double x : values<double>(*a, "yard", "room")) out["room"] += fmt::format("{:.12g} ", x);
    REQUIRE(a->finish("{}").has_value());
    for (const char* feed : {"yards", "site"})
      out[feed] = read_text(folder.path() / name / "feeds" / (std::string(feed) + ".jsonl"));
    return out;
  };
  const auto told = run(text, "one", 1);
  CHECK(run(text, "two", 2) == told);
  const auto silent = assemble(loaded({{"scenario.yaml", kScenario}}));
  for (int i = 0; i < 60; ++i) cycle(*silent);
  CHECK(silent->loop().fingerprint() == told.at("fingerprint"));

  const auto lines = [&](const std::string& feed) {
    std::vector<std::string> out;
    std::istringstream file(told.at(feed));
    for (std::string line; std::getline(file, line);) out.push_back(line);
    return out;
  };
  const auto yards = lines("yards");
  REQUIRE(yards.size() == 6 * 2 + 6);
  const auto last = told.at("room").substr(0, told.at("room").find(' '));
  CHECK(yards[16] ==
        "{\"at\":\"2000-01-01T00:01:00Z\",\"derived\":\"room\",\"device\":\"yard-1\",\"value\":" + last +
            ",\"unit\":\"m3\"}");
  CHECK(yards[10] ==
        "{\"at\":\"2000-01-01T00:00:50Z\",\"derived\":\"full\",\"device\":\"yard-1/tank-1\","
        "\"value\":false}");
  CHECK(yards[15].find("yard-2/tank-3") != std::string::npos);
  REQUIRE(lines("site").size() == 2 + 2);
}

TEST_CASE("derived values: what is unknown is published as null") {
  std::string text = kScenario;
  text.replace(text.find("every: 1 s, phase: 0 s"), 22, "every: 40 s, phase: 30 s");
  text.replace(text.find("every: 30 s}"), 12, "every: 20 s, publish: site}");
  const Folder folder;
  const auto a = assemble(loaded({{"scenario.yaml", text}}), {.threads = 1, .out = folder.path() / "run"});
  for (int i = 0; i < 20; ++i) cycle(*a);
  REQUIRE(a->finish("{}").has_value());
  CHECK(read_text(folder.path() / "run/feeds/site.jsonl") ==
        "{\"at\":\"2000-01-01T00:00:20Z\",\"derived\":\"all_of_it\",\"device\":\"site\",\"value\":null,"
        "\"unit\":\"L\"}\n");
}

TEST_CASE("derived values: one that is not finite is unknown to rules, too") {
  std::string text = kScenario;
  text += R"yaml(  endless: {each: tank, raise: depth < 0}
  unknown_depth: {each: tank, raise: "!known(depth)"}
)yaml";
  const auto at = text.find("derived:\n  room");
  REQUIRE(at != std::string::npos);
  text.insert(at + 9, "  depth: {each: tank, value: log(content / 1 m3 * 0), unit: \"1\", every: 10 s}\n");
  const auto a = assemble(loaded({{"scenario.yaml", text}}));
  for (int i = 0; i < 10; ++i) cycle(*a);
  CHECK(values<double>(*a, "tank", "content")[0] > 0);
  CHECK(std::isnan(values<double>(*a, "tank", "depth")[0]));
  CHECK(values<uint8_t>(*a, "tank", "endless")[0] == 0);
  CHECK(values<uint8_t>(*a, "tank", "unknown_depth")[0] == 1);
}

TEST_CASE("derived values: rises and time_true of a field count what is between two boundaries") {
  const auto a = assemble(loaded({{"scenario.yaml", R"yaml(scenario: lamp
duration: 1 h
cycle: 1 min
models:
  lamp:
    telemetry:
      lit: {from: "mod(clock, 20 s) < 10 s", boolean: true, every: 1 s, phase: 0 s}
      dark: {from: "mod(clock, 20 s) >= 10 s", boolean: true, every: 1 s, phase: 0 s}
    physics: {inputs: {clock: time_of_day()}, states: {x: 0 m}, rates: {x: 0 m/s}}
fleet: {lamp: {count: 1, link: radio}}
links: {radio: {latency: "uniform(0 s, 40 s)"}}
derived:
  often: {each: lamp, value: rises(lit over 10 min), unit: "1", every: 1 min}
  long: {each: lamp, value: time_true(lit over 10 min), unit: s, every: 1 min}
  seen: {each: lamp, value: rises(lit && known(dark) over 10 min), unit: "1", every: 1 min}
)yaml"}}));
  for (int i = 0; i < 30; ++i) cycle(*a);
  // The newest samples may still be under way: 40 s of them, at the most.
  CHECK(values<double>(*a, "lamp", "often")[0] == Approx(30).margin(2));
  CHECK(values<double>(*a, "lamp", "long")[0] == Approx(300).margin(20));
  CHECK(values<double>(*a, "lamp", "seen")[0] < 11);
}

TEST_CASE("derived values: a feed that cannot be published to is refused") {
  CHECK_THAT(
      refused("unit: m3, every: 10 s}\n  total", "unit: m3, publish: yards}\n  total"),
      Catch::Contains("'room' is published as often as it is kept, which is never [write every: with"));
  CHECK_THAT(refused("unit: m3, every: 10 s}\n  total",
                     "unit: m3, every: 10 s, publish: sea}\nfeeds: {sea: "
                     "{file: sea.csv}}\nmore:\n  total"),
             Catch::Contains("the feed 'sea' is inbound"));
}

TEST_CASE("events: the record of an event over a set says how many of the members were known") {
  std::string text = kScenario;
  text.replace(text.find("value: sum(tanks.content), unit: m3"), 35,
               "value: sum(tanks.content), unit: m3, min_good: 50 %");
  text += R"y(  crowded: {raise: "count(tank, content > 5 m3) > 3", min_good: 50 %}
  voted: {raise: "voted(4, tank, content > 5 m3)"}
  ignored: {raise: "voted(4, tank, content > 5 m3, bad=ignore)"}
  as_votes: {raise: "voted(5, tank, content > 5 m3, bad=vote)"}
faults:
  - {after: 5 s, device: yard-1/tank-1, sensor: content, kind: dropout, value: 1}
)y";
  const auto at = text.find("raise: room < 2 m3");
  text.replace(at, 18, "raise: room < 2 m3\n    min_good: 50 %");
  const Folder folder;
  const auto out = folder.path() / "run";
  const auto a = assemble(loaded({{"scenario.yaml", text}}), {.threads = 1, .out = out});
  for (int i = 0; i < 120; ++i) cycle(*a);
  REQUIRE(a->finish("{}").has_value());
  auto run = twin::RunReader::open(out);
  REQUIRE(run.has_value());
  const auto log = run->log("decisions");
  REQUIRE(log);
  const auto column = [&](const std::string& name) {
    const auto& columns = run->spec().logs[log->index()].columns;
    for (size_t c = 0; c < columns.size(); ++c)
      if (columns[c].name == name) return *run->read_log(*log, c);
    FAIL("no column " << name);
    return twin::ColumnData();
  };
  const auto subject = std::get<twin::Texts>(column("subject")),
             device = std::get<twin::Texts>(column("device"));
  const auto used = std::get<std::vector<int32_t>>(column("used"));
  const auto members = std::get<std::vector<int32_t>>(column("members"));
  std::map<std::string, std::string> seen;
  for (size_t row = 0; row < used.size(); ++row)
    seen[std::string(subject[row]) + " " + std::string(device[row])] =
        fmt::format("{}/{}", used[row], members[row]);
  CHECK(seen.at("brim yard-1") == "2/3");
  CHECK(seen.at("brim yard-2") == "3/3");
  CHECK(seen.at("crowded site") == "5/6");
  for (const std::string event : {"voted", "ignored", "as_votes"}) CHECK(seen.at(event + " site") == "5/6");
  CHECK(seen.at("any_full site") == "6/6");
}

TEST_CASE("recorder: a model of many fields and values is kept in as many grids as it needs") {
  std::string text = R"yaml(scenario: many
duration: 2 min
models:
  panel:
    telemetry:
)yaml";
  for (int f = 0; f < 63; ++f)
    text += "      f" + std::to_string(f) + ": {from: v + " + std::to_string(f) +
            ", unit: 1, every: 10 s, phase: 0 s, range: [0, 100], resolution: 1}\n";
  text += "    physics: {states: {v: 1}, rates: {v: \"0 Hz\"}}\nfleet: {panel: {count: 2}}\nderived:\n";
  for (int d = 0; d < 70; ++d)
    text += "  d" + std::to_string(d) + ": {each: panel, value: f0 + " + std::to_string(d) +
            ", unit: 1, every: 30 s}\n";
  const Folder folder;
  const auto out = folder.path() / "run";
  const auto a = assemble(loaded({{"scenario.yaml", text}}), {.threads = 1, .out = out});
  for (int i = 0; i < 120; ++i) cycle(*a);
  REQUIRE(a->finish("{}").has_value());
  auto run = twin::RunReader::open(out);
  REQUIRE(run.has_value());
  const auto value = [&](const char* name, const std::string& variable, twin::SlotRange slots) {
    const auto grid = run->grid(name);
    REQUIRE(grid);
    const auto& variables = run->spec().grids[grid->index()].variables;
    const auto at =
        std::find_if(variables.begin(), variables.end(), [&](const auto& v) { return v.name == variable; });
    REQUIRE(at != variables.end());
    const auto read = run->read(*grid, static_cast<size_t>(at - variables.begin()), {1, 1}, slots);
    REQUIRE(read.has_value());
    return read->front();
  };
  CHECK(value("panel/raw/10s", "f62", {3, 4}) == 63);
  CHECK(value("panel/1min", "f11_mean", {0, 1}) == 12);
  CHECK(value("panel/1min_1", "f12_mean", {0, 1}) == 13);
  CHECK(value("panel/1min_5", "f62_maximum", {1, 2}) == 63);
  CHECK(value("panel/derived/30s", "d63", {2, 3}) == 64);
  CHECK(value("panel/derived/30s_1", "d69", {2, 3}) == 70);
}
