// For tests: the log of decisions of a run that has ended, read back from its folder.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/time.h"
#include "twin/warm/run_reader.h"

namespace looptwin::testbed::test {

struct Decision {
  Duration at;  ///< since the start
  std::string kind, subject, device, quantity;
  double value = 0;
  std::string unit;
  uint64_t id = 0, cause = 0;
};

/// Those that are about one of `subjects`, in order; fails the test where there is no run.
std::vector<Decision> decisions_about(const std::filesystem::path& run,
                                      const std::vector<std::string>& subjects);

/// A column of texts of one of the run's logs.
twin::Texts texts(twin::RunReader& run, const std::string& log, size_t column);

}  // namespace looptwin::testbed::test
