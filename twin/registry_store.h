// The registry as a file: devices over years, in one SQLite database (docs/registry.md has its tables). What
// is changed goes through an Edit, which is one transaction: all of it holds from commit() on, or nothing.
// SQLite waits for another process up to five seconds; a file that stays locked, is damaged, is none of ours
// or was written by a newer looptwin is a diagnostic.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "twin/author.h"
#include "twin/credentials.h"
#include "twin/device_record.h"

namespace looptwin::twin {

/// What a device proves itself with, and how it is kept.
struct Secret {
  CredentialKind kind = CredentialKind::keyed;
  std::string text;
};

/// Which devices; all conditions that are given must hold.
struct DeviceFilter {
  std::string model;
  std::string pattern;  ///< of ids, as in scenarios: `*` stops at a slash, `**` does not
  std::string tag;
  std::vector<DeviceState> states;  ///< none: any
};

enum class Authenticated : uint8_t { yes, unknown_device, no_credential, wrong_secret, suspended, retired };

class RegistryStore {
 public:
  enum class Access : uint8_t { read, write };

  /// A new, empty registry; the file must not exist.
  static Result<RegistryStore> create(const std::filesystem::path& path);
  /// An older schema is brought up to date, in one transaction; to read, too, since a reader knows one
  /// schema.
  static Result<RegistryStore> open(const std::filesystem::path& path, Access access);
  RegistryStore(RegistryStore&&) noexcept;
  RegistryStore& operator=(RegistryStore&&) noexcept;
  ~RegistryStore();

  Result<uint64_t> devices() const;
  Result<std::optional<DeviceRecord>> find(const std::string& id) const;
  /// In the order of registration; ends early when `visit` returns false. Reads one state of the file.
  Result<void> each(const DeviceFilter& filter, const std::function<bool(const DeviceRecord&)>& visit) const;
  /// From the first change on.
  Result<std::vector<DeviceChange>> history(const std::string& id) const;
  /// Whether a device with this id and secret may come in now.
  Result<Authenticated> authenticate(const std::string& id, std::string_view secret) const;
  /// What each device of a model proves itself with, for a broker that asks nobody else: the hash, empty
  /// where it has none, and the key that fast hashes are made with.
  struct Proof {
    std::string id;
    DeviceState state = DeviceState::provisioned;
    std::string hash;
  };
  Result<std::vector<Proof>> proofs(const std::string& model) const;
  const RegistryKey& key() const;
  /// Another number once somebody else has changed the file.
  Result<int64_t> changes() const;
  /// Reads all of the file; a damaged one is a diagnostic.
  Result<void> check() const;

  class Edit;
  /// Begins a transaction; another process that writes is waited for.
  Result<Edit> edit(Author author);

 private:
  struct File;
  explicit RegistryStore(std::unique_ptr<File> file);
  std::unique_ptr<File> file_;
};

/// One transaction. Left without commit() it has changed nothing; after an error it can only be left.
class RegistryStore::Edit {
 public:
  Edit(Edit&& other) noexcept;
  ~Edit();

  Result<std::optional<DeviceRecord>> find(const std::string& id) const;
  /// A new device, of version 1. An id that is, or ever was, in use is refused. Relations may lead to devices
  /// that are added later in the same Edit: commit() asks. Without a secret it cannot authenticate.
  Result<void> add(const DeviceRecord& device, const std::optional<Secret>& secret = {});
  /// Makes the device's values those of `device`; its id, model and credential cannot change, its state only
  /// as may_become() allows. `expected`: the version that the change was made for; another one is refused.
  /// Returns the version that holds then: the same when nothing differs.
  Result<uint64_t> update(const DeviceRecord& device, std::optional<uint64_t> expected = {});
  Result<uint64_t> become(const std::string& id, DeviceState state, std::optional<uint64_t> expected = {});
  /// Replaces the device's credential.
  Result<void> set_secret(const std::string& id, const Secret& secret);
  /// A relation that would not hold: of a device that is not retired to one that is not there, or is retired.
  struct Conflict {
    std::string device;  ///< that this Edit has changed
    Diagnostic why;
  };
  Result<std::vector<Conflict>> conflicts();
  /// Refused where there are conflicts.
  Result<void> commit();

 private:
  friend class RegistryStore;
  struct State;
  explicit Edit(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace looptwin::twin
