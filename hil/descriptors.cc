#include "hil/descriptors.h"

#include <fmt/format.h>
#include <sys/resource.h>

#include <cerrno>
#include <cstring>

namespace looptwin::hil {

void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

Result<void> check_descriptor_limit(size_t needed, const char* what) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0)
    return failure(fmt::format("nobody says how many files may be open: {}", std::strerror(errno)));
  if (needed <= limit.rlim_cur) return {};
  return failure(
      fmt::format("{} takes {} open files, and this process may have {}", what, needed, limit.rlim_cur),
      fmt::format("raise the limit before: ulimit -n {}", needed));
}

}  // namespace looptwin::hil
