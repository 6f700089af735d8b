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
#include <set>
#include <thread>

#include "hil/identity_gate.h"
#include "hil/mapping.h"
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
  /// rig outlives it. Where others have them it holds nothing, and says why.
  static Result<std::unique_ptr<RigInventory>> reserve(const RigConfig& rig, const Scenario& scenario,
                                                       const Request& request, const std::atomic<bool>& stop);
  /// Releases what it has reserved.
  ~RigInventory();

  /// Empty: the devices are ours.
  const std::string& not_free() const { return not_free_; }
  /// A piece that was chosen calls itself by its own id, not by that of the device that it is.
  Result<void> name(std::vector<hil::Mapping>& mappings) const;

  /// Begins the thread; the reservation lasts from then on. `lost` is called, in that thread, when it does
  /// not.
  void keep(std::function<void()> lost);
  /// Holds the devices against what the inventory lists of them, from now on.
  void guard(hil::IdentityGate& gate, const twin::Registry& registry, hil::IncidentSink sink);
  /// Before a boundary's messages: what people have changed meanwhile.
  void step(Time boundary);
  /// Whether the lease is over, as far as is known without a look at the file.
  bool has_lapsed() const;
  /// Before devices are made safe: which of them somebody else has by now, and who. Where the reservation has
  /// ended those that are free are taken once more, so that nobody else does meanwhile.
  std::map<std::string, std::string> taken_by_others();
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
  struct Piece {
    std::string device;  ///< that it is to be
    const EquipmentConfig* of = nullptr;
    size_t model = 0;
  };
  Result<void> find_devices(const Scenario& scenario, std::vector<std::string>& ids);
  Result<void> find_items(const twin::InventoryStore& store, const std::vector<std::string>& ids);
  Result<void> take(const Request& request, std::vector<std::string> ids, const std::atomic<bool>& stop);
  Result<void> take_made(const Request& request, const std::vector<std::string>& ids,
                         twin::Reservations& reservations);
  Result<void> assign(const twin::InventoryStore& store, const std::vector<std::string>& ids);
  Result<void> check_items(const std::map<std::string, twin::InventoryItem>& items, UnixTime now) const;
  std::vector<std::vector<std::string>> tags_of_pieces() const;
  const std::string* device_of(const std::string& item) const;
  void look();
  Result<twin::Reservation> renew(Result<twin::InventoryStore>& store) const;
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
  std::atomic<int64_t> until_{};    ///< the lease's end, ns since 1970
  bool own_ = false;                ///< it is ours to release
  std::vector<int64_t> once_more_;  ///< reservations of devices that were taken once more
  std::string not_free_;
  std::vector<Piece> pieces_;
  std::set<std::string> simulated_;  ///< ids of devices that are simulated when the rig begins
  std::map<std::string, twin::InventoryItem> items_;  ///< by the device that each is
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
