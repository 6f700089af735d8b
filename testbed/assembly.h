// Everything of one simulated run, put together: the only place that knows both the simulated world and the
// loop.
#pragma once

#include <atomic>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/archive.h"
#include "base/result.h"
#include "base/stop.h"
#include "base/time.h"
#include "lang/graph.h"
#include "lang/schema.h"
#include "lang/units.h"
#include "testbed/recorder_state.h"
#include "twin/tables.h"

namespace looptwin::mml {
class Alarms;
class Broker;
class ColumnFunctions;
class DecisionSink;
class DerivedFeeds;
class Dispatcher;
class Evaluator;
class Events;
class Feeds;
class Loop;
class Notices;
class Operator;
class Processor;
class Rules;
class WarmHistory;
}  // namespace looptwin::mml

namespace looptwin::sim {
struct BrokerAway;
struct FaultConfig;
class Fleet;
}  // namespace looptwin::sim

namespace looptwin::twin {
class HotHistory;
class RecordingTransport;
class Registry;
class Rollups;
struct Shard;
class Transport;
}  // namespace looptwin::twin

namespace looptwin::testbed {

struct Away;
class Probes;
struct ProbeText;
class Recorder;
class Requirements;
struct Scenario;
class SimTransport;
class VirtualClock;
struct Wired;

struct AssemblyOptions {
  int threads = 1;  ///< 0: as many as the machine has, but no more than one for each 8192 devices
  std::optional<std::filesystem::path> out;  ///< the run folder; absent: nothing is written
  std::optional<RecorderState> resume;       ///< goes on with the run in `out`, from here
  /// Who stands in for plants, devices and links; made when the registry stands. Absent: they are simulated.
  std::function<std::unique_ptr<sim::Fleet>(const twin::Registry&, twin::Tables&)> fleet;
  /// Where telemetry comes from and commands go, in place of the fleet: real devices. Made when the registry
  /// stands; absent: it is simulated.
  std::function<std::unique_ptr<twin::Transport>(const twin::Registry&, mml::Broker&,
                                                 std::vector<twin::Shard>)>
      world;
  /// Stands between that and the loop, below the input log; made from what it wraps, which outlives it.
  std::function<std::unique_ptr<twin::Transport>(twin::Transport& inner, const twin::Registry&, size_t shards,
                                                 uint64_t seed)>
      around;
  const std::vector<ProbeText>* probes = nullptr;  ///< what is asked of the twin besides; null: nothing
  bool packets = false;                            ///< the run folder has a log for the packets of a rig
  bool coverage = false;                           ///< Wired::covered is filled
  bool as_recorded = false;  ///< has the state of one that writes a run folder, though it writes none
  Time begins = kStart;      ///< the boundary of the state that is restored into it before it goes on
  mml::DecisionSink* decisions =
      nullptr;          ///< is told what was decided, beside the run folder; outlives it all
  StopAsked stop = {};  ///< ends the building early
};

class Assembly {
 public:
  /// Checks, compiles and wires the scenario: all that `check` does, and all that `run` needs. The scenario
  /// is copied. Where it fails, a run folder that it has begun is gone again.
  static Result<std::unique_ptr<Assembly>> build(Scenario scenario, const AssemblyOptions& options = {});
  ~Assembly();

  const Scenario& scenario() const { return *scenario_; }
  const lang::Schema& schema() const { return schema_; }
  const lang::Graph& graph() const { return graph_; }
  const Wired& wired() const { return *wired_; }
  const twin::Registry& registry() const { return *registry_; }
  twin::Tables& tables() { return tables_; }
  twin::HotHistory& hot() { return *hot_; }
  const mml::WarmHistory& warm() const { return *warm_; }
  sim::Fleet& fleet() { return *fleet_; }
  mml::Loop& loop() { return *loop_; }
  const mml::Loop& loop() const { return *loop_; }
  mml::Processor& processor() { return *processor_; }
  mml::Evaluator& evaluator() { return *evaluator_; }
  mml::Rules& rules() { return *rules_; }
  mml::Operator& people() { return *people_; }
  const mml::ColumnFunctions& functions() const { return *functions_; }
  mml::Events& events() { return *events_; }
  mml::Alarms& alarms() { return *alarms_; }
  mml::Dispatcher& dispatcher() { return *dispatcher_; }
  mml::Feeds& feeds() { return *feeds_; }
  mml::Broker& broker() { return *broker_; }
  SimTransport& transport() { return *transport_; }
  /// The devices are real: none is simulated.
  bool real() const { return world_ != nullptr; }
  /// What the loop polls and sends to: the above, by way of the input log where one is kept.
  twin::Transport& loop_transport();
  twin::RecordingTransport* input_log() { return input_log_.get(); }
  const lang::Units& units() const { return units_; }
  Recorder* recorder() { return recorder_.get(); }
  Requirements& requirements() { return *requirements_; }
  const Requirements& requirements() const { return *requirements_; }
  const Diagnostics& warnings() const;
  /// Samples that came too late for all of their buckets.
  uint64_t in_no_rollup() const;
  uint64_t in_no_window() const;

  /// The whole run at a boundary, in two parts: the world (plants, devices, links, broker) and the loop with
  /// all that it knows. Restored into an assembly of the same scenario the run goes on alike; the loop alone,
  /// restored beside a world that went on, is an MML that was restarted.
  void save_world(ArchiveWriter& archive);
  void restore_world(ArchiveReader& archive);
  void save_loop(ArchiveWriter& archive);
  void restore_loop(ArchiveReader& archive);
  /// Both.
  void save(ArchiveWriter& archive);
  void restore(ArchiveReader& archive);

  /// A boundary at which there is no loop: world and broker go on, and the broker keeps what devices send for
  /// the next cycle; what does not `keep` is lost but for the devices' presence.
  void pass(Time boundary, bool keep);

  /// A clock over this world follows the scenario's cycle policy.
  void keep_cycle(VirtualClock& clock);

  /// Looks at the requirements: before the first boundary, after each one, and at the run's end. `away`:
  /// there was no loop at it.
  void begin_requirements();
  void look_at_requirements(Time boundary, bool away);

  /// One more fault of the scenario, which comes after `last`, the last boundary.
  Result<void> inject(const sim::FaultConfig& fault, Time last);

  /// What is asked of the twin besides: null where nothing is. Looked at after a cycle.
  const Probes* probes() const { return probes_.get(); }
  void look_at_probes(Time boundary);

  /// Ends the run folder: closes rollups and writes the manifest.
  Result<void> finish(const std::string& status_json);

 private:
  explicit Assembly(Scenario scenario);
  Result<void> build_parts(const AssemblyOptions& options);
  Result<void> keep_inputs(const AssemblyOptions& options);
  template <typename Each>
  void for_each_column(bool of_world, Each&& each);
  class NoPublisher;
  class NoHistory;
  class Both;

  std::unique_ptr<Scenario> scenario_;
  lang::Units units_;
  lang::Schema schema_;
  lang::Graph graph_;
  twin::Tables tables_{schema_};
  std::unique_ptr<twin::Registry> registry_;
  std::unique_ptr<mml::Feeds> feeds_;
  std::vector<Away> broker_restarts_;
  std::vector<sim::BrokerAway> broker_away_;  ///< the same, for the fleet
  std::unique_ptr<sim::Fleet> fleet_;
  /// [table] the world's columns: those that the fleet added. All others are the registry's and the loop's.
  std::vector<std::pair<size_t, size_t>> of_world_;
  std::unique_ptr<Wired> wired_;
  std::unique_ptr<twin::HotHistory> hot_;
  std::unique_ptr<twin::Rollups> rollups_;
  std::unique_ptr<Recorder> recorder_;
  std::unique_ptr<mml::WarmHistory> warm_;
  std::unique_ptr<NoPublisher> no_publisher_;
  std::unique_ptr<NoHistory> no_history_;
  std::unique_ptr<Both> both_;
  std::unique_ptr<mml::Processor> processor_;
  std::unique_ptr<mml::Notices> notices_;
  std::unique_ptr<mml::Evaluator> evaluator_;
  std::unique_ptr<mml::Operator> people_;
  std::unique_ptr<mml::ColumnFunctions> functions_;
  std::unique_ptr<mml::Events> events_;
  std::unique_ptr<mml::Dispatcher> dispatcher_;
  std::unique_ptr<mml::Rules> rules_;
  std::unique_ptr<mml::DerivedFeeds> derived_feeds_;
  std::unique_ptr<mml::Alarms> alarms_;
  std::unique_ptr<mml::Broker> broker_;
  twin::Transport& outer_transport();
  twin::Transport& world();

  std::unique_ptr<SimTransport> transport_;
  std::unique_ptr<twin::Transport> world_;   ///< null: it is simulated
  std::unique_ptr<twin::Transport> around_;  ///< null: nothing stands between that and the loop
  std::unique_ptr<Probes> probes_;
  std::unique_ptr<Requirements> requirements_;
  std::unique_ptr<twin::RecordingTransport> input_log_;  ///< null: none is kept
  std::unique_ptr<mml::Loop> loop_;
};

}  // namespace looptwin::testbed
