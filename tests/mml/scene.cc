#include "scene.h"

#include <algorithm>
#include <iterator>

#include "mml/processor.h"

namespace looptwin::mml {

Scene::Scene(const std::vector<SceneRule>& claims, size_t blocks, size_t per_block, bool publishes)
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
    WiredPublish publish{.items = {{"block", {}}, {"say", {}}}};
    publish.items[0].value.is = Shown::Is::id;
    publish.items[1].value.is = Shown::Is::text;
    publish.items[1].value.text = "a \"b\"\n\\";
    wired[0].actions.publishes.push_back(publish);
  }
  for (const auto& r : wired) names.push_back(r.config.name);
  homes.tables.allocate_added();
  events = std::make_unique<Events>(wired_events, homes.registry, homes.tables);
  dispatcher = std::make_unique<Dispatcher>(homes.registry, homes.tables, names, std::vector<Verification>{});
  rules = std::make_unique<Rules>(wired, homes.schema, homes.registry, homes.tables, *events, *dispatcher,
                                  published, kSeed);
  events->bind(true);
  rules->bind({});
  for (size_t b = 0; b < blocks; ++b)
    for (size_t e = 0; e < kEvents; ++e) set_event(e, false, b);
  for (size_t h = 0; h < blocks * per_block; ++h) {
    homes.flag(Homes::kHome, homes.model().status, h) = static_cast<uint8_t>(DeviceStatus::online);
    for (const auto column : value) homes.number(Homes::kHome, column, h) = kDefault + 2;
  }
}

void Scene::set_event(size_t event, bool on, size_t block) {
  homes.flag(Homes::kBlock, raise[event], block) = on;
  homes.flag(Homes::kBlock, clear[event], block) = !on;
}

void Scene::step(double now_s) {
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
    rules->on_change(change,
                     event_id(name, homes.registry.key({Homes::kBlock, Row(change.row)}), change.occurrence),
                     now, log);
  }
  dirty.mark_all(Homes::kHome);
  rules->step(now, dirty, log);
  dispatcher->step(now, out, log);
}

void Scene::answer(twin::Outcome outcome, double now_s) {
  const auto sent = out;
  for (const auto& c : sent) {
    const twin::Acknowledgement ack{c.id, c.device, outcome, at(now_s), at(now_s)};
    dispatcher->acknowledge({&ack, 1}, at(now_s), log);
  }
}

double Scene::desired(size_t home) {
  return homes.number(Homes::kHome, homes.model().setpoints[Homes::kCool].desired, home);
}

bool Scene::all_desire(double x) {
  for (size_t h = 0; h < homes.registry.devices(Homes::kHome); ++h)
    if (desired(h) != x) return false;
  return true;
}

bool Scene::claimed(size_t rule, size_t home) {
  const double claim = homes.number(Homes::kHome, sets[rule].claim, home);
  return claim == claim;
}

std::vector<Record> Scene::of(RecordKind kind) const {
  std::vector<Record> found;
  std::copy_if(log.begin(), log.end(), std::back_inserter(found),
               [&](const Record& r) { return r.kind == kind; });
  return found;
}

uint64_t Scene::cause(size_t event, uint32_t occurrence) const {
  return event_id("event" + std::to_string(event), homes.registry.key({Homes::kBlock, Row(size_t{0})}),
                  occurrence);
}

Rule Scene::rule(const SceneRule& c) {
  Rule rule;
  rule.config.name = c.rule;
  rule.event = c.event;
  WiredOverride wired;
  auto& config = wired.config;
  config.priority = c.priority;
  config.stagger_groups = c.groups;
  config.stagger_every = c.every;
  config.release_over = c.release;
  config.yield_to_local = c.yields;
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
  rule.actions.overrides.push_back(0);
  return rule;
}

}  // namespace looptwin::mml
