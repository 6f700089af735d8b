// Which topics a rig's transport hears, and over which of its link's connections.
#include <iterator>

#include "base/hash.h"
#include "hil/rig_transport.h"

namespace looptwin::hil {

void RigTransport::subscribe() {
  std::set<std::string> filters;
  if (link_.more() != 0)
    subscribe_more(filters);
  else
    for (const auto& convention : conventions_)
      for (auto& filter : convention->filters()) filters.insert(std::move(filter));
  for (auto& filter : BrokerStatus::filters()) filters.insert(std::move(filter));
  link_.subscribe({filters.begin(), filters.end()});
}

/// What a device says comes over one connection, in its order; which one goes by its id alone. Where a
/// convention needs all in one order they stay together, among `filters`.
void RigTransport::subscribe_more(std::set<std::string>& filters) {
  std::vector<std::vector<std::string>> more(link_.more());
  for (const auto& convention : conventions_) {
    bool apart = false;
    for (size_t m = 0; m < mappings_.size(); ++m)
      for (size_t row = 0; row < registry_.devices(TableId(m)); ++row) {
        const twin::DeviceRef device{TableId(m), Row(row)};
        auto own = convention->filters_of(device);
        apart = apart || !own.empty();
        auto& at = more[hash64(registry_.id(device)) % more.size()];
        std::move(own.begin(), own.end(), std::back_inserter(at));
      }
    if (apart) continue;
    for (auto& filter : convention->filters()) filters.insert(std::move(filter));
  }
  link_.subscribe_more(std::move(more));
}

}  // namespace looptwin::hil
