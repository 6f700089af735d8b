// Reads one HDF5 file that a SegmentWriter wrote. The file is opened at the first question and may be closed
// between two, so that a run of thousands of segments does not need as many open files.
#pragma once

#include <memory>

#include "twin/warm/segment_writer.h"

namespace looptwin::twin {

struct LogRows {
  uint64_t first = 0;
  uint64_t end = 0;
  bool empty() const { return first == end; }
};

class SegmentReader {
 public:
  SegmentReader(const RunSpec& spec, fs::path path);  // the spec outlives the reader
  SegmentReader(SegmentReader&&) noexcept;
  SegmentReader& operator=(SegmentReader&&) noexcept;
  ~SegmentReader();

  Result<SegmentInfo> info();
  /// Of a grid's cells, late samples aside; empty where the segment has none.
  Result<SlotRange> slots(size_t grid);
  /// Raw cells, row-major; `slots` must be within slots(grid).
  Result<void> read(size_t grid, size_t variable, RowRange rows, SlotRange slots, std::byte* cells);
  /// Kept in memory once asked for.
  Result<const LateCells*> late(size_t grid);
  /// Appends one column of a log; nothing where the segment has no rows of it.
  Result<void> append_log(size_t log, size_t column, ColumnData& to);
  /// Which rows of a log the segment has, numbered within the run; none: an empty range.
  Result<LogRows> log_rows(size_t log);

  bool is_open() const;
  bool is_gone() const;  ///< not open, and no longer on the disk
  void close_file();

 private:
  struct File;
  std::unique_ptr<File> file_;
};

}  // namespace looptwin::twin
