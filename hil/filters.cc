#include "hil/filters.h"

#include <algorithm>

namespace looptwin::hil {

void add_filters(const std::optional<TopicTemplate>& of, const twin::Registry& registry, TableId model,
                 std::set<std::string>& filters) {
  if (!of) return;
  std::set<size_t> depths;
  for (size_t row = 0; row < registry.devices(model); ++row) {
    const auto id = registry.id({model, Row(row)});
    depths.insert(1 + static_cast<size_t>(std::count(id.begin(), id.end(), '/')));
  }
  for (const size_t depth : depths) filters.insert(of->filter(depth));
}

}  // namespace looptwin::hil
