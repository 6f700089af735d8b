#include "hil/steady_time.h"

#include <ctime>

namespace looptwin::hil {
namespace {

constexpr int64_t kNs = 1'000'000'000;

}  // namespace

Duration MachineTime::now() const {
  timespec t{};
  ::clock_gettime(CLOCK_MONOTONIC, &t);
  return nanoseconds(t.tv_sec * kNs + t.tv_nsec);
}

void MachineTime::sleep_until(Duration until) {
  const timespec t{until.ns / kNs, until.ns % kNs};
  ::clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, nullptr);  // a signal ends it: the caller looks again
}

UnixTime civil_time() {
  timespec t{};
  ::clock_gettime(CLOCK_REALTIME, &t);
  return {t.tv_sec * kNs + t.tv_nsec};
}

}  // namespace looptwin::hil
