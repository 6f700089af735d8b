#include "mml/actions.h"

#include <fmt/format.h>

namespace looptwin::mml {

Actions::Actions(const std::vector<Rule>& rules, const lang::Schema& schema, const twin::Registry& registry,
                 twin::Tables& tables, const Events& events, Claims& claims, Dispatcher& dispatcher,
                 Publisher& publisher)
    : rules_(rules),
      registry_(registry),
      tables_(tables),
      events_(events),
      claims_(claims),
      dispatcher_(dispatcher),
      publisher_(publisher),
      showing_(schema, registry, tables) {}

void Actions::act(uint16_t rule, const WiredActions& actions, const EventChange& change, uint64_t cause,
                  Time now, std::vector<Record>& log) {
  for (const uint16_t o : actions.overrides) claims_.begin(rule, o, change, now);
  for (const WiredSend& wired : actions.sends) send(rule, wired, change, cause, now, log);
  for (const WiredPublish& wired : actions.publishes) publish(rule, wired, change, cause, now, log);
}

void Actions::send(uint16_t rule, const WiredSend& wired, const EventChange& change, uint64_t cause, Time now,
                   std::vector<Record>& log) {
  const auto& target = wired.target;
  const auto& command = registry_.model(target.table).config.commands[wired.command];
  const uint8_t* where = target.where ? tables_.values<uint8_t>(target.table, *target.where).data() : nullptr;
  for_each_target(registry_, tables_, target, change.row, [&](uint32_t row) {
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

void Actions::publish(uint16_t rule, const WiredPublish& wired, const EventChange& change, uint64_t cause,
                      Time now, std::vector<Record>& log) {
  const twin::DeviceRef device{events_.all()[rules_[rule].event].table, Row(change.row)};
  std::string json = fmt::format("\"rule\":\"{}\",\"event\":\"{:016x}\"", rules_[rule].config.name, cause);
  for (const auto& item : wired.items)
    json += fmt::format(",{}:{}", json_string(item.key), showing_.json(item.value, device));
  publisher_.publish(wired.feed, now, json);
  ++published_;
  log.push_back({now, RecordKind::published, rule, wired.feed, device, change.occurrence, 0, 0, cause});
}

void Actions::save(ArchiveWriter& archive) const {
  archive.section("actions", 1);
  archive.put(published_);
}

void Actions::restore(ArchiveReader& archive) {
  archive.section("actions", 1);
  published_ = archive.get<uint64_t>();
}

}  // namespace looptwin::mml
