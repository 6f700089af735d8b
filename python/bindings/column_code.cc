#include "python/bindings/column_code.h"

#include <fmt/format.h>
#include <pybind11/stl.h>

#include "python/bindings/extension_calls.h"

namespace looptwin::python {

namespace py = pybind11;

namespace {

using Column = sim::ColumnCode::Column;
using Is = sim::ColumnCode::Is;

/// A controller or physics whose class is called with the columns of some rows.
class PythonCode final : public sim::ColumnCode {
 public:
  PythonCode(const testbed::ClassUse& use, py::object runner, std::vector<Column> inputs,
             std::vector<Column> states, std::vector<Column> outputs)
      : ColumnCode(use.name, use.span),
        runner_(std::move(runner)),
        inputs_(std::move(inputs)),
        states_(std::move(states)),
        outputs_(std::move(outputs)) {}

  std::span<const Column> inputs() const override { return inputs_; }
  std::span<const Column> states() const override { return states_; }
  std::span<const Column> outputs() const override { return outputs_; }

  std::optional<sim::CodeFailure> run(Time, Duration dt, sim::CodeColumns inputs, sim::CodeColumns states,
                                      sim::CodeColumns outputs) const override {
    const size_t rows = !states.empty() ? states.front().size() : outputs.front().size();
    const py::gil_scoped_acquire acquire;
    try {
      const py::list handed = runner_->attr("run")(dt.seconds(), listed(inputs), listed(states), rows);
      size_t next = 0;
      for (const auto columns : {states, outputs})
        for (const auto& column : columns)
          copy(handed[next++].cast<py::array_t<double, py::array::c_style>>(), column);
      return std::nullopt;
    } catch (py::error_already_set& error) {
      return sim::CodeFailure{text_of(error)};
    }
  }

 private:
  static py::list listed(sim::CodeColumns columns) {
    py::list list;
    for (const auto& column : columns) list.append(copied(column));
    return list;
  }

  Held runner_;
  std::vector<Column> inputs_, states_, outputs_;
};

Result<std::vector<Column>> columns_of(const testbed::ClassUse& use, const py::object& declared,
                                       const lang::Units& units) {
  std::vector<Column> columns;
  for (const auto& [name, is, unit] :
       declared.cast<std::vector<std::tuple<std::string, std::string, std::string>>>()) {
    auto& column = columns.emplace_back();
    column.name = name;
    column.is = is == "truth" ? Is::truth : is == "word" ? Is::word : Is::number;
    if (column.is != Is::number) continue;
    auto read = unit_of(units, unit);
    if (!read)
      return failure(
          use.span,
          fmt::format("the class '{}': the unit of '{}': {}", use.name, name, read.error().front().message),
          read.error().front().hint);
    column.unit = std::move(*read);
  }
  return columns;
}

}  // namespace

Result<std::shared_ptr<const sim::ColumnCode>> column_code(const char* what, const testbed::ClassUse& use,
                                                           const std::string& folder,
                                                           const lang::Units& units) {
  using Made = std::shared_ptr<const sim::ColumnCode>;
  return asked<Made>(use, [&]() -> Result<Made> {
    const py::object runner =
        py::module_::import("looptwin.devices").attr(what)(use.name, folder, arguments_of(use));
    auto inputs = columns_of(use, runner.attr("inputs"), units);
    if (!inputs) return tl::make_unexpected(std::move(inputs.error()));
    auto states = columns_of(use, runner.attr("states"), units);
    if (!states) return tl::make_unexpected(std::move(states.error()));
    auto outputs = columns_of(use, runner.attr("outputs"), units);
    if (!outputs) return tl::make_unexpected(std::move(outputs.error()));
    const auto initial = runner.attr("initial").cast<std::vector<double>>();
    for (size_t s = 0; s < initial.size(); ++s) (*states)[s].initial = initial[s];
    return Made(std::make_shared<PythonCode>(use, runner, std::move(*inputs), std::move(*states),
                                             std::move(*outputs)));
  });
}

}  // namespace looptwin::python
