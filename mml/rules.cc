#include "mml/rules.h"

namespace looptwin::mml {

Rules::Rules(std::vector<Rule> rules, const lang::Schema& schema, const twin::Registry& registry,
             twin::Tables& tables, const Events& events, Dispatcher& dispatcher, Publisher& publisher,
             uint64_t seed)
    : rules_(std::move(rules)),
      claims_(rules_, schema, registry, tables, events, dispatcher, seed),
      actions_(rules_, schema, registry, tables, events, claims_, dispatcher, publisher),
      steps_(rules_, registry, tables, events, actions_) {}

void Rules::on_change(const EventChange& change, uint64_t event_id, Time now, std::vector<Record>& log) {
  const bool raised = change.kind == RecordKind::event_raised;
  if (!raised && change.kind != RecordKind::event_cleared) return;
  for (size_t r = 0; r < rules_.size(); ++r) {
    const Rule& rule = rules_[r];
    if (rule.event != change.event) continue;
    const auto index = static_cast<uint16_t>(r);
    claims_.on_change(index, change, now, log);
    const bool holds = rule.config.trigger == Trigger::while_standing;
    if (holds && !raised) steps_.abort(index, change.row, now, log);
    const bool fires = rule.config.trigger == Trigger::when_cleared ? !raised : raised;
    if (!fires) continue;
    actions_.act(index, rule.actions, change, event_id, now, log);
    steps_.begin(index, change, now, log);
  }
}

void Rules::step(Time now, const Dirty& dirty, std::vector<Record>& log) {
  steps_.step(now, log);
  claims_.step(now, dirty, log);
}

void Rules::save(ArchiveWriter& archive) const {
  archive.section("rules", 3);
  claims_.save(archive);
  actions_.save(archive);
  steps_.save(archive);
}

void Rules::restore(ArchiveReader& archive) {
  archive.section("rules", 3);
  claims_.restore(archive);
  actions_.restore(archive);
  steps_.restore(archive);
}

}  // namespace looptwin::mml
