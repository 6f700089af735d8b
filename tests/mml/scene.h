// A scene for tests of rules: events on blocks that are raised by hand, and rules that claim `cool` of a
// block's homes, each with a value and a condition of its own.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "homes.h"
#include "mml/rules.h"

namespace looptwin::mml {

inline Time at(double s) { return Time{static_cast<int64_t>(s * 1e9)}; }

struct Published final : Publisher {
  void publish(uint16_t, Time, const std::string& json_fields) override { lines.push_back(json_fields); }
  std::vector<std::string> lines;
};

/// How an override of a scene is made.
struct SceneRule {
  std::string rule;
  size_t event = 0;
  int priority = 0;
  uint32_t groups = 1;
  Duration every{};
  Duration release{};
  bool yields = false;
  bool where = false;
};

struct Scene {
  static constexpr size_t kEvents = 2;
  static constexpr double kDefault = Homes::kCoolDefault;
  static constexpr uint64_t kSeed = 7;
  Homes homes;
  std::vector<ColumnId> raise, clear, value, where;  ///< of events; of rules
  std::unique_ptr<Events> events;
  std::unique_ptr<Dispatcher> dispatcher;
  std::unique_ptr<Rules> rules;
  Published published;
  Dirty dirty;
  std::vector<Record> log;
  std::vector<twin::Command> out;
  std::vector<WiredOverride::Set> sets;

  explicit Scene(const std::vector<SceneRule>& claims, size_t blocks = 1, size_t per_block = 4,
                 bool publishes = false);

  void set_event(size_t event, bool on, size_t block = 0);
  void set_value(size_t rule, size_t home, double x) { homes.number(Homes::kHome, value[rule], home) = x; }
  void set_where(size_t rule, size_t home, uint8_t met) { homes.flag(Homes::kHome, where[rule], home) = met; }

  /// One boundary; the log is that of this boundary.
  void step(double now_s);
  void answer(twin::Outcome outcome, double now_s);

  double desired(size_t home = 0);
  bool all_desire(double x);
  bool claimed(size_t rule, size_t home);
  std::vector<Record> of(RecordKind kind) const;
  uint64_t cause(size_t event, uint32_t occurrence) const;

 private:
  Rule rule(const SceneRule& c);
};

}  // namespace looptwin::mml
