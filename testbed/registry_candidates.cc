#include "testbed/registry_candidates.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "base/text.h"
#include "hil/home_assistant.h"
#include "lang/units.h"
#include "twin/registry_store.h"

namespace looptwin::testbed {
namespace {

void print_candidate(const hil::Candidate& candidate) {
  std::vector<std::string> about;
  for (const auto* text : {&candidate.name, &candidate.manufacturer, &candidate.model})
    if (!text->empty()) about.push_back(*text);
  fmt::print("{}  {}\n", candidate.id, joined(about));
  if (!candidate.availability_topic.empty()) fmt::print("  presence  {}\n", candidate.availability_topic);
  for (const auto& component : candidate.components) {
    fmt::print("  {:<9} {}", component.kind, component.name);
    if (!component.unit.empty()) fmt::print(" in {}", component.unit);
    if (!component.state_topic.empty()) fmt::print(" at {}", component.state_topic);
    if (!component.at.empty()) fmt::print(" {}", component.at);
    if (!component.command_topic.empty()) fmt::print(" set at {}", component.command_topic);
    fmt::print("\n");
  }
}

}  // namespace

Exit list_candidates(const CandidatesRequest& request) {
  const auto store = twin::RegistryStore::open(request.registry, twin::RegistryStore::Access::read);
  if (!store) return refuse(store.error());
  const lang::Units units;
  const auto source = std::make_shared<const Source>(Source{"--within", request.within});
  const auto within = units.duration({source, 0, static_cast<uint32_t>(request.within.size())});
  if (!within) return refuse(within.error());
  hil::MqttOptions options;
  options.broker = request.broker;
  options.client_id = fmt::format("looptwin-candidates-{}", ::getpid());
  const auto found = hil::discover(options, request.prefix, *within);
  if (!found) return refuse(found.error());
  size_t registered = 0;
  for (const auto& candidate : *found) {
    const auto known = store->find(candidate.id);
    if (!known) return refuse(known.error());
    if (*known)
      ++registered;
    else
      print_candidate(candidate);
  }
  fmt::print("{} unregistered, {} registered\n", found->size() - registered, registered);
  return Exit::held;
}

}  // namespace looptwin::testbed
