#include "testbed/testing/reasons.h"

#include <fmt/format.h>
#include <algorithm>
#include <cmath>
#include <limits>

#include "mml/alarms.h"
#include "mml/events.h"
#include "mml/loop.h"
#include "mml/rule.h"
#include "mml/rules.h"
#include "testbed/explain/why_not.h"
#include "testbed/scenario.h"
#include "testbed/testing/decision_lines.h"
#include "testbed/testing/text_plot.h"
#include "twin/registry.h"

namespace looptwin::testbed {
namespace {

using Of = ExpectConfig::Of;

/// The event whose condition decides about an expectation, and on which of its rows.
struct Decider {
  size_t event = 0;
  twin::DeviceRef device;
};

bool does(const mml::WiredActions& actions, const mml::Rule& rule, const ExpectConfig& expect, Assembly& a,
          const mml::WiredTarget** target) {
  for (const auto& send : actions.sends) {
    const auto& commands = a.registry().model(send.target.table).config.commands;
    if (expect.of != Of::command || commands[send.command].name != expect.name) continue;
    *target = &send.target;
    return true;
  }
  for (const uint16_t index : actions.overrides)
    for (const auto& set : rule.overrides[index].set) {
      const auto& model = a.registry().model(rule.overrides[index].target.table).config;
      if (expect.of != Of::setpoint || model.setpoints[set.setpoint].name != expect.name) continue;
      *target = &rule.overrides[index].target;
      return true;
    }
  for (const auto& publish : actions.publishes)
    if (expect.of == Of::publish && a.scenario().feeds[publish.feed].name == expect.name) return true;
  return false;
}

/// The row of the rule's event that has the device among its targets.
twin::DeviceRef origin_of(const mml::WiredTarget* target, TableId table, twin::DeviceRef device,
                          Assembly& a) {
  const size_t rows = a.tables().rows(table);
  for (size_t row = 0; target != nullptr && target->table == device.table && row < rows; ++row) {
    bool found = false;
    mml::for_each_target(a.registry(), a.tables(), *target, static_cast<uint32_t>(row),
                         [&](uint32_t r) { found |= r == device.row.index(); });
    if (found) return {table, Row(row)};
  }
  return {table, device.table == table ? device.row : Row(0)};
}

std::optional<Decider> decider_of(const Unmet& unmet, Assembly& a) {
  const ExpectConfig& e = *unmet.expect;
  const auto& events = a.events().all();
  if (e.of == Of::event) {
    for (size_t i = 0; i < events.size(); ++i)
      if (events[i].config.name == e.name) return Decider{i, unmet.device};
    return std::nullopt;
  }
  if (e.of == Of::alarm) {
    for (const auto& alarm : a.alarms().all())
      if (alarm.config.event.name == e.name && alarm.event < events.size())
        return Decider{alarm.event, unmet.device};
    return std::nullopt;
  }
  // Of several that might have done it the one whose event has risen is meant; else the first.
  std::optional<Decider> first;
  for (const auto& rule : a.rules().all()) {
    if (!e.by.empty() && rule.config.name != e.by) continue;
    const auto consider = [&](const mml::WiredActions& actions) {
      const mml::WiredTarget* target = nullptr;
      if (!does(actions, rule, e, a, &target)) return false;
      const Decider decider{rule.event, origin_of(target, events[rule.event].table, unmet.device, a)};
      if (!first) first = decider;
      if (a.events().occurrence(decider.event, static_cast<uint32_t>(decider.device.row.index())) == 0)
        return false;
      first = decider;
      return true;
    };
    if (consider(rule.actions)) return first;
    for (const auto& step : rule.steps)
      if (consider(step.actions) || consider(step.otherwise)) return first;
  }
  return first;
}

/// The first comparison that is as wanted.
const Condition* find_comparison(const Condition& condition, bool holding) {
  const bool wanted = holding ? condition.holds == 1 : condition.holds != 1;
  if (condition.is == Condition::Is::comparison && wanted && condition.unit.type.kind == lang::Kind::number)
    return &condition;
  for (const auto& part : condition.parts)
    if (const auto* found =
            find_comparison(part, condition.is == Condition::Is::negation ? !holding : holding))
      return found;
  return nullptr;
}

class Reasons {
 public:
  Reasons(const Unmet& unmet, const std::function<Stage*()>& begin) : unmet_(unmet), begin_(begin) {}

  std::vector<std::string> find() {
    Stage* stage = begin_();
    if (stage == nullptr) return {};
    const Time until = std::min(unmet_.at, stage->end());
    stage->play(until);
    auto decider = decider_of(unmet_, stage->assembly());
    if (!decider) return {};
    if (unmet_.expect->device.empty()) prefer_known(stage->assembly(), *decider);
    if (is_of_its_life()) return life_of(*stage);
    const auto& event = stage->assembly().events().all()[decider->event];
    const bool of_clearing =
        !unmet_.expect->moments.empty() &&
        std::any_of(unmet_.expect->moments.begin(), unmet_.expect->moments.end(), [&](const auto& m) {
          return (m.word == "cleared" || m.word == "released") && m.span.begin == unmet_.span.begin;
        });
    const auto node = of_clearing ? event.clears : event.raises;
    if (!node.valid()) return {};
    const auto condition =
        conditions_of(stage->assembly()).read(node, decider->device, stage->assembly().loop().now());
    introduce(stage->assembly(), event, *decider, of_clearing);
    const auto said = condition.lines();
    lines_.insert(lines_.end(), said.begin(), said.end());
    note_delay(stage->assembly(), event, decider->device, of_clearing, condition.holds == 1);
    if (const auto* shown = find_comparison(condition, unmet_.happened)) plot(*shown);
    return std::move(lines_);
  }

 private:
  /// Where no device is named, one of which the condition is known: it belongs to what the test is about.
  static void prefer_known(Assembly& a, Decider& decider) {
    const auto& event = a.events().all()[decider.event];
    const auto raise = a.tables().values<uint8_t>(event.table, event.raise);
    if (raise[decider.device.row.index()] != 2) return;
    for (size_t row = 0; row < a.tables().rows(event.table); ++row)
      if (raise[row] != 2) {
        decider.device = {event.table, Row(row)};
        return;
      }
  }

  /// What came of a command is no matter of the event that led to it.
  bool is_of_its_life() const {
    const auto& e = *unmet_.expect;
    if (e.of != Of::command && e.of != Of::setpoint) return false;
    return std::any_of(e.moments.begin(), e.moments.end(), [&](const auto& m) {
      return m.span.begin == unmet_.span.begin && m.word != "issued" && m.word != "claimed" &&
             m.word != "released";
    });
  }

  /// All that happened to the device's commands.
  std::vector<std::string> life_of(Stage& stage) {
    std::vector<mml::Record> about;
    for (const auto& record : stage.records())
      if (mml::subject_of(record.kind) == mml::SubjectKind::rule && record.device == unmet_.device)
        about.push_back(record);
    const bool long_one = about.size() > kLongestLife;
    if (long_one) about.resize(kLongestLife);
    auto lines = decision_lines(about, stage.assembly());
    if (lines.empty()) lines.emplace_back("nothing was sent to it");
    if (long_one) lines.emplace_back("...");
    return lines;
  }

  static constexpr size_t kLongestLife = 12;
  void introduce(Assembly& a, const mml::Event& event, const Decider& decider, bool of_clearing) {
    const bool site = decider.device.table == a.registry().site();
    lines_.push_back(fmt::format("{} '{}'{} at {}, what {} it:", event.of_alarm ? "alarm" : "event",
                                 event.config.name,
                                 site ? "" : fmt::format(" on {}", a.registry().id(decider.device)),
                                 to_string(a.loop().now()), of_clearing ? "clears" : "raises"));
  }

  void note_delay(Assembly& a, const mml::Event& event, twin::DeviceRef device, bool of_clearing,
                  bool holds) {
    const Duration delay = of_clearing ? event.config.off_delay : event.config.on_delay;
    const ColumnId column = of_clearing ? event.clear_since : event.raise_since;
    if (!holds || unmet_.happened || delay.ns == 0 || !column.valid()) return;
    const Time since{a.tables().values<int64_t>(event.table, column)[device.row.index()]};
    if (since == kNever) return;
    lines_.push_back(fmt::format("it has held since {}; {} of {} is over at {}", to_string(since),
                                 of_clearing ? "off_delay" : "on_delay", to_string(delay),
                                 to_string(since + delay)));
  }

  void plot(const Condition& condition) {
    const twin::DeviceRef device = condition.device;
    Stage* stage = begin_();
    if (stage == nullptr) return;
    const auto conditions = conditions_of(stage->assembly());
    const auto& node = stage->assembly().graph()[condition.node];
    std::vector<PlotPoint> points;
    stage->play(stage->end(), [&](Time now) {
      points.push_back(
          {now, conditions.value(node.args[0], device, now), conditions.value(node.args[1], device, now)});
    });
    const auto drawn = text_plot(points, condition.unit, std::min(unmet_.at, stage->end()));
    if (drawn.empty()) return;
    lines_.push_back(fmt::format("{} (*) and {} (-):", condition.left_text, condition.right_text));
    lines_.insert(lines_.end(), drawn.begin(), drawn.end());
  }

  const Unmet& unmet_;
  const std::function<Stage*()>& begin_;
  std::vector<std::string> lines_;
};

}  // namespace

std::vector<std::string> reasons_of(const Unmet& unmet, const MakeStage& make_stage) {
  std::unique_ptr<Stage> stage;
  const std::function<Stage*()> begin = [&] {
    stage = make_stage();
    return stage.get();
  };
  return Reasons(unmet, begin).find();
}

std::vector<std::string> reasons_of(const Unmet& unmet, Stage& stage, const TestConfig& test) {
  const std::function<Stage*()> begin = [&] { return stage.begin(test) ? &stage : nullptr; };
  return Reasons(unmet, begin).find();
}

}  // namespace looptwin::testbed
