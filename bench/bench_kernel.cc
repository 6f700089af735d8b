// The event kernel (sim/kernel.h) against a std::priority_queue that does the same work in the same run.
//
// PHOLD: N processes, each a handler of its own with 16 bytes of state; N steps in flight, each carries 8
// bytes; delay Exp(1 s), target uniform over all N, no lookahead. The first 20 % of the time is warm-up. Both
// sides draw the same numbers and must agree on a checksum of every (process, time, message). Figure:
// millions of steps per CPU second, median of three; memory: growth of the resident set by processes,
// handlers' list and pending steps, a process. Both sides keep their processes on huge pages. Reference: a
// priority_queue of 24-byte items (time, sequence and target, message) and a virtual call.
//
// DEVStone (Glinsky and Wainer 2005; HOmod: Risco-Martín et al. 2017), delays 0: HI 200x200 and HOmod 20x20.
// Couplings are flattened to offset arrays before the run, as PDEVS allows. An activation of an atomic model
// (external transition with its bag, output, internal transition) is one step of the kernel, delivered
// through its ready list; messages are put into the receivers' bags of the next cycle. Transitions and
// messages must equal the published formulas. Figure: CPU seconds of the simulation, without building the
// model. Reference: the same models, activated by a priority_queue.
#include <array>
#include <bit>
#include <cmath>
#include <memory>
#include <queue>

#include "base/check.h"
#include "bench/bench.h"
#include "sim/kernel.h"

using namespace looptwin;
using namespace looptwin::sim;

namespace {

struct Item {
  int64_t time;
  uint64_t order;  // sequence in the upper half, target in the lower
  uint64_t message;
  bool operator>(const Item& other) const {
    return time != other.time ? time > other.time : order > other.order;
  }
};
using PlainQueue = std::priority_queue<Item, std::vector<Item>, std::greater<>>;

/// What has its address for good and lies on huge pages, as the state of a large island should.
template <typename T>
T& construct(Slab<T>& slab) {
  return *new (&slab[slab.add()]) T;
}

// ---------------------------------------------------------------- PHOLD

uint64_t mix(uint64_t x) {
  x += 0x9e3779b97f4a7c15;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

/// -ln(u) in ns for u = (bits + 1) / 2^32: exponent exactly, mantissa from 1024 chords.
class ExponentialTable {
 public:
  ExponentialTable() {
    for (size_t i = 0; i < table_.size(); ++i) {
      table_[i] = static_cast<int64_t>(std::log1p(static_cast<double>(i) / kChords) * 1e9);
    }
  }
  int64_t operator()(uint32_t bits) const {
    const uint64_t u = uint64_t{bits} + 1;
    const int exponent = 63 - std::countl_zero(u);
    const uint64_t mantissa = (u << (32 - exponent)) & 0xffffffff;
    const uint64_t i = mantissa >> 22;
    const int64_t part = static_cast<int64_t>(mantissa & 0x3fffff);
    const int64_t log_mantissa = table_[i] + (((table_[i + 1] - table_[i]) * part) >> 22);
    return (32 - exponent) * kLn2 - log_mantissa;
  }

 private:
  static constexpr int kChords = 1024;
  static constexpr int64_t kLn2 = 693147181;
  std::array<int64_t, kChords + 1> table_;
};
const ExponentialTable exponential;

struct Draw {
  uint32_t target;
  int64_t delay;
};
inline Draw draw(uint64_t process, uint64_t count, uint64_t processes) {
  const uint64_t bits = mix(process << 32 | count);
  return {static_cast<uint32_t>(((bits >> 32) * processes) >> 32), exponential(static_cast<uint32_t>(bits))};
}

inline uint64_t trace(uint64_t process, int64_t time, uint64_t message) {
  return (static_cast<uint64_t>(time) ^ message) * (2 * process + 1);
}

struct PholdResult {
  double steps_per_second;
  uint64_t checksum;
};

class KernelPhold {
 public:
  explicit KernelPhold(uint64_t processes) : hop_(kernel_.add_type("hop")) {
    for (uint64_t i = 0; i < processes; ++i) {
      Process& process = construct(processes_);
      process.world = this;
      process.index = static_cast<uint32_t>(i);
      kernel_.add(process);
    }
    for (uint32_t i = 0; i < processes; ++i) {
      kernel_.schedule(processes_[i], Time{draw(i, ~uint32_t{0}, processes).delay}, hop_, uint64_t{i});
    }
  }

  PholdResult run(int64_t end) {
    kernel_.run_until(Time{end / 5});
    uint64_t steps = 0;
    const double seconds = bench::time_of([&] { steps = kernel_.run_until(Time{end}); });
    return {static_cast<double>(steps) / seconds, checksum_};
  }

 private:
  struct Process final : Handler {
    KernelPhold* world;
    uint32_t index;
    uint32_t count = 0;

    void step(Kernel& kernel, const Step& step) override {
      const auto message = step.payload<uint64_t>();
      const int64_t now = kernel.now().ns;
      world->checksum_ += trace(index, now, message);
      const Draw next = draw(index, count++, world->processes_.size());
      kernel.schedule(world->processes_[next.target], Time{now + next.delay}, world->hop_, message + 1);
    }
  };

  Kernel kernel_;
  StepType hop_;
  Slab<Process> processes_;
  uint64_t checksum_ = 0;
};

class PlainPhold {
 public:
  explicit PlainPhold(uint64_t processes) {
    for (uint64_t i = 0; i < processes; ++i) {
      Process& process = construct(processes_);
      process.world = this;
      process.index = static_cast<uint32_t>(i);
      schedule(draw(i, ~uint32_t{0}, processes).delay, i, i);
    }
  }

  PholdResult run(int64_t end) {
    run_until(end / 5);
    uint64_t steps = 0;
    const double seconds = bench::time_of([&] { steps = run_until(end); });
    return {static_cast<double>(steps) / seconds, checksum_};
  }

 private:
  struct Base {
    virtual void step(int64_t now, uint64_t message) = 0;
  };
  struct Process final : Base {
    PlainPhold* world;
    uint32_t index;
    uint32_t count = 0;

    void step(int64_t now, uint64_t message) override {
      world->checksum_ += trace(index, now, message);
      const Draw next = draw(index, count++, world->processes_.size());
      world->schedule(now + next.delay, next.target, message + 1);
    }
  };

  void schedule(int64_t time, uint64_t target, uint64_t message) {
    queue_.push({time, sequence_++ << 32 | target, message});
  }
  uint64_t run_until(int64_t end) {
    uint64_t steps = 0;
    for (; queue_.top().time <= end; ++steps) {
      const Item item = queue_.top();
      queue_.pop();
      Base& process = processes_[item.order & 0xffffffff];
      process.step(item.time, item.message);
    }
    return steps;
  }

  PlainQueue queue_;
  Slab<Process> processes_;
  uint64_t sequence_ = 0;
  uint64_t checksum_ = 0;
};

void bench_phold(bench::Report& report, uint64_t processes, uint64_t steps, int times) {
  const std::string name = "PHOLD " + std::to_string(processes);
  if (!report.wants(name)) return;
  const auto end = static_cast<int64_t>(static_cast<double>(steps) / static_cast<double>(processes) * 1e9);
  uint64_t checksum = 0;
  double memory = 0;
  const double ours = bench::median_of(times, [&] {
    const double before = bench::resident_bytes();
    const auto phold = std::make_unique<KernelPhold>(processes);
    const PholdResult result = phold->run(end);
    memory = std::max(memory, bench::resident_bytes() - before);
    checksum = result.checksum;
    return result.steps_per_second;
  });
  const double theirs = bench::median_of(times, [&] {
    const PholdResult result = PlainPhold(processes).run(end);
    LT_CHECK(result.checksum == checksum, "kernel and reference executed different steps");
    return result.steps_per_second;
  });
  report.row(name, ours * 1e-6, "M steps/s", theirs * 1e-6);
  if (processes >= 100'000)
    report.row(name + " memory", memory / static_cast<double>(processes), "bytes/process");
}

// ---------------------------------------------------------------- DEVStone

/// A flattened model: atomic i sends to targets[offsets[i] .. offsets[i + 1]); the environment to `inputs`.
struct Couplings {
  std::vector<std::vector<uint32_t>> sends;
  std::vector<uint32_t> inputs;
  std::vector<uint32_t> offsets{0};
  std::vector<uint32_t> targets;
  uint64_t expected_transitions = 1;
  uint64_t expected_messages = 1;

  uint32_t add() {
    sends.emplace_back();
    return static_cast<uint32_t>(sends.size() - 1);
  }
  void flatten() {
    for (const auto& list : sends) {
      targets.insert(targets.end(), list.begin(), list.end());
      offsets.push_back(static_cast<uint32_t>(targets.size()));
    }
    sends.clear();
  }
};

Couplings high_input(uint32_t width, uint32_t depth) {
  Couplings model;
  for (uint32_t level = 1; level < depth; ++level) {
    for (uint32_t i = 1; i < width; ++i) {
      const uint32_t atomic = model.add();
      model.inputs.push_back(atomic);
      if (i > 1) model.sends[atomic - 1].push_back(atomic);
    }
  }
  model.inputs.push_back(model.add());  // the innermost level's only atomic
  model.expected_transitions += uint64_t{width} * (width - 1) / 2 * (depth - 1);
  model.expected_messages = model.expected_transitions;
  model.flatten();
  return model;
}

/// HOmod: at each level a first row that feeds the level below, and a triangle of rows above it, each atomic
/// of which wakes the row beneath; a level's second input reaches the first row and the first atomic of each
/// other row.
Couplings high_output_modified(uint32_t width, uint32_t depth) {
  Couplings model;
  std::vector<uint32_t> feeders;  // the first row of the level outside
  for (uint32_t level = 1; level < depth; ++level) {
    std::vector<uint32_t> entries, first_row, row;
    for (uint32_t i = 1; i < width; ++i) entries.push_back(first_row.emplace_back(model.add()));
    for (uint32_t i = 1; i < width; ++i) model.sends[row.emplace_back(model.add())] = first_row;
    entries.push_back(row.front());
    for (uint32_t layer = 3; layer <= width; ++layer) {
      std::vector<uint32_t> next;
      for (size_t i = 1; i < row.size(); ++i) model.sends[next.emplace_back(model.add())].push_back(row[i]);
      entries.push_back(next.front());
      row = next;
    }
    if (level == 1) model.inputs = entries;
    for (const uint32_t feeder : feeders) model.sends[feeder] = entries;
    feeders = first_row;
  }
  model.inputs.push_back(model.add());

  const uint64_t w = width - 1;
  uint64_t inputs_below = 0;
  for (uint64_t level = 1; level < depth; ++level) {
    const uint64_t inputs = 1 + (level - 1) * w;
    model.expected_transitions += inputs * (w * (w + 1) / 2) + w * (inputs + w);
    if (level > 1) inputs_below += inputs;
  }
  model.expected_messages +=
      2 * w + inputs_below * 2 * w * w + (inputs_below + 1) * (w * w + (w - 1) * w / 2);
  model.flatten();
  return model;
}

struct DevstoneCounts {
  uint64_t external = 0;
  uint64_t internal = 0;
  uint64_t messages = 0;
};

/// The models' behaviour, over a World that can activate(atomic, cycle). A receiver's bag is that of the next
/// cycle, hence two bags; an atomic with a message is activated once, in the cycle in which it reads its bag.
template <typename World>
class Devstone {
 public:
  explicit Devstone(const Couplings& model) : model_(model), bags_(model.offsets.size() - 1) {}

  void start(World& world) {
    for (const uint32_t atomic : model_.inputs) deliver(world, atomic, 0);
  }
  void activate(World& world, uint32_t atomic, uint32_t cycle) {
    ++counts_.external;
    counts_.messages += std::exchange(bags_[atomic][cycle % 2], 0u);
    const uint32_t end = model_.offsets[atomic + 1];
    for (uint32_t i = model_.offsets[atomic]; i < end; ++i) deliver(world, model_.targets[i], cycle + 1);
    ++counts_.internal;
  }
  const DevstoneCounts& counts() const { return counts_; }

 private:
  void deliver(World& world, uint32_t atomic, uint32_t cycle) {
    if (bags_[atomic][cycle % 2]++ == 0) world.activate(atomic, cycle);
  }

  const Couplings& model_;
  std::vector<std::array<uint32_t, 2>> bags_;
  DevstoneCounts counts_;
};

class KernelDevstone {
 public:
  explicit KernelDevstone(const Couplings& model)
      : activation_(kernel_.add_type("activation")), devstone_(model), atomics_(model.offsets.size() - 1) {
    for (size_t i = 0; i < atomics_.size(); ++i) {
      atomics_[i].world = this;
      atomics_[i].index = static_cast<uint32_t>(i);
      kernel_.add(atomics_[i]);
    }
  }
  DevstoneCounts run() {
    devstone_.start(*this);
    kernel_.run_until(kNever);
    return devstone_.counts();
  }
  void activate(uint32_t atomic, uint32_t cycle) {
    kernel_.schedule(atomics_[atomic], kernel_.now(), activation_, cycle);
  }

 private:
  struct Atomic final : Handler {
    KernelDevstone* world;
    uint32_t index;
    void step(Kernel&, const Step& step) override {
      world->devstone_.activate(*world, index, step.payload<uint32_t>());
    }
  };
  Kernel kernel_;
  StepType activation_;
  Devstone<KernelDevstone> devstone_;
  std::vector<Atomic> atomics_;
};

class PlainDevstone {
 public:
  explicit PlainDevstone(const Couplings& model) : devstone_(model), atomics_(model.offsets.size() - 1) {
    for (size_t i = 0; i < atomics_.size(); ++i) {
      atomics_[i].world = this;
      atomics_[i].index = static_cast<uint32_t>(i);
    }
  }
  DevstoneCounts run() {
    devstone_.start(*this);
    while (!queue_.empty()) {
      const Item item = queue_.top();
      queue_.pop();
      Base& atomic = atomics_[item.order & 0xffffffff];
      atomic.step(static_cast<uint32_t>(item.message));
    }
    return devstone_.counts();
  }
  void activate(uint32_t atomic, uint32_t cycle) { queue_.push({0, sequence_++ << 32 | atomic, cycle}); }

 private:
  struct Base {
    virtual void step(uint32_t cycle) = 0;
  };
  struct Atomic final : Base {
    PlainDevstone* world;
    uint32_t index;
    void step(uint32_t cycle) override { world->devstone_.activate(*world, index, cycle); }
  };
  PlainQueue queue_;
  Devstone<PlainDevstone> devstone_;
  std::vector<Atomic> atomics_;
  uint64_t sequence_ = 0;
};

template <typename World>
double devstone_seconds(const Couplings& model) {
  const auto world = std::make_unique<World>(model);
  DevstoneCounts counts;
  const double seconds = bench::time_of([&] { counts = world->run(); });
  LT_CHECK(counts.external == model.expected_transitions && counts.internal == model.expected_transitions);
  LT_CHECK(counts.messages == model.expected_messages);
  return seconds;
}

void bench_devstone(bench::Report& report, const std::string& name, const Couplings& model, int times) {
  if (!report.wants(name)) return;
  const double ours = bench::median_of(times, [&] { return devstone_seconds<KernelDevstone>(model); });
  const double theirs = bench::median_of(times, [&] { return devstone_seconds<PlainDevstone>(model); });
  report.row(name, ours, "s", theirs, bench::Better::lower);
}

}  // namespace

int main(int argc, char** argv) {
  const bench::Options options = bench::parse(argc, argv);
  bench::Report report(options);
  if (options.quick) {
    bench_phold(report, 1'000, 20'000, 1);
    bench_devstone(report, "DEVStone HI 20x20", high_input(20, 20), 1);
    bench_devstone(report, "DEVStone HOmod 5x5", high_output_modified(5, 5), 1);
    return 0;
  }
  bench_phold(report, 1'000, 20'000'000, 3);
  bench_phold(report, 100'000, 10'000'000, 3);
  bench_phold(report, 1'000'000, 10'000'000, 3);
  bench_devstone(report, "DEVStone HI 200x200", high_input(200, 200), 3);
  bench_devstone(report, "DEVStone HOmod 20x20", high_output_modified(20, 20), 3);
  return 0;
}
