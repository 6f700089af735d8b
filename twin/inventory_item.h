// One piece of equipment as a lab's inventory keeps it: which one it is, where it stands, until when it is
// calibrated, and whether it may be used. twin/inventory_store.h keeps them.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace looptwin::twin {

/// What a device is known by, and says of itself; empty: not known.
struct Identity {
  std::string serial;
  std::string firmware;
  auto operator<=>(const Identity&) const = default;
};

struct InventoryItem {
  std::string id;  ///< the device's, as the registry has it
  std::string model;
  Identity identity;  ///< what it is to say of itself
  std::string fixture;
  std::vector<std::string> tags;  ///< sorted, none twice
  std::string calibrated,
      due;  ///< days, "2026-03-02"; empty: none. `due` is the last one that it is good for
  std::string notes;
  std::string quarantine;  ///< why it may not be used; empty: it may
  bool retired = false;
  uint64_t version = 1;  ///< counts its changes
  Identity said;         ///< what it has said otherwise, and is quarantined for
};

/// Its keys, as they are set, imported and shown, in their order.
const std::vector<std::string>& item_keys();
/// All values under their keys, as texts, tags with semicolons between; what is empty is left out.
std::map<std::string, std::string> values_of(const InventoryItem& item);
/// Sets one of them, an empty text removes it. A failure where the key or the value is none.
Result<void> set_value(InventoryItem& item, const std::string& key, const std::string& value);
/// Whether it can be kept.
Result<void> check_item(const InventoryItem& item);

/// Its last day of calibration, in UTC, is over.
bool is_overdue(const InventoryItem& item, UnixTime now);

}  // namespace looptwin::twin
