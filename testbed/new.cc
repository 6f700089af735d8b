#include "testbed/new.h"

#include <fmt/format.h>
#include <string_view>

#include "testbed/reading/file_name.h"
#include "twin/warm/disk.h"

namespace looptwin::testbed {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kScenario =
    R"yaml(# What is tried, when, and with how many devices. docs/scenario.md has all keys.
scenario: {}
about: Ten tanks that fill from a common main; the loop closes their inlets when the site draws too much.
start: "2024-06-03T06:00:00"        # local in timezone
timezone: UTC
duration: 6 h
cycle: 1 s                          # how often the loop decides
seed: 1                             # same scenario, same seed: same bits
use: [models.yaml, rules.yaml]
fleet:
  site: {{id: main}}
  tank: {{count: 10, per: site, id: "{{site}}/tank-{{i}}", link: radio}}
links:
  radio: {{latency: "lognormal(80 ms, 0.5)", loss: 0.5 %}}
faults:
  - {{after: 3 h, device: "main/tank-3", sensor: level, kind: stuck, lasts: 30 min}}
)yaml";

constexpr std::string_view kModels =
    R"yaml(# What the devices are: shared, byte for byte, by simulation and rig.
models:
  site:
    parameters: {limit: {default: 20 L/s}}
  tank:
    relations: {site: {to: site, inverse: tanks}}
    parameters:
      area: {default: 1.5 m2, spread: "uniform(0.9, 1.1)"}
      demand: {default: 0.8 L/s}
      capacity: {default: 3 L/s}
    telemetry:
      level: {from: height, unit: m, every: 5 s, range: [0, 4], resolution: 0.01, noise: 0.005}
      inflow: {from: filling, unit: L/s, every: 5 s, range: [0, 10], resolution: 0.01}
    setpoints:
      target: {unit: m, default: 2, range: [0.5, 3], tolerance: 0.3}
    physics:
      states: {height: 1.5 m}
      rates:
        height: (filling - demand) / area
      outputs:
        filling: if(inlet, capacity, 0 L/s)
    controller:                     # inside the device: goes on when the link is down
      every: 1 s
      outputs:
        inlet: hysteresis(target - level, on=0.1 m, off=-0.1 m, min_off=30 s)
)yaml";

constexpr std::string_view kRules = R"yaml(# What the loop concludes, and what it does about it.
events:
  overdraw:
    each: site
    raise: sum(tanks.inflow) > limit
    on_delay: 30 s
    clear: sum(tanks.inflow) < 0.7 * limit
    off_delay: 2 min
    min_good: 80 %
rules:
  lower_targets:
    while: overdraw
    override:
      target: tanks
      set: {target: default(target) - 0.5 m}
      release: {over: 10 min}
alarms:
  low_level:
    each: tank
    raise: level < 0.6 m
    deadband: 0.1 m
    on_delay: 1 min
    priority: high
    cause: Demand is higher than the inlet can follow.
    consequence: The tank runs dry.
    action: Close the outlet, or start the reserve pump.
    respond_within: 15 min
)yaml";

constexpr std::string_view kTests =
    R"yaml(# What the rules promise: looptwin test FOLDER --mutation. docs/testing-rules.md shows how tests are written.
people:
  kim: {}
tests:
  - name: a draw above the limit lowers all targets, until it is well below
    given:
      "main/*.inflow": 1.5 L/s x 1 min, 2.2 L/s x 5 min, 1.5 L/s x 5 min, 1.3 L/s
    lasts: 25 min
    expect:
      - {event: overdraw, raised: 90 s, cleared: 13 min, within: 10 s, count: 1}
      - {setpoint: target, device: "main/*", by: lower_targets, value: 1.5 m, claimed: 90 s, within: 10 s}
      - {setpoint: target, device: "main/*", released: 13 min, within: 10 min}
      # One after the other, in an order that the seed draws.
      - {setpoint: target, device: main/tank-8, released: 22 min, within: 10 s}
  - name: a short draw is let pass
    given: {"main/*.inflow": "1.5 L/s x 1 min, 2.2 L/s x 20 s, 1.5 L/s x 2 min"}
    expect: [{event: overdraw, never: true}]
  - name: a draw just below the limit is none
    given: {"main/*.inflow": "1.9 L/s x 5 min"}
    expect: [{event: overdraw, never: true}, {setpoint: target, never: true}]
  - name: a low tank is an alarm after a minute, and is over when the level is a little higher
    given: {main/tank-1.level: "0.75 m x 1 min, 0.55 m x 5 min, 0.69 m x 5 min, 0.71 m x 1 min"}
    script: [{after: 3 min, by: kim, acknowledge: low_level, device: main/tank-1}]
    expect: [{alarm: low_level, device: main/tank-1, raised: 2 min, acknowledged: 3 min, cleared: 11 min, within: 10 s, count: 1}]
  - name: a tank that does not answer is known
    given: {"main/*.inflow": 2.2 L/s x 20 min}
    answers: {main/tank-1: refused, main/tank-2: nothing}
    expect:
      - {setpoint: target, device: main/tank-1, refused: 30 s, within: 10 s}
      - {setpoint: target, device: main/tank-2, failed: 30 s, within: 10 min}
)yaml";

}  // namespace

Result<std::vector<fs::path>> write_new_scenario(const fs::path& folder) {
  std::error_code error;
  if (fs::exists(folder, error) && (!fs::is_directory(folder, error) || !fs::is_empty(folder, error)))
    return failure(fmt::format("{} is there and not an empty folder", folder.string()), "name a new folder");
  const bool is_made = fs::create_directories(folder, error);
  if (error) return failure(fmt::format("cannot make the folder {}: {}", folder.string(), error.message()));

  const auto name = fs::weakly_canonical(folder, error).filename().string();
  const bool is_name = is_file_name(name);  // of any folder a scenario can be made
  const std::pair<const char*, std::string> files[] = {
      {"scenario.yaml",
       fmt::format(fmt::runtime(kScenario), is_name ? fmt::format("\"{}\"", name) : "tanks")},
      {"models.yaml", std::string(kModels)},
      {"rules.yaml", std::string(kRules)},
      {"tests.yaml", std::string(kTests)}};
  std::vector<fs::path> written;
  for (const auto& [file, text] : files) {
    auto whole = twin::write_whole_file(folder / file, text);
    if (!whole) {
      for (const auto& path : written) fs::remove(path, error);
      if (is_made) fs::remove(folder, error);
      return tl::make_unexpected(std::move(whole.error()));
    }
    written.push_back(folder / file);
  }
  return written;
}

}  // namespace looptwin::testbed
