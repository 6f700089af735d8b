#include "python/bindings/scenario.h"

#include <pybind11/pybind11.h>
#include <pybind11/stl.h>
#include <pybind11/stl/filesystem.h>

#include <charconv>

#include "python/bindings/errors.h"
#include "python/bindings/extensions.h"
#include "python/bindings/module.h"
#include "python/bindings/signals.h"
#include "testbed/moment.h"
#include "testbed/reading/load.h"

namespace looptwin::python {

namespace py = pybind11;
using Pairs = std::vector<std::pair<std::string, std::string>>;

ScenarioSource::ScenarioSource(std::filesystem::path path, std::string text, std::string name)
    : path_(std::move(path)) {
  if (!name.empty()) text_ = std::make_shared<const Source>(Source{std::move(name), std::move(text)});
}

testbed::Loaded ScenarioSource::load_with(std::vector<testbed::Setting> settings) const {
  auto read = heeding_signals([&](const StopAsked&) {
    return text_ ? testbed::load_text(text_, path_, settings, &extensions())
                 : testbed::load(path_, settings, {}, nullptr, &extensions());
  });
  auto scenario = value_or_raise(std::move(read));
  return {std::move(scenario), text_ ? std::filesystem::path() : path_, std::move(settings)};
}

testbed::Loaded ScenarioSource::load(const Pairs& further) const {
  auto settings = settings_;
  for (const auto& [path, value] : further) settings.push_back({path, value});
  return load_with(std::move(settings));
}

void ScenarioSource::set(const Pairs& settings) { settings_ = load(settings).settings; }

namespace {

/// As a YAML library would have it, but that nothing in quotes is taken for a number or a truth.
py::object object_of(const testbed::yaml::Node& node) {
  if (node.map()) {
    py::dict map;
    for (const auto& entry : node.entries) map[py::str(entry.key)] = object_of(entry.value);
    return map;
  }
  if (node.list()) {
    py::list list;
    for (const auto& item : node.items) list.append(object_of(item));
    return list;
  }
  if (node.quoted) return py::str(node.text);
  if (node.text == "true" || node.text == "false") return py::bool_(node.text == "true");
  int64_t whole = 0;
  double number = 0;
  const char* end = node.text.data() + node.text.size();
  if (const auto read = std::from_chars(node.text.data(), end, whole);
      read.ec == std::errc() && read.ptr == end)
    return py::int_(whole);
  if (const auto read = std::from_chars(node.text.data(), end, number);
      read.ec == std::errc() && read.ptr == end)
    return py::float_(number);
  return py::str(node.text);
}

}  // namespace

py::object ScenarioSource::written(const std::string& path) const {
  const auto found = value_or_raise(testbed::written_at(path, text_, path_, settings_));
  return found ? object_of(*found) : py::none();
}

void bind_scenario(py::module_& m) {
  m.def("duration_ns", [](const std::string& text) {
    return value_or_raise(testbed::moment_of("a span of time", text)).ns;
  });
  py::class_<ScenarioSource>(m, "ScenarioSource")
      .def(py::init<std::filesystem::path, std::string, std::string>(), py::arg("path"), py::arg("text"),
           py::arg("name"))
      .def(py::init<const ScenarioSource&>())
      .def("set", &ScenarioSource::set)
      .def("written", &ScenarioSource::written)
      .def("settings",
           [](const ScenarioSource& source) {
             Pairs pairs;
             for (const auto& setting : source.settings()) pairs.emplace_back(setting.path, setting.value);
             return pairs;
           })
      .def("facts",
           [](const ScenarioSource& source) {
             const auto loaded = source.load();
             const auto& scenario = loaded.scenario;
             py::dict facts;
             facts["name"] = scenario.name;
             facts["about"] = scenario.about;
             facts["seed"] = scenario.seed;
             facts["duration_ns"] = scenario.duration.ns;
             facts["cycle_ns"] = scenario.cycle.ns;
             facts["start_unix_ns"] = scenario.start.ns;
             return facts;
           })
      .def("files",
           [](const ScenarioSource& source) {
             const auto loaded = source.load();
             const auto& scenario = loaded.scenario;
             std::vector<std::pair<std::string, py::bytes>> texts;
             for (const auto& file : scenario.sources) texts.emplace_back(file->name, file->text);
             std::vector<std::string> others = scenario.registries;
             for (const auto& feed : scenario.feeds)
               if (feed.inbound) others.push_back(feed.file);
             for (const auto& plant : scenario.plants)
               for (const auto& file : plant.files) others.push_back(file);
             for (const auto& earlier : scenario.history_from) others.push_back(earlier.folder);
             return std::tuple(scenario.folder.string(), texts, others);
           })
      .def("check", [](const ScenarioSource& source) {
        auto loaded = source.load();
        auto built = heeding_signals([&](const StopAsked& asked) {
          return testbed::Assembly::build(std::move(loaded.scenario), {.stop = asked});
        });
        return problems_of(value_or_raise(std::move(built))->warnings());
      });
}

}  // namespace looptwin::python
