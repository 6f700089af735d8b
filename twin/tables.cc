#include "twin/tables.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "base/large_pages.h"

namespace looptwin::twin {
namespace {

constexpr size_t kAlignment = 64;
/// Between two columns. Without it the same row of all columns of a large table would fall into the same few
/// sets of every cache, for their lengths are multiples of 8 KiB. An odd number of lines: all sets are used.
constexpr size_t kStagger = 13 * kAlignment;

void fill_unknown(std::byte* data, lang::Storage storage, size_t first, size_t last) {
  const size_t n = last - first;
  switch (storage) {
    case lang::Storage::f64: {
      auto* p = reinterpret_cast<double*>(data) + first;
      std::fill(p, p + n, std::numeric_limits<double>::quiet_NaN());
      break;
    }
    case lang::Storage::boolean:
      std::memset(data + first, 2, n);
      break;
    case lang::Storage::code:
      std::memset(data + first, 255, n);
      break;
    case lang::Storage::row:
      std::memset(data + first * 4, 0xff, n * 4);
      break;
    case lang::Storage::instant: {
      auto* p = reinterpret_cast<int64_t*>(data) + first;
      std::fill(p, p + n, kNever.ns);
      break;
    }
  }
}

}  // namespace

double load(const void* column, lang::Storage storage, size_t row) {
  constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();
  switch (storage) {
    case lang::Storage::f64:
      return static_cast<const double*>(column)[row];
    case lang::Storage::boolean: {
      const uint8_t b = static_cast<const uint8_t*>(column)[row];
      return b == 2 ? 0.5 : b;
    }
    case lang::Storage::code: {
      const uint8_t c = static_cast<const uint8_t*>(column)[row];
      return c == 255 ? kUnknown : c;
    }
    case lang::Storage::row:
      return static_cast<const uint32_t*>(column)[row];
    case lang::Storage::instant:
      return static_cast<double>(static_cast<const int64_t*>(column)[row]);
  }
  return kUnknown;
}

void Tables::Free::operator()(std::byte* p) const { free_large(p); }

void Tables::allocate(TableId table, size_t first) {
  auto& columns = tables_[table.index()];
  const auto& schema = schema_.tables[table.index()].columns;
  if (first == schema.size()) return;
  std::vector<size_t> offset;
  size_t bytes = 0;
  for (size_t c = first; c < schema.size(); ++c) {
    offset.push_back(bytes);
    const size_t used = columns.capacity * lang::size_of(schema[c].storage);
    bytes += (used + kAlignment - 1) / kAlignment * kAlignment + kStagger;
  }
  Region region(static_cast<std::byte*>(allocate_large(bytes)));
  columns.data.resize(first);
  for (size_t c = first; c < schema.size(); ++c) {
    columns.data.push_back(region.get() + offset[c - first]);
    fill_unknown(columns.data.back(), schema[c].storage, 0, columns.capacity);
  }
  columns.regions.push_back(std::move(region));
}

void Tables::resize(TableId table, size_t rows) {
  if (tables_.size() <= table.index()) tables_.resize(schema_.tables.size());
  auto& columns = tables_[table.index()];
  LT_CHECK(rows >= columns.rows, "rows are never removed");
  const size_t capacity = (rows + kBlockRows - 1) / kBlockRows * kBlockRows;
  if (capacity > columns.capacity) grow(table, capacity);
  columns.rows = rows;
  allocate_added();
}

void Tables::grow(TableId table, size_t capacity) {
  auto& columns = tables_[table.index()];
  const auto old = std::move(columns);
  columns = {.rows = old.rows, .capacity = capacity};
  allocate(table, 0);
  for (size_t c = 0; c < old.data.size(); ++c) {
    const size_t width = lang::size_of(schema_.tables[table.index()].columns[c].storage);
    std::memcpy(columns.data[c], old.data[c], old.capacity * width);
  }
}

void Tables::allocate_added() {
  if (tables_.size() < schema_.tables.size()) tables_.resize(schema_.tables.size());
  for (size_t t = 0; t < tables_.size(); ++t) allocate(TableId(t), tables_[t].data.size());
}

void* Tables::column(TableId table, ColumnId column) {
  LT_CHECK(table.index() < tables_.size() && column.index() < tables_[table.index()].data.size(),
           "a column that was not allocated");
  return tables_[table.index()].data[column.index()];
}

size_t Tables::rows(TableId table) const {
  return table.index() < tables_.size() ? tables_[table.index()].rows : 0;
}

std::vector<Shard> Tables::shards() const {
  std::vector<Shard> shards;
  for (size_t t = 0; t < tables_.size(); ++t) {
    for (size_t first = 0; first < tables_[t].rows; first += kShardRows)
      shards.push_back({TableId(t), first, std::min(kShardRows, tables_[t].rows - first)});
  }
  return shards;
}

void Tables::save(ArchiveWriter& archive) const {
  archive.section("tables", 1);
  archive.put<uint64_t>(tables_.size());
  for (size_t t = 0; t < tables_.size(); ++t) {
    const auto& columns = tables_[t];
    archive.put<uint64_t>(columns.rows);
    archive.put<uint64_t>(columns.data.size());
    for (size_t c = 0; c < columns.data.size(); ++c) {
      const size_t bytes = columns.rows * lang::size_of(schema_.tables[t].columns[c].storage);
      archive.put_span(std::span<const std::byte>(columns.data[c], bytes));
    }
  }
}

void Tables::restore(ArchiveReader& archive) {
  archive.section("tables", 1);
  if (archive.get<uint64_t>() != tables_.size()) return archive.fail("another number of tables");
  for (size_t t = 0; t < tables_.size(); ++t) {
    auto& columns = tables_[t];
    const auto rows = archive.get<uint64_t>();
    const auto count = archive.get<uint64_t>();
    if (!archive.ok()) return;
    if (rows != columns.rows || count != columns.data.size()) return archive.fail("tables of another shape");
    for (size_t c = 0; c < columns.data.size(); ++c) {
      const size_t bytes = columns.rows * lang::size_of(schema_.tables[t].columns[c].storage);
      archive.get_span(std::span<std::byte>(columns.data[c], bytes));
    }
  }
}

size_t Tables::bytes() const {
  size_t bytes = 0;
  for (size_t t = 0; t < tables_.size(); ++t)
    for (size_t c = 0; c < tables_[t].data.size(); ++c)
      bytes += tables_[t].capacity * lang::size_of(schema_.tables[t].columns[c].storage);
  return bytes;
}

}  // namespace looptwin::twin
