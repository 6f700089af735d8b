#include "mml/processor.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/check.h"

namespace looptwin::mml {
namespace {

constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();
/// A sampled-at this much later than received-at is a clock that runs ahead, not a message from the future.
constexpr Duration kFutureTolerance = seconds(1);

}  // namespace

struct Processor::Field {
  twin::Scaling scaling;
  twin::Range range{-std::numeric_limits<double>::infinity(), std::numeric_limits<double>::infinity()};
  Duration stale_after{};
  lang::Storage storage = lang::Storage::f64;
  void* value = nullptr;
  int64_t* sampled = nullptr;
  uint8_t* quality = nullptr;

  void store(size_t row, double x) const {
    if (storage == lang::Storage::f64) static_cast<double*>(value)[row] = x;
    else static_cast<uint8_t*>(value)[row] = static_cast<uint8_t>(x);
  }
  void forget(size_t row) const {
    if (storage == lang::Storage::f64) static_cast<double*>(value)[row] = kUnknown;
    else static_cast<uint8_t*>(value)[row] = storage == lang::Storage::boolean ? 2 : 255;
  }
};

/// What is known of one report group's messages, by row: enough to tell a duplicate from a late message.
struct Processor::Group {
  std::vector<uint16_t> fields;
  std::vector<uint32_t> newest;  ///< sequence
  std::vector<uint64_t> seen;    ///< bit k: newest - k was received; 0: nothing yet
};

struct Processor::ModelState {
  TableId table;
  std::vector<Field> fields;
  std::vector<Group> groups;
  std::vector<uint8_t> online;
  uint8_t* status = nullptr;
  struct Follow {
    const double* value;
    const double* desired;
    const int64_t* changed;
    double tolerance;
    Duration settle;
  };
  std::vector<Follow> follows;
};

Processor::Processor(const lang::Schema& schema, const twin::Registry& registry, twin::Tables& tables, twin::HotHistory& hot,
                     twin::Rollups& rollups, HistorySink* sink)
    : schema_(schema), registry_(registry), tables_(tables), hot_(hot), rollups_(rollups), sink_(sink), shards_(tables.shards()),
      counters_(shards_.size()) {
  for (const auto& model : registry.models()) {
    auto state = std::make_unique<ModelState>();
    state->table = model.table;
    const size_t rows = registry.devices(model.table);
    for (const auto& group : twin::report_groups(model.config))
      state->groups.push_back({group.fields, std::vector<uint32_t>(rows), std::vector<uint64_t>(rows)});
    state->online.assign(rows, 0);
    models_.push_back(std::move(state));
  }
}

Processor::~Processor() = default;

void Processor::bind() {
  for (auto& state : models_) {
    const auto& model = registry_.model(state->table);
    state->fields.clear();
    state->follows.clear();
    for (size_t f = 0; f < model.fields.size(); ++f) {
      const auto& config = model.config.telemetry[f];
      Field field{.scaling = twin::scaling_of(config), .stale_after = config.stale_after};
      if (config.range) field.range = *config.range;
      field.storage = schema_.column(state->table, model.fields[f].value).storage;
      field.value = tables_.column(state->table, model.fields[f].value);
      field.sampled = tables_.values<int64_t>(state->table, model.fields[f].sampled).data();
      field.quality = tables_.values<uint8_t>(state->table, model.fields[f].quality).data();
      state->fields.push_back(field);
    }
    state->status = tables_.values<uint8_t>(state->table, model.status).data();
    for (size_t s = 0; s < model.setpoints.size(); ++s) {
      const auto& config = model.config.setpoints[s];
      if (!config.tolerance || config.follows.empty()) continue;
      const auto& telemetry = model.config.telemetry;
      const auto follower = std::find_if(telemetry.begin(), telemetry.end(), [&](const auto& t) { return t.name == config.follows; });
      LT_CHECK(follower != telemetry.end(), config.follows);
      const auto& columns = model.fields[static_cast<size_t>(follower - telemetry.begin())];
      state->follows.push_back({tables_.values<double>(state->table, columns.value).data(),
                                tables_.values<double>(state->table, model.setpoints[s].desired).data(),
                                tables_.values<int64_t>(state->table, model.setpoints[s].changed).data(), *config.tolerance,
                                config.settle});
    }
  }
}

void Processor::take_in(size_t shard_index, twin::Inbox& inbox, Time now, Dirty& dirty) {
  const twin::Shard& shard = shards_[shard_index];
  if (shard.table.index() >= models_.size()) return;  // the site has no telemetry
  ModelState& model = *models_[shard.table.index()];
  for (const auto& presence : inbox.presence) {
    model.online[presence.device.row.index()] = presence.online ? 1 : 0;
    dirty.mark(shard.table, presence.device.row.index());
  }
  for (auto& frame : inbox.frames) {
    if (frame.size() == 0) continue;
    place(shard, frame, dirty, counters_[shard_index]);
    if (sink_ != nullptr) sink_->samples(shard_index, frame);
  }
  for (const auto& ack : inbox.acknowledgements) dirty.mark(shard.table, ack.device.row.index());

  dirty.begin(shard, now);
  Time* due = dirty.due(shard.table);
  dirty.for_each_run(shard, [&](size_t first, size_t count) {
    hot_.evaluate(shard.table, first, count, now, due);
    expire(model, now, first, count, due);
    derive_status(model, now, first, count, due);
  });
  if (sink_ != nullptr)
    rollups_.close(shard, now, [&](const twin::ClosedBucket& bucket) { sink_->bucket(shard_index, bucket); });
}

void Processor::finish(size_t shard_index) {
  if (sink_ == nullptr || shards_[shard_index].table.index() >= models_.size()) return;
  rollups_.finish(shards_[shard_index], [&](const twin::ClosedBucket& bucket) { sink_->bucket(shard_index, bucket); });
}

void Processor::place(const twin::Shard& shard, twin::Frame& frame, Dirty& dirty, ProcessorCounters& counters) {
  ModelState& model = *models_[shard.table.index()];
  drop_duplicates(model, frame, counters);
  const size_t n = frame.size();
  counters.messages += n;
  for (size_t i = 0; i < n; ++i) {
    const bool future = frame.sampled_at[i] > frame.received_at[i] + kFutureTolerance.ns;
    if (future) frame.sampled_at[i] = frame.received_at[i];
    counters.by_quality[static_cast<size_t>(twin::Quality::future)] += future;
    dirty.mark(shard.table, frame.row[i]);
  }
  const auto& fields = model.groups[frame.group].fields;
  for (size_t k = 0; k < fields.size(); ++k) {
    place_field(model, fields[k], frame, k, counters);
    hot_.insert(shard.table, fields[k], frame.row, frame.sampled_at, frame.value[k]);
    if (sink_ != nullptr) rollups_.insert(shard.table, fields[k], frame.row, frame.sampled_at, frame.value[k]);
  }
}

void Processor::drop_duplicates(ModelState& model, twin::Frame& frame, ProcessorCounters& counters) {
  Group& group = model.groups[frame.group];
  size_t kept = 0;
  for (size_t i = 0; i < frame.size(); ++i) {
    const uint32_t row = frame.row[i], sequence = frame.sequence[i];
    uint64_t& seen = group.seen[row];
    const auto ahead = static_cast<int32_t>(sequence - group.newest[row]);
    bool duplicate = false;
    if (seen == 0 || ahead > 0) {
      if (seen != 0) counters.gaps += static_cast<uint32_t>(ahead) - 1;
      seen = seen == 0 || ahead > 63 ? 1 : (seen << ahead) | 1;
      group.newest[row] = sequence;
    } else {
      const auto behind = static_cast<uint32_t>(-ahead);
      const uint64_t bit = behind < 64 ? uint64_t{1} << behind : 0;
      duplicate = (seen & bit) != 0;
      if (!duplicate && bit != 0 && counters.gaps > 0) --counters.gaps;
      seen |= bit;
    }
    if (duplicate) {
      ++counters.duplicates;
      continue;
    }
    if (kept != i) {
      frame.row[kept] = row;
      frame.sequence[kept] = sequence;
      frame.sampled_at[kept] = frame.sampled_at[i];
      frame.received_at[kept] = frame.received_at[i];
      for (auto& values : frame.value) values[kept] = values[i];
    }
    ++kept;
  }
  if (kept == frame.size()) return;
  frame.row.resize(kept);
  frame.sequence.resize(kept);
  frame.sampled_at.resize(kept);
  frame.received_at.resize(kept);
  for (auto& values : frame.value) values.resize(kept);
}

void Processor::place_field(ModelState& model, size_t index, twin::Frame& frame, size_t position, ProcessorCounters& counters) {
  const Field& field = model.fields[index];
  int32_t* raw = frame.value[position].data();
  std::array<uint64_t, 7> by_quality{};
  for (size_t i = 0; i < frame.size(); ++i) {
    const uint32_t row = frame.row[i];
    const double value = field.scaling.to_si(raw[i]);
    auto quality = twin::Quality::good;
    if (raw[i] == twin::kMissing) quality = twin::Quality::missing;
    else if (value < field.range.low || value > field.range.high) quality = twin::Quality::out_of_range;
    const bool newer = field.sampled[row] == kNever.ns || frame.sampled_at[i] > field.sampled[row];
    if (quality != twin::Quality::good) {
      raw[i] = twin::kMissing;
      if (newer) {
        field.forget(row);
        field.quality[row] = static_cast<uint8_t>(quality);
      }
    } else if (newer) {
      field.store(row, value);
      field.sampled[row] = frame.sampled_at[i];
      field.quality[row] = static_cast<uint8_t>(quality);
    } else {
      quality = twin::Quality::late;
    }
    ++by_quality[static_cast<size_t>(quality)];
  }
  counters.samples += frame.size();
  for (size_t q = 0; q < by_quality.size(); ++q) counters.by_quality[q] += by_quality[q];
}

void Processor::expire(ModelState& model, Time now, size_t first, size_t count, Time* due) {
  constexpr auto kGood = static_cast<uint8_t>(twin::Quality::good);
  for (const Field& field : model.fields) {
    for (size_t row = first; row < first + count; ++row) {
      if (field.quality[row] != kGood) continue;
      const Time end = Time{field.sampled[row]} + field.stale_after;
      if (end < now) {
        field.forget(row);
        field.quality[row] = static_cast<uint8_t>(twin::Quality::stale);
      } else {
        Time& when = due[row / twin::kGroupRows];
        when = std::min(when, end + nanoseconds(1));
      }
    }
  }
}

void Processor::derive_status(ModelState& model, Time now, size_t first, size_t count, Time* due) {
  for (size_t row = first; row < first + count; ++row) {
    bool stale = false, faulty = false, deviating = false;
    for (const Field& field : model.fields) {
      const auto quality = static_cast<twin::Quality>(field.quality[row]);
      stale |= quality == twin::Quality::stale;
      faulty |= quality == twin::Quality::out_of_range || quality == twin::Quality::missing;
      if (quality != twin::Quality::never) continue;
      // A field that was never seen is stale once it had its time since the start.
      const Time end = kStart + field.stale_after;
      stale |= end < now;
      if (end >= now) due[row / twin::kGroupRows] = std::min(due[row / twin::kGroupRows], end + nanoseconds(1));
    }
    for (const auto& follow : model.follows) {
      if (!(std::abs(follow.value[row] - follow.desired[row]) > follow.tolerance)) continue;
      const Time settled = follow.changed[row] == kNever.ns ? kStart + follow.settle : Time{follow.changed[row]} + follow.settle;
      deviating |= settled <= now;
      if (settled > now) due[row / twin::kGroupRows] = std::min(due[row / twin::kGroupRows], settled);
    }
    const auto status = model.online[row] == 0 ? DeviceStatus::offline
                        : stale                ? DeviceStatus::stale
                        : faulty               ? DeviceStatus::faulty
                        : deviating            ? DeviceStatus::deviating
                                               : DeviceStatus::online;
    model.status[row] = static_cast<uint8_t>(status);
  }
}

ProcessorCounters Processor::counters() const {
  ProcessorCounters total;
  for (const auto& c : counters_) {
    total.messages += c.messages;
    total.samples += c.samples;
    total.duplicates += c.duplicates;
    total.gaps += c.gaps;
    for (size_t q = 0; q < c.by_quality.size(); ++q) total.by_quality[q] += c.by_quality[q];
  }
  return total;
}

std::array<uint64_t, 5> Processor::devices_by_status() const {
  std::array<uint64_t, 5> by_status{};
  for (const auto& model : models_) {
    if (model->fields.empty()) continue;  // does not report, so nothing is expected of it
    for (size_t row = 0; row < model->online.size(); ++row) ++by_status[model->status[row]];
  }
  return by_status;
}

void Processor::save(ArchiveWriter& archive) const {
  archive.section("processor", 1);
  for (const auto& model : models_) {
    archive.put_vector(model->online);
    for (const auto& group : model->groups) {
      archive.put_vector(group.newest);
      archive.put_vector(group.seen);
    }
  }
  archive.put_vector(counters_);
}

void Processor::restore(ArchiveReader& archive) {
  archive.section("processor", 1);
  for (auto& model : models_) {
    archive.get_span(std::span(model->online));
    for (auto& group : model->groups) {
      archive.get_span(std::span(group.newest));
      archive.get_span(std::span(group.seen));
    }
  }
  archive.get_span(std::span(counters_));
}

}  // namespace looptwin::mml
