// Operations that remember: what they keep in hidden columns, and how a block of rows is evaluated.
//
// Each is evaluated once per call at `now`. Called again at the same instant with the same inputs it returns
// the same and changes nothing. "Evaluation" below means an evaluation at another instant than the last one.
// State columns are complete: with them saved and restored, an operation goes on as if nothing had happened.
// Booleans are 0, ½, 1.
//
// held(c), `span`          1 once c has been true at every evaluation for `span`; 0 while c is false or not
// yet so
//                          long; ½ while c is unknown. False and unknown both make the delay start anew.
// rises(c), `span`         evaluations in (now − span, now] at which c was true having been false when last
// known.
//                          Kept in 64 panes of span/64, at most 255 in each, so an edge may leave up to one
//                          pane early (exact where the evaluations fall on multiples of span/64). Unknown
//                          while c is.
// time_true(c), `span`     s within (now − span, now] for which c was true; c holds from one evaluation to
// the next.
//                          Exact for 8 stretches of truth in the window; with more, the two oldest become one
//                          of the same total length, so that only the order in which they leave is inexact.
//                          Unknown while c is.
// previous(x)              x at the previous evaluation, unknown at the first. Where x is a column that this
// program
//                          itself stores, the column's value before this evaluation (that is what breaks a
//                          cycle).
// hysteresis(x, on, off,   on > off: 1 once x ≥ on, 0 once x ≤ off. on < off: 1 once x ≤ on, 0 once x ≥ off.
// Between, and
//   min_on, min_off)       while any of x, on, off is unknown, as before; 0 at the start. Having switched it
//   stays for
//                          at least min_on, min_off (s). Equal on and off act as on > off.
// latch(set, reset)        1 from set until reset; reset wins; unknown inputs change nothing; 0 at the start.
// ramp(target, up, down)   follows target by at most up·dt and down·dt (per s). Starts at the first known
// target. Holds
//                          while target or rate is unknown.
// stiction(x, band, jump)  rests where it is until |x − position| > band, then slips to within band − jump of
// x:
//                          position = x ∓ (band − jump). jump = band: it catches up; jump = 0: backlash.
//                          Starts at the first known x; holds while anything is unknown. After He, Wang,
//                          Pottmann, Qin, Ind. Eng. Chem. Res. 46 (2007): band = f_s, band − jump = f_d.
// machine(conditions)      a state, by its code; the first one at the first evaluation. At each evaluation
// the first
//                          transition, in written order, that leaves the state, whose condition is true (not
//                          unknown) and whose `after` the state has lasted, is taken, and no other. One to
//                          the same state starts its time anew.
// delay(x), number[0] = n  x of n evaluations ago; until there are so many, the first x.
// pid(sp, pv, kp, ti, td,  ISA standard form: u = ff + kp·(e + 1/ti·∫e dt − td·d(pv)/dt), e = sp − pv (a
// negative kp
//   ff, low, high, track,  acts directly), low ≤ u ≤ high, the limits after ff; an unknown limit is none.
//   manual)                · The integral is kept in units of the output, by the backward rectangle; ti = ∞
//   or ≤ 0 is none.
//                          · The derivative acts on pv, through a first-order lag of td/10, by the backward
//                          difference. · Windup: while u is at a limit the integral takes no step that drives
//                          it further out; one that would pass a limit ends there.
//                            Where `track` (the value that the inner loop or the actuator really has) is
//                            known the integral is moved by dt/tt·(track − last u), tt = √(ti·td), or ti
//                            where td is 0.
//                          · A change of kp, or of td, moves the integral so that it does not move u by
//                          itself. · manual: u = track where known, else the last u. Back to automatic, at
//                          the first evaluation,
//                            and after unknown inputs, the integral starts so that u goes on from there
//                            without a step.
//                          · While sp, pv, kp, td or ff is unknown, or manual is: u holds.
//                          Åström and Hägglund, Advanced PID Control (ISA, 2006), sections 3.4 to 3.7, 13.4.
// dt is the time since the operation's last evaluation, without what pause() was told of.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/time.h"
#include "lang/graph.h"

namespace looptwin::lang {

/// A hidden column of a stateful operation. It starts as unknown (f64), never (instant), or false (boolean);
/// a column of panes or of counts (instant storage with `zero`) starts at 0.
struct StateColumn {
  std::string name;
  Storage storage = Storage::f64;
  bool zero = false;
};

/// A machine's transitions, by the states that they leave, in written order.
struct MachineTable {
  struct Exit {
    uint32_t condition = 0;  ///< index of the argument
    uint8_t to = 0;
    Duration after{};
  };
  size_t initial = 0;
  std::vector<std::vector<Exit>> exits;  ///< [state]
};

/// What distinguishes one stateful operation from another of the same kind, apart from its inputs.
struct StatefulKind {
  Op op = Op::held;
  Duration span{};
  size_t periods = 0;       ///< delay
  bool own_column = false;  ///< previous, of a column that the same program stores
  MachineTable machine{};
};

StatefulKind stateful_kind(const Node& node);
std::vector<StateColumn> state_of(const StatefulKind& kind);

/// One block of rows. Inputs and `out` begin at its first row; an input of stride 0 is one value for all
/// rows. `out` may be one of the inputs. `state` are the columns of state_of() at the first row. `due` as in
/// Program::run, may be null.
struct StatefulBlock {
  Time now;
  size_t first = 0;
  size_t rows = 0;
  const double* const* in = nullptr;
  const size_t* stride = nullptr;
  void* const* state = nullptr;
  double* out = nullptr;
  Time* due = nullptr;

  double input(size_t k, size_t row) const { return in[k][row * stride[k]]; }
  double* numbers(size_t k) const { return static_cast<double*>(state[k]); }
  int64_t* integers(size_t k) const { return static_cast<int64_t*>(state[k]); }
  uint8_t* flags(size_t k) const { return static_cast<uint8_t*>(state[k]); }
  void report(size_t row, Time when) const {
    if (due != nullptr && when < due[(first + row) / 64]) due[(first + row) / 64] = when;
  }
};

void evaluate(const StatefulKind& kind, const StatefulBlock& block);

/// Rows that are not evaluated for `gap` beside the usual. ramp and pid go on as if it had not been; for
/// time_true nothing was true in it.
struct Pause {
  enum class Of : uint8_t {
    device,   ///< had no power: held, least times and a machine's `after` stood still as well
    observer  ///< did not look: held begins anew unless it had run out; what goes by time alone went on
  };
  Of of = Of::device;
  Time from;  ///< of an observer: the boundary at which it last looked
  Duration gap;
};
/// `state` as in StatefulBlock.
void pause(const StatefulKind& kind, void* const* state, size_t rows, const Pause& pause);

}  // namespace looptwin::lang
