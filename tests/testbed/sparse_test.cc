// Devices that report rarely: what the loop itself changes of them is looked at in time, whoever shares their
// rows.
#include <catch2/catch.hpp>

#include "mml/loop.h"
#include "mml/rules.h"
#include "simulating.h"

using namespace looptwin;
using namespace looptwin::testbed;
using namespace looptwin::testbed::test;

namespace {

std::string scenario(int seed, const std::string& of, const std::string& keeps) {
  return fmt::format(R"y(scenario: sparse
duration: 2 h
cycle: 1 s
seed: {}
models:
  hub:
    telemetry:
      x: {{from: zx, unit: kW, every: 20 s, phase: 0 s, range: [-50, 50], resolution: 0.01}}
      y: {{from: zy, unit: kW, every: 20 s, phase: 0 s, range: [-50, 50], resolution: 0.01}}
    physics:
      random:
        zx: {{draw: "normal(0 kW, 1 kW)", every: 4 min}}
        zy: {{draw: "normal(0 kW, 1 kW)", every: 7 min}}
  device:
    relations: {{hub: {{to: hub, inverse: devices}}}}
    telemetry:
      w: {{from: z, unit: kW, every: 5 min, range: [-50, 50], resolution: 0.01}}
      v: {{from: s, unit: "1", every: 5 min, range: [-100, 10000], resolution: 0.01}}
      resist: {{from: zr > 0.5, boolean: true, every: 5 min}}
    setpoints:
      s: {{default: 10, unit: "1", range: [0, 40], local: true, tolerance: 1, follows: v, settle: 20 s}}
      lit: {{default: false}}
    commands: {{kick: {{expires: 20 s}}}}
    refuses: resist
    physics:
      random:
        z: {{draw: "normal(0 kW, 1 kW)", every: 3 min}}
        zr: {{draw: bernoulli(0.15), every: 10 min}}
links:
  line: {{latency: exponential(1 s), loss: 5 %, duplication: 10 %, outage: {{every: 20 min, lasts: "exponential(1 min)"}}}}
fleet:
  hub: {{count: 1}}
  device: {{count: 8, per: hub, link: line}}
derived:
  wanted: {{each: device, value: desired(s), unit: 1, every: 1 s}}
  of_all: {{each: hub, value: sum(devices.wanted), unit: 1, every: 1 s}}
machines:
  mood:
    each: device
    states: [calm, pressed]
    transitions:
      - {{from: calm, to: pressed, when: desired(s) > 16}}
      - {{from: pressed, to: calm, when: desired(s) < 12}}
events:
  cold: {{each: hub, raise: x > 0.3 kW}}
  busy: {{each: hub, raise: y > 0.5 kW, on_delay: 10 s}}
  heavy: {{each: device, raise: w > 1 kW}}
  asked: {{each: device, raise: desired(s) > 14}}
  taken: {{each: device, raise: s > 14}}
  shining: {{each: device, raise: desired(lit)}}
  shone: {{each: device, raise: lit, clear: "!lit"}}
  gone: {{each: device, raise: status == "offline"}}
  off_mark: {{each: device, raise: status == "deviating"}}
  tense: {{each: device, raise: mood == "pressed"}}
  just_asked: {{each: device, raise: asked && !previous(asked)}}
  most_asked: {{each: hub, raise: "share(devices, desired(s) > 14) > 50 %"}}
  old: {{each: device, raise: age(w) > 6 min}}
rules:
  warm:
    while: cold
    override: {{target: devices, where: w > -1 kW, set: {{s: default(s) + 5}}, stagger: {{groups: 3, every: 30 s}}, yield_to: local,
      release: {{over: 100 s}}, priority: 1, verify: {{that: lit, within: 1 min}}}}
  push:
    while: busy
    override: {{target: devices, set: {{s: default(s) + 7, lit: true}}, stagger: {{groups: 2, every: 1 min}}, release: {{over: 2 min}}, priority: 2}}
  own: {{while: heavy, override: {{target: self, set: {{s: w / 1 kW * 3}}, priority: 3, yield_to: local}}}}
  kick: {{when_raised: heavy, send: {{target: self, command: kick}}}}
faults:
  - {{every: 40 min, device: "**/device-*", kind: restart, lasts: 20 s, keeps: {}}}
  - {{every: 1 h, device: "**/device-*", kind: device_off, lasts: 1 min}}
  - {{after: 50 min, kind: restart, of: {}, lasts: 90 s}}
)y",
                     seed, keeps, of);
}

}  // namespace

TEST_CASE(
    "sparse: looking only at rows that can have changed decides as looking at all, of devices that hardly "
    "speak") {
  const int seed = GENERATE(range(1, 5));
  const auto text = scenario(seed, seed % 2 == 0 ? "mml" : "broker", seed % 3 == 0 ? "[]" : "[setpoints]");
  auto lazy = simulated(text), full = simulated(text);
  full->assembly().loop().evaluate_everything(true);
  for (Time t = kStart + seconds(1); t < kStart + hours(2); t = t + seconds(1)) {
    lazy->advance(t);
    full->advance(t);
    INFO("seed " << seed << ", " << to_string(lazy->assembly().loop().now()));
    REQUIRE(lazy->assembly().loop().fingerprint() == full->assembly().loop().fingerprint());
  }
  CHECK(lazy->assembly().rules().counters().claims > 20);
}
