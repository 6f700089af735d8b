#include "twin/warm/block.h"

#include <algorithm>
#include <cstring>

#include "base/check.h"

namespace looptwin::twin {
namespace {

/// How many slots before a segment's beginning, and after its end, still belong to its cells.
int64_t margin(const GridSpec& grid, const SegmentPlan& plan) {
  return ceil_to(kStart + plan.late_within, grid.period).ns / grid.period.ns + 1;
}

SlotRange held_slots(const GridSpec& grid, const SegmentPlan& plan, Time from) {
  const int64_t first = floor_to(from, grid.period).ns / grid.period.ns - margin(grid, plan);
  const int64_t last = floor_to(from + plan.length, grid.period).ns / grid.period.ns;
  return {first, last + 2};
}

size_t cells_of(uint32_t rows, SlotRange slots) { return static_cast<size_t>(slots.size()) * rows; }

/// Whether an item's variables and rows are the grid's; `data` then has header.size bytes of them.
bool makes_sense(const ItemHeader& header, const GridSpec& spec, uint32_t rows, const std::byte* data) {
  size_t size = 0;
  for (size_t v = 0; v < spec.variables.size(); ++v) {
    if (header.present >> v & 1) size += padded(header.count * size_of(spec.variables[v].storage));
  }
  if (spec.variables.size() < 64 && header.present >> spec.variables.size() != 0) return false;
  if (header.kind == ItemKind::cells)
    return size == header.size && uint64_t{header.first} + header.count <= rows;
  if (size + padded(header.count * sizeof(uint32_t)) != header.size) return false;
  const auto* scattered = reinterpret_cast<const uint32_t*>(data);
  return std::all_of(scattered, scattered + header.count, [&](uint32_t row) { return row < rows; });
}

/// Calls work(variable, its cells) for each variable that the item has.
template <typename Work>
void for_each_variable(const ItemHeader& header, const GridSpec& spec, const std::byte* data, Work&& work) {
  for (size_t v = 0; v < spec.variables.size(); ++v) {
    if (!(header.present >> v & 1)) continue;
    work(v, data);
    data += padded(header.count * size_of(spec.variables[v].storage));
  }
}

template <typename T>
void scatter(const T* from, const uint32_t* rows, size_t count, T fill, T* slot) {
  for (size_t i = 0; i < count; ++i) {
    if (from[i] == fill || from[i] != from[i]) continue;
    slot[rows[i]] = from[i];
  }
}

/// out[r][s] = in[s][r]: in tiles, so that both sides stay in the nearest cache.
template <typename T>
void transpose(const T* in, size_t in_stride, T* out, size_t rows, size_t slots) {
  constexpr size_t kTile = 32;
  for (size_t s0 = 0; s0 < slots; s0 += kTile) {
    const size_t s1 = std::min(s0 + kTile, slots);
    for (size_t r = 0; r < rows; ++r) {
      for (size_t s = s0; s < s1; ++s) out[r * slots + s] = in[s * in_stride + r];
    }
  }
}

}  // namespace

SlotRange common(SlotRange a, SlotRange b) {
  const SlotRange c{std::max(a.first, b.first), std::min(a.end, b.end)};
  return c.empty() ? SlotRange{} : c;
}

SlotRange hull(SlotRange a, SlotRange b) {
  if (a.empty()) return b;
  if (b.empty()) return a;
  return {std::min(a.first, b.first), std::max(a.end, b.end)};
}

void Texts::push_back(std::string_view text) {
  characters += text;
  ends.push_back(characters.size());
}

void Texts::clear() {
  characters.clear();
  ends.clear();
}

ColumnData empty_column(ColumnType type) {
  switch (type) {
    case ColumnType::i32:
      return std::vector<int32_t>();
    case ColumnType::u8:
      return std::vector<uint8_t>();
    case ColumnType::f64:
      return std::vector<double>();
    case ColumnType::text:
      return Texts();
    case ColumnType::i64:
    case ColumnType::time:
      break;
  }
  return std::vector<int64_t>();
}

size_t rows_of(const ColumnData& column) {
  return std::visit([](const auto& values) { return values.size(); }, column);
}

void append_column(ColumnData& to, const ColumnData& from) {
  LT_CHECK(to.index() == from.index());
  std::visit(
      [&]<typename Values>(Values& values) {
        const auto& more = std::get<Values>(from);
        if constexpr (std::is_same_v<Values, Texts>) {
          for (size_t i = 0; i < more.size(); ++i) values.push_back(more[i]);
        } else {
          values.insert(values.end(), more.begin(), more.end());
        }
      },
      to);
}

void lay_late(const VariableSpec& variable, const LateCells& late, size_t v, RowRange rows, SlotRange slots,
              std::byte* cells) {
  const size_t size = size_of(variable.storage);
  for (size_t i = 0; i < late.size(); ++i) {
    const int64_t slot = late.slot[i];
    const uint32_t row = late.row[i];
    if (row < rows.first || row - rows.first >= rows.count || slot < slots.first || slot >= slots.end)
      continue;
    const size_t at =
        (row - rows.first) * static_cast<size_t>(slots.size()) + static_cast<size_t>(slot - slots.first);
    lay_cells(variable, &late.cells[v][i * size], cells + at * size, 1);
  }
}

size_t Block::cell_bytes(const RunSpec& spec, const SegmentPlan& plan) {
  size_t bytes = 0;
  for (const auto& grid : spec.grids) {
    const size_t cells = cells_of(spec.rows(grid), held_slots(grid, plan, kStart));
    for (const auto& variable : grid.variables) bytes += cells * size_of(variable.storage);
  }
  return bytes;
}

Block::Block(const RunSpec& spec, const SegmentPlan& plan) : spec_(&spec), plan_(plan) {
  for (const auto& grid : spec.grids) {
    rows_.push_back(spec.rows(grid));
    Grid block;
    // A segment that does not begin on the grid may touch one slot more than one that does.
    const size_t cells = cells_of(rows_.back(), held_slots(grid, plan, kStart)) + rows_.back();
    for (const auto& variable : grid.variables) {
      block.columns.push_back(std::make_unique_for_overwrite<std::byte[]>(cells * size_of(variable.storage)));
    }
    block.late.cells.resize(grid.variables.size());
    grids_.push_back(std::move(block));
  }
  for (const auto& log : spec.logs) {
    logs_.emplace_back();
    for (const auto& column : log.columns) logs_.back().push_back(empty_column(column.type));
  }
  open(kStart);
}

void Block::open(Time from) {
  for (size_t g = 0; g < grids_.size(); ++g) {
    grids_[g].held = held_slots(spec_->grids[g], plan_, from);
    grids_[g].used = {};
    grids_[g].late.slot.clear();
    grids_[g].late.row.clear();
    for (auto& cells : grids_[g].late.cells) cells.clear();
  }
  for (auto& log : logs_) {
    for (auto& column : log) std::visit([](auto& values) { values.clear(); }, column);
  }
  loose_bytes_ = 0;
}

bool Block::apply(std::span<const std::byte> items) {
  while (!items.empty()) {
    ItemHeader header;
    if (items.size() < sizeof header) return false;
    std::memcpy(&header, items.data(), sizeof header);
    items = items.subspan(sizeof header);
    if (header.size > items.size() || header.size % 8 != 0) return false;
    const bool good =
        header.kind == ItemKind::row ? apply_row(header, items.data()) : apply_cells(header, items.data());
    if (!good) return false;
    items = items.subspan(header.size);
  }
  return true;
}

void Block::use_slot(size_t g, int64_t slot) {
  auto& grid = grids_[g];
  const SlotRange wanted = hull(grid.used, {slot, slot + 1});
  const SlotRange fresh = grid.used.empty()            ? wanted
                          : wanted.end > grid.used.end ? SlotRange{grid.used.end, wanted.end}
                                                       : SlotRange{wanted.first, grid.used.first};
  for (size_t v = 0; v < grid.columns.size(); ++v) {
    const auto& variable = spec_->grids[g].variables[v];
    const size_t skip = static_cast<size_t>(fresh.first - grid.held.first) * rows_[g];
    fill_cells(variable, grid.columns[v].get() + skip * size_of(variable.storage), cells_of(rows_[g], fresh));
  }
  grid.used = wanted;
}

bool Block::apply_cells(const ItemHeader& header, const std::byte* data) {
  if (header.kind != ItemKind::cells && header.kind != ItemKind::scattered) return false;
  if (header.target >= grids_.size()) return false;
  const auto& spec = spec_->grids[header.target];
  const uint32_t all_rows = rows_[header.target];
  if (!makes_sense(header, spec, all_rows, data)) return false;
  const uint32_t* rows = nullptr;
  if (header.kind == ItemKind::scattered) {
    rows = reinterpret_cast<const uint32_t*>(data);
    data += padded(header.count * sizeof(uint32_t));
  }
  auto& grid = grids_[header.target];
  if (header.slot < grid.held.first || header.slot >= grid.held.end) {
    apply_late(header, rows, data);
    return true;
  }
  if (header.slot < grid.used.first || header.slot >= grid.used.end) use_slot(header.target, header.slot);
  const size_t skip = static_cast<size_t>(header.slot - grid.held.first) * all_rows;
  for_each_variable(header, spec, data, [&](size_t v, const std::byte* cells) {
    const auto& variable = spec.variables[v];
    std::byte* slot = grid.columns[v].get() + skip * size_of(variable.storage);
    if (!rows) {
      lay_cells(variable, cells, slot + header.first * size_of(variable.storage), header.count);
    } else {
      with_type(variable.storage, [&]<typename T>(T) {
        scatter(reinterpret_cast<const T*>(cells), rows, header.count, fill_of<T>(variable),
                reinterpret_cast<T*>(slot));
      });
    }
  });
  return true;
}

void Block::apply_late(const ItemHeader& header, const uint32_t* rows, const std::byte* data) {
  const auto& spec = spec_->grids[header.target];
  auto& late = grids_[header.target].late;
  for (uint32_t i = 0; i < header.count; ++i) {
    late.slot.push_back(header.slot);
    late.row.push_back(rows ? rows[i] : header.first + i);
  }
  for (size_t v = 0; v < spec.variables.size(); ++v) {
    const size_t size = size_of(spec.variables[v].storage);
    late.cells[v].resize(late.size() * size);
    fill_cells(spec.variables[v], &late.cells[v][(late.size() - header.count) * size], header.count);
  }
  for_each_variable(header, spec, data, [&](size_t v, const std::byte* cells) {
    const size_t size = size_of(spec.variables[v].storage);
    std::memcpy(&late.cells[v][(late.size() - header.count) * size], cells, header.count * size);
  });
  loose_bytes_ += header.size + header.count * (sizeof(int64_t) + sizeof(uint32_t));
}

bool Block::apply_row(const ItemHeader& header, const std::byte* data) {
  if (header.target >= logs_.size()) return false;
  const auto& spec = spec_->logs[header.target];
  const auto word_at = [&](size_t at) {
    uint64_t word;
    std::memcpy(&word, data + at, sizeof word);
    return word;
  };
  // Twice over the row: a row that makes no sense must leave none of its values.
  for (const bool is_check : {true, false}) {
    size_t at = 0;
    for (size_t c = 0; c < spec.columns.size(); ++c) {
      if (header.size - at < sizeof(uint64_t)) return false;
      const uint64_t word = word_at(at);
      at += sizeof word;
      const bool is_text = spec.columns[c].type == ColumnType::text;
      if (is_text && word > header.size - at) return false;
      if (!is_check) {
        std::visit(
            [&]<typename Values>(Values& values) {
              if constexpr (std::is_same_v<Values, Texts>) {
                values.push_back({reinterpret_cast<const char*>(data + at), word});
              } else if constexpr (std::is_same_v<Values, std::vector<double>>) {
                values.push_back(std::bit_cast<double>(word));
              } else {
                values.push_back(static_cast<typename Values::value_type>(word));
              }
            },
            logs_[header.target][c]);
      }
      if (is_text) at += padded(word);
    }
    if (at != header.size) return false;
  }
  loose_bytes_ += header.size;
  return true;
}

void Block::read(size_t g, size_t variable, RowRange rows, SlotRange slots, std::byte* cells) const {
  const auto& grid = grids_[g];
  LT_CHECK(slots.empty() || (slots.first >= grid.used.first && slots.end <= grid.used.end));
  const size_t skip = static_cast<size_t>(slots.first - grid.held.first) * rows_[g] + rows.first;
  with_type(spec_->grids[g].variables[variable].storage, [&]<typename T>(T) {
    const auto* in = reinterpret_cast<const T*>(grid.columns[variable].get()) + skip;
    transpose(in, rows_[g], reinterpret_cast<T*>(cells), rows.count, static_cast<size_t>(slots.size()));
  });
}

}  // namespace looptwin::twin
