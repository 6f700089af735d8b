// An island's faults: spells that begin, which rows have power and a connection, and what the broker notices
// of it.
#include <algorithm>
#include <cstring>

#include "sim/island.h"

namespace looptwin::sim {

void Island::disturb(Time until) {
  disturbances_.until(until, [this](const Spell& spell) { begin_spell(spell); });
  if (sessions_.empty()) return;
  std::sort(sessions_.begin(), sessions_.end(), [](const Cut& a, const Cut& b) { return a.row < b.row; });
  counters_.lost += in_flight_.lose(sessions_);
  sessions_.clear();
}

void Island::begin_spell(const Spell& spell) {
  auto& slice = slices_[slice_of(spell.row)];
  const auto by_row = [](const Spell& a, const Spell& b) {
    return a.row != b.row ? a.row < b.row : a.from < b.from;
  };
  slice.spells.insert(std::upper_bound(slice.spells.begin(), slice.spells.end(), spell, by_row), spell);
  if (spell.kind == FaultKind::restart && uplink(spell.row) != kNoUplink &&
      (static_cast<uint8_t>(spell.value) & static_cast<uint8_t>(Kept::queue)) == 0)
    forgotten_.push_back({spell.row, spell.from});
  if (spell.kind != FaultKind::link_down) return;

  // What is on its way down when the link breaks is lost.
  counters_.lost += std::erase_if(slice.inbox, [&](const Pending& p) {
    return p.command.device.row.value == spell.row && p.arrival >= spell.from;
  });
  slice.arrival = kNever;
  for (const auto& p : slice.inbox) slice.arrival = std::min(slice.arrival, p.arrival);

  // What is on its way up when the broker goes is lost with the session, and the broker knows at once.
  if (spell.broker != kNever) {
    counters_.lost += std::erase_if(acknowledgements_, [&](const twin::Acknowledgement& a) {
      return a.device.row.value == spell.row && a.received_at >= spell.broker;
    });
    sessions_.push_back({spell.row, spell.broker});
  }
  const Time noticed =
      std::min(spell.broker, spell.to - spell.from > kKeepAlive ? spell.from + kKeepAlive : spell.to);
  ringing_.push_back({noticed, spell.row, 0});
  std::push_heap(ringing_.begin(), ringing_.end());
  if (spell.to == kNever) return;
  ringing_.push_back({spell.to, spell.row, 1});
  std::push_heap(ringing_.begin(), ringing_.end());
}

std::span<const Spell> Island::spells_of(const Slice& slice, size_t row) {
  const auto less = [](const Spell& s, size_t r) { return s.row < r; };
  const auto begin = std::lower_bound(slice.spells.begin(), slice.spells.end(), row, less);
  const auto end = std::lower_bound(begin, slice.spells.end(), row + 1, less);
  return {begin, end};
}

bool Island::is(const Slice& slice, size_t row, FaultKind kind, Time t) {
  if (slice.spells.empty()) return false;
  for (const auto& spell : spells_of(slice, row))
    if (spell.kind == kind && spell.at(t)) return true;
  return false;
}

/// Whether nothing is wrong with its devices but their links.
bool Island::sound(const Slice& slice) {
  return std::all_of(slice.spells.begin(), slice.spells.end(), [](const Spell& s) {
    return s.kind == FaultKind::link_down || s.kind == FaultKind::loss;
  });
}

bool Island::is_off(const Slice& slice, size_t row, Time t) {
  return is(slice, row, FaultKind::device_off, t) || is(slice, row, FaultKind::restart, t);
}

/// The spell in which the row's link is down at t, or null.
const Spell* Island::link_spell(const Slice& slice, size_t row, Time t) {
  if (slice.spells.empty()) return nullptr;
  for (const auto& spell : spells_of(slice, row))
    if (spell.kind == FaultKind::link_down && spell.at(t)) return &spell;
  return nullptr;
}

/// Whether the broker ends the row's session while a message is on its way.
bool Island::lost_with_session(const Slice& slice, size_t row, Time leaves, Time received) {
  if (slice.spells.empty()) return false;
  for (const auto& spell : spells_of(slice, row))
    if (spell.kind == FaultKind::link_down && leaves < spell.from && spell.broker <= received) return true;
  return false;
}

/// The first instant at or after t at which the row's link is up.
Time Island::connected(const Slice& slice, size_t row, Time t) {
  const Spell* down = link_spell(slice, row, t);
  return down != nullptr ? down->to : t;
}

/// Whether a message that leaves at t falls to a burst of losses.
bool Island::lost_in_fault(const Slice& slice, size_t row, Time t, Direction direction,
                           uint64_t counter) const {
  if (slice.spells.empty()) return false;
  for (const auto& spell : spells_of(slice, row))
    if (spell.kind == FaultKind::loss && spell.at(t) &&
        loss_streams_[static_cast<size_t>(direction)].uniform(model_.keys[row], counter) < spell.value)
      return true;
  return false;
}

/// Devices that have begun to restart since the last grid point lose what they do not keep.
void Island::restart(Slice& slice, int64_t g) {
  for (auto& spell : slice.spells) {
    if (spell.kind != FaultKind::restart || spell.flag != 0 || spell.from > time(g)) continue;
    spell.flag = 1;
    forget(slice, spell.row, static_cast<uint8_t>(spell.value));
  }
}

void Island::forget(Slice& slice, size_t row, uint8_t keeps) {
  const auto kept = [&](Kept what) { return (keeps & static_cast<uint8_t>(what)) != 0; };
  if (!kept(Kept::numbers))
    for (auto& numbers : sequence_) numbers[row - shard_.first] = 0;
  if (!kept(Kept::commands)) slice.remembered.forget(row - slice.first);
  if (!kept(Kept::controller)) {
    if (model_.controller) model_.controller->program.reset(row, 1);
    if (model_.controller_code) model_.controller_code->reset(row, 1);
    if (model_.refuses) model_.refuses->program.reset(row, 1);
    for (const auto& signal : model_.signals) {
      const auto cell = signal.cell(row);
      std::memset(cell.data(), signal.initial.value_or(0), cell.size());
    }
    for (auto& before : before_of(slice, row)) before.value = 0;
  }
  if (kept(Kept::setpoints)) return;
  for (size_t s = 0; s < model_.setpoints.size(); ++s) {
    model_.setpoints[s].set(row, model_.setpoints[s].initial);
    if (!model_.refuses) continue;
    auto& holder = override_of(s, row);
    slice.overridden -= holder != 0 ? 1 : 0;
    holder = 0;
  }
}

void Island::ring(Time boundary, Arrivals& arrivals) {
  const auto report = [&](uint32_t row, bool online, Time at) {
    arrivals.presence.push_back({{model_.table, Row(row)}, online, at});
  };
  if (!announced_ && model_.connected()) {
    for (const auto& slice : slices_)
      for (size_t row = slice.first; row < slice.first + slice.rows; ++row)
        if (connected(slice, row, kStart) == kStart) report(static_cast<uint32_t>(row), true, kStart);
  }
  announced_ = true;
  while (!ringing_.empty() && ringing_.front().at <= boundary) {
    const auto r = ringing_.front();
    std::pop_heap(ringing_.begin(), ringing_.end());
    ringing_.pop_back();
    report(r.row, r.online != 0, r.at);
  }
}

}  // namespace looptwin::sim
