// Requirements in whole runs: what they see of truth, of the loop's knowledge and of its decisions; that they
// change nothing; what is refused, and what is written about them.
#include <fmt/format.h>
#include <atomic>
#include <catch2/catch.hpp>
#include <map>

#include "base/json_tree.h"
#include "loading.h"
#include "mml/loop.h"
#include "testbed/assembly.h"
#include "testbed/driver.h"
#include "testbed/requirements/report.h"
#include "testbed/requirements/requirements.h"
#include "testbed/requirements/robustness.h"
#include "testbed/run.h"
#include "testbed/sim_transport.h"
#include "testbed/virtual_clock.h"
#include "tests/twin/allocations.h"

using namespace looptwin;
using namespace looptwin::testbed;
using namespace looptwin::testbed::test;

namespace {

const std::string kSmall = LT_SOURCE_DIR "/tests/testbed/scenarios/small";

/// Two cars that go faster by 1 and by 0.5 m/s every second, until one is faster than 20 m/s and is told to
/// brake.
FileTexts cars(const std::string& requirements, const std::string& more = {}) {
  return {{"scenario.yaml", R"yaml(scenario: two-cars
duration: 60 s
models:
  car:
    relations: {garage: {to: garage, inverse: cars}}
    parameters:
      push: {default: 1 m/s2}
      kind: {enum: [slow, fast], default: slow}
    telemetry:
      speed: {from: v, unit: km/h, every: 1 s, range: [-500, 500], resolution: 0.001}
    setpoints:
      most: {unit: km/h, default: 100, range: [0, 200]}
    commands: {brake: {}}
    controller:
      every: 1 s
      outputs: {braking: "latch(brake, false)"}
    physics:
      step: 1 s
      states: {v: 0 m/s, x: 0 m}
      rates: {v: "if(braking, -1 m/s2, push)", x: v}
      outputs: {twice: 2 * v}
  garage: {parameters: {doors: {default: 2}}}
fleet:
  garage: {id: "here"}
  car: {count: 2, per: garage, id: "{garage}/car-{i}", kind: [fast, slow], push: [1 m/s2, 0.5 m/s2]}
events:
  too_fast: {each: car, raise: speed > 72 km/h}
  anybody_fast: {raise: "count(car, too_fast) > 0"}
rules:
  stop: {when_raised: too_fast, send: {target: self, command: brake}}
)yaml" + more + "requirements:\n" +
                                requirements}};
}

std::string requirement(const std::string& keys) { return "  - {name: wanted, " + keys + "}\n"; }

struct Ended {
  std::unique_ptr<Assembly> assembly;
  std::vector<RequirementResult> results;
  const RequirementResult& of(const std::string& name, const std::string& device = {}) const {
    for (const auto& r : results)
      if (r.name == name && r.device == device) return r;
    FAIL("no result of " + name + " on " + device);
    return results.front();
  }
};

Ended ended(Scenario scenario, int threads = 1) {
  auto built = Assembly::build(std::move(scenario), {.threads = threads, .out = {}});
  INFO((built ? std::string() : render(built.error())));
  REQUIRE(built.has_value());
  Ended run{std::move(*built), {}};
  auto driver = Driver::make(*run.assembly, {}, {});
  REQUIRE(driver.has_value());
  const std::atomic<bool> stop{false};
  const auto& s = run.assembly->scenario();
  VirtualClock clock(s.start, s.cycle, kStart + s.duration, stop, {});
  REQUIRE(driver->run(clock, stop) == mml::RunEnd::reached_end);
  run.results = run.assembly->requirements().results();
  return run;
}
Ended ended(const std::string& requirements, const std::string& more = {}) {
  return ended(loaded(cars(requirements, more)));
}

/// The problems of assembling the cars with these requirements.
std::string refused(const std::string& requirements) {
  auto built = Assembly::build(loaded(cars(requirements)), {.threads = 1, .out = {}});
  return built ? in_short((*built)->warnings()) : in_short(built.error());
}

}  // namespace

TEST_CASE(
    "requirements: truth is what the physics has at each boundary, from 0 on, in the unit that was written") {
  const auto run = ended(R"yaml(
  - {name: below, each: car, always: truth(speed) < 90 km/h}
  - {name: at first, each: car, holds: truth(v) == 0 m/s}
  - {name: outputs, each: car, always: abs(truth(twice) - 2 * truth(speed)) <= 0 m/s}
  - {name: all, always: sum(truth(car.speed)) <= 30 m/s}
)yaml");
  // 21 m/s are reported at 21 s; the command takes until the next step of the controller, at 22 m/s.
  const auto& below = run.of("below", "here/car-1");
  CHECK(below.verdict == Verdict::held);
  CHECK(below.low == Approx(90 - 22 * 3.6).epsilon(1e-12));
  CHECK(below.high == below.low);
  CHECK(below.when == kStart + seconds(22));
  CHECK(below.left == Approx(79.2));
  CHECK(below.right == Approx(90));
  CHECK(below.atom->margin_unit == "km/h");
  CHECK(run.of("at first", "here/car-1").verdict == Verdict::held);
  CHECK(run.of("at first", "here/car-1").when == kStart);
  CHECK(run.of("outputs", "here/car-2").verdict == Verdict::held);
  const auto& all = run.of("all");
  CHECK(all.verdict == Verdict::violated);
  CHECK(all.high == Approx(-3));  // 22 and 11 m/s
  CHECK(all.when == kStart + seconds(22));
  CHECK(all.atom->margin_unit == "m/s");
}

TEST_CASE(
    "requirements: what the loop knows begins with its first cycle, and is unknown until it is received") {
  const std::string late = "links: {slow: {latency: constant(2500 ms)}}\n";
  auto texts = cars(R"yaml(
  - {name: strict, each: car, always: speed < 100 km/h}
  - {name: lenient, each: car, always: speed < 100 km/h, unknown: holds}
  - {name: harsh, each: car, always: speed < 100 km/h, unknown: violates}
  - {name: turned, each: car, always: "!(speed >= 100 km/h)", unknown: holds}
  - {name: later, each: car, holds: "always(speed < 100 km/h, from=5 s)"}
  - {name: known, each: car, holds: "eventually(known(speed), within=1 s)"}
)yaml",
                    late);
  auto& text = texts.at("scenario.yaml");
  text.replace(text.find("count: 2,"), 9, "count: 2, link: slow,");
  const auto run = ended(loaded(texts));
  const auto& strict = run.of("strict", "here/car-1");
  CHECK(strict.verdict == Verdict::undecided);
  CHECK_FALSE(strict.run_ended);
  CHECK(strict.when == kStart + seconds(1));
  CHECK(run.of("lenient", "here/car-1").verdict == Verdict::held);
  CHECK(run.of("turned", "here/car-1").verdict == Verdict::held);
  CHECK(run.of("harsh", "here/car-1").verdict == Verdict::violated);
  // Without an end its value is known at the run's end only, which leaves the rest open.
  CHECK(run.of("later", "here/car-1").verdict == Verdict::undecided);
  CHECK(run.of("later", "here/car-1").run_ended);
  CHECK(run.of("known", "here/car-1").verdict == Verdict::violated);
}

TEST_CASE("requirements: decisions are atoms that are true at their boundary alone") {
  const auto run = ended(R"yaml(
  - {name: braked, each: car, where: kind == "fast", always: "implies(raised(too_fast), issued(brake))"}
  - {name: heard, each: car, always: "implies(issued(brake), eventually(acknowledged(brake), within=3 s))"}
  - {name: once, each: car, always: "implies(issued(brake), !once(issued(brake), from=1 s))"}
  - {name: never, each: car, eventually: issued(brake)}
  - {name: by the garage, each: garage, eventually: issued(cars.brake)}
  - {name: by all, eventually: issued(car.brake)}
  - {name: event of all, always: "implies(raised(anybody_fast), issued(car.brake))"}
  - {name: slows, each: car, always: "implies(issued(brake), eventually(truth(v) < 15 m/s, within=10 s))"}
)yaml");
  CHECK(run.of("braked", "here/car-1").verdict == Verdict::held);
  size_t of_braked = 0;
  for (const auto& r : run.results) of_braked += r.name == "braked";
  CHECK(of_braked == 1);
  CHECK(run.of("heard", "here/car-1").verdict == Verdict::held);
  CHECK(run.of("heard", "here/car-1").low == kUnbounded);
  CHECK(run.of("once", "here/car-1").verdict == Verdict::held);
  CHECK(run.of("never", "here/car-1").verdict == Verdict::held);
  const auto& never = run.of("never", "here/car-2");
  CHECK(never.verdict == Verdict::held);  // at 41 s it is too fast as well
  CHECK(run.of("by the garage", "here").verdict == Verdict::held);
  CHECK(run.of("by all").verdict == Verdict::held);
  CHECK(run.of("event of all").verdict == Verdict::held);
  CHECK(run.of("slows", "here/car-1").verdict == Verdict::held);
}

TEST_CASE("requirements: what the run's end leaves open is said, and does not take away what was decided") {
  const auto run = ended(R"yaml(
  - {name: ahead, each: car, always: "eventually(truth(v) < 30 m/s, within=20 s)"}
  - {name: none, each: car, holds: "always(truth(v) < 30 m/s, within=2 min)"}
  - {name: cut, each: car, always: "always(truth(v) < 30 m/s, within=20 s)"}
)yaml");
  const auto& ahead = run.of("ahead", "here/car-1");
  CHECK(ahead.verdict == Verdict::held);
  CHECK(ahead.open_since == kNever);  // what holds at once needs no future
  const auto& cut = run.of("cut", "here/car-1");
  CHECK(cut.verdict == Verdict::held);
  CHECK(cut.open_since == kStart + seconds(41));
  CHECK(run.of("none", "here/car-1").verdict == Verdict::undecided);
  CHECK(run.of("none", "here/car-1").run_ended);
  const auto shown = lines(run.assembly->requirements().all(), run.results, kStart + seconds(60));
  CHECK(shown[2] ==
        "held       cut: on 2, by 8 m/s at least, here/car-1 at 00:00:22: `truth(v)` 22 m/s, 30 m/s; the "
        "last 19 s "
        "not decided");
}

TEST_CASE("requirements: looked at less often they see fewer instants, and the same values") {
  const auto run = ended(R"yaml(
  - {name: often, each: car, always: truth(speed) < 90 km/h}
  - {name: seldom, each: car, every: 10 s, always: truth(speed) < 90 km/h}
)yaml");
  const auto& seldom = run.of("seldom", "here/car-1");
  CHECK(seldom.when == kStart + seconds(20));
  CHECK(seldom.low == Approx(90 - 72));
  CHECK(run.of("often", "here/car-1").low < seldom.low);
}

TEST_CASE("requirements: windows over samples and over boundaries are atoms like any other value") {
  const auto run = ended(R"yaml(
  - {name: sampled, each: car, holds: "eventually(avg(speed over 10 s) > 70 km/h, within=60 s)"}
  - {name: true one, each: car, holds: "eventually(avg(truth(v) over 4 s) > 19 m/s, within=60 s)"}
  - {name: steady, each: car, holds: "eventually(held(truth(v) > 19 m/s, 3 s), within=60 s)"}
)yaml");
  CHECK(run.of("sampled", "here/car-1").verdict == Verdict::held);
  CHECK(run.of("true one", "here/car-1").verdict == Verdict::held);
  CHECK(run.of("steady", "here/car-1").verdict == Verdict::held);
}

TEST_CASE("requirements: they change no decision, at any number of threads") {
  const std::string wanted = R"yaml(requirements:
  - {name: load, each: block, always: "sum(truth(homes.power)) < 1 MW"}
  - {name: true air, each: home, always: "truth(air) < 60 degC || once(issued(cool), within=1 min)"}
  - {name: seen, each: home, every: 30 s, unknown: holds, always: "avg(temperature over 5 min) < 60 degC"}
  - {name: seldom, each: home, every: 1 min, always: "eventually(truth(air) > 0 degC, within=5 min)"}
)yaml";
  const auto with = [&](bool requirements, int threads) {
    const Folder folder;
    std::filesystem::copy(kSmall, folder.path() / "small", std::filesystem::copy_options::recursive);
    if (requirements) {
      folder.write("small/requirements.yaml", wanted);
      auto text = read_text(folder.path() / "small/scenario.yaml");
      const auto use = text.find("use: [");
      REQUIRE(use != std::string::npos);
      text.replace(use, 6, "use: [requirements.yaml, ");
      folder.write("small/scenario.yaml", text);
    }
    auto scenario = load(folder.path() / "small", {});
    INFO((scenario ? std::string() : render(scenario.error())));
    REQUIRE(scenario.has_value());
    return ended(std::move(*scenario), threads);
  };
  const auto plain = with(false, 1);
  const auto one = with(true, 1);
  const auto three = with(true, 3);
  CHECK(plain.assembly->loop().decisions() > 100);
  CHECK(one.assembly->loop().fingerprint() == plain.assembly->loop().fingerprint());
  CHECK(three.assembly->loop().fingerprint() == plain.assembly->loop().fingerprint());
  REQUIRE(one.results.size() == three.results.size());
  REQUIRE(one.results.size() > 100);
  for (size_t i = 0; i < one.results.size(); ++i) {
    CHECK(one.results[i].verdict == three.results[i].verdict);
    CHECK(one.results[i].low == three.results[i].low);
    CHECK(one.results[i].when == three.results[i].when);
  }
}

TEST_CASE("requirements: a run that is saved and restored anywhere comes to the same results") {
  const std::string wanted = R"yaml(
  - {name: sum, always: sum(truth(car.v)) <= 30 m/s}
  - {name: window, each: car, always: "eventually(truth(v) < 21.5 m/s, from=1 s, within=5 s)"}
  - {name: heard, each: car, always: "since(truth(v) < 50 m/s, speed < 1 m/s) || once(acknowledged(brake), within=5 s)"}
  - {name: mean, each: car, always: "avg(truth(v) over 10 s) < 21 m/s && held(truth(v) >= 0 m/s, 1 s)"}
  - {name: seldom, each: car, every: 7 s, where: kind == "fast", always: truth(v) < 30 m/s}
)yaml";
  const auto whole = ended(wanted);
  for (const int64_t at : {0, 1, 20, 22, 40, 59}) {
    const auto assemble = [&] {
      auto built = Assembly::build(loaded(cars(wanted)), {.threads = 1, .out = {}});
      REQUIRE(built.has_value());
      return std::move(*built);
    };
    const auto cycle = [](Assembly& a) {
      REQUIRE(a.loop().cycle(a.loop().now() + seconds(1), a.transport()));
      a.look_at_requirements(a.loop().now(), false);
    };
    auto first = assemble();
    first->begin_requirements();
    while (first->loop().now() < kStart + seconds(at)) cycle(*first);
    ArchiveWriter writer;
    first->save(writer);
    auto second = assemble();
    ArchiveReader reader(writer.bytes());
    second->restore(reader);
    INFO(at << " s: " << reader.error());
    REQUIRE((reader.ok() && reader.at_end()));
    second->begin_requirements();
    while (second->loop().now() < kStart + seconds(60)) cycle(*second);
    second->requirements().finish();
    const auto results = second->requirements().results();
    REQUIRE(results.size() == whole.results.size());
    for (size_t i = 0; i < results.size(); ++i) {
      INFO(results[i].name << " " << results[i].device);
      CHECK(results[i].verdict == whole.results[i].verdict);
      CHECK(results[i].low == whole.results[i].low);
      CHECK(results[i].high == whole.results[i].high);
      CHECK(results[i].when == whole.results[i].when);
      CHECK(results[i].open_since == whole.results[i].open_since);
    }
  }
}

TEST_CASE("requirements: once their windows are full, looking allocates nothing") {
  auto built = Assembly::build(loaded(cars(R"yaml(
  - {name: sum, always: sum(truth(car.v)) <= 30 m/s}
  - {name: future, each: car, always: "eventually(until(truth(v) < 50 m/s, truth(x) > -1 m, within=4 s), from=1 s, within=5 s)"}
  - {name: past, each: car, always: "since(truth(v) < 50 m/s, speed < 1 m/s, from=1 s, within=9 s) || once(acknowledged(brake), within=5 s)"}
  - {name: mean, each: car, always: "avg(truth(v) over 10 s) < 21 m/s && held(truth(v) >= 0 m/s, 1 s)"}
)yaml")),
                               {.threads = 1, .out = {}});
  REQUIRE(built.has_value());
  Assembly& a = **built;
  a.begin_requirements();
  uint64_t spent = 0;
  for (int second = 1; second <= 160; ++second) {
    REQUIRE(a.loop().cycle(a.loop().now() + seconds(1), a.transport()));
    const uint64_t so_far = twin::allocations();
    a.look_at_requirements(a.loop().now(), false);
    if (second > 110) spent += twin::allocations() - so_far;
  }
  CHECK(spent == 0);
}

TEST_CASE("requirements: while the loop is away the truth is looked at all the same") {
  const auto run = ended(R"yaml(
  - {name: true, each: car, always: truth(v) < 25 m/s}
  - {name: known, each: car, unknown: holds, always: speed < 25 m/s}
)yaml",
                         "faults: [{kind: restart, of: mml, after: 15 s, lasts: 20 s}]\n");
  // Nobody brakes at 20 m/s; when the loop is back at 35 s it does.
  CHECK(run.of("true", "here/car-1").verdict == Verdict::violated);
  CHECK(run.of("true", "here/car-1").when > kStart + seconds(34));
  CHECK(run.of("known", "here/car-1").when >= kStart + seconds(35));
}

TEST_CASE("requirements: what is wrong with a formula is said at its place, with what to write") {
  const auto said = [](const std::string& keys) {
    auto text = refused(requirement("each: car, " + keys));
    const auto colon = text.find(": ");
    return colon == text.npos ? text : text.substr(colon + 2, text.find('\n') - colon - 2);
  };
  const std::map<std::string, std::string> wrong = {
      {"always: \"eventually(speed > 1 m/s, 10 s)\"",
       "eventually() is not told what its time means [write eventually(a, within=10 s)]"},
      {"always: \"eventually(speed > 1 m/s, for=10 s)\"",
       "eventually() has no 'for' [write eventually(a, within=10 s)]"},
      {"always: \"eventually(speed > 1 m/s, within=10)\"", "a time needs its unit [write 10 s]"},
      {"always: \"eventually(speed > 1 m/s, within=2 * 5 s)\"",
       "within= is a time that is written down, not computed [write within=10 s]"},
      {"always: \"eventually(speed > 1 m/s, from=10 s, within=5 s)\"",
       "eventually() ends before it begins: from= is after within= [both count from the same instant: write "
       "from=5 s, within=20 s]"},
      {"always: \"until(speed > 1 m/s, within=5 s)\"",
       "until() takes two conditions [write until(a, b, within=10 s)]"},
      {"always: \"if(always(speed > 1 m/s), true, false)\"",
       "always() stands only where a condition of its own does [take the formula apart with &&, ||, ! and "
       "implies(a, b)]"},
      {"always: \"F(speed > 1 m/s)\"", "'F' is not an operator [write eventually(…)]"},
      {"always: speed > 1 bar",
       "`speed` is a value in km/h, `1 bar` is a value in bar: they cannot be compared"},
      {"always: v > 1 m/s", "`v` cannot be read here [it is not reported: write truth(v)]"},
      {"always: truth(w) > 1 m/s", "'w' is not known here"},
      {"always: issued(brak)", "'car' has no command or setpoint 'brak' [did you mean 'brake'?]"},
      {"always: claimed(brake)", "'car' has no setpoint 'brake' [it has most]"},
      {"always: raised(too_fst)", "'car' has no event or alarm 'too_fst' [did you mean 'too_fast'?]"},
      {"always: issued(house.brake)", "'car' has no relation 'house' [write one of: garage"},
      {"always: \"count(garage, issued(brake)) > 0\"",
       "issued() stands only where a condition of its own does [take the formula apart with &&, ||, ! and "
       "implies(a, b)]"},
      {"always: issued()", "issued() takes one name [write issued(command) or issued(setpoint)]"},
      {"always: \"ago(speed, 1 h) > 1 m/s\"",
       "requirements do not look back into the warm history [declare it under derived:, and write its name]"},
      {"where: speed > 1 m/s, always: speed > 1 m/s",
       "where: chooses devices before the run begins, by their parameters [what comes and goes belongs into "
       "the "
       "formula: implies(condition, …)]"},
      {"always: \"eventually(truth(v) > 1 m/s, from=1 ms, within=500 ms)\"",
       "no boundary lies between 1 ms and 500 ms of another: eventually() looks at nothing [boundaries are 1 "
       "s "
       "apart: widen the window, or shorten the cycle]"},
      {"always: \"eventually(truth(v) > 1 m/s, within=2 min)\"",
       "it takes 2 min to be decided, and the run lasts 1 min [make its windows shorter, or the run longer]"},
      {"always: \"eventually(truth(v) > 1 m/s)\"",
       "a window without end at every instant of the run: all of them are kept until its end [write "
       "within=]"}};
  for (const auto& [keys, message] : wrong) {
    INFO(keys);
    CHECK(said(keys).substr(0, message.size()) == message);
  }
  const auto loads = [](const std::string& keys) { return problems(cars(requirement(keys))); };
  CHECK(loads("each: car").find("the requirement 'wanted' has no formula") != std::string::npos);
  CHECK(loads("each: car, always: true, holds: true").find("more than one formula") != std::string::npos);
  CHECK(loads("each: van, always: true").find("names the unknown model 'van'") != std::string::npos);
  CHECK(loads("never: true").find("write always: with the opposite") != std::string::npos);
  CHECK(loads("where: true, always: true").find("write each: with a model") != std::string::npos);
  CHECK(problems(cars(requirement("always: true") + requirement("always: true"))).find("two requirements") !=
        std::string::npos);
  CHECK(refused(requirement("each: car, always: \"eventually(truth(v) > 1 m/s, within=5 s)\"")).empty());
}

TEST_CASE("requirements: those of the shipped scenarios hold, by what their pages say") {
  const auto shipped = [](const std::string& name, const std::vector<Setting>& settings) {
    auto scenario = load(std::string(LT_SOURCE_DIR "/scenarios/") + name, settings);
    INFO((scenario ? std::string() : render(scenario.error())));
    REQUIRE(scenario.has_value());
    auto run = ended(std::move(*scenario));
    for (const auto& result : run.results) {
      INFO(result.name << " on " << result.device);
      CHECK(result.verdict == Verdict::held);
    }
    return run;
  };
  const auto gas = shipped("gas-pipeline", {});
  CHECK(gas.results.size() == 1 + 40 + 4 + 4 + 41 + 4);
  CHECK(gas.of("no segment is above its most allowable pressure", "seg-16").low ==
        Approx(0.23).margin(0.005));
  const auto homes = shipped("smart-meters", {{"fleet.block.count", "2"}});
  const auto& over = homes.of("no block takes more than 10 % over its limit", "block-2");
  CHECK(over.low == Approx(0.125).margin(0.0005));  // MW, with any number of blocks
  CHECK(over.when == kStart + seconds(17 * 3600 + 54 * 60 + 20));
}

TEST_CASE("requirements: a run with a violated one fails, and its folder says what was violated") {
  const Folder folder(cars(R"yaml(
  - {name: low, each: car, always: truth(v) <= 20 m/s}
  - {name: high, each: car, always: truth(v) <= 50 m/s}
  - {name: braked, each: car, always: "implies(issued(brake), false)"}
)yaml"));
  const auto run = [&](const std::string& out, const std::vector<Setting>& settings) {
    return testbed::run({.scenario = folder.path(),
                         .settings = settings,
                         .threads = 1,
                         .speed = {},
                         .out = folder.path() / out,
                         .quiet = true,
                         .resume = {}});
  };
  CHECK(run("short", {{"duration", "15 s"}}) == Exit::held);
  CHECK(run("long", {}) == Exit::failed);
  const auto json = load_json<Json>(read_text(folder.path() / "long/requirements.json"));
  CHECK(json["version"] == 1);
  const auto& low = json["requirements"][0];
  CHECK(low["name"] == "low");
  CHECK(low["always"] == "truth(v) <= 20 m/s");
  CHECK(low["verdict"] == "violated");
  CHECK(low["violated"] == 2);
  CHECK(low["results"][0]["device"] == "here/car-1");
  CHECK(low["results"][0]["robustness"][1] == -2);
  CHECK(low["results"][0]["unit"] == "m/s");
  CHECK(low["results"][0]["at_s"] == 22);
  CHECK(low["results"][0]["sides"][0] == 22);
  CHECK(json["requirements"][1]["verdict"] == "held");
  CHECK(json["requirements"][2]["results"][0]["robustness"][1].is_null());
  const auto manifest = load_json<Json>(read_text(folder.path() / "long/manifest.json"));
  CHECK(manifest["status"]["requirements_violated"] == 2);
  CHECK(manifest["status"]["requirements_held"] == 1);
}
