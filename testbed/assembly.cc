#include "testbed/assembly.h"

#include <fmt/format.h>
#include <algorithm>
#include <new>
#include <thread>

#include "base/text.h"
#include "mml/alarms.h"
#include "mml/broker.h"
#include "mml/column_functions.h"
#include "mml/derived_feeds.h"
#include "mml/dispatcher.h"
#include "mml/evaluator.h"
#include "mml/events.h"
#include "mml/feeds/feeds.h"
#include "mml/loop.h"
#include "mml/notices.h"
#include "mml/operator.h"
#include "mml/processor.h"
#include "mml/rules.h"
#include "mml/sinks.h"
#include "mml/warm.h"
#include "sim/fleet.h"
#include "testbed/earlier_runs.h"
#include "testbed/feeds.h"
#include "testbed/fleet_size.h"
#include "testbed/notes.h"
#include "testbed/recorder.h"
#include "testbed/replay/input_names.h"
#include "testbed/requirements/requirements.h"
#include "testbed/scenario.h"
#include "testbed/script.h"
#include "testbed/sequence/probes.h"
#include "testbed/sim_transport.h"
#include "testbed/virtual_clock.h"
#include "testbed/wiring.h"
#include "twin/hot.h"
#include "twin/input_log/recording_transport.h"
#include "twin/registry.h"
#include "twin/rollup.h"
#include "twin/transport.h"

namespace looptwin::testbed {
namespace {

/// Small fleets are faster on one thread: there is less to do in a cycle than waking another takes.
int useful_threads(size_t devices) {
  const size_t shards = devices / twin::kShardRows + 1;
  return static_cast<int>(std::clamp<size_t>(std::thread::hardware_concurrency(), 1, shards));
}

tl::unexpected<Diagnostics> out_of_memory(const Scenario& scenario) {
  double devices = 0;
  for (const auto& entry : scenario.fleet)
    devices += entry.ids.empty() ? devices_of(scenario.fleet, entry) : static_cast<double>(entry.ids.size());
  return failure(fmt::format("there is not enough memory for a fleet of {} devices",
                             grouped(static_cast<long long>(devices))),
                 "write smaller counts in fleet:, or give it more memory (ulimit -v)");
}

}  // namespace

class Assembly::NoPublisher final : public mml::Publisher {
 public:
  void publish(uint16_t, Time, const std::string&) override {}
};

class Assembly::NoHistory final : public mml::HistorySink {
 public:
  void samples(size_t, const twin::Frame&) override {}
  void bucket(size_t, const twin::ClosedBucket&) override {}
};

/// The run folder's log, and somebody else who listens.
class Assembly::Both final : public mml::DecisionSink {
 public:
  Both(mml::DecisionSink& first, mml::DecisionSink& second) : first_(first), second_(second) {}
  bool decided(Time boundary, std::span<const mml::Record> records) override {
    const bool kept = first_.decided(boundary, records);
    return second_.decided(boundary, records) && kept;
  }

 private:
  mml::DecisionSink& first_;
  mml::DecisionSink& second_;
};

Assembly::Assembly(Scenario scenario)
    : scenario_(std::make_unique<Scenario>(std::move(scenario))),
      units_(scenario_->ambient_pressure),
      wired_(std::make_unique<Wired>()) {}
Assembly::~Assembly() = default;

twin::Transport& Assembly::world() { return world_ ? *world_ : static_cast<twin::Transport&>(*transport_); }

twin::Transport& Assembly::outer_transport() { return around_ ? *around_ : world(); }

twin::Transport& Assembly::loop_transport() { return input_log_ ? *input_log_ : outer_transport(); }

const Diagnostics& Assembly::warnings() const { return wired_->warnings; }

Result<std::unique_ptr<Assembly>> Assembly::build(Scenario scenario, const AssemblyOptions& options) {
  std::unique_ptr<Assembly> assembly(new Assembly(std::move(scenario)));
  Result<void> built;
  try {
    built = assembly->build_parts(options);
  } catch (const std::bad_alloc&) {
    built = out_of_memory(*assembly->scenario_);
  }
  if (built && wants_stop(options.stop)) built = stopped_early();
  if (built) return assembly;
  // A run folder is whole or not there.
  const bool begun = assembly->recorder_ != nullptr && !options.resume;
  assembly.reset();
  std::error_code ignored;
  if (begun) std::filesystem::remove_all(*options.out, ignored);
  return tl::make_unexpected(std::move(built.error()));
}

Result<void> Assembly::build_parts(const AssemblyOptions& options) {
  auto registry =
      twin::Registry::build(scenario_->models, scenario_->fleet, scenario_->seed, schema_, tables_);
  if (!registry) return tl::make_unexpected(std::move(registry.error()));
  registry_ = std::make_unique<twin::Registry>(std::move(*registry));
  if (wants_stop(options.stop)) return stopped_early();
  auto feeds = load_feeds(*scenario_, units_, schema_);
  if (!feeds) return tl::make_unexpected(std::move(feeds.error()));
  feeds_ = std::move(feeds->feeds);

  broker_restarts_ = restarts_of(*scenario_, Restarted::broker);
  for (const auto& away : broker_restarts_) broker_away_.push_back({away.from, away.to});
  for (const auto& table : schema_.tables) of_world_.emplace_back(table.columns.size(), 0);
  // The physics' problems and the rules' are shown together.
  Result<std::unique_ptr<sim::Fleet>> fleet;
  if (options.fleet)
    fleet = options.fleet(*registry_, tables_);
  else
    fleet = sim::Fleet::build(units_, schema_, graph_, *registry_, tables_, *feeds_,
                              {scenario_->devices, scenario_->links, scenario_->faults, scenario_->seed,
                               scenario_->cycle, scenario_->plants, broker_away_});
  if (wants_stop(options.stop)) return stopped_early();
  for (size_t t = 0; t < of_world_.size(); ++t) of_world_[t].second = schema_.tables[t].columns.size();
  const size_t of_physics = graph_.size();
  const auto loop_signals = mml::add_loop_signals(schema_, *feeds_);  // physics does not see them
  auto wired = wire(*scenario_, units_, schema_, graph_, *registry_, options.coverage);
  if (!fleet || !wired) {
    Diagnostics problems;
    if (!fleet) problems = std::move(fleet.error());
    if (!wired) problems.insert(problems.end(), wired.error().begin(), wired.error().end());
    return tl::make_unexpected(std::move(problems));
  }
  Diagnostics notes;
  note_reach(*scenario_, schema_, graph_, of_physics, feeds->reach, notes);
  note_unmatched_history(scenario_->history, *registry_, notes);
  if (has_errors(notes)) return tl::make_unexpected(std::move(notes));
  fleet_ = std::move(*fleet);
  *wired_ = std::move(*wired);
  wired_->warnings.insert(wired_->warnings.end(), notes.begin(), notes.end());
  auto requirements =
      compile_requirements(*scenario_, units_, schema_, graph_, *registry_, *wired_, fleet_.get());
  if (!requirements) return tl::make_unexpected(std::move(requirements.error()));
  wired_->warnings.insert(wired_->warnings.end(), requirements->warnings.begin(),
                          requirements->warnings.end());
  wired_->windows.insert(wired_->windows.end(), requirements->windows.begin(), requirements->windows.end());
  if (options.probes != nullptr) {
    auto probes = Probes::compile(*options.probes, wired_->scopes,
                                  {units_, schema_, graph_, *registry_, tables_, *feeds_});
    if (!probes) return tl::make_unexpected(std::move(probes.error()));
    probes_ = std::move(*probes);
    wired_->windows.insert(wired_->windows.end(), probes_->windows().begin(), probes_->windows().end());
  }

  if (wants_stop(options.stop)) return stopped_early();
  tables_.allocate_added();
  if (wants_stop(options.stop)) return stopped_early();
  const auto shards = tables_.shards();
  hot_ = std::make_unique<twin::HotHistory>(*registry_, schema_, tables_, wired_->windows);
  warm_ = std::make_unique<mml::WarmHistory>(
      wired_->plan, schema_, *registry_, tables_,
      mml::WarmHistory::Civil{scenario_->start, *Timezone::load(scenario_->timezone), scenario_->cycle});
  auto told =
      look_into_earlier_runs(*scenario_, units_, schema_, graph_, *registry_, *warm_, wired_->warnings);
  if (!told) return tl::make_unexpected(std::move(told.error()));
  note_sparse_trends(*warm_, graph_, *scenario_, *registry_, wired_->warnings);
  note_looks_back(*warm_, graph_, *scenario_, *registry_, wired_->warnings);
  // Trends see the same buckets whether or not a run folder is written: so all of a table's are made.
  std::vector<twin::RollupSpec> rollups;
  for (const auto& model : registry_->models()) {
    const auto history = std::find_if(scenario_->history.begin(), scenario_->history.end(),
                                      [&](const auto& h) { return h.model == model.config.name; });
    auto lengths = history != scenario_->history.end()
                       ? history->rollups
                       : std::vector<Duration>{minutes(1), minutes(15), hours(1)};
    const bool needed = warm_->add_rollups(model.table, lengths);
    if ((needed || options.out || options.as_recorded) && !lengths.empty())
      rollups.push_back({model.table, std::move(lengths)});
  }
  if (wants_stop(options.stop)) return stopped_early();
  if (options.out) {
    auto recorder = Recorder::create(*options.out, *scenario_, schema_, *registry_, tables_, *wired_,
                                     options.resume, std::move(*told), options.packets);
    if (!recorder) return tl::make_unexpected(std::move(recorder.error()));
    recorder_ = std::move(*recorder);
  }
  warm_->pass_on_to(recorder_.get());
  rollups_ =
      std::make_unique<twin::Rollups>(*registry_, std::move(rollups), scenario_->start, mml::kRollupGrace);
  no_publisher_ = std::make_unique<NoPublisher>();
  mml::Publisher& publisher = recorder_ ? static_cast<mml::Publisher&>(*recorder_) : *no_publisher_;

  mml::HistorySink* sink = recorder_.get();
  if (warm_->any()) sink = warm_.get();
  if (sink == nullptr && options.as_recorded) {
    no_history_ = std::make_unique<NoHistory>();  // so that buckets are closed
    sink = no_history_.get();
  }
  if (wants_stop(options.stop)) return stopped_early();
  processor_ = std::make_unique<mml::Processor>(schema_, *registry_, tables_, *hot_, *rollups_, sink);
  notices_ = std::make_unique<mml::Notices>(loop_signals, *feeds_, *registry_, tables_, *processor_);
  people_ = std::make_unique<mml::Operator>(scenario_->people, wired_->inputs, tables_);
  functions_ = std::make_unique<mml::ColumnFunctions>(wired_->functions, schema_, *registry_, tables_);
  events_ = std::make_unique<mml::Events>(wired_->events, *registry_, tables_, wired_->first_outs);
  std::vector<std::string> rule_names;
  for (const auto& rule : wired_->rules) rule_names.push_back(rule.config.name);
  dispatcher_ =
      std::make_unique<mml::Dispatcher>(*registry_, tables_, std::move(rule_names), wired_->verifications);
  rules_ = std::make_unique<mml::Rules>(wired_->rules, schema_, *registry_, tables_, *events_, *dispatcher_,
                                        publisher, scenario_->seed);
  derived_feeds_ =
      std::make_unique<mml::DerivedFeeds>(wired_->derived, schema_, *registry_, tables_, publisher);
  alarms_ = std::make_unique<mml::Alarms>(wired_->alarms, events_->all(), schema_, *registry_, tables_,
                                          recorder_.get());
  if (wants_stop(options.stop)) return stopped_early();
  evaluator_ = std::make_unique<mml::Evaluator>(std::move(wired_->plan), schema_, graph_, *registry_, tables_,
                                                *feeds_);
  broker_ = std::make_unique<mml::Broker>(*registry_);
  auto script = actions_of(scenario_->script, *registry_);
  if (!script) return tl::make_unexpected(std::move(script.error()));
  transport_ = std::make_unique<SimTransport>(*fleet_, *broker_, *registry_, shards, broker_restarts_,
                                              std::move(*script));
  if (options.world) world_ = options.world(*registry_, *broker_, shards);
  if (options.around) around_ = options.around(world(), *registry_, shards.size(), scenario_->seed);
  if (options.out && scenario_->input_log)
    if (auto kept = keep_inputs(options); !kept) return kept;

  if (wants_stop(options.stop)) return stopped_early();
  fleet_->start();
  if (wants_stop(options.stop)) return stopped_early();
  processor_->bind();
  evaluator_->bind();
  if (probes_) probes_->bind();
  warm_->bind();
  if (warm_->any()) evaluator_->look_back_on(warm_.get());
  people_->bind(true);
  if (wants_stop(options.stop)) return stopped_early();
  functions_->bind();
  events_->bind(true);
  alarms_->bind(true);
  rules_->bind(evaluator_->plan());
  requirements_ = std::make_unique<Requirements>(
      std::move(*requirements),
      Requirements::World{schema_, graph_, *registry_, tables_, *feeds_, fleet_.get()}, scenario_->cycle);
  mml::DecisionSink* decisions = options.decisions != nullptr ? options.decisions : recorder_.get();
  if (options.decisions != nullptr && recorder_ != nullptr) {
    both_ = std::make_unique<Both>(*recorder_, *options.decisions);
    decisions = both_.get();
  }
  loop_ = std::make_unique<mml::Loop>(
      mml::Loop::Parts{schema_, *registry_, tables_, *hot_, *rollups_, *processor_, *notices_, *evaluator_,
                       *people_, *events_, wired_->derived, *derived_feeds_, *rules_, *alarms_, *dispatcher_,
                       requirements_->tap(decisions), recorder_.get(), functions_.get(),
                       scenario_->least_cycle.value_or(scenario_->cycle)},
      options.threads > 0 ? options.threads : useful_threads(registry_->devices()));
  return {};
}

Result<void> Assembly::keep_inputs(const AssemblyOptions& options) {
  const auto path = *options.out / twin::kInputLogFile;
  std::error_code ignored;
  auto writer = options.resume && std::filesystem::exists(path, ignored)
                    ? twin::InputLogWriter::resume(path, options.begins)
                    : twin::InputLogWriter::create(path, input_log_start(*this, options.begins));
  if (!writer) return tl::make_unexpected(std::move(writer.error()));
  input_log_ = std::make_unique<twin::RecordingTransport>(outer_transport(), std::move(*writer),
                                                          tables_.shards().size());
  return {};
}

template <typename Each>
void Assembly::for_each_column(bool of_world, Each&& each) {
  for (size_t t = 0; t < schema_.tables.size(); ++t) {
    const auto [first, end] = t < of_world_.size() ? of_world_[t] : std::pair<size_t, size_t>{};
    for (size_t c = 0; c < schema_.tables[t].columns.size(); ++c) {
      if (((first <= c && c < end) || requirements_->owns_column(t, c)) != of_world) continue;
      const size_t width = lang::size_of(schema_.tables[t].columns[c].storage);
      auto* data = static_cast<std::byte*>(tables_.column(TableId(t), ColumnId(c)));
      each(std::span<std::byte>(data, tables_.rows(TableId(t)) * width));
    }
  }
}

Result<void> Assembly::inject(const sim::FaultConfig& fault, Time last) {
  if (real()) return failure(fault.span, "the devices are real: no fault can be given to them");
  if (auto injected = fleet_->inject(std::span(&fault, 1), last); !injected) return injected;
  scenario_->faults.push_back(fault);
  return {};
}

void Assembly::look_at_probes(Time boundary) {
  if (probes_) probes_->look(boundary, loop_->workers());
}

void Assembly::save_world(ArchiveWriter& archive) {
  archive.section("world", 2);
  for_each_column(true, [&](std::span<std::byte> column) { archive.put_column(column); });
  transport_->save(archive);
  requirements_->save(archive);
}

void Assembly::restore_world(ArchiveReader& archive) {
  archive.section("world", 2);
  for_each_column(true, [&](std::span<std::byte> column) { archive.get_span(column); });
  transport_->restore(archive);
  requirements_->restore(archive);
}

void Assembly::save_loop(ArchiveWriter& archive) {
  archive.section("mml", 1);
  for_each_column(false, [&](std::span<std::byte> column) { archive.put_column(column); });
  loop_->save(archive);
}

void Assembly::restore_loop(ArchiveReader& archive) {
  archive.section("mml", 1);
  for_each_column(false, [&](std::span<std::byte> column) { archive.get_span(column); });
  loop_->restore(archive);
}

void Assembly::pass(Time boundary, bool keep) { transport_->pass(boundary, keep, loop_->workers()); }

void Assembly::begin_requirements() { requirements_->start(loop_->workers()); }

void Assembly::look_at_requirements(Time boundary, bool away) {
  requirements_->look(boundary, away, loop_->workers());
}

void Assembly::keep_cycle(VirtualClock& clock) {
  if (!scenario_->least_cycle) return;
  clock.look_for(*scenario_->least_cycle,
                 [this](Time time) { return transport_->arrived_by(time, loop_->workers()); });
}

void Assembly::save(ArchiveWriter& archive) {
  save_world(archive);
  save_loop(archive);
}

void Assembly::restore(ArchiveReader& archive) {
  restore_world(archive);
  restore_loop(archive);
}

Result<void> Assembly::finish(const std::string& status_json) {
  if (!recorder_) return {};
  const size_t shards = tables_.shards().size();
  for (size_t shard = 0; shard < shards; ++shard) processor_->finish(shard);
  recorder_->decided(loop_->now() + nanoseconds(1), {});
  return recorder_->finish(status_json, loop_->fingerprint());
}

uint64_t Assembly::in_no_rollup() const { return rollups_->late(); }

uint64_t Assembly::in_no_window() const { return hot_->shed(); }

}  // namespace looptwin::testbed
