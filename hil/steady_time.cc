#include "hil/steady_time.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <ctime>

#include "base/check.h"

namespace looptwin::hil {
namespace {

constexpr int64_t kNs = 1'000'000'000;

}  // namespace

MachineTime::MachineTime() : woken_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  LT_CHECK(woken_ >= 0, "an eventfd");
}

MachineTime::~MachineTime() { ::close(woken_); }

Duration MachineTime::now() const {
  timespec t{};
  ::clock_gettime(CLOCK_MONOTONIC, &t);
  return nanoseconds(t.tv_sec * kNs + t.tv_nsec);
}

void MachineTime::sleep_until(Duration until) {
  const Duration left = until - now();
  if (left.ns <= 0) return;
  const timespec t{left.ns / kNs, left.ns % kNs};
  pollfd woken{woken_, POLLIN, 0};
  // A signal ends it as well: the caller looks again.
  if (::ppoll(&woken, 1, &t, nullptr) <= 0) return;
  eventfd_t ignored = 0;
  ::eventfd_read(woken_, &ignored);
}

void MachineTime::wake() { ::eventfd_write(woken_, 1); }

UnixTime civil_time() {
  timespec t{};
  ::clock_gettime(CLOCK_REALTIME, &t);
  return {t.tv_sec * kNs + t.tv_nsec};
}

}  // namespace looptwin::hil
