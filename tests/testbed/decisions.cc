#include "decisions.h"

#include <algorithm>
#include <catch2/catch.hpp>

namespace looptwin::testbed::test {

twin::Texts texts(twin::RunReader& run, const std::string& log, size_t column) {
  return std::get<twin::Texts>(*run.read_log(*run.log(log), column));
}

std::vector<Decision> decisions_about(const std::filesystem::path& folder,
                                      const std::vector<std::string>& subjects) {
  auto run = twin::RunReader::open(folder);
  REQUIRE(run.has_value());
  const auto log = *run->log("decisions");
  const auto at = std::get<std::vector<int64_t>>(*run->read_log(log, 0));
  const auto value = std::get<std::vector<double>>(*run->read_log(log, 6));
  const auto id = std::get<std::vector<int64_t>>(*run->read_log(log, 8));
  const auto cause = std::get<std::vector<int64_t>>(*run->read_log(log, 9));
  const auto kind = texts(*run, "decisions", 1), subject = texts(*run, "decisions", 2),
             device = texts(*run, "decisions", 3), quantity = texts(*run, "decisions", 4),
             unit = texts(*run, "decisions", 7);
  std::vector<Decision> found;
  for (size_t i = 0; i < at.size(); ++i)
    if (std::find(subjects.begin(), subjects.end(), subject[i]) != subjects.end())
      found.push_back({nanoseconds(at[i]), std::string(kind[i]), std::string(subject[i]),
                       std::string(device[i]), std::string(quantity[i]), value[i], std::string(unit[i]),
                       static_cast<uint64_t>(id[i]), static_cast<uint64_t>(cause[i])});
  return found;
}

}  // namespace looptwin::testbed::test
