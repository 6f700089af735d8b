// A number by its id, where ids are hashes already: open addressing without a node a number, so that what
// comes and goes by the thousand asks the system for nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "base/prefetch.h"

namespace looptwin {

class IdTable {
 public:
  static constexpr uint32_t kNone = std::numeric_limits<uint32_t>::max();

  /// kNone where there is none; there never is of 0.
  uint32_t find(uint64_t id) const;
  /// Asks for the memory that find() will look at.
  void ahead(uint64_t id) const { prefetch(&cells_[home(id)], sizeof(Cell)); }
  /// False, and nothing is changed, where the id is there. `id` is not 0.
  bool insert(uint64_t id, uint32_t value);
  /// Nothing where the id is not there.
  void erase(uint64_t id);
  void clear();
  size_t size() const { return size_; }

 private:
  struct Cell {
    uint64_t id = 0;  ///< 0: empty
    uint32_t value = 0;
  };
  size_t home(uint64_t id) const { return id & (cells_.size() - 1); }
  size_t after(size_t cell) const { return (cell + 1) & (cells_.size() - 1); }
  size_t place_of(uint64_t id) const;
  void grow();

  std::vector<Cell> cells_ = std::vector<Cell>(16);  ///< a power of two, at most half of them taken
  size_t size_ = 0;
};

}  // namespace looptwin
