#include "lang/plant_events.h"

#include <algorithm>
#include <cstring>
#include <limits>

namespace looptwin::lang {
namespace {

/// A crossing is located to this part of the step; a step may hold this many events of a row.
constexpr double kTolerance = 1.0 / (1 << 30);
constexpr size_t kMostEvents = 1000;

template <typename T>
std::vector<T*> bound(const std::vector<ColumnId>& columns, TableId table, Memory& memory) {
  std::vector<T*> pointers;
  for (const ColumnId column : columns) pointers.push_back(static_cast<T*>(memory.column(table, column)));
  return pointers;
}

}  // namespace

void EventStepper::bind(EventCode& code, TableId table, Memory& memory) {
  code.conditions.bind(memory);
  code.margins.bind(memory);
  for (Program& reset : code.resets) reset.bind(memory);
  state_ = bound<double>(code.state, table, memory);
  trial_ = bound<double>(code.trial, table, memory);
  margin_ = bound<double>(code.margin, table, memory);
  open_ = bound<uint8_t>(code.open, table, memory);
  was_ = bound<uint8_t>(code.was, table, memory);
  left_ = static_cast<double*>(memory.column(table, code.left));
}

void EventStepper::start(size_t first, size_t count) const {
  for (uint8_t* was : was_) std::memset(was + first, 0, count);
}

/// The trial becomes the state.
void EventStepper::take(size_t first, size_t count) const {
  for (size_t s = 0; s < state_.size(); ++s)
    std::memcpy(state_[s] + first, trial_[s] + first, count * sizeof(double));
}

/// The state becomes the trial.
void EventStepper::put_back(size_t first, size_t count) const {
  for (size_t s = 0; s < state_.size(); ++s)
    std::memcpy(trial_[s] + first, state_[s] + first, count * sizeof(double));
}

bool EventStepper::risen(size_t row) const {
  for (size_t k = 0; k < open_.size(); ++k)
    if (open_[k][row] == 1 && was_[k][row] == 0) return true;
  return false;
}

/// No event has risen here: what is no longer true may rise again.
void EventStepper::settle(size_t row) const {
  for (size_t k = 0; k < open_.size(); ++k) was_[k][row] = open_[k][row] == 1;
}

/// What is not true at an instant may rise again, at that instant as well.
void EventStepper::let_go(size_t row) const {
  for (size_t k = 0; k < open_.size(); ++k) was_[k][row] = was_[k][row] != 0 && open_[k][row] == 1;
}

void EventStepper::try_step(const EventCode& code, const Instant& instant, size_t row, double left) const {
  left_[row] = left;
  code.advance->run(instant, row, 1);
  code.conditions.run(instant, row, 1);
}

/// Fires what has risen on the trial, the first in written order at a time, until nothing has: an event's
/// reset may close another, or raise it. False where that does not end.
bool EventStepper::fire(const EventCode& code, const Instant& instant, size_t row, size_t& fired,
                        size_t& last) const {
  let_go(row);
  while (risen(row)) {
    size_t k = 0;
    while (open_[k][row] != 1 || was_[k][row] != 0) ++k;
    last = k;
    if (++fired > kMostEvents) return false;
    code.resets[k].run(instant, row, 1);
    was_[k][row] = 1;
    code.conditions.run(instant, row, 1);
    let_go(row);
  }
  settle(row);
  return true;
}

/// Of the trial: above 0 where something has risen, below 0 where nothing has.
double EventStepper::margin(const EventCode& code, const Instant& instant, size_t row) const {
  code.margins.run(instant, row, 1);
  double most = -std::numeric_limits<double>::infinity();
  for (size_t k = 0; k < margin_.size(); ++k)
    if (was_[k][row] == 0) most = std::max(most, margin_[k][row]);
  return most;
}

/// How long after the state the first event rises, given that one has after `left`; the trial is left there.
/// Whether something has risen decides; the margins only say where to look next: where the straight line
/// between both ends goes through 0, the margin of an end that stays being halved (the Illinois method), and
/// each fourth time in the middle.
double EventStepper::locate(const EventCode& code, const Instant& instant, size_t row, double left) const {
  double before = 0, after = left;
  const double near = code.step.seconds() * kTolerance;
  double margin_after = margin(code, instant, row);
  put_back(row, 1);
  double margin_before = margin(code, instant, row);
  int last = 0;
  bool there = false;
  for (int n = 1; after - before > near; ++n) {
    double part = margin_before / (margin_before - margin_after);
    if (n % 4 == 0 || !(part > 0 && part < 1)) part = 0.5;
    const double at = std::clamp(before + part * (after - before), before + near / 2, after - near / 2);
    try_step(code, instant, row, at);
    there = risen(row);
    (there ? after : before) = at;
    (there ? margin_after : margin_before) = margin(code, instant, row);
    const int side = there ? 1 : -1;
    if (side == last) (there ? margin_before : margin_after) /= 2;
    last = side;
  }
  if (!there) try_step(code, instant, row, after);
  return after;
}

/// A row on whose trial of the whole step something has risen. False where its events do not end: the row
/// then stands where the last of them left it.
bool EventStepper::cross(const EventCode& code, const Instant& instant, size_t row, size_t& last) const {
  double left = code.step.seconds();
  size_t fired = 0;
  while (risen(row)) {
    const double at = locate(code, instant, row, left);
    const bool ends = fire(code, instant, row, fired, last);
    if (!ends) return false;
    left -= at;
    if (left <= 0) return true;
    take(row, 1);
    try_step(code, instant, row, left);
  }
  settle(row);
  return true;
}

std::optional<Crowded> EventStepper::advance(const EventCode& code, const Instant& instant, size_t first,
                                             size_t count) const {
  std::optional<Crowded> crowded;
  size_t last = 0;
  const auto note = [&](size_t row) {
    if (!crowded) crowded = Crowded{row, last};
  };
  // Inputs have changed since the last step: what they make true happens at the grid point.
  put_back(first, count);
  code.conditions.run(instant, first, count);
  for (size_t row = first; row < first + count; ++row) {
    size_t fired = 0;
    if (!risen(row)) {
      settle(row);
      continue;
    }
    if (!fire(code, instant, row, fired, last)) note(row);
    take(row, 1);
  }
  std::fill_n(left_ + first, count, code.step.seconds());
  code.advance->run(instant, first, count);
  code.conditions.run(instant, first, count);
  for (size_t row = first; row < first + count; ++row) {
    if (!risen(row)) {
      settle(row);
    } else if (!cross(code, instant, row, last)) {
      note(row);
    }
  }
  take(first, count);
  return crowded;
}

}  // namespace looptwin::lang
