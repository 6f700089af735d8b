// machine: a state that changes by transitions.
#include <algorithm>
#include <limits>

#include "base/check.h"
#include "lang/stateful_rows.h"

namespace looptwin::lang {
namespace {

constexpr int64_t kNone = std::numeric_limits<int64_t>::min();

}  // namespace

/// `numbers`: how many states, which first; then of each transition where to, after how many ns, how many
/// states it leaves, and which.
MachineTable machine_table(const std::vector<double>& numbers) {
  size_t at = 0;
  const auto next = [&] {
    LT_CHECK(at < numbers.size(), "a machine's table ends early");
    return numbers[at++];
  };
  MachineTable table;
  table.exits.resize(static_cast<size_t>(next()));
  table.initial = static_cast<size_t>(next());
  for (uint32_t k = 0; at < numbers.size(); ++k) {
    MachineTable::Exit exit{.condition = k};
    exit.to = static_cast<uint8_t>(next());
    exit.after = Duration{static_cast<int64_t>(next())};
    for (auto leaves = static_cast<size_t>(next()); leaves > 0; --leaves)
      table.exits.at(static_cast<size_t>(next())).push_back(exit);
  }
  return table;
}

/// State: `state`, `since` when, `when` the last evaluation was.
void machine(const StatefulBlock& b, const MachineTable& table) {
  double* const state = b.numbers(0);
  int64_t* const since = b.integers(1);
  int64_t* const when = b.integers(2);
  for (size_t i = 0; i < b.rows; ++i) {
    if (since[i] == kNone) {
      state[i] = static_cast<double>(table.initial);
      since[i] = b.now.ns;
    }
    if (when[i] != b.now.ns) {
      for (const auto& exit : table.exits[static_cast<size_t>(state[i])]) {
        if (b.input(exit.condition, i) != 1.0 || b.now < Time{since[i]} + exit.after) continue;
        state[i] = exit.to;
        since[i] = b.now.ns;
        break;
      }
      when[i] = b.now.ns;
    }
    // What a transition can do by itself: its time comes, or it has been open since the state was entered
    // just now.
    for (const auto& exit : table.exits[static_cast<size_t>(state[i])]) {
      const Time open = Time{since[i]} + std::max(exit.after, nanoseconds(1));
      if (open > b.now) b.report(i, open);
    }
    b.out[i] = state[i];
  }
}

/// State: `position`.
void stiction(const StatefulBlock& b) {
  double* const position = b.numbers(0);
  for (size_t i = 0; i < b.rows; ++i) {
    const double x = b.input(0, i), band = b.input(1, i), jump = b.input(2, i);
    if (position[i] != position[i]) {
      position[i] = x;
    } else if (x == x && band == band && jump == jump) {
      const double lag = std::max(band - jump, 0.0);
      const double apart = x - position[i];
      if (apart > band) position[i] = x - lag;
      if (apart < -band) position[i] = x + lag;
    }
    b.out[i] = position[i];
  }
}

}  // namespace looptwin::lang
