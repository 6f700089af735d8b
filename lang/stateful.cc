#include "lang/stateful.h"

#include <algorithm>
#include <limits>

#include "base/check.h"
#include "lang/kernels.h"
#include "lang/stateful_rows.h"

namespace looptwin::lang {
namespace {

constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();
constexpr int64_t kNeverYet = std::numeric_limits<int64_t>::min();

bool is_known(double x) { return x == x; }

double seconds_since(Time now, int64_t then_ns) { return static_cast<double>(now.ns - then_ns) / 1e9; }

/// State: `at_last`, x at the last evaluation; `before`, the output; `when` the last evaluation was.
void previous(const StatefulBlock& b, bool own_column) {
  double* const at_last = b.numbers(0);
  double* const before = b.numbers(1);
  int64_t* const when = b.integers(2);
  for (size_t i = 0; i < b.rows; ++i) {
    const double x = b.input(0, i);
    if (when[i] != b.now.ns) {
      // A column of this program still has its value of the last evaluation; it has one once there was a
      // first.
      before[i] = !own_column ? at_last[i] : when[i] == kNeverYet ? kUnknown : x;
      when[i] = b.now.ns;
    }
    at_last[i] = x;
    const bool settled = before[i] == x || (!is_known(before[i]) && !is_known(x));
    if (!settled) b.report(i, b.now + nanoseconds(1));
    b.out[i] = before[i];
  }
}

/// One row of a hysteresis whose output is to change: it does, unless it must wait.
void switch_over(const StatefulBlock& b, size_t i, double least) {
  uint8_t* const state = b.flags(0);
  int64_t* const since = b.integers(1);
  // An unknown least time is none.
  const bool waits = since[i] != kNeverYet && seconds_since(b.now, since[i]) < least;
  if (waits) {
    b.report(i, Time{since[i]} + Duration{static_cast<int64_t>(std::min(least, 9e9) * 1e9)});
  } else {
    state[i] ^= 1;
    since[i] = b.now.ns;
  }
}

/// The common case, all limits the same for all rows: what each row wants as a column, then the few that
/// switch.
void hysteresis_between(const StatefulBlock& b, double on, double off) {
  uint8_t* const state = b.flags(0);
  const double* const x = b.in[0];
  double* const out = b.out;
  if (kernels(simd()).between(out, x, state, on, off, b.rows) == 0) return;
  for (size_t i = 0; i < b.rows; ++i) {
    if (out[i] == static_cast<double>(state[i])) continue;
    switch_over(b, i, b.input(state[i] != 0 ? 3 : 4, 0));
    out[i] = state[i];
  }
}

/// State: `on`, `since` when.
void hysteresis(const StatefulBlock& b) {
  uint8_t* const state = b.flags(0);
  const bool same_limits =
      b.stride[0] == 1 && b.stride[1] == 0 && b.stride[2] == 0 && b.stride[3] == 0 && b.stride[4] == 0;
  if (same_limits && is_known(b.input(1, 0)) && is_known(b.input(2, 0)))
    return hysteresis_between(b, b.input(1, 0), b.input(2, 0));
  for (size_t i = 0; i < b.rows; ++i) {
    const double x = b.input(0, i), on = b.input(1, i), off = b.input(2, i);
    bool wanted = state[i] != 0;
    if (is_known(x) && is_known(on) && is_known(off)) {
      const bool rising = on >= off;
      if (rising ? x >= on : x <= on) {
        wanted = true;
      } else if (rising ? x <= off : x >= off) {
        wanted = false;
      }
    }
    if (wanted != (state[i] != 0)) switch_over(b, i, b.input(state[i] != 0 ? 3 : 4, i));
    b.out[i] = state[i];
  }
}

/// State: `on`.
void latch(const StatefulBlock& b) {
  uint8_t* const state = b.flags(0);
  for (size_t i = 0; i < b.rows; ++i) {
    const bool set = b.input(0, i) == 1.0, reset = b.input(1, i) == 1.0;
    state[i] = reset ? 0 : set ? 1 : state[i];
    b.out[i] = state[i];
  }
}

/// State: `value`, `when` it was.
void ramp(const StatefulBlock& b) {
  double* const value = b.numbers(0);
  int64_t* const when = b.integers(1);
  for (size_t i = 0; i < b.rows; ++i) {
    const double target = b.input(0, i), up = b.input(1, i), down = b.input(2, i);
    if (!is_known(value[i])) {
      value[i] = target;
    } else if (is_known(target) && is_known(up) && is_known(down)) {
      const double dt = seconds_since(b.now, when[i]);
      // A rate without limit over no time at all is no step.
      const double rise = dt > 0 ? std::max(up, 0.0) * dt : 0.0,
                   fall = dt > 0 ? std::max(down, 0.0) * dt : 0.0;
      const double step = target - value[i];
      value[i] = step > rise ? value[i] + rise : step < -fall ? value[i] - fall : target;
    }
    when[i] = b.now.ns;
    b.out[i] = value[i];
  }
}

/// State: `value`, the output; `when` the last evaluation was; `count` of evaluations; then the ring.
void delay(const StatefulBlock& b, size_t periods) {
  double* const value = b.numbers(0);
  int64_t* const when = b.integers(1);
  int64_t* const count = b.integers(2);
  for (size_t i = 0; i < b.rows; ++i) {
    const double x = b.input(0, i);
    if (periods == 0) {
      b.out[i] = x;
      continue;
    }
    if (when[i] == kNeverYet) {
      for (size_t k = 0; k < periods; ++k) b.numbers(3 + k)[i] = x;
    }
    if (when[i] != b.now.ns) {
      when[i] = b.now.ns;
      count[i] = (count[i] + 1) % static_cast<int64_t>(periods);
      value[i] = b.numbers(3 + static_cast<size_t>(count[i]))[i];
    }
    b.numbers(3 + static_cast<size_t>(count[i]))[i] = x;
    b.out[i] = value[i];
  }
}

}  // namespace

StatefulKind stateful_kind(const Node& node) {
  StatefulKind kind{.op = node.op, .span = node.span};
  if (node.op == Op::delay) {
    LT_CHECK(node.number.size() == 1 && node.number[0] >= 0, "a delay without its number of periods");
    kind.periods = static_cast<size_t>(node.number[0]);
  }
  if (node.op == Op::machine) kind.machine = machine_table(node.number);
  return kind;
}

std::vector<StateColumn> state_of(const StatefulKind& kind) {
  using enum Storage;
  std::vector<StateColumn> columns;
  const auto several = [&](size_t n, const char* name, Storage storage, bool zero) {
    for (size_t k = 0; k < n; ++k)
      columns.push_back({std::string(name).append(std::to_string(k)), storage, zero});
  };
  switch (kind.op) {
    case Op::held:
      return {{"since", instant}};
    case Op::previous:
      return {{"last", f64}, {"before", f64}, {"when", instant}};
    case Op::hysteresis:
      return {{"on", boolean}, {"since", instant}};
    case Op::latch:
      return {{"on", boolean}};
    case Op::ramp:
      return {{"value", f64}, {"when", instant}};
    case Op::stiction:
      return {{"position", f64}};
    case Op::machine:
      return {{"state", f64}, {"since", instant}, {"when", instant}};
    case Op::rises:
      columns = {{"was", f64}, {"pane", instant}};
      several(kRisePanes / 8, "counts", instant, true);
      return columns;
    case Op::time_true:
      several(kStretches, "from", instant, false);
      several(kStretches, "to", instant, false);
      return columns;
    case Op::delay:
      columns = {{"value", f64}, {"when", instant}, {"count", instant, true}};
      several(kind.periods, "x", f64, false);
      return columns;
    case Op::pid:
      return {{"integral", f64}, {"u", f64},  {"e", f64},  {"pv", f64},
              {"slope", f64},    {"kp", f64}, {"td", f64}, {"when", instant}};
    default:
      LT_CHECK(false, std::string("not stateful: ") + name_of(kind.op));
  }
}

void evaluate(const StatefulKind& kind, const StatefulBlock& block) {
  switch (kind.op) {
    case Op::held:
      return held(block, kind.span);
    case Op::rises:
      return rises(block, kind.span);
    case Op::time_true:
      return time_true(block, kind.span);
    case Op::previous:
      return previous(block, kind.own_column);
    case Op::hysteresis:
      return hysteresis(block);
    case Op::latch:
      return latch(block);
    case Op::ramp:
      return ramp(block);
    case Op::delay:
      return delay(block, kind.periods);
    case Op::pid:
      return pid(block);
    case Op::stiction:
      return stiction(block);
    case Op::machine:
      return machine(block, kind.machine);
    default:
      LT_CHECK(false, name_of(kind.op));
  }
}

void pause(const StatefulKind& kind, void* const* state, size_t rows, const Pause& pause) {
  const StatefulBlock block{.now = pause.from, .rows = rows, .state = state};
  const bool of_device = pause.of == Pause::Of::device;
  const auto move_on = [&](size_t column) {
    int64_t* const instants = block.integers(column);
    for (size_t i = 0; i < rows; ++i)
      if (instants[i] != kNeverYet) instants[i] += pause.gap.ns;
  };
  switch (kind.op) {
    case Op::held: {
      if (of_device) return move_on(0);
      int64_t* const since = block.integers(0);
      for (size_t i = 0; i < rows; ++i)
        if (since[i] != kNeverYet && Time{since[i]} + kind.span > pause.from) since[i] = kNeverYet;
      return;
    }
    case Op::hysteresis:
    case Op::machine:
      return of_device ? move_on(1) : void();
    case Op::ramp:
      return move_on(1);
    case Op::pid:
      return move_on(7);
    case Op::time_true:
      return pause_time_true(block, pause.from);
    default:
      return;  // the others count evaluations, or know no time
  }
}

}  // namespace looptwin::lang
