// The fork of a live run of 100 000 homes in 100 blocks after two minutes of its time, with windows, panes,
// rules and rollups (bench/loop/scenario.yaml): its state copied into a second assembly of the same scenario.
// Reference: the design's budget of 100 ms. Beside it: what building that assembly takes, which is needed
// once for as many forks as are looked at at once; and a run with and without its input log, a cycle.
#include <cstdlib>
#include <filesystem>

#include "bench/bench.h"
#include "testbed/assembly.h"
#include "testbed/replay/fork.h"

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

void measure_fork(bench::Report& report, size_t blocks, int cycles) {
  auto live = make(blocks, {.threads = 1}, "false");
  run(*live, cycles);
  std::unique_ptr<testbed::Assembly> twin;
  const double build = bench::time_of([&] { twin = make(blocks, {.threads = 1}, "false"); });
  const double first = bench::time_of([&] { testbed::copy_state(*live, *twin); });
  const double again =
      bench::median_of(9, [&] { return bench::time_of([&] { testbed::copy_state(*live, *twin); }); });
  run(*live, 5);
  run(*twin, 5);
  if (live->loop().fingerprint() != twin->loop().fingerprint())
    std::fputs("the fork decides otherwise than its trunk\n", stderr), std::exit(1);
  ArchiveWriter state;
  live->save(state);
  const double bytes = static_cast<double>(state.bytes().size());
  report.row("fork, its state copied", 1e3 * again, "ms", kBudgetMs, bench::Better::lower);
  report.row("the first into an assembly", 1e3 * first, "ms", kBudgetMs, bench::Better::lower);
  report.row("building that assembly", 1e3 * build, "ms");
  report.row("state a device", bytes / static_cast<double>(live->registry().devices()), "bytes");
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
