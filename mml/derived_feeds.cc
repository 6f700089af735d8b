#include "mml/derived_feeds.h"

#include <fmt/format.h>

namespace looptwin::mml {

DerivedFeeds::DerivedFeeds(const std::vector<Derived>& derived, const lang::Schema& schema,
                           const twin::Registry& registry, twin::Tables& tables, Publisher& publisher)
    : showing_(schema, registry, tables), registry_(registry), tables_(tables), publisher_(publisher) {
  for (const auto& one : derived) {
    if (!one.feed) continue;
    Shown value{.column = one.column, .unit = one.config.unit};
    if (one.config.boolean) value.is = Shown::Is::boolean;
    published_.push_back({*one.feed, one.config.every, one.table, value, json_string(one.config.name)});
  }
}

void DerivedFeeds::step(Time boundary) {
  for (const auto& p : published_) {
    if (boundary.ns % p.every.ns != 0) continue;
    for (size_t row = 0; row < tables_.rows(p.table); ++row) {
      const twin::DeviceRef device{p.table, Row(row)};
      publisher_.publish(
          p.feed, boundary,
          fmt::format("\"derived\":{},\"device\":{},{}", p.name, json_string(registry_.id(device)),
                      showing_.json_fields(p.value, device)));
    }
  }
}

}  // namespace looptwin::mml
