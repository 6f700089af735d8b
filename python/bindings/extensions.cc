#include "python/bindings/extensions.h"

#include <fmt/format.h>
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <cmath>

#include "base/time.h"
#include "lang/units.h"
#include "python/bindings/column_code.h"
#include "python/bindings/extension_calls.h"

namespace looptwin::python {

namespace py = pybind11;

namespace {

py::module_ extending() { return py::module_::import("looptwin.extending"); }

}  // namespace

void hear_again(const py::error_already_set& error) {
  if (error.matches(PyExc_KeyboardInterrupt)) PyErr_SetInterrupt();
}

std::string text_of(py::error_already_set& error) {
  std::string text;
  try {
    text = extending().attr("described")(error.value(), error.trace()).cast<std::string>();
  } catch (py::error_already_set& other) {
    text = other.what();
    hear_again(other);
  }
  hear_again(error);
  return text;
}

py::dict arguments_of(const testbed::ClassUse& use) {
  py::dict with;
  for (const auto& [name, value] : use.with)
    std::visit([&, n = py::str(name)](const auto& v) { with[n] = v; }, value);
  return with;
}

Result<lang::Unit> unit_of(const lang::Units& units, const std::string& text) {
  const auto source = std::make_shared<const Source>(Source{"unit", text});
  return units.unit({source, 0, static_cast<uint32_t>(text.size())});
}

namespace {

constexpr lang::Dimension kPressure{{-1, 1, -2}};

/// A plant whose class advances all its elements at once, from grid point to grid point.
class PythonPlant final : public sim::CoupledPlant {
 public:
  PythonPlant(py::object runner, std::string name, std::vector<sim::Port> ports,
              std::vector<lang::Unit> units)
      : runner_(std::move(runner)),
        name_(std::move(name)),
        step_(nanoseconds(runner_->attr("step_ns").cast<int64_t>())),
        ports_(std::move(ports)),
        units_(std::move(units)),
        values_(ports_.size()),
        declared_(ports_.size()),
        latched_(ports_.size()) {
    // What nobody has driven yet is 0 in its own unit.
    for (size_t p = 0; p < ports_.size(); ++p) values_[p] = units_[p].to_si(0);
    take(runner_->attr("begin")());
  }

  std::span<const sim::Port> ports() const override { return ports_; }
  std::span<double> values() override { return values_; }
  const Diagnostics& breakdown() const override { return breakdown_; }

  void advance(Time to) override {
    while (breakdown_.empty()) {
      if (time(grid_) < to && !is_latched_) {
        latched_ = values_;
        is_latched_ = true;
      }
      if (time(grid_ + 1) > to) return;
      step();
    }
  }

  void save(ArchiveWriter& writer) const override {
    writer.section("python plant", 1);
    writer.put(grid_);
    writer.put<uint8_t>(is_latched_);
    writer.put_vector(values_);
    writer.put_vector(latched_);
    const py::gil_scoped_acquire acquire;
    std::string state, why_none;
    try {
      state = runner_->attr("save")().cast<std::string>();
    } catch (py::error_already_set& error) {
      why_none = text_of(error);  // of concern only to who is restored to it
    }
    writer.put(std::string_view(why_none));
    writer.put(std::string_view(state));
  }

  void restore(ArchiveReader& reader) override {
    reader.section("python plant", 1);
    grid_ = reader.get<int64_t>();
    is_latched_ = reader.get<uint8_t>() != 0;
    reader.get_span(std::span(values_));
    reader.get_span(std::span(latched_));
    const auto why_none = reader.get_string(), state = reader.get_string();
    if (!reader.ok()) return;
    breakdown_.clear();
    const py::gil_scoped_acquire acquire;
    try {
      if (state.empty())
        return fail("its state could not be kept: " + why_none, "let save() return what pickle can keep");
      runner_->attr("restore")(py::bytes(state));
    } catch (py::error_already_set& error) {
      fail(fmt::format("restore(): {}", text_of(error)), "let restore() take what save() returned");
    }
  }

 private:
  Time time(int64_t grid) const { return kStart + step_ * grid; }

  void step() {
    for (size_t p = 0; p < ports_.size(); ++p) declared_[p] = units_[p].from_si(latched_[p]);
    const py::gil_scoped_acquire acquire;
    try {
      take(runner_->attr("advance")(copied(declared_), time(grid_).seconds()));
    } catch (py::error_already_set& error) {
      fail(text_of(error), "");
    }
    ++grid_;
    is_latched_ = false;
  }

  /// Outputs as the class hands them out.
  void take(const py::object& handed) {
    copy(handed.cast<py::array_t<double, py::array::c_style>>(), declared_);
    for (size_t p = 0; p < ports_.size(); ++p) {
      if (ports_[p].direction == sim::PortDirection::in) continue;
      if (!std::isfinite(declared_[p])) {
        fail(fmt::format("{} is {}", ports_[p].name(), declared_[p]), "hand out finite numbers");
        return;
      }
      values_[p] = units_[p].to_si(declared_[p]);
    }
  }

  void fail(const std::string& why, std::string hint) {
    breakdown_.push_back(
        {Severity::error,
         {},
         fmt::format("the class '{}' in the step from {}: {}", name_, to_string(time(grid_)), why),
         std::move(hint)});
  }

  Held runner_;
  std::string name_;
  Duration step_;
  std::vector<sim::Port> ports_;
  std::vector<lang::Unit> units_;  ///< [port] in which the class has it
  std::vector<double> values_;     ///< SI
  std::vector<double> declared_;   ///< scratch: the same in their units
  std::vector<double> latched_;    ///< inputs of the step under way, SI
  bool is_latched_ = false;
  int64_t grid_ = 0;  ///< the last grid point
  Diagnostics breakdown_;
};

class PythonFunction final : public mml::ColumnFunction {
 public:
  explicit PythonFunction(py::object runner) : runner_(std::move(runner)) {}

  Result<void> run(std::span<const std::span<const double>> arguments, std::span<double> result) override {
    const py::gil_scoped_acquire acquire;
    try {
      py::list columns;
      for (const auto& argument : arguments) columns.append(copied(argument));
      copy((*runner_)(columns, result.size()).cast<py::array_t<double, py::array::c_style>>(), result);
      return {};
    } catch (py::error_already_set& error) {
      return failure(text_of(error));
    }
  }

 private:
  Held runner_;
};

class PythonExtensions final : public testbed::Extensions {
 public:
  Result<std::unique_ptr<sim::CoupledPlant>> plant(const testbed::ClassUse& use, const std::string& folder,
                                                   uint64_t seed) const override {
    using Made = std::unique_ptr<sim::CoupledPlant>;
    return asked<Made>(use, [&]() -> Result<Made> {
      const py::object runner = extending().attr("plant")(use.name, folder, arguments_of(use), seed);
      const lang::Units known;
      std::vector<sim::Port> ports;
      std::vector<lang::Unit> units;
      for (const auto& [element, quantity, unit, is_output] :
           runner.attr("ports")
               .cast<std::vector<std::tuple<std::string, std::string, std::string, bool>>>()) {
        auto read = unit_of(known, unit);
        if (!read)
          return failure(use.span,
                         fmt::format("the class '{}': the unit of {}.{}: {}", use.name, element, quantity,
                                     read.error().front().message),
                         read.error().front().hint);
        if (read->type.point && read->type.dimension == kPressure)
          return failure(use.span,
                         fmt::format("the class '{}': the unit of {}.{} is a gauge pressure", use.name,
                                     element, quantity),
                         "write an absolute one, as bar");
        ports.push_back(
            {element, quantity, unit, is_output ? sim::PortDirection::out : sim::PortDirection::in});
        units.push_back(std::move(*read));
      }
      auto made = std::make_unique<PythonPlant>(runner, use.name, std::move(ports), std::move(units));
      if (made->breakdown().empty()) return Made(std::move(made));
      return failure(use.span, made->breakdown().front().message, made->breakdown().front().hint);
    });
  }

  Result<std::vector<mml::FeedSignalConfig>> feed(const testbed::ClassUse& use, const std::string& folder,
                                                  UnixTime start, Duration until,
                                                  const lang::Units& units) const override {
    using Signals = std::vector<mml::FeedSignalConfig>;
    return asked<Signals>(use, [&]() -> Result<Signals> {
      Signals signals;
      for (const auto& one :
           extending().attr("feed")(use.name, folder, arguments_of(use), start.ns, until.ns)) {
        const auto [name, unit, at, values] =
            one.cast<std::tuple<std::string, std::string, std::vector<int64_t>, std::vector<double>>>();
        auto read = unit_of(units, unit);
        if (!read)
          return failure(use.span,
                         fmt::format("the class '{}': the unit of '{}': {}", use.name, name,
                                     read.error().front().message),
                         read.error().front().hint);
        auto& signal = signals.emplace_back();
        signal.name = name;
        signal.unit = *read;
        for (const int64_t ns : at) signal.at.push_back(nanoseconds(ns));
        for (const double value : values) signal.values.push_back(read->to_si(value));
      }
      return signals;
    });
  }

  Result<std::shared_ptr<mml::ColumnFunction>> function(const testbed::ClassUse& use,
                                                        const std::string& folder) const override {
    using Made = std::shared_ptr<mml::ColumnFunction>;
    return asked<Made>(use, [&]() -> Result<Made> {
      return Made(std::make_shared<PythonFunction>(
          extending().attr("function")(use.name, folder, arguments_of(use))));
    });
  }

  Result<std::shared_ptr<const sim::ColumnCode>> controller(const testbed::ClassUse& use,
                                                            const std::string& folder,
                                                            const lang::Units& units) const override {
    return column_code("controller", use, folder, units);
  }

  Result<std::shared_ptr<const sim::ColumnCode>> physics(const testbed::ClassUse& use,
                                                         const std::string& folder,
                                                         const lang::Units& units) const override {
    return column_code("physics", use, folder, units);
  }

  SourcePtr source(const testbed::ClassUse& use, const std::string& folder) const override {
    const py::gil_scoped_acquire acquire;
    try {
      const py::object found = extending().attr("source")(use.name, folder);
      if (found.is_none()) return nullptr;
      const auto [name, text] = found.cast<std::pair<std::string, std::string>>();
      return std::make_shared<const Source>(Source{name, text});
    } catch (py::error_already_set& error) {
      hear_again(error);
      return nullptr;  // said when the class is asked for
    }
  }
};

}  // namespace

const testbed::Extensions& extensions() {
  static const PythonExtensions kExtensions;
  return kExtensions;
}

}  // namespace looptwin::python
