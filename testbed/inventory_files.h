// Equipment of an inventory from and to files of JSON and CSV; docs/rig-inventory.md has the columns. Import
// is one transaction: all devices of a file, or none.
#pragma once

#include <filesystem>
#include <string>

#include "base/result.h"
#include "testbed/table_files.h"
#include "twin/inventory_store.h"

namespace looptwin::testbed {

struct InventoryImport {
  std::filesystem::path file;
  bool update = false;  ///< devices that are there get the values of the file; otherwise they are an error
};
struct InventoryCounts {
  uint64_t added = 0, changed = 0, unchanged = 0;
};
/// What is wrong in the file is told with its place; then nothing is changed.
Result<InventoryCounts> import_items(twin::InventoryStore& store, const twin::Author& author,
                                     const InventoryImport& request);

std::string items_text(const std::vector<twin::InventoryItem>& items, FileFormat format);

}  // namespace looptwin::testbed
