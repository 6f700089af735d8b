// A search space made coarser: each list of values as a few pieces of equal ones. A drive of twenty throttle
// positions is then two numbers, or five, and small spaces are searched in few runs.
#pragma once

#include <vector>

#include "testbed/falsify/search_space.h"

namespace looptwin::testbed {

class Pieces {
 public:
  /// Lists of more elements than `most` become so many pieces, as equally long as they can be.
  Pieces(const SearchSpace& space, size_t most);

  size_t size() const { return size_; }
  SearchPoint fine(const std::vector<double>& coarse) const;
  /// The mean of each piece.
  std::vector<double> coarse(const SearchPoint& fine) const;

 private:
  std::vector<size_t> piece_of_;  ///< [variable]
  size_t size_ = 0;
};

/// The longest list, half of that, and so on: how finely a space can be looked at, the coarsest (1 or 2)
/// first.
std::vector<size_t> resolutions(const SearchSpace& space);

}  // namespace looptwin::testbed
