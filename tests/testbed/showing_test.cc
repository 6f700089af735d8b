// What operators and other systems are shown: the values in alarms' texts and in publications.
#include <fmt/format.h>
#include <catch2/catch.hpp>

#include "loading.h"
#include "mml/alarms.h"
#include "mml/loop.h"
#include "testbed/assembly.h"
#include "testbed/sim_transport.h"
#include "twin/warm/run_reader.h"

using namespace looptwin;
using namespace looptwin::testbed;
using namespace looptwin::testbed::test;

namespace {

const char* kScenario = R"yaml(scenario: showing
about: Braces {here} are {{braces}}.
start: "2019-07-15T10:00:00"
timezone: UTC
duration: 1 min
cycle: 1 s
use: [models.yaml, rules.yaml]
fleet:
  block: {count: 1}
  home: {count: 3, per: block, id: "{block}/home-{i}"}
)yaml";

const char* kModels = R"yaml(models:
  block:
    parameters: {limit: {default: 20 kW}}
  home:
    relations: {block: {to: block, inverse: homes}}
    parameters: {program: {enum: [frugal, standard], default: frugal}}
    telemetry:
      power: {from: electric, unit: kW, every: 5 s, range: [0, 30], resolution: 0.01}
      temperature: {from: air, unit: degC, every: 5 s, range: [-20, 60], resolution: 0.1}
    setpoints:
      cool: {unit: degC, default: 23, range: [16, 30]}
    physics:
      step: 1 s
      outputs: {electric: 6.504 kW, air: 27.26 degC}
)yaml";

/// The rest of what an alarm needs.
const std::string kReasons = "\n    consequence: It fails.\n    action: Cool it.\n    respond_within: 1 h";

/// The files with one alarm on each home, and one on the block, whose causes are these.
FileTexts files(const std::string& of_home, const std::string& of_block = "It is.") {
  return {{"scenario.yaml", kScenario},
          {"models.yaml", kModels},
          {"rules.yaml", "alarms:\n  hot:\n    each: home\n    raise: power > 1 kW\n    cause: " + of_home +
                             kReasons + "\n  crowded:\n    each: block\n" +
                             "    raise: count(homes, power > 1 kW) == 3\n    cause: " + of_block + kReasons +
                             "\n"}};
}

/// What wiring says of a text.
std::string refused(const std::string& text) {
  auto built = Assembly::build(loaded(files(text)));
  return built ? "" : in_short(built.error());
}

/// The causes that are shown on the last home and on the block.
std::pair<std::string, std::string> shown(const FileTexts& texts) {
  auto built = Assembly::build(loaded(texts));
  INFO((built ? std::string() : render(built.error())));
  REQUIRE(built.has_value());
  Assembly& a = **built;
  std::pair<std::string, std::string> causes;
  while (a.loop().now() < kStart + seconds(20)) {
    REQUIRE(a.loop().cycle(a.loop().now() + seconds(1), a.transport()));
    for (const auto& raised : a.alarms().latest()) {
      auto& cause = raised.alarm == 0 ? causes.first : causes.second;
      if (raised.alarm == 1 || raised.device.row.index() == 2) cause = raised.cause;
    }
  }
  return causes;
}

}  // namespace

TEST_CASE(
    "texts: a value is in the unit of what it comes from, with its digits, or in the unit that is asked") {
  const auto [home, block] = shown(files(
      "'{power}, {power as W}, {temperature}, {temperature as degF}, {temperature - cool}, {power / "
      "block.limit}, {power / block.limit as %}, {power * 2 h}'",
      "'{sum(homes.power)}; {sum(homes.power) as MW}; {max(homes.temperature)}; {count(homes)}; {limit}'"));
  CHECK(home == "6.50 kW, 6500 W, 27.3 degC, 81.14 degF, 4.3 K, 0.325, 32.5 %, 46800000 J");
  CHECK(block == "19.50 kW; 0.01950 MW; 27.3 degC; 3; 20 kW");
}

TEST_CASE("texts: ids, words and conditions are shown, doubled braces are braces") {
  CHECK(shown(files("'{id}: {program}, {power > 9 kW} {{x}} }}'")).first ==
        "block-1/home-3: frugal, false {x} }");
  CHECK(shown(files("Plain.")).first == "Plain.");
  CHECK(shown(files(R"('{ if(program == "standard", 1 kW, power) }')")).first == "6.50 kW");
}

TEST_CASE("texts: folded lines, blocks and escapes read as YAML says, and expressions stay where they are") {
  CHECK(shown(files("The home takes\n      {power as\n      W} now.")).first == "The home takes 6500 W now.");
  CHECK(shown(files(">\n      The home\n      takes {power}.")).first == "The home takes 6.50 kW.");
  CHECK(shown(files(R"("\"{power}\" \u2192 {temperature}")")).first == "\"6.50 kW\" \xe2\x86\x92 27.3 degC");
  CHECK(refused("|\n      Two lines:\n      {power as s}").find("rules.yaml:7:17: ") == 0);
  CHECK(refused(R"("\"it's\": {pwer}")").find("rules.yaml:5:22: 'pwer' is not known here") == 0);
}

TEST_CASE("texts: what is wrong in one is said before the run, at its place") {
  CHECK(refused("'It is {temprature}.'") ==
        "rules.yaml:5:20: 'temprature' is not known here [did you mean 'temperature'?]\n");
  CHECK(refused("'It is {power + temperature}.'").find("rules.yaml:5:20: ") == 0);
  CHECK(refused("'It is {homes.power}.'").find("rules.yaml:5:20: ") == 0);
  CHECK(refused("'It is {power as degC}.'") ==
        "rules.yaml:5:29: `power` cannot be shown in degC: it is in kW [write kW, or another unit of its "
        "kind]\n");
  CHECK(refused("'It is {power / 2 kW as kW}.'") ==
        "rules.yaml:5:36: `power / 2 kW` cannot be shown in kW: it is a ratio [write %, or no unit]\n");
  CHECK(
      refused("'It is {temperature as K}.'") ==
      "rules.yaml:5:35: `temperature` cannot be shown in K: it is a point on a scale [write degC, or another "
      "unit of its kind]\n");
  CHECK(refused("'It is {temperature - cool as degF}.'") ==
        "rules.yaml:5:42: `temperature - cool` cannot be shown in degF: it is a difference [write degR]\n");
  CHECK(refused("'It is {program as kW}.'") ==
        "rules.yaml:5:31: `program` is no number: it has no unit [remove `as` and the unit]\n");
  CHECK(refused("'It is {now()}.'") ==
        "rules.yaml:5:20: `now()` is an instant, which is not shown [every record bears its time; write a "
        "span of "
        "time, as now() - x or age(x)]\n");
  CHECK(refused("'It is {power.'") ==
        "rules.yaml:5:19: nothing closes this brace [write {expression}, or {{ for a brace]\n");
  CHECK(refused("'It is power}.'") == "rules.yaml:5:24: nothing opens this brace [write }} for a brace]\n");
  CHECK(refused("'It is {}.'").find("rules.yaml:5:20: ") == 0);
}

TEST_CASE("texts: alarms with their texts, and publications with their units, are in the run folder") {
  auto texts = files("'Takes {power}.'", "'{sum(homes.power) as MW}'");
  texts["rules.yaml"] += R"yaml(    priority: urgent
rules:
  tell:
    when_raised: crowded
    publish:
      feed: crm
      body: {block: id, load: sum(homes.power), limit: "limit as MW", part: sum(homes.power) / limit, usd: 1.5,
             price: 2 USD, full: sum(homes.power) > limit, why: '"peak"'}
)yaml";
  const Folder folder;
  auto built = Assembly::build(loaded(texts), {.threads = 1, .out = folder.path() / "run"});
  INFO((built ? std::string() : render(built.error())));
  REQUIRE(built.has_value());
  Assembly& a = **built;
  while (a.loop().now() < kStart + seconds(20)) a.loop().cycle(a.loop().now() + seconds(1), a.transport());
  REQUIRE(a.finish("{}").has_value());

  const auto published = read_text(folder.path() / "run/feeds/crm.jsonl");
  const std::string fields =
      R"("block":"block-1","load":{"value":19.5,"unit":"kW"},"limit":{"value":0.02,"unit":"MW"},)"
      R"("part":0.975,"usd":1.5,"price":{"value":2,"unit":"USD"},"full":false,"why":"peak"})";
  INFO(published);
  CHECK(published.find(fields) != std::string::npos);

  auto run = twin::RunReader::open(folder.path() / "run");
  REQUIRE(run.has_value());
  const auto log = *run->log("alarms");
  const auto text = [&](std::string_view name) {
    const auto& columns = run->spec().logs[log.index()].columns;
    for (size_t c = 0; c < columns.size(); ++c)
      if (columns[c].name == name) return std::get<twin::Texts>(*run->read_log(log, c));
    FAIL("no column " << name);
    return twin::Texts{};
  };
  REQUIRE(text("alarm").size() == 4);
  CHECK(text("alarm")[3] == "crowded");
  CHECK(text("device")[3] == "block-1");
  CHECK(text("priority")[3] == "urgent");
  CHECK(text("cause")[0] == "Takes 6.50 kW.");
  CHECK(text("cause")[3] == "0.01950 MW");
  CHECK(text("action")[3] == "Cool it.");
  CHECK(text("consequence")[3] == "It fails.");
}
