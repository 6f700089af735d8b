#include "twin/warm/sealer.h"

namespace looptwin::twin {
namespace {

class BlockCells final : public CellSource {
 public:
  BlockCells(const Block& block, size_t grid) : block_(block), grid_(grid) {}
  Result<void> cells(size_t variable, RowRange rows, std::byte* cells) const override {
    block_.read(grid_, variable, rows, block_.slots(grid_), cells);
    return {};
  }

 private:
  const Block& block_;
  size_t grid_;
};

}  // namespace

Sealer::Sealer(const RunSpec& spec, const Block& block, const SegmentInfo& info,
               std::vector<uint64_t> log_rows_before, fs::path path)
    : spec_(spec),
      block_(block),
      info_(info),
      log_rows_before_(std::move(log_rows_before)),
      path_(std::move(path)) {}

Result<bool> Sealer::step() {
  if (!writer_) {
    auto writer = SegmentWriter::in_memory(spec_, info_);
    if (!writer) return tl::unexpected(writer.error());
    writer_ = std::move(*writer);
  }
  while (grid_ < spec_.grids.size()) {
    if (!grid_is_open_ && !block_.slots(grid_).empty()) {
      if (auto opened = writer_->open_grid(grid_, block_.slots(grid_)); !opened)
        return tl::unexpected(opened.error());
      grid_is_open_ = true;
    }
    if (grid_is_open_) {
      const auto left = writer_->write_rows(BlockCells(block_, grid_));
      if (!left) return tl::unexpected(left.error());
      if (*left > 0) return false;
    }
    if (block_.late(grid_).size() > 0) {
      if (auto late = writer_->write_late(grid_, block_.late(grid_)); !late)
        return tl::unexpected(late.error());
    }
    grid_is_open_ = false;
    ++grid_;
  }
  return finish();
}

Result<bool> Sealer::finish() {
  for (size_t log = 0; log < spec_.logs.size(); ++log) {
    if (block_.log_rows(log) == 0) continue;
    if (auto done = writer_->write_log(log, block_.log(log), log_rows_before_[log]); !done)
      return tl::unexpected(done.error());
  }
  const auto image = writer_->image();
  if (!image) return tl::unexpected(image.error());
  if (auto written = write_whole_file(path_, *image); !written) return tl::unexpected(written.error());
  file_bytes_ = image->size();
  return true;
}

}  // namespace looptwin::twin
