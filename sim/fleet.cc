#include "sim/fleet.h"

#include <fmt/format.h>
#include <algorithm>
#include <map>

#include "base/check.h"
#include "base/text.h"
#include "sim/device_model.h"
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
        devices_(configs.devices.begin(), configs.devices.end()),
        seed_(configs.seed),
        cycle_(configs.cycle) {}

  Diagnostics compile(const lang::Units& units, lang::Schema& schema, lang::Graph& graph,
                      const FleetConfigs& configs);

  void start() override;
  void begin(Time boundary) override;
  const Diagnostics& breakdown() const override { return breakdown_; }
  void advance(size_t shard, Time boundary, Arrivals& arrivals) override {
    islands_[shard]->advance(boundary, arrivals);
  }
  void deliver(size_t shard, Time now, std::span<const twin::Command> commands) override {
    islands_[shard]->deliver(now, commands);
  }
  void settle(size_t shard, Time time) override { islands_[shard]->settle(time); }
  ColumnId truth(TableId table, size_t field) const override;
  FleetCounters counters() const override;
  void save(ArchiveWriter& archive) const override;
  void restore(ArchiveReader& archive) override;
  std::vector<Explained> explained() const override;

 private:
  struct Concern {  ///< a source of faults may strike a device
    uint32_t row;
    uint16_t source;
  };
  void couple(Diagnostics& problems);
  void exchange(Time boundary);
  void note_crowding();
  void add_links(const FleetConfigs& configs, Diagnostics& problems);
  void add_outages(std::span<const LinkConfig> links, Diagnostics& problems);
  void add_uplinks(std::span<const LinkConfig> links, Diagnostics& problems);
  void carry(Time boundary);
  bool hangs_on(TableId table, const std::string& link) const;
  std::shared_ptr<const std::vector<uint64_t>> shared_keys(const DeviceModel& model, const SharedBy& shared,
                                                           Diagnostics& problems);
  void add_fault(const FaultConfig& fault, size_t index, Diagnostics& problems);
  uint16_t add_source(FaultSource source);
  std::optional<uint16_t> target_of(const FaultConfig& fault, const DeviceModel& model) const;
  const Link& link_of(const std::string& name) const;
  void prepare(DeviceModel& model) const;
  std::vector<LinkRun> link_runs(const twin::Shard& shard) const;

  const lang::Schema& schema_;
  const twin::Registry& registry_;
  twin::Tables& tables_;
  lang::UniformProgram::Feeds& feeds_;
  std::vector<DeviceConfig> devices_;
  uint64_t seed_;
  Duration cycle_;
  std::vector<std::unique_ptr<Coupling>> plants_;
  Diagnostics breakdown_;                            ///< of plants
  std::vector<DeviceModel> models_;                  ///< [table]
  std::vector<std::unique_ptr<Uniforms>> uniforms_;  ///< [table]
  std::map<std::string, Link> links_;                ///< by name; "" is the ideal one
  /// By link and table: sources of spells.
  std::map<std::pair<std::string, TableId>, std::vector<uint16_t>> outages_;
  std::vector<std::vector<uint32_t>> uplink_of_;  ///< [table][row]; empty where no row has one
  std::vector<Uplink> uplinks_;
  std::vector<UplinkMessage> leaving_;  ///< devices later than the last boundary: stored in outages
  std::optional<uint16_t> broker_;      ///< the source of its restarts
  std::vector<FaultSource> sources_;
  std::vector<std::vector<Concern>> concerns_;    ///< [table] faults of the scenario
  std::vector<std::unique_ptr<Island>> islands_;  ///< [shard]
  std::vector<Island*> coupled_;                  ///< those that exchange with plants
};

std::optional<Distribution> exponential(Duration mean) {
  const auto made = Distribution::exponential(mean.seconds());
  LT_CHECK(made.has_value(), "a mean time that is not positive");
  return *made;
}

bool needs_sensor(FaultKind kind) {
  switch (kind) {
    case FaultKind::link_down:
    case FaultKind::device_off:
    case FaultKind::restart:
    case FaultKind::loss:
    case FaultKind::malformed:
    case FaultKind::wrong_type:
    case FaultKind::unknown_device:
    case FaultKind::foreign_credentials:
      return false;
    default:
      return true;
  }
}

Diagnostics SimulatedFleet::compile(const lang::Units& units, lang::Schema& schema, lang::Graph& graph,
                                    const FleetConfigs& configs) {
  LT_CHECK(devices_.size() == registry_.models().size(), "one DeviceConfig a model");
  Diagnostics problems;
  for (const auto& config : configs.plants) {
    auto plant = config.build(seed_);
    if (!plant) return plant.error();
    plants_.push_back(std::make_unique<Coupling>(config, std::move(*plant), units, schema, registry_));
  }
  for (size_t m = 0; m < devices_.size(); ++m)
    models_.push_back(
        compile_model(units, schema, graph, registry_, TableId(m), devices_[m], seed_, plants_, problems));
  couple(problems);
  concerns_.resize(models_.size());
  add_links(configs, problems);
  add_outages(configs.links, problems);
  add_uplinks(configs.links, problems);
  if (!configs.broker.empty()) {
    FaultSource source{.kind = FaultKind::link_down, .outage = true};
    source.broker = configs.broker;
    source.wait_stream = Draws(seed_, "broker.reconnect");
    broker_ = add_source(std::move(source));
  }
  for (size_t i = 0; i < configs.faults.size(); ++i) add_fault(configs.faults[i], i, problems);
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

/// Devices whose events did not end in a step before.
void SimulatedFleet::note_crowding() {
  for (const auto& island : islands_) {
    const auto& crowding = island->crowding();
    if (!crowding) continue;
    const auto& model = models_[island->table().index()];
    breakdown_.push_back({Severity::error,
                          {},
                          fmt::format("the event '{}' of '{}' happens without end in the step from {}",
                                      model.events[crowding->event],
                                      registry_.id({model.table, crowding->row}), to_string(crowding->since)),
                          "let a state say that it rests, and let its rates be 0 then"});
  }
}

/// Brings plants and their devices up to the last exchange at or before the boundary, instant by instant; or
/// up to one at which a plant is wanted that could not get there.
void SimulatedFleet::exchange(Time boundary) {
  breakdown_.clear();
  note_crowding();
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

/// What links do to the devices of each model that hang on them: outages and bursts of losses.
void SimulatedFleet::add_outages(std::span<const LinkConfig> links, Diagnostics& problems) {
  for (const auto& config : links) {
    const auto add = [&](const char* what, FaultSource source, const SharedBy& shared) {
      source.outage = source.kind == FaultKind::link_down;
      source.wait_stream = Draws(seed_, fmt::format("link.{}.{}.wait", config.name, what));
      source.length_stream = Draws(seed_, fmt::format("link.{}.{}.length", config.name, what));
      for (const auto& model : models_) {
        if (!hangs_on(model.table, config.name)) continue;
        source.keys = shared_keys(model, shared, problems);
        outages_[{config.name, model.table}].push_back(add_source(source));
      }
    };
    if (config.outage_every || config.outage_up) {
      FaultSource outage{.kind = FaultKind::link_down};
      outage.wait = config.outage_up ? config.outage_up : exponential(*config.outage_every);
      outage.lasts_drawn = config.outage_lasts;
      if (!outage.lasts_drawn) outage.lasts = minutes(1);
      add("outage", std::move(outage), config.outage_shared);
    }
    if (config.burst_up) {
      FaultSource burst{.kind = FaultKind::loss, .value = config.burst_loss};
      burst.wait = config.burst_up;
      burst.lasts_drawn = config.burst_lasts;
      if (!burst.lasts_drawn) burst.lasts = minutes(1);
      add("burst", std::move(burst), config.burst_shared);
    }
  }
}

/// Uplinks of links with a limit: one for each device, or for those that share it.
void SimulatedFleet::add_uplinks(std::span<const LinkConfig> links, Diagnostics& problems) {
  uplink_of_.resize(models_.size());
  for (const auto& config : links) {
    if (config.bandwidth == 0) continue;
    std::map<uint64_t, uint32_t> by_key;
    for (const auto& model : models_) {
      if (!hangs_on(model.table, config.name)) continue;
      const auto shared = shared_keys(model, config.bandwidth_shared, problems);
      const auto own = registry_.keys(model.table);
      auto& uplinks = uplink_of_[model.table.index()];
      uplinks.resize(own.size(), kNoUplink);
      for (size_t row = 0; row < own.size(); ++row) {
        if (registry_.link({model.table, Row(row)}) != config.name) continue;
        const auto [it, made] =
            by_key.try_emplace(shared ? (*shared)[row] : own[row], static_cast<uint32_t>(uplinks_.size()));
        if (made) uplinks_.emplace_back(config.bandwidth, config.queue, config.drop_oldest);
        uplinks[row] = it->second;
      }
    }
  }
}

/// What leaves by the boundary on links with a limit goes one after the other, over all shards.
void SimulatedFleet::carry(Time boundary) {
  if (uplinks_.empty()) return;
  for (size_t shard = 0; shard < islands_.size(); ++shard) {
    if (!islands_[shard]->has_uplinks()) continue;
    islands_[shard]->work(boundary);
    for (auto& message : islands_[shard]->fetch()) {
      message.shard = static_cast<uint32_t>(shard);
      leaving_.push_back(std::move(message));
    }
    islands_[shard]->fetch().clear();
  }
  std::sort(leaving_.begin(), leaving_.end(), before);
  const auto done = [&](const UplinkMessage& message, Time received) {
    islands_[message.shard]->carried(message, received);
  };
  size_t due = 0;
  for (; due < leaving_.size() && leaving_[due].leaves <= boundary; ++due)
    uplinks_[leaving_[due].uplink].offer(std::move(leaving_[due]), done);
  leaving_.erase(leaving_.begin(), leaving_.begin() + static_cast<std::ptrdiff_t>(due));
  for (auto& uplink : uplinks_) uplink.serve(boundary, done);
}

bool SimulatedFleet::hangs_on(TableId table, const std::string& link) const {
  for (size_t row = 0; row < registry_.devices(table); ++row)
    if (registry_.link({table, Row(row)}) == link) return true;
  return false;
}

/// The keys of what a model's devices are related to; null where each is on its own. A device that is related
/// to none is on its own, too.
std::shared_ptr<const std::vector<uint64_t>> SimulatedFleet::shared_keys(const DeviceModel& model,
                                                                         const SharedBy& shared,
                                                                         Diagnostics& problems) {
  if (shared.relation.empty()) return nullptr;
  const auto& relations = schema_.tables[model.table.index()].relations;
  const auto relation = std::find_if(relations.begin(), relations.end(), [&](const lang::Relation& r) {
    return !r.many && r.name == shared.relation;
  });
  if (relation == relations.end()) {
    std::vector<std::string> names;
    for (const auto& r : relations)
      if (!r.many) names.push_back(r.name);
    problems.push_back({Severity::error, shared.span,
                        fmt::format("'{}', whose devices hang on this link, has no relation '{}'", model.name,
                                    shared.relation),
                        did_you_mean(shared.relation, names)});
    return nullptr;
  }
  const auto own = registry_.keys(model.table);
  const auto related = registry_.keys(relation->to);
  std::vector<uint64_t> keys(own.begin(), own.end());
  const auto rows = tables_.values<uint32_t>(model.table, relation->rows);
  for (size_t row = 0; row < keys.size(); ++row)
    if (rows[row] < related.size()) keys[row] = related[rows[row]];
  return std::make_shared<const std::vector<uint64_t>>(std::move(keys));
}

uint16_t SimulatedFleet::add_source(FaultSource source) {
  LT_CHECK(sources_.size() < 65535, "too many kinds of faults");
  sources_.push_back(std::move(source));
  return static_cast<uint16_t>(sources_.size() - 1);
}

/// Which field or signal of a model a fault is about; nothing where the model has none of that name.
std::optional<uint16_t> SimulatedFleet::target_of(const FaultConfig& fault, const DeviceModel& model) const {
  if (!needs_sensor(fault.kind)) return 0;
  if (fault.kind == FaultKind::actuator_stuck) {
    for (size_t s = 0; s < model.signals.size(); ++s)
      if (model.signals[s].name == fault.sensor) return static_cast<uint16_t>(s);
    return std::nullopt;
  }
  const auto& fields = registry_.model(model.table).config.telemetry;
  for (size_t f = 0; f < fields.size(); ++f)
    if (fields[f].name == fault.sensor) return static_cast<uint16_t>(f);
  return std::nullopt;
}

void SimulatedFleet::add_fault(const FaultConfig& fault, size_t index, Diagnostics& problems) {
  const auto error = [&](std::string message, std::string hint) {
    problems.push_back({Severity::error, fault.span, std::move(message), std::move(hint)});
  };
  if (!fault.after && !fault.every)
    return error("a fault that never comes", "write after: 14 h, or every: 30 d");
  const auto devices = registry_.matching(fault.device);
  if (devices.empty())
    return error(fmt::format("no device's id matches '{}'", fault.device),
                 "`*` stands for any part of an id without '/'");
  std::vector<std::optional<uint16_t>> source_of(models_.size());
  std::vector<char> looked(models_.size());
  bool any = false;
  for (const auto device : devices) {
    const size_t m = device.table.index();
    if (!looked[m]) {
      looked[m] = 1;
      if (const auto target = target_of(fault, models_[m])) {
        const auto value = fault.values.empty() ? fault.value : fault.values[m];
        if (!value)
          error(fmt::format(
                    "the value of this fault means nothing to the '{}' of '{}', whose devices match, too",
                    fault.sensor, models_[m].name),
                "let device: match devices of one model, and write another fault for the others");
        FaultSource source{.kind = fault.kind, .target = *target, .value = value.value_or(0)};
        source.keeps = fault.keeps;
        source.after = fault.after.value_or(kStart);
        if (fault.every) source.wait = exponential(*fault.every);
        source.lasts = fault.lasts;
        source.wait_stream = Draws(seed_, fmt::format("fault.{}.wait", index));
        source_of[m] = add_source(std::move(source));
      }
    }
    if (!source_of[m]) continue;
    any = true;
    concerns_[m].push_back({device.row.value, *source_of[m]});
  }
  if (any) return;
  std::vector<std::string> names;
  for (size_t m = 0; m < models_.size(); ++m) {
    if (!looked[m]) continue;
    if (fault.kind == FaultKind::actuator_stuck) {
      for (const auto& s : models_[m].signals) names.push_back(s.name);
    } else {
      for (const auto& f : registry_.models()[m].config.telemetry) names.push_back(f.name);
    }
  }
  const bool signal = fault.kind == FaultKind::actuator_stuck;
  error(fmt::format("the devices of this fault have no {} '{}'", signal ? "controller output" : "telemetry",
                    fault.sensor),
        did_you_mean(fault.sensor, names));
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
    models_[m].bind(tables_, registry_, devices_[m], seed_);
    prepare(models_[m]);
    uniforms_[m]->extend(kStart, feeds_);
    const auto less = [](const Concern& a, const Concern& b) {
      return a.row != b.row ? a.row < b.row : a.source < b.source;
    };
    std::sort(concerns_[m].begin(), concerns_[m].end(), less);
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
                                                  sources_, cycle_, seed_));
      continue;
    }
    auto island =
        std::make_unique<Island>(models_[m], shard, *uniforms_[m], link_runs(shard), sources_, cycle_, seed_);
    auto concern = std::lower_bound(concerns_[m].begin(), concerns_[m].end(), shard.first,
                                    [](const Concern& c, size_t row) { return c.row < row; });
    for (size_t row = shard.first; row < shard.first + shard.rows; ++row) {
      const auto add = [&](uint16_t source) {
        island->disturbances().add(static_cast<uint32_t>(row), source);
      };
      if (broker_ && models_[m].connected()) add(*broker_);
      const auto outages = outages_.find({registry_.link({shard.table, Row(row)}), shard.table});
      if (outages != outages_.end()) std::for_each(outages->second.begin(), outages->second.end(), add);
      for (; concern != concerns_[m].end() && concern->row == row; ++concern)
        island->disturbances().add(static_cast<uint32_t>(row), concern->source);
    }
    island->set_uplinks(uplink_of_[m]);
    island->start(uniforms_[m]->at(0));
    if (models_[m].coupled()) coupled_.push_back(island.get());
    islands_.push_back(std::move(island));
  }
}

void SimulatedFleet::begin(Time boundary) {
  for (auto& uniforms : uniforms_) uniforms->extend(boundary, feeds_);
  exchange(boundary);
  carry(boundary);
}

ColumnId SimulatedFleet::truth(TableId table, size_t field) const {
  if (table.index() >= models_.size() || field >= models_[table.index()].sensors.size()) return {};
  return models_[table.index()].sensors[field].source;
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
  for (const auto& uplink : uplinks_) sum.dropped += uplink.dropped();
  return sum;
}

void SimulatedFleet::save(ArchiveWriter& archive) const {
  archive.section("fleet", 3);
  for (const auto& uniforms : uniforms_) uniforms->save(archive);
  for (const auto& plant : plants_) plant->save(archive);
  for (const auto& island : islands_) island->save(archive);
  for (const auto& uplink : uplinks_) uplink.save(archive);
  archive.put<uint64_t>(leaving_.size());
  for (const auto& message : leaving_) message.save(archive);
}

void SimulatedFleet::restore(ArchiveReader& archive) {
  archive.section("fleet", 3);
  for (auto& uniforms : uniforms_) uniforms->restore(archive);
  for (auto& plant : plants_) plant->restore(archive);
  for (auto& island : islands_) island->restore(archive);
  for (auto& uplink : uplinks_) uplink.restore(archive);
  leaving_.clear();
  for (auto n = archive.get<uint64_t>(); n > 0 && archive.ok(); --n)
    leaving_.push_back(UplinkMessage::restored(archive));
  for (auto& model : models_) prepare(model);
}

std::vector<Fleet::Explained> SimulatedFleet::explained() const {
  std::vector<Explained> all;
  for (const auto& model : models_) all.insert(all.end(), model.explained.begin(), model.explained.end());
  return all;
}

}  // namespace

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
