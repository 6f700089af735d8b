// Overrides: who holds a setpoint, from when to when, and what is asked of the devices.
#include "mml/rules.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <map>
#include <set>

#include "homes.h"
#include "mml/processor.h"

using namespace looptwin;
using namespace looptwin::mml;

namespace {

Time at(double s) { return Time{static_cast<int64_t>(s * 1e9)}; }
constexpr double kDefault = Homes::kCoolDefault;

struct Published final : Publisher {
  void publish(uint16_t, Time, const std::string& json_fields) override { lines.push_back(json_fields); }
  std::vector<std::string> lines;
};

/// How an override of a scene is made.
struct Claims {
  std::string rule;
  size_t event = 0;
  int priority = 0;
  uint32_t groups = 1;
  Duration every{};
  Duration release{};
  bool yields = false;
  bool where = false;
};

/// Events on blocks, and rules that claim `cool` of a block's homes, each with a value column of its own.
struct Scene {
  static constexpr size_t kEvents = 2;
  Homes homes;
  std::vector<ColumnId> raise, clear, value, where;
  std::unique_ptr<Events> events;
  std::unique_ptr<Dispatcher> dispatcher;
  std::unique_ptr<Rules> rules;
  Published published;
  Dirty dirty;
  std::vector<Record> log;
  std::vector<twin::Command> out;
  std::vector<WiredOverride::Set> sets;

  explicit Scene(const std::vector<Claims>& claims, size_t blocks = 1, size_t per_block = 4,
                 bool publishes = false)
      : homes(blocks, per_block), dirty(homes.tables, homes.schema.tables.size()) {
    std::vector<Event> wired_events;
    for (size_t e = 0; e < kEvents; ++e) {
      Event event{.config = {.name = "event" + std::to_string(e)}, .table = Homes::kBlock};
      mml::add_columns(homes.schema, event);
      event.raise = homes.add_boolean(Homes::kBlock, "raise" + std::to_string(e));
      event.clear = homes.add_boolean(Homes::kBlock, "clear" + std::to_string(e));
      raise.push_back(event.raise);
      clear.push_back(event.clear);
      wired_events.push_back(event);
    }
    std::vector<Rule> wired;
    std::vector<std::string> names;
    for (const auto& c : claims) wired.push_back(rule(c));
    if (publishes) {
      wired[0].config.publishes.push_back({{}, "crm", {{"block", {}}, {"say", {}}}});
      WiredPublish publish;
      publish.items.resize(2);
      publish.items[0].is = WiredPublish::Item::Is::id;
      publish.items[1].is = WiredPublish::Item::Is::text;
      publish.items[1].text = "a \"b\"\n\\";
      wired[0].publishes.push_back(publish);
    }
    for (const auto& r : wired) names.push_back(r.config.name);
    homes.tables.allocate_added();
    events = std::make_unique<Events>(wired_events, homes.registry, homes.tables);
    dispatcher =
        std::make_unique<Dispatcher>(homes.registry, homes.tables, names, std::vector<Verification>{});
    rules = std::make_unique<Rules>(wired, homes.schema, homes.registry, homes.tables, *events, *dispatcher,
                                    published, 7);
    events->bind(true);
    rules->bind();
    for (size_t b = 0; b < blocks; ++b)
      for (size_t e = 0; e < kEvents; ++e) set_event(e, false, b);
    for (size_t h = 0; h < blocks * per_block; ++h) {
      homes.flag(Homes::kHome, homes.model().status, h) = static_cast<uint8_t>(DeviceStatus::online);
      for (const auto column : value) homes.number(Homes::kHome, column, h) = kDefault + 2;
    }
  }

  void set_event(size_t event, bool on, size_t block = 0) {
    homes.flag(Homes::kBlock, raise[event], block) = on;
    homes.flag(Homes::kBlock, clear[event], block) = !on;
  }
  void set_value(size_t rule, size_t home, double x) { homes.number(Homes::kHome, value[rule], home) = x; }

  /// One boundary; the log is that of this boundary.
  void step(double now_s) {
    const Time now = at(now_s);
    log.clear();
    out.clear();
    const auto shards = homes.tables.shards();
    Time due[64];
    for (size_t s = 0; s < shards.size(); ++s)
      if (shards[s].table == Homes::kBlock)
        for (size_t e = 0; e < kEvents; ++e) events->step(e, now, s, shards[s].first, shards[s].rows, due);
    for (const auto& change : events->take_changes()) {
      const auto& name = events->all()[change.event].config.name;
      rules->on_change(
          change, event_id(name, homes.registry.key({Homes::kBlock, Row(change.row)}), change.occurrence),
          now, log);
    }
    dirty.mark_all(Homes::kHome);
    rules->step(now, dirty, log);
    dispatcher->step(now, out, log);
  }

  double desired(size_t home = 0) {
    return homes.number(Homes::kHome, homes.model().setpoints[Homes::kCool].desired, home);
  }
  bool all_desire(double x) {
    for (size_t h = 0; h < homes.registry.devices(Homes::kHome); ++h)
      if (desired(h) != x) return false;
    return true;
  }
  std::vector<Record> of(RecordKind kind) const {
    std::vector<Record> found;
    std::copy_if(log.begin(), log.end(), std::back_inserter(found),
                 [&](const Record& r) { return r.kind == kind; });
    return found;
  }
  void answer(twin::Outcome outcome, double now_s) {
    const auto sent = out;
    for (const auto& c : sent)
      dispatcher->acknowledge({c.id, c.device, outcome, at(now_s), at(now_s)}, at(now_s), log);
  }
  uint64_t cause(size_t event, uint32_t occurrence) const {
    return event_id("event" + std::to_string(event), homes.registry.key({Homes::kBlock, Row(size_t{0})}),
                    occurrence);
  }

 private:
  Rule rule(const Claims& c) {
    Rule rule;
    rule.config.name = c.rule;
    rule.event = c.event;
    OverrideConfig config;
    config.priority = c.priority;
    config.stagger_groups = c.groups;
    config.stagger_every = c.every;
    config.release_over = c.release;
    config.yield_to_local = c.yields;
    rule.config.overrides.push_back(config);
    WiredOverride wired;
    wired.target = {Homes::kBlock, Homes::kHome, homes.homes(), {}};
    const ColumnId met = homes.add_boolean(Homes::kHome, "where." + c.rule);
    if (c.where) wired.target.where = met;
    where.push_back(met);
    WiredOverride::Set set;
    set.setpoint = Homes::kCool;
    set.value = homes.add_number(Homes::kHome, "value." + c.rule);
    value.push_back(set.value);
    mml::add_columns(homes.schema, c.rule, Homes::kHome, lang::Type::number(), set);
    sets.push_back(set);
    wired.set.push_back(set);
    rule.overrides.push_back(wired);
    return rule;
  }
};

}  // namespace

TEST_CASE("rules: a claim holds while its event stands, and the default returns when it clears") {
  Scene scene({{.rule = "setback"}});
  scene.step(1);
  CHECK(scene.log.empty());
  scene.set_event(0, true);
  scene.step(2);
  CHECK(scene.all_desire(kDefault + 2));
  CHECK(scene.of(RecordKind::claimed).size() == 4);
  CHECK(scene.out.size() == 4);
  CHECK(scene.rules->claims_held() == 4);
  CHECK(scene.homes.instant(Homes::kHome, scene.homes.model().setpoints[0].changed) == at(2).ns);
  scene.step(3);
  CHECK(scene.log.empty());
  scene.set_event(0, false);
  scene.step(4);
  CHECK(scene.all_desire(kDefault));
  CHECK(scene.rules->claims_held() == 0);
  REQUIRE(scene.out.size() == 4);
  for (const auto& c : scene.out) {
    CHECK(c.value == kDefault);
    CHECK_FALSE(c.may_refuse);
  }
  for (const auto& r : scene.of(RecordKind::released)) CHECK(r.cause == scene.cause(0, 1));
  for (const auto& r : scene.of(RecordKind::command_issued)) CHECK(r.cause == scene.cause(0, 1));
}

TEST_CASE("rules: only targets that meet `where` are claimed; unknown is not met") {
  Scene scene({{.rule = "setback", .where = true}});
  for (size_t h = 0; h < 4; ++h)
    scene.homes.flag(Homes::kHome, scene.where[0], h) = static_cast<uint8_t>(h % 3);
  scene.set_event(0, true);
  scene.step(1);
  for (size_t h = 0; h < 4; ++h) CHECK(scene.desired(h) == (h == 1 ? kDefault + 2 : kDefault));
  // Who was claimed is released, whatever `where` says by then.
  for (size_t h = 0; h < 4; ++h) scene.homes.flag(Homes::kHome, scene.where[0], h) = 0;
  scene.set_event(0, false);
  scene.step(2);
  CHECK(scene.all_desire(kDefault));
  CHECK(scene.rules->claims_held() == 0);
}

TEST_CASE("rules: nothing is claimed where the value is unknown") {
  Scene scene({{.rule = "setback"}});
  scene.set_value(0, 2, std::nan(""));
  scene.set_event(0, true);
  scene.step(1);
  CHECK(scene.rules->claims_held() == 3);
  CHECK(scene.desired(2) == kDefault);
}

TEST_CASE("rules: the highest priority wins, and the next holds when it lets go") {
  Scene scene({{.rule = "low", .event = 0, .priority = 1}, {.rule = "high", .event = 1, .priority = 2}});
  scene.set_value(1, 0, kDefault + 5);
  scene.set_event(1, true);
  scene.step(1);
  CHECK(scene.desired() == kDefault + 5);
  scene.set_event(0, true);
  scene.step(2);  // the lower one is claimed, but idle
  CHECK(scene.desired() == kDefault + 5);
  CHECK(scene.of(RecordKind::claimed).size() == 4);
  CHECK(scene.of(RecordKind::command_issued).empty());
  CHECK(scene.rules->counters().conflicts == 0);
  scene.set_event(1, false);
  scene.step(3);
  CHECK(scene.desired() == kDefault + 2);
  // What is asked for now is the lower rule's doing.
  for (const auto& r : scene.of(RecordKind::command_issued)) {
    CHECK(r.subject == 0);
    CHECK(r.cause == scene.cause(0, 1));
  }
  scene.set_event(0, false);
  scene.step(4);
  CHECK(scene.all_desire(kDefault));
}

TEST_CASE(
    "rules: of equal priority the earlier claim wins, and of equally early ones the first in the file") {
  for (const bool second_first : {false, true}) {
    Scene scene({{.rule = "a", .event = 0}, {.rule = "b", .event = 1}});
    for (size_t h = 0; h < 4; ++h) scene.set_value(1, h, kDefault + 5);
    const size_t early = second_first ? 1 : 0;
    scene.set_event(early, true);
    scene.step(1);
    scene.set_event(1 - early, true);
    scene.step(2);
    CHECK(scene.all_desire(second_first ? kDefault + 5 : kDefault + 2));
    const auto conflicts = scene.of(RecordKind::conflict);
    REQUIRE(conflicts.size() == 4);
    CHECK(conflicts[0].subject == early);
    CHECK(conflicts[0].value == (second_first ? kDefault + 5 : kDefault + 2));
    CHECK(scene.rules->counters().conflicts == 4);
    scene.step(3);
    CHECK(scene.rules->counters().conflicts == 4);  // said once
    scene.set_event(early, false);
    scene.step(4);
    CHECK(scene.all_desire(second_first ? kDefault + 2 : kDefault + 5));
  }
  Scene scene({{.rule = "a", .event = 0}, {.rule = "b", .event = 1}});
  for (size_t h = 0; h < 4; ++h) scene.set_value(1, h, kDefault + 5);
  scene.set_event(0, true);
  scene.set_event(1, true);
  scene.step(1);
  CHECK(scene.all_desire(kDefault + 2));
  CHECK(scene.rules->counters().conflicts == 4);
}

TEST_CASE("rules: two claims of one value are no conflict") {
  Scene scene({{.rule = "a", .event = 0}, {.rule = "b", .event = 1}});
  scene.set_event(0, true);
  scene.step(1);
  scene.set_event(1, true);
  scene.step(2);
  CHECK(scene.rules->counters().conflicts == 0);
  CHECK(scene.of(RecordKind::command_issued).empty());
  scene.set_event(0, false);
  scene.step(3);
  CHECK(scene.all_desire(kDefault + 2));
}

TEST_CASE("rules: a release is caused by the event that let go last, not by the one that claimed last") {
  Scene scene({{.rule = "a", .event = 0}, {.rule = "b", .event = 1}});
  scene.set_event(0, true);
  scene.step(1);
  scene.set_event(1, true);
  scene.step(2);
  scene.set_event(1, false);
  scene.step(3);
  scene.set_event(0, false);
  scene.step(4);
  REQUIRE(scene.of(RecordKind::command_issued).size() == 4);
  for (const auto& r : scene.of(RecordKind::command_issued)) {
    CHECK(r.subject == 0);
    CHECK(r.cause == scene.cause(0, 1));
  }
}

TEST_CASE("rules: groups are claimed one after the other, and released over the time that is given") {
  Scene scene({{.rule = "setback", .groups = 5, .every = seconds(10), .release = seconds(100)}}, 1, 200);
  scene.set_event(0, true);
  std::map<double, size_t> claimed, released;
  for (int s = 1; s <= 60; ++s) {
    scene.step(s);
    if (const auto n = scene.of(RecordKind::claimed).size()) claimed[s] = n;
  }
  CHECK(claimed.size() == 5);
  size_t total = 0;
  for (const auto& [s, n] : claimed) {
    CHECK(std::fmod(s, 10) == 1);
    CHECK(n > 20);
    CHECK(n < 60);
    total += n;
  }
  CHECK(total == 200);
  scene.set_event(0, false);
  for (int s = 61; s <= 200; ++s) {
    scene.step(s);
    if (const auto n = scene.of(RecordKind::released).size()) released[s] = n;
  }
  CHECK(released.size() == 5);
  for (const auto& [s, n] : released) CHECK(std::fmod(s - 61, 20) == 0);
  CHECK(scene.rules->counters().releases == 200);
  CHECK(scene.all_desire(kDefault));
}

TEST_CASE("rules: a group whose turn comes after the event has cleared is not claimed") {
  Scene scene({{.rule = "setback", .groups = 5, .every = seconds(10)}}, 1, 100);
  scene.set_event(0, true);
  scene.step(1);
  const auto first = scene.of(RecordKind::claimed).size();
  CHECK(first < 100);
  scene.set_event(0, false);
  scene.step(5);
  CHECK(scene.of(RecordKind::released).size() == first);
  for (int s = 6; s <= 60; ++s) scene.step(s);
  CHECK(scene.rules->counters().claims == first);
  CHECK(scene.all_desire(kDefault));
}

TEST_CASE(
    "rules: an event that rises again during the release keeps its claims, and lets all go in the end") {
  Scene scene({{.rule = "setback", .groups = 4, .every = seconds(5), .release = seconds(80)}}, 1, 100);
  scene.set_event(0, true);
  for (int s = 1; s <= 20; ++s) scene.step(s);
  CHECK(scene.all_desire(kDefault + 2));
  scene.set_event(0, false);
  for (int s = 21; s <= 45; ++s) scene.step(s);
  const auto held = scene.rules->claims_held();
  CHECK(held > 0);
  CHECK(held < 100);
  scene.set_event(0, true);
  for (int s = 46; s <= 140; ++s) scene.step(s);
  CHECK(scene.rules->claims_held() == 100);
  CHECK(scene.all_desire(kDefault + 2));
  scene.set_event(0, false);
  for (int s = 141; s <= 240; ++s) scene.step(s);
  CHECK(scene.rules->claims_held() == 0);
  CHECK(scene.all_desire(kDefault));
}

TEST_CASE("rules: a brief second rise does not leave a claim of the first behind") {
  Scene scene({{.rule = "setback", .groups = 4, .every = seconds(30), .release = seconds(80)}}, 1, 100);
  scene.set_event(0, true);
  for (int s = 1; s <= 120; ++s) scene.step(s);
  scene.set_event(0, false);
  scene.step(121);
  scene.set_event(0, true);
  scene.step(122);
  scene.set_event(0, false);
  for (int s = 123; s <= 300; ++s) scene.step(s);
  CHECK(scene.rules->claims_held() == 0);
  CHECK(scene.all_desire(kDefault));
}

TEST_CASE("rules: claims follow their value while they are held, and no further") {
  Scene scene({{.rule = "setback"}});
  scene.set_event(0, true);
  scene.step(1);
  scene.set_value(0, 1, kDefault + 3);
  scene.step(2);
  CHECK(scene.desired(1) == kDefault + 3);
  CHECK(scene.desired(0) == kDefault + 2);
  REQUIRE(scene.out.size() == 1);
  scene.set_value(0, 1, std::nan(""));  // unknown: stays
  scene.step(3);
  CHECK(scene.desired(1) == kDefault + 3);
  scene.set_event(0, false);
  scene.step(4);
  scene.set_value(0, 1, kDefault + 9);
  scene.step(5);
  CHECK(scene.all_desire(kDefault));
}

TEST_CASE("rules: a resident's refusal ends the claim there, and nothing is sent in its place") {
  Scene scene({{.rule = "setback", .yields = true}});
  scene.set_event(0, true);
  scene.step(1);
  REQUIRE(scene.out.size() == 4);
  for (const auto& c : scene.out) CHECK(c.may_refuse);
  scene.out.resize(1);
  scene.answer(twin::Outcome::refused_local, 2);
  scene.step(2);
  REQUIRE(scene.of(RecordKind::yielded).size() == 1);
  CHECK(scene.of(RecordKind::yielded)[0].device == Homes::home(0));
  CHECK(scene.out.empty());
  CHECK(scene.desired(0) == kDefault);
  CHECK(scene.desired(1) == kDefault + 2);
  CHECK(scene.rules->claims_held() == 3);
  scene.set_event(0, false);
  scene.step(3);
  CHECK(scene.of(RecordKind::released).size() == 3);
  scene.set_event(0, true);
  scene.step(4);  // a new occurrence asks anew
  CHECK(scene.rules->claims_held() == 4);
}

TEST_CASE("rules: where another claim stands behind the one that yields, that one is asked for") {
  Scene scene({{.rule = "must", .event = 0, .priority = 0},
               {.rule = "may", .event = 1, .priority = 1, .yields = true}});
  for (size_t h = 0; h < 4; ++h) scene.set_value(1, h, kDefault + 5);
  scene.set_event(0, true);
  scene.set_event(1, true);
  scene.step(1);
  REQUIRE(scene.all_desire(kDefault + 5));
  scene.answer(twin::Outcome::refused_local, 2);
  scene.step(2);
  CHECK(scene.all_desire(kDefault + 2));
  REQUIRE(scene.out.size() == 4);
  CHECK(scene.out[0].value == kDefault + 2);
  CHECK_FALSE(scene.out[0].may_refuse);
}

TEST_CASE("rules: a refusal for the range does not end the claim") {
  Scene scene({{.rule = "setback", .yields = true}});
  scene.set_event(0, true);
  scene.step(1);
  scene.answer(twin::Outcome::refused_range, 2);
  scene.step(2);
  CHECK(scene.of(RecordKind::yielded).empty());
  CHECK(scene.rules->claims_held() == 4);
}

TEST_CASE("rules: each block's event claims the homes of that block alone") {
  Scene scene({{.rule = "setback"}}, 3, 4);
  scene.set_event(0, true, 1);
  scene.step(1);
  for (size_t h = 0; h < 12; ++h) CHECK(scene.desired(h) == (h / 4 == 1 ? kDefault + 2 : kDefault));
}

TEST_CASE("rules: what is published is JSON whatever stands in the texts") {
  Scene scene({{.rule = "setback"}}, 1, 4, true);
  scene.set_event(0, true);
  scene.step(1);
  REQUIRE(scene.published.lines.size() == 1);
  const auto& line = scene.published.lines[0];
  CHECK(line.find("\"block\":\"block-1\"") != std::string::npos);
  CHECK(line.find(R"("say":"a \"b\"\n\\")") != std::string::npos);
  CHECK(scene.of(RecordKind::published).size() == 1);
}

TEST_CASE("rules: saved and restored amid claims and releases they go on as the trunk") {
  const std::vector<Claims> claims = {
      {.rule = "a", .event = 0, .groups = 4, .every = seconds(5), .release = seconds(40)},
      {.rule = "b", .event = 1, .groups = 3, .every = seconds(7), .release = seconds(20)}};
  Scene trunk(claims, 2, 30), branch(claims, 2, 30);
  for (int s = 1; s <= 300; ++s) {
    ArchiveWriter archive;
    trunk.homes.tables.save(archive);
    trunk.rules->save(archive);
    trunk.dispatcher->save(archive);
    ArchiveReader reader(archive.bytes());
    branch.homes.tables.restore(reader);
    branch.rules->restore(reader);
    branch.dispatcher->restore(reader);
    REQUIRE((reader.ok() && reader.at_end()));
    for (Scene* scene : {&trunk, &branch}) {
      scene->set_event(0, s / 37 % 2 == 1, 0);
      scene->set_event(0, s / 23 % 2 == 1, 1);
      scene->set_event(1, s / 51 % 2 == 1, 0);
      scene->step(s);
    }
    INFO(s);
    REQUIRE(trunk.log.size() == branch.log.size());
    REQUIRE(trunk.out.size() == branch.out.size());
    for (size_t i = 0; i < trunk.out.size(); ++i) REQUIRE(trunk.out[i].id == branch.out[i].id);
    REQUIRE(trunk.rules->claims_held() == branch.rules->claims_held());
  }
  CHECK(trunk.rules->counters().releases > 100);
}
