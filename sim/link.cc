#include "sim/link.h"

#include <algorithm>

#include "base/check.h"

namespace looptwin::sim {
namespace {

/// Seconds to ns; a latency drawn below 0 is none.
int64_t delay_of(double seconds) {
  constexpr double kCentury = 3.2e9;
  return static_cast<int64_t>((seconds > 0 ? seconds < kCentury ? seconds : kCentury : 0.0) * 1e9);
}

void save_frame(ArchiveWriter& archive, const twin::Frame& frame) {
  archive.put_vector(frame.row);
  archive.put_vector(frame.sequence);
  archive.put_vector(frame.sampled_at);
  archive.put_vector(frame.received_at);
  for (const auto& column : frame.value) archive.put_vector(column);
}

void restore_frame(ArchiveReader& archive, twin::Frame& frame) {
  frame.row = archive.get_vector<uint32_t>();
  frame.sequence = archive.get_vector<uint32_t>();
  frame.sampled_at = archive.get_vector<int64_t>();
  frame.received_at = archive.get_vector<int64_t>();
  for (auto& column : frame.value) column = archive.get_vector<int32_t>();
}

void append_all(twin::Frame& to, const twin::Frame& from) {
  const auto add = [](auto& t, const auto& f) { t.insert(t.end(), f.begin(), f.end()); };
  add(to.row, from.row);
  add(to.sequence, from.sequence);
  add(to.sampled_at, from.sampled_at);
  add(to.received_at, from.received_at);
  for (size_t f = 0; f < from.value.size(); ++f) add(to.value[f], from.value[f]);
}

}  // namespace

MessageStreams::MessageStreams(uint64_t seed, const std::string& name)
    : latency(seed, name + ".latency"),
      loss(seed, name + ".loss"),
      duplication(seed, name + ".duplication"),
      duplicate_latency(seed, name + ".duplicate"),
      reordering(seed, name + ".reordering") {}

Link::Link(const LinkConfig& config, uint64_t seed, size_t groups)
    : config_(config),
      acknowledgement_(seed, "link." + config.name + ".acknowledgement"),
      down_(seed, "link." + config.name + ".command") {
  for (size_t g = 0; g < groups; ++g)
    up_.emplace_back(seed, "link." + config.name + ".telemetry." + std::to_string(g));
}

void Link::telemetry(size_t group, std::span<const uint64_t> devices, uint64_t counter, Passages& out) const {
  const size_t n = devices.size();
  LT_CHECK(n <= kSliceRows);
  const auto& s = up_[group];
  alignas(64) double x[kSliceRows];
  const auto happens = [&](const Draws& stream, double chance, auto&& then) {
    if (chance <= 0) return;
    stream.uniform(devices, counter, x);
    for (size_t i = 0; i < n; ++i)
      if (x[i] < chance) then(i);
  };
  std::fill_n(out.delay.begin(), n, 0);
  std::fill_n(out.duplicate.begin(), n, -1);
  std::fill_n(out.lost.begin(), n, 0);
  std::fill_n(out.reordered.begin(), n, 0);
  if (config_.latency) {
    s.latency.sample(*config_.latency, devices, counter, x);
    for (size_t i = 0; i < n; ++i) out.delay[i] = delay_of(x[i]);
  }
  happens(s.loss, config_.loss, [&](size_t i) { out.lost[i] = 1; });
  happens(s.reordering, config_.reordering,
          [&](size_t i) { out.reordered[i] = 1, out.delay[i] += config_.reorder_delay.ns; });
  happens(s.duplication, config_.duplication, [&](size_t i) {
    out.duplicate[i] =
        config_.latency ? delay_of(s.duplicate_latency.sample(*config_.latency, devices[i], counter)) : 0;
  });
}

Passage Link::pass(const MessageStreams& s, uint64_t device, uint64_t counter) const {
  Passage p;
  if (config_.loss > 0 && s.loss.uniform(device, counter) < config_.loss) p.lost = true;
  if (config_.latency) p.delay = delay_of(s.latency.sample(*config_.latency, device, counter));
  if (config_.reordering > 0 && s.reordering.uniform(device, counter) < config_.reordering) {
    p.reordered = true;
    p.delay += config_.reorder_delay.ns;
  }
  if (config_.duplication > 0 && s.duplication.uniform(device, counter) < config_.duplication)
    p.duplicate =
        config_.latency ? delay_of(s.duplicate_latency.sample(*config_.latency, device, counter)) : 0;
  return p;
}

void append(twin::Frame& to, const twin::Frame& from, size_t i) {
  to.row.push_back(from.row[i]);
  to.sequence.push_back(from.sequence[i]);
  to.sampled_at.push_back(from.sampled_at[i]);
  to.received_at.push_back(from.received_at[i]);
  for (size_t f = 0; f < from.value.size(); ++f) to.value[f].push_back(from.value[f][i]);
}

InFlight::InFlight(size_t groups, Duration cycle)
    : cycle_(std::max<int64_t>(1, cycle.ns)),
      sorted_(kSpokes),
      far_(groups),
      scratch_(groups),
      room_(groups) {
  for (auto& spoke : wheel_) spoke.resize(groups);
}

void InFlight::set_fields(size_t group, size_t fields) {
  for (auto& spoke : wheel_) spoke[group].value.resize(fields);
  far_[group].value.resize(fields);
  scratch_[group].value.resize(fields);
}

InFlight::Spoke& InFlight::spoke_of(int64_t received) {
  const int64_t cycle = std::max(first_, cycle_of(received));
  return cycle < sorted_ ? wheel_[static_cast<size_t>(cycle % kSpokes)] : far_;
}

void InFlight::add(size_t group, uint32_t row, uint32_t sequence, int64_t sampled, int64_t received,
                   const int32_t* values, size_t stride) {
  auto& frame = spoke_of(received)[group];
  if (frame.size() == frame.row.capacity()) {
    // All spokes get three times the room that one has needed, more than chance will ask for again: the
    // wheel soon allocates no more.
    room_[group] = std::max({kLeastRoom, room_[group], 3 * frame.size()});
    for (auto& spoke : wheel_) spoke[group].reserve(room_[group], frame.value.size());
    frame.reserve(room_[group], frame.value.size());
  }
  frame.row.push_back(row);
  frame.sequence.push_back(sequence);
  frame.sampled_at.push_back(sampled);
  frame.received_at.push_back(received);
  for (size_t f = 0; f < frame.value.size(); ++f) frame.value[f].push_back(values[f * stride]);
}

/// Moves what has come near from the far frames into the wheel.
void InFlight::sort_in_far() {
  sorted_ = first_ + kSpokes;
  std::swap(far_, scratch_);
  for (size_t g = 0; g < scratch_.size(); ++g) {
    auto& frame = scratch_[g];
    for (size_t i = 0; i < frame.size(); ++i) append(spoke_of(frame.received_at[i])[g], frame, i);
    frame.clear();
  }
}

void InFlight::arrive(Time boundary, std::span<twin::Frame> out) {
  const int64_t last = cycle_of(boundary.ns);
  while (first_ <= last) {
    // The wheel ends half a turn ahead at the latest, unless boundaries leap.
    if (first_ + kSpokes / 2 >= sorted_) sort_in_far();
    auto& spoke = wheel_[static_cast<size_t>(first_ % kSpokes)];
    const bool whole = first_ * cycle_ <= boundary.ns;
    for (size_t g = 0; g < spoke.size(); ++g) {
      auto& frame = spoke[g];
      if (frame.size() == 0) continue;
      if (whole) {
        append_all(out[g], frame);
        frame.clear();
        continue;
      }
      // A boundary within a cycle: what comes later stays, in its order.
      auto& later = scratch_[g];
      for (size_t i = 0; i < frame.size(); ++i)
        append(frame.received_at[i] <= boundary.ns ? out[g] : later, frame, i);
      std::swap(frame, later);
      later.clear();
    }
    if (!whole) break;
    ++first_;
  }
}

size_t InFlight::lose(std::span<const Cut> cuts) {
  size_t lost = 0;
  const auto lose_of = [&](twin::Frame& frame) {
    lost += frame.erase_if([&](size_t i) {
      const auto cut = std::ranges::lower_bound(cuts, frame.row[i], {}, &Cut::row);
      return cut != cuts.end() && cut->row == frame.row[i] && frame.received_at[i] >= cut->at.ns;
    });
  };
  for (auto& spoke : wheel_) std::for_each(spoke.begin(), spoke.end(), lose_of);
  std::for_each(far_.begin(), far_.end(), lose_of);
  return lost;
}

size_t InFlight::size() const {
  size_t n = 0;
  for (const auto& spoke : wheel_)
    for (const auto& frame : spoke) n += frame.size();
  for (const auto& frame : far_) n += frame.size();
  return n;
}

void InFlight::save(ArchiveWriter& archive) const {
  archive.section("in_flight", 1);
  archive.put(first_);
  archive.put(sorted_);
  for (const auto& spoke : wheel_)
    for (const auto& frame : spoke) save_frame(archive, frame);
  for (const auto& frame : far_) save_frame(archive, frame);
}

void InFlight::restore(ArchiveReader& archive) {
  archive.section("in_flight", 1);
  first_ = archive.get<int64_t>();
  sorted_ = archive.get<int64_t>();
  for (auto& spoke : wheel_)
    for (auto& frame : spoke) restore_frame(archive, frame);
  for (auto& frame : far_) restore_frame(archive, frame);
}

}  // namespace looptwin::sim
