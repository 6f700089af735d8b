#include "sim/code_use.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "base/check.h"
#include "sim/draws.h"

namespace looptwin::sim {
namespace {

constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

/// Columns of one call, one behind the other.
class Block {
 public:
  Block(const std::vector<CodeColumn>& columns, size_t rows) : values_(columns.size() * rows) {
    for (size_t c = 0; c < columns.size(); ++c) spans_.emplace_back(values_.data() + c * rows, rows);
  }
  void fetch(const std::vector<CodeColumn>& columns, size_t first) {
    for (size_t c = 0; c < columns.size(); ++c) columns[c].fetch(first, spans_[c]);
  }
  void store(const std::vector<CodeColumn>& columns, size_t first) const {
    for (size_t c = 0; c < columns.size(); ++c) columns[c].store(first, spans_[c]);
  }
  CodeColumns spans() const { return spans_; }

 private:
  std::vector<double> values_;
  std::vector<std::span<double>> spans_;
};

std::optional<CodeFailure> not_finite(const std::vector<CodeColumn>& columns, CodeColumns values) {
  for (size_t c = 0; c < columns.size(); ++c) {
    const auto wrong =
        std::find_if_not(values[c].begin(), values[c].end(), [](double v) { return std::isfinite(v); });
    if (wrong == values[c].end()) continue;
    return CodeFailure{fmt::format("{} is {}", columns[c].is.name, *wrong), "hand out finite numbers",
                       static_cast<size_t>(wrong - values[c].begin())};
  }
  return std::nullopt;
}

}  // namespace

void CodeColumn::fetch(size_t first, std::span<double> values) const {
  if (storage == lang::Storage::f64) {
    const auto* from = static_cast<const double*>(data) + first;
    std::transform(from, from + values.size(), values.begin(), [&](double v) { return is.unit.from_si(v); });
    return;
  }
  const auto* from = static_cast<const uint8_t*>(data) + first;
  const uint8_t unknown = storage == lang::Storage::boolean ? 2 : 255;
  std::transform(from, from + values.size(), values.begin(),
                 [&](uint8_t v) { return v == unknown ? kUnknown : v; });
}

void CodeColumn::store(size_t first, std::span<const double> values) const {
  if (storage == lang::Storage::f64) {
    std::transform(values.begin(), values.end(), static_cast<double*>(data) + first,
                   [&](double v) { return is.unit.to_si(v); });
    return;
  }
  std::transform(values.begin(), values.end(), static_cast<uint8_t*>(data) + first,
                 [](double v) { return static_cast<uint8_t>(v != 0); });
}

void CodeUse::bind(lang::Memory& memory, TableId table) {
  reads.bind(memory);
  for (auto* columns : {&inputs, &states, &outputs})
    for (auto& column : *columns) column.data = memory.column(table, column.column);
}

void CodeUse::reset(size_t first, size_t count) const {
  for (const auto& state : states) {
    const std::vector<double> initial(count, state.is.initial);
    state.store(first, initial);
  }
}

std::optional<CodeFailure> CodeUse::run(const lang::Instant& instant, Duration dt, size_t first,
                                        size_t count) const {
  LT_CHECK(count <= kSliceRows);
  reads.run(instant, first, count);
  Block read(inputs, count), kept(states, count), set(outputs, count);
  read.fetch(inputs, first);
  kept.fetch(states, first);
  auto failure = code->run(instant.now, dt, read.spans(), kept.spans(), set.spans());
  if (!failure) failure = not_finite(states, kept.spans());
  if (!failure) failure = not_finite(outputs, set.spans());
  if (failure) {
    if (failure->row) *failure->row += first;
    return failure;
  }
  kept.store(states, first);
  set.store(outputs, first);
  return std::nullopt;
}

}  // namespace looptwin::sim
