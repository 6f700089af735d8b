#include "testbed/replay/moment.h"

#include "testbed/reading/values.h"

namespace looptwin::testbed {

Result<Time> moment_of(const std::string& option, const std::string& text) {
  Diagnostics problems;
  const lang::Units units;
  const auto source = std::make_shared<const Source>(Source{option, text});
  const auto parsed = yaml::parse(source, problems);
  Reader reader{units, problems};
  if (problems.empty())
    if (const auto since_start = duration().read(reader, parsed.root)) return kStart + *since_start;
  return tl::make_unexpected(std::move(problems));
}

}  // namespace looptwin::testbed
