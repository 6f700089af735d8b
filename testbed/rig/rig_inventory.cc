#include "testbed/rig/rig_inventory.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "hil/steady_time.h"
#include "testbed/attribution.h"
#include "testbed/reserving.h"
#include "testbed/summary.h"
#include "twin/warm/disk.h"

namespace looptwin::testbed {
namespace {

using Store = twin::InventoryStore;

/// How often it is asked whether a person has changed something.
constexpr std::chrono::milliseconds kLook(200);

/// Ids of devices that are real when the rig begins.
Result<std::vector<std::string>> real_devices(const RigConfig& rig, const Scenario& scenario) {
  lang::Schema schema;
  twin::Tables tables(schema);
  const auto registry = twin::Registry::build(scenario.models, scenario.fleet, scenario.seed, schema, tables);
  if (!registry) return tl::make_unexpected(registry.error());
  const auto bindings = Bindings::make(rig.bindings.value_or(std::vector<BindingConfig>{}), *registry);
  if (!bindings) return tl::make_unexpected(bindings.error());
  std::vector<std::string> ids;
  for (const auto& model : registry->models())
    for (size_t row = 0; speaks(model.config) && row < registry->devices(model.table); ++row)
      if (const twin::DeviceRef device{model.table, Row(row)}; (*bindings)->of(device) != Binding::simulated)
        ids.emplace_back(registry->id(device));
  return ids;
}

}  // namespace

Result<std::unique_ptr<RigInventory>> RigInventory::reserve(const RigConfig& rig, const Scenario& scenario,
                                                            const Request& request,
                                                            const std::atomic<bool>& stop) {
  if (rig.inventory.empty()) {
    if (request.reservation || !request.owner.empty())
      return failure(fmt::format("{} has no inventory, so that nobody reserves anything", rig.name),
                     "write inventory: FILE into its rig.yaml, or leave --reservation and --owner out");
    return nullptr;
  }
  auto ids = real_devices(rig, scenario);
  if (!ids) return tl::make_unexpected(std::move(ids.error()));
  std::unique_ptr<RigInventory> made(new RigInventory(rig));
  if (auto taken = made->take(request, std::move(*ids), stop); !taken)
    return tl::make_unexpected(std::move(taken.error()));
  return made;
}

Result<void> RigInventory::take(const Request& request, std::vector<std::string> ids,
                                const std::atomic<bool>& stop) {
  auto store = Store::open(rig_.inventory, Store::Access::write);
  if (!store) return tl::make_unexpected(std::move(store.error()));
  Diagnostics problems;
  for (const auto& id : ids) {
    auto found = store->find(id);
    if (!found) return tl::make_unexpected(std::move(found.error()));
    if (*found)
      items_[id] = **found;
    else
      problems.push_back(
          {Severity::error, rig_.inventory_span,
           fmt::format("'{}' is a device of this rig, and not in {}", id, rig_.inventory.string()),
           fmt::format("looptwin inventory add {} {}", rig_.inventory.string(), id)});
  }
  if (!problems.empty()) return tl::make_unexpected(std::move(problems));
  if (ids.empty()) return {};
  const auto now = hil::civil_time();
  if (auto good = check_items(now); !good) return good;
  const auto owner = author_of(request.owner).name;
  twin::Reservations reservations(*store);
  if (request.reservation) {
    auto used = reservations.renew(*request.reservation, owner, {}, now);
    if (!used) return tl::make_unexpected(std::move(used.error()));
    reservation_ = std::move(*used);
    lease_ = reservation_.until - now;
    for (const auto& id : ids)
      if (std::ranges::count(reservation_.devices, id) == 0)
        return failure(rig_.inventory_span,
                       fmt::format("reservation {} has no '{}'", reservation_.number, id),
                       fmt::format("it has: {}", joined(reservation_.devices)));
    return {};
  }
  const ReservingRequest wanted{.inventory = rig_.inventory,
                                .wish = {.ids = std::move(ids),
                                         .overdue = rig_.reserve.overdue,
                                         .owner = fmt::format("{} ({})", owner, rig_.name),
                                         .lease = rig_.reserve.lease},
                                .wait = rig_.reserve.wait};
  auto got = testbed::reserve(wanted, stop, [](const twin::Reservation& waiting) {
    fmt::print(stderr, "waiting for devices: {}\n", waiting.why);
  });
  if (!got) {
    for (auto& problem : got.error()) problem.span = rig_.inventory_span;
    return tl::make_unexpected(std::move(got.error()));
  }
  if (got->waits())
    return failure(rig_.inventory_span, fmt::format("the devices are not free: {}", got->why),
                   "write reserve: {wait: 1 h} to wait for them");
  own_ = true;
  lease_ = rig_.reserve.lease;
  reservation_ = std::move(*got);
  return {};
}

/// All that stands in the way of any of them at once, also where they are reserved already.
Result<void> RigInventory::check_items(UnixTime now) const {
  Diagnostics problems;
  for (const auto& [id, item] : items_) {
    if (!item.quarantine.empty())
      problems.push_back({Severity::error, rig_.inventory_span,
                          fmt::format("'{}' is in quarantine: {}", id, item.quarantine),
                          "looptwin inventory accept or set ends a quarantine"});
    if (!twin::is_overdue(item, now)) continue;
    if (rig_.reserve.overdue)
      fmt::print(stderr, "warning: {} was due for calibration on {}\n", id, item.due);
    else
      problems.push_back({Severity::error, rig_.inventory_span,
                          fmt::format("'{}' was due for calibration on {}", id, item.due),
                          "calibrate it, or write reserve: {overdue: true}"});
  }
  if (!problems.empty()) return tl::make_unexpected(std::move(problems));
  return {};
}

RigInventory::~RigInventory() { release(); }

void RigInventory::keep(std::function<void()> lost) {
  lost_ = std::move(lost);
  if (!items_.empty()) thread_ = std::thread([this] { look(); });
}

void RigInventory::guard(hil::IdentityGate& gate, const twin::Registry& registry, hil::IncidentSink sink) {
  gate_ = &gate;
  registry_ = &registry;
  gate.report(
      [this](twin::DeviceRef device, const std::string& why, const twin::Identity& said) {
        const std::scoped_lock lock(mutex_);
        quarantines_.push_back({std::string(registry_->id(device)), why, said});
      },
      std::move(sink));
  for (const auto& [id, item] : items_)
    if (const auto device = registry.find(id)) gate.expect(*device, item.identity, item.quarantine, kStart);
}

void RigInventory::step(Time boundary) {
  if (gate_ == nullptr) return;
  std::vector<twin::InventoryItem> news;
  {
    const std::scoped_lock lock(mutex_);
    std::swap(news, news_);
  }
  for (const auto& item : news)
    if (const auto device = registry_->find(item.id))
      gate_->expect(*device, item.identity, item.quarantine, boundary);
}

/// The thread: with a connection of its own.
void RigInventory::look() {
  auto store = Store::open(rig_.inventory, Store::Access::write);
  hil::MachineTime machine;
  Duration next = machine.now(), good_until = next + lease_;
  int64_t seen = -1;
  std::unique_lock lock(mutex_);
  while (!wake_.wait_for(lock, kLook, [this] { return stop_; })) {
    lock.unlock();
    if (!store) {
      store = Store::open(rig_.inventory, Store::Access::write);
    } else {
      write_quarantines(*store);
      if (const auto now = store->changes(); now && *now != seen) {
        seen = *now;
        read(*store);
      }
    }
    if (const Duration now = machine.now(); now >= next) {
      if (const auto renewed = renew(store)) {
        next = now + Duration{lease_.ns / 3};
        good_until = now + lease_;
      } else if (now >= good_until || has_ended(store)) {
        return lose(renewed.error());
      }
    }
    lock.lock();
  }
  lock.unlock();
  if (store) write_quarantines(*store);
}

Result<void> RigInventory::renew(Result<Store>& store) const {
  if (!store) return tl::make_unexpected(store.error());
  const auto renewed =
      twin::Reservations(*store).renew(reservation_.number, reservation_.owner, {}, hil::civil_time());
  if (!renewed) return tl::make_unexpected(renewed.error());
  return {};
}

/// As against a file that cannot be reached for a moment.
bool RigInventory::has_ended(Result<Store>& store) const {
  if (!store) return false;
  const auto standing = twin::Reservations(*store).standing(hil::civil_time());
  return standing && std::ranges::count(*standing, reservation_.number, &twin::Reservation::number) == 0;
}

void RigInventory::lose(const Diagnostics& why) {
  {
    const std::scoped_lock lock(mutex_);
    problems_ = why;
  }
  own_ = false;
  lost_();
}

void RigInventory::write_quarantines(Store& store) {
  std::vector<Quarantine> pending;
  {
    const std::scoped_lock lock(mutex_);
    std::swap(pending, quarantines_);
  }
  for (auto& one : pending) {
    if (store.quarantine(one.id, one.why, one.said, author_of(rig_.name))) continue;
    const std::scoped_lock lock(mutex_);
    quarantines_.push_back(std::move(one));  // tried again
  }
}

void RigInventory::read(Store& store) {
  auto all = store.items();
  if (!all) return;
  const std::scoped_lock lock(mutex_);
  for (auto& item : *all)
    if (items_.contains(item.id)) news_.push_back(std::move(item));
}

void RigInventory::release() {
  if (thread_.joinable()) {
    {
      const std::scoped_lock lock(mutex_);
      stop_ = true;
    }
    wake_.notify_all();
    thread_.join();
  }
  if (!std::exchange(own_, false)) return;
  auto store = Store::open(rig_.inventory, Store::Access::write);
  if (!store) return;  // it runs out by itself
  (void)twin::Reservations(*store).end(reservation_.number, reservation_.owner, hil::civil_time());
}

Diagnostics RigInventory::problems() const {
  const std::scoped_lock lock(mutex_);
  return problems_;
}

void RigInventory::print() const {
  print_row("inventory", fmt::format("{} devices of {}, reservation {}; {}", items_.size(),
                                     rig_.inventory.string(), reservation_.number, gate_->text()));
}

Result<void> RigInventory::write(const std::filesystem::path& run) const {
  nlohmann::ordered_json json = {{"inventory", rig_.inventory.string()},
                                 {"reservation", reservation_.number},
                                 {"owner", reservation_.owner}};
  json["devices"] = nlohmann::ordered_json::object();
  for (const auto& [id, item] : items_) {
    auto& device = json["devices"][id];
    device = nlohmann::ordered_json::object();
    for (const auto& [key, value] : twin::values_of(item)) device[key] = value;
    const auto ref = registry_->find(id);
    if (!ref) continue;
    device["admitted"] = gate_->admits(*ref);
    const auto& said = gate_->said_by(*ref);
    if (!said.serial.empty()) device["said_serial"] = said.serial;
    if (!said.firmware.empty()) device["said_firmware"] = said.firmware;
  }
  return twin::write_whole_file(
      run / "inventory.json",
      json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n");
}

}  // namespace looptwin::testbed
