#include "twin/warm/segment_reader.h"

#include <fmt/format.h>
#include <hdf5.h>
#include <array>
#include <optional>

#include "base/check.h"
#include "twin/warm/hdf5_id.h"

namespace looptwin::twin {
namespace {

hid_t memory_type(Storage storage) {
  switch (storage) {
    case Storage::u8:
      return H5T_NATIVE_UINT8;
    case Storage::i16:
      return H5T_NATIVE_INT16;
    case Storage::i32:
      return H5T_NATIVE_INT32;
    case Storage::f64:
      break;
  }
  return H5T_NATIVE_DOUBLE;
}

template <typename T>
hid_t memory_type() {
  if constexpr (std::is_same_v<T, int64_t>)
    return H5T_NATIVE_INT64;
  else if constexpr (std::is_same_v<T, uint32_t>)
    return H5T_NATIVE_UINT32;
  else
    return memory_type(storage_of<T>());
}

int64_t integer_attribute(hid_t object, const char* name) {
  int64_t value = 0;
  const Hdf5Id attribute{H5Aopen(object, name, H5P_DEFAULT), H5Aclose};
  if (!attribute.ok() || H5Aread(attribute, H5T_NATIVE_INT64, &value) < 0) return INT64_MIN;
  return value;
}

/// The shape of a dataset of this rank; empty: it has another.
template <int kRank>
std::optional<std::array<hsize_t, kRank>> shape_of(hid_t dataset) {
  std::array<hsize_t, kRank> shape{};
  const Hdf5Id space{H5Dget_space(dataset), H5Sclose};
  if (!space.ok() || H5Sget_simple_extent_ndims(space) != kRank) return std::nullopt;
  if (H5Sget_simple_extent_dims(space, shape.data(), nullptr) < 0) return std::nullopt;
  return shape;
}

template <typename T>
bool read_column(hid_t group, const std::string& name, std::vector<T>& to) {
  const Hdf5Id set{H5Dopen2(group, name.c_str(), H5P_DEFAULT), H5Dclose};
  const auto shape = shape_of<1>(set);
  if (!shape) return false;
  const size_t before = to.size();
  to.resize(before + (*shape)[0]);
  return H5Dread(set, memory_type<T>(), H5S_ALL, H5S_ALL, H5P_DEFAULT, to.data() + before) >= 0;
}

bool read_column(hid_t group, const std::string& name, Texts& to) {
  const Hdf5Id set{H5Dopen2(group, name.c_str(), H5P_DEFAULT), H5Dclose};
  const auto shape = shape_of<1>(set);
  if (!shape) return false;
  const Hdf5Id type{H5Tcopy(H5T_C_S1), H5Tclose}, space{H5Dget_space(set), H5Sclose};
  H5Tset_size(type, H5T_VARIABLE);
  H5Tset_cset(type, H5T_CSET_UTF8);
  std::vector<char*> texts((*shape)[0]);
  if (H5Dread(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, texts.data()) < 0) return false;
  for (const char* text : texts) to.push_back(text ? text : "");
  H5Dvlen_reclaim(type, space, H5P_DEFAULT, texts.data());
  return true;
}

}  // namespace

struct SegmentReader::File {
  const RunSpec& spec;
  fs::path path;
  Hdf5Id id;
  std::vector<std::optional<SlotRange>> slots;
  std::vector<std::optional<LateCells>> late;

  File(const RunSpec& s, fs::path p)
      : spec(s), path(std::move(p)), slots(s.grids.size()), late(s.grids.size()) {}

  Result<void> open() {
    if (id.ok()) return {};
    H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
    id = {H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT), H5Fclose};
    if (!id.ok()) return wrong("it is not an HDF5 file, or cannot be read");
    return {};
  }
  tl::unexpected<Diagnostics> wrong(std::string_view why) const {
    return failure(fmt::format("cannot read {}: {}", path.string(), why),
                   "remove this segment to read the rest of the run");
  }
  /// Whether a group of this path is there, level by level as HDF5 wants to be asked.
  bool has(const std::string& group) const {
    for (size_t end = 0; end != std::string::npos;) {
      end = group.find('/', end + 1);
      if (H5Lexists(id, group.substr(0, end).c_str(), H5P_DEFAULT) <= 0) return false;
    }
    return true;
  }
  Hdf5Id group(const std::string& name) const { return {H5Gopen2(id, name.c_str(), H5P_DEFAULT), H5Gclose}; }
};

SegmentReader::SegmentReader(const RunSpec& spec, fs::path path)
    : file_(std::make_unique<File>(spec, std::move(path))) {}
SegmentReader::SegmentReader(SegmentReader&&) noexcept = default;
SegmentReader& SegmentReader::operator=(SegmentReader&&) noexcept = default;
SegmentReader::~SegmentReader() = default;

bool SegmentReader::is_open() const { return file_->id.ok(); }
bool SegmentReader::is_gone() const {
  std::error_code error;
  return !is_open() && !fs::exists(file_->path, error) && !error;
}
void SegmentReader::close_file() { file_->id.close(); }

Result<SegmentInfo> SegmentReader::info() {
  if (auto opened = file_->open(); !opened) return tl::unexpected(opened.error());
  const auto number = [&](const char* name) { return integer_attribute(file_->id, name); };
  if (number("looptwin_format") != kRunFormat) return file_->wrong("its format is not known here");
  return SegmentInfo{static_cast<uint64_t>(number("number")),
                     static_cast<uint64_t>(number("first_sequence")),
                     static_cast<uint64_t>(number("end_sequence")),
                     {number("from_ns")},
                     {number("to_ns")}};
}

Result<SlotRange> SegmentReader::slots(size_t grid) {
  auto& known = file_->slots[grid];
  if (known) return *known;
  if (auto opened = file_->open(); !opened) return tl::unexpected(opened.error());
  const auto name = file_->spec.grids[grid].name + "/time";
  if (!file_->has(name)) return *(known = SlotRange{});
  const Hdf5Id time{H5Dopen2(file_->id, name.c_str(), H5P_DEFAULT), H5Dclose};
  const auto group = file_->group(file_->spec.grids[grid].name);
  const auto shape = shape_of<1>(time);
  const int64_t first = integer_attribute(group, "first_slot");
  if (!shape || first == INT64_MIN) return file_->wrong(fmt::format("{} has another form", name));
  return *(known = SlotRange{first, first + static_cast<int64_t>((*shape)[0])});
}

Result<void> SegmentReader::read(size_t grid, size_t variable, RowRange rows, SlotRange slots,
                                 std::byte* cells) {
  const auto all = this->slots(grid);
  if (!all) return tl::unexpected(all.error());
  if (auto opened = file_->open(); !opened) return opened;
  LT_CHECK(slots.first >= all->first && slots.end <= all->end);
  const auto& spec = file_->spec.grids[grid];
  if (!file_->has(spec.name)) {  // retention has dropped the cells since the file was last open
    fill_cells(spec.variables[variable], cells, rows.count * static_cast<size_t>(slots.size()));
    return {};
  }
  const auto name = spec.name + "/" + spec.variables[variable].name;
  const Hdf5Id set{H5Dopen2(file_->id, name.c_str(), H5P_DEFAULT), H5Dclose};
  const auto shape = shape_of<2>(set);
  if (!shape || (*shape)[0] < rows.first + rows.count || (*shape)[1] != static_cast<hsize_t>(all->size())) {
    return file_->wrong(fmt::format("{} has another shape", name));
  }
  const hsize_t first[2] = {rows.first, static_cast<hsize_t>(slots.first - all->first)};
  const hsize_t count[2] = {rows.count, static_cast<hsize_t>(slots.size())};
  const Hdf5Id from{H5Dget_space(set), H5Sclose}, to{H5Screate_simple(2, count, nullptr), H5Sclose};
  H5Sselect_hyperslab(from, H5S_SELECT_SET, first, nullptr, count, nullptr);
  const hid_t type = memory_type(spec.variables[variable].storage);
  if (H5Dread(set, type, to, from, H5P_DEFAULT, cells) < 0)
    return file_->wrong(fmt::format("{} is damaged", name));
  return {};
}

Result<const LateCells*> SegmentReader::late(size_t grid) {
  auto& known = file_->late[grid];
  if (known) return &*known;
  if (auto opened = file_->open(); !opened) return tl::unexpected(opened.error());
  const auto& spec = file_->spec.grids[grid];
  LateCells late;
  late.cells.resize(spec.variables.size());
  const auto name = spec.name + "/late";
  if (file_->has(name)) {
    const auto group = file_->group(name);
    bool good = read_column(group, "slot", late.slot) && read_column(group, "device_row", late.row);
    for (size_t v = 0; v < spec.variables.size() && good; ++v) {
      with_type(spec.variables[v].storage, [&]<typename T>(T) {
        std::vector<T> values;
        good = read_column(group, "value_" + spec.variables[v].name, values) && values.size() == late.size();
        const auto bytes = std::as_bytes(std::span(values));
        late.cells[v].assign(bytes.begin(), bytes.end());
      });
    }
    if (!good || late.row.size() != late.slot.size()) return file_->wrong(fmt::format("{} is damaged", name));
  }
  return &*(known = std::move(late));
}

Result<void> SegmentReader::append_log(size_t log, size_t column, ColumnData& to) {
  if (auto opened = file_->open(); !opened) return opened;
  const auto& spec = file_->spec.logs[log];
  if (!file_->has(spec.name)) return {};
  const auto group = file_->group(spec.name);
  const bool good =
      std::visit([&](auto& values) { return read_column(group, spec.columns[column].name, values); }, to);
  if (!good) return file_->wrong(fmt::format("{}/{} is damaged", spec.name, spec.columns[column].name));
  return {};
}

Result<LogRows> SegmentReader::log_rows(size_t log) {
  if (auto opened = file_->open(); !opened) return tl::unexpected(opened.error());
  const auto& spec = file_->spec.logs[log];
  if (!file_->has(spec.name)) return LogRows{};
  std::vector<int64_t> rows;
  if (!read_column(file_->group(spec.name), "row", rows) || rows.empty()) {
    return file_->wrong(fmt::format("{}/row is damaged", spec.name));
  }
  return LogRows{static_cast<uint64_t>(rows.front()), static_cast<uint64_t>(rows.back()) + 1};
}

}  // namespace looptwin::twin
