#include "testbed/rig/rig_bindings.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/json_tree.h"
#include "base/text.h"
#include "hil/descriptors.h"
#include "testbed/reading/values.h"
#include "testbed/rig/rig_access.h"
#include "testbed/summary.h"
#include "twin/warm/disk.h"

namespace looptwin::testbed {
namespace {

/// By model and field; a tolerance of a field that no model has is an error.
Result<Parity::Tolerances> tolerances_of(const RigConfig& rig, const Scenario& scenario) {
  const lang::Units units(scenario.ambient_pressure);
  Diagnostics problems;
  Reader reader{units, problems};
  Parity::Tolerances all;
  std::vector<std::string> fields;
  for (const auto& model : scenario.models) {
    auto& of_model = all.emplace_back(model.telemetry.size());
    for (size_t f = 0; f < model.telemetry.size(); ++f) {
      const auto& field = model.telemetry[f];
      fields.push_back(field.name);
      if (field.boolean || !field.words.empty()) of_model[f] = 0;
      for (const auto& tolerance : rig.tolerances)
        if (tolerance.field == field.name && !of_model[f]) {
          of_model[f] = quantity(reader, tolerance.value, field.unit, true);
          if (of_model[f].value_or(0) < 0)
            reader.error(tolerance.value.span,
                         fmt::format("the tolerance of '{}' is below zero", tolerance.field),
                         "write how far a device may be from its model, either way");
        }
    }
  }
  for (const auto& tolerance : rig.tolerances)
    if (std::find(fields.begin(), fields.end(), tolerance.field) == fields.end())
      reader.error(tolerance.span, fmt::format("no model has telemetry '{}'", tolerance.field),
                   did_you_mean(tolerance.field, fields));
  if (has_errors(problems)) return tl::make_unexpected(std::move(problems));
  return all;
}

constexpr size_t kOtherDescriptors = 200;  ///< of the loop itself, its links, its run folder

std::string number(uint64_t n) { return grouped(static_cast<long long>(n)); }

}  // namespace

hil::MqttOptions bridge_options(const RigConfig& rig) {
  auto options = rig.broker;
  options.client_id += "-devices";
  options.will = nullptr;
  options.origin = kSimulatedOrigin;
  return options;
}

Result<std::unique_ptr<RigBindings>> RigBindings::make(const RigConfig& rig, const Scenario& scenario,
                                                       const std::vector<hil::Mapping>& mappings,
                                                       hil::MqttLink& link, UnixTime start,
                                                       std::function<Time()> now, bool need_secrets) {
  std::unique_ptr<RigBindings> made(new RigBindings(scenario));
  auto world = DeviceWorld::build(made->scenario_);
  if (!world) return tl::make_unexpected(std::move(world.error()));
  made->world_ = std::move(*world);
  const auto& registry = made->world_->registry();
  auto bindings = Bindings::make(*rig.bindings, registry);
  if (!bindings) return tl::make_unexpected(std::move(bindings.error()));
  made->bindings_ = std::move(*bindings);
  auto tolerances = tolerances_of(rig, scenario);
  if (!tolerances) return tl::make_unexpected(std::move(tolerances.error()));
  made->parity_ = std::make_unique<Parity>(registry, std::move(*tolerances));
  auto sessions = made->sessions_of(rig, mappings, start, need_secrets);
  if (!sessions) return tl::make_unexpected(std::move(sessions.error()));
  made->bridge_ = std::make_unique<hil::DeviceBridge>(link, registry, mappings, start, std::move(*sessions));
  made->devices_ = std::make_unique<SimulatedDevices>(*made->world_, *made->bridge_, *made->bindings_,
                                                      *made->parity_, std::move(now), made->time_);
  return made;
}

/// Null where devices have no connections but the bridge's.
Result<std::unique_ptr<hil::DeviceSessions>> RigBindings::sessions_of(
    const RigConfig& rig, const std::vector<hil::Mapping>& mappings, UnixTime start,
    bool need_secrets) const {
  using Sessions = hil::DeviceSide::Sessions;
  const auto& registry = world_->registry();
  const auto sides = hil::make_device_sides(registry, mappings, start);
  const bool shared = std::any_of(sides.all.begin(), sides.all.end(),
                                  [](const auto& side) { return side->sessions() == Sessions::shared; });
  if (!rig.own_connections && !shared) return std::unique_ptr<hil::DeviceSessions>();
  auto secrets = read_secrets(rig.secrets);
  if (!secrets) return tl::make_unexpected(std::move(secrets.error()));
  const hil::DeviceSessions::Options options{bridge_options(rig), std::move(*secrets), rig.own_connections};
  auto made = hil::DeviceSessions::start(options, registry, sides);
  if (!made) return made;
  std::set<twin::DeviceRef> connected;
  size_t without = 0;
  std::string_view one;
  for (const auto device : registry.matching("**")) {
    const auto* side = sides.of_table[device.table.index()];
    if (bindings_->of(device) != Binding::simulated || side == nullptr) continue;
    if (!(*made)->has(side->holder(device))) continue;
    connected.insert(side->holder(device));
    const auto id = registry.id(device);
    if (side->sessions() == Sessions::shared || options.secrets.contains(std::string(id))) continue;
    ++without;
    one = id;
  }
  if (need_secrets && without != 0)
    return failure(
        fmt::format("the broker asks devices who they are, and {} simulated ones have no secret, as {}",
                    number(without), one),
        "write secrets: FILE, a CSV of id,secret, or leave own_connections out");
  if (auto enough = hil::check_descriptor_limit(
          connected.size() * hil::MqttConnections::kDescriptorsOfEach + kOtherDescriptors,
          rig.own_connections ? "a connection for each simulated device"
                              : "a connection for each simulated edge node");
      !enough)
    return tl::make_unexpected(std::move(enough.error()));
  return made;
}

void RigBindings::say_farewell_by(std::shared_ptr<hil::Watchdog> watchdog) {
  if (!watchdog) return;
  bridge_->on_presence([watchdog = std::move(watchdog)](const hil::Will& gone, bool is_there) {
    if (is_there)
      watchdog->farewell(gone);
    else
      watchdog->forget_farewell(gone.topic);
  });
}

Result<void> RigBindings::write(const std::filesystem::path& run, const std::vector<Swap>& swaps,
                                const hil::LinkCounters& link) const {
  OrderedJson json = {{"swaps", OrderedJson::array()}};
  for (const auto& swap : swaps)
    json["swaps"].push_back({{"at_s", (swap.at - kStart).seconds()},
                             {"device", world_->registry().id(swap.device)},
                             {"from", name_of(swap.from)},
                             {"to", name_of(swap.to)},
                             {"by", swap.by}});
  for (size_t t = 0; t < world_->registry().models().size(); ++t)
    for (size_t row = 0; row < world_->registry().devices(TableId(t)); ++row) {
      const twin::DeviceRef device{TableId(t), Row(row)};
      if (const auto binding = bindings_->of(device); binding != Binding::real)
        json["at_the_end"][std::string(world_->registry().id(device))] = name_of(binding);
    }
  const auto bridge = devices_->counters();
  json["messages"] = {{"sent", bridge.published},
                      {"orders", bridge.orders},
                      {"without_room", bridge.unsent},
                      {"not_understood", bridge.unread},
                      {"refused", link.refused}};
  if (const auto own = devices_->connections())
    json["connections"] = {{"there", own->there},          {"lost", own->lost},
                           {"refused", own->refused},      {"taken_over", own->taken_over},
                           {"without_room", own->dropped}, {"denied", own->denied}};
  auto written = twin::write_whole_file(run / "bindings.json", dump_json(json, 2) + "\n");
  if (!written || parity_->total().samples == 0) return written;
  return twin::write_whole_file(run / "parity.json", parity_->json());
}

void RigBindings::print(const std::vector<Swap>& swaps, const hil::LinkCounters& link) const {
  const auto bridge = devices_->counters();
  print_row("bindings",
            fmt::format("{} simulated, {} shadowed; {} swaps", number(bindings_->count(Binding::simulated)),
                        number(bindings_->count(Binding::shadow)), number(swaps.size())));
  print_row("simulated",
            fmt::format("{} messages out, {} orders in; {} without room, {} orders not understood",
                        number(bridge.published), number(bridge.orders), number(bridge.unsent),
                        number(bridge.unread)));
  const auto own = devices_->connections();
  if (const auto refused = link.refused + (own ? own->denied : 0); refused != 0)
    print_row("",
              fmt::format("the broker refused {} of these messages, or of their connections' subscriptions",
                          number(refused)));
  if (own)
    print_row(
        "connections",
        fmt::format("{} there, {} lost, {} refused, {} taken over by somebody else; {} messages without "
                    "room",
                    number(own->there), number(own->lost), number(own->refused), number(own->taken_over),
                    number(own->dropped)));
  const auto parity = parity_->total();
  if (parity.samples == 0) return;
  const double share =
      parity.judged == 0 ? 0 : static_cast<double>(parity.within) / static_cast<double>(parity.judged);
  print_row("parity",
            fmt::format(
                "{} samples of {} devices beside their models; {} of them judged, {:.2f} % within tolerance; "
                "{} devices diverging",
                number(parity.samples), number(parity.devices), number(parity.judged), 100 * share,
                number(parity.diverging)));
}

}  // namespace looptwin::testbed
