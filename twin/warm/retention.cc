#include "twin/warm/retention.h"

#include <optional>

#include "twin/warm/segment_reader.h"

namespace looptwin::twin {
namespace {

Result<bool> has_cells(const RunSpec& spec, SegmentReader& segment) {
  for (size_t grid = 0; grid < spec.grids.size(); ++grid) {
    const auto slots = segment.slots(grid);
    if (!slots) return tl::unexpected(slots.error());
    const auto late = segment.late(grid);
    if (!late) return tl::unexpected(late.error());
    if (!slots->empty() || (*late)->size() > 0) return true;
  }
  return false;
}

/// Returns whether there was any row.
Result<bool> copy_log(const RunSpec& spec, size_t log, SegmentReader& from, SegmentWriter& to) {
  const auto rows = from.log_rows(log);
  if (!rows) return tl::unexpected(rows.error());
  if (rows->empty()) return false;
  std::vector<ColumnData> columns;
  for (size_t c = 0; c < spec.logs[log].columns.size(); ++c) {
    columns.push_back(empty_column(spec.logs[log].columns[c].type));
    if (auto read = from.append_log(log, c, columns.back()); !read) return tl::unexpected(read.error());
  }
  if (auto written = to.write_log(log, columns, rows->first); !written)
    return tl::unexpected(written.error());
  return true;
}

using Image = std::vector<std::byte>;

/// The segment without its cells; empty where no row of a log is left, none where it has no cells.
Result<std::optional<Image>> without_cells(const RunSpec& spec, const fs::path& path) {
  SegmentReader segment(spec, path);
  const auto info = segment.info();
  if (!info) return tl::unexpected(info.error());
  const auto full = has_cells(spec, segment);
  if (!full) return tl::unexpected(full.error());
  if (!*full) return std::nullopt;  // a resumed run meets what it has dropped before
  auto left = SegmentWriter::in_memory(spec, *info);
  if (!left) return tl::unexpected(left.error());
  bool any = false;
  for (size_t log = 0; log < spec.logs.size(); ++log) {
    const auto copied = copy_log(spec, log, segment, *left);
    if (!copied) return tl::unexpected(copied.error());
    any |= *copied;
  }
  if (!any) return Image();
  auto image = left->image();
  if (!image) return tl::unexpected(image.error());
  return std::move(*image);
}

}  // namespace

Result<void> drop_cells(const RunSpec& spec, const fs::path& path) {
  const auto left = without_cells(spec, path);
  // What cannot be read stays as it is, for people to see; the run goes on.
  if (!left || !*left) return {};
  return (*left)->empty() ? remove_file(path) : write_whole_file(path, **left);
}

}  // namespace looptwin::twin
