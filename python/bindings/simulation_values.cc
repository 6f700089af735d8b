// Looking at a simulation: what a name is worth on a device, a column of a whole model, what was decided.
#include <fmt/format.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "base/text.h"
#include "mml/feeds/feeds.h"
#include "python/bindings/errors.h"
#include "python/bindings/signals.h"
#include "python/bindings/simulation.h"
#include "sim/fleet.h"
#include "testbed/decision_text.h"
#include "testbed/scenario.h"
#include "testbed/wiring.h"
#include "twin/registry.h"
#include "twin/transport.h"

namespace looptwin::python {

namespace py = pybind11;

namespace {

constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();
/// Of larger fleets nobody waits to hear which device was meant.
constexpr size_t kMostCompared = 100'000;

[[noreturn]] void no_such(const char* what, const std::string& name, const std::vector<std::string>& there,
                          const std::string& where = {}) {
  const auto near = nearest(name, there);
  auto text = fmt::format("there is no {} '{}'{}", what, name, where);
  if (!near.empty())
    text += fmt::format("; did you mean '{}'?", near);
  else if (!there.empty() && there.size() <= 30)
    text += fmt::format("; there are: {}", joined(there));
  throw py::key_error(text);
}

std::string which_text(const std::string& which) {
  return fmt::format("which='{}': write reported, desired, default or truth", which);
}

}  // namespace

/// A column that a name stands for, and the unit that its values are shown in.
struct SimulationHandle::Place {
  TableId table;
  ColumnId column;
  lang::Unit unit;
  bool truth = false;
};

TableId SimulationHandle::table_of(const std::string& model) {
  const auto& registry = running().assembly().registry();
  if (const auto table = registry.find_model(model)) return *table;
  if (model == "site") return registry.site();
  std::vector<std::string> names;
  for (const auto& known : registry.models()) names.push_back(known.config.name);
  no_such("model", model, names);
}

twin::DeviceRef SimulationHandle::device_of(const std::string& id) {
  const auto& registry = running().assembly().registry();
  if (const auto device = registry.find(id)) return *device;
  if (id == "site") return {registry.site(), Row(0)};
  std::vector<std::string> ids;
  for (const auto device : registry.matching("**")) ids.emplace_back(registry.id(device));
  const auto near = ids.size() <= kMostCompared ? nearest(id, ids) : "";
  throw py::key_error(near.empty() ? fmt::format("there is no device '{}'; devices() lists them", id)
                                   : fmt::format("there is no device '{}'; did you mean '{}'?", id, near));
}

SimulationHandle::Place SimulationHandle::place(TableId table, const std::string& name,
                                                const std::string& which) {
  auto& assembly = running().assembly();
  const auto& names = assembly.wired().scopes.of_table[table.index()].names;
  const auto found = names.find(name);
  const bool known = found != names.end() && found->second.is == lang::Symbol::Is::column;
  const auto refuse = [&](const char* what) {
    return py::type_error(fmt::format("'{}' has no {}", name, what));
  };
  const auto& schema = assembly.schema();
  if (which == "truth") {
    const ColumnId truth = true_column(table, name);
    if (truth.valid()) {
      // What is true of a field or setpoint is shown in its unit; what else there is, is in SI.
      auto unit = schema.column(table, known ? found->second.column : truth).unit;
      if (known && schema.column(table, truth).type != found->second.type) unit = {};
      return {table, truth, std::move(unit), true};
    }
    if (known) throw refuse("true value: nothing is simulated behind it");
    std::vector<std::string> there;
    for (const auto& [truth_name, symbol] : assembly.fleet().true_names(table)) there.push_back(truth_name);
    no_such("true value", name, there, fmt::format(" on '{}'", schema.table(table).name));
  }
  if (!known) {
    std::vector<std::string> there;
    for (const auto& [there_name, symbol] : names)
      if (symbol.is == lang::Symbol::Is::column) there.push_back(there_name);
    if (table == assembly.registry().site())
      for (const auto& signal : schema.feeds) there.push_back(signal.feed + "." + signal.name);
    no_such("name", name, there, fmt::format(" on '{}'", schema.table(table).name));
  }
  const auto& symbol = found->second;
  const ColumnId column = which == "reported"  ? symbol.column
                          : which == "desired" ? symbol.desired
                          : which == "default" ? symbol.fallback
                                               : throw py::value_error(which_text(which));
  if (!column.valid()) throw refuse("desired or default value: it is no setpoint");
  return {table, column, schema.column(table, column).unit};
}

std::optional<FeedId> SimulationHandle::feed_of(TableId table, const std::string& name,
                                                const std::string& which) {
  auto& assembly = running().assembly();
  if (table != assembly.registry().site() || name.find('.') == std::string::npos) return {};
  const auto& signals = assembly.schema().feeds;
  for (size_t f = 0; f < signals.size(); ++f) {
    if (signals[f].feed + "." + signals[f].name != name) continue;
    if (which != "reported")
      throw py::type_error(fmt::format("'{}' is a feed: it has no {} value", name, which));
    return FeedId(f);
  }
  return {};
}

double SimulationHandle::feed_value(FeedId feed) {
  auto& simulation = running();
  return simulation.assembly().feeds().value(feed, simulation.now());
}

/// Of a field, what it measures; else a name of the physics. Invalid where there is none.
ColumnId SimulationHandle::true_column(TableId table, const std::string& name) {
  auto& assembly = running().assembly();
  if (table.index() < assembly.registry().models().size()) {
    const auto& fields = assembly.registry().model(table).config.telemetry;
    for (size_t f = 0; f < fields.size(); ++f)
      if (fields[f].name == name) return assembly.fleet().truth(table, f);
  }
  const auto truths = assembly.fleet().true_names(table);
  const auto truth = truths.find(name);
  if (truth == truths.end() || truth->second.is != lang::Symbol::Is::column) return {};
  return truth->second.column;
}

/// With the GIL, so that another thread's advance waits for a look and is not refused; where devices that
/// have to catch up call classes of Python, another thread may come in all the same.
void SimulationHandle::settle(TableId table, std::optional<Row> row) {
  auto& simulation = running();
  if (broken_)
    throw std::runtime_error(
        fmt::format("what is true is not known: the run broke on the way to the boundary after {}; what the "
                    "loop knew by then is there",
                    to_string(Time{now_ns_})));
  auto& assembly = simulation.assembly();
  {
    const Busy busy(busy_);
    for (size_t s = 0; const auto& shard : assembly.tables().shards()) {
      const bool wanted = !row || shard.first == row->index() / twin::kShardRows * twin::kShardRows;
      if (shard.table == table && wanted) assembly.fleet().settle(s, simulation.now());
      ++s;
    }
  }
  if (assembly.loop_transport().breakdown().empty()) return;
  over_ = broken_ = true;
  raise("RunError", simulation.problems());
}

py::object SimulationHandle::value(const std::string& device, const std::string& name,
                                   const std::string& which) {
  auto& assembly = running().assembly();
  const auto ref = device_of(device);
  if (const auto feed = feed_of(ref.table, name, which))
    return py::float_(assembly.schema().feeds[feed->index()].unit.from_si(feed_value(*feed)));
  const auto at = place(ref.table, name, which);
  if (at.truth) settle(ref.table, ref.row);
  const auto& column = assembly.schema().column(at.table, at.column);
  const double raw =
      twin::load(assembly.tables().column(at.table, at.column), column.storage, ref.row.index());
  switch (column.storage) {
    case lang::Storage::f64:
      return py::float_(at.unit.from_si(raw));
    case lang::Storage::boolean:
      return raw == 0.5 ? py::object(py::none()) : py::object(py::bool_(raw == 1));
    case lang::Storage::code: {
      if (std::isnan(raw)) return py::none();
      const auto& words = assembly.schema().enumerations[column.type.enumeration.index()].words;
      return py::str(words.at(static_cast<size_t>(raw)));
    }
    case lang::Storage::instant:
      return py::float_(raw >= static_cast<double>(kNever.ns) ? kUnknown : raw / 1e9);
    case lang::Storage::row:
      break;
  }
  return py::float_(raw);
}

py::array SimulationHandle::column(const std::string& model, const std::string& name,
                                   const std::string& which, bool si) {
  auto& assembly = running().assembly();
  const auto table = table_of(model);
  if (const auto feed = feed_of(table, name, which)) {
    py::array_t<double> value(1);
    const double si_value = feed_value(*feed);
    *value.mutable_data() = si ? si_value : assembly.schema().feeds[feed->index()].unit.from_si(si_value);
    return value;
  }
  const auto at = place(table, name, which);
  if (at.truth) settle(at.table, {});
  const auto& column = assembly.schema().column(at.table, at.column);
  const size_t rows = assembly.tables().rows(at.table);
  void* data = assembly.tables().column(at.table, at.column);
  const auto& unit = at.unit;
  const bool number = column.storage == lang::Storage::f64;
  const bool converts = !si && number && (unit.scale != 1 || unit.offset != 0);
  if (converts || (at.truth && number)) {
    py::array_t<double> values(static_cast<py::ssize_t>(rows));
    const auto* from = static_cast<const double*>(data);
    std::transform(from, from + rows, values.mutable_data(),
                   [&](double v) { return converts ? unit.from_si(v) : v; });
    return values;
  }
  const auto dtype = [&] {
    switch (column.storage) {
      case lang::Storage::f64:
        return py::dtype::of<double>();
      case lang::Storage::row:
        return py::dtype::of<uint32_t>();
      case lang::Storage::instant:
        return py::dtype::of<int64_t>();
      default:
        return py::dtype::of<uint8_t>();
    }
  }();
  const py::capsule keeps(new std::shared_ptr<Kept>(kept_),
                          [](void* kept) { delete static_cast<std::shared_ptr<Kept>*>(kept); });
  py::array shared(dtype, {static_cast<py::ssize_t>(rows)}, {dtype.itemsize()}, data, keeps);
  shared.attr("setflags")(py::arg("write") = false);
  return shared;
}

py::tuple SimulationHandle::unit(const std::string& model, const std::string& name,
                                 const std::string& which) {
  auto& assembly = running().assembly();
  const auto table = table_of(model);
  if (const auto feed = feed_of(table, name, which))
    return py::make_tuple(assembly.schema().feeds[feed->index()].unit.text, py::list());
  const auto at = place(table, name, which);
  const auto& column = assembly.schema().column(at.table, at.column);
  py::list words;
  if (column.type.kind == lang::Kind::enumeration)
    for (const auto& word : assembly.schema().enumerations[column.type.enumeration.index()].words)
      words.append(word);
  return py::make_tuple(at.unit.text, words);
}

std::vector<std::string> SimulationHandle::names(const std::string& model, const std::string& which) {
  auto& assembly = running().assembly();
  const auto table = table_of(model);
  std::vector<std::string> names;
  std::set<std::string> columns;
  for (const auto& [name, symbol] : assembly.wired().scopes.of_table[table.index()].names) {
    if (symbol.is != lang::Symbol::Is::column) continue;
    columns.insert(name);
    if (which == "reported" || (which == "desired" && symbol.desired.valid()) ||
        (which == "default" && symbol.fallback.valid()))
      names.push_back(name);
  }
  if (which == "truth") {
    for (const auto& [name, symbol] : assembly.fleet().true_names(table)) columns.insert(name);
    for (const auto& name : columns)
      if (true_column(table, name).valid()) names.push_back(name);
  } else if (which != "reported" && which != "desired" && which != "default") {
    throw py::value_error(which_text(which));
  }
  if (which == "reported" && table == assembly.registry().site())
    for (const auto& signal : assembly.schema().feeds) names.push_back(signal.feed + "." + signal.name);
  return names;
}

py::list SimulationHandle::inputs() {
  static constexpr const char* kKinds[] = {"button", "selector", "limit"};
  py::list all;
  for (const auto& input : running().assembly().scenario().inputs) {
    const auto shown = [&](double si) {
      return input.unit.text.empty() ? py::float_(si) : py::float_(input.unit.from_si(si));
    };
    py::dict one;
    one["name"] = input.name;
    one["kind"] = kKinds[static_cast<size_t>(input.kind)];
    one["each"] = input.each;
    one["unit"] = input.unit.text;
    one["words"] = input.boolean ? std::vector<std::string>{"false", "true"} : input.words;
    one["low"] = input.range ? py::object(shown(input.range->low)) : py::none();
    one["high"] = input.range ? py::object(shown(input.range->high)) : py::none();
    one["default"] = shown(input.value);
    all.append(one);
  }
  return all;
}

std::string SimulationHandle::model_of(const std::string& device) {
  const auto table = device_of(device).table;
  return running().assembly().schema().table(table).name;
}

std::vector<std::string> SimulationHandle::devices(const std::string& model, const std::string& pattern) {
  const auto& registry = running().assembly().registry();
  std::vector<std::string> ids;
  if (!model.empty() && pattern.empty()) {
    const auto table = table_of(model);
    for (size_t row = 0; row < registry.devices(table); ++row)
      ids.emplace_back(registry.id({table, Row(row)}));
    return ids;
  }
  for (const auto device : registry.matching(pattern))
    if (model.empty() || device.table == table_of(model)) ids.emplace_back(registry.id(device));
  return ids;
}

py::dict SimulationHandle::decisions(size_t first) {
  auto& assembly = running().assembly();
  const auto& all = kept_->decisions.all;
  const size_t rows = all.size() - std::min(first, all.size());
  const testbed::DecisionText text(assembly.scenario(), assembly.schema(), assembly.registry(),
                                   assembly.wired());
  py::array_t<double> time(static_cast<py::ssize_t>(rows)), value(static_cast<py::ssize_t>(rows));
  py::array_t<int64_t> occurrence(static_cast<py::ssize_t>(rows));
  py::array_t<uint64_t> id(static_cast<py::ssize_t>(rows)), cause(static_cast<py::ssize_t>(rows));
  py::list kind(rows), subject(rows), device(rows), quantity(rows), unit(rows);
  const Busy busy(busy_);  // who handles a signal may be somebody else for a while
  for (size_t i = 0; i < rows; ++i) {
    heed_signals(i);
    const auto& record = all[first + i];
    const auto of = text.quantity_of(record);
    time.mutable_at(i) = record.at.seconds();
    value.mutable_at(i) = of.value;
    occurrence.mutable_at(i) = record.occurrence;
    id.mutable_at(i) = record.id;
    cause.mutable_at(i) = record.cause;
    kind[i] = name_of(record.kind);
    subject[i] = text.name_of_subject(mml::subject_of(record.kind), record.subject);
    device[i] = py::str(assembly.registry().id(record.device));
    quantity[i] = py::str(of.name);
    unit[i] = py::str(of.unit);
  }
  py::dict columns;
  columns["at_s"] = time;
  columns["kind"] = kind;
  columns["subject"] = subject;
  columns["device"] = device;
  columns["quantity"] = quantity;
  columns["occurrence"] = occurrence;
  columns["value"] = value;
  columns["unit"] = unit;
  columns["id"] = id;
  columns["cause"] = cause;
  return columns;
}

}  // namespace looptwin::python
