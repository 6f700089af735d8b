// What was put since the last seal, in memory: the cells of each grid slot by slot, samples that are too late
// (or too early) for these, and rows of logs. The storage thread fills one while it seals another; a reader
// fills one from the journal. Cells lie slot-major, as they arrive, and are turned row-major when they are
// sealed.
#pragma once

#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "twin/warm/lane.h"
#include "twin/warm/manifest.h"

namespace looptwin::twin {

struct SlotRange {
  int64_t first = 0;
  int64_t end = 0;  ///< one past the last
  int64_t size() const { return end - first; }
  bool empty() const { return end <= first; }
  bool operator==(const SlotRange&) const = default;
};
/// The part that two ranges share; empty where they share none.
SlotRange common(SlotRange a, SlotRange b);
/// The least range that holds both; an empty one counts for nothing.
SlotRange hull(SlotRange a, SlotRange b);

struct RowRange {
  uint32_t first = 0;
  uint32_t count = 0;
};

/// Texts of a column, one after another.
struct Texts {
  std::string characters;
  std::vector<uint64_t> ends;
  size_t size() const { return ends.size(); }
  std::string_view operator[](size_t i) const {
    const uint64_t begin = i == 0 ? 0 : ends[i - 1];
    return std::string_view(characters).substr(begin, ends[i] - begin);
  }
  void push_back(std::string_view text);
  void clear();
};

/// A log's column: i64 and time, i32, u8, f64, text.
using ColumnData = std::variant<std::vector<int64_t>, std::vector<int32_t>, std::vector<uint8_t>,
                                std::vector<double>, Texts>;
ColumnData empty_column(ColumnType type);
size_t rows_of(const ColumnData& column);
void append_column(ColumnData& to, const ColumnData& from);

/// Samples outside a block's or segment's cells, in the order in which they came.
struct LateCells {
  std::vector<int64_t> slot;
  std::vector<uint32_t> row;
  std::vector<std::vector<std::byte>> cells;  ///< raw, by variable; fill where there was none
  size_t size() const { return slot.size(); }
};
/// Lays the late samples of one variable over cells [rows][slots], which are row-major.
void lay_late(const VariableSpec& variable, const LateCells& late, size_t v, RowRange rows, SlotRange slots,
              std::byte* cells);

class Block {
 public:
  Block(const RunSpec& spec, const SegmentPlan& plan);  // the spec outlives the block

  /// Empties it; its segment begins at `from`.
  void open(Time from);

  /// Takes in one cycle's items. False: they make no sense (only possible for bytes from a disk); those
  /// before count.
  bool apply(std::span<const std::byte> items);

  /// The slots of a grid that were put, late ones aside.
  SlotRange slots(size_t grid) const { return grids_[grid].used; }
  /// Raw cells of a variable, row-major; `slots` must be within slots(grid).
  void read(size_t grid, size_t variable, RowRange rows, SlotRange slots, std::byte* cells) const;
  const LateCells& late(size_t grid) const { return grids_[grid].late; }
  const std::vector<ColumnData>& log(size_t log) const { return logs_[log]; }
  size_t log_rows(size_t log) const { return rows_of(logs_[log][0]); }

  /// Bytes held in logs and late samples, which no plan bounds.
  size_t loose_bytes() const { return loose_bytes_; }

  /// The memory that a block's cells can take.
  static size_t cell_bytes(const RunSpec& spec, const SegmentPlan& plan);

 private:
  struct Grid {
    SlotRange held;                                     // what there is room for
    SlotRange used;                                     // what is initialised
    std::vector<std::unique_ptr<std::byte[]>> columns;  // by variable: [slot - held.first][row]
    LateCells late;
  };
  bool apply_cells(const ItemHeader& header, const std::byte* data);
  bool apply_row(const ItemHeader& header, const std::byte* data);
  void apply_late(const ItemHeader& header, const uint32_t* rows, const std::byte* data);
  void use_slot(size_t grid, int64_t slot);

  const RunSpec* spec_;
  SegmentPlan plan_;
  std::vector<uint32_t> rows_;
  std::vector<Grid> grids_;
  std::vector<std::vector<ColumnData>> logs_;
  size_t loose_bytes_ = 0;
};

}  // namespace looptwin::twin
