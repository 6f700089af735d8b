// An island's telemetry: rows that are due are read, and their messages go on the link.
#include <algorithm>
#include <array>

#include "base/check.h"
#include "sim/island.h"
#include "sim/sensor.h"

namespace looptwin::sim {
namespace {

/// Makes room for n more and returns where they begin.
template <typename T>
T* extend(std::vector<T>& column, size_t n) {
  column.resize(column.size() + n);
  return column.data() + (column.size() - n);
}

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
  const bool sound = Island::sound(slice);
  for (size_t f = 0; f < fields; ++f) {
    const size_t field = report.group.fields[f];
    const auto& sensor = model_.sensors[field];
    const bool read = sensor.lasting && sound && slice.read == slice.at;
    ask_ahead(kColumnsAhead);
    powered(slice, due.first, due.count, time(slice.at), [&](size_t first, size_t count) {
      const size_t at = first - due.first;
      if (read) {
        std::fill_n(missing.data(), count, 0);
      } else {
        read_sensor(model_, field, slice.at, uniforms_.at(slice.at), first, count, slice.spells,
                    missing.data());
      }
      if (!sensor.present) return std::fill_n(values[f].data() + at, count, twin::kMissing), void();
      raw_readings(sensor, first, count, values[f].data() + at);
      for (size_t i = 0; i < count; ++i) {
        values[f][at + i] = missing[i] ? twin::kMissing : values[f][at + i];
        taken[at + i] |= values[f][at + i] != twin::kMissing;
      }
    });
  }
  if (!sound) {
    // Power may have gone between the grid point and the sample.
    const auto* phase = report.phase.data() + due.first % twin::kBlockRows;
    for (size_t i = 0; i < due.count; ++i)
      if (taken[i] && is_off(slice, due.first + i, Time{due.base + phase[i]})) taken[i] = 0;
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
  const Spell* down = link_spell(slice, row, sampled);
  if (down == nullptr) return sampled;
  const Time up = down->to;
  if (up == kNever || sampled < down->forgets) return kNever;
  const int64_t later = (up.ns - 1 - sampled.ns) / model_.reports[group].group.every.ns;
  return later < static_cast<int64_t>(link.config().stored) ? up : kNever;
}

/// Most messages are taken, of devices without faults, pass once, and arrive in the cycle in which they are
/// sent: stretches of these go into the frame column by column, the others one by one.
void Island::send(const Slice& slice, size_t group, const Due& due, const LinkRun& run, const int32_t* values,
                  const uint8_t* taken) {
  const size_t at = run.first - due.first;
  const auto* phase = model_.reports[group].phase.data() + run.first % twin::kBlockRows;
  Passages passages;
  run.link->telemetry(group, model_.keys.subspan(run.first, run.rows), static_cast<uint64_t>(due.counter),
                      passages);
  const bool one_by_one = run.link->config().bandwidth > 0;
  std::array<uint8_t, kSliceRows> odd;
  for (size_t i = 0; i < run.rows; ++i) {
    const bool late = due.base + phase[i] + passages.delay[i] > boundary_.ns;
    odd[i] =
        (taken[at + i] == 0) | passages.lost[i] | passages.reordered[i] | (passages.duplicate[i] >= 0) | late;
  }
  for (const auto& spell : slice.spells)
    if (spell.row >= run.first && spell.row < run.first + run.rows) odd[spell.row - run.first] = 1;
  for (size_t i = 0; i < run.rows;) {
    const Sending from{group, run.first + i, due.base + phase[i], values + at + i};
    if (odd[i] || one_by_one) {
      if (taken[at + i]) send_one(slice, *run.link, from, passages, i);
      ++i;
      continue;
    }
    const auto* end = std::find(odd.data() + i, odd.data() + run.rows, 1);
    const auto n = static_cast<size_t>(end - (odd.data() + i));
    send_promptly(from, due.base, phase + i, passages.delay.data() + i, n);
    i += n;
  }
}

void Island::send_promptly(const Sending& from, int64_t base, const int64_t* phase, const int64_t* delay,
                           size_t n) {
  auto& frame = out_->frames[from.group];
  auto* const counter = sequence_[from.group].data() + (from.row - shard_.first);
  auto* const row = extend(frame.row, n);
  auto* const sequence = extend(frame.sequence, n);
  auto* const sampled = extend(frame.sampled_at, n);
  auto* const received = extend(frame.received_at, n);
  for (size_t i = 0; i < n; ++i) row[i] = static_cast<uint32_t>(from.row + i);
  for (size_t i = 0; i < n; ++i) sequence[i] = counter[i]++;
  for (size_t i = 0; i < n; ++i) sampled[i] = base + phase[i];
  if (!model_.keeps_time())
    for (size_t i = 0; i < n; ++i) sampled[i] += model_.clock_error(from.row + i, Time{sampled[i]});
  for (size_t i = 0; i < n; ++i) received[i] = base + phase[i] + delay[i];
  for (size_t f = 0; f < frame.value.size(); ++f)
    std::copy_n(from.values + f * kSliceRows, n, extend(frame.value[f], n));
  counters_.samples += n;
  counters_.sent += n;
}

void Island::send_one(const Slice& slice, const Link& link, const Sending& from, const Passages& passages,
                      size_t i) {
  const Time sampled{from.sampled};
  const auto row = static_cast<uint32_t>(from.row);
  ++counters_.samples;
  ++counters_.sent;
  const Time leaves = kept_until(slice, from.group, link, row, sampled);
  const uint32_t number = sequence_[from.group][row - shard_.first]++;
  if (leaves == kNever) {
    ++counters_.dropped;
    return;
  }
  int64_t delay = passages.delay[i];
  if (leaves != sampled) {
    // What was stored goes out together when the link is back, and arrives together, in order.
    ++counters_.stored;
    delay = link.telemetry(from.group, model_.keys[row], static_cast<uint64_t>(leaves.ns)).delay;
  }
  counters_.reordered += passages.reordered[i];
  if (passages.lost[i] ||
      lost_in_fault(slice, row, leaves, Direction::up, static_cast<uint64_t>(from.sampled) * 64 + from.group))
    ++counters_.lost;
  else
    pass(slice, from, number, leaves, delay);
  if (passages.duplicate[i] < 0) return;
  ++counters_.duplicated;
  pass(slice, from, number, leaves, passages.duplicate[i]);
}

/// A message leaves; where its link has a limit it waits for its turn.
void Island::pass(const Slice& slice, const Sending& from, uint32_t sequence, Time leaves, int64_t delay) {
  if (strays(slice, from, leaves.ns + delay)) return;
  const auto row = static_cast<uint32_t>(from.row);
  const uint32_t uplink = this->uplink(row);
  if (uplink == kNoUplink) {
    if (lost_with_session(slice, row, leaves, leaves + Duration{delay})) return ++counters_.lost, void();
    return put(from, sequence, leaves.ns + delay);
  }
  UplinkMessage message{.leaves = leaves,
                        .delay = delay,
                        .dated = from.sampled + model_.clock_error(row, Time{from.sampled}),
                        .row = row,
                        .sequence = sequence,
                        .bytes = kMessageBytes,
                        .uplink = uplink,
                        .group = static_cast<uint16_t>(from.group),
                        .values = {}};
  for (size_t f = 0; f < model_.reports[from.group].group.fields.size(); ++f) {
    message.values.push_back(from.values[f * kSliceRows]);
    const auto storage = model_.sensors[model_.reports[from.group].group.fields[f]].storage;
    message.bytes += storage == lang::Storage::f64 ? 4 : 1;
  }
  outgoing_.push_back(std::move(message));
}

void Island::carried(const UplinkMessage& m, Time left) {
  const Time received = left + Duration{m.delay};
  if (lost_with_session(slices_[slice_of(m.row)], m.row, left, received)) return ++counters_.lost, void();
  in_flight_.add(m.group, m.row, m.sequence, m.dated, received.ns, m.values.data(), 1);
}

void Island::put(const Sending& from, uint32_t sequence, int64_t received) {
  const auto row = static_cast<uint32_t>(from.row);
  const int64_t dated = from.sampled + model_.clock_error(row, Time{from.sampled});
  if (received > boundary_.ns)
    return in_flight_.add(from.group, row, sequence, dated, received, from.values, kSliceRows);
  auto& frame = out_->frames[from.group];
  frame.row.push_back(row);
  frame.sequence.push_back(sequence);
  frame.sampled_at.push_back(dated);
  frame.received_at.push_back(received);
  for (size_t f = 0; f < frame.value.size(); ++f) frame.value[f].push_back(from.values[f * kSliceRows]);
}

/// A message that is sent while its sender is not who or what it should be: at the broker it is a stray, with
/// all that is wrong with it.
bool Island::strays(const Slice& slice, const Sending& from, int64_t received) {
  if (slice.spells.empty()) return false;
  using Form = twin::Stray::Form;
  const uint64_t key = model_.keys[from.row];
  twin::Stray stray{.received = Time{received}, .device = key, .row = static_cast<uint32_t>(from.row)};
  bool any = false;
  for (const auto& spell : spells_of(slice, from.row)) {
    if (!makes_strays(spell.kind) || !spell.at(Time{from.sampled})) continue;
    any = true;
    stray.foreign |= spell.kind == FaultKind::foreign_credentials;
    if (spell.kind == FaultKind::unknown_device) stray.device = ~key;
    if (spell.kind == FaultKind::malformed) stray.form = Form::malformed;
    if (spell.kind == FaultKind::wrong_type && stray.form == Form::sound) stray.form = Form::wrong_type;
  }
  if (any) strays_.push_back(stray);
  return any;
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
  const auto stray = std::partition(strays_.begin(), strays_.end(),
                                    [&](const twin::Stray& s) { return s.received > boundary; });
  arrivals.strays.assign(stray, strays_.end());
  strays_.erase(stray, strays_.end());
  for (const auto& frame : arrivals.frames) counters_.delivered += frame.size();
}

}  // namespace looptwin::sim
