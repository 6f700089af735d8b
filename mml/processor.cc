#include "mml/processor.h"

#include <algorithm>

#include "base/check.h"
#include "base/prefetch.h"
#include "twin/ahead.h"

namespace looptwin::mml {

struct Processor::ModelState {
  struct Group {
    std::vector<uint16_t> fields;
    Sequences sequences;
  };
  TableId table;
  std::vector<Group> groups;
  std::vector<Reported> fields;
  StatusSources sources;
  std::vector<uint8_t> online;
  std::vector<uint8_t> diverging;  ///< empty until one is
  uint8_t* status = nullptr;
  uint32_t* version = nullptr;
};

Processor::Processor(const lang::Schema& schema, const twin::Registry& registry, twin::Tables& tables,
                     twin::HotHistory& hot, twin::Rollups& rollups, HistorySink* sink)
    : schema_(schema),
      registry_(registry),
      tables_(tables),
      hot_(hot),
      rollups_(rollups),
      sink_(sink),
      shards_(tables.shards()),
      counters_(shards_.size()),
      scratch_(shards_.size()) {
  for (const auto& model : registry.models()) {
    auto state = std::make_unique<ModelState>();
    state->table = model.table;
    const size_t rows = registry.devices(model.table);
    for (const auto& group : twin::report_groups(model.config))
      state->groups.push_back({group.fields, Sequences(rows)});
    state->online.assign(rows, 0);
    models_.push_back(std::move(state));
  }
}

Processor::~Processor() = default;

void Processor::bind() {
  for (auto& state : models_) {
    const auto& model = registry_.model(state->table);
    const TableId table = state->table;
    state->fields.clear();
    state->sources = {};
    for (size_t f = 0; f < model.fields.size(); ++f) {
      const auto& columns = model.fields[f];
      state->fields.emplace_back(model.config.telemetry[f],
                                 Reported::Columns{schema_.column(table, columns.value).storage,
                                                   tables_.column(table, columns.value),
                                                   tables_.values<int64_t>(table, columns.sampled).data(),
                                                   tables_.values<uint8_t>(table, columns.quality).data()},
                                 registry_.devices(table));
      state->sources.fields.push_back({state->fields[f].quality(), state->fields[f].stale_after()});
    }
    state->version = tables_.values<uint32_t>(table, model.version).data();
    state->status = tables_.values<uint8_t>(table, model.status).data();
    for (size_t s = 0; s < model.setpoints.size(); ++s) {
      const auto& config = model.config.setpoints[s];
      if (!config.tolerance || config.follows.empty()) continue;
      const auto& telemetry = model.config.telemetry;
      const auto follower = std::find_if(telemetry.begin(), telemetry.end(),
                                         [&](const auto& t) { return t.name == config.follows; });
      LT_CHECK(follower != telemetry.end(), config.follows);
      const auto& columns = model.fields[static_cast<size_t>(follower - telemetry.begin())];
      state->sources.follows.push_back({tables_.values<double>(table, columns.value).data(),
                                        tables_.values<double>(table, model.setpoints[s].desired).data(),
                                        tables_.values<int64_t>(table, model.setpoints[s].changed).data(),
                                        *config.tolerance, config.settle});
    }
  }
}

void Processor::take_in(size_t shard_index, twin::Inbox& inbox, Time now, Dirty& dirty) {
  const twin::Shard& shard = shards_[shard_index];
  if (shard.table.index() >= models_.size()) return dirty.begin(shard, now);  // the site has no telemetry
  ModelState& model = *models_[shard.table.index()];
  for (const auto& presence : inbox.presence) {
    model.online[presence.device.row.index()] = presence.online ? 1 : 0;
    dirty.mark(shard.table, presence.device.row.index());
  }
  for (auto& frame : inbox.frames) {
    if (frame.size() == 0) continue;
    place(shard_index, frame, dirty);
    if (sink_ != nullptr) sink_->samples(shard_index, frame);
  }
  for (const auto& ack : inbox.acknowledgements) dirty.mark(shard.table, ack.device.row.index());

  dirty.begin(shard, now);
  Time* due = dirty.due(shard.table);
  dirty.for_each_run(shard, [&](size_t first, size_t count) {
    hot_.evaluate(shard.table, first, count, now, due);
    for (Reported& field : model.fields) field.expire(now, first, count, due);
    derive_status(model.sources, model.online.data(), now, first, count, model.status, due);
  });
  if (sink_ != nullptr)
    rollups_.close(shard, now, [&](const twin::ClosedBucket& bucket) { sink_->bucket(shard_index, bucket); });
}

void Processor::finish(size_t shard_index) {
  if (sink_ == nullptr || shards_[shard_index].table.index() >= models_.size()) return;
  rollups_.finish(shards_[shard_index],
                  [&](const twin::ClosedBucket& bucket) { sink_->bucket(shard_index, bucket); });
}

namespace {

/// Replaces what is dated too late by its arrival, and says of which messages; `future` stays empty where of
/// none.
void date_by_arrival(twin::Frame& frame, std::vector<uint8_t>& future) {
  future.clear();
  const size_t n = frame.size();
  int64_t* sampled = frame.sampled_at.data();
  const int64_t* received = frame.received_at.data();
  uint64_t any = 0;
  for (size_t i = 0; i < n; ++i) any |= sampled[i] > received[i] + twin::kFutureTolerance.ns;
  if (any == 0) return;
  future.resize(n);
  for (size_t i = 0; i < n; ++i) {
    future[i] = sampled[i] > received[i] + twin::kFutureTolerance.ns;
    sampled[i] = future[i] ? received[i] : sampled[i];
  }
}

}  // namespace

void Processor::place(size_t shard, twin::Frame& frame, Dirty& dirty) {
  const TableId table = shards_[shard].table;
  ModelState& model = *models_[table.index()];
  auto& [stretches, future] = scratch_[shard];
  ProcessorCounters& counters = counters_[shard];
  auto& group = model.groups[frame.group];

  // A period ago these rows were in the caches; now they come from far, in runs too short for the processor
  // to foresee.
  find_stretches(frame, stretches);
  for (const auto& [first, row, count] : stretches) {
    group.sequences.ask_for(row, count);
    prefetch(model.version + row, count * sizeof(uint32_t));
  }
  const size_t arrived = frame.size();
  group.sequences.take_in(frame, counters);
  counters.messages += frame.size();
  if (frame.size() != arrived) find_stretches(frame, stretches);
  date_by_arrival(frame, future);
  for (const Stretch& stretch : stretches) {
    for (const uint16_t field : group.fields) model.fields[field].ask_for(stretch.row, stretch.count);
    const size_t of_group = stretch.row / twin::kGroupRows;
    if (!dirty.marked(table, of_group))
      ask_for(model.sources, model.online.data(), of_group * twin::kGroupRows, twin::kGroupRows,
              model.status);
    dirty.mark(table, stretch.row);
    uint32_t* version = model.version + stretch.row;
    for (uint32_t i = 0; i < stretch.count; ++i) ++version[i];
  }
  for (size_t k = 0; k < group.fields.size(); ++k) {
    if (!frame.is_about(k)) continue;
    const uint16_t field = group.fields[k];
    model.fields[field].place(stretches, frame, k, future, counters);
    hot_.insert(table, field, frame.row, frame.sampled_at, frame.value[k], future);
    if (sink_ != nullptr) rollups_.insert(table, field, frame.row, frame.sampled_at, frame.value[k]);
  }
}

ProcessorCounters Processor::counters() const {
  ProcessorCounters total;
  for (const auto& c : counters_) {
    total.messages += c.messages;
    total.samples += c.samples;
    total.duplicates += c.duplicates;
    total.gaps += c.gaps;
    total.restarts += c.restarts;
    total.shed += c.shed;
    for (size_t q = 0; q < c.by_quality.size(); ++q) total.by_quality[q] += c.by_quality[q];
  }
  return total;
}

void Processor::diverges(twin::DeviceRef device, bool is) {
  ModelState& model = *models_[device.table.index()];
  if (model.diverging.empty()) model.diverging.assign(model.online.size(), 0);
  model.sources.diverging = model.diverging.data();
  model.diverging[device.row.index()] = is ? 1 : 0;
}

std::array<uint64_t, kDeviceStatuses> Processor::devices_by_status() const {
  std::array<uint64_t, kDeviceStatuses> by_status{};
  for (const auto& model : models_) {
    if (model->fields.empty()) continue;  // does not report, so nothing is expected of it
    for (size_t row = 0; row < model->online.size(); ++row) ++by_status[model->status[row]];
  }
  return by_status;
}

void Processor::save(ArchiveWriter& archive) const {
  archive.section("processor", 6);
  for (const auto& model : models_) {
    archive.put_vector(model->online);
    archive.put_vector(model->diverging);
    for (const auto& group : model->groups) group.sequences.save(archive);
    for (const auto& field : model->fields) field.save(archive);
  }
  archive.put_vector(counters_);
}

void Processor::restore(ArchiveReader& archive) {
  if (archive.section("processor", 6) != 6) return archive.fail("written by another version");
  for (auto& model : models_) {
    archive.get_span(std::span(model->online));
    model->diverging = archive.get_vector<uint8_t>();
    if (!model->diverging.empty() && model->diverging.size() != model->online.size())
      return archive.fail("a column of another length");
    model->sources.diverging = model->diverging.empty() ? nullptr : model->diverging.data();
    for (auto& group : model->groups) group.sequences.restore(archive);
    for (auto& field : model->fields) field.restore(archive);
  }
  archive.get_span(std::span(counters_));
}

}  // namespace looptwin::mml
