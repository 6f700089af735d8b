// The line of scenarios/gas-pipeline, run step by step, with what has risen on it and what is true of it.
#pragma once
#include <algorithm>
#include <catch2/catch.hpp>
#include <functional>
#include <map>
#include <memory>
#include <set>

#include "mml/dispatcher.h"
#include "mml/loop.h"
#include "mml/rules.h"
#include "sim/fleet.h"
#include "testbed/assembly.h"
#include "testbed/scenario.h"
#include "testbed/sim_transport.h"
#include "testbed/wiring.h"
#include "twin/registry.h"

namespace looptwin::testbed::test {

inline const char* const kFolder = LT_SOURCE_DIR "/scenarios/gas-pipeline";

/// The line of the scenario, changed by settings: its hole stays shut unless they say otherwise, and no radio
/// fails by chance.
class Line {
 public:
  explicit Line(const std::vector<Setting>& settings) {
    std::vector<Setting> all = {{"models.rupture.parameters.opens_at.default", "48 h"},
                                {"links.radio.outage.every", "100000 d"}};
    all.insert(all.end(), settings.begin(), settings.end());
    auto scenario = load(kFolder, all);
    INFO((scenario ? std::string() : render(scenario.error())));
    REQUIRE(scenario.has_value());
    auto assembly = Assembly::build(std::move(*scenario), {});
    INFO((assembly ? std::string() : render(assembly.error())));
    REQUIRE(assembly.has_value());
    assembly_ = std::move(*assembly);
  }

  void run_to(Duration end) {
    while (assembly_->loop().now() < kStart + end) cycle();
  }
  /// Runs until it holds; when that is, s since the start, or `latest`.
  double run_until(const std::function<bool()>& holds, Duration latest) {
    while (!holds() && assembly_->loop().now() < kStart + latest) cycle();
    return (assembly_->loop().now() - kStart).seconds();
  }

  /// The devices on which an event, or an alarm with its own condition, has risen so far.
  std::set<std::string> rose_on(const std::string& event) const {
    std::set<std::string> devices;
    for (const auto& [key, at] : rose_)
      if (key.first == event) devices.insert(key.second);
    return devices;
  }
  /// When it first rose, s since the start; -1: never.
  double rose_at(const std::string& event, const std::string& device) const {
    const auto found = rose_.find({event, device});
    return found == rose_.end() ? -1 : found->second;
  }

  /// What the sensor of a field would see if it were perfect, in SI.
  double truth(const std::string& model, const std::string& field, const std::string& device) {
    const auto table = *assembly_->registry().find_model(model);
    const auto shards = assembly_->tables().shards();
    for (size_t s = 0; s < shards.size(); ++s)
      if (shards[s].table == table) assembly_->fleet().settle(s, assembly_->loop().now());
    const auto& fields = assembly_->registry().model(table).config.telemetry;
    for (size_t f = 0; f < fields.size(); ++f) {
      if (fields[f].name != field) continue;
      const auto values = assembly_->tables().values<double>(table, assembly_->fleet().truth(table, f));
      for (size_t row = 0; row < values.size(); ++row)
        if (assembly_->registry().id({table, Row(row)}) == device) return values[row];
    }
    FAIL(model << '.' << field << " of " << device);
    return 0;
  }
  double escaping() { return truth("rupture", "escaping", "rupture-1"); }
  std::set<std::string> shut_valves() {
    std::set<std::string> shut;
    for (int n = 1; n <= 41; ++n) {
      const std::string id = "valve-" + std::to_string(n);
      if (truth("block_valve", "position", id) < 0.5) shut.insert(id);
    }
    return shut;
  }
  const mml::DispatcherCounters& commands() { return assembly_->dispatcher().counters(); }
  mml::RuleCounters rules() { return assembly_->rules().counters(); }
  uint64_t claims_held() { return assembly_->rules().claims_held(); }

 private:
  void cycle() {
    auto& loop = assembly_->loop();
    REQUIRE(loop.cycle(loop.now() + assembly_->scenario().cycle, assembly_->transport()));
    note_events();
  }
  void note_events() {
    for (const auto& event : assembly_->wired().events) {
      const auto standing = assembly_->tables().values<uint8_t>(event.table, event.standing);
      for (size_t row = 0; row < standing.size(); ++row)
        if (standing[row] == 1)
          rose_.try_emplace({event.config.name, device(event.table, row)},
                            (assembly_->loop().now() - kStart).seconds());
    }
  }
  std::string device(TableId table, size_t row) const {
    return std::string(assembly_->registry().id({table, Row(row)}));
  }

  std::unique_ptr<Assembly> assembly_;
  std::map<std::pair<std::string, std::string>, double> rose_;
};

inline std::vector<Setting> leak(const std::string& pipe, const std::string& size) {
  return {{"plants.gas.gas_network.leaks.hole.pipe", pipe},
          {"models.rupture.parameters.opens_at.default", "10 min"},
          {"models.rupture.parameters.size.default", size}};
}
inline std::vector<Setting> and_also(std::vector<Setting> settings, const std::vector<Setting>& more) {
  settings.insert(settings.end(), more.begin(), more.end());
  return settings;
}
inline const std::vector<Setting> kSwing = {{"fleet.customer.swing", "[0 kg/s, 0 kg/s, 0 kg/s, 60 kg/s]"},
                                            {"models.customer.parameters.swings_at.default", "10 min"}};

using Names = std::set<std::string>;
inline std::string segment(int n) { return "seg-" + std::to_string(n); }
inline std::string valve(int n) { return "valve-" + std::to_string(n); }
inline const Names kBeside17 = {"valve-17", "valve-18"};
inline std::string station_of(int segment) { return "station-" + std::to_string((segment - 1) / 10 + 1); }

}  // namespace looptwin::testbed::test
