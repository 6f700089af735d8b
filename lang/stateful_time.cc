// held, rises, time_true: conditions over time.
#include <algorithm>
#include <limits>

#include "lang/stateful_rows.h"

namespace looptwin::lang {
namespace {

constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();
constexpr double kUndecided = 0.5;
constexpr int64_t kNone = std::numeric_limits<int64_t>::min();

bool undecided(double condition) { return condition != 0.0 && condition != 1.0; }

}  // namespace

/// State: `since` when the condition has been true, never where it is not.
void held(const StatefulBlock& b, Duration span) {
  int64_t* const since = b.integers(0);
  for (size_t i = 0; i < b.rows; ++i) {
    const double c = b.input(0, i);
    if (c != 1.0) {
      since[i] = kNone;
      b.out[i] = undecided(c) ? kUndecided : 0.0;
      continue;
    }
    if (since[i] == kNone) since[i] = b.now.ns;
    const Time full = Time{since[i]} + span;
    if (b.now < full) b.report(i, full);
    b.out[i] = b.now < full ? 0.0 : 1.0;
  }
}

namespace {

/// The counts of a row: pane p (its start divided by the pane's length) is kept at p mod 64.
class Panes {
 public:
  Panes(const StatefulBlock& block, size_t row) : block_(block), row_(row) {}

  uint8_t get(int64_t pane) const { return static_cast<uint8_t>(word(pane) >> shift(pane)); }
  void set(int64_t pane, uint8_t count) {
    int64_t& w = word(pane);
    const uint64_t mask = uint64_t{0xff} << shift(pane);
    w = static_cast<int64_t>((static_cast<uint64_t>(w) & ~mask) | uint64_t{count} << shift(pane));
  }

 private:
  static size_t place(int64_t pane) { return static_cast<size_t>(pane) % kRisePanes; }
  static int shift(int64_t pane) { return static_cast<int>(place(pane) % 8) * 8; }
  int64_t& word(int64_t pane) const { return block_.integers(2 + place(pane) / 8)[row_]; }

  const StatefulBlock& block_;
  const size_t row_;
};

}  // namespace

/// State: `was`, the condition when last known; `pane`, the newest; eight columns of counts.
void rises(const StatefulBlock& b, Duration span) {
  const Duration length{std::max<int64_t>(span.ns / static_cast<int64_t>(kRisePanes), 1)};
  const int64_t newest = floor_to(b.now, length).ns / length.ns;
  double* const was = b.numbers(0);
  int64_t* const pane = b.integers(1);
  for (size_t i = 0; i < b.rows; ++i) {
    Panes panes(b, i);
    if (pane[i] != kNone) {
      // Panes that have left the window, or were passed over, count nothing.
      const int64_t from = std::max(pane[i] + 1, newest - static_cast<int64_t>(kRisePanes) + 1);
      for (int64_t p = from; p <= newest; ++p) panes.set(p, 0);
    }
    pane[i] = newest;
    const double c = b.input(0, i);
    if (c == 1.0 && was[i] == 0.0 && panes.get(newest) < 255) panes.set(newest, panes.get(newest) + 1);
    if (!undecided(c)) was[i] = c;
    int total = 0;
    int64_t oldest = kNone;
    for (int64_t p = newest - static_cast<int64_t>(kRisePanes) + 1; p <= newest; ++p) {
      if (panes.get(p) > 0 && oldest == kNone) oldest = p;
      total += panes.get(p);
    }
    if (oldest != kNone) b.report(i, Time{(oldest + static_cast<int64_t>(kRisePanes)) * length.ns});
    b.out[i] = undecided(c) ? kUnknown : total;
  }
}

namespace {

/// The stretches of truth of one row, oldest first; none beyond the last. The last is open while its `to` is
/// none.
class Stretches {
 public:
  Stretches(const StatefulBlock& block, size_t row) : block_(block), row_(row) {
    while (size_ < kStretches && from(size_) != kNone) ++size_;
  }

  int64_t& from(size_t k) const { return block_.integers(k)[row_]; }
  int64_t& to(size_t k) const { return block_.integers(kStretches + k)[row_]; }
  size_t size() const { return size_; }
  bool open() const { return size_ > 0 && to(size_ - 1) == kNone; }
  void close(Time now) { to(size_ - 1) = now.ns; }

  void add(Time now) {
    if (size_ == kStretches) {
      // The two oldest become one that ends with the second and is as long as both.
      from(1) -= to(0) - from(0);
      drop_oldest();
    }
    from(size_) = now.ns;
    to(size_) = kNone;
    ++size_;
  }

  /// Forgets what ended before `begin`.
  void forget(Time begin) {
    while (size_ > 0 && to(0) != kNone && to(0) <= begin.ns) drop_oldest();
  }

 private:
  void drop_oldest() {
    for (size_t k = 0; k + 1 < size_; ++k) from(k) = from(k + 1), to(k) = to(k + 1);
    --size_;
    from(size_) = to(size_) = kNone;
  }

  const StatefulBlock& block_;
  const size_t row_;
  size_t size_ = 0;
};

}  // namespace

void pause_time_true(const StatefulBlock& b, Time from) {
  for (size_t i = 0; i < b.rows; ++i)
    if (Stretches stretches(b, i); stretches.open()) stretches.close(from);
}

/// State: eight columns `from`, eight `to`.
void time_true(const StatefulBlock& b, Duration span) {
  const Time begin = b.now - span;
  for (size_t i = 0; i < b.rows; ++i) {
    const double c = b.input(0, i);
    Stretches stretches(b, i);
    stretches.forget(begin);
    if (stretches.open() && c != 1.0) stretches.close(b.now);
    if (!stretches.open() && c == 1.0) {
      const size_t last = stretches.size();
      // Closed at this very instant by an earlier call: it goes on.
      if (last > 0 && stretches.to(last - 1) == b.now.ns) {
        stretches.to(last - 1) = kNone;
      } else {
        stretches.add(b.now);
      }
    }
    int64_t total = 0;
    for (size_t k = 0; k < stretches.size(); ++k) {
      const int64_t to = stretches.to(k) == kNone ? b.now.ns : stretches.to(k);
      total += to - std::max(stretches.from(k), begin.ns);
    }
    // It grows while the condition is true and the window is not full of it; it shrinks while the oldest
    // stretch leaves.
    if (stretches.open() && total < span.ns) b.report(i, b.now + nanoseconds(1));
    if (stretches.size() > 0 && total < span.ns) {
      b.report(i, std::max(Time{stretches.from(0)} + span, b.now) + nanoseconds(1));
    }
    b.out[i] = undecided(c) ? kUnknown : static_cast<double>(total) / 1e9;
  }
}

}  // namespace looptwin::lang
