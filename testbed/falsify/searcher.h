// How a search chooses what to simulate: uniformly, or guided by how near each run came to failing. Points
// come in batches, so that several can be simulated at once; what comes next depends on the values alone, not
// on how many are.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "testbed/falsify/search_space.h"

namespace looptwin::testbed {

class Searcher {
 public:
  virtual ~Searcher() = default;
  /// Points to be simulated next, at least one.
  virtual std::vector<SearchPoint> ask() = 0;
  /// Their robustness, in order.
  virtual void tell(std::span<const double> values) = 0;
};

enum class SearchMethod : uint8_t { guided, uniform };

/// The space outlives it. `cycle`: of the loop.
std::unique_ptr<Searcher> make_searcher(const SearchSpace& space, SearchMethod method, Duration cycle,
                                        uint64_t seed);

}  // namespace looptwin::testbed
