#include "testbed/reserving.h"

#include "hil/steady_time.h"

namespace looptwin::testbed {
namespace {

/// How often one that waits asks whether it is its turn.
constexpr Duration kAskEvery = milliseconds(200);

}  // namespace

Result<twin::Reservation> reserve(const ReservingRequest& request, const std::atomic<bool>& stop,
                                  const std::function<void(const twin::Reservation&)>& told) {
  auto store = twin::InventoryStore::open(request.inventory, twin::InventoryStore::Access::write);
  if (!store) return tl::make_unexpected(std::move(store.error()));
  twin::Reservations reservations(*store);
  hil::MachineTime machine;
  const Duration until = machine.now() + request.wait;
  auto got = reservations.ask(request.wish, hil::civil_time(), request.wait > Duration{});
  if (!got || !got->waits() || got->number == 0) return got;
  told(*got);
  const int64_t number = got->number;
  while (got && got->waits() && !stop && machine.now() < until) {
    machine.sleep_until(std::min(until, machine.now() + kAskEvery));
    got = reservations.ask_again(number, hil::civil_time());
  }
  if (got && got->waits())
    if (auto left = reservations.end(number, request.wish.owner, hil::civil_time()); !left)
      return tl::make_unexpected(std::move(left.error()));
  return got;
}

}  // namespace looptwin::testbed
