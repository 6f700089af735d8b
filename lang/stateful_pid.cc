// The PID controller; its contract stands in lang/stateful.h.
#include <algorithm>
#include <cmath>
#include <limits>

#include "lang/stateful_rows.h"

namespace looptwin::lang {
namespace {

constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinite = std::numeric_limits<double>::infinity();
constexpr double kDerivativeFilter = 10;  ///< the lag of the derivative is td by this (ISA: 8 to 20)

bool is_known(double x) { return x == x; }

struct Inputs {
  double sp, pv, kp, ti, td, ff, low, high, track, manual;

  Inputs(const StatefulBlock& b, size_t i)
      : sp(b.input(0, i)),
        pv(b.input(1, i)),
        kp(b.input(2, i)),
        ti(b.input(3, i)),
        td(b.input(4, i)),
        ff(b.input(5, i)),
        low(b.input(6, i)),
        high(b.input(7, i)),
        track(b.input(8, i)),
        manual(b.input(9, i)) {
    if (!is_known(low)) low = -kInfinite;
    if (!is_known(high)) high = kInfinite;
    if (td < 0) td = 0;
  }

  bool computable() const {
    return is_known(sp) && is_known(pv) && is_known(kp) && is_known(td) && is_known(ff);
  }
  bool integrates() const { return ti > 0 && ti < kInfinite; }
  double limited(double u) const { return u < low ? low : u > high ? high : u; }
};

/// One row's memory. `pv` is unknown while the controller does not run by itself: it then starts without a
/// step.
struct Memory {
  double &integral, &u, &e, &pv, &slope, &kp, &td;
  int64_t& when;
};

/// Automatic for the first time, or again: the integral is set so that u goes on from where it is.
void start(Memory& m, const Inputs& x) {
  const double e = x.sp - x.pv;
  const double from = is_known(x.track) ? x.track : m.u;
  m.integral = is_known(from) && x.integrates() ? x.limited(from) - x.ff - x.kp * e : 0.0;
  m.slope = 0;
  m.u = x.limited(x.ff + x.kp * e + m.integral);
  m.e = e;
}

void step(Memory& m, const Inputs& x, double dt) {
  const double e = x.sp - x.pv;
  // What the change of gains alone would move u by is taken out of the integral.
  if (x.integrates()) m.integral += (m.kp - x.kp) * m.e - (m.kp * m.td - x.kp * x.td) * m.slope;
  const double lag = x.td / kDerivativeFilter;
  m.slope = (lag * m.slope + (x.pv - m.pv)) / (lag + dt);
  const double rest = x.ff + x.kp * (e - x.td * m.slope);
  double u = rest;
  if (x.integrates()) {
    if (is_known(x.track)) {
      const double tt = x.td > 0 ? std::sqrt(x.ti * x.td) : x.ti;
      m.integral += std::min(dt / tt, 1.0) * (x.track - m.u);
    }
    // A step that would pass a limit ends there; where u is past it already the integral stands still.
    const double more = x.kp * e * dt / x.ti;
    u = rest + m.integral + more;
    if (u > x.high && more > 0) {
      m.integral = std::max(m.integral, x.high - rest);
    } else if (u < x.low && more < 0) {
      m.integral = std::min(m.integral, x.low - rest);
    } else {
      m.integral += more;
      u = rest + m.integral;
    }
  } else {
    m.integral = 0;
  }
  m.u = x.limited(u);
  m.e = e;
}

}  // namespace

void pid(const StatefulBlock& b) {
  for (size_t i = 0; i < b.rows; ++i) {
    Memory m{b.numbers(0)[i], b.numbers(1)[i], b.numbers(2)[i], b.numbers(3)[i],
             b.numbers(4)[i], b.numbers(5)[i], b.numbers(6)[i], b.integers(7)[i]};
    const Inputs x(b, i);
    if (m.when != b.now.ns) {
      if (x.manual == 0.0 && x.computable()) {
        if (is_known(m.pv)) {
          step(m, x, static_cast<double>(b.now.ns - m.when) / 1e9);
        } else {
          start(m, x);
        }
        m.pv = x.pv;
        m.kp = x.kp;
        m.td = x.td;
      } else {
        if (x.manual == 1.0 && is_known(x.track)) m.u = x.limited(x.track);
        m.pv = kUnknown;
      }
      m.when = b.now.ns;
    }
    b.out[i] = m.u;
  }
}

}  // namespace looptwin::lang
