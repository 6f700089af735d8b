// Writes one HDF5 file: a sealed segment, or a whole run as one file. A group a grid and a log, with CF
// attributes and dimension scales, so that h5py, xarray and netCDF tools read it as it is;
// docs/formats/run.md has the layout. Chunks are shuffled and deflated here and handed over ready (HDF5's
// built-in filters read them).
#pragma once

#include <memory>

#include "twin/warm/block.h"

namespace looptwin::twin {

/// Which cycles a segment holds: those with a sequence in [first, end), which cover (from, to].
struct SegmentInfo {
  uint64_t number = 0;
  uint64_t first_sequence = 0;
  uint64_t end_sequence = 0;
  Time from;
  Time to;
};

/// Where a grid's cells come from: a block, or a run that is exported.
class CellSource {
 public:
  virtual ~CellSource() = default;
  /// Raw cells of a variable, row-major, over the slots that the grid was opened with.
  virtual Result<void> cells(size_t variable, RowRange rows, std::byte* cells) const = 0;
};

class SegmentWriter {
 public:
  /// In memory, so that a full disk meets our own file code and not HDF5's: image() has the bytes.
  static Result<SegmentWriter> in_memory(const RunSpec& spec, const SegmentInfo& info);
  static Result<SegmentWriter> on_disk(const RunSpec& spec, const SegmentInfo& info, const fs::path& path);
  SegmentWriter(SegmentWriter&&) noexcept;
  SegmentWriter& operator=(SegmentWriter&&) noexcept;
  ~SegmentWriter();

  /// A grid's group with its coordinates. Its cells follow by write_rows().
  Result<void> open_grid(size_t grid, SlotRange slots);
  /// The next rows of the open grid, about a million cells; returns how many rows are left.
  Result<uint32_t> write_rows(const CellSource& source);
  /// The group <grid>/late; `spec` is the grid's.
  Result<void> write_late(size_t grid, const LateCells& late);
  /// first_row: the log's number of rows before these.
  Result<void> write_log(size_t log, const std::vector<ColumnData>& columns, uint64_t first_row);

  /// Ends the file. In memory: its bytes.
  Result<std::vector<std::byte>> image();
  Result<void> close();

 private:
  struct File;
  explicit SegmentWriter(std::unique_ptr<File> file);
  std::unique_ptr<File> file_;
};

/// HDF5 cleans up as the process ends, and crashes there after a file that it could not close, as on a full
/// disk. A program that leaves no file open has it not do so; said before HDF5 is first used.
void end_without_hdf5();

}  // namespace looptwin::twin
