#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <memory>

#include "base/json_tree.h"
#include "base/text.h"
#include "hil/steady_time.h"
#include "lang/units.h"
#include "testbed/attribution.h"
#include "testbed/command_set.h"
#include "testbed/commands.h"
#include "testbed/inventory_files.h"
#include "testbed/reserving.h"
#include "testbed/run_folder.h"

namespace looptwin::testbed {
namespace {

using twin::InventoryItem;
using twin::InventoryStore;
using twin::Reservation;
using Access = InventoryStore::Access;

/// What the sub-commands' options are read into.
struct Options {
  std::filesystem::path file;
  std::string id, by, owner, lease, wait, format;
  std::vector<std::string> ids, settings;
  std::optional<uint64_t> version;
  twin::InventoryFilter filter;
  twin::ReservationWish wish;
  int64_t number = 0;
  bool free = false;
  std::filesystem::path target;
  InventoryImport import;
};

void print(std::string_view text) { std::fwrite(text.data(), 1, text.size(), stdout); }

std::string or_dash(const std::string& text) { return text.empty() ? "-" : text; }

Result<Duration> duration_of(const std::string& option, const std::string& text) {
  static const lang::Units kUnits;
  const auto source = std::make_shared<const Source>(Source{option, text});
  return kUnits.duration({source, 0, static_cast<uint32_t>(text.size())});
}

Result<void> set_all(const std::vector<std::string>& settings, InventoryItem& item) {
  for (const auto& setting : settings) {
    const auto equals = setting.find('=');
    if (equals == std::string::npos || equals == 0)
      return failure(fmt::format("'{}' is not key=value", setting), "write serial=SN-4711");
    if (auto good = twin::set_value(item, setting.substr(0, equals), setting.substr(equals + 1)); !good)
      return good;
  }
  return {};
}

/// Who holds each device now; those that wait hold none.
Result<std::map<std::string, Reservation>> holders(InventoryStore& store) {
  auto standing = twin::Reservations(store).standing(hil::civil_time());
  if (!standing) return tl::make_unexpected(std::move(standing.error()));
  std::map<std::string, Reservation> by_device;
  for (const auto& one : *standing)
    for (const auto& id : one.devices) by_device[id] = one;
  return by_device;
}

/// One word for what may be done with it.
std::string state_of(const InventoryItem& item, const std::map<std::string, Reservation>& held) {
  if (item.retired) return "retired";
  if (!item.quarantine.empty()) return "quarantined";
  if (held.contains(item.id)) return "reserved";
  return twin::is_overdue(item, hil::civil_time()) ? "overdue" : "free";
}

Exit init(const Options& options) {
  const auto made = InventoryStore::create(options.file);
  if (!made) return refuse(made.error());
  print(fmt::format("{} is an inventory without devices\n", options.file.string()));
  return Exit::held;
}

Exit add(Options& options) {
  auto store = InventoryStore::open(options.file, Access::write);
  if (!store) return refuse(store.error());
  InventoryItem item{.id = options.id};
  if (auto good = set_all(options.settings, item); !good) return refuse(good.error());
  auto edit = store->edit(author_of(options.by));
  if (!edit) return refuse(edit.error());
  if (auto done = edit->add(item); !done) return refuse(done.error());
  if (auto done = edit->commit(); !done) return refuse(done.error());
  print(fmt::format("{} is in the inventory\n", item.id));
  return Exit::held;
}

Exit list(const Options& options) {
  auto store = InventoryStore::open(options.file, Access::read);
  if (!store) return refuse(store.error());
  auto items = store->items(options.filter);
  if (!items) return refuse(items.error());
  const auto held = holders(*store);
  if (!held) return refuse(held.error());
  if (options.free)
    std::erase_if(*items, [&](const InventoryItem& item) { return state_of(item, *held) != "free"; });
  if (options.format != "text") {
    print(items_text(*items, options.format == "json" ? FileFormat::json : FileFormat::csv));
    return Exit::held;
  }
  print(fmt::format("{:<24} {:<12} {:<14} {:<12} {:<12} {:<10} {}\n", "id", "model", "serial", "fixture",
                    "state", "due", "tags"));
  for (const auto& item : *items)
    print(fmt::format("{:<24} {:<12} {:<14} {:<12} {:<12} {:<10} {}\n", item.id, or_dash(item.model),
                      or_dash(item.identity.serial), or_dash(item.fixture), state_of(item, *held),
                      or_dash(item.due), or_dash(joined(item.tags, ";"))));
  print(fmt::format("{} devices\n", grouped(static_cast<long long>(items->size()))));
  return Exit::held;
}

Exit unknown(const Options& options) {
  return refuse(failure(fmt::format("there is no device '{}' in {}", options.id, options.file.string()),
                        "looptwin inventory list shows what there is")
                    .value());
}

Exit show(const Options& options) {
  auto store = InventoryStore::open(options.file, Access::read);
  if (!store) return refuse(store.error());
  const auto found = store->find(options.id);
  if (!found) return refuse(found.error());
  if (!*found) return unknown(options);
  const auto held = holders(*store);
  if (!held) return refuse(held.error());
  const auto& item = **found;
  const auto line = [](std::string_view key, std::string_view value) {
    if (!value.empty()) print(fmt::format("{:<16} {}\n", key, value));
  };
  line("id", item.id);
  line("state", state_of(item, *held));
  line("version", std::to_string(item.version));
  const auto values = twin::values_of(item);
  for (const auto& key : twin::item_keys())
    if (const auto value = values.find(key); value != values.end()) line(key, value->second);
  line("said serial", item.said.serial);
  line("said firmware", item.said.firmware);
  if (const auto by = held->find(item.id); by != held->end())
    line("reserved", fmt::format("by {} until {} (reservation {})", by->second.owner,
                                 to_string(by->second.until), by->second.number));
  return Exit::held;
}

Exit set(const Options& options) {
  auto store = InventoryStore::open(options.file, Access::write);
  if (!store) return refuse(store.error());
  auto edit = store->edit(author_of(options.by));
  if (!edit) return refuse(edit.error());
  auto found = edit->find(options.id);
  if (!found) return refuse(found.error());
  if (!*found) return unknown(options);
  if (auto good = set_all(options.settings, **found); !good) return refuse(good.error());
  const auto version = edit->update(**found, options.version);
  if (!version) return refuse(version.error());
  if (auto done = edit->commit(); !done) return refuse(done.error());
  print(fmt::format("{} has version {}\n", options.id, *version));
  return Exit::held;
}

Exit accept(const Options& options) {
  auto store = InventoryStore::open(options.file, Access::write);
  if (!store) return refuse(store.error());
  const auto version = store->accept(options.id, author_of(options.by), options.version);
  if (!version) return refuse(version.error());
  print(fmt::format("{} is what it says, and has version {}\n", options.id, *version));
  return Exit::held;
}

/// All that are named, or none.
Exit retire(const Options& options) {
  auto store = InventoryStore::open(options.file, Access::write);
  if (!store) return refuse(store.error());
  auto edit = store->edit(author_of(options.by));
  if (!edit) return refuse(edit.error());
  for (const auto& id : options.ids) {
    auto found = edit->find(id);
    if (!found) return refuse(found.error());
    InventoryItem item = found->value_or(InventoryItem{.id = id});
    if (item.retired) return refuse(failure(fmt::format("'{}' is retired already", id)).value());
    item.retired = true;
    if (auto done = edit->update(item); !done) return refuse(done.error());
  }
  if (auto done = edit->commit(); !done) return refuse(done.error());
  for (const auto& id : options.ids) print(fmt::format("{} is retired\n", id));
  return Exit::held;
}

Exit history(const Options& options) {
  const auto store = InventoryStore::open(options.file, Access::read);
  if (!store) return refuse(store.error());
  const auto changes = store->history(options.id);
  if (!changes) return refuse(changes.error());
  if (changes->empty()) return unknown(options);
  print(history_text(*changes));
  return Exit::held;
}

Exit import(const Options& options) {
  auto store = InventoryStore::open(options.file, Access::write);
  if (!store) return refuse(store.error());
  const auto counts = import_items(*store, author_of(options.by), options.import);
  if (!counts) {
    std::fputs(render(counts.error()).c_str(), stderr);
    std::fputs("nothing was imported\n", stderr);
    return Exit::bad_input;
  }
  print(fmt::format("{} added, {} changed, {} as they were\n", counts->added, counts->changed,
                    counts->unchanged));
  return Exit::held;
}

Exit export_all(const Options& options) {
  const auto format = format_of(options.target);
  if (!format) return refuse(format.error());
  const auto store = InventoryStore::open(options.file, Access::read);
  if (!store) return refuse(store.error());
  const auto items = store->items(options.filter);
  if (!items) return refuse(items.error());
  const auto done = write_new_file(options.target, [&](const auto& out) -> Result<void> {
    out(items_text(*items, *format));
    return {};
  });
  return done ? Exit::held : refuse(done.error());
}

Exit check_file(const Options& options) {
  const auto store = InventoryStore::open(options.file, Access::read);
  if (!store) return refuse(store.error());
  if (const auto checked = store->check(); !checked) return refuse(checked.error());
  const auto items = store->items();
  if (!items) return refuse(items.error());
  print(fmt::format("{} is sound: {} devices\n", options.file.string(), items->size()));
  return Exit::held;
}

std::string shown(const Reservation& one) {
  if (one.waits()) return fmt::format("reservation {} of {} waits: {}\n", one.number, one.owner, one.why);
  return fmt::format("reservation {} of {} until {}: {}\n", one.number, one.owner, to_string(one.until),
                     joined(one.devices, " "));
}

void show_reservation(const Options& options, const Reservation& one) {
  if (options.format != "json") return print(shown(one));
  const OrderedJson json = {{"reservation", one.number},
                            {"owner", one.owner},
                            {"devices", one.devices},
                            {"until", to_string(one.until)}};
  print(dump_json(json) + "\n");
}

Exit reserve_devices(Options& options) {
  const auto lease = duration_of("--lease", options.lease);
  if (!lease) return refuse(lease.error());
  const auto wait = duration_of("--wait", options.wait);
  if (!wait) return refuse(wait.error());
  options.wish.owner = author_of(options.owner).name;
  options.wish.lease = *lease;
  stop_on_signals();  // who stops waiting leaves the queue
  const auto got = reserve({options.file, options.wish, *wait}, stop_asked(),
                           [](const Reservation& waiting) { fmt::print(stderr, "{}", shown(waiting)); });
  if (!got) return refuse(got.error());
  if (got->waits()) {
    fmt::print(stderr, "nothing was reserved: {}\n", got->why);
    return Exit::failed;
  }
  show_reservation(options, *got);
  return Exit::held;
}

Exit renew(const Options& options) {
  std::optional<Duration> lease;
  if (!options.lease.empty()) {
    const auto read = duration_of("--lease", options.lease);
    if (!read) return refuse(read.error());
    lease = *read;
  }
  auto store = InventoryStore::open(options.file, Access::write);
  if (!store) return refuse(store.error());
  const auto renewed = twin::Reservations(*store).renew(options.number, author_of(options.owner).name, lease,
                                                        hil::civil_time());
  if (!renewed) return refuse(renewed.error());
  show_reservation(options, *renewed);
  return Exit::held;
}

Exit release(const Options& options) {
  auto store = InventoryStore::open(options.file, Access::write);
  if (!store) return refuse(store.error());
  const auto done =
      twin::Reservations(*store).end(options.number, author_of(options.owner).name, hil::civil_time());
  if (!done) return refuse(done.error());
  print(fmt::format("reservation {} is released\n", options.number));
  return Exit::held;
}

Exit reservations(const Options& options) {
  auto store = InventoryStore::open(options.file, Access::read);
  if (!store) return refuse(store.error());
  const auto standing = twin::Reservations(*store).standing(hil::civil_time());
  if (!standing) return refuse(standing.error());
  for (const auto& one : *standing) print(shown(one));
  print(fmt::format("{} reservations\n", standing->size()));
  return Exit::held;
}

class Commands : CommandSet<Options> {
 public:
  explicit Commands(ArgumentParser& parser)
      : CommandSet(parser.subcommand("inventory", "keeps the equipment of a lab, and who may use it"),
                   "the inventory") {}
  void declare() {
    add_single();
    add_many();
    add_reserving();
  }

 private:
  static void filtered(const Command& c) {
    c.option("--model", c.options.filter.model, "only of this model");
    c.option("--id", c.options.filter.pattern, "only ids like this: 'bench-1/*'");
    c.option("--tags", c.options.filter.tags, "only with all of these tags")
        .separated_by(',')
        .one_value_each();
  }
  static void owned(const Command& c) {
    c.option("--owner", c.options.owner, "whose it is (default: the user's name)");
  }

  void add_single() {
    command("init", "makes an empty inventory", init);
    const auto added = command("add", "adds a device", add);
    added.option("ID", added.options.id, "of the new device, as the registry has it").required();
    added.key_values("--set", added.options.settings, "serial=SN-4711, tags='pump;hot', due=2027-03-31");
    attributed(added);
    with_id(command("show", "shows all of a device, and who has reserved it", show));
    with_id(command("history", "shows who changed what of a device, and when", history));
    const auto changed = command("set", "changes values of a device", set);
    with_id(changed);
    changed.key_values("SETTINGS", changed.options.settings, "fixture=bench-2; an empty value removes")
        .required();
    with_version(changed);
    attributed(changed);
    const auto accepted = command(
        "accept", "ends a quarantine: what the device has said is what it is to say from now on", accept);
    with_id(accepted);
    with_version(accepted);
    attributed(accepted);
    const auto retired =
        command("retire", "takes devices out for good; their ids are not used again", retire);
    retired.option("IDS", retired.options.ids, "of devices").required();
    attributed(retired);
  }

  void add_many() {
    const auto listed = command("list", "lists devices", list);
    filtered(listed);
    listed.flag("--free", listed.options.free, "only those that can be reserved now");
    formatted(listed, {"text", "json", "csv"});
    const auto imported = command("import", "takes all devices of a .json or .csv file, or none", import);
    imported.option("FROM", imported.options.import.file, "the file").required();
    imported.flag("--update", imported.options.import.update, "devices that are there get the file's values");
    attributed(imported);
    const auto exported = command("export", "writes devices to a .json or .csv file", export_all);
    exported.option("TO", exported.options.target, "the file; must not exist").required();
    filtered(exported);
    command("check", "reads all of the file, and says whether it is sound", check_file);
  }

  void add_reserving() {
    const auto reserved =
        command("reserve", "takes devices, all or none, for as long as the lease lasts", reserve_devices);
    auto& options = reserved.options;
    options.lease = "20 min";
    options.wait = "0 s";
    reserved.option("IDS", options.wish.ids, "exactly these devices");
    reserved.option("--tags", options.wish.tags, "devices with all of these tags")
        .separated_by(',')
        .one_value_each();
    reserved.option("--model", options.wish.model, "of this model");
    reserved.option("--count", options.wish.count, "how many of them (default: 1)");
    reserved.flag("--overdue", options.wish.overdue, "also those whose calibration is overdue");
    owned(reserved);
    reserved.option("--lease", options.lease, "when it ends unless it is renewed (default: 20 min)");
    reserved.option("--wait", options.wait, "so long at the most, in the order of asking (default: not)");
    formatted(reserved, {"text", "json"});
    const auto renewed = command("renew", "lets a reservation's lease begin anew", renew);
    renewed.option("NUMBER", renewed.options.number, "of the reservation").required();
    renewed.option("--lease", renewed.options.lease, "another lease from now on");
    owned(renewed);
    formatted(renewed, {"text", "json"});
    const auto released = command("release", "ends a reservation", release);
    released.option("NUMBER", released.options.number, "of the reservation").required();
    owned(released);
    command("reservations", "lists who has reserved what, and who waits", reservations);
  }
};

}  // namespace

void add_inventory_command(ArgumentParser& parser) { Commands(parser).declare(); }

}  // namespace looptwin::testbed
