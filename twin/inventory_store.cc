#include "twin/inventory_store.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <algorithm>

#include "base/text.h"
#include "twin/database_file.h"
#include "twin/record_rules.h"

namespace looptwin::twin {
namespace {

/// Entry i leads from schema i to schema i + 1. Entries are never changed, only added.
constexpr const char* kMigrations[] = {
    R"(CREATE TABLE item (
         n INTEGER PRIMARY KEY,
         id TEXT NOT NULL UNIQUE,
         model TEXT NOT NULL,
         serial TEXT NOT NULL,
         firmware TEXT NOT NULL,
         fixture TEXT NOT NULL,
         tags TEXT NOT NULL,
         calibrated TEXT NOT NULL,
         due TEXT NOT NULL,
         notes TEXT NOT NULL,
         quarantine TEXT NOT NULL,
         retired INTEGER NOT NULL CHECK (retired IN (0, 1)),
         version INTEGER NOT NULL,
         said_serial TEXT NOT NULL,
         said_firmware TEXT NOT NULL) STRICT;
       CREATE TABLE change (
         item INTEGER NOT NULL REFERENCES item (n),
         version INTEGER NOT NULL,
         key TEXT NOT NULL,
         at INTEGER NOT NULL,
         author TEXT NOT NULL,
         before TEXT,
         after TEXT,
         PRIMARY KEY (item, version, key)) STRICT, WITHOUT ROWID;
       CREATE TABLE reservation (
         n INTEGER PRIMARY KEY AUTOINCREMENT,
         owner TEXT NOT NULL,
         ids TEXT NOT NULL,
         tags TEXT NOT NULL,
         model TEXT NOT NULL,
         count INTEGER NOT NULL,
         overdue INTEGER NOT NULL,
         lease INTEGER NOT NULL,
         asked INTEGER NOT NULL,
         granted INTEGER,
         until INTEGER NOT NULL,
         ended INTEGER,
         outcome TEXT CHECK (outcome IN ('released', 'expired', 'given up'))) STRICT;
       CREATE INDEX reservation_standing ON reservation (n) WHERE ended IS NULL;
       CREATE TABLE holding (
         reservation INTEGER NOT NULL REFERENCES reservation (n),
         item INTEGER NOT NULL REFERENCES item (n),
         ended INTEGER,
         PRIMARY KEY (reservation, item)) STRICT, WITHOUT ROWID;
       CREATE UNIQUE INDEX one_holder ON holding (item) WHERE ended IS NULL;)",
};
const DatabaseKind kKind{0x4C54494E,  // "LTIN"
                         "inventory", "looptwin inventory init makes a new one", kMigrations,
                         20'000};  // ms: a crowd of jobs asks at once

/// The columns of an item, as read() wants them.
constexpr const char* kFindItem =
    "SELECT n, id, model, serial, firmware, fixture, tags, calibrated, due, notes, quarantine, retired, "
    "version, said_serial, said_firmware FROM item WHERE id = ?";
constexpr const char* kAllItems =
    "SELECT n, id, model, serial, firmware, fixture, tags, calibrated, due, notes, quarantine, retired, "
    "version, said_serial, said_firmware FROM item ORDER BY n";

InventoryItem read(const Query& query) {
  InventoryItem item{.id = query.text(1),
                     .model = query.text(2),
                     .identity = {query.text(3), query.text(4)},
                     .fixture = query.text(5),
                     .calibrated = query.text(7),
                     .due = query.text(8),
                     .notes = query.text(9),
                     .quarantine = query.text(10),
                     .retired = query.integer(11) != 0,
                     .version = static_cast<uint64_t>(query.integer(12)),
                     .said = {query.text(13), query.text(14)}};
  (void)set_value(item, "tags", query.text(6));  // tags take any text
  return item;
}

}  // namespace

InventoryStore::InventoryStore(std::unique_ptr<Database> db) : db_(std::move(db)) {}
InventoryStore::InventoryStore(InventoryStore&&) noexcept = default;
InventoryStore& InventoryStore::operator=(InventoryStore&&) noexcept = default;
InventoryStore::~InventoryStore() = default;

Result<InventoryStore> InventoryStore::create(const std::filesystem::path& path) {
  constexpr mode_t kWhoeverMay = S_IRUSR | S_IWUSR | S_IRGRP | S_IWGRP | S_IROTH | S_IWOTH;
  if (auto made = create_database(path, kKind, kWhoeverMay); !made)
    return tl::make_unexpected(std::move(made.error()));
  return open(path, Access::write);
}

Result<InventoryStore> InventoryStore::open(const std::filesystem::path& path, Access access) {
  if (auto there = find_database(path, kKind); !there) return tl::make_unexpected(std::move(there.error()));
  auto db = std::make_unique<Database>(path, kKind, false);
  recognise(*db);
  if (db->ok() && access == Access::write && db->read_only())
    db->fail(fmt::format("{} cannot be written: it is read-only", path.string()));
  if (access == Access::read) db->execute("PRAGMA query_only = ON");
  if (auto done = db->result(); !done) return tl::make_unexpected(std::move(done.error()));
  return InventoryStore(std::move(db));
}

Result<std::optional<InventoryItem>> InventoryStore::find(const std::string& id) const {
  Query query(*db_, kFindItem, id);
  auto found = query.next() ? std::optional(read(query)) : std::nullopt;
  return db_->result(std::move(found));
}

Result<std::vector<InventoryItem>> InventoryStore::items(const InventoryFilter& filter) const {
  std::vector<InventoryItem> all;
  const auto wanted = [&](const InventoryItem& item) {
    return (filter.model.empty() || item.model == filter.model) &&
           (filter.pattern.empty() || glob_match(filter.pattern, item.id)) &&
           std::ranges::all_of(filter.tags,
                               [&](const auto& tag) { return std::ranges::count(item.tags, tag) != 0; });
  };
  Query query(*db_, kAllItems);
  while (query.next())
    if (auto item = read(query); wanted(item)) all.push_back(std::move(item));
  return db_->result(std::move(all));
}

Result<std::vector<DeviceChange>> InventoryStore::history(const std::string& id) const {
  std::vector<DeviceChange> changes;
  Query query(*db_,
              "SELECT c.version, c.at, c.author, c.key, c.before, c.after FROM change c JOIN item i "
              "ON i.n = c.item WHERE i.id = ? ORDER BY c.version, c.key",
              id);
  while (query.next())
    changes.push_back({static_cast<uint64_t>(query.integer(0)), UnixTime{query.integer(1)}, query.text(2),
                       query.text(3), query.text_or_null(4), query.text_or_null(5)});
  return db_->result(std::move(changes));
}

Result<int64_t> InventoryStore::changes() const {
  const auto version = data_version(*db_);
  return db_->result(version);
}

Result<void> InventoryStore::check() const {
  check_integrity(*db_);
  return db_->result();
}

struct InventoryStore::Edit::State {
  Database& db;
  Author author;

  ~State() { db.roll_back(); }

  void log(int64_t n, uint64_t version, const std::string& key, const std::optional<std::string>& before,
           const std::optional<std::string>& after) {
    Query(db,
          "INSERT INTO change (item, version, key, at, author, before, after) VALUES (?, ?, ?, ?, ?, ?, ?)",
          n, version, key, author.at.ns, author.name, before, after)
        .run();
  }

  void write(int64_t n, const InventoryItem& item, uint64_t version) {
    const Identity said = item.quarantine.empty() ? Identity{} : item.said;
    Query(
        db,
        "UPDATE item SET model = ?, serial = ?, firmware = ?, fixture = ?, tags = ?, calibrated = ?, due = "
        "?, "
        "notes = ?, quarantine = ?, retired = ?, version = ?, said_serial = ?, said_firmware = ? WHERE n = ?",
        item.model, item.identity.serial, item.identity.firmware, item.fixture, joined(item.tags, ";"),
        item.calibrated, item.due, item.notes, item.quarantine, int64_t{item.retired}, version, said.serial,
        said.firmware, n)
        .run();
  }

  /// Writes down what differs.
  void log_changes(int64_t n, uint64_t version, const InventoryItem& before, const InventoryItem& after) {
    const auto from = values_of(before), to = values_of(after);
    const auto value_in = [](const auto& values, const std::string& key) {
      const auto at = values.find(key);
      return at == values.end() ? std::nullopt : std::optional(at->second);
    };
    auto keys = item_keys();
    keys.emplace_back("state");
    for (const auto& key : keys)
      if (value_in(from, key) != value_in(to, key))
        log(n, version, key, value_in(from, key), value_in(to, key));
  }
};

Result<InventoryStore::Edit> InventoryStore::edit(Author author) {
  if (auto good = check_author(author.name); !good) return tl::make_unexpected(good.error());
  db_->execute("BEGIN IMMEDIATE");
  if (auto begun = db_->result(); !begun) return tl::make_unexpected(std::move(begun.error()));
  return Edit(std::unique_ptr<Edit::State>(new Edit::State{*db_, std::move(author)}));
}

InventoryStore::Edit::Edit(std::unique_ptr<State> state) : state_(std::move(state)) {}
InventoryStore::Edit::Edit(Edit&&) noexcept = default;
InventoryStore::Edit::~Edit() = default;

Result<std::optional<InventoryItem>> InventoryStore::Edit::find(const std::string& id) const {
  Query query(state_->db, kFindItem, id);
  auto found = query.next() ? std::optional(read(query)) : std::nullopt;
  return state_->db.result(std::move(found));
}

Result<void> InventoryStore::Edit::add(const InventoryItem& item) {
  auto& db = state_->db;
  if (auto good = check_item(item); !good) return good;
  if (Query same(db, "SELECT retired FROM item WHERE id = ?", item.id); same.next()) {
    const bool retired = same.integer(0) != 0;
    db.fail(fmt::format("there {} a device '{}'", retired ? "has already been" : "is already", item.id),
            retired ? "ids of retired devices are not used again" : "choose another id, or set that device");
  }
  Query(db,
        "INSERT INTO item (id, model, serial, firmware, fixture, tags, calibrated, due, notes, quarantine, "
        "retired, version, said_serial, said_firmware) VALUES (?, '', '', '', '', '', '', '', '', '', 0, 1, "
        "'', '')",
        item.id)
      .run();
  const int64_t n = db.last_row();
  state_->write(n, item, 1);
  state_->log(n, 1, "device", std::nullopt, item.id);
  state_->log_changes(n, 1, {}, item);
  return db.result();
}

Result<uint64_t> InventoryStore::Edit::update(const InventoryItem& item, std::optional<uint64_t> expected) {
  auto& db = state_->db;
  if (auto good = check_item(item); !good) return tl::make_unexpected(std::move(good.error()));
  int64_t n = 0;
  InventoryItem before;
  {
    Query query(db, kFindItem, item.id);
    if (query.next()) {
      n = query.integer(0);
      before = read(query);
    } else {
      db.fail(fmt::format("there is no device '{}' in {}", item.id, db.path().string()));
    }
  }
  if (db.ok() && expected && *expected != before.version)
    db.fail(fmt::format("'{}' has version {}, not {}: it was changed in between", item.id, before.version,
                        *expected),
            "look at it again, and make the change for its version of now");
  if (db.ok() && values_of(before) == values_of(item) && before.said == item.said)
    return db.result(before.version);
  if (db.ok() && before.retired)
    db.fail(fmt::format("'{}' is retired, and does not change any more", item.id),
            "a new device gets a new id: ids are not used again");
  if (item.retired)
    if (Query held(db,
                   "SELECT r.n, r.owner FROM holding h JOIN reservation r ON r.n = h.reservation WHERE "
                   "h.item = ? AND h.ended IS NULL AND r.until > ?",
                   n, state_->author.at.ns);
        held.next())
      db.fail(fmt::format("'{}' cannot retire: {} has reserved it (reservation {})", item.id, held.text(1),
                          held.integer(0)),
              "wait for its release");
  const uint64_t version = before.version + 1;
  state_->log_changes(n, version, before, item);
  state_->write(n, item, version);
  return db.result(version);
}

Result<void> InventoryStore::Edit::commit() {
  state_->db.execute("COMMIT");
  return state_->db.result();
}

Result<void> InventoryStore::quarantine(const std::string& id, const std::string& why, const Identity& said,
                                        const Author& author) {
  auto edit = this->edit(author);
  if (!edit) return tl::make_unexpected(edit.error());
  auto found = edit->find(id);
  if (!found) return tl::make_unexpected(found.error());
  if (!*found) return failure(fmt::format("there is no device '{}' in {}", id, db_->path().string()));
  (*found)->quarantine = why;
  (*found)->said = said;
  if (auto done = edit->update(**found); !done) return tl::make_unexpected(done.error());
  return edit->commit();
}

Result<uint64_t> InventoryStore::accept(const std::string& id, const Author& author,
                                        std::optional<uint64_t> expected) {
  auto edit = this->edit(author);
  if (!edit) return tl::make_unexpected(edit.error());
  auto found = edit->find(id);
  if (!found) return tl::make_unexpected(found.error());
  if (!*found) return failure(fmt::format("there is no device '{}' in {}", id, db_->path().string()));
  auto& item = **found;
  if (item.said == Identity{})
    return failure(fmt::format("'{}' has said nothing that could be accepted", id),
                   item.quarantine.empty()
                       ? "it is not in quarantine"
                       : "looptwin inventory set FILE ID quarantine= ends its quarantine");
  if (!item.said.serial.empty()) item.identity.serial = item.said.serial;
  if (!item.said.firmware.empty()) item.identity.firmware = item.said.firmware;
  item.said = {};
  item.quarantine.clear();
  auto version = edit->update(item, expected);
  if (!version) return version;
  if (auto done = edit->commit(); !done) return tl::make_unexpected(done.error());
  return version;
}

}  // namespace looptwin::twin
