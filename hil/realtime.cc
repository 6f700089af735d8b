#include "hil/realtime.h"

#include <fmt/format.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include <cerrno>
#include <cstring>

namespace looptwin::hil {
namespace {

/// Above all ordinary threads, below the kernel's own.
constexpr int kPriority = 40;

}  // namespace

std::vector<std::string> ask_for_realtime() {
  std::vector<std::string> refused;
  sched_param wanted{};
  wanted.sched_priority = kPriority;
  if (::sched_setscheduler(0, SCHED_FIFO, &wanted) != 0)
    refused.push_back(fmt::format("SCHED_FIFO is refused ({}); it needs CAP_SYS_NICE, or 'ulimit -r {}'",
                                  std::strerror(errno), kPriority));
  // Beyond a limit later memory would not be had at all: then only what is there is locked.
  rlimit limit{};
  const bool limited = ::getrlimit(RLIMIT_MEMLOCK, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY;
  if (::mlockall(limited ? MCL_CURRENT : MCL_CURRENT | MCL_FUTURE) != 0)
    refused.push_back(
        fmt::format("locked memory is refused ({}); it needs CAP_IPC_LOCK, or 'ulimit -l unlimited'",
                    std::strerror(errno)));
  return refused;
}

}  // namespace looptwin::hil
