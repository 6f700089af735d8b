// Forks of a live run of 100 000 homes in 100 blocks after two minutes of its time, with windows, panes,
// rules and rollups (bench/loop/scenario.yaml). Wall time from the call until the fork may take its next
// cycle: as a process of its own, which is ready to go at once; as a second assembly, with building it and
// without. Reference: the design's budget of 100 ms. Beside it: what the first cycles of both sides cost
// while pages are still shared; and a run with and without its input log, a cycle.
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "bench/bench.h"
#include "mml/loop.h"
#include "mml/processor.h"
#include "testbed/assembly.h"
#include "testbed/replay/fork.h"
#include "testbed/replay/forked_process.h"
#include "testbed/scenario.h"
#include "twin/input_log/recording_transport.h"
#include "twin/transport.h"

using namespace looptwin;

namespace {

constexpr double kBudgetMs = 100;

std::unique_ptr<testbed::Assembly> make(size_t blocks, const testbed::AssemblyOptions& options,
                                        const char* input_log) {
  auto scenario = testbed::load(LT_SOURCE_DIR "/bench/loop", {{"fleet.block.count", std::to_string(blocks)},
                                                              {"fleet.home.count", "1000"},
                                                              {"input_log", input_log}});
  if (!scenario) std::fputs(render(scenario.error()).c_str(), stderr), std::exit(2);
  auto built = testbed::Assembly::build(std::move(*scenario), options);
  if (!built) std::fputs(render(built.error()).c_str(), stderr), std::exit(2);
  return std::move(*built);
}

void run(testbed::Assembly& a, int cycles) {
  for (int i = 0; i < cycles; ++i) a.loop().cycle(a.loop().now() + seconds(1), a.loop_transport());
}

/// The system's, which all processes share.
double wall_ms() {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

template <typename T>
T good(Result<T> result) {
  if (!result) std::fputs(render(result.error()).c_str(), stderr), std::exit(2);
  return std::move(*result);
}

/// What a fork that is a process says of itself, before its fingerprint.
struct Seen {
  double ready = 0, first_cycle = 0;
};

void check(bool same) {
  if (!same) std::fputs("the fork decides otherwise than its trunk\n", stderr), std::exit(1);
}

void measure_process(bench::Report& report, testbed::Assembly& live) {
  const double ordinary = bench::median_of(9, [&] { return 1e3 * bench::time_of([&] { run(live, 1); }); });
  std::vector<double> ready, theirs, ours;
  for (int i = 0; i < 5; ++i) {
    const double start = wall_ms();
    auto fork = good(testbed::ForkedProcess::begin(live, [](testbed::Assembly& a) {
      Seen seen{.ready = wall_ms()};
      seen.first_cycle = 1e3 * bench::time_of([&] { run(a, 1); });
      run(a, 4);
      return std::string(reinterpret_cast<const char*>(&seen), sizeof seen) + a.loop().fingerprint();
    }));
    ours.push_back(1e3 * bench::time_of([&] { run(live, 1); }));
    const auto text = good(fork.result());
    Seen seen;
    std::memcpy(&seen, text.data(), sizeof seen);
    ready.push_back(seen.ready - start);
    theirs.push_back(seen.first_cycle);
    run(live, 4);
    check(live.loop().fingerprint() == text.substr(sizeof seen));
  }
  report.row("a process, the first", ready[0], "ms", kBudgetMs, bench::Better::lower);
  const auto median = [](std::vector<double> values) {
    std::sort(values.begin(), values.end());
    return values[values.size() / 2];
  };
  report.row("a process, again", median(ready), "ms", kBudgetMs, bench::Better::lower);
  report.row("its first cycle", median(theirs), "ms", ordinary, bench::Better::lower);
  report.row("the trunk's next cycle", median(ours), "ms", ordinary, bench::Better::lower);
}

void measure_fork(bench::Report& report, size_t blocks, int cycles) {
  auto live = make(blocks, {.threads = 1}, "false");
  run(*live, cycles);
  measure_process(report, *live);
  std::unique_ptr<testbed::Assembly> twin;
  const double build =
      1e3 * bench::time_of([&] { twin = good(testbed::Assembly::build(live->scenario(), {.threads = 2})); });
  const double first = 1e3 * bench::time_of([&] { testbed::copy_state(*live, *twin); });
  const double again =
      bench::median_of(9, [&] { return 1e3 * bench::time_of([&] { testbed::copy_state(*live, *twin); }); });
  run(*live, 5);
  run(*twin, 5);
  check(live->loop().fingerprint() == twin->loop().fingerprint());
  ArchiveWriter state(true);
  live->save(state);
  report.row("an assembly, built and copied", build + first, "ms", kBudgetMs, bench::Better::lower);
  report.row("the first copy into it", first, "ms", kBudgetMs, bench::Better::lower);
  report.row("a copy into it again", again, "ms", kBudgetMs, bench::Better::lower);
  report.row("state a device",
             static_cast<double>(state.size()) / static_cast<double>(live->registry().devices()), "bytes");
}

void measure_input_log(bench::Report& report, size_t blocks, int cycles) {
  double cost[2] = {};
  double bytes = 0, messages = 0;
  for (const bool kept : {false, true}) {
    const auto folder = std::filesystem::temp_directory_path() / ("bench_fork." + std::to_string(::getpid()));
    auto a = make(blocks, {.threads = 1, .out = folder}, kept ? "true" : "false");
    run(*a, cycles);
    const auto before = a->processor().counters().messages;
    const auto size = kept ? a->input_log()->bytes() : 0;
    cost[kept] = bench::time_of([&] { run(*a, cycles); });
    messages = static_cast<double>(a->processor().counters().messages - before);
    if (kept) bytes = static_cast<double>(a->input_log()->bytes() - size);
    a.reset();
    std::filesystem::remove_all(folder);
  }
  report.row("a message with its input log", 1e9 * cost[1] / messages, "ns", 1e9 * cost[0] / messages,
             bench::Better::lower);
  report.row("a message in the input log", bytes / messages, "bytes");
}

}  // namespace

int main(int argc, char** argv) {
  const auto options = bench::parse(argc, argv);
  bench::Report report(options);
  const size_t blocks = options.quick ? 2 : 100;
  const int cycles = options.quick ? 12 : 120;
  if (report.wants("fork")) measure_fork(report, blocks, cycles);
  if (report.wants("input log")) measure_input_log(report, blocks, cycles / 4);
}
