#include "testbed/registry_candidates.h"

#include <fmt/format.h>
#include <unistd.h>

#include "base/printable.h"
#include "base/text.h"
#include "hil/discovery.h"
#include "lang/units.h"
#include "testbed/rig/rig_effects.h"
#include "twin/registry_store.h"

namespace looptwin::testbed {
namespace {

void print_candidate(const hil::Candidate& candidate) {
  std::vector<std::string> about;
  for (const auto* text : {&candidate.name, &candidate.manufacturer, &candidate.model})
    if (!text->empty()) about.push_back(*text);
  std::string line = fmt::format("{}  {}", candidate.id, joined(about));
  const auto end_line = [&line] {
    fmt::print("{}\n", printable(line));  // all of it is what somebody at the broker says
    line.clear();
  };
  end_line();
  if (!candidate.availability_topic.empty()) {
    line = "  presence  " + candidate.availability_topic;
    end_line();
  }
  for (const auto& component : candidate.components) {
    line = fmt::format("  {:<9} {}", component.kind, component.name);
    if (!component.unit.empty()) line += " in " + component.unit;
    if (!component.state_topic.empty()) line += " at " + component.state_topic;
    if (!component.at.empty()) line += " " + component.at;
    if (!component.command_topic.empty()) line += " set at " + component.command_topic;
    end_line();
  }
}

/// Where to listen, and who we are there.
Result<hil::MqttOptions> options_of(const CandidatesRequest& request) {
  RigConfig rig;
  if (!request.rig.empty()) {
    auto read = load_rig(request.rig);
    if (!read) return tl::make_unexpected(std::move(read.error()));
    rig = std::move(*read);
  }
  if (!request.broker.empty()) rig.broker.broker = request.broker;
  if (rig.broker.broker.empty())
    return request.rig.empty()
               ? failure("nobody says at which broker to listen",
                         "write --broker mqtt://HOST:PORT, or --rig RIG")
               : failure(fmt::format("{} has a broker of its own, which is there while it runs", rig.name),
                         "write --broker mqtt://HOST:PORT as well, as it says when it begins");
  if (auto certified = check_certificates(rig); !certified)
    return tl::make_unexpected(std::move(certified.error()));
  // The rig's own client may be there at the same time.
  rig.broker.client_id = fmt::format("looptwin-candidates-{}", ::getpid());
  return rig.broker;
}

}  // namespace

Exit list_candidates(const CandidatesRequest& request) {
  const auto store = twin::RegistryStore::open(request.registry, twin::RegistryStore::Access::read);
  if (!store) return refuse(store.error());
  const lang::Units units;
  const auto source = std::make_shared<const Source>(Source{"--within", request.within});
  const auto within = units.duration({source, 0, static_cast<uint32_t>(request.within.size())});
  if (!within) return refuse(within.error());
  const auto options = options_of(request);
  if (!options) return refuse(options.error());
  const auto found = hil::discover(*options, request.prefix, *within);
  if (!found) return refuse(found.error());
  size_t registered = 0;
  for (const auto& candidate : found->candidates) {
    const auto known = store->find(candidate.id);
    if (!known) return refuse(known.error());
    if (*known)
      ++registered;
    else
      print_candidate(candidate);
  }
  fmt::print("{} unregistered, {} registered{}\n", found->candidates.size() - registered, registered,
             found->unreadable > 0 ? fmt::format(", {} not understood", found->unreadable) : "");
  return Exit::held;
}

}  // namespace looptwin::testbed
