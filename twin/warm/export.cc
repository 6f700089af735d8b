#include "twin/warm/export.h"

#include <fmt/format.h>

#include "twin/warm/segment_writer.h"

namespace looptwin::twin {
namespace {

class RunCells final : public CellSource {
 public:
  RunCells(RunReader& run, GridId grid, SlotRange slots) : run_(run), grid_(grid), slots_(slots) {}
  Result<void> cells(size_t variable, RowRange rows, std::byte* cells) const override {
    return run_.read_raw(grid_, variable, rows, slots_, cells);
  }

 private:
  RunReader& run_;
  GridId grid_;
  SlotRange slots_;
};

Result<void> export_grid(RunReader& run, GridId grid, SegmentWriter& writer) {
  const auto slots = run.slots(grid);
  if (!slots) return tl::unexpected(slots.error());
  if (!slots->empty()) {
    if (auto opened = writer.open_grid(grid.index(), *slots); !opened) return opened;
    const RunCells cells(run, grid, *slots);
    for (uint32_t left = 1; left > 0;) {
      const auto written = writer.write_rows(cells);
      if (!written) return tl::unexpected(written.error());
      left = *written;
    }
  }
  const auto stray = run.stray(grid);
  if (!stray) return tl::unexpected(stray.error());
  return stray->size() > 0 ? writer.write_late(grid.index(), *stray) : Result<void>();
}

Result<void> export_log(RunReader& run, LogId log, SegmentWriter& writer) {
  std::vector<ColumnData> columns;
  for (size_t c = 0; c < run.spec().logs[log.index()].columns.size(); ++c) {
    auto column = run.read_log(log, c);
    if (!column) return tl::unexpected(column.error());
    columns.push_back(std::move(*column));
  }
  if (rows_of(columns[0]) == 0) return {};
  const auto first = run.first_log_row(log);
  if (!first) return tl::unexpected(first.error());
  return writer.write_log(log.index(), columns, *first);
}

Result<void> export_all(RunReader& run, const fs::path& path) {
  const SegmentInfo info{1, 0, run.end().sequence, kStart, run.end().boundary};
  auto writer = SegmentWriter::on_disk(run.spec(), info, path);
  if (!writer) return tl::unexpected(writer.error());
  for (size_t g = 0; g < run.spec().grids.size(); ++g) {
    if (auto done = export_grid(run, GridId(g), *writer); !done) return done;
  }
  for (size_t l = 0; l < run.spec().logs.size(); ++l) {
    if (auto done = export_log(run, LogId(l), *writer); !done) return done;
  }
  return writer->close();
}

}  // namespace

Result<void> export_single_file(RunReader& run, const fs::path& path) {
  std::error_code error;
  if (fs::exists(path, error)) {
    return failure(fmt::format("cannot export to {}: it exists", path.string()),
                   "another name, or remove this file");
  }
  if (const auto folder = path.parent_path(); !folder.empty() && !fs::is_directory(folder, error)) {
    return failure(fmt::format("cannot export to {}: there is no folder {}", path.string(), folder.string()),
                   "make it first, or export to a folder that is there");
  }
  const fs::path temporary = path.string() + ".tmp";
  fs::remove(temporary, error);
  if (auto done = export_all(run, temporary); !done) {
    fs::remove(temporary, error);
    return done;
  }
  return publish(temporary, path);
}

}  // namespace looptwin::twin
