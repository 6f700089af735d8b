// Where columns lie, for programs over them.
#pragma once

#include <cstddef>

#include "base/ids.h"

namespace looptwin::lang {

/// Where a program's columns lie; implemented by whoever owns tables. Pointers stay valid until the table
/// grows.
class Memory {
 public:
  virtual ~Memory() = default;
  virtual void* column(TableId table, ColumnId column) = 0;
  virtual size_t rows(TableId table) const = 0;
};

}  // namespace looptwin::lang
