// What one shard hands to the warm history in a cycle: cells of grids and rows of logs, copied into the very
// bytes that the journal will hold. Lanes are taken in lane order, so number them by part of the fleet, never
// by thread.
#pragma once

#include <initializer_list>
#include <string_view>
#include <vector>

#include "twin/warm/cells.h"
#include "twin/warm/spec.h"

namespace looptwin::twin {

enum class ItemKind : uint16_t { cells = 1, scattered = 2, row = 3 };

/// Before each item in a cycle's record; `size` bytes follow, a multiple of 8. What follows, each part padded
/// to 8 bytes:
///   cells      for each variable whose bit is set in `present`: `count` raw cells of rows `first`, `first` +
///   1, ... scattered  `count` rows as u32, then as above for these rows row        for each column one word
///   (i64, the others widened to it, or f64), a text as length and bytes
struct ItemHeader {
  ItemKind kind;
  uint16_t target;  ///< the grid's or the log's index
  uint32_t size;
  int64_t slot;
  uint32_t first;
  uint32_t count;
  uint64_t present;
};
static_assert(sizeof(ItemHeader) == 32);

constexpr size_t padded(size_t size) { return (size + 7) & ~size_t{7}; }

/// A value of a log's row; must fit its column's type.
class LogValue {
 public:
  LogValue(int64_t v) : type_(ColumnType::i64), word_(v) {}
  LogValue(int32_t v) : type_(ColumnType::i32), word_(v) {}
  LogValue(uint8_t v) : type_(ColumnType::u8), word_(v) {}
  LogValue(double v) : type_(ColumnType::f64), real_(v) {}
  LogValue(Time v) : type_(ColumnType::time), word_(v.ns) {}
  LogValue(std::string_view v) : type_(ColumnType::text), text_(v) {}
  LogValue(const char* v) : LogValue(std::string_view(v)) {}
  LogValue(const std::string& v) : LogValue(std::string_view(v)) {}

 private:
  friend class Lane;
  ColumnType type_;
  union {
    int64_t word_;
    double real_;
  };
  std::string_view text_;
};

/// Used by one thread at a time. All calls check against the spec: a wrong type, count or row is a bug of
/// ours.
class Lane {
 public:
  explicit Lane(const RunSpec& spec);  // the spec outlives the lane

  /// Samples of one slot, of rows first_row, first_row + 1, ...: as many as the variables' cells, one Cells a
  /// variable of the grid. A fill cell, or a variable without cells, leaves what the warm history has. Where
  /// a cell is put twice, the later one counts. O(bytes), no allocation once the lane has been as full.
  void put(GridId grid, int64_t slot, uint32_t first_row, std::span<const Cells> variables);
  void put(GridId grid, int64_t slot, uint32_t first_row, std::initializer_list<Cells> variables) {
    put(grid, slot, first_row, std::span(variables.begin(), variables.size()));
  }

  /// The same for any rows, in any order: for phases that are spread over the period.
  void put_rows(GridId grid, int64_t slot, std::span<const uint32_t> rows, std::span<const Cells> variables);
  void put_rows(GridId grid, int64_t slot, std::span<const uint32_t> rows,
                std::initializer_list<Cells> variables) {
    put_rows(grid, slot, rows, std::span(variables.begin(), variables.size()));
  }

  /// One row, a value a column.
  void append(LogId log, std::span<const LogValue> values);
  void append(LogId log, std::initializer_list<LogValue> values) {
    append(log, std::span(values.begin(), values.size()));
  }

  std::span<const std::byte> bytes() const { return bytes_; }
  /// Gives the bytes away for an empty buffer (whose capacity is kept).
  void exchange(std::vector<std::byte>& empty);

 private:
  std::byte* begin(const ItemHeader& header);
  void copy_variables(std::byte* to, std::span<const Cells> variables);
  ItemHeader cells_header(ItemKind kind, GridId grid, int64_t slot, std::span<const Cells> variables) const;

  const RunSpec* spec_;
  std::vector<uint32_t> rows_;  // of each grid
  std::vector<std::byte> bytes_;
};

}  // namespace looptwin::twin
