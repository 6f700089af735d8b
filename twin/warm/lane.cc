#include "twin/warm/lane.h"

#include <algorithm>
#include <cstring>

#include "base/check.h"

namespace looptwin::twin {

Lane::Lane(const RunSpec& spec) : spec_(&spec) {
  for (const auto& grid : spec.grids) rows_.push_back(spec.rows(grid));
}

std::byte* Lane::begin(const ItemHeader& header) {
  const size_t at = bytes_.size(), size = sizeof header + header.size;
  // Growing by doubling, and zeroes in the padding: equal runs have equal journals.
  if (bytes_.capacity() < at + size) bytes_.reserve(std::max(2 * bytes_.capacity(), at + size));
  bytes_.resize(at + size);
  std::memcpy(bytes_.data() + at, &header, sizeof header);
  return bytes_.data() + at + sizeof header;
}

ItemHeader Lane::cells_header(ItemKind kind, GridId grid, int64_t slot,
                              std::span<const Cells> variables) const {
  LT_CHECK(grid.index() < spec_->grids.size());
  const auto& spec = spec_->grids[grid.index()];
  LT_CHECK(variables.size() == spec.variables.size(), spec.name);
  ItemHeader header{kind, static_cast<uint16_t>(grid.index()), 0, slot, 0, 0, 0};
  size_t size = 0;
  for (size_t v = 0; v < variables.size(); ++v) {
    const size_t count = variables[v].count();
    if (count == 0) continue;
    LT_CHECK(variables[v].storage() == spec.variables[v].storage, spec.variables[v].name);
    LT_CHECK(header.count == 0 || header.count == count, spec.variables[v].name);
    header.count = static_cast<uint32_t>(count);
    header.present |= uint64_t{1} << v;
    size += padded(count * size_of(variables[v].storage()));
  }
  if (kind == ItemKind::scattered) size += padded(header.count * sizeof(uint32_t));
  LT_CHECK(size <= UINT32_MAX, spec.name);
  header.size = static_cast<uint32_t>(size);
  return header;
}

void Lane::copy_variables(std::byte* to, std::span<const Cells> variables) {
  for (const auto& cells : variables) {
    if (cells.count() == 0) continue;
    const size_t size = cells.count() * size_of(cells.storage());
    std::memcpy(to, cells.data(), size);
    to += padded(size);
  }
}

void Lane::put(GridId grid, int64_t slot, uint32_t first_row, std::span<const Cells> variables) {
  auto header = cells_header(ItemKind::cells, grid, slot, variables);
  if (header.count == 0) return;
  LT_CHECK(uint64_t{first_row} + header.count <= rows_[grid.index()], spec_->grids[grid.index()].name);
  header.first = first_row;
  copy_variables(begin(header), variables);
}

void Lane::put_rows(GridId grid, int64_t slot, std::span<const uint32_t> rows,
                    std::span<const Cells> variables) {
  const auto header = cells_header(ItemKind::scattered, grid, slot, variables);
  if (header.count == 0) return;
  LT_CHECK(rows.size() == header.count, spec_->grids[grid.index()].name);
  uint32_t last = 0;
  for (const uint32_t row : rows) last = std::max(last, row);
  LT_CHECK(last < rows_[grid.index()], spec_->grids[grid.index()].name);
  std::byte* to = begin(header);
  std::memcpy(to, rows.data(), rows.size_bytes());
  copy_variables(to + padded(rows.size_bytes()), variables);
}

void Lane::append(LogId log, std::span<const LogValue> values) {
  LT_CHECK(log.index() < spec_->logs.size());
  const auto& spec = spec_->logs[log.index()];
  LT_CHECK(values.size() == spec.columns.size(), spec.name);
  size_t size = 0;
  for (size_t c = 0; c < values.size(); ++c) {
    LT_CHECK(values[c].type_ == spec.columns[c].type, spec.columns[c].name);
    size += sizeof(uint64_t) + padded(values[c].text_.size());
  }
  LT_CHECK(size <= UINT32_MAX, spec.name);
  std::byte* to =
      begin({ItemKind::row, static_cast<uint16_t>(log.index()), static_cast<uint32_t>(size), 0, 0, 1, 0});
  for (const auto& value : values) {
    const uint64_t length = value.text_.size();
    if (value.type_ == ColumnType::text)
      std::memcpy(to, &length, sizeof length);
    else
      std::memcpy(to, &value.word_, sizeof value.word_);
    to += sizeof length;
    if (length > 0) std::memcpy(to, value.text_.data(), length);
    to += padded(length);
  }
}

void Lane::exchange(std::vector<std::byte>& empty) {
  bytes_.swap(empty);
  bytes_.clear();
}

}  // namespace looptwin::twin
