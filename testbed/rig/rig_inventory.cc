#include "testbed/rig/rig_inventory.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "base/json_tree.h"
#include "base/text.h"
#include "hil/steady_time.h"
#include "testbed/attribution.h"
#include "testbed/reserving.h"
#include "testbed/summary.h"
#include "twin/tables.h"
#include "twin/warm/disk.h"

namespace looptwin::testbed {
namespace {

using Store = twin::InventoryStore;

/// How often it is asked whether a person has changed something.
constexpr std::chrono::milliseconds kLook(200);

/// So long devices are taken once more that are to be made safe.
constexpr Duration kOnceMore = minutes(1);

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
  std::unique_ptr<RigInventory> made(new RigInventory(rig));
  std::vector<std::string> ids;
  if (auto found = made->find_devices(scenario, ids); !found)
    return tl::make_unexpected(std::move(found.error()));
  if (auto taken = made->take(request, std::move(ids), stop); !taken)
    return tl::make_unexpected(std::move(taken.error()));
  return made;
}

/// Those that are real when the rig begins: pieces that are chosen, and ids of the others.
Result<void> RigInventory::find_devices(const Scenario& scenario, std::vector<std::string>& ids) {
  lang::Schema schema;
  twin::Tables tables(schema);
  const auto registry = twin::Registry::build(scenario.models, scenario.fleet, scenario.seed, schema, tables);
  if (!registry) return tl::make_unexpected(registry.error());
  const auto bindings = Bindings::make(rig_.bindings.value_or(std::vector<BindingConfig>{}), *registry);
  if (!bindings) return tl::make_unexpected(bindings.error());
  std::set<const EquipmentConfig*> unused;
  for (const auto& entry : rig_.equipment) unused.insert(&entry);
  for (const auto& model : registry->models())
    for (size_t row = 0; speaks(model.config) && row < registry->devices(model.table); ++row) {
      const twin::DeviceRef device{model.table, Row(row)};
      const std::string id(registry->id(device));
      if ((*bindings)->of(device) == Binding::simulated) {
        simulated_.insert(id);
        continue;
      }
      const EquipmentConfig* of = nullptr;
      for (const auto& entry : rig_.equipment)
        if (glob_match(entry.pattern, id)) {
          of = &entry;
          unused.erase(of);
        }
      if (of != nullptr)
        pieces_.push_back({id, of, model.table.index()});
      else
        ids.push_back(id);
    }
  Diagnostics problems;
  for (const auto* entry : unused)
    problems.push_back({Severity::error, entry->span,
                        fmt::format("no real device matches '{}'", entry->pattern),
                        "`*` stands for any part of an id without '/', `**` for any part; what is simulated "
                        "needs no equipment"});
  if (!problems.empty()) return tl::make_unexpected(std::move(problems));
  return {};
}

std::vector<std::vector<std::string>> RigInventory::tags_of_pieces() const {
  std::vector<std::vector<std::string>> tags;
  for (const auto& piece : pieces_) tags.push_back(piece.of->tags);
  return tags;
}

const std::string* RigInventory::device_of(const std::string& item) const {
  const auto found = std::ranges::find_if(items_, [&](const auto& one) { return one.second.id == item; });
  return found == items_.end() ? nullptr : &found->first;
}

Result<void> RigInventory::find_items(const Store& store, const std::vector<std::string>& ids) {
  Diagnostics problems;
  for (const auto& id : ids) {
    auto found = store.find(id);
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
  return {};
}

Result<void> RigInventory::take(const Request& request, std::vector<std::string> ids,
                                const std::atomic<bool>& stop) {
  auto store = Store::open(rig_.inventory, Store::Access::write);
  if (!store) return tl::make_unexpected(std::move(store.error()));
  if (auto found = find_items(*store, ids); !found) return found;
  if (ids.empty() && pieces_.empty()) return {};
  if (auto good = check_items(items_, hil::civil_time()); !good) return good;
  if (request.reservation) {
    twin::Reservations reservations(*store);
    if (auto made = take_made(request, ids, reservations); !made) return made;
    return assign(*store, ids);
  }
  const ReservingRequest wanted{
      .inventory = rig_.inventory,
      .wish = {.ids = ids,
               .pieces = tags_of_pieces(),
               .overdue = rig_.reserve.overdue,
               .owner = fmt::format("{} ({})", author_of(request.owner).name, rig_.name),
               .lease = rig_.reserve.lease},
      .wait = rig_.reserve.wait};
  auto got = testbed::reserve(wanted, stop, [](const twin::Reservation& waiting) {
    fmt::print(stderr, "waiting for devices: {}\n", waiting.why);
  });
  if (!got) {
    for (auto& problem : got.error())
      problem.span = pieces_.empty() ? rig_.inventory_span : pieces_.front().of->span;
    return tl::make_unexpected(std::move(got.error()));
  }
  if (got->waits()) {
    not_free_ = got->why;
    return {};
  }
  own_ = true;
  lease_ = rig_.reserve.lease;
  reservation_ = std::move(*got);
  until_ = reservation_.until.ns;
  return assign(*store, ids);
}

/// A reservation that somebody has made before has all of the devices.
Result<void> RigInventory::take_made(const Request& request, const std::vector<std::string>& ids,
                                     twin::Reservations& reservations) {
  const auto now = hil::civil_time();
  auto used = reservations.renew(*request.reservation, author_of(request.owner).name, {}, now);
  if (!used) return tl::make_unexpected(std::move(used.error()));
  reservation_ = std::move(*used);
  lease_ = reservation_.until - now;
  until_ = reservation_.until.ns;
  for (const auto& id : ids)
    if (std::ranges::count(reservation_.devices, id) == 0)
      return failure(rig_.inventory_span, fmt::format("reservation {} has no '{}'", reservation_.number, id),
                     fmt::format("it has: {}", joined(reservation_.devices)));
  return {};
}

/// Which device each reserved piece is.
Result<void> RigInventory::assign(const Store& store, const std::vector<std::string>& ids) {
  if (pieces_.empty()) return {};
  auto all = store.items();
  if (!all) return tl::make_unexpected(std::move(all.error()));
  std::erase_if(*all, [&](const auto& item) {
    return std::ranges::count(reservation_.devices, item.id) == 0 || std::ranges::count(ids, item.id) != 0;
  });
  const auto chosen = twin::assigned(tags_of_pieces(), *all);
  std::map<std::string, twin::InventoryItem> items;
  for (size_t p = 0; p < pieces_.size(); ++p) {
    const auto item = std::ranges::find(*all, chosen[p], &twin::InventoryItem::id);
    if (item == all->end())
      return failure(pieces_[p].of->span,
                     fmt::format("reservation {} has nothing left with the tags {} that could be '{}'",
                                 reservation_.number, joined(pieces_[p].of->tags), pieces_[p].device),
                     fmt::format("it has: {}", joined(reservation_.devices)));
    if (simulated_.contains(item->id))
      return failure(pieces_[p].of->span,
                     fmt::format("'{}' of the inventory would be '{}', and a simulated device of this rig "
                                 "goes by that id",
                                 item->id, pieces_[p].device),
                     fmt::format("bind '{}' real as well, or give it other tags", item->id));
    items[pieces_[p].device] = *item;
  }
  if (auto good = check_items(items, hil::civil_time()); !good) return good;
  for (const auto& [device, item] : items)
    fmt::print(stderr, "{} is {}{}\n", device, item.id,
               item.identity.serial.empty() ? "" : ", serial " + item.identity.serial);
  items_.merge(items);
  return {};
}

Result<void> RigInventory::name(std::vector<hil::Mapping>& mappings) const {
  Diagnostics problems;
  for (const auto& piece : pieces_) {
    const auto item = items_.find(piece.device);
    if (item == items_.end()) continue;
    auto& names = mappings[piece.model].names;
    if (std::ranges::count(names, piece.device, [](const auto& name) { return name.first; }) != 0)
      problems.push_back({Severity::error, piece.of->span,
                          fmt::format("'{}' is called otherwise by names: of its mapping", piece.device),
                          "leave one of them out: a piece calls itself by its id in the inventory"});
    names.emplace_back(piece.device, item->second.id);
  }
  if (!problems.empty()) return tl::make_unexpected(std::move(problems));
  return {};
}

/// All that stands in the way of any of them at once, also where they are reserved already.
Result<void> RigInventory::check_items(const std::map<std::string, twin::InventoryItem>& items,
                                       UnixTime now) const {
  Diagnostics problems;
  for (const auto& [device, item] : items) {
    const auto& id = item.id;
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
        quarantines_.push_back({items_.at(std::string(registry_->id(device))).id, why, said});
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
    if (const auto device = registry_->find(*device_of(item.id)))
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
        until_ = renewed->until.ns;
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

Result<twin::Reservation> RigInventory::renew(Result<Store>& store) const {
  if (!store) return tl::make_unexpected(store.error());
  return twin::Reservations(*store).renew(reservation_.number, reservation_.owner, {}, hil::civil_time());
}

bool RigInventory::has_lapsed() const {
  return reservation_.number != 0 && hil::civil_time() >= UnixTime{until_};
}

std::map<std::string, std::string> RigInventory::taken_by_others() {
  std::map<std::string, std::string> taken;
  if (reservation_.number == 0) return taken;
  auto store = Store::open(rig_.inventory, Store::Access::write);
  if (!store || renew(store)) return taken;
  twin::Reservations reservations(*store);
  const auto now = hil::civil_time();
  for (const auto& [device, item] : items_) {
    const auto got = reservations.ask(
        {.ids = {item.id}, .overdue = true, .owner = reservation_.owner, .lease = kOnceMore}, now, false);
    if (got && !got->waits()) once_more_.push_back(got->number);
  }
  const auto standing = reservations.standing(now);
  if (!standing) return taken;
  for (const auto& other : *standing)
    if (std::ranges::count(once_more_, other.number) == 0 && other.number != reservation_.number)
      for (const auto& id : other.devices)
        if (const auto* device = device_of(id)) taken[*device] = other.owner;
  return taken;
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
    if (device_of(item.id) != nullptr) news_.push_back(std::move(item));
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
  auto numbers = std::exchange(once_more_, {});
  if (std::exchange(own_, false)) numbers.push_back(reservation_.number);
  if (numbers.empty()) return;
  auto store = Store::open(rig_.inventory, Store::Access::write);
  if (!store) return;  // they run out by themselves
  for (const auto number : numbers)
    (void)twin::Reservations(*store).end(number, reservation_.owner, hil::civil_time());
}

Diagnostics RigInventory::problems() const {
  const std::scoped_lock lock(mutex_);
  return problems_;
}

void RigInventory::print() const {
  print_row("inventory", fmt::format("{} devices of {}, reservation {}; {}", items_.size(),
                                     rig_.inventory.string(), reservation_.number, gate_->text()));
  const char* what = "equipment";
  for (const auto& [device, item] : items_) {
    if (item.id == device) continue;
    print_row(what, fmt::format("{} was {}{}", device, item.id,
                                item.identity.serial.empty() ? "" : ", serial " + item.identity.serial));
    what = "";
  }
}

Result<void> RigInventory::write(const std::filesystem::path& run) const {
  OrderedJson json = {{"inventory", rig_.inventory.string()},
                      {"reservation", reservation_.number},
                      {"owner", reservation_.owner}};
  json["devices"] = OrderedJson::object();
  for (const auto& [id, item] : items_) {
    auto& device = json["devices"][id];
    device = OrderedJson::object();
    device["equipment"] = item.id;
    for (const auto& [key, value] : twin::values_of(item)) device[key] = value;
    const auto ref = registry_->find(id);
    if (!ref) continue;
    device["admitted"] = gate_->admits(*ref);
    const auto& said = gate_->said_by(*ref);
    if (!said.serial.empty()) device["said_serial"] = said.serial;
    if (!said.firmware.empty()) device["said_firmware"] = said.firmware;
  }
  return twin::write_whole_file(run / "inventory.json", dump_json(json, 2) + "\n");
}

}  // namespace looptwin::testbed
