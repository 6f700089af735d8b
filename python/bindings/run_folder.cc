// Reads run folders: finished, killed, or still being written. What a grid or a log is called stands in the
// manifest, which Python reads itself.
#include <fmt/format.h>
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>
#include <pybind11/stl/filesystem.h>

#include "base/text.h"
#include "python/bindings/errors.h"
#include "python/bindings/module.h"
#include "twin/warm/run_reader.h"

namespace looptwin::python {

namespace py = pybind11;

namespace {

template <typename T>
py::array array_of(std::vector<T> values) {
  auto* kept = new std::vector<T>(std::move(values));
  const py::capsule keeps(kept, [](void* p) { delete static_cast<std::vector<T>*>(p); });
  return py::array_t<T>({static_cast<py::ssize_t>(kept->size())}, kept->data(), keeps);
}

py::object column_of(twin::ColumnData data) {
  if (const auto* texts = std::get_if<twin::Texts>(&data)) {
    py::list list(texts->size());
    for (size_t i = 0; i < texts->size(); ++i) list[i] = py::str((*texts)[i]);
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

twin::RunReader open(const std::filesystem::path& folder) {
  const auto read = [&] {
    const py::gil_scoped_release release;
    return twin::RunReader::open(folder);
  };
  auto reader = read();
  if (!reader) raise("RunError", reader.error());
  return std::move(*reader);
}

template <typename T>
T read_or_raise(Result<T>&& result) {
  if (!result) raise("RunError", result.error());
  return std::move(*result);
}

py::list log(twin::RunReader& reader, const std::string& name) {
  py::list columns;
  const auto id = reader.log(name);
  if (!id) return columns;
  for (size_t c = 0; c < reader.spec().logs[id->index()].columns.size(); ++c)
    columns.append(column_of(read_or_raise(reader.read_log(*id, c))));
  return columns;
}

/// [rows][slots] in the variable's unit, NaN where there is no sample.
py::array cells(twin::RunReader& reader, size_t grid, size_t variable, uint32_t first, uint32_t rows,
                int64_t first_slot, int64_t end_slot) {
  const auto read = [&] {
    const py::gil_scoped_release release;
    return reader.read(twin::GridId(grid), variable, {first, rows}, {first_slot, end_slot});
  };
  return array_of(read_or_raise(read())).attr("reshape")(rows, end_slot - first_slot);
}

}  // namespace

void bind_run_folder(py::module_& m) {
  using R = twin::RunReader;
  py::class_<R>(m, "RunReader")
      .def(py::init(&open))
      .def_property_readonly("status", &R::status)
      .def_property_readonly("fingerprint", &R::fingerprint)
      .def_property_readonly("end_ns", [](const R& r) { return r.end().boundary.ns; })
      .def_property_readonly("damage", &R::damage)
      .def("phases",
           [](const R& r, size_t grid) { return array_of(std::vector<int64_t>(r.spec().grids[grid].phase)); })
      .def("devices",
           [](const R& r, const std::string& name) {
             for (const auto& table : r.spec().tables)
               if (table.name == name) return table.devices;
             return std::vector<std::string>();
           })
      .def("slots",
           [](R& r, size_t grid) {
             const auto slots = read_or_raise(r.slots(twin::GridId(grid)));
             return std::pair(slots.first, slots.end);
           })
      .def("cells", &cells)
      .def("log", &log);
  m.def("glob_match", &glob_match);
}

}  // namespace looptwin::python
