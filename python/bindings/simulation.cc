// Running: to and fro between Python and the simulation.
#include "python/bindings/simulation.h"

#include <fmt/format.h>
#include <pybind11/stl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <exception>
#include <optional>
#include <set>
#include <thread>

#include "mml/loop.h"
#include "python/bindings/errors.h"
#include "python/bindings/module.h"
#include "python/bindings/signals.h"
#include "testbed/requirements/report.h"
#include "testbed/requirements/requirements.h"
#include "testbed/scenario.h"
#include "testbed/summary.h"
#include "twin/registry.h"

namespace looptwin::python {

namespace py = pybind11;

namespace {

/// So long the interpreter's end waits for what runs.
constexpr double kPatience = 30;  // s

/// All there are; the GIL guards both.
std::set<SimulationHandle*> g_all;
bool g_ending = false;
std::thread::id g_ender;

/// Nothing more is begun once the interpreter ends. Other threads than the one that ends it are daemons by
/// then: what they would raise they would print, while the streams go. They do nothing more of Python's.
void leave_if_ending() {
  if (!g_ending) return;
  if (std::this_thread::get_id() == g_ender) throw std::runtime_error("the interpreter ends");
  const py::gil_scoped_release release;
  for (;;) ::pause();
}

}  // namespace

SimulationHandle::SimulationHandle() { g_all.insert(this); }
SimulationHandle::~SimulationHandle() { g_all.erase(this); }

void SimulationHandle::end_all() {
  g_ending = true;
  g_ender = std::this_thread::get_id();
  const testbed::Stopwatch watch;
  const auto is_busy = [](SimulationHandle* one) { return one->busy_.load(); };
  while (std::any_of(g_all.begin(), g_all.end(), is_busy) && watch.seconds() < kPatience) {
    for (auto* one : g_all) one->interrupt();
    const py::gil_scoped_release release;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

SimulationHandle::SimulationHandle(const ScenarioSource& source,
                                   const std::vector<std::pair<std::string, std::string>>& further,
                                   int threads, const std::string& out, bool keep_decisions)
    : SimulationHandle() {
  leave_if_ending();
  kept_ = std::make_shared<Kept>();
  threads_ = threads;
  auto loaded = source.load(further);
  kept_->decisions.keep = keep_decisions;
  testbed::AssemblyOptions options{.threads = threads, .decisions = &kept_->decisions};
  if (!out.empty()) options.out = out;
  const auto make = [&] {
    const Busy busy(busy_);
    return heeding_signals([&](const StopAsked& asked) {
      options.stop = [&] { return kept_->stop || asked(); };
      return testbed::Simulation::make(std::move(loaded), options, kept_->stop);
    });
  };
  auto made = make();
  leave_if_ending();
  if (!made && kept_->stop) raise("RunError", made.error());
  kept_->simulation = value_or_raise(std::move(made));
}

testbed::Simulation& SimulationHandle::running() {
  if (!kept_ || !kept_->simulation) throw std::runtime_error("this simulation is closed");
  leave_if_ending();
  if (busy_)
    throw std::runtime_error(
        "this simulation is being advanced or looked at: by another thread, or around this call");
  return *kept_->simulation;
}

void SimulationHandle::advance_to(int64_t to_ns, const py::object& progress) {
  auto& simulation = running();
  if (over_) throw std::runtime_error("this simulation is over: it was finished, or has failed");
  const auto kept = kept_;
  Signals signals([&] {
    if (!progress.is_none()) progress(now_ns_.load());
  });
  auto end = mml::RunEnd::reached_end;
  {
    const Busy busy(busy_);
    kept->stop = false;  // who asked for the end of something else has had it
    const py::gil_scoped_release release;
    end = simulation.advance(Time{to_ns}, [&](Time now) {
      now_ns_ = now.ns;
      if (signals.asked()) kept->stop = true;
    });
    kept->stop = false;
  }
  leave_if_ending();
  // At a boundary that it failed at it has not decided.
  if (end != mml::RunEnd::failed) now_ns_ = simulation.now().ns;
  over_ = end == mml::RunEnd::failed;
  broken_ = !simulation.assembly().loop_transport().breakdown().empty();
  signals.raise(true);
  if (end == mml::RunEnd::failed) raise("RunError", simulation.problems());
}

std::string SimulationHandle::finish(bool stopped) {
  auto& simulation = running();
  const bool failed = over_;
  over_ = true;
  testbed::Ending ending;
  {
    const Busy busy(busy_);
    const py::gil_scoped_release release;
    ending = simulation.finish(failed    ? mml::RunEnd::failed
                               : stopped ? mml::RunEnd::stopped
                                         : mml::RunEnd::reached_end,
                               watch_.seconds());
  }
  if (!ending.problems.empty()) raise("RunError", ending.problems);
  return ending.status;
}

std::unique_ptr<SimulationHandle> SimulationHandle::fork() {
  auto& simulation = running();
  std::unique_ptr<SimulationHandle> forked(new SimulationHandle());
  forked->kept_ = std::make_shared<Kept>();
  forked->threads_ = threads_;
  forked->now_ns_ = now_ns_.load();
  forked->over_ = over_;
  forked->broken_ = broken_;
  forked->kept_->decisions = kept_->decisions;
  const auto make = [&] {
    const Busy busy(busy_);
    return heeding_signals([&](const StopAsked& asked) {
      return simulation.fork(threads_, forked->kept_->stop, &forked->kept_->decisions,
                             [&] { return kept_->stop || asked(); });
    });
  };
  auto made = make();
  leave_if_ending();
  if (!made) raise("RunError", made.error());
  forked->kept_->simulation = std::move(*made);
  return forked;
}

void SimulationHandle::act(const std::string& entry, const std::string& name) {
  auto& simulation = running();
  if (over_) throw std::runtime_error("this simulation is over: it was finished, or has failed");
  value_or_raise(simulation.act(std::make_shared<const Source>(Source{name, entry})));
}

void SimulationHandle::inject(const std::string& entry, const std::string& name) {
  auto& simulation = running();
  if (over_) throw std::runtime_error("this simulation is over: it was finished, or has failed");
  value_or_raise(simulation.inject(std::make_shared<const Source>(Source{name, entry})));
}

void SimulationHandle::interrupt() {
  if (const auto kept = kept_; kept && busy_) kept->stop = true;
}

/// Arrays that share its columns keep it until they go.
void SimulationHandle::close() {
  if (kept_ && kept_->simulation) running();
  kept_.reset();
}

std::string SimulationHandle::requirements() {
  const auto& requirements = running().assembly().requirements();
  return testbed::requirements_json(requirements.all(), requirements.results());
}

void bind_simulation(py::module_& m) {
  using H = SimulationHandle;
  using Pairs = std::vector<std::pair<std::string, std::string>>;
  m.def("end_all", &H::end_all);
  py::class_<H>(m, "Simulation")
      .def(py::init<const ScenarioSource&, const Pairs&, int, const std::string&, bool>(), py::arg("source"),
           py::arg("settings"), py::arg("threads"), py::arg("out"), py::arg("keep_decisions"))
      .def("advance_to", &H::advance_to)
      .def("finish", &H::finish)
      .def("fork", &H::fork)
      .def("act", &H::act)
      .def("inject", &H::inject)
      .def("inputs", &H::inputs)
      .def("interrupt", &H::interrupt)
      .def("close", &H::close)
      .def("value", &H::value)
      .def("column", &H::column)
      .def("unit", &H::unit)
      .def("names", &H::names)
      .def("model_of", &H::model_of)
      .def("devices", &H::devices)
      .def("decisions", &H::decisions)
      .def("requirements", &H::requirements)
      .def_property_readonly("now_ns", &H::now_ns)
      .def_property_readonly("end_ns", [](H& h) { return h.running().end().ns; })
      .def_property_readonly("start_unix_ns", [](H& h) { return h.running().assembly().scenario().start.ns; })
      .def_property_readonly("fingerprint", [](H& h) { return h.running().assembly().loop().fingerprint(); })
      .def_property_readonly("people",
                             [](H& h) {
                               std::vector<std::string> names;
                               for (const auto& person : h.running().assembly().scenario().people)
                                 names.push_back(person.name);
                               return names;
                             })
      .def_property_readonly("models",
                             [](H& h) {
                               std::vector<std::string> names;
                               for (const auto& model : h.running().assembly().registry().models())
                                 names.push_back(model.config.name);
                               return names;
                             })
      .def("warnings", [](H& h) { return problems_of(h.running().assembly().warnings()); });
}

}  // namespace looptwin::python
