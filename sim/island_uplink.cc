// An island's telemetry: rows that are due are read, and their messages go on the link.
#include <algorithm>
#include <array>

#include "base/check.h"
#include "sim/island.h"
#include "sim/sensor.h"

namespace looptwin::sim {
namespace {

struct Message {
  int64_t sampled;   ///< ns
  int64_t received;  ///< ns
  uint32_t row;
  uint32_t sequence;
  uint32_t at;  ///< where its values stand in each field's column
};

/// Messages of one run of rows that arrive in the cycle in which they are sent, as most do: they go into the
/// frame together, column by column.
struct Prompt {
  std::array<Message, 2 * kSliceRows> messages;  ///< each may come twice
  size_t count = 0;

  /// `values`: of the first field; those of the others follow at multiples of kSliceRows.
  void append_to(twin::Frame& frame, const int32_t* values) const {
    const auto append = [&](auto& column, auto&& of) {
      const size_t old = column.size();
      column.resize(old + count);
      for (size_t k = 0; k < count; ++k) column[old + k] = of(messages[k]);
    };
    append(frame.row, [](const Message& m) { return m.row; });
    append(frame.sequence, [](const Message& m) { return m.sequence; });
    append(frame.sampled_at, [](const Message& m) { return m.sampled; });
    append(frame.received_at, [](const Message& m) { return m.received; });
    for (size_t f = 0; f < frame.value.size(); ++f)
      append(frame.value[f], [column = values + f * kSliceRows](const Message& m) { return column[m.at]; });
  }
};

}  // namespace

/// Samples of all report groups from the slice's grid point to `until`, before the next grid point.
void Island::take_samples(Slice& slice, Time until) {
  if (slice.wake > until) return;
  const Time from = std::max(Time{slice.sampled.ns + 1}, time(slice.at));
  slice.wake = kNever;
  for (size_t g = 0; g < model_.reports.size(); ++g) {
    const auto& report = model_.reports[g];
    if (slice.next[g] <= until) {
      // In each stretch shorter than a period a row samples at most once.
      const Duration every = report.group.every;
      for (Time t = from; t <= until; t = t + every) {
        const Time end = std::min(until, Time{t.ns + every.ns - 1});
        for (const auto& due : due_rows(report, slice.first, slice.rows, t, end))
          if (due.count > 0) this->report(slice, g, due);
      }
      slice.next[g] = next_sample(report, slice.first, slice.rows, Time{until.ns + 1});
    }
    slice.wake = std::min(slice.wake, slice.next[g]);
  }
  slice.sampled = until;
}

void Island::report(Slice& slice, size_t group, const Due& due) {
  const auto& report = model_.reports[group];
  const size_t fields = report.group.fields.size();
  alignas(64) std::array<int32_t, kSliceRows> values[kMostFields];
  std::array<uint8_t, kSliceRows> missing;
  std::array<uint8_t, kSliceRows> taken{};
  LT_CHECK(fields <= kMostFields, "fields of one report group");
  show_outputs(slice);
  ask_ahead(kColumnsAhead);
  for (size_t f = 0; f < fields; ++f) {
    const size_t field = report.group.fields[f];
    const auto& sensor = model_.sensors[field];
    ask_ahead(kColumnsAhead);
    powered(slice, due.first, due.count, time(slice.at), [&](size_t first, size_t count) {
      const size_t at = first - due.first;
      read_sensor(model_, field, slice.at, uniforms_.at(slice.at), first, count, slice.spells,
                  missing.data());
      if (!sensor.present) return std::fill_n(values[f].data() + at, count, twin::kMissing), void();
      raw_readings(sensor, first, count, values[f].data() + at);
      for (size_t i = 0; i < count; ++i) {
        values[f][at + i] = missing[i] ? twin::kMissing : values[f][at + i];
        taken[at + i] |= values[f][at + i] != twin::kMissing;
      }
    });
  }
  if (!slice.spells.empty()) {
    // Power may have gone between the grid point and the sample.
    const auto* phase = report.phase.data() + due.first % twin::kBlockRows;
    for (size_t i = 0; i < due.count; ++i)
      if (taken[i] && is(slice, due.first + i, FaultKind::device_off, Time{due.base + phase[i]}))
        taken[i] = 0;
  }
  for (const auto& run : links_) {
    const size_t first = std::max(run.first, due.first);
    const size_t end = std::min(run.first + run.rows, due.first + due.count);
    ask_ahead(kColumnsAhead);
    if (first < end) send(slice, group, due, {first, end - first, run.link}, values[0].data(), taken.data());
  }
}

/// When a message that is sampled while the link is down leaves: at reconnection where the device stores it,
/// never where its store keeps only later ones. A store holds the last LinkConfig::stored samples of each
/// report group.
Time Island::kept_until(const Slice& slice, size_t group, const Link& link, size_t row, Time sampled) const {
  const Time up = connected(slice, row, sampled);
  if (up == sampled || up == kNever) return up;
  const int64_t later = (up.ns - 1 - sampled.ns) / model_.reports[group].group.every.ns;
  return later < static_cast<int64_t>(link.config().stored) ? up : kNever;
}

void Island::send(const Slice& slice, size_t group, const Due& due, const LinkRun& run, const int32_t* values,
                  const uint8_t* taken) {
  const auto* phase = model_.reports[group].phase.data();
  auto* sequence = sequence_[group].data();
  Passages passages;
  run.link->telemetry(group, model_.keys.subspan(run.first, run.rows), static_cast<uint64_t>(due.counter),
                      passages);
  Prompt prompt;
  const auto put = [&](const Message& m) {
    if (m.received > boundary_.ns)
      in_flight_.add(group, m.row, m.sequence, m.sampled, m.received, values + m.at, kSliceRows);
    else
      prompt.messages[prompt.count++] = m;
  };
  for (size_t i = 0; i < run.rows; ++i) {
    const size_t row = run.first + i;
    const size_t at = row - due.first;
    if (!taken[at]) continue;
    const Time sampled{due.base + phase[row % twin::kBlockRows]};
    ++counters_.samples;
    const Time leaves = slice.spells.empty() ? sampled : kept_until(slice, group, *run.link, row, sampled);
    const uint32_t number = sequence[row - shard_.first]++;
    if (leaves == kNever) {
      ++counters_.dropped;
      continue;
    }
    if (leaves != sampled) {
      // What was stored goes out together when the link is back, and arrives together, in order.
      ++counters_.stored;
      passages.delay[i] =
          run.link->telemetry(group, model_.keys[row], static_cast<uint64_t>(leaves.ns)).delay;
    }
    ++counters_.sent;
    counters_.reordered += passages.reordered[i];
    Message message{sampled.ns, leaves.ns + passages.delay[i], static_cast<uint32_t>(row), number,
                    static_cast<uint32_t>(at)};
    if (passages.lost[i])
      ++counters_.lost;
    else
      put(message);
    if (passages.duplicate[i] < 0) continue;
    ++counters_.duplicated;
    message.received = leaves.ns + passages.duplicate[i];
    put(message);
  }
  prompt.append_to(out_->frames[group], values);
}

const Link& Island::link_of(size_t row) const {
  const auto run = std::upper_bound(links_.begin(), links_.end(), row,
                                    [](size_t r, const LinkRun& l) { return r < l.first; });
  return *(run - 1)->link;
}

/// What of the acknowledgements has been received by the boundary, in order.
void Island::hand_over(Time boundary, Arrivals& arrivals) {
  const auto later = std::partition(acknowledgements_.begin(), acknowledgements_.end(),
                                    [&](const auto& a) { return a.received_at > boundary; });
  arrivals.acknowledgements.assign(later, acknowledgements_.end());
  acknowledgements_.erase(later, acknowledgements_.end());
  std::sort(arrivals.acknowledgements.begin(), arrivals.acknowledgements.end(),
            [](const auto& a, const auto& b) {
              if (a.received_at != b.received_at) return a.received_at < b.received_at;
              return a.device.row != b.device.row ? a.device.row < b.device.row : a.id < b.id;
            });
  for (const auto& frame : arrivals.frames) counters_.delivered += frame.size();
}

}  // namespace looptwin::sim
