#include "testbed/recorder.h"

#include <fmt/format.h>
#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "base/text.h"
#include "testbed/recorder_parts.h"

namespace looptwin::testbed {
namespace {

using twin::Storage;

constexpr size_t kSegmentBytesPerDevice = 2048;
constexpr int64_t kMostTakenInAfter = 254;  ///< boundaries that are counted

}  // namespace

Recorder::Recorder(const Scenario& scenario, const lang::Schema& schema, const twin::Registry& registry,
                   twin::Tables& tables)
    : scenario_(scenario),
      schema_(schema),
      registry_(registry),
      tables_(tables),
      spec_(std::make_unique<Spec>()) {}

Recorder::~Recorder() = default;

Result<std::unique_ptr<Recorder>> Recorder::create(const std::filesystem::path& folder,
                                                   const Scenario& scenario, const lang::Schema& schema,
                                                   const twin::Registry& registry, twin::Tables& tables,
                                                   const Wired& wired,
                                                   const std::optional<RecorderState>& resume,
                                                   std::vector<twin::EarlierRun> history_from, bool packets) {
  const auto shards = tables.shards();
  std::unique_ptr<Recorder> recorder(new Recorder(scenario, schema, registry, tables));
  recorder->folder_ = folder;
  recorder->spec_->run.history_from = std::move(history_from);
  recorder->record_packets_ = packets;
  recorder->declare(wired);
  recorder->spec_->options.lanes = shards.size() + 1;
  recorder->spec_->options.keep_time = scenario.retention;
  // Each segment carries the devices' ids: large fleets get segments that are worth them.
  auto& memory = recorder->spec_->options.memory;
  memory = std::max(memory, registry.devices() * kSegmentBytesPerDevice);
  const auto& spec = *recorder->spec_;
  auto writer = resume ? twin::RunWriter::resume(folder, spec.run, resume->position, spec.options)
                       : twin::RunWriter::create(folder, spec.run, spec.options);
  if (!writer) return tl::make_unexpected(std::move(writer.error()));
  recorder->writer_ = std::make_unique<twin::RunWriter>(std::move(*writer));
  for (size_t s = 0; s < shards.size(); ++s) recorder->scratch_.push_back(std::make_unique<Scratch>());
  if (resume) recorder->boundaries_ = resume->boundaries;
  if (scenario.least_cycle && recorder->boundaries_.empty()) recorder->boundaries_ = {kStart};
  if (auto opened = recorder->open_feeds(resume); !opened)
    return tl::make_unexpected(std::move(opened.error()));
  return recorder;
}

Result<void> Recorder::open_feeds(const std::optional<RecorderState>& resume) {
  feeds_.resize(scenario_.feeds.size());
  for (size_t f = 0; f < scenario_.feeds.size(); ++f) {
    if (scenario_.feeds[f].inbound) continue;
    std::error_code error;
    std::filesystem::create_directories(folder_ / "feeds", error);
    const auto path = folder_ / "feeds" / (scenario_.feeds[f].name + ".jsonl");
    if (resume && !resume->feeds.empty()) {
      const auto size = std::filesystem::file_size(path, error);
      if (error || size < resume->feeds[f])
        return failure(fmt::format("cannot go on with {}: it is shorter than it was", path.string()));
      std::filesystem::resize_file(path, resume->feeds[f], error);
      feeds_[f].open(path, std::ios::app | std::ios::ate);
    } else {
      feeds_[f].open(path);
    }
    if (!feeds_[f] || error) return failure(fmt::format("cannot write {}", path.string()));
  }
  return {};
}

Result<RecorderState> Recorder::settle() {
  RecorderState state{writer_->position(), {}, boundaries_};
  if (auto durable = writer_->await_durable(state.position.boundary); !durable)
    return tl::make_unexpected(std::move(durable.error()));
  for (auto& feed : feeds_) {
    feed.flush();
    state.feeds.push_back(feed.is_open() ? static_cast<uint64_t>(feed.tellp()) : 0);
  }
  return state;
}

/// What was computed at a boundary, where it is time to keep it.
void Recorder::keep_derived(Time boundary) {
  twin::Lane& lane = writer_->lane(scratch_.size());
  for (auto& grid : derived_) {
    if (boundary.ns % grid.period.ns != 0) continue;
    grid.cells.clear();
    for (size_t v = 0; v < grid.values.size(); ++v) {
      const auto& derived = *grid.values[v];
      if (derived.config.boolean || !derived.config.words.empty()) {
        const auto values = tables_.values<uint8_t>(grid.table, derived.column);
        grid.bytes[v].assign(values.begin(), values.end());
        if (derived.config.boolean)
          std::replace(grid.bytes[v].begin(), grid.bytes[v].end(), uint8_t{2}, uint8_t{255});
        grid.cells.emplace_back(std::span<const uint8_t>(grid.bytes[v]));
      } else {
        grid.numbers[v].clear();
        for (const double si : tables_.values<double>(grid.table, derived.column))
          grid.numbers[v].push_back(derived.config.unit.from_si(si));
        grid.cells.emplace_back(std::span<const double>(grid.numbers[v]));
      }
    }
    lane.put(grid.id, boundary.ns / grid.period.ns, 0, grid.cells);
  }
}

/// Puts the scratch's columns as the grid's variables from `first_variable` on; the others stay as they are.
void Recorder::put(Scratch& scratch, const Grid& grid, int64_t slot, twin::Lane& lane, size_t first_variable,
                   size_t variables) {
  if (scratch.rows.empty()) return;
  scratch.cells.assign(grid.storage.size(), {});
  for (size_t k = 0; k < variables; ++k) {
    const size_t v = first_variable + k;
    auto& values = scratch.values[k];
    const int32_t shift = grid.shift[v];
    if (grid.storage[v] == Storage::i16) {
      auto& narrow = scratch.narrow[k];
      narrow.resize(values.size());
      for (size_t i = 0; i < values.size(); ++i)
        narrow[i] = values[i] == twin::kMissing ? int16_t{-32768} : static_cast<int16_t>(values[i] - shift);
      scratch.cells[v] = twin::Cells(std::span<const int16_t>(narrow));
    } else if (grid.storage[v] == Storage::u8) {
      auto& bytes = scratch.bytes[k];
      bytes.resize(values.size());
      for (size_t i = 0; i < values.size(); ++i)
        bytes[i] =
            values[i] == twin::kMissing ? uint8_t{255} : static_cast<uint8_t>(std::min(values[i], 254));
      scratch.cells[v] = twin::Cells(std::span<const uint8_t>(bytes));
    } else {
      for (auto& value : values)
        if (value != twin::kMissing) value -= shift;
      scratch.cells[v] = twin::Cells(std::span<const int32_t>(values));
    }
  }
  const bool contiguous = scratch.rows.back() - scratch.rows.front() + 1 == scratch.rows.size() &&
                          std::is_sorted(scratch.rows.begin(), scratch.rows.end());
  if (contiguous)
    lane.put(grid.id, slot, scratch.rows.front(), scratch.cells);
  else
    lane.put_rows(grid.id, slot, scratch.rows, scratch.cells);
}

/// How many boundaries lay between a sample and its use.
int32_t Recorder::taken_in_after(Time sampled_at, Time received_at) const {
  int64_t count = 0;
  if (scenario_.least_cycle)
    count = boundaries_.end() - std::lower_bound(boundaries_.begin(), boundaries_.end(), sampled_at);
  else
    count = (ceil_to(received_at, scenario_.cycle) - sampled_at) / scenario_.cycle;
  return static_cast<int32_t>(std::clamp<int64_t>(count, 0, kMostTakenInAfter));
}

void Recorder::samples(size_t shard, const twin::Frame& frame) {
  const auto grid = std::find_if(grids_.begin(), grids_.end(), [&](const Grid& g) {
    return g.raw && g.table == frame.table && g.group == frame.group;
  });
  if (grid == grids_.end() || frame.size() == 0) return;
  if (!grid->kept.empty() && !grid->kept[frame.row.front() / twin::kShardRows])
    return;  // all are of one shard
  Scratch& scratch = *scratch_[shard];
  twin::Lane& lane = writer_->lane(shard);
  const size_t fields = frame.value.size();
  scratch.begin(fields + 1);
  int64_t slot_now = 0;
  for (size_t i = 0; i < frame.size(); ++i) {
    const int64_t row = grid->row.empty() ? int64_t{frame.row[i]} : int64_t{grid->row[frame.row[i]]};
    if (row < 0) continue;
    const int64_t slot =
        floor_to(Time{frame.sampled_at[i]} - grid->phase[static_cast<size_t>(row)], grid->period).ns /
        grid->period.ns;
    if (slot != slot_now) {
      put(scratch, *grid, slot_now, lane, 0, fields + 1);
      scratch.begin(fields + 1);
      slot_now = slot;
    }
    scratch.rows.push_back(static_cast<uint32_t>(row));
    for (size_t f = 0; f < fields; ++f) scratch.values[f].push_back(frame.value[f][i]);
    scratch.values[fields].push_back(taken_in_after(Time{frame.sampled_at[i]}, Time{frame.received_at[i]}));
  }
  put(scratch, *grid, slot_now, lane, 0, fields + 1);
}

void Recorder::bucket(size_t shard, const twin::ClosedBucket& bucket) {
  const auto grid = std::find_if(grids_.begin(), grids_.end(), [&](const Grid& g) {
    return !g.raw && g.table == bucket.table && g.period == bucket.length &&
           bucket.field - g.first_field < kRollupFields;
  });
  if (grid == grids_.end()) return;
  // Buckets lie on civil time, slots count from the run's start: the grid's phase makes up for the
  // difference.
  const int64_t since_start = bucket.slot * bucket.length.ns - scenario_.start.ns;
  const int64_t slot = floor_to(Time{since_start}, bucket.length).ns / bucket.length.ns;
  Scratch& scratch = *scratch_[shard];
  scratch.begin(5);
  for (size_t i = 0; i < bucket.last.size(); ++i)
    scratch.rows.push_back(static_cast<uint32_t>(bucket.first_row + i));
  scratch.values[0].assign(bucket.minimum.begin(), bucket.minimum.end());
  scratch.values[1].assign(bucket.maximum.begin(), bucket.maximum.end());
  scratch.values[2].assign(bucket.last.begin(), bucket.last.end());
  scratch.values[3].assign(bucket.mean16.begin(), bucket.mean16.end());
  scratch.values[4].assign(bucket.samples.begin(), bucket.samples.end());
  put(scratch, *grid, slot, writer_->lane(shard), kRollupVariables * (bucket.field - grid->first_field),
      kRollupVariables);
}

bool Recorder::decided(Time boundary, std::span<const mml::Record> records) {
  twin::Lane& lane = writer_->lane(scratch_.size());
  for (const auto& r : records) {
    const auto quantity = text_->quantity_of(r);
    lane.append(decisions_,
                {r.at, name_of(r.kind), text_->name_of_subject(mml::subject_of(r.kind), r.subject),
                 registry_.id(r.device), quantity.name, static_cast<int32_t>(r.occurrence), quantity.value,
                 quantity.unit, static_cast<int64_t>(r.id), static_cast<int64_t>(r.cause),
                 static_cast<int32_t>(r.used), static_cast<int32_t>(r.members)});
  }
  keep_derived(boundary);
  for (auto& feed : feeds_)
    if (feed.is_open()) feed.flush();
  writer_->end_cycle(boundary);
  if (scenario_.least_cycle) boundaries_.push_back(boundary);
  if (std::ssize(boundaries_) > kMostTakenInAfter) boundaries_.erase(boundaries_.begin());
  if (!records.empty() && sent_once_ == SentOnce::journalled) (void)writer_->await_journalled(boundary);
  if (!records.empty() && sent_once_ == SentOnce::durable) (void)writer_->await_durable(boundary);
  return !writer_->failed();
}

void Recorder::taken_in(Time boundary, std::span<const twin::Notice> notices) {
  static constexpr const char* kKinds[] = {"lateness", "overruns", "violations", "diverging", "away"};
  twin::Lane& lane = writer_->lane(scratch_.size());
  for (const auto& n : notices)
    lane.append(inputs_, {boundary, kKinds[static_cast<size_t>(n.kind)], registry_.id(n.about), n.at, kNever,
                          uint8_t{0}, int64_t{0}, n.value});
}

void Recorder::taken_in(Time boundary, size_t, const twin::Inbox& inbox) {
  twin::Lane& lane = writer_->lane(scratch_.size());
  for (const auto& p : inbox.presence)
    lane.append(inputs_, {boundary, p.online ? "online" : "offline", registry_.id(p.device), p.at, kNever,
                          uint8_t{0}, int64_t{0}, p.online ? 1.0 : 0.0});
  for (const auto& a : inbox.acknowledgements)
    lane.append(inputs_, {boundary, "acknowledgement", registry_.id(a.device), a.received_at, a.applied_at,
                          static_cast<uint8_t>(a.outcome), static_cast<int64_t>(a.id), 0.0});
}

void Recorder::taken_in(Time boundary, std::span<const twin::OperatorAction> actions) {
  twin::Lane& lane = writer_->lane(scratch_.size());
  for (const auto& a : actions) {
    const bool of_input = a.of == twin::OperatorSubject::input;
    double value = a.value;
    std::string_view unit, word;
    if (a.verb == twin::OperatorVerb::set) {
      const auto& input = scenario_.inputs[a.subject];
      unit = input.unit.text;
      if (!unit.empty()) value = input.unit.from_si(value);
      if (!input.words.empty()) word = input.words[static_cast<size_t>(value)];
      if (input.boolean) word = value == 1 ? "true" : "false";
    }
    lane.append(people_, {boundary, a.at, scenario_.people[a.by].name, name_of(a.verb),
                          text_->name_of_subject(of_input ? mml::SubjectKind::input : mml::SubjectKind::alarm,
                                                 a.subject),
                          registry_.id(a.device), value, unit, word, a.duration.seconds(), a.comment});
  }
}

void Recorder::publish(uint16_t feed, Time at, const std::string& json_fields) {
  const std::string body =
      fmt::format("{{\"at\":\"{}\",{}}}", to_string(scenario_.start + (at - kStart)), json_fields);
  writer_->lane(scratch_.size()).append(published_, {at, scenario_.feeds[feed].name, body});
  if (feeds_[feed].is_open()) feeds_[feed] << body << '\n';
}

void Recorder::raised(const mml::RaisedAlarm& alarm) {
  writer_->lane(scratch_.size())
      .append(alarms_, {alarm.at, text_->name_of_subject(mml::SubjectKind::alarm, alarm.alarm),
                        registry_.id(alarm.device), mml::name_of(alarm_priorities_[alarm.alarm]),
                        static_cast<int32_t>(alarm.occurrence), static_cast<int64_t>(alarm.id), alarm.cause,
                        alarm.consequence, alarm.action, alarm.first_out, mml::name_of(alarm.state)});
}

void Recorder::journal(const mml::JournalLine& line) {
  const mml::Record& r = line.record;
  writer_->lane(scratch_.size())
      .append(journal_,
              {r.at, mml::name_of(r.kind), text_->name_of_subject(mml::SubjectKind::alarm, r.subject),
               registry_.id(r.device), mml::name_of(line.priority), static_cast<int32_t>(r.occurrence),
               static_cast<int64_t>(r.id), mml::name_of(line.state), static_cast<uint8_t>(r.quantity),
               line.person, line.text, line.until, line.first_out});
}

std::optional<Recorder::PacketRows> Recorder::packet_rows() {
  if (!record_packets_) return std::nullopt;
  return PacketRows{writer_->lane(scratch_.size()), packets_, packet_samples_};
}

Diagnostics Recorder::error() const { return writer_->error(); }

Result<void> Recorder::finish(const std::string& status_json, const std::string& fingerprint) {
  for (auto& feed : feeds_)
    if (feed.is_open()) feed.close();
  return writer_->finish(status_json, fingerprint);
}

}  // namespace looptwin::testbed
