// The whole loop, 1 M homes in 1000 blocks, two fields every 10 s at spread phases, cycles of 1 s: physics,
// controller, link, broker, processor, hot history with exact windows and panes, rollups, five rules,
// decision log (bench/loop/scenario.yaml). Reference: the same work in a hand-written loop
// (bench/loop_reference.cc), one thread, in the same run; for two threads, how much faster this machine has
// two such loops of half the homes beside each other, which wait for nothing but its memory. A message is one
// home's report of its two fields; a sample is one field's value.
#include <algorithm>
#include <atomic>
#include <barrier>
#include <cstdlib>
#include <filesystem>
#include <new>
#include <thread>
#include <vector>

#include "bench/bench.h"
#include "bench/loop_reference.h"
#include "mml/loop.h"
#include "mml/processor.h"
#include "testbed/assembly.h"
#include "testbed/scenario.h"
#include "testbed/sim_transport.h"
#include "testbed/virtual_clock.h"
#include "twin/hot.h"
#include "twin/registry.h"
#include "twin/tables.h"

namespace {
std::atomic<uint64_t> g_allocations{0};  // counted over the measured cycles: a steady cycle makes none
}

void* operator new(size_t size) {
  g_allocations.fetch_add(1, std::memory_order_relaxed);
  if (void* p = std::malloc(size)) return p;
  throw std::bad_alloc();
}
void operator delete(void* p) noexcept { std::free(p); }
void operator delete(void* p, size_t) noexcept { std::free(p); }

using namespace looptwin;

namespace {

struct Shape {
  size_t blocks, homes;
  int warm_up, cycles;
};

double wall_seconds() {
  timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

struct Measured {
  double cpu = 0, wall = 0;          ///< s a cycle
  double messages = 0, samples = 0;  ///< a cycle
  double allocations = 0;            ///< a cycle that decides something
  double quiet_allocations = 0;      ///< a cycle that does not
  int quiet = 0;                     ///< how many do not
  double bytes_per_device = 0;
  std::string fingerprint;
};

std::unique_ptr<testbed::Assembly> assembly(const Shape& shape, const testbed::AssemblyOptions& options) {
  auto scenario =
      testbed::load(LT_SOURCE_DIR "/bench/loop", {{"fleet.block.count", std::to_string(shape.blocks)},
                                                  {"fleet.home.count", std::to_string(shape.homes)}});
  if (!scenario) std::fputs(render(scenario.error()).c_str(), stderr), std::exit(2);
  auto built = testbed::Assembly::build(std::move(*scenario), options);
  if (!built) std::fputs(render(built.error()).c_str(), stderr), std::exit(2);
  return std::move(*built);
}

Measured measure(const Shape& shape, int threads, bool warm) {
  const auto folder = std::filesystem::temp_directory_path() / ("bench_loop." + std::to_string(::getpid()));
  testbed::AssemblyOptions options{.threads = threads, .out = {}};
  if (warm) options.out = folder;
  const double before = bench::resident_bytes();
  const auto built = assembly(shape, options);
  testbed::Assembly& a = *built;
  const auto cycles = [&](int n) {
    for (int i = 0; i < n; ++i) a.loop().cycle(a.loop().now() + seconds(1), a.transport());
  };
  cycles(shape.warm_up);
  const auto c0 = a.processor().counters();
  std::vector<uint64_t> allocations, decisions;
  const auto note = [&] {
    allocations.push_back(g_allocations);
    decisions.push_back(a.loop().decisions());
  };
  allocations.reserve(static_cast<size_t>(shape.cycles) + 1);
  decisions.reserve(static_cast<size_t>(shape.cycles) + 1);
  note();
  const double wall = wall_seconds();
  Measured m;
  m.cpu = bench::time_of([&] {
            for (int i = 0; i < shape.cycles; ++i) cycles(1), note();
          }) /
          shape.cycles;
  m.wall = (wall_seconds() - wall) / shape.cycles;
  const auto c1 = a.processor().counters();
  m.messages = static_cast<double>(c1.messages - c0.messages) / shape.cycles;
  m.samples = static_cast<double>(c1.samples - c0.samples) / shape.cycles;
  for (size_t i = 1; i < allocations.size(); ++i) {
    const bool quiet = decisions[i] == decisions[i - 1];
    (quiet ? m.quiet_allocations : m.allocations) += static_cast<double>(allocations[i] - allocations[i - 1]);
    m.quiet += quiet;
  }
  m.allocations /= std::max(1, shape.cycles - m.quiet);
  m.quiet_allocations /= std::max(1, m.quiet);
  m.bytes_per_device = (bench::resident_bytes() - before - static_cast<double>(a.hot().bytes())) /
                       static_cast<double>(a.registry().devices());
  m.fingerprint = a.loop().fingerprint();
  if (warm) {
    (void)a.finish("{}");
    std::filesystem::remove_all(folder);
  }
  return m;
}

/// Messages a second of processor time where homes, controllers and links do their part, and nobody theirs
/// behind the broker's door: what no loop over this world can go beyond.
double world_alone(const Shape& shape) {
  const auto built = assembly(shape, {.threads = 1, .out = {}});
  testbed::SimTransport& world = built->transport();
  std::vector<twin::Inbox> inboxes(built->tables().shards().size());
  Time now = kStart;
  double messages = 0;
  const auto cycles = [&](int n) {
    for (int i = 0; i < n; ++i) {
      now = now + seconds(1);
      world.begin(now);
      for (size_t shard = 0; shard < inboxes.size(); ++shard) {
        inboxes[shard].clear();
        world.poll(shard, now, inboxes[shard]);
        for (const auto& frame : inboxes[shard].frames) messages += static_cast<double>(frame.size());
      }
    }
  };
  cycles(shape.warm_up);
  messages = 0;
  const double cpu = bench::time_of([&] { cycles(shape.cycles); });
  return messages / cpu;
}

/// How much faster two halves of the hand-written loop are beside each other than the whole on one thread.
double machine_speed_up(const Shape& shape, double whole_wall) {
  std::vector<std::thread> threads;
  std::barrier begin(3), end(3);
  for (int half = 0; half < 2; ++half)
    threads.emplace_back([&] {
      bench::LoopReference reference(shape.blocks / 2, shape.homes, false);
      for (int i = 0; i < shape.warm_up; ++i) reference.cycle();
      begin.arrive_and_wait();
      for (int i = 0; i < shape.cycles; ++i) reference.cycle();
      end.arrive_and_wait();
    });
  begin.arrive_and_wait();
  const double from = wall_seconds();
  end.arrive_and_wait();
  const double wall = (wall_seconds() - from) / shape.cycles;
  for (auto& thread : threads) thread.join();
  return whole_wall / wall;
}

}  // namespace

int main(int argc, char** argv) {
  const auto options = bench::parse(argc, argv);
  const Shape shape = options.quick ? Shape{10, 100, 20, 20} : Shape{1000, 1000, 400, 120};
  bench::Report report(options);

  bench::LoopReference reference(shape.blocks, shape.homes, false);
  for (int i = 0; i < shape.warm_up; ++i) reference.cycle();
  const auto before = reference.counts();
  const double from = wall_seconds();
  const double by_hand = bench::time_of([&] {
                           for (int i = 0; i < shape.cycles; ++i) reference.cycle();
                         }) /
                         shape.cycles;
  const double by_hand_wall = (wall_seconds() - from) / shape.cycles;
  const double by_hand_samples =
      static_cast<double>(reference.counts().samples - before.samples) / shape.cycles;

  const Measured one = measure(shape, 1, false);
  report.row("loop, 1 thread, samples", one.samples / one.cpu / 1e6, "M/s", by_hand_samples / by_hand / 1e6);
  report.row("loop, 1 thread, messages", one.messages / one.cpu / 1e6, "M/s");
  report.row("homes and links alone, messages", world_alone(shape) / 1e6, "M/s");
  report.row("loop, 1 thread, a cycle", one.cpu * 1e3, "ms", by_hand * 1e3, bench::Better::lower);
  report.row("allocations a cycle that decides", one.allocations, "");
  report.row("allocations a cycle that does not", one.quiet_allocations, "");
  report.row("memory a device, hot history aside", one.bytes_per_device, "bytes");
  const Measured two = measure(shape, 2, false);
  report.row("loop, 2 threads, speed-up", one.wall / two.wall, "x", machine_speed_up(shape, by_hand_wall));
  const Measured warm = measure(shape, 1, true);
  report.row("loop, warm history on, samples", warm.samples / warm.cpu / 1e6, "M/s",
             by_hand_samples / by_hand / 1e6);
  if (one.fingerprint != two.fingerprint || one.fingerprint != warm.fingerprint) {
    std::fprintf(stderr, "fingerprints differ: %s %s %s\n", one.fingerprint.c_str(), two.fingerprint.c_str(),
                 warm.fingerprint.c_str());
    return 1;
  }
  return 0;
}
