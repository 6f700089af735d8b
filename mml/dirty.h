// Which rows must be evaluated at this boundary, by groups of 64: those with new input, and those whose time
// has come. Marking too many is harmless (all evaluation is idempotent at one instant), marking too few never
// happens.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "base/archive.h"
#include "base/time.h"
#include "twin/tables.h"

namespace looptwin::mml {

class Dirty {
 public:
  explicit Dirty(const twin::Tables& tables, size_t table_count) {
    for (size_t t = 0; t < table_count; ++t) {
      const size_t groups = (tables.rows(TableId(t)) + twin::kGroupRows - 1) / twin::kGroupRows;
      marks_.emplace_back(groups, uint8_t{1});  // everything is new at the start
      due_.emplace_back(groups, kNever);
    }
  }

  void mark(TableId table, size_t row) { marks_[table.index()][row / twin::kGroupRows] = 1; }
  void mark_all(TableId table) {
    std::fill(marks_[table.index()].begin(), marks_[table.index()].end(), uint8_t{1});
  }
  bool marked(TableId table, size_t group) const { return marks_[table.index()][group] != 0; }
  size_t groups(TableId table) const { return marks_[table.index()].size(); }

  /// One entry a group of 64 rows: when its rows must be looked at again though nothing arrives.
  Time* due(TableId table) { return due_[table.index()].data(); }

  /// Marks the groups of a shard whose time has come, and forgets the times of all marked ones: their
  /// evaluation sets them anew.
  void begin(const twin::Shard& shard, Time now) {
    auto& marks = marks_[shard.table.index()];
    auto& due = due_[shard.table.index()];
    for (size_t g = shard.first / twin::kGroupRows; g < end_group(shard); ++g) {
      if (due[g] <= now) marks[g] = 1;
      if (marks[g] != 0) due[g] = kNever;
    }
  }

  /// Calls run(first_row, count) for each stretch of marked groups of the shard.
  template <typename Run>
  void for_each_run(const twin::Shard& shard, Run run) const {
    const auto& marks = marks_[shard.table.index()];
    const size_t end_row = shard.first + shard.rows;
    for (size_t g = shard.first / twin::kGroupRows; g < end_group(shard);) {
      if (marks[g] == 0) {
        ++g;
        continue;
      }
      const size_t begin = g;
      while (g < end_group(shard) && marks[g] != 0) ++g;
      const size_t first = begin * twin::kGroupRows;
      run(first, std::min(g * twin::kGroupRows, end_row) - first);
    }
  }

  void clear() {
    for (auto& marks : marks_) std::fill(marks.begin(), marks.end(), uint8_t{0});
  }

  void save(ArchiveWriter& archive) const {
    archive.section("dirty", 1);
    for (size_t t = 0; t < marks_.size(); ++t) {
      archive.put_vector(marks_[t]);
      archive.put_vector(due_[t]);
    }
  }
  void restore(ArchiveReader& archive) {
    archive.section("dirty", 1);
    for (size_t t = 0; t < marks_.size(); ++t) {
      archive.get_span(std::span(marks_[t]));
      archive.get_span(std::span(due_[t]));
    }
  }

 private:
  static size_t end_group(const twin::Shard& shard) {
    return (shard.first + shard.rows + twin::kGroupRows - 1) / twin::kGroupRows;
  }
  std::vector<std::vector<uint8_t>> marks_;
  std::vector<std::vector<Time>> due_;
};

}  // namespace looptwin::mml
