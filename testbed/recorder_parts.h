// What a recorder is made of: shared by recorder_declare.cc, which says what a run folder holds, and
// recorder.cc, which fills it.
#pragma once

#include <string>
#include <vector>

#include "testbed/recorder.h"

namespace looptwin::testbed {

/// Variables that a grid can have; what needs more is several grids, "home/1min", "home/1min_1" …
inline constexpr size_t kGridVariables = 64;
inline constexpr size_t kRollupVariables = 5;  ///< of each field
inline constexpr size_t kRollupFields = kGridVariables / kRollupVariables;

struct Recorder::Spec {
  twin::RunSpec run;
  twin::RunOptions options;
};

struct Recorder::Grid {
  twin::GridId id;
  TableId table;
  Duration period{};
  bool raw = true;
  uint16_t group = 0;                  ///< raw: the report group
  size_t first_field = 0;              ///< rollups: of the model's fields, kRollupFields at most
  std::vector<int32_t> row;            ///< the grid's row of a device, -1: not kept; empty: its own
  std::vector<uint8_t> kept;           ///< [row / kShardRows] whether one of these is, where some are not
  std::vector<Duration> phase;         ///< of each grid row
  std::vector<twin::Storage> storage;  ///< of each variable
  std::vector<int32_t> shift;
};

/// One shard's cells on their way into its lane.
struct Recorder::Scratch {
  std::vector<uint32_t> rows;
  std::vector<std::vector<int32_t>> values;  ///< [variable]
  std::vector<std::vector<int16_t>> narrow;
  std::vector<std::vector<uint8_t>> bytes;
  std::vector<twin::Cells> cells;

  void begin(size_t variables) {
    rows.clear();
    values.resize(std::max(values.size(), variables));
    narrow.resize(values.size());
    bytes.resize(values.size());
    for (auto& v : values) v.clear();
  }
};

/// Derived values of one table that are kept equally often: a boundary's values are a slot's cells.
struct Recorder::DerivedGrid {
  twin::GridId id;
  TableId table;
  Duration period{};
  std::vector<const mml::Derived*> values;   ///< of each variable
  std::vector<std::vector<double>> numbers;  ///< scratch: in the value's unit
  std::vector<std::vector<uint8_t>> bytes;   ///< scratch
  std::vector<twin::Cells> cells;            ///< scratch
};

}  // namespace looptwin::testbed
