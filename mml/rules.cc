#include "mml/rules.h"

#include <fmt/format.h>

namespace looptwin::mml {

Rules::Rules(std::vector<Rule> rules, const lang::Schema& schema, const twin::Registry& registry,
             twin::Tables& tables, const Events& events, Dispatcher& dispatcher, Publisher& publisher,
             uint64_t seed)
    : rules_(std::move(rules)),
      registry_(registry),
      tables_(tables),
      events_(events),
      dispatcher_(dispatcher),
      publisher_(publisher),
      showing_(schema, registry, tables),
      claims_(rules_, schema, registry, tables, events, dispatcher, seed) {}

void Rules::on_change(const EventChange& change, uint64_t event_id, Time now, std::vector<Record>& log) {
  const bool raised = change.kind == RecordKind::event_raised;
  if (!raised && change.kind != RecordKind::event_cleared) return;
  for (size_t r = 0; r < rules_.size(); ++r) {
    const Rule& rule = rules_[r];
    if (rule.event != change.event) continue;
    const auto index = static_cast<uint16_t>(r);
    claims_.on_change(index, change, now, log);
    const bool fires = rule.config.trigger == Trigger::when_cleared ? !raised : raised;
    if (!fires) continue;
    for (const WiredSend& wired : rule.sends) send(index, wired, change, event_id, now, log);
    for (size_t p = 0; p < rule.publishes.size(); ++p) publish(index, p, change, event_id, now, log);
  }
}

void Rules::send(uint16_t rule, const WiredSend& wired, const EventChange& change, uint64_t cause, Time now,
                 std::vector<Record>& log) {
  const auto& target = wired.target;
  const auto& command = registry_.model(target.table).config.commands[wired.command];
  const uint8_t* where = target.where ? tables_.values<uint8_t>(target.table, *target.where).data() : nullptr;
  for_each_target(registry_, target, change.row, [&](uint32_t row) {
    if (where != nullptr && where[row] != 1) return;
    Request request;
    request.command.device = {target.table, Row(row)};
    request.command.kind = twin::Command::Kind::command;
    request.command.index = wired.command;
    request.command.expires = now + command.expires;
    request.rule = rule;
    request.occurrence = change.occurrence;
    request.cause = cause;
    request.verification = wired.verification;
    dispatcher_.issue(request, now, log);
  });
}

void Rules::publish(uint16_t rule, size_t index, const EventChange& change, uint64_t cause, Time now,
                    std::vector<Record>& log) {
  const WiredPublish& wired = rules_[rule].publishes[index];
  const auto& config = rules_[rule].config.publishes[index];
  const twin::DeviceRef device{events_.all()[rules_[rule].event].table, Row(change.row)};
  std::string json = fmt::format("\"rule\":\"{}\",\"event\":\"{:016x}\"", rules_[rule].config.name, cause);
  for (size_t i = 0; i < wired.items.size(); ++i)
    json += fmt::format(",{}:{}", json_string(config.body[i].key), showing_.json(wired.items[i], device));
  publisher_.publish(wired.feed, now, json);
  ++published_;
  log.push_back({now, RecordKind::published, rule, wired.feed, device, change.occurrence, 0, 0, cause});
}

void Rules::save(ArchiveWriter& archive) const {
  archive.section("rules", 2);
  claims_.save(archive);
  archive.put(published_);
}

void Rules::restore(ArchiveReader& archive) {
  archive.section("rules", 2);
  claims_.restore(archive);
  published_ = archive.get<uint64_t>();
}

}  // namespace looptwin::mml
