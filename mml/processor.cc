#include "mml/processor.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/check.h"

namespace looptwin::mml {
namespace {

constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

}  // namespace

struct Processor::Field {
  twin::Scaling scaling;
  twin::Range range{-std::numeric_limits<double>::infinity(), std::numeric_limits<double>::infinity()};
  Duration stale_after{};
  Duration least_spacing{};
  lang::Storage storage = lang::Storage::f64;
  void* value = nullptr;
  int64_t* sampled = nullptr;
  uint8_t* quality = nullptr;
  std::vector<Time> oldest;  ///< [group]: no good sample is older; looked for anew when it would be stale

  void store(size_t row, double x) const {
    if (storage == lang::Storage::f64)
      static_cast<double*>(value)[row] = x;
    else
      static_cast<uint8_t*>(value)[row] = static_cast<uint8_t>(x);
  }
  void forget(size_t row) const {
    if (storage == lang::Storage::f64)
      static_cast<double*>(value)[row] = kUnknown;
    else
      static_cast<uint8_t*>(value)[row] = storage == lang::Storage::boolean ? 2 : 255;
  }
};

/// What is known of one report group's messages, by row: enough to tell a duplicate from a late message, and
/// to know how many of the numbers between the lowest and the highest were never received.
struct Processor::Group {
  static constexpr uint32_t kRemembered = 64;
  /// Takes one message's number in; true where it was there before. `gaps` follows.
  bool take(uint32_t row, uint32_t sequence, uint64_t& gaps);

  std::vector<uint16_t> fields;
  std::vector<uint32_t> newest;  ///< sequence
  std::vector<uint64_t> seen;    ///< bit k: newest - k was received; 0: nothing yet
  std::vector<uint8_t> reach;    ///< of these bits, how many lie at or after the lowest number received
};

bool Processor::Group::take(uint32_t row, uint32_t sequence, uint64_t& gaps) {
  uint64_t& bits = seen[row];
  const uint32_t ahead = sequence - newest[row];  // numbers wrap around; half of them count as behind
  if (bits == 0) {
    bits = 1;
    reach[row] = 1;
    newest[row] = sequence;
    return false;
  }
  if (ahead != 0 && ahead < 0x80000000) {
    gaps += ahead - 1;
    bits = ahead < kRemembered ? (bits << ahead) | 1 : 1;
    reach[row] = static_cast<uint8_t>(std::min(kRemembered, reach[row] + std::min(ahead, kRemembered)));
    newest[row] = sequence;
    return false;
  }
  const uint32_t behind = -ahead;
  if (behind >= kRemembered) return false;  // too old to tell: late, and its gap stays counted
  const uint64_t bit = uint64_t{1} << behind;
  if ((bits & bit) != 0) return true;
  bits |= bit;
  if (behind < reach[row]) {
    --gaps;
  } else {  // before the first that was received: what lies between is missing now
    gaps += behind - reach[row];
    reach[row] = static_cast<uint8_t>(behind + 1);
  }
  return false;
}

struct Processor::ModelState {
  TableId table;
  std::vector<Field> fields;
  std::vector<Group> groups;
  std::vector<uint8_t> online;
  uint8_t* status = nullptr;
  uint32_t* version = nullptr;
  struct Follow {
    const double* value;
    const double* desired;
    const int64_t* changed;
    double tolerance;
    Duration settle;
  };
  std::vector<Follow> follows;
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
      counters_(shards_.size()) {
  for (const auto& model : registry.models()) {
    auto state = std::make_unique<ModelState>();
    state->table = model.table;
    const size_t rows = registry.devices(model.table);
    for (const auto& group : twin::report_groups(model.config))
      state->groups.push_back({group.fields, std::vector<uint32_t>(rows), std::vector<uint64_t>(rows),
                               std::vector<uint8_t>(rows)});
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
      Field field{.scaling = twin::scaling_of(config),
                  .stale_after = config.stale_after,
                  .least_spacing = config.least_spacing.value_or(Duration{})};
      if (config.range) field.range = *config.range;
      field.storage = schema_.column(state->table, model.fields[f].value).storage;
      field.value = tables_.column(state->table, model.fields[f].value);
      field.sampled = tables_.values<int64_t>(state->table, model.fields[f].sampled).data();
      field.quality = tables_.values<uint8_t>(state->table, model.fields[f].quality).data();
      field.oldest.assign((registry_.devices(state->table) + twin::kGroupRows - 1) / twin::kGroupRows,
                          kLongAgo);
      state->fields.push_back(std::move(field));
    }
    state->version = tables_.values<uint32_t>(state->table, model.version).data();
    state->status = tables_.values<uint8_t>(state->table, model.status).data();
    for (size_t s = 0; s < model.setpoints.size(); ++s) {
      const auto& config = model.config.setpoints[s];
      if (!config.tolerance || config.follows.empty()) continue;
      const auto& telemetry = model.config.telemetry;
      const auto follower = std::find_if(telemetry.begin(), telemetry.end(),
                                         [&](const auto& t) { return t.name == config.follows; });
      LT_CHECK(follower != telemetry.end(), config.follows);
      const auto& columns = model.fields[static_cast<size_t>(follower - telemetry.begin())];
      state->follows.push_back({tables_.values<double>(state->table, columns.value).data(),
                                tables_.values<double>(state->table, model.setpoints[s].desired).data(),
                                tables_.values<int64_t>(state->table, model.setpoints[s].changed).data(),
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
  rollups_.finish(shards_[shard_index],
                  [&](const twin::ClosedBucket& bucket) { sink_->bucket(shard_index, bucket); });
}

void Processor::place(const twin::Shard& shard, twin::Frame& frame, Dirty& dirty,
                      ProcessorCounters& counters) {
  ModelState& model = *models_[shard.table.index()];
  drop_duplicates(model, frame, counters);
  const size_t n = frame.size();
  counters.messages += n;
  for (size_t i = 0; i < n; ++i) {
    const bool future = frame.sampled_at[i] > frame.received_at[i] + kFutureTolerance.ns;
    if (future) frame.sampled_at[i] = frame.received_at[i];
    counters.by_quality[static_cast<size_t>(twin::Quality::future)] += future;
    dirty.mark(shard.table, frame.row[i]);
    ++model.version[frame.row[i]];
  }
  const auto& fields = model.groups[frame.group].fields;
  for (size_t k = 0; k < fields.size(); ++k) {
    place_field(model, fields[k], frame, k, counters);
    hot_.insert(shard.table, fields[k], frame.row, frame.sampled_at, frame.value[k]);
    if (sink_ != nullptr)
      rollups_.insert(shard.table, fields[k], frame.row, frame.sampled_at, frame.value[k]);
  }
}

void Processor::drop_duplicates(ModelState& model, twin::Frame& frame, ProcessorCounters& counters) {
  Group& group = model.groups[frame.group];
  size_t kept = 0;
  for (size_t i = 0; i < frame.size(); ++i) {
    const uint32_t row = frame.row[i], sequence = frame.sequence[i];
    const bool duplicate = group.take(row, sequence, counters.gaps);
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

void Processor::place_field(ModelState& model, size_t index, twin::Frame& frame, size_t position,
                            ProcessorCounters& counters) {
  Field& field = model.fields[index];
  int32_t* raw = frame.value[position].data();
  std::array<uint64_t, 7> by_quality{};
  for (size_t i = 0; i < frame.size(); ++i) {
    const uint32_t row = frame.row[i];
    const double value = field.scaling.to_si(raw[i]);
    auto quality = twin::Quality::good;
    if (raw[i] == twin::kMissing)
      quality = twin::Quality::missing;
    else if (value < field.range.low || value > field.range.high)
      quality = twin::Quality::out_of_range;
    const bool seen = field.sampled[row] != kNever.ns;
    const bool newer = !seen || frame.sampled_at[i] > field.sampled[row];
    if (seen && newer && frame.sampled_at[i] - field.sampled[row] < field.least_spacing.ns) {
      raw[i] = twin::kMissing;
      ++counters.shed;
      continue;
    }
    if (quality != twin::Quality::good) {
      raw[i] = twin::kMissing;
      if (newer) {
        field.forget(row);
        field.quality[row] = static_cast<uint8_t>(quality);
      }
    } else if (newer) {
      field.store(row, value);
      field.sampled[row] = frame.sampled_at[i];
      Time& oldest = field.oldest[row / twin::kGroupRows];
      oldest = std::min(oldest, Time{frame.sampled_at[i]});
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
  for (Field& field : model.fields) {
    for (size_t begin = first; begin < first + count; begin += twin::kGroupRows) {
      const size_t group = begin / twin::kGroupRows;
      if (field.oldest[group] == kNever) continue;
      if (field.oldest[group] + field.stale_after < now) {
        const size_t end = std::min(begin + twin::kGroupRows, first + count);
        field.oldest[group] = expire_group(field, now, begin, end);
      }
      if (field.oldest[group] != kNever)
        due[group] = std::min(due[group], field.oldest[group] + field.stale_after + nanoseconds(1));
    }
  }
}

/// Forgets what is too old among rows [begin, end) of one group; the instant of the oldest good sample that
/// is left.
Time Processor::expire_group(Field& field, Time now, size_t begin, size_t end) {
  Time oldest = kNever;
  for (size_t row = begin; row < end; ++row) {
    if (field.quality[row] != static_cast<uint8_t>(twin::Quality::good)) continue;
    const Time sampled{field.sampled[row]};
    if (sampled + field.stale_after < now) {
      field.forget(row);
      field.quality[row] = static_cast<uint8_t>(twin::Quality::stale);
    } else {
      oldest = std::min(oldest, sampled);
    }
  }
  return oldest;
}

void Processor::derive_status(ModelState& model, Time now, size_t first, size_t count, Time* due) {
  for (size_t begin = first; begin < first + count; begin += twin::kGroupRows) {
    const size_t end = std::min(begin + twin::kGroupRows, first + count);
    if (all_well(model, begin, end)) {
      std::fill(model.status + begin, model.status + end, static_cast<uint8_t>(DeviceStatus::online));
    } else {
      for (size_t row = begin; row < end; ++row)
        derive_status_of(model, now, row, due[begin / twin::kGroupRows]);
    }
  }
}

/// Nearly always: all online, all values good, all within their tolerance. Columns, no decisions.
bool Processor::all_well(const ModelState& model, size_t begin, size_t end) {
  uint8_t bad = 0;
  for (size_t row = begin; row < end; ++row) bad |= static_cast<uint8_t>(model.online[row] ^ 1);
  for (const Field& field : model.fields)
    for (size_t row = begin; row < end; ++row) bad |= field.quality[row];
  if (bad != 0) return false;
  uint64_t beyond = 0;
  for (const auto& follow : model.follows)
    for (size_t row = begin; row < end; ++row)
      beyond += std::abs(follow.value[row] - follow.desired[row]) <= follow.tolerance ? 0 : 1;
  return beyond == 0;
}

void Processor::derive_status_of(ModelState& model, Time now, size_t row, Time& due) {
  bool stale = false, faulty = false, deviating = false;
  for (const Field& field : model.fields) {
    const auto quality = static_cast<twin::Quality>(field.quality[row]);
    stale |= quality == twin::Quality::stale;
    faulty |= quality == twin::Quality::out_of_range || quality == twin::Quality::missing;
    if (quality != twin::Quality::never) continue;
    // A field that was never seen is stale once it had its time since the start.
    const Time end = kStart + field.stale_after;
    stale |= end < now;
    if (end >= now) due = std::min(due, end + nanoseconds(1));
  }
  for (const auto& follow : model.follows) {
    if (!(std::abs(follow.value[row] - follow.desired[row]) > follow.tolerance)) continue;
    const Time settled =
        follow.changed[row] == kNever.ns ? kStart + follow.settle : Time{follow.changed[row]} + follow.settle;
    deviating |= settled <= now;
    if (settled > now) due = std::min(due, settled);
  }
  const auto status = model.online[row] == 0 ? DeviceStatus::offline
                      : stale                ? DeviceStatus::stale
                      : faulty               ? DeviceStatus::faulty
                      : deviating            ? DeviceStatus::deviating
                                             : DeviceStatus::online;
  model.status[row] = static_cast<uint8_t>(status);
}

ProcessorCounters Processor::counters() const {
  ProcessorCounters total;
  for (const auto& c : counters_) {
    total.messages += c.messages;
    total.samples += c.samples;
    total.duplicates += c.duplicates;
    total.gaps += c.gaps;
    total.shed += c.shed;
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
      archive.put_vector(group.reach);
    }
  }
  archive.put_vector(counters_);
}

void Processor::restore(ArchiveReader& archive) {
  archive.section("processor", 1);
  for (auto& model : models_) {
    archive.get_span(std::span(model->online));
    for (Field& field : model->fields) std::fill(field.oldest.begin(), field.oldest.end(), kLongAgo);
    for (auto& group : model->groups) {
      archive.get_span(std::span(group.newest));
      archive.get_span(std::span(group.seen));
      archive.get_span(std::span(group.reach));
    }
  }
  archive.get_span(std::span(counters_));
}

}  // namespace looptwin::mml
