// Publishes derived values: those that name a feed go there as often as they are kept, at the end of a
// boundary, whether they changed or not. What is published is no decision.
#pragma once

#include <vector>

#include "mml/derived.h"
#include "mml/rules.h"
#include "mml/shown.h"

namespace looptwin::mml {

class DerivedFeeds {
 public:
  /// All outlive it; `derived` stays as it is.
  DerivedFeeds(const std::vector<Derived>& derived, const lang::Schema& schema,
               const twin::Registry& registry, twin::Tables& tables, Publisher& publisher);

  /// What is due at the boundary: in the order of `derived`, then of rows. It keeps nothing between two
  /// boundaries.
  void step(Time boundary);

 private:
  struct Published {
    uint16_t feed = 0;
    Duration every{};
    TableId table;
    Shown value;
    std::string name;  ///< as JSON
  };
  std::vector<Published> published_;
  Showing showing_;
  const twin::Registry& registry_;
  const twin::Tables& tables_;
  Publisher& publisher_;
};

}  // namespace looptwin::mml
