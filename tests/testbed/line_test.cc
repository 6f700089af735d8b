// A production line in a scenario: the loop slows a press down while the belt behind it is full.
#include <catch2/catch.hpp>

#include "loading.h"
#include "mml/loop.h"
#include "testbed/assembly.h"
#include "testbed/sim_transport.h"
#include "twin/registry.h"

using namespace looptwin;
using namespace looptwin::testbed;
using namespace looptwin::testbed::test;

namespace {

const char* kShop = R"yaml(scenario: shop
duration: 1 h
seed: 11
plants:
  shop:
    production_line:
      buffers: {belt: {capacity: 12, travel: 10 s}}
      stations:
        press: {to: belt, takes: 5 s, spoils: 2 %}
        camera: {from: belt, takes: "lognormal(6 s, 0.1)", inspects: {false_reject: 1 %, false_accept: 5 %}}
models:
  counter:
    relations: {belt: {to: shop_buffer, inverse: counters}}
    physics: {inputs: {level: belt.level}}
    telemetry: {parts: {from: level, unit: 1, every: 5 s, phase: 0 s, range: [0, 100], resolution: 1}}
  drive:
    relations: {machine: {to: shop_station, inverse: drives}, behind: {to: counter, inverse: feeders}}
    setpoints: {speed: {unit: 1, default: 1, range: [0.2, 1.5]}}
    physics:
      inputs: {waiting: machine.blocked_time}
      drives: {machine: {speed: pace}}
    controller: {outputs: {pace: speed}}
    telemetry: {blocked: {from: waiting, unit: s, every: 10 s, phase: 0 s, range: [0, 100000], resolution: 0.1}}
fleet:
  counter: {count: 1, id: counter, belt: "shop/buffer/belt"}
  drive: {count: 1, id: "press-drive", machine: "shop/station/press", behind: counter}
events:
  full:
    each: counter
    raise: parts >= 10
    on_delay: 15 s
    clear: parts <= 4
rules:
  ease:
    while: full
    override: {target: feeders, set: {speed: 0.6}}
)yaml";

struct Outcome {
  std::string fingerprint;
  double blocked = 0, fullest = 0;
};

Outcome run(bool eased, int threads) {
  std::string text = kShop;
  if (!eased) text.replace(text.find("speed: 0.6"), 10, "speed: 1.0");
  auto built = Assembly::build(loaded({{"scenario.yaml", text}}), {.threads = threads, .out = {}});
  INFO((built ? std::string() : render(built.error())));
  REQUIRE(built.has_value());
  Assembly& a = **built;
  const auto reported = [&](const char* model, size_t field) {
    const auto table = *a.registry().find_model(model);
    return a.tables().values<double>(table, a.registry().model(table).fields[field].value)[0];
  };
  Outcome outcome;
  for (int second = 0; second < 3600; ++second) {
    REQUIRE(a.loop().cycle(a.loop().now() + a.scenario().cycle, a.transport()));
    if (second > 0) outcome.fullest = std::max(outcome.fullest, reported("counter", 0));
  }
  outcome.fingerprint = a.loop().fingerprint();
  outcome.blocked = reported("drive", 0);
  return outcome;
}

}  // namespace

TEST_CASE("line: a rule slows the press while the belt is full, and it is hardly blocked any more") {
  const Outcome eased = run(true, 1), left = run(false, 1);
  // Left alone, the belt fills within the first minutes, and the press waits one second of every six from
  // then on.
  CHECK(left.fullest == 12);
  CHECK(left.blocked > 400);
  CHECK(eased.fullest >= 10);
  CHECK(eased.blocked < 60);
  CHECK(eased.fingerprint == run(true, 2).fingerprint);
}
