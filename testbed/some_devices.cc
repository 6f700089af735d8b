#include "testbed/some_devices.h"

#include <fmt/format.h>
#include <algorithm>

namespace looptwin::testbed {
namespace {

constexpr size_t kMostNamed = 3;

}  // namespace

std::string some_devices(const twin::Registry& registry, TableId table, std::span<const size_t> rows) {
  std::string text;
  for (const size_t row : rows.first(std::min(rows.size(), kMostNamed)))
    text += fmt::format("{}{}", text.empty() ? "" : ", ", registry.id({table, Row(row)}));
  if (rows.size() > kMostNamed) text += fmt::format(" and {} more", rows.size() - kMostNamed);
  return text;
}

}  // namespace looptwin::testbed
