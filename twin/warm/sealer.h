// Turns a block into a sealed segment, a few milliseconds at a time, so that the journal never waits for
// long.
#pragma once

#include <optional>

#include "twin/warm/segment_writer.h"

namespace looptwin::twin {

class Sealer {
 public:
  /// The block and the spec must stay as they are until step() says that it is done.
  Sealer(const RunSpec& spec, const Block& block, const SegmentInfo& info,
         std::vector<uint64_t> log_rows_before, fs::path path);

  /// Goes on; true: the segment is on the disk under its name. After a failure there is none, and the object
  /// is spent.
  Result<bool> step();

  const SegmentInfo& info() const { return info_; }
  uint64_t file_bytes() const { return file_bytes_; }  ///< once done

 private:
  Result<bool> finish();
  const RunSpec& spec_;
  const Block& block_;
  SegmentInfo info_;
  std::vector<uint64_t> log_rows_before_;
  fs::path path_;
  std::optional<SegmentWriter> writer_;
  size_t grid_ = 0;
  bool grid_is_open_ = false;
  uint64_t file_bytes_ = 0;
};

}  // namespace looptwin::twin
