// Reads run folders: finished, killed, or still being written. What a grid or a log is called stands in the
// manifest, which Python reads itself.
#include <fmt/format.h>
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>
#include <pybind11/stl/filesystem.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <set>
#include <stdexcept>
#include <thread>

#include "base/text.h"
#include "python/bindings/errors.h"
#include "python/bindings/module.h"
#include "python/bindings/signals.h"
#include "twin/warm/run_reader.h"

namespace looptwin::python {

namespace py = pybind11;

namespace {

constexpr int kMostTries = 10;

template <typename T>
py::array array_of(std::vector<T> values) {
  auto* kept = new std::vector<T>(std::move(values));
  const py::capsule keeps(kept, [](void* p) { delete static_cast<std::vector<T>*>(p); });
  return py::array_t<T>({static_cast<py::ssize_t>(kept->size())}, kept->data(), keeps);
}

py::object column_of(twin::ColumnData data) {
  if (const auto* texts = std::get_if<twin::Texts>(&data)) {
    py::list list(texts->size());
    for (size_t i = 0; i < texts->size(); ++i) {
      heed_signals(i);
      list[i] = py::str((*texts)[i]);
    }
    return list;
  }
  return std::visit(
      [](auto& values) -> py::object {
        if constexpr (std::is_same_v<std::decay_t<decltype(values)>, twin::Texts>)
          return py::none();
        else
          return array_of(std::move(values));
      },
      data);
}

/// A reader, and whose turn it is: threads of Python read without the GIL. Who handles a signal meanwhile is
/// on the thread that reads, and cannot wait for it.
struct Folder {
  twin::RunReader reader;
  std::mutex mutex;
  std::atomic<std::thread::id> reads{};

  template <typename Read>
  auto read(Read&& read) {
    if (reads == std::this_thread::get_id())
      throw std::runtime_error("this run's folder is being read, around this call");
    auto result = heeding_signals([&](const StopAsked& asked) {
      const std::lock_guard lock(mutex);
      reads = std::this_thread::get_id();
      reader.heed(asked);
      auto done = read(reader);
      reader.heed({});
      reads = std::thread::id();
      return done;
    });
    if (!result) raise("RunError", result.error());
    return std::move(*result);
  }
};

std::unique_ptr<Folder> open(const std::filesystem::path& path) {
  auto read = heeding_signals([&](const StopAsked& asked) { return twin::RunReader::open(path, asked); });
  if (read) read->heed({});
  if (!read) raise("RunError", read.error());
  return std::unique_ptr<Folder>(new Folder{std::move(*read), {}, {}});
}

/// All columns, as long as each other: where retention has removed a segment between two of them they are
/// read again.
Result<std::vector<twin::ColumnData>> columns_of(twin::RunReader& reader, twin::LogId log) {
  const auto& spec = reader.spec().logs[log.index()];
  for (int tries = 0; tries < kMostTries; ++tries) {
    std::vector<twin::ColumnData> columns;
    std::set<size_t> lengths;
    for (size_t c = 0; c < spec.columns.size(); ++c) {
      auto column = reader.read_log(log, c);
      if (!column) return tl::make_unexpected(std::move(column.error()));
      lengths.insert(std::visit([](const auto& values) { return values.size(); }, *column));
      columns.push_back(std::move(*column));
    }
    if (lengths.size() <= 1) return columns;
  }
  return failure(fmt::format("the columns of the log '{}' are not of one length", spec.name),
                 "a segment is damaged: remove it to read the rest of the run");
}

py::list log(Folder& folder, const std::string& name) {
  py::list columns;
  const auto id = folder.reader.log(name);
  if (!id) return columns;
  for (auto& column : folder.read([&](twin::RunReader& reader) { return columns_of(reader, *id); }))
    columns.append(column_of(std::move(column)));
  return columns;
}

/// [rows][slots] in the variable's unit, NaN where there is no sample.
py::array cells(Folder& folder, size_t grid, size_t variable, uint32_t first, uint32_t rows,
                int64_t first_slot, int64_t end_slot) {
  auto values = folder.read([&](twin::RunReader& reader) {
    return reader.read(twin::GridId(grid), variable, {first, rows}, {first_slot, end_slot});
  });
  return array_of(std::move(values)).attr("reshape")(rows, end_slot - first_slot);
}

}  // namespace

void bind_run_folder(py::module_& m) {
  py::class_<Folder>(m, "RunReader")
      .def(py::init(&open))
      .def_property_readonly("status", [](const Folder& f) { return f.reader.status(); })
      .def_property_readonly("fingerprint", [](const Folder& f) { return f.reader.fingerprint(); })
      .def_property_readonly("end_ns", [](const Folder& f) { return f.reader.end().boundary.ns; })
      .def_property_readonly("damage", [](const Folder& f) { return f.reader.damage(); })
      .def("phases",
           [](const Folder& f, size_t grid) {
             return array_of(std::vector<int64_t>(f.reader.spec().grids[grid].phase));
           })
      .def("devices",
           [](const Folder& f, const std::string& name) {
             for (const auto& table : f.reader.spec().tables)
               if (table.name == name) return table.devices;
             return std::vector<std::string>();
           })
      .def("slots",
           [](Folder& f, size_t grid) {
             const auto slots =
                 f.read([&](twin::RunReader& reader) { return reader.slots(twin::GridId(grid)); });
             return std::pair(slots.first, slots.end);
           })
      .def("cells", &cells)
      .def("log", &log);
  m.def("glob_match", &glob_match);
  m.def("nearest", [](const std::string& word, const std::vector<std::string>& candidates) {
    return nearest(word, candidates);
  });
}

}  // namespace looptwin::python
