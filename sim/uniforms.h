// Values that are one for all devices of a model (feeds, civil time and arithmetic on them), at each grid
// point since the slowest slice: computed once a grid point, before the islands run, and read by all of them.
#pragma once

#include <vector>

#include "base/archive.h"
#include "lang/program.h"

namespace looptwin::sim {

/// No slice lags behind by more grid points than this.
inline constexpr int64_t kLongestLag = 1024;

class Uniforms {
 public:
  Uniforms(const lang::Graph& graph, const std::vector<lang::NodeId>& nodes, Duration step)
      : program_(graph, nodes), step_(step), width_(nodes.size()) {}

  /// Computes the grid points up to `boundary`, the start's included, and forgets those that no slice needs
  /// any more.
  void extend(Time boundary, lang::UniformProgram::Feeds& feeds);

  /// The values at a grid point, in the order of the nodes.
  const double* at(int64_t grid) const { return ring_.data() + (static_cast<size_t>(grid) & mask_) * width_; }

  void save(ArchiveWriter& archive) const;
  void restore(ArchiveReader& archive);

 private:
  void reserve(int64_t points);
  lang::UniformProgram program_;
  Duration step_;
  size_t width_;
  int64_t next_ = 0;  ///< the first grid point that is not computed
  size_t mask_ = 0;
  std::vector<double> ring_;
};

}  // namespace looptwin::sim
