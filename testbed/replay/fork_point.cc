#include "testbed/replay/fork_point.h"

#include "testbed/snapshots.h"

namespace looptwin::testbed {

Time begin_of(const std::filesystem::path& run) {
  const auto noted = read_resumable(run);
  return noted ? noted->begins : kStart;
}

}  // namespace looptwin::testbed
