#include "sim/fleet.h"

#include <fmt/format.h>
#include <algorithm>
#include <cmath>
#include <map>

#include "base/check.h"
#include "base/text.h"
#include "sim/device_model.h"
#include "sim/fleet_devices.h"
#include "sim/fleet_trouble.h"
#include "sim/fleet_uplinks.h"
#include "sim/island.h"

namespace looptwin::sim {
namespace {

class SimulatedFleet : public Fleet {
 public:
  SimulatedFleet(const lang::Schema& schema, const twin::Registry& registry, twin::Tables& tables,
                 lang::UniformProgram::Feeds& feeds, const FleetConfigs& configs)
      : schema_(schema),
        registry_(registry),
        tables_(tables),
        feeds_(feeds),
        configs_(configs.devices.begin(), configs.devices.end()),
        seed_(configs.seed),
        cycle_(configs.cycle) {}

  Diagnostics compile(const lang::Units& units, lang::Schema& schema, lang::Graph& graph,
                      const FleetConfigs& configs);

  void start() override;
  void begin(Time boundary) override;
  const Diagnostics& breakdown() const override {
    if (breakdown_.empty()) note_troubles();
    return breakdown_;
  }
  void advance(size_t shard, Time boundary, Arrivals& arrivals) override {
    islands_[shard]->advance(boundary, arrivals);
  }
  void deliver(size_t shard, Time now, std::span<const twin::Command> commands) override {
    islands_[shard]->deliver(now, commands);
  }
  Result<void> inject(std::span<const FaultConfig> faults, Time now) override;
  void settle(size_t shard, Time time) override { islands_[shard]->settle(time); }
  ColumnId truth(TableId table, size_t field) const override;
  std::map<std::string, lang::Symbol> true_names(TableId table) const override;
  Duration grid_of_truth(TableId table) const override;
  FleetCounters counters() const override;
  void save(ArchiveWriter& archive) const override;
  void restore(ArchiveReader& archive) override;
  std::vector<Explained> explained() const override;

 private:
  void couple(Diagnostics& problems);
  void exchange(Time boundary);
  void note_troubles() const;
  void note_crowding() const;
  void note_divergence() const;
  void note_failures() const;
  void add_links(const FleetConfigs& configs, Diagnostics& problems);
  const Link& link_of(const std::string& name) const;
  void prepare(DeviceModel& model) const;
  std::vector<LinkRun> link_runs(const twin::Shard& shard) const;

  const lang::Schema& schema_;
  const twin::Registry& registry_;
  twin::Tables& tables_;
  lang::UniformProgram::Feeds& feeds_;
  std::vector<DeviceConfig> configs_;
  uint64_t seed_;
  Duration cycle_;
  std::vector<std::unique_ptr<Coupling>> plants_;
  mutable Diagnostics breakdown_;                    ///< of plants; of devices once somebody asks
  std::vector<DeviceModel> models_;                  ///< [table]
  std::vector<std::unique_ptr<Uniforms>> uniforms_;  ///< [table]
  std::map<std::string, Link> links_;                ///< by name; "" is the ideal one
  FleetDevices devices_{schema_, registry_, tables_, models_};
  FleetTrouble trouble_{devices_, seed_};
  FleetUplinks uplinks_;
  std::vector<std::unique_ptr<Island>> islands_;  ///< [shard]
  std::vector<Island*> coupled_;                  ///< those that exchange with plants
};

Diagnostics SimulatedFleet::compile(const lang::Units& units, lang::Schema& schema, lang::Graph& graph,
                                    const FleetConfigs& configs) {
  LT_CHECK(configs_.size() == registry_.models().size(), "one DeviceConfig a model");
  Diagnostics problems;
  for (const auto& config : configs.plants) {
    auto plant = config.build(seed_);
    if (!plant) return plant.error();
    plants_.push_back(std::make_unique<Coupling>(config, std::move(*plant), units, schema, registry_));
  }
  for (size_t m = 0; m < configs_.size(); ++m)
    models_.push_back(
        compile_model(units, schema, graph, registry_, TableId(m), configs_[m], seed_, plants_, problems));
  couple(problems);
  add_links(configs, problems);
  trouble_.add_links(configs.links, problems);
  uplinks_.add(configs.links, devices_, problems);
  trouble_.add_broker(configs.broker);
  trouble_.add_faults(configs.faults, problems);
  for (const auto& model : models_)
    uniforms_.push_back(std::make_unique<Uniforms>(graph, model.uniforms, model.step));
  return problems;
}

void SimulatedFleet::couple(Diagnostics& problems) {
  std::vector<Drive> drives;
  for (const auto& model : models_) drives.insert(drives.end(), model.drives.begin(), model.drives.end());
  for (const auto& plant : plants_) {
    const auto found = plant->add(drives, registry_, tables_);
    problems.insert(problems.end(), found.begin(), found.end());
  }
}

/// What went wrong in devices since the last boundary.
void SimulatedFleet::note_troubles() const {
  note_crowding();
  note_divergence();
  note_failures();
}

/// Devices whose events did not end in a step before.
void SimulatedFleet::note_crowding() const {
  for (const auto& island : islands_) {
    const auto& crowding = island->crowding();
    if (!crowding) continue;
    const auto& model = models_[island->table().index()];
    const auto& event = model.events[crowding->event];
    breakdown_.push_back(
        {Severity::error, event.span,
         fmt::format("the event '{}' of '{}' happens without end in the step from {}", event.name,
                     registry_.id({model.table, crowding->row}), to_string(crowding->since)),
         "let a state say that it rests, and let its rates be 0 then"});
  }
}

/// States that are no finite numbers any more: the first of each island's.
void SimulatedFleet::note_divergence() const {
  for (const auto& island : islands_) {
    const auto& divergence = island->divergence();
    if (!divergence) continue;
    const auto& model = models_[island->table().index()];
    const auto& state = model.states[divergence->state];
    const double value = state.value[divergence->row.index()];
    std::string hint = "look for a division by 0, an unknown input and a rate that grows without bound";
    if (model.plant->integrator() != lang::Integrator::exact)
      hint += fmt::format("; or the step of {} is too long for the rates: write a shorter step:",
                          to_string(model.step));
    breakdown_.push_back({Severity::error, state.span,
                          fmt::format("by {} '{}' cannot go on: its state '{}' is {}",
                                      to_string(divergence->by), registry_.id({model.table, divergence->row}),
                                      state.name, std::isnan(value) ? "no number" : "infinite"),
                          std::move(hint)});
  }
}

/// Code that failed since the last boundary.
void SimulatedFleet::note_failures() const {
  for (const auto& island : islands_) {
    const auto& failed = island->failed();
    if (!failed) continue;
    const auto& [use, failure, at, first, rows] = *failed;
    const auto id = [&](size_t row) { return std::string(registry_.id({island->table(), Row(row)})); };
    const std::string whom = failure.row ? id(*failure.row)
                             : rows == 1 ? id(first)
                                         : fmt::format("{} … {}", id(first), id(first + rows - 1));
    breakdown_.push_back(
        {Severity::error, use->code->span(),
         fmt::format("the class '{}' at {} for {}: {}", use->code->name(), to_string(at), whom, failure.why),
         failure.hint});
  }
}

/// Brings plants and their devices up to the last exchange at or before the boundary, instant by instant; or
/// up to one at which a plant is wanted that could not get there.
void SimulatedFleet::exchange(Time boundary) {
  breakdown_.clear();
  note_troubles();
  if (!breakdown_.empty()) return;
  for (;;) {
    Time next = kNever;
    for (const auto& plant : plants_) next = std::min(next, plant->next());
    if (next > boundary) return;
    for (const auto& plant : plants_) {
      if (plant->next() != next) continue;
      const auto why = plant->breakdown();
      breakdown_.insert(breakdown_.end(), why.begin(), why.end());
    }
    if (!breakdown_.empty()) return;
    for (auto* island : coupled_) island->drive(Time{next.ns - 1});
    for (const auto& plant : plants_)
      if (plant->next() == next) plant->exchange(schema_, tables_);
  }
}

void SimulatedFleet::add_links(const FleetConfigs& configs, Diagnostics& problems) {
  size_t groups = 0;
  for (const auto& model : models_) groups = std::max(groups, model.reports.size());
  links_.emplace("", Link::ideal(groups));
  std::vector<std::string> names;
  for (const auto& config : configs.links) {
    names.push_back(config.name);
    links_.emplace(config.name, Link(config, seed_, groups));
  }
  for (const auto& model : models_) {
    const size_t rows = registry_.devices(model.table);
    std::string last;
    for (size_t row = 0; row < rows; ++row) {
      const auto& name = registry_.link({model.table, Row(row)});
      if (name == last) continue;
      last = name;
      if (links_.contains(name)) continue;
      problems.push_back({Severity::error,
                          {},
                          fmt::format("device '{}' hangs on the unknown link '{}'",
                                      registry_.id({model.table, Row(row)}), name),
                          did_you_mean(name, names)});
      return;
    }
  }
}

const Link& SimulatedFleet::link_of(const std::string& name) const { return links_.at(name); }

std::vector<LinkRun> SimulatedFleet::link_runs(const twin::Shard& shard) const {
  std::vector<LinkRun> runs;
  for (size_t row = shard.first; row < shard.first + shard.rows; ++row) {
    const auto* link = &link_of(registry_.link({shard.table, Row(row)}));
    if (runs.empty() || runs.back().link != link) runs.push_back({row, 0, link});
    ++runs.back().rows;
  }
  return runs;
}

/// What depends on parameters alone.
void SimulatedFleet::prepare(DeviceModel& model) const {
  if (model.plant) model.plant->prepare(0, registry_.devices(model.table));
}

void SimulatedFleet::start() {
  for (size_t m = 0; m < models_.size(); ++m) {
    models_[m].bind(tables_, registry_, configs_[m], seed_);
    prepare(models_[m]);
    uniforms_[m]->extend(kStart, feeds_);
  }
  islands_.clear();
  coupled_.clear();
  for (const auto& shard : tables_.shards()) {
    const size_t m = shard.table.index();
    if (m >= models_.size()) {
      // A table that is no device model (the site): nothing of it is simulated.
      static const DeviceModel kNothing;
      static const lang::Graph kNoGraph;
      static const Uniforms kNoUniforms(kNoGraph, {}, seconds(1));
      islands_.push_back(std::make_unique<Island>(kNothing, shard, kNoUniforms, std::vector<LinkRun>{},
                                                  trouble_.sources(), cycle_, seed_));
      continue;
    }
    auto island = std::make_unique<Island>(models_[m], shard, *uniforms_[m], link_runs(shard),
                                           trouble_.sources(), cycle_, seed_);
    trouble_.strike(island->disturbances(), shard);
    island->set_uplinks(uplinks_.of(shard.table));
    island->start(uniforms_[m]->at(0));
    if (models_[m].coupled()) coupled_.push_back(island.get());
    islands_.push_back(std::move(island));
  }
}

void SimulatedFleet::begin(Time boundary) {
  for (auto& uniforms : uniforms_) uniforms->extend(boundary, feeds_);
  exchange(boundary);
  uplinks_.carry(boundary, islands_);
}

/// Islands take over from their disturbances what has begun; the sources stay where they are, for these refer
/// to them, until all have.
Result<void> SimulatedFleet::inject(std::span<const FaultConfig> faults, Time now) {
  if (trouble_.sources().size() + faults.size() * models_.size() > kMostSources)
    return failure(faults.front().span, "too many faults have been given by hand",
                   "give fewer to many devices at once: a pattern is one");
  Diagnostics problems;
  FleetTrouble further = trouble_;
  further.add_faults(faults, problems);
  if (has_errors(problems)) return tl::make_unexpected(std::move(problems));
  const auto shards = tables_.shards();
  std::vector<Disturbances> struck;
  for (size_t s = 0; s < shards.size(); ++s) {
    const bool simulated = shards[s].table.index() < models_.size();
    Disturbances next(further.sources(),
                      simulated ? models_[shards[s].table.index()].keys : std::span<const uint64_t>());
    if (simulated) further.strike(next, shards[s]);
    ArchiveWriter before;
    islands_[s]->disturbances().save(before);
    ArchiveReader reader(before.bytes());
    next.restore(reader, now);
    if (!reader.ok())
      return failure(faults.front().span,
                     "a device whose link is down just now cannot be struck by what breaks its link",
                     "advance until its link is up again, or give a later after:");
    struck.push_back(std::move(next));
  }
  for (size_t s = 0; s < shards.size(); ++s) islands_[s]->disturbances() = std::move(struck[s]);
  trouble_.swap(further);
  return {};
}

ColumnId SimulatedFleet::truth(TableId table, size_t field) const {
  if (table.index() >= models_.size() || field >= models_[table.index()].sensors.size()) return {};
  return models_[table.index()].sensors[field].source;
}

std::map<std::string, lang::Symbol> SimulatedFleet::true_names(TableId table) const {
  std::map<std::string, lang::Symbol> names;
  if (table.index() >= models_.size()) return names;
  names = models_[table.index()].true_names;
  for (const auto& plant : plants_)
    if (const auto* ports = plant->outputs_of(table)) names.insert(ports->names.begin(), ports->names.end());
  return names;
}

Duration SimulatedFleet::grid_of_truth(TableId table) const {
  const bool of_plant = std::any_of(plants_.begin(), plants_.end(),
                                    [&](const auto& plant) { return plant->outputs_of(table) != nullptr; });
  return of_plant || table.index() >= models_.size() ? Duration{} : models_[table.index()].step;
}

FleetCounters SimulatedFleet::counters() const {
  FleetCounters sum;
  for (const auto& island : islands_) {
    const auto c = island->counters();
    sum.samples += c.samples;
    sum.sent += c.sent;
    sum.lost += c.lost;
    sum.duplicated += c.duplicated;
    sum.reordered += c.reordered;
    sum.stored += c.stored;
    sum.dropped += c.dropped;
    sum.delivered += c.delivered;
    sum.outages += c.outages;
    sum.faults += c.faults;
    sum.steps += c.steps;
  }
  sum.dropped += uplinks_.dropped();
  return sum;
}

void SimulatedFleet::save(ArchiveWriter& archive) const {
  archive.section("fleet", 3);
  for (const auto& uniforms : uniforms_) uniforms->save(archive);
  for (const auto& plant : plants_) plant->save(archive);
  for (const auto& island : islands_) island->save(archive);
  uplinks_.save(archive);
}

void SimulatedFleet::restore(ArchiveReader& archive) {
  archive.section("fleet", 3);
  for (auto& uniforms : uniforms_) uniforms->restore(archive);
  for (auto& plant : plants_) plant->restore(archive);
  for (auto& island : islands_) island->restore(archive);
  uplinks_.restore(archive);
  for (auto& model : models_) prepare(model);
}

std::vector<Fleet::Explained> SimulatedFleet::explained() const {
  std::vector<Explained> all;
  for (const auto& model : models_) all.insert(all.end(), model.explained.begin(), model.explained.end());
  return all;
}

}  // namespace

Result<void> Fleet::inject(std::span<const FaultConfig> faults, Time) {
  return failure(faults.empty() ? Span{} : faults.front().span,
                 "no device is simulated here that could fail");
}

Result<std::unique_ptr<Fleet>> Fleet::build(const lang::Units& units, lang::Schema& schema,
                                            lang::Graph& graph, const twin::Registry& registry,
                                            twin::Tables& tables, lang::UniformProgram::Feeds& feeds,
                                            const FleetConfigs& configs) {
  auto fleet = std::make_unique<SimulatedFleet>(schema, registry, tables, feeds, configs);
  auto problems = fleet->compile(units, schema, graph, configs);
  if (has_errors(problems)) return tl::make_unexpected(std::move(problems));
  return fleet;
}

}  // namespace looptwin::sim
