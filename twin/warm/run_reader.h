// Reads a run folder: finished, killed, or still being written. Sealed segments and the journal's good part
// look like one; what is damaged is said and left out. Not for two threads at once; opened anew, it sees what
// has come since. What retention removes while it is open it no longer has.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/stop.h"
#include "twin/warm/block.h"
#include "twin/warm/options.h"

namespace looptwin::twin {

class RunReader {
 public:
  /// `stop` is asked then, and between segments by all that reads later.
  static Result<RunReader> open(const fs::path& folder, StopAsked stop = {});
  RunReader(RunReader&&) noexcept;
  RunReader& operator=(RunReader&&) noexcept;
  ~RunReader();

  /// Who is asked from now on.
  void heed(StopAsked stop);

  const RunSpec& spec() const;
  const std::string& status() const;       ///< JSON; {"state": "running"} until the run was finished
  const std::string& fingerprint() const;  ///< empty until the run was finished
  std::optional<GridId> grid(std::string_view name) const { return spec().grid(name); }
  std::optional<LogId> log(std::string_view name) const { return spec().log(name); }

  /// The last cycle that can be read.
  Position end() const;
  /// Where the journal is torn or damaged, file and byte; empty where it is whole, or still being written.
  const std::vector<std::string>& damage() const;

  /// Slots of a grid that hold samples. Samples too late or too early for their segment count only where they
  /// lie within; stray() has the others.
  Result<SlotRange> slots(GridId grid);
  Result<LateCells> stray(GridId grid);

  /// Raw cells, row-major [rows][slots], fill where there is no sample. Slots may lie anywhere.
  Result<void> read_raw(GridId grid, size_t variable, RowRange rows, SlotRange slots, std::byte* cells);
  /// The same in units, NaN where there is no sample.
  Result<std::vector<double>> read(GridId grid, size_t variable, RowRange rows, SlotRange slots);

  /// All rows of one column of a log, oldest first.
  Result<ColumnData> read_log(LogId log, size_t column);
  /// Number within the run of the first row that read_log gives: more than 0 where retention dropped some.
  Result<uint64_t> first_log_row(LogId log);

 private:
  struct State;
  explicit RunReader(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace looptwin::twin
