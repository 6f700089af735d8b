#include "twin/registry_store.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <algorithm>
#include <set>

#include "base/text.h"
#include "twin/database_file.h"
#include "twin/record_rules.h"

namespace looptwin::twin {
namespace {

/// Entry i leads from schema i to schema i + 1. Entries are never changed, only added.
constexpr const char* kMigrations[] = {
    R"(CREATE TABLE registry (key BLOB NOT NULL) STRICT;
       INSERT INTO registry SELECT zeroblob(0);
       CREATE TABLE device (
         n INTEGER PRIMARY KEY,
         id TEXT NOT NULL UNIQUE,
         model TEXT NOT NULL,
         state TEXT NOT NULL CHECK (state IN ('provisioned', 'active', 'suspended', 'retired')),
         link TEXT NOT NULL,
         version INTEGER NOT NULL,
         credential TEXT NOT NULL) STRICT;
       CREATE TABLE property (
         device INTEGER NOT NULL REFERENCES device (n),
         kind TEXT NOT NULL CHECK (kind IN ('parameters', 'relations', 'tags')),
         name TEXT NOT NULL,
         value TEXT NOT NULL,
         PRIMARY KEY (device, kind, name)) STRICT, WITHOUT ROWID;
       CREATE TABLE change (
         device INTEGER NOT NULL REFERENCES device (n),
         version INTEGER NOT NULL,
         key TEXT NOT NULL,
         at INTEGER NOT NULL,
         author TEXT NOT NULL,
         before TEXT,
         after TEXT,
         PRIMARY KEY (device, version, key)) STRICT, WITHOUT ROWID;)",
    // Who is related to a device: asked when it retires.
    "CREATE INDEX property_target ON property (value) WHERE kind = 'relations';",
};
const DatabaseKind kKind{0x4C545247,  // "LTRG"
                         "registry", "looptwin registry init makes a new one", kMigrations};

/// All values of a device but id and model, each under its key, as texts: by these changes are found.
std::map<std::string, std::string> values_of(const DeviceRecord& device) {
  std::map<std::string, std::string> values{{"state", std::string(name_of(device.state))}};
  if (!device.link.empty()) values["link"] = device.link;
  if (!device.tags.empty()) values["tags"] = joined(device.tags, ";");
  for (const auto& [name, value] : device.parameters) values["parameters." + name] = value;
  for (const auto& [name, value] : device.relations) values["relations." + name] = value;
  return values;
}

}  // namespace

struct RegistryStore::File {
  Database db;
  RegistryKey key{};

  explicit File(const std::filesystem::path& path) : db(path, kKind, false) {
    recognise(db);
    if (db.ok()) read_key();
  }

  void read_key() {
    Query query(db, "SELECT key FROM registry");
    const auto bytes = query.next() ? query.text(0) : std::string();
    if (!db.ok()) return;
    if (bytes.size() != key.size())
      return db.fail(fmt::format("{} is damaged: its key is missing", db.path().string()),
                     "take the last good copy");
    std::copy(bytes.begin(), bytes.end(), key.begin());
  }

  struct Found {
    int64_t n;
    DeviceRecord device;
    std::string hash;
  };

  std::optional<Found> find(const std::string& id) {
    Query query(db, "SELECT n, id, model, state, link, version, credential FROM device WHERE id = ?", id);
    if (!query.next()) return std::nullopt;
    return read(query);
  }

  Found read(const Query& query) {
    Found found{query.integer(0), {}, query.text(6)};
    auto& device = found.device;
    device.id = query.text(1);
    device.model = query.text(2);
    device.state = device_state(query.text(3)).value_or(DeviceState::retired);
    device.link = query.text(4);
    device.version = static_cast<uint64_t>(query.integer(5));
    device.credential = kind_of(found.hash);
    Query properties(db, "SELECT kind, name, value FROM property WHERE device = ?", found.n);
    while (properties.next()) {
      const auto kind = properties.text(0);
      if (kind == "tags")
        device.tags.push_back(properties.text(1));
      else
        (kind == "parameters" ? device.parameters : device.relations)[properties.text(1)] =
            properties.text(2);
    }
    return found;
  }
};

RegistryStore::RegistryStore(std::unique_ptr<File> file) : file_(std::move(file)) {}
RegistryStore::RegistryStore(RegistryStore&&) noexcept = default;
RegistryStore& RegistryStore::operator=(RegistryStore&&) noexcept = default;
RegistryStore::~RegistryStore() = default;

Result<RegistryStore> RegistryStore::create(const std::filesystem::path& path) {
  std::string hexadecimal;
  for (const uint8_t byte : generate_registry_key()) hexadecimal += fmt::format("{:02x}", byte);
  // The key stands in it: it is its owner's alone.
  auto made = create_database(path, kKind, S_IRUSR | S_IWUSR, [&](Database& db) {
    db.execute(fmt::format("UPDATE registry SET key = x'{}'", hexadecimal));
  });
  if (!made) return tl::make_unexpected(std::move(made.error()));
  return open(path, Access::write);
}

Result<RegistryStore> RegistryStore::open(const std::filesystem::path& path, Access access) {
  if (auto there = find_database(path, kKind); !there) return tl::make_unexpected(std::move(there.error()));
  auto file = std::make_unique<File>(path);
  if (file->db.ok() && access == Access::write && file->db.read_only())
    file->db.fail(fmt::format("{} cannot be written: it is read-only", path.string()));
  file->db.execute(access == Access::read ? "PRAGMA query_only = ON" : "PRAGMA cache_size = -65536");
  if (auto done = file->db.result(); !done) return tl::make_unexpected(std::move(done.error()));
  return RegistryStore(std::move(file));
}

Result<uint64_t> RegistryStore::devices() const {
  Query query(file_->db, "SELECT count(*) FROM device");
  const bool counted = query.next();
  return file_->db.result(counted ? static_cast<uint64_t>(query.integer(0)) : 0);
}

Result<std::optional<DeviceRecord>> RegistryStore::find(const std::string& id) const {
  auto found = file_->find(id);
  return file_->db.result(found ? std::optional(std::move(found->device)) : std::nullopt);
}

Result<void> RegistryStore::each(const DeviceFilter& filter,
                                 const std::function<bool(const DeviceRecord&)>& visit) const {
  auto& db = file_->db;
  const auto wanted = [&](const DeviceRecord& device) {
    return (filter.states.empty() || std::ranges::count(filter.states, device.state) != 0) &&
           (filter.pattern.empty() || glob_match(filter.pattern, device.id)) &&
           (filter.tag.empty() || std::ranges::count(device.tags, filter.tag) != 0);
  };
  db.execute("BEGIN");
  {
    Query query(db,
                "SELECT n, id, model, state, link, version, credential FROM device "
                "WHERE ?1 = '' OR model = ?1 ORDER BY n",
                filter.model);
    while (query.next()) {
      const auto found = file_->read(query);
      if (db.ok() && wanted(found.device) && !visit(found.device)) break;
    }
  }
  db.roll_back();
  return db.result();
}

Result<std::vector<DeviceChange>> RegistryStore::history(const std::string& id) const {
  std::vector<DeviceChange> changes;
  Query query(file_->db,
              "SELECT c.version, c.at, c.author, c.key, c.before, c.after FROM change c JOIN device d "
              "ON d.n = c.device WHERE d.id = ? ORDER BY c.version, c.key",
              id);
  while (query.next())
    changes.push_back({static_cast<uint64_t>(query.integer(0)), UnixTime{query.integer(1)}, query.text(2),
                       query.text(3), query.text_or_null(4), query.text_or_null(5)});
  return file_->db.result(std::move(changes));
}

Result<Authenticated> RegistryStore::authenticate(const std::string& id, std::string_view secret) const {
  const auto asked = [&] {
    const auto found = file_->find(id);
    if (!found) return Authenticated::unknown_device;
    if (found->device.state == DeviceState::retired) return Authenticated::retired;
    if (found->hash.empty()) return Authenticated::no_credential;
    // Whoever does not know the secret learns nothing of the device's state.
    if (!fits(found->hash, file_->key, id, secret)) return Authenticated::wrong_secret;
    return may_connect(found->device.state) ? Authenticated::yes : Authenticated::suspended;
  };
  const auto answer = asked();
  return file_->db.result(answer);
}

Result<std::vector<RegistryStore::Proof>> RegistryStore::proofs(const std::string& model) const {
  std::vector<Proof> proofs;
  Query query(file_->db, "SELECT id, state, credential FROM device WHERE model = ? ORDER BY n", model);
  while (query.next())
    proofs.push_back(
        {query.text(0), device_state(query.text(1)).value_or(DeviceState::retired), query.text(2)});
  return file_->db.result(std::move(proofs));
}

const RegistryKey& RegistryStore::key() const { return file_->key; }

Result<int64_t> RegistryStore::changes() const {
  const auto version = data_version(file_->db);
  return file_->db.result(version);
}

Result<void> RegistryStore::check() const {
  check_integrity(file_->db);
  return file_->db.result();
}

struct RegistryStore::Edit::State {
  File& file;
  Author author;
  std::map<std::string, std::string> targets;  ///< ids that devices were related to: by whom, for messages
  std::vector<std::string> retired;

  Database& db() { return file.db; }

  ~State() { file.db.roll_back(); }

  void log(int64_t n, uint64_t version, std::string_view key, const std::optional<std::string>& before,
           const std::optional<std::string>& after) {
    Query(db(),
          "INSERT INTO change (device, version, key, at, author, before, after) VALUES (?, ?, ?, ?, ?, ?, ?)",
          n, version, key, author.at.ns, author.name, before, after)
        .run();
  }

  void put_properties(int64_t n, const DeviceRecord& device) {
    const auto put = [&](std::string_view kind, const std::string& name, const std::string& value) {
      Query(db(), "INSERT INTO property (device, kind, name, value) VALUES (?, ?, ?, ?)", n, kind, name,
            value)
          .run();
    };
    for (const auto& [name, value] : device.parameters) put("parameters", name, value);
    for (const auto& [name, target] : device.relations) {
      put("relations", name, target);
      if (device.state != DeviceState::retired) targets.emplace(target, device.id);
    }
    for (const auto& tag : std::set(device.tags.begin(), device.tags.end())) put("tags", tag, "");
  }

  /// The device, when it is there and of the version that the change was made for.
  std::optional<File::Found> find_to_change(const std::string& id, std::optional<uint64_t> expected) {
    auto found = file.find(id);
    if (!found)
      db().fail(fmt::format("there is no device '{}' in {}", id, db().path().string()));
    else if (expected && *expected != found->device.version)
      db().fail(fmt::format("'{}' has version {}, not {}: it was changed in between", id,
                            found->device.version, *expected),
                "look at it again, and make the change for its version of now");
    else if (found->device.state == DeviceState::retired)
      db().fail(fmt::format("'{}' is retired, and does not change any more", id),
                "a new device gets a new id: ids are not used again");
    if (!db().ok()) return std::nullopt;
    return found;
  }

  void check_transition(const DeviceRecord& before, DeviceState to) {
    if (before.state == to || may_become(before.state, to)) return;
    std::vector<std::string> possible;
    for (const auto name : kDeviceStates)
      if (may_become(before.state, *device_state(name))) possible.emplace_back(name);
    db().fail(fmt::format("'{}' is {}, and cannot become {}", before.id, name_of(before.state), name_of(to)),
              fmt::format("from {} it can become: {}", name_of(before.state), joined(possible)));
  }
};

Result<RegistryStore::Edit> RegistryStore::edit(Author author) {
  if (auto good = check_author(author.name); !good) return tl::make_unexpected(good.error());
  auto& db = file_->db;
  db.execute("BEGIN IMMEDIATE");
  if (auto begun = db.result(); !begun) return tl::make_unexpected(std::move(begun.error()));
  return Edit(std::unique_ptr<Edit::State>(new Edit::State{*file_, std::move(author), {}, {}}));
}

RegistryStore::Edit::Edit(std::unique_ptr<State> state) : state_(std::move(state)) {}
RegistryStore::Edit::Edit(Edit&&) noexcept = default;
RegistryStore::Edit::~Edit() = default;

Result<std::optional<DeviceRecord>> RegistryStore::Edit::find(const std::string& id) const {
  auto found = state_->file.find(id);
  return state_->db().result(found ? std::optional(std::move(found->device)) : std::nullopt);
}

Result<void> RegistryStore::Edit::add(const DeviceRecord& device, const std::optional<Secret>& secret) {
  auto& db = state_->db();
  if (auto good = check_device(device); !good) return good;
  std::string hash;
  if (secret && device.state == DeviceState::retired) {
    db.fail(fmt::format("'{}' is retired, and has no credential", device.id),
            "leave out its secret, or give it another state");
    return db.result();
  }
  if (secret) {
    auto hashed = hash_secret(secret->kind, state_->file.key, device.id, secret->text);
    if (!hashed) return tl::make_unexpected(std::move(hashed.error()));
    hash = std::move(*hashed);
  }
  if (Query same(db, "SELECT state FROM device WHERE id = ?", device.id); same.next()) {
    const bool retired = same.text(0) == name_of(DeviceState::retired);
    db.fail(
        fmt::format("there {} a device '{}'", retired ? "has already been" : "is already", device.id),
        retired ? "ids of retired devices are not used again" : "choose another id, or change that device");
  }
  Query(db, "INSERT INTO device (id, model, state, link, version, credential) VALUES (?, ?, ?, ?, 1, ?)",
        device.id, device.model, name_of(device.state), device.link, hash)
      .run();
  const int64_t n = db.last_row();
  state_->put_properties(n, device);
  state_->log(n, 1, "device", std::nullopt, device.model);
  return db.result();
}

Result<uint64_t> RegistryStore::Edit::update(const DeviceRecord& device, std::optional<uint64_t> expected) {
  auto& db = state_->db();
  if (auto good = check_device(device); !good) return tl::make_unexpected(std::move(good.error()));
  if (const auto same = state_->file.find(device.id);
      same && same->device.model == device.model && values_of(same->device) == values_of(device) &&
      expected.value_or(same->device.version) == same->device.version)
    return db.result(same->device.version);
  const auto found = state_->find_to_change(device.id, expected);
  if (!found) return db.result(uint64_t{0});
  const auto& before = found->device;
  if (device.model != before.model)
    db.fail(fmt::format("'{}' is a {}, and does not become a {}", device.id, before.model, device.model),
            "retire it, and add a device of the other model");
  state_->check_transition(before, device.state);
  const auto from = values_of(before), to = values_of(device);

  const uint64_t version = before.version + 1;
  const auto value_in = [](const auto& values, const std::string& key) {
    const auto at = values.find(key);
    return at == values.end() ? std::nullopt : std::optional(at->second);
  };
  for (const auto& [key, value] : from)
    if (value_in(to, key) != value) state_->log(found->n, version, key, value, value_in(to, key));
  for (const auto& [key, value] : to)
    if (!from.contains(key)) state_->log(found->n, version, key, std::nullopt, value);
  const bool retires = device.state == DeviceState::retired;
  if (retires) state_->retired.push_back(device.id);
  // A device that does not come back needs no credential.
  Query(db, "UPDATE device SET state = ?, link = ?, version = ?, credential = ? WHERE n = ?",
        name_of(device.state), device.link, version, retires ? std::string() : found->hash, found->n)
      .run();
  Query(db, "DELETE FROM property WHERE device = ?", found->n).run();
  state_->put_properties(found->n, device);
  return db.result(version);
}

Result<uint64_t> RegistryStore::Edit::become(const std::string& id, DeviceState state,
                                             std::optional<uint64_t> expected) {
  auto& db = state_->db();
  auto found = state_->find_to_change(id, expected);
  if (found && found->device.state == state) db.fail(fmt::format("'{}' is {} already", id, name_of(state)));
  if (!found || !db.ok()) return db.result(uint64_t{0});
  found->device.state = state;
  return update(found->device, expected);
}

Result<void> RegistryStore::Edit::set_secret(const std::string& id, const Secret& secret) {
  auto& db = state_->db();
  const auto found = state_->find_to_change(id, {});
  if (!found) return db.result();
  auto hash = hash_secret(secret.kind, state_->file.key, id, secret.text);
  if (!hash) return tl::make_unexpected(std::move(hash.error()));
  const uint64_t version = found->device.version + 1;
  Query(db, "UPDATE device SET version = ?, credential = ? WHERE n = ?", version, *hash, found->n).run();
  const auto& before = found->device.credential;
  state_->log(found->n, version, "credential", before.empty() ? std::nullopt : std::optional(before),
              std::string(name_of(secret.kind)));
  return db.result();
}

Result<std::vector<RegistryStore::Edit::Conflict>> RegistryStore::Edit::conflicts() {
  auto& db = state_->db();
  std::vector<Conflict> conflicts;
  const auto found = [&](const std::string& device, std::string message, std::string hint = {}) {
    conflicts.push_back({device, {Severity::error, {}, std::move(message), std::move(hint)}});
  };
  for (const auto& [target, owner] : state_->targets) {
    Query query(db, "SELECT state FROM device WHERE id = ?", target);
    if (!query.next())
      found(owner, fmt::format("'{}' is related to '{}', which is no device", owner, target));
    else if (query.text(0) == name_of(DeviceState::retired))
      found(owner, fmt::format("'{}' is related to '{}', which is retired", owner, target));
  }
  for (const auto& id : state_->retired) {
    Query query(
        db,
        "SELECT d.id, p.name FROM property p JOIN device d ON d.n = p.device WHERE p.kind = 'relations' "
        "AND p.value = ? AND d.state <> 'retired' LIMIT 1",
        id);
    if (query.next())
      found(id,
            fmt::format("'{}' cannot retire: it is still the {} of '{}'", id, query.text(1), query.text(0)),
            "relate that device to another one, or retire it, too");
  }
  return db.result(std::move(conflicts));
}

Result<void> RegistryStore::Edit::commit() {
  auto& db = state_->db();
  const auto broken = conflicts();
  if (!broken) return tl::make_unexpected(broken.error());
  if (!broken->empty()) {
    db.fail(broken->front().why.message, broken->front().why.hint);
    return db.result();
  }
  db.execute("COMMIT");
  return db.result();
}

}  // namespace looptwin::twin
