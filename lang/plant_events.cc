#include "lang/plant_events.h"

#include <algorithm>
#include <cstring>

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
  for (Program& reset : code.resets) reset.bind(memory);
  state_ = bound<double>(code.state, table, memory);
  trial_ = bound<double>(code.trial, table, memory);
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

void EventStepper::try_step(const EventCode& code, const Instant& instant, size_t row, double left) const {
  left_[row] = left;
  code.advance->run(instant, row, 1);
  code.conditions.run(instant, row, 1);
}

/// Fires what has risen on the trial, the first in written order at a time, until nothing has: an event's
/// reset may close another, or raise it. False where that does not end.
bool EventStepper::fire(const EventCode& code, const Instant& instant, size_t row, size_t& fired,
                        size_t& last) const {
  while (risen(row)) {
    size_t k = 0;
    while (open_[k][row] != 1 || was_[k][row] != 0) ++k;
    last = k;
    if (++fired > kMostEvents) return false;
    code.resets[k].run(instant, row, 1);
    was_[k][row] = 1;
    code.conditions.run(instant, row, 1);
    for (size_t j = 0; j < open_.size(); ++j) was_[j][row] = was_[j][row] != 0 && open_[j][row] == 1;
  }
  settle(row);
  return true;
}

/// How long after the state the first event rises, given that one has after `left`; the trial is left there.
double EventStepper::locate(const EventCode& code, const Instant& instant, size_t row, double left) const {
  double before = 0, after = left;
  const double near = code.step.seconds() * kTolerance;
  while (after - before > near) {
    const double middle = 0.5 * (before + after);
    try_step(code, instant, row, middle);
    (risen(row) ? after : before) = middle;
  }
  try_step(code, instant, row, after);
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
