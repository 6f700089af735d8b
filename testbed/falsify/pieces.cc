#include "testbed/falsify/pieces.h"

#include <algorithm>

namespace looptwin::testbed {

Pieces::Pieces(const SearchSpace& space, size_t most) {
  for (const auto& variable : space.variables()) {
    const bool value = variable.is == SearchVariable::Is::value;
    const size_t elements = value ? space.config().values[variable.value].elements : 0;
    const auto piece = [&](size_t element) { return element * most / elements; };
    const bool same =
        elements > most && variable.element > 0 && piece(variable.element) == piece(variable.element - 1);
    if (!same) ++size_;
    piece_of_.push_back(size_ - 1);
  }
}

SearchPoint Pieces::fine(const std::vector<double>& coarse) const {
  SearchPoint point;
  for (const size_t piece : piece_of_) point.push_back(coarse[piece]);
  return point;
}

std::vector<double> Pieces::coarse(const SearchPoint& fine) const {
  std::vector<double> sum(size_), count(size_);
  for (size_t v = 0; v < fine.size(); ++v) {
    sum[piece_of_[v]] += fine[v];
    count[piece_of_[v]] += 1;
  }
  for (size_t p = 0; p < size_; ++p) sum[p] /= count[p];
  return sum;
}

std::vector<size_t> resolutions(const SearchSpace& space) {
  size_t longest = 1;
  for (const auto& value : space.config().values) longest = std::max(longest, value.elements);
  std::vector<size_t> all{longest};
  while (all.front() > 2) all.insert(all.begin(), all.front() / 2);
  return all;
}

}  // namespace looptwin::testbed
