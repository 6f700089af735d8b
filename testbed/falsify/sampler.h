// Points drawn for a guided search, where violations are likelier than at uniform ones: values that are
// steady for long, values at the ends of their ranges, and times that nearly coincide.
#pragma once

#include "testbed/falsify/pieces.h"

namespace looptwin::testbed {

class Sampler {
 public:
  /// The space outlives it. `cycle`: of the loop, which times that coincide are apart by.
  Sampler(const SearchSpace& space, Duration cycle, uint64_t seed);
  SearchPoint next();

 private:
  void let_times_coincide(SearchPoint& point);

  const SearchSpace& space_;
  double cycle_;  ///< s
  SearchDraws draws_;
  std::vector<Pieces> pieces_;
  size_t drawn_ = 0;
};

}  // namespace looptwin::testbed
