// The event kernel: its total order against a brute-force definition, handles, instants, inbox, memory.
#include "sim/kernel.h"

#include <malloc.h>

#include <catch2/catch.hpp>
#include <map>
#include <random>
#include <semaphore>
#include <set>
#include <thread>
#include <tuple>

using namespace looptwin;
using namespace looptwin::sim;

namespace {

/// How a random program draws its delays.
enum class Delays { mixed, ties, bimodal, far, dense, growing };

/// Does the same to a kernel and to an ordered set, and checks at each step that it is the set's first.
class Program final : public Handler {
 public:
  Program(uint64_t seed, Delays delays, size_t population, uint32_t sequence_limit = ~uint32_t{0})
      : kernel_(sequence_limit), random_(seed), delays_(delays), population_(population) {
    type_ = kernel_.add_type("program");
    kernel_.add(*this);
    while (expected_.size() < population_) schedule();
  }

  void step(Kernel& kernel, const Step& step) override {
    const auto id = step.payload<uint64_t>();
    if (expected_.empty() || std::get<3>(*expected_.begin()) != id ||
        std::get<0>(*expected_.begin()) != kernel.now().ns ||
        std::get<1>(*expected_.begin()) != step.priority()) {
      ++wrong_;
      kernel.stop();
      return;
    }
    if (kernel.pending(known_.at(id).handle) || kernel.cancel(known_.at(id).handle)) ++wrong_;
    forget(id);
    if (++steps_ % 500 == 0) kernel.stop();  // so that a long run is cut, too
    act();
  }

  /// A few random operations that keep the population about as it is.
  void act() {
    for (size_t i = expected_.size() < population_ ? 2 : random_() % 2; i > 0; --i) schedule();
    if (random_() % 8 == 0) cancel();
    if (random_() % 8 == 0) reschedule();
  }

  void run(size_t steps) {
    while (steps_ < steps && wrong_ == 0) {
      const bool look = random_() % 4 == 0;
      const Time next = expected_.empty() ? kNever : Time{std::get<0>(*expected_.begin())};
      if (look && kernel_.next_time() != next) ++wrong_;
      kernel_.run_until(kernel_.now() + Duration{delay() / 4});
      for (int i = 0; i < 20; ++i) act();
    }
    CHECK(wrong_ == 0);
    CHECK(kernel_.pending_count() == expected_.size());
  }

 private:
  struct Known {
    StepHandle handle;
    std::tuple<int64_t, uint32_t, uint64_t, uint64_t> key;  // time, priority, sequence, id
  };

  int64_t delay() {
    constexpr int64_t kSecond = 1'000'000'000;
    const auto below = [&](int64_t n) { return static_cast<int64_t>(random_() % static_cast<uint64_t>(n)); };
    if (kernel_.now().ns > int64_t{1} << 60) return below(100);
    switch (delays_) {
      case Delays::ties:
        return below(4) * kSecond;
      case Delays::bimodal:
        return below(2) ? below(1000) : 3600 * kSecond + below(kSecond);
      case Delays::far:
        return int64_t{1} << below(56);
      case Delays::dense:
        return below(3000);
      case Delays::growing:
        return below(static_cast<int64_t>(1000 + steps_ * steps_));
      case Delays::mixed:
        break;
    }
    const int64_t kind = below(5);
    return kind == 0   ? 0
           : kind == 1 ? kSecond
           : kind == 2 ? below(50)
           : kind == 3 ? below(kSecond)
                       : below(kSecond * kSecond);
  }

  void schedule() {
    const uint64_t id = next_id_++;
    const Time at = kernel_.now() + Duration{delay()};
    const auto priority = static_cast<Priority>(random_() % 4 == 0 ? random_() % 64 : kNormal);
    const StepHandle handle = kernel_.schedule(*this, at, type_, id, priority);
    known_[id] = {handle, {at.ns, priority, sequence_++, id}};
    expected_.insert(known_[id].key);
  }
  uint64_t any() {
    return std::next(known_.begin(), static_cast<long>(random_() % std::min<size_t>(known_.size(), 50)))
        ->first;
  }
  void cancel() {
    if (known_.empty()) return;
    const uint64_t id = any();
    if (!kernel_.cancel(known_[id].handle) || kernel_.cancel(known_[id].handle)) ++wrong_;
    forget(id);
  }
  void reschedule() {
    if (known_.empty()) return;
    Known& known = known_[any()];
    expected_.erase(known.key);
    const Time at = kernel_.now() + Duration{delay()};
    if (!kernel_.reschedule(known.handle, at)) ++wrong_;
    std::get<0>(known.key) = at.ns;
    std::get<2>(known.key) = sequence_++;
    expected_.insert(known.key);
  }
  void forget(uint64_t id) {
    expected_.erase(known_.at(id).key);
    known_.erase(id);
  }

  Kernel kernel_;
  StepType type_;
  std::mt19937_64 random_;
  Delays delays_;
  size_t population_;
  std::map<uint64_t, Known> known_;
  std::set<std::tuple<int64_t, uint32_t, uint64_t, uint64_t>> expected_;
  uint64_t next_id_ = 0, sequence_ = 0, steps_ = 0, wrong_ = 0;
};

/// Writes down the payload of each step.
struct Recorder final : Handler {
  std::vector<uint64_t> seen;
  std::vector<int64_t> times;
  void step(Kernel& kernel, const Step& step) override {
    seen.push_back(step.payload<uint64_t>());
    times.push_back(kernel.now().ns);
  }
};

/// PHOLD-like: each step schedules the next one, and every few a timer that is cancelled before it is due.
struct Timers final : Handler {
  StepType type;
  uint64_t random = 1;
  StepHandle timer;
  uint64_t steps = 0;
  void step(Kernel& kernel, const Step& step) override {
    ++steps;
    if (step.payload<uint64_t>() == 1) return kernel.stop();
    random = random * 6364136223846793005u + 1442695040888963407u;
    kernel.cancel(timer);
    timer = kernel.schedule(*this, kernel.now() + hours(1), type, uint64_t{0});
    kernel.schedule(*this, kernel.now() + Duration{static_cast<int64_t>(random >> 40)}, type,
                    step.payload<uint64_t>());
    if (random >> 54 == 0) kernel.schedule(*this, kernel.now(), type, uint64_t{1});
  }
};

}  // namespace

TEST_CASE("kernel: steps are executed in the order (time, priority, sequence), whatever the delays") {
  for (const Delays delays :
       {Delays::mixed, Delays::ties, Delays::bimodal, Delays::far, Delays::dense, Delays::growing}) {
    for (const size_t population : {3, 60, 400, 6000}) {
      INFO("delays " << static_cast<int>(delays) << ", population " << population);
      Program(17 * population + static_cast<size_t>(delays), delays, population).run(30'000);
    }
  }
}

TEST_CASE("kernel: numbering sequences anew keeps the order of ties") {
  for (const uint32_t limit : {150u, 1000u, 4321u}) Program(limit, Delays::ties, 40, limit).run(20'000);
}

TEST_CASE("kernel: a hundred thousand ties run by priority, then in the order of scheduling") {
  Kernel kernel;
  Recorder recorder;
  kernel.add(recorder);
  const StepType type = kernel.add_type("tie");
  constexpr uint64_t kTies = 100'000;
  for (uint64_t i = 0; i < kTies; ++i) {
    kernel.schedule(recorder, Time{5'000'000'000}, type, i, i % 3 == 0 ? kFirst : kNormal);
    if (i % 100 == 0)
      kernel.schedule(recorder, Time{4'999'000'000 + static_cast<int64_t>(i)}, type, kTies + i);
  }
  CHECK(kernel.run_until(Time{4'999'999'999}) == kTies / 100);
  recorder.seen.clear();
  CHECK(kernel.run_until(kNever) == kTies);
  std::vector<uint64_t> expected;
  for (uint64_t i = 0; i < kTies; ++i) {
    if (i % 3 == 0) expected.push_back(i);
  }
  for (uint64_t i = 0; i < kTies; ++i) {
    if (i % 3 != 0) expected.push_back(i);
  }
  CHECK(recorder.seen == expected);
}

TEST_CASE(
    "kernel: what is scheduled at now goes behind what is pending for now, but before a lower priority") {
  struct Chain final : Handler {
    StepType type;
    std::vector<int> order;
    void step(Kernel& kernel, const Step& step) override {
      const int me = step.payload<int>();
      order.push_back(me);
      if (me == 1) {
        kernel.schedule(*this, kernel.now(), type, 10);
        kernel.schedule(*this, kernel.now(), type, 11);
        kernel.schedule(*this, kernel.now(), type, 12, kFirst);
      }
      if (me == 10) kernel.schedule(*this, kernel.now(), type, 20);
    }
  } chain;
  Kernel kernel;
  kernel.add(chain);
  chain.type = kernel.add_type("chain");
  kernel.schedule(chain, Time{7}, chain.type, 3, kLast);
  kernel.schedule(chain, Time{7}, chain.type, 1);
  kernel.schedule(chain, Time{7}, chain.type, 2);
  CHECK(kernel.run_until(Time{7}) == 7);
  CHECK(chain.order == std::vector<int>{1, 12, 2, 10, 11, 20, 3});
}

TEST_CASE(
    "kernel: a handle goes stale when its step begins or is cancelled, and its slot's next step has "
    "another") {
  Kernel kernel;
  Recorder recorder;
  kernel.add(recorder);
  const StepType type = kernel.add_type("x");
  const StepHandle first = kernel.schedule(recorder, Time{10}, type, uint64_t{1});
  CHECK(kernel.pending(first));
  CHECK(kernel.cancel(first));
  const StepHandle second = kernel.schedule(recorder, Time{20}, type, uint64_t{2});
  CHECK(second.slot == first.slot);
  CHECK_FALSE(kernel.cancel(first));
  CHECK_FALSE(kernel.reschedule(first, Time{30}));
  CHECK(kernel.reschedule(second, Time{30}));
  CHECK(kernel.reschedule(second, Time{15}));
  CHECK(kernel.next_time() == Time{15});
  CHECK(kernel.run_until(Time{40}) == 1);
  CHECK(recorder.times == std::vector<int64_t>{15});
  CHECK_FALSE(kernel.pending(second));
  CHECK_FALSE(kernel.cancel(StepHandle{}));
  CHECK(kernel.next_time() == kNever);
  CHECK(kernel.now() == Time{40});
}

TEST_CASE("kernel: much that is scheduled before an opened bucket still runs in order") {
  Kernel kernel;
  Recorder recorder;
  kernel.add(recorder);
  const StepType type = kernel.add_type("x");
  for (uint64_t i = 0; i < 500; ++i)
    kernel.schedule(recorder, Time{1'000'000'000 + static_cast<int64_t>(i * 77)}, type, i);
  CHECK(kernel.next_time() == Time{1'000'000'000});
  for (uint64_t i = 0; i < 5000; ++i) {
    kernel.schedule(recorder, Time{static_cast<int64_t>(i * 7919 % 900'000'001)}, type, i);
  }
  for (uint64_t i = 0; i < 5000; ++i)
    kernel.schedule(recorder, Time{1'000'000'000 + static_cast<int64_t>(i)}, type, i);
  CHECK(kernel.run_until(kNever) == 10'500);
  CHECK(std::is_sorted(recorder.times.begin(), recorder.times.end()));
}

TEST_CASE("kernel: steps are counted by type, and stop returns after the step that asked for it") {
  Kernel kernel;
  Timers timers;
  kernel.add(timers);
  timers.type = kernel.add_type("timer");
  Recorder recorder;
  kernel.add(recorder);
  const StepType other = kernel.add_type("other");
  kernel.schedule(recorder, Time{5}, other, uint64_t{0});
  kernel.schedule(timers, Time{5}, timers.type, uint64_t{1});
  kernel.schedule(recorder, Time{5}, other, uint64_t{0});
  CHECK(kernel.run_until(Time{100}) == 2);
  CHECK(kernel.now() == Time{5});
  CHECK(kernel.profile()[0].steps == 1);
  CHECK(kernel.profile()[1].steps == 1);
  CHECK(kernel.profile()[1].name == "other");
}

TEST_CASE("kernel: posts of several threads all arrive, each thread's in its order, none before its time") {
  constexpr uint64_t kThreads = 4, kPosts = 5000;
  Kernel kernel;
  Recorder recorder;
  kernel.add(recorder);
  const StepType type = kernel.add_type("post");
  std::counting_semaphore<> posted(0);
  kernel.inbox().set_wake([&] { posted.release(); });
  kernel.run_until(Time{1000});
  std::vector<std::thread> threads;
  for (uint64_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      // Even ones lie in the past and act at once, odd ones ahead.
      for (uint64_t i = 0; i < kPosts; ++i)
        kernel.post(recorder, Time{i % 2 ? 1'000'000'000 : 10}, type, t << 32 | i);
    });
  }
  for (uint64_t i = 0; i < kThreads * kPosts; ++i) {
    posted.acquire();
    kernel.run_until(kernel.now() + nanoseconds(1));
  }
  for (auto& thread : threads) thread.join();
  CHECK(recorder.seen.size() == kThreads * kPosts / 2);
  kernel.run_until(Time{1'000'000'000});
  REQUIRE(recorder.seen.size() == kThreads * kPosts);
  std::array<std::array<uint64_t, 2>, kThreads> last{};
  for (size_t i = 0; i < recorder.seen.size(); ++i) {
    const uint64_t thread = recorder.seen[i] >> 32, number = recorder.seen[i] & 0xffffffff;
    uint64_t& previous = last[thread][number % 2];
    if (previous > number) FAIL("thread " << thread << ": " << number << " after " << previous);
    previous = number;
    if (number % 2 == 1 && recorder.times[i] != 1'000'000'000) FAIL("early at " << recorder.times[i]);
    if (number % 2 == 0 && recorder.times[i] < 1000) FAIL("in the past at " << recorder.times[i]);
  }
}

TEST_CASE("kernel: in steady state, with timers that are always cancelled, nothing is allocated") {
  Kernel kernel;
  Timers timers;
  kernel.add(timers);
  timers.type = kernel.add_type("timer");
  for (uint64_t i = 2; i < 5002; ++i)
    kernel.schedule(timers, Time{static_cast<int64_t>(i * 3001)}, timers.type, i);
  // A pass of zero-delay steps stops the kernel now and then; the loop goes on where it stood.
  const auto run = [&](uint64_t steps) {
    while (timers.steps < steps) kernel.run_until(kernel.now() + seconds(1));
  };
  run(1'000'000);
  const size_t bytes = kernel.bytes();
  const size_t heap = mallinfo2().uordblks;
  run(3'000'000);
  CHECK(kernel.bytes() == bytes);
  CHECK(mallinfo2().uordblks == heap);
}
