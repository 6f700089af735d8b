// A rig's side of a lab's inventory: its real devices are reserved for as long as it runs, and are the ones
// that the inventory lists. A thread of its own renews the lease, writes down who is in quarantine, and sees
// what people change; the loop hears of that at its boundaries.
#pragma once

#include <atomic>
#include <condition_variable>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

#include "hil/identity_gate.h"
#include "testbed/rig/rig_config.h"
#include "twin/reservations.h"

namespace looptwin::testbed {

class RigInventory {
 public:
  struct Request {
    std::optional<int64_t> reservation;  ///< one that holds all devices; absent: they are reserved here
    std::string owner;                   ///< empty: the user
  };
  /// Reserves the rig's real devices, waiting as long as the rig says. Null where it names no inventory. The
  /// rig outlives it.
  static Result<std::unique_ptr<RigInventory>> reserve(const RigConfig& rig, const Scenario& scenario,
                                                       const Request& request, const std::atomic<bool>& stop);
  /// Releases what it has reserved.
  ~RigInventory();

  /// Begins the thread; the reservation lasts from then on. `lost` is called, in that thread, when it does
  /// not.
  void keep(std::function<void()> lost);
  /// Holds the devices against what the inventory lists of them, from now on.
  void guard(hil::IdentityGate& gate, const twin::Registry& registry, hil::IncidentSink sink);
  /// Before a boundary's messages: what people have changed meanwhile.
  void step(Time boundary);
  /// Once, when nothing is told to the devices any more.
  void release();

  bool has(const std::string& id) const { return items_.contains(id); }
  /// By device, as the inventory had it when they were reserved; for reports.
  const std::map<std::string, twin::InventoryItem>& items() const { return items_; }
  /// Empty: it holds still.
  Diagnostics problems() const;

  /// A row of the summary; inventory.json of the run folder.
  void print() const;
  Result<void> write(const std::filesystem::path& run) const;

 private:
  RigInventory(const RigConfig& rig) : rig_(rig) {}
  Result<void> take(const Request& request, std::vector<std::string> ids, const std::atomic<bool>& stop);
  Result<void> check_items(UnixTime now) const;
  void look();
  Result<void> renew(Result<twin::InventoryStore>& store) const;
  bool has_ended(Result<twin::InventoryStore>& store) const;
  void lose(const Diagnostics& why);
  void write_quarantines(twin::InventoryStore& store);
  void read(twin::InventoryStore& store);

  struct Quarantine {
    std::string id, why;
    twin::Identity said;
  };
  const RigConfig& rig_;
  twin::Reservation reservation_;
  Duration lease_{};
  bool own_ = false;  ///< it is ours to release
  std::map<std::string, twin::InventoryItem> items_;
  hil::IdentityGate* gate_ = nullptr;
  const twin::Registry* registry_ = nullptr;
  std::function<void()> lost_;
  mutable std::mutex mutex_;  ///< of what follows
  std::condition_variable wake_;
  bool stop_ = false;
  std::vector<Quarantine> quarantines_;
  std::vector<twin::InventoryItem> news_;
  Diagnostics problems_;
  std::thread thread_;
};

}  // namespace looptwin::testbed
