// Devices of a registry from and to files: JSON (a list of objects) and CSV (a device a line).
// docs/registry.md has both formats. Import is one transaction: all devices of a file, or none.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>

#include "base/result.h"
#include "testbed/table_files.h"
#include "twin/registry_store.h"

namespace looptwin::testbed {

struct ImportRequest {
  std::filesystem::path file;
  bool update = false;  ///< devices that are there get the values of the file; otherwise they are an error
  /// Where the secrets go that are generated for new devices without one: a new file, for its owner alone.
  /// Absent: none are generated.
  std::optional<std::filesystem::path> secrets;
};
struct ImportCounts {
  uint64_t added = 0;
  uint64_t changed = 0;
  uint64_t unchanged = 0;
  uint64_t secrets = 0;
};
/// What is wrong in the file is told with its place, up to twenty problems; then nothing is changed.
Result<ImportCounts> import_devices(twin::RegistryStore& store, const twin::Author& author,
                                    const ImportRequest& request);

/// Writes a device after another. Tables need all columns before the first row, so the devices are read
/// twice.
Result<void> write_devices(const twin::RegistryStore& store, const twin::DeviceFilter& filter,
                           FileFormat format, const std::function<void(std::string_view)>& write);
/// The same into a new file, which is there in full or not at all.
Result<void> export_devices(const twin::RegistryStore& store, const twin::DeviceFilter& filter,
                            const std::filesystem::path& file);

}  // namespace looptwin::testbed
