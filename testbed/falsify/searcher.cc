#include "testbed/falsify/searcher.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "testbed/falsify/optimiser_lane.h"
#include "testbed/falsify/sampler.h"

namespace looptwin::testbed {
namespace {

class Uniform final : public Searcher {
 public:
  Uniform(const SearchSpace& space, uint64_t seed) : space_(space), draws_(seed, "falsify.uniform") {}

  std::vector<SearchPoint> ask() override {
    std::vector<SearchPoint> points(kBatch);
    for (auto& point : points) point = space_.uniform(draws_);
    return points;
  }
  void tell(std::span<const double> /*values*/) override {}

 private:
  static constexpr size_t kBatch = 8;
  const SearchSpace& space_;
  SearchDraws draws_;
};

/// Lanes side by side, a point of each a round: one draws samples, and one for each resolution of the space
/// lets an optimiser go down from the best point known. An optimiser that is done, or sees no difference,
/// begins anew elsewhere; where there is none to be seen (a requirement without distances) its turns are the
/// sampler's.
class Guided final : public Searcher {
 public:
  Guided(const SearchSpace& space, Duration cycle, uint64_t seed)
      : sampler_(space, cycle, seed), seeds_(seed, "falsify.optimiser") {
    for (const size_t most : resolutions(space)) lanes_.push_back(Lane{Pieces(space, most)});
  }

  std::vector<SearchPoint> ask() override {
    asked_ = {sampler_.next()};
    for (auto& lane : lanes_) {
      auto point = round_ < kFirst ? std::nullopt : next_of(lane);
      lane.asked = point.has_value();
      asked_.push_back(point ? std::move(*point) : sampler_.next());
    }
    ++round_;
    return asked_;
  }

  void tell(std::span<const double> values) override {
    for (size_t i = 0; i < values.size(); ++i) {
      const double value = std::isnan(values[i]) ? kWorst : std::clamp(values[i], -kWorst, kWorst);
      if (best_.empty() || value < least_) {
        least_ = value;
        best_ = asked_[i];
      }
      if (i > 0 && lanes_[i - 1].asked) lanes_[i - 1].tell(value);
    }
  }

 private:
  struct Lane {
    Pieces pieces;
    std::unique_ptr<OptimiserLane> optimiser = nullptr;
    bool begun = false;  ///< at the best point known
    bool asked = false;
    double last = kWorst * 2;
    size_t same = 0;      ///< values in a row
    size_t given_up = 0;  ///< how often it saw no difference

    void tell(double value) {
      same = value == last ? same + 1 : 0;
      last = value;
      optimiser->tell(value);
    }
    void give_up() {
      optimiser.reset();
      same = 0;
      ++given_up;
    }
  };
  static constexpr double kWorst = 1e12;
  static constexpr size_t kFirst = 4;    // rounds of samples alone
  static constexpr size_t kSame = 4;     // equal values in a row: an optimiser sees no difference
  static constexpr size_t kGivenUp = 3;  // so often, and nothing is to be seen anywhere
  static constexpr double kStep = 0.3;   // of an optimiser's first steps

  std::optional<SearchPoint> next_of(Lane& lane) {
    if (lane.same >= kSame) lane.give_up();
    if (lane.given_up >= kGivenUp) return std::nullopt;
    for (int tries = 0; tries < 2; ++tries) {
      if (lane.optimiser == nullptr) {
        auto start = lane.pieces.coarse(lane.begun ? sampler_.next() : best_);
        lane.begun = true;
        // Subplex needs no gradient, minds no noise, and works in spaces of tens of dimensions.
        lane.optimiser =
            std::make_unique<OptimiserLane>(NLOPT_LN_SBPLX, std::move(start), kStep, seeds_.bits());
      }
      if (auto coarse = lane.optimiser->ask()) return lane.pieces.fine(*coarse);
      lane.optimiser.reset();
    }
    return std::nullopt;
  }

  Sampler sampler_;
  SearchDraws seeds_;
  std::vector<Lane> lanes_;
  std::vector<SearchPoint> asked_;
  SearchPoint best_;
  double least_ = 0;
  size_t round_ = 0;
};

}  // namespace

std::unique_ptr<Searcher> make_searcher(const SearchSpace& space, SearchMethod method, Duration cycle,
                                        uint64_t seed) {
  if (method == SearchMethod::uniform) return std::make_unique<Uniform>(space, seed);
  return std::make_unique<Guided>(space, cycle, seed);
}

}  // namespace looptwin::testbed
