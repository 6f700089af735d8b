// Who may use which equipment, and until when: devices are taken all or none, those who wait are served in
// the order in which they asked, and what nobody renews ends by itself. Each call is one transaction of the
// inventory's file, so that any number of processes may ask; what time it is, they say.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "twin/inventory_store.h"

namespace looptwin::twin {

/// Which devices somebody wants. With `ids` or `pieces` exactly these; else `count` of those that fit.
struct ReservationWish {
  std::vector<std::string> ids;
  std::vector<std::vector<std::string>> pieces;  ///< one device each, not of `ids`, that has all of the tags
  std::vector<std::string> tags;                 ///< it has all of them
  std::string model;                             ///< empty: any
  uint64_t count = 1;
  bool overdue = false;  ///< also devices whose calibration is overdue
  std::string owner;
  Duration lease{};
};

struct Reservation {
  int64_t number = 0;
  std::string owner;
  std::vector<std::string> devices;  ///< none: it waits
  UnixTime asked;
  UnixTime until;   ///< the lease's end; of one that waits, when it is passed over unless it asks again
  std::string why;  ///< of one that waits: what it waits for
  bool waits() const { return devices.empty(); }
};

/// Of these items one for each of `pieces`, which has all of its tags: as many as can be had, those that
/// stand first before others; an empty text where there is none. No item is given twice.
std::vector<std::string> assigned(const std::vector<std::vector<std::string>>& pieces,
                                  const std::vector<InventoryItem>& items);

class Reservations {
 public:
  /// Whoever waits asks again before this is over, or is passed over until it does.
  static constexpr Duration kPatience = seconds(10);

  /// The store outlives it.
  explicit Reservations(InventoryStore& store) : store_(store) {}

  /// Takes the devices. Where they are not free it waits, from now on in the queue (`queue`), or is nothing,
  /// of number 0. A wish that nothing in the inventory can fulfil is a failure.
  Result<Reservation> ask(const ReservationWish& wish, UnixTime now, bool queue);
  /// One that waits asks whether it is its turn.
  Result<Reservation> ask_again(int64_t number, UnixTime now);
  /// Its lease, or a new one, begins anew. A failure where it has ended.
  Result<Reservation> renew(int64_t number, const std::string& owner, std::optional<Duration> lease,
                            UnixTime now);
  /// Released, or given up by one that waits.
  Result<void> end(int64_t number, const std::string& owner, UnixTime now);
  /// In the order in which they asked.
  Result<std::vector<Reservation>> standing(UnixTime now) const;

 private:
  struct Work;
  template <typename T, typename Do>
  Result<T> transaction(Do&& what);

  InventoryStore& store_;
};

}  // namespace looptwin::twin
