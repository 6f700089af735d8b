#include "hil/paced_clock.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <numeric>
#include <thread>
#include <vector>

using namespace looptwin;
using namespace looptwin::hil;

namespace {

/// A steady clock that stands still but for sleeps and what the test lets pass.
class Injected final : public SteadyTime {
 public:
  Duration now() const override { return now_; }
  void sleep_until(Duration until) override { now_ = std::max(now_, until); }
  void wake() override {}
  void pass(Duration d) { now_ = now_ + d; }

 private:
  Duration now_ = hours(3);
};

struct Paced {
  Injected time;
  std::atomic<bool> stop{false};
  PacedClock clock;
  explicit Paced(Overrun policy, Time end = kNever)
      : clock({.cycle = seconds(1), .end = end, .policy = policy, .tolerance = milliseconds(10)}, time,
              stop) {}
};

}  // namespace

TEST_CASE("pacing: boundaries come a cycle apart, at their instant") {
  Paced p(Overrun::catch_up, kStart + seconds(3));
  for (int64_t k = 1; k <= 3; ++k) {
    CHECK(p.clock.next() == kStart + seconds(k));
    CHECK(p.time.now() == hours(3) + seconds(k));
    p.time.pass(milliseconds(300));
  }
  CHECK(p.clock.next() == kNever);
  CHECK(p.clock.counters().run == 3);
  CHECK(p.clock.counters().late == 0);
  CHECK(p.clock.counters().busy == milliseconds(900));
}

TEST_CASE("pacing: catch_up runs every boundary, late ones one after the other") {
  Paced p(Overrun::catch_up);
  p.clock.next();
  p.time.pass(milliseconds(3500));
  CHECK(p.clock.next() == kStart + seconds(2));
  CHECK(p.clock.counters().last == milliseconds(2500));
  CHECK(p.clock.next() == kStart + seconds(3));
  CHECK(p.clock.next() == kStart + seconds(4));
  CHECK(p.clock.next() == kStart + seconds(5));
  CHECK(p.time.now() == hours(3) + seconds(5));
  CHECK(p.clock.counters().late == 3);
  CHECK(p.clock.counters().skipped == 0);
  CHECK(p.clock.counters().worst == milliseconds(2500));
}

TEST_CASE("pacing: skip runs the newest boundary that is due, and counts the others") {
  Paced p(Overrun::skip, kStart + seconds(7));
  p.clock.next();
  p.time.pass(milliseconds(3500));
  CHECK(p.clock.next() == kStart + seconds(4));
  CHECK(p.clock.counters().skipped == 2);
  CHECK(p.clock.next() == kStart + seconds(5));
  p.time.pass(hours(1));
  CHECK(p.clock.next() == kStart + seconds(7));  // the last one of the run is never skipped
  CHECK(p.clock.next() == kNever);
}

TEST_CASE("pacing: stretch lets the run's time stand still, abort ends the run") {
  Paced p(Overrun::stretch);
  p.clock.next();
  p.time.pass(milliseconds(3500));
  CHECK(p.clock.next() == kStart + seconds(2));
  CHECK(p.clock.at(p.time.now()) == kStart + seconds(2));
  CHECK(p.clock.next() == kStart + seconds(3));
  CHECK(p.time.now() == hours(3) + milliseconds(5500));

  Paced q(Overrun::abort);
  q.clock.next();
  q.time.pass(milliseconds(1005));
  CHECK(q.clock.next() == kStart + seconds(2));  // within the tolerance
  q.time.pass(milliseconds(1100));
  CHECK(q.clock.next() == kNever);
  CHECK(q.clock.aborted());
}

TEST_CASE("pacing: every boundary is in the histogram once, and a stop ends the wait") {
  Paced p(Overrun::catch_up);
  for (int k = 0; k < 20; ++k) {
    p.clock.next();
    p.time.pass(microseconds(900'000 + 15'000 * k));
  }
  const auto& counters = p.clock.counters();
  CHECK(std::accumulate(counters.histogram.begin(), counters.histogram.end(), uint64_t{0}) == counters.run);
  p.stop = true;
  CHECK(p.clock.next() == kNever);
}

namespace {

/// One whose sleeper hears an urgent word, at each of these times.
struct Interrupted final : SteadyTime {
  Duration now() const override { return now_; }
  void sleep_until(Duration until) override {
    if (words.empty() || words.front() > until) {
      now_ = std::max(now_, until);
      return;
    }
    now_ = std::max(now_, words.front());
    words.erase(words.begin());
    clock->urgent();
  }
  void wake() override { ++woken; }
  Duration now_ = hours(3);
  std::vector<Duration> words;
  PacedClock* clock = nullptr;
  int woken = 0;
};

}  // namespace

TEST_CASE("pacing: an urgent word acts while the next boundary is waited for, and moves none") {
  for (const auto policy : {Overrun::catch_up, Overrun::skip, Overrun::stretch, Overrun::abort}) {
    Interrupted time;
    std::atomic<bool> stop{false};
    PacedClock clock({.cycle = minutes(5), .policy = policy}, time, stop);
    time.clock = &clock;
    time.words = {hours(3) + milliseconds(100), hours(3) + seconds(200), hours(3) + seconds(400)};
    std::vector<Time> acted;
    clock.on_urgent([&](Time now) {
      acted.push_back(now);
      time.now_ = time.now_ + seconds(1);  // what is done takes its time
    });
    CHECK(clock.next() == kStart + minutes(5));
    CHECK(time.now() == hours(3) + minutes(5));
    CHECK(acted == std::vector<Time>{kStart + milliseconds(100), kStart + seconds(200)});
    CHECK(clock.next() == kStart + minutes(10));
    CHECK(acted.size() == 3);
    CHECK(time.woken == 3);
    CHECK(clock.counters().run == 2);
    CHECK(clock.counters().worst == Duration{});
  }
}

TEST_CASE(
    "pacing: an urgent act that lasts beyond the boundary is of no later instant than it, and makes it "
    "late") {
  Interrupted time;
  std::atomic<bool> stop{false};
  PacedClock clock({.cycle = seconds(10)}, time, stop);
  time.clock = &clock;
  time.words = {hours(3) + seconds(9), hours(3) + seconds(9)};
  std::vector<Time> acted;
  clock.on_urgent([&](Time now) {
    acted.push_back(now);
    clock.urgent();  // again, before this one is done
    time.now_ = time.now_ + seconds(3);
  });
  CHECK(clock.next() == kStart + seconds(10));
  CHECK(acted == std::vector<Time>{kStart + seconds(9)});
  CHECK(clock.counters().last == seconds(2));
  clock.next();
  REQUIRE(acted.size() >= 2);
  CHECK(acted[1] == kStart + seconds(12));  // as soon as it waits again
}

TEST_CASE("pacing: an urgent word of another thread ends the wait for a boundary that is far") {
  MachineTime time;
  std::atomic<bool> stop{false}, waits{false};
  PacedClock clock({.cycle = hours(1000)}, time, stop);
  int acted = 0;
  const std::thread::id loop = std::this_thread::get_id();
  clock.on_urgent([&](Time) {
    CHECK(std::this_thread::get_id() == loop);
    waits = true;
    stop = ++acted == 2;
  });
  std::thread other([&] {
    clock.urgent();
    while (!waits) std::this_thread::yield();
    clock.urgent();
  });
  CHECK(clock.next() == kNever);
  CHECK(acted == 2);
  other.join();
}

namespace {

/// Boundaries on arrival, 50 ms to 1 s apart; something arrives when the sleeper gets there.
struct Arriving final : SteadyTime {
  Duration now() const override { return now_; }
  void sleep_until(Duration until) override {
    if (!arrivals.empty() && arrivals.front() <= until) {
      now_ = std::max(now_, arrivals.front());
      arrivals.erase(arrivals.begin());
      clock->arrived();
      return;
    }
    now_ = std::max(now_, until);
  }
  void wake() override { ++woken; }
  Duration now_{};
  std::vector<Duration> arrivals;
  PacedClock* clock = nullptr;
  int woken = 0;
};

struct OnArrival {
  Arriving time;
  std::atomic<bool> stop{false};
  PacedClock clock;
  explicit OnArrival(std::vector<Duration> arrivals, Overrun policy = Overrun::catch_up, Time end = kNever)
      : clock({.cycle = seconds(1),
               .least = milliseconds(50),
               .end = end,
               .policy = policy,
               .tolerance = milliseconds(10)},
              time, stop) {
    time.arrivals = std::move(arrivals);
    time.clock = &clock;
  }
};

}  // namespace

TEST_CASE(
    "pacing: on arrival a boundary comes with what arrives, but not before the least and not after the "
    "greatest") {
  OnArrival p({milliseconds(200), milliseconds(210), milliseconds(220), milliseconds(900)});
  CHECK(p.clock.next() == kStart + milliseconds(200));
  CHECK(p.clock.next() == kStart + milliseconds(250));
  CHECK(p.clock.next() == kStart + milliseconds(900));
  CHECK(p.clock.next() == kStart + milliseconds(1900));
  CHECK(p.clock.counters().run == 4);
  CHECK(p.clock.counters().late == 0);
  CHECK(p.time.woken == 4);
}

TEST_CASE("pacing: on arrival the run ends without a boundary where nothing more arrives in it") {
  OnArrival p({milliseconds(1200)}, Overrun::catch_up, kStart + milliseconds(1500));
  CHECK(p.clock.next() == kStart + milliseconds(1000));
  CHECK(p.clock.next() == kStart + milliseconds(1200));
  CHECK(p.clock.next() == kStart + milliseconds(1500));  // a boundary of its own: the end is known
  CHECK(p.clock.next() == kNever);
}

TEST_CASE(
    "pacing: on arrival what is overdue is run at its latest instant, or now where that may be skipped") {
  for (const auto policy : {Overrun::catch_up, Overrun::skip}) {
    OnArrival p({}, policy);
    p.clock.next();
    p.time.now_ = milliseconds(3500);
    const auto boundary = p.clock.next();
    CHECK(boundary == kStart + (policy == Overrun::skip ? milliseconds(3500) : milliseconds(2000)));
    CHECK(p.clock.counters().last == (policy == Overrun::skip ? Duration{} : milliseconds(1500)));
  }
}

TEST_CASE("pacing: on arrival what another thread brings is heard, and its time is the loop's") {
  constexpr int kArrivals = 100;
  MachineTime time;
  std::atomic<bool> stop{false};
  PacedClock clock({.cycle = hours(1), .least = microseconds(100)}, time, stop);
  std::atomic<int> heard{0};
  std::vector<Time> brought;
  // Each comes after the boundary of the one before, so that no boundary is about two.
  std::thread others([&] {
    for (int n = 0; n < kArrivals && !stop; ++n) {
      while (heard != n && !stop) std::this_thread::yield();
      brought.push_back(clock.at(time.now()));
      clock.arrived();
    }
  });
  std::vector<Time> boundaries;
  for (; heard < kArrivals && (boundaries.empty() || boundaries.back() < kStart + hours(1)); ++heard)
    boundaries.push_back(clock.next());
  stop = true;
  others.join();
  REQUIRE(boundaries.size() == kArrivals);
  REQUIRE(brought.size() == kArrivals);
  for (size_t n = 0; n < kArrivals; ++n) {
    CHECK(brought[n] <= boundaries[n]);
    CHECK((n == 0 || boundaries[n - 1] <= brought[n]));
  }
}
