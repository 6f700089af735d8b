// Code over columns (sim/column_code.h) in the place where a device model uses it: the program that fetches
// what it reads, where its columns lie, and units, which the code has its own of.
#pragma once

#include <memory>
#include <vector>

#include "lang/program.h"
#include "sim/column_code.h"

namespace looptwin::sim {

/// A column that code reads or writes.
struct CodeColumn {
  ColumnCode::Column is;
  ColumnId column;
  lang::Storage storage = lang::Storage::f64;
  void* data = nullptr;  ///< [row]

  void fetch(size_t first, std::span<double> values) const;
  void store(size_t first, std::span<const double> values) const;
};

struct CodeUse {
  std::shared_ptr<const ColumnCode> code;
  lang::Program reads;       ///< stores what `inputs` are
  size_t first_uniform = 0;  ///< in the model's list
  std::vector<CodeColumn> inputs, states, outputs;

  void bind(lang::Memory& memory, TableId table);
  /// States to their initial values.
  void reset(size_t first, size_t count) const;
  /// From the instant on, over `dt`. Its row, where it fails, is one of the table. Thread-safe for disjoint
  /// rows; at most kSliceRows.
  std::optional<CodeFailure> run(const lang::Instant& instant, Duration dt, size_t first, size_t count) const;
};

/// What went wrong in an island, first: the run ends.
struct FailedCode {
  const CodeUse* use = nullptr;
  CodeFailure failure;
  Time at;
  size_t first = 0, rows = 0;  ///< those that it was asked for
};

}  // namespace looptwin::sim
