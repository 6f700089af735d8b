// An inventory as a file: the equipment of a lab in one SQLite database that people and jobs of one host
// share (docs/rig-inventory.md has its tables). What is changed goes through an Edit, which is one
// transaction; who may use what is twin/reservations.h.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "twin/author.h"
#include "twin/device_record.h"
#include "twin/inventory_item.h"

namespace looptwin::twin {

class Database;

/// Which devices; all conditions that are given must hold.
struct InventoryFilter {
  std::string model;
  std::string pattern;            ///< of ids: `*` stops at a slash, `**` does not
  std::vector<std::string> tags;  ///< it has all of them
};

class InventoryStore {
 public:
  enum class Access : uint8_t { read, write };

  /// A new, empty inventory; the file must not exist. Who may write it, the umask says.
  static Result<InventoryStore> create(const std::filesystem::path& path);
  static Result<InventoryStore> open(const std::filesystem::path& path, Access access);
  InventoryStore(InventoryStore&&) noexcept;
  InventoryStore& operator=(InventoryStore&&) noexcept;
  ~InventoryStore();

  Result<std::optional<InventoryItem>> find(const std::string& id) const;
  /// In the order in which they were added.
  Result<std::vector<InventoryItem>> items(const InventoryFilter& filter = {}) const;
  /// From the first change on.
  Result<std::vector<DeviceChange>> history(const std::string& id) const;
  /// Another number once somebody else has changed the file.
  Result<int64_t> changes() const;
  /// Reads all of the file; a damaged one is a diagnostic.
  Result<void> check() const;

  class Edit;
  /// Begins a transaction; another process that writes is waited for.
  Result<Edit> edit(Author author);

  // Each is one transaction of its own.
  /// A rig has found that the device says of itself what it is not to say.
  Result<void> quarantine(const std::string& id, const std::string& why, const Identity& said,
                          const Author& author);
  /// What the device has said is what it is to say from now on. Returns its version.
  Result<uint64_t> accept(const std::string& id, const Author& author, std::optional<uint64_t> expected = {});

 private:
  friend class Reservations;
  explicit InventoryStore(std::unique_ptr<Database> db);
  std::unique_ptr<Database> db_;
};

/// One transaction. Left without commit() it has changed nothing; after an error it can only be left.
class InventoryStore::Edit {
 public:
  Edit(Edit&& other) noexcept;
  ~Edit();

  Result<std::optional<InventoryItem>> find(const std::string& id) const;
  /// A new device, of version 1. An id that is, or ever was, in use is refused.
  Result<void> add(const InventoryItem& item);
  /// Makes its values those of `item`; what it had said otherwise is forgotten with its quarantine.
  /// `expected`: the version that the change was made for; another one is refused. Returns the version that
  /// holds then: the same when nothing differs. One that somebody has reserved does not retire.
  Result<uint64_t> update(const InventoryItem& item, std::optional<uint64_t> expected = {});
  Result<void> commit();

 private:
  friend class InventoryStore;
  struct State;
  explicit Edit(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace looptwin::twin
