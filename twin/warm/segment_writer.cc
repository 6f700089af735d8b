#include "twin/warm/segment_writer.h"

#include <fmt/format.h>
#include <hdf5.h>
#include <hdf5_hl.h>
#include <algorithm>
#include <atomic>
#include <bit>
#include <cstdlib>
#include <cstring>
#include <numeric>

#include "base/check.h"
#include "base/text.h"
#include "twin/warm/hdf5_id.h"
#include "twin/warm/packer.h"

namespace looptwin::twin {
namespace {

static_assert(std::is_same_v<hid_t, int64_t> && std::is_same_v<herr_t, int>);
static_assert(std::endian::native == std::endian::little, "cells go to the disk as they lie in memory");

constexpr int64_t kChunkCells =
    16384;  // 32 KiB of i16: one device over a day at 10 s costs one chunk of 2 rows
constexpr int64_t kMostChunkSlots = 16384;
constexpr uint32_t kRowsAtOnce = 32;  // a cache line of i16 when slots are turned into rows
constexpr hsize_t kLogChunk = 16384;
constexpr size_t kMemoryStep = size_t{4} << 20;

hid_t file_type(Storage storage) {
  switch (storage) {
    case Storage::u8:
      return H5T_STD_U8LE;
    case Storage::i16:
      return H5T_STD_I16LE;
    case Storage::i32:
      return H5T_STD_I32LE;
    case Storage::f64:
      break;
  }
  return H5T_IEEE_F64LE;
}

template <typename T>
hid_t file_type() {
  if constexpr (std::is_same_v<T, int64_t>)
    return H5T_STD_I64LE;
  else
    return file_type(storage_of<T>());
}

/// The innermost reason on this thread's HDF5 error stack; of "write failed: ... errno = 28 ..." what that
/// number means.
std::string hdf5_reason() {
  std::string reason = "HDF5 gives no reason";
  H5Ewalk2(
      H5E_DEFAULT, H5E_WALK_UPWARD,
      [](unsigned n, const H5E_error2_t* error, void* text) -> herr_t {
        if (n == 0 && error->desc) *static_cast<std::string*>(text) = error->desc;
        return 0;
      },
      &reason);
  constexpr std::string_view kBefore = "errno = ";
  const size_t found = reason.find(kBefore);
  if (found == std::string::npos) return reason;
  return std::strerror(std::atoi(reason.c_str() + found + kBefore.size()));
}

/// "seconds since 2019-07-15 07:00:00" and how many ns such a unit has: the coarsest in which all steps are
/// whole.
struct TimeUnit {
  const char* name;
  int64_t ns;
};
TimeUnit unit_for(Duration period) {
  for (const auto unit :
       {TimeUnit{"seconds", 1'000'000'000}, {"milliseconds", 1'000'000}, {"microseconds", 1'000}}) {
    if (period.ns % unit.ns == 0) return unit;
  }
  return {"nanoseconds", 1};
}

std::string since(const char* unit, UnixTime start) {
  std::string civil = to_string(start);  // 2019-07-15T07:00:00Z
  std::replace(civil.begin(), civil.end(), 'T', ' ');
  if (!civil.empty() && civil.back() == 'Z') civil.pop_back();
  return fmt::format("{} since {}", unit, civil);
}

}  // namespace

/// All calls into HDF5 go through good(): the first that fails is remembered, the later ones do not matter.
struct SegmentWriter::File {
  const RunSpec& spec;
  SegmentInfo info;
  std::string path;  // for messages
  Hdf5Id file;
  std::string error;

  // The open grid.
  size_t grid = 0;
  SlotRange slots;
  uint32_t next_row = 0;
  uint32_t chunk_rows = 1;
  int64_t chunk_slots = 1;
  std::vector<Hdf5Id> datasets;

  Packer packer;
  std::vector<std::byte> cells, chunk;

  File(const RunSpec& s, const SegmentInfo& i, std::string p) : spec(s), info(i), path(std::move(p)) {
    H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);  // per thread; reasons come out in our diagnostics instead
  }

  bool good(bool success, const char* what) {
    if (!success && error.empty()) error = fmt::format("{} ({})", hdf5_reason(), what);
    return success;
  }
  Hdf5Id take(hid_t id, Hdf5Id::Close close, const char* what) {
    good(id >= 0, what);
    return {id, close};
  }
  Result<void> outcome() const {
    if (error.empty()) return {};
    return failure(fmt::format("cannot write {}: {}", path, error),
                   "check that its disk has space and can be written");
  }

  void put_attribute(hid_t object, const char* name, hid_t type, const void* value) {
    const auto space = take(H5Screate(H5S_SCALAR), H5Sclose, "space");
    const auto attribute =
        take(H5Acreate2(object, name, type, space, H5P_DEFAULT, H5P_DEFAULT), H5Aclose, name);
    good(H5Awrite(attribute, type, value) >= 0, name);
  }
  void attribute(hid_t object, const char* name, double value) {
    put_attribute(object, name, H5T_IEEE_F64LE, &value);
  }
  void attribute(hid_t object, const char* name, int64_t value) {
    put_attribute(object, name, H5T_STD_I64LE, &value);
  }
  void attribute(hid_t object, const char* name, std::string_view value) {
    if (value.empty()) return;
    const auto type = take(H5Tcopy(H5T_C_S1), H5Tclose, "text type");
    good(H5Tset_size(type, value.size()) >= 0 && H5Tset_cset(type, H5T_CSET_UTF8) >= 0, "text type");
    put_attribute(object, name, type, value.data());
  }

  Hdf5Id group(const std::string& name) {
    const auto links = take(H5Pcreate(H5P_LINK_CREATE), H5Pclose, "links");
    const auto properties = take(H5Pcreate(H5P_GROUP_CREATE), H5Pclose, "group");
    H5Pset_create_intermediate_group(links, 1);
    H5Pset_obj_track_times(properties, false);
    return take(H5Gcreate2(file, name.c_str(), links, properties, H5P_DEFAULT), H5Gclose, name.c_str());
  }

  /// A chunked, shuffled, deflated dataset without times, so that equal contents are equal bytes.
  Hdf5Id dataset(hid_t group, const char* name, hid_t type, std::initializer_list<hsize_t> shape,
                 std::initializer_list<hsize_t> chunk_shape, const void* fill = nullptr) {
    const auto rank = static_cast<int>(shape.size());
    const auto space = take(H5Screate_simple(rank, shape.begin(), nullptr), H5Sclose, name);
    const auto properties = take(H5Pcreate(H5P_DATASET_CREATE), H5Pclose, name);
    H5Pset_obj_track_times(properties, false);
    H5Pset_chunk(properties, rank, chunk_shape.begin());
    if (H5Tget_size(type) > 1) H5Pset_shuffle(properties);
    H5Pset_deflate(properties, kDeflateLevel);
    if (fill) H5Pset_fill_value(properties, type, fill);
    return take(H5Dcreate2(group, name, type, space, H5P_DEFAULT, properties, H5P_DEFAULT), H5Dclose, name);
  }

  /// A column of n > 0 values.
  Hdf5Id column(hid_t group, const char* name, hid_t type, const void* values, hsize_t n) {
    auto set = dataset(group, name, type, {n}, {std::min(n, kLogChunk)});
    good(H5Dwrite(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0, name);
    return set;
  }
  /// Variable-length UTF-8: netCDF's library misreads strings of fixed length.
  template <typename TextAt>
  Hdf5Id text_column(hid_t group, const char* name, size_t n, TextAt&& text_at) {
    std::vector<std::string> copies(n);  // with a NUL at the end, which HDF5 needs
    std::vector<const char*> pointers(n);
    for (size_t i = 0; i < n; ++i) {
      copies[i] = text_at(i);
      pointers[i] = copies[i].c_str();
    }
    const auto type = take(H5Tcopy(H5T_C_S1), H5Tclose, name);
    good(H5Tset_size(type, H5T_VARIABLE) >= 0 && H5Tset_cset(type, H5T_CSET_UTF8) >= 0, name);
    return column(group, name, type, pointers.data(), n);
  }

  void scale(hid_t set, const char* name) { good(H5DSset_scale(set, name) >= 0, name); }
  void attach(hid_t set, hid_t dimension_scale, unsigned dimension) {
    good(H5DSattach_scale(set, dimension_scale, dimension) >= 0, "dimension scale");
  }
  void time_attributes(hid_t set, const char* unit) {
    attribute(set, "units", since(unit, spec.start));
    attribute(set, "calendar", "proleptic_gregorian");
  }

  void variable_attributes(hid_t set, const VariableSpec& v) {
    attribute(set, "long_name", v.long_name);
    if (v.words.empty()) attribute(set, "units", v.unit);
    with_type(v.storage, [&]<typename T>(T) {
      const T fill = fill_of<T>(v);
      put_attribute(set, "_FillValue", file_type<T>(), &fill);
      if (!v.words.empty()) word_attributes<T>(set, v);
    });
    if (v.storage == Storage::f64 || !v.words.empty()) return;
    attribute(set, "scale_factor", v.per_unit > 0 ? 1 / static_cast<double>(v.per_unit) : v.scale);
    attribute(set, "add_offset", v.offset);
    if (v.per_unit > 0) attribute(set, "per_unit", v.per_unit);
  }
  /// CF's flags: the words, and their codes as an array.
  template <typename T>
  void word_attributes(hid_t set, const VariableSpec& v) {
    std::vector<T> codes(v.words.size());
    std::iota(codes.begin(), codes.end(), T{0});
    const hsize_t n = codes.size();
    const auto space = take(H5Screate_simple(1, &n, nullptr), H5Sclose, "space");
    const auto values = take(H5Acreate2(set, "flag_values", file_type<T>(), space, H5P_DEFAULT, H5P_DEFAULT),
                             H5Aclose, "flag_values");
    good(H5Awrite(values, file_type<T>(), codes.data()) >= 0, "flag_values");
    attribute(set, "flag_meanings", joined(v.words, " "));
  }

  void root_attributes() {
    attribute(file, "Conventions", "CF-1.8");
    attribute(file, "title", spec.scenario);
    attribute(file, "source", spec.program);
    attribute(file, "start", to_string(spec.start));
    attribute(file, "looptwin_format", int64_t{kRunFormat});
    attribute(file, "number", static_cast<int64_t>(info.number));
    attribute(file, "first_sequence", static_cast<int64_t>(info.first_sequence));
    attribute(file, "end_sequence", static_cast<int64_t>(info.end_sequence));
    attribute(file, "from_ns", info.from.ns);
    attribute(file, "to_ns", info.to.ns);
  }

  void write_chunks(hid_t set, const VariableSpec& v, uint32_t rows) {
    const size_t size = size_of(v.storage), all_slots = static_cast<size_t>(slots.size());
    const size_t chunk_cells = chunk_rows * static_cast<size_t>(chunk_slots);
    for (uint32_t r = 0; r < rows; r += chunk_rows) {
      const uint32_t rows_here = std::min(chunk_rows, rows - r);
      for (size_t s = 0; s < all_slots; s += static_cast<size_t>(chunk_slots)) {
        const size_t slots_here = std::min(static_cast<size_t>(chunk_slots), all_slots - s);
        std::span<const std::byte> whole(cells.data() + (r * all_slots + s) * size, chunk_cells * size);
        if (slots_here != all_slots || rows_here != chunk_rows) {
          chunk.resize(chunk_cells * size);
          fill_cells(v, chunk.data(), chunk_cells);
          for (uint32_t i = 0; i < rows_here; ++i) {
            std::memcpy(chunk.data() + i * static_cast<size_t>(chunk_slots) * size,
                        cells.data() + ((r + i) * all_slots + s) * size, slots_here * size);
          }
          whole = chunk;
        }
        const auto packed = packer.pack(whole, size);
        const hsize_t at[2] = {next_row + r, s};
        good(H5Dwrite_chunk(set, H5P_DEFAULT, 0, at, packed.size(), packed.data()) >= 0, v.name.c_str());
      }
    }
  }
};

SegmentWriter::SegmentWriter(std::unique_ptr<File> file) : file_(std::move(file)) {}
SegmentWriter::SegmentWriter(SegmentWriter&&) noexcept = default;
SegmentWriter& SegmentWriter::operator=(SegmentWriter&&) noexcept = default;
SegmentWriter::~SegmentWriter() = default;

Result<SegmentWriter> SegmentWriter::in_memory(const RunSpec& spec, const SegmentInfo& info) {
  hbool_t is_thread_safe = false;
  if (H5is_library_threadsafe(&is_thread_safe) < 0 || !is_thread_safe) {
    return failure("this HDF5 library is not thread-safe",
                   "a build with --enable-threadsafe, such as Debian's libhdf5-103-1");
  }
  // HDF5 tells files in memory apart by their names: two runs of a process may write segments of one number.
  static std::atomic<uint64_t> made{0};
  const auto name = fmt::format("segment {} in memory ({})", info.number, made++);
  auto f = std::make_unique<File>(spec, info, name);
  const auto access = f->take(H5Pcreate(H5P_FILE_ACCESS), H5Pclose, "access");
  f->good(H5Pset_fapl_core(access, kMemoryStep, false) >= 0, "core driver");
  f->file = f->take(H5Fcreate(name.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, access), H5Fclose, "create");
  f->root_attributes();
  if (auto outcome = f->outcome(); !outcome) return tl::unexpected(outcome.error());
  return SegmentWriter(std::move(f));
}

Result<SegmentWriter> SegmentWriter::on_disk(const RunSpec& spec, const SegmentInfo& info,
                                             const fs::path& path) {
  auto f = std::make_unique<File>(spec, info, path.string());
  f->file = f->take(H5Fcreate(path.c_str(), H5F_ACC_EXCL, H5P_DEFAULT, H5P_DEFAULT), H5Fclose, "create");
  f->root_attributes();
  if (auto outcome = f->outcome(); !outcome) return tl::unexpected(outcome.error());
  return SegmentWriter(std::move(f));
}

Result<void> SegmentWriter::open_grid(size_t grid, SlotRange slots) {
  auto& f = *file_;
  const auto& spec = f.spec.grids[grid];
  const auto& devices = f.spec.table_of(spec).devices;
  const auto rows = static_cast<uint32_t>(devices.size());
  LT_CHECK(rows > 0 && !slots.empty(), spec.name);
  f.grid = grid;
  f.slots = slots;
  f.next_row = 0;
  const int64_t parts = (slots.size() + kMostChunkSlots - 1) / kMostChunkSlots;
  f.chunk_slots = (slots.size() + parts - 1) / parts;
  const int64_t wanted = (kChunkCells + f.chunk_slots / 2) / f.chunk_slots;
  f.chunk_rows = static_cast<uint32_t>(std::clamp<int64_t>(wanted, 1, rows));

  const auto group = f.group(spec.name);
  f.attribute(group, "period_ns", spec.period.ns);
  f.attribute(group, "first_slot", slots.first);
  f.attribute(group, "table", spec.table);
  const auto device =
      f.text_column(group, "device", rows, [&](size_t i) -> const std::string& { return devices[i]; });
  f.attribute(device, "long_name", "device id");
  f.scale(device, "device");
  const auto unit = unit_for(spec.period);
  std::vector<int64_t> times(static_cast<size_t>(slots.size()));
  for (size_t i = 0; i < times.size(); ++i)
    times[i] = (slots.first + static_cast<int64_t>(i)) * (spec.period.ns / unit.ns);
  const auto time = f.column(group, "time", H5T_STD_I64LE, times.data(), times.size());
  f.attribute(time, "standard_name", "time");
  f.attribute(time, "long_name", "beginning of the slot; a sample is taken phase later");
  f.time_attributes(time, unit.name);
  f.scale(time, "time");
  std::vector<int64_t> phases = spec.phase;
  phases.resize(rows);
  const auto phase = f.column(group, "phase", H5T_STD_I64LE, phases.data(), rows);
  f.attribute(phase, "long_name", "from the beginning of a slot to the device's sample");
  f.attribute(phase, "units", "nanoseconds");
  f.attach(phase, device, 0);

  f.datasets.clear();
  const auto chunk_slots = static_cast<hsize_t>(f.chunk_slots);
  for (const auto& v : spec.variables) {
    with_type(v.storage, [&]<typename T>(T) {
      const T fill = fill_of<T>(v);
      f.datasets.push_back(f.dataset(group, v.name.c_str(), file_type<T>(), {rows, times.size()},
                                     {f.chunk_rows, chunk_slots}, &fill));
    });
    f.variable_attributes(f.datasets.back(), v);
    f.attach(f.datasets.back(), device, 0);
    f.attach(f.datasets.back(), time, 1);
  }
  return f.outcome();
}

Result<uint32_t> SegmentWriter::write_rows(const CellSource& source) {
  auto& f = *file_;
  const auto& spec = f.spec.grids[f.grid];
  const uint32_t left = f.spec.rows(spec) - f.next_row;
  const uint32_t at_once = f.chunk_rows * std::max(1u, kRowsAtOnce / f.chunk_rows);
  const uint32_t rows = std::min(left, at_once);
  for (size_t v = 0; v < spec.variables.size() && f.error.empty(); ++v) {
    f.cells.resize(rows * static_cast<size_t>(f.slots.size()) * size_of(spec.variables[v].storage));
    if (auto read = source.cells(v, {f.next_row, rows}, f.cells.data()); !read)
      return tl::unexpected(read.error());
    f.write_chunks(f.datasets[v], spec.variables[v], rows);
  }
  f.next_row += rows;
  if (rows == left) f.datasets.clear();
  if (auto outcome = f.outcome(); !outcome) return tl::unexpected(outcome.error());
  return left - rows;
}

Result<void> SegmentWriter::write_late(size_t grid, const LateCells& late) {
  auto& f = *file_;
  const auto& spec = f.spec.grids[grid];
  const size_t n = late.size();
  const auto group = f.group(spec.name + "/late");
  std::vector<int64_t> rows(n), times(n);
  for (size_t i = 0; i < n; ++i) {
    rows[i] = static_cast<int64_t>(i);
    times[i] = late.slot[i] * spec.period.ns + (spec.phase.empty() ? 0 : spec.phase[late.row[i]]);
  }
  const auto row = f.column(group, "row", H5T_STD_I64LE, rows.data(), n);
  f.scale(row, "row");
  const auto add = [&](const char* name, hid_t type, const void* values) {
    auto set = f.column(group, name, type, values, n);
    f.attach(set, row, 0);
    return set;
  };
  const auto time = add("time", H5T_STD_I64LE, times.data());
  f.time_attributes(time, "nanoseconds");
  add("slot", H5T_STD_I64LE, late.slot.data());
  add("device_row", H5T_STD_U32LE, late.row.data());
  for (size_t v = 0; v < spec.variables.size(); ++v) {
    const auto name = "value_" + spec.variables[v].name;
    f.variable_attributes(add(name.c_str(), file_type(spec.variables[v].storage), late.cells[v].data()),
                          spec.variables[v]);
  }
  return f.outcome();
}

Result<void> SegmentWriter::write_log(size_t log, const std::vector<ColumnData>& columns,
                                      uint64_t first_row) {
  auto& f = *file_;
  const auto& spec = f.spec.logs[log];
  const size_t n = rows_of(columns[0]);
  LT_CHECK(n > 0 && columns.size() == spec.columns.size(), spec.name);
  const auto group = f.group(spec.name);
  std::vector<int64_t> numbers(n);
  std::iota(numbers.begin(), numbers.end(), static_cast<int64_t>(first_row));
  const auto row = f.column(group, "row", H5T_STD_I64LE, numbers.data(), n);
  f.attribute(row, "long_name", "number of the row within the run");
  f.scale(row, "row");
  for (size_t c = 0; c < columns.size(); ++c) {
    const auto& column = spec.columns[c];
    const auto set = std::visit(
        [&]<typename Values>(const Values& values) {
          if constexpr (std::is_same_v<Values, Texts>) {
            return f.text_column(group, column.name.c_str(), n, [&](size_t i) { return values[i]; });
          } else {
            return f.column(group, column.name.c_str(), file_type<typename Values::value_type>(),
                            values.data(), n);
          }
        },
        columns[c]);
    f.attach(set, row, 0);
    f.attribute(set, "long_name", column.long_name);
    f.attribute(set, "units", column.unit);
    if (column.type != ColumnType::time) continue;
    f.time_attributes(set, "nanoseconds");
    f.put_attribute(set, "_FillValue", H5T_STD_I64LE, &kNever.ns);
  }
  return f.outcome();
}

Result<std::vector<std::byte>> SegmentWriter::image() {
  auto& f = *file_;
  f.datasets.clear();
  f.good(H5Fflush(f.file, H5F_SCOPE_GLOBAL) >= 0, "flush");
  const ssize_t size = H5Fget_file_image(f.file, nullptr, 0);
  f.good(size > 0, "image");
  std::vector<std::byte> bytes(size > 0 ? static_cast<size_t>(size) : 0);
  f.good(H5Fget_file_image(f.file, bytes.data(), bytes.size()) == size, "image");
  f.good(f.file.close(), "close");
  if (auto outcome = f.outcome(); !outcome) return tl::unexpected(outcome.error());
  return bytes;
}

Result<void> SegmentWriter::close() {
  file_->datasets.clear();
  file_->good(file_->file.close(), "close");
  return file_->outcome();
}

void end_without_hdf5() { H5dont_atexit(); }

}  // namespace looptwin::twin
