// Reserving equipment of an inventory, and waiting for it.
#pragma once

#include <atomic>
#include <filesystem>
#include <functional>

#include "twin/reservations.h"

namespace looptwin::testbed {

struct ReservingRequest {
  std::filesystem::path inventory;
  twin::ReservationWish wish;
  Duration wait{};  ///< so long at the most; 0: it is free now, or is not taken
};
/// The reservation, or one that waits: nothing was free in time, or `stop` was asked for; it has left the
/// queue. `told`: called once, when it begins to wait.
Result<twin::Reservation> reserve(const ReservingRequest& request, const std::atomic<bool>& stop,
                                  const std::function<void(const twin::Reservation&)>& told);

}  // namespace looptwin::testbed
