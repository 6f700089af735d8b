// One telemetry field of one model as the twin holds it: what becomes of each sample, and when what is known
// grows stale. A twin's value and quality follow the newest sample, good or bad; its `sampled` is the newest
// good one's.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/archive.h"
#include "base/prefetch.h"
#include "base/time.h"
#include "lang/schema.h"
#include "mml/plausibility.h"
#include "twin/frame.h"

namespace looptwin::mml {

struct SampleCounters {
  uint64_t samples = 0;                                 ///< values of fields, good or not
  std::array<uint64_t, twin::kQualities> by_quality{};  ///< with those shed, each sample once
  uint64_t shed = 0;  ///< samples nearer to the newest before them than the field's least spacing
};

/// Messages [first, first + count) of a frame, of rows [row, row + count), all in one group of 64 rows.
struct Stretch {
  uint32_t first = 0;
  uint32_t row = 0;
  uint32_t count = 0;
};
/// Cuts a frame's messages into stretches, as long as its order allows.
void find_stretches(const twin::Frame& frame, std::vector<Stretch>& stretches);

class Reported {
 public:
  struct Columns {
    lang::Storage storage = lang::Storage::f64;
    void* value = nullptr;
    int64_t* sampled = nullptr;
    uint8_t* quality = nullptr;
  };
  Reported(const twin::FieldConfig& config, const Columns& columns, size_t rows);

  /// Takes in the frame's values of this field, at `position` of its group; what is bad or shed becomes
  /// kMissing in the frame. What the frame has as forced is of that quality. `future` says of which messages
  /// sampled-at was replaced; empty: of none.
  void place(std::span<const Stretch> stretches, twin::Frame& frame, size_t position,
             std::span<const uint8_t> future, SampleCounters& counters);

  /// Makes stale what is too old among rows [first, first + count), and lowers due[row / 64] to the next
  /// instant at which something will be.
  void expire(Time now, size_t first, size_t count, Time* due);

  /// Rows [first, first + count) will be needed soon.
  void ask_for(size_t first, size_t count) const {
    prefetch(static_cast<const char*>(columns_.value) + first * width_, count * width_);
    prefetch(columns_.sampled + first, count * sizeof(int64_t));
    prefetch(columns_.quality + first, count);
  }

  const uint8_t* quality() const { return columns_.quality; }
  Duration stale_after() const { return stale_after_; }
  void save(ArchiveWriter& archive) const;
  void restore(ArchiveReader& archive);

 private:
  bool plain(const Stretch& stretch, const int32_t* raw, const int64_t* sampled_at) const;
  void store(const Stretch& stretch, const int32_t* raw, const int64_t* sampled_at);
  bool plain(uint32_t row, int32_t raw, int64_t sampled_at) const;
  void store(uint32_t row, int32_t raw, int64_t sampled_at);
  twin::Quality place_one(uint32_t row, int32_t& raw, int64_t sampled_at, twin::Quality quality, bool& shed);
  twin::Quality plausible(uint32_t row, int32_t raw, int64_t sampled_at, int64_t last, twin::Quality quality);
  int64_t newest(uint32_t row) const;
  void forget(size_t row, twin::Quality why);
  Time expire_group(Time now, size_t begin, size_t end);

  Columns columns_;
  size_t width_;  ///< bytes of a value
  twin::Scaling scaling_;
  int32_t lowest_ = 0, highest_ = 0;  ///< raw values that are in range; kMissing never is
  Duration stale_after_;
  Duration spacing_;                          ///< what is newer by less is shed
  std::optional<Plausibility> plausibility_;  ///< where the field declares max_rate or flat_after
  std::vector<int64_t> bad_;  ///< [row] instant of the newest bad sample that was the newest of all
  std::vector<Time> oldest_;  ///< [group] no row's newest sample is older, but of those that are stale;
                              ///< looked for anew when it would be stale itself
};

}  // namespace looptwin::mml
