// An island's faults: spells that begin, which rows have power and a connection, and what the broker notices
// of it.
#include <algorithm>

#include "sim/island.h"

namespace looptwin::sim {

void Island::begin_spell(const Spell& spell) {
  auto& slice = slices_[slice_of(spell.row)];
  const auto by_row = [](const Spell& a, const Spell& b) {
    return a.row != b.row ? a.row < b.row : a.from < b.from;
  };
  slice.spells.insert(std::upper_bound(slice.spells.begin(), slice.spells.end(), spell, by_row), spell);
  if (spell.kind != FaultKind::link_down) return;

  // What is on its way down when the link breaks is lost.
  counters_.lost += std::erase_if(slice.inbox, [&](const Pending& p) {
    return p.command.device.row.value == spell.row && p.arrival >= spell.from;
  });
  slice.arrival = kNever;
  for (const auto& p : slice.inbox) slice.arrival = std::min(slice.arrival, p.arrival);

  const Time noticed = spell.to - spell.from > kKeepAlive ? spell.from + kKeepAlive : spell.to;
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

/// The first instant at or after t at which the row's link is up.
Time Island::connected(const Slice& slice, size_t row, Time t) {
  if (slice.spells.empty()) return t;
  for (const auto& spell : spells_of(slice, row))
    if (spell.kind == FaultKind::link_down && spell.at(t)) return spell.to;
  return t;
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
