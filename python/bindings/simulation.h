// A simulation in Python's hands. It is advanced without the GIL and may be looked at, acted in and forked
// when it is not; a second thread that tries meanwhile is refused. Times are ns since the run's start.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "mml/sinks.h"
#include "python/bindings/scenario.h"
#include "testbed/simulation.h"
#include "testbed/stopwatch.h"

namespace looptwin::python {

/// All decisions so far, for Python to look at.
class DecisionLog final : public mml::DecisionSink {
 public:
  bool decided(Time, std::span<const mml::Record> records) override {
    if (keep) all.insert(all.end(), records.begin(), records.end());
    return true;
  }
  bool keep = true;
  std::vector<mml::Record> all;
};

/// One thread at a time is in the simulation, also while the GIL is released or Python is called from within.
class Busy {
 public:
  explicit Busy(std::atomic<bool>& flag) : flag_(flag) { flag_ = true; }
  ~Busy() { flag_ = false; }
  Busy(const Busy&) = delete;
  Busy& operator=(const Busy&) = delete;

 private:
  std::atomic<bool>& flag_;
};

class SimulationHandle {
 public:
  SimulationHandle(const ScenarioSource& source,
                   const std::vector<std::pair<std::string, std::string>>& further, int threads,
                   const std::string& out, bool keep_decisions);
  ~SimulationHandle();
  SimulationHandle(const SimulationHandle&) = delete;
  SimulationHandle& operator=(const SimulationHandle&) = delete;

  /// The interpreter ends: lets all that runs end with the cycle under way and waits for that, for a while;
  /// nothing begins any more. A thread that comes back to an interpreter that is gone would end the process.
  static void end_all();

  /// `progress`: called a few times a second with the present ns; what it raises stops the simulation.
  /// Returns whether `to` was reached: a signal's exception is raised once the cycle under way has ended.
  void advance_to(int64_t to_ns, const pybind11::object& progress);
  /// Ends the run and its folder; `stopped`: before its time. Returns the status as JSON.
  std::string finish(bool stopped);
  std::unique_ptr<SimulationHandle> fork();
  void act(const std::string& entry, const std::string& name);
  void inject(const std::string& entry, const std::string& name);
  /// Lets an advance that another thread is in end with the cycle under way; from any thread.
  void interrupt();
  void close();

  /// What a device's name is worth at the last boundary, in its unit. `which`: "reported", "desired",
  /// "default" or "truth".
  pybind11::object value(const std::string& device, const std::string& name, const std::string& which);
  /// Of all devices of a model. Shared with the simulation, read-only, where no unit has to be converted.
  pybind11::array column(const std::string& model, const std::string& name, const std::string& which,
                         bool si);
  /// The unit's text ("" for what has none), and the words of an enumeration.
  pybind11::tuple unit(const std::string& model, const std::string& name, const std::string& which);
  /// Names that have a value of this kind; of "site" also the signals of feeds, "weather.temperature".
  std::vector<std::string> names(const std::string& model, const std::string& which);
  /// The operator's inputs, a dict each: name, kind, each, unit, words, low and high (None: no limit),
  /// default.
  pybind11::list inputs();
  std::string model_of(const std::string& device);
  std::vector<std::string> devices(const std::string& model, const std::string& pattern);
  pybind11::dict decisions(size_t first);
  std::string requirements();

  testbed::Simulation& running();  ///< raises where it is closed, or another thread is in it
  int64_t now_ns() const { return now_ns_; }

 private:
  SimulationHandle();
  struct Place;
  Place place(TableId table, const std::string& name, const std::string& which);
  ColumnId true_column(TableId table, const std::string& name);
  /// The signal of a feed, where it is asked of "site" by its name, "weather.temperature".
  std::optional<FeedId> feed_of(TableId table, const std::string& name, const std::string& which);
  double feed_value(FeedId feed);  ///< at the last boundary, in SI
  /// What is true on these shards is brought up to the last boundary; on all where `row` is absent.
  void settle(TableId table, std::optional<Row> row);
  TableId table_of(const std::string& model);
  twin::DeviceRef device_of(const std::string& id);
  /// Lives as long as the simulation and the arrays that share its columns.
  struct Kept {
    std::atomic<bool> stop{false};
    DecisionLog decisions;
    std::unique_ptr<testbed::Simulation> simulation;
  };
  std::shared_ptr<Kept> kept_;
  int threads_ = 0;
  testbed::Stopwatch watch_;
  std::atomic<bool> busy_{false};
  std::atomic<int64_t> now_ns_{0};
  bool over_ = false;
  bool broken_ = false;  ///< plants or devices stopped between two boundaries: truth is of neither
};

}  // namespace looptwin::python
