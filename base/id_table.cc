#include "base/id_table.h"

#include <utility>

#include "base/check.h"

namespace looptwin {

/// Where the id stands, or the empty cell where it would.
size_t IdTable::place_of(uint64_t id) const {
  size_t cell = home(id);
  while (cells_[cell].id != id && cells_[cell].id != 0) cell = after(cell);
  return cell;
}

uint32_t IdTable::find(uint64_t id) const {
  const Cell& cell = cells_[place_of(id)];
  return cell.id == 0 ? kNone : cell.value;
}

bool IdTable::insert(uint64_t id, uint32_t value) {
  LT_CHECK(id != 0, "an id of 0");
  if (2 * (size_ + 1) > cells_.size()) grow();
  Cell& cell = cells_[place_of(id)];
  if (cell.id != 0) return false;
  cell = {id, value};
  ++size_;
  return true;
}

void IdTable::erase(uint64_t id) {
  size_t hole = place_of(id);
  if (cells_[hole].id == 0) return;
  --size_;
  // What follows without a gap may stand there only because this cell was taken: whoever may, moves up.
  for (size_t cell = after(hole); cells_[cell].id != 0; cell = after(cell)) {
    const size_t mask = cells_.size() - 1, wanted = home(cells_[cell].id);
    if (((cell - wanted) & mask) < ((cell - hole) & mask)) continue;
    cells_[hole] = cells_[cell];
    hole = cell;
  }
  cells_[hole] = {};
}

void IdTable::clear() { *this = {}; }

void IdTable::grow() {
  const auto old = std::exchange(cells_, std::vector<Cell>(2 * cells_.size()));
  for (const Cell& cell : old)
    if (cell.id != 0) cells_[place_of(cell.id)] = cell;
}

}  // namespace looptwin
