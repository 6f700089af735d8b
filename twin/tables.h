// A fleet is a table: the columns of all tables of a schema, one contiguous array each, rows in registry
// order. Everybody writes their own columns: sim/ the true state, mml/ what it knows. Rows are never reused
// within a run.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "base/archive.h"
#include "base/check.h"
#include "base/ids.h"
#include "lang/memory.h"
#include "lang/schema.h"

namespace looptwin::twin {

/// Rows are worked on in groups of 64 (a word of a dirty bitmap), blocks of 1024 (a leaf of a set sum) and
/// shards.
inline constexpr size_t kGroupRows = 64;
inline constexpr size_t kBlockRows = 1024;
inline constexpr size_t kShardRows = 8192;

/// A contiguous range of rows of one table, owned by one thread at a time.
struct Shard {
  TableId table;
  size_t first = 0;
  size_t rows = 0;
};

/// One value of a column as the VM sees it: unknown is NaN (booleans: ½); instants in ns.
double load(const void* column, lang::Storage storage, size_t row);

class Tables : public lang::Memory {
 public:
  explicit Tables(const lang::Schema& schema) : schema_(schema) {}

  /// Gives the table its number of rows and allocates all columns that the schema has by now; new columns and
  /// new rows hold `unknown` (NaN, 2, 255, no row, never). Existing values stay. Invalidates pointers.
  void resize(TableId table, size_t rows);
  /// Allocates columns that were added to the schema since. Pointers to existing columns stay valid.
  void allocate_added();

  void* column(TableId table, ColumnId column) override;
  size_t rows(TableId table) const override;

  /// A column's rows as T, which must have the width of its storage.
  template <typename T>
  std::span<T> values(TableId table, ColumnId id) {
    LT_CHECK(sizeof(T) == lang::size_of(schema_.column(table, id).storage));
    return {static_cast<T*>(column(table, id)), rows(table)};
  }

  /// Every table cut into shards of at most kShardRows rows, in order.
  std::vector<Shard> shards() const;

  void save(ArchiveWriter& archive) const;
  void restore(ArchiveReader& archive);
  /// Bytes allocated for columns.
  size_t bytes() const;

 private:
  struct Free {
    void operator()(std::byte* p) const;
  };
  using Region = std::unique_ptr<std::byte, Free>;
  struct Columns {
    size_t rows = 0;
    size_t capacity = 0;  ///< a multiple of kBlockRows
    std::vector<std::byte*> data;
    std::vector<Region> regions;  ///< that `data` points into
  };
  /// Lays out columns from `first` on in one new region and fills them with `unknown`.
  void allocate(TableId table, size_t first);
  void grow(TableId table, size_t capacity);

  const lang::Schema& schema_;
  std::vector<Columns> tables_;
};

}  // namespace looptwin::twin
