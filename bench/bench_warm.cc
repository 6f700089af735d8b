// Warm history: a run folder written and read (twin/warm/).
//
// append: 1 000 devices, 2 fields (a random walk with noise: 230 V in steps of 0.1, 20 degC in steps of 0.1)
// as i16 at 10 s; a cycle of 10 s puts both columns of all devices. Measured from the first put to the end of
// finish(), journal, CRC, sealing, deflate and all syncs included; processor time of all threads, so samples
// a second and core. The samples are made beforehand. Size: all that is left in the folder, a sample.
// Reference: 30 M samples/s, 1 byte.
//
// read: one field of one device over 4 weeks (241 920 samples) out of such a fleet, opened before ("again")
// and with the opening of the run ("at first"); processor time, files in the page cache. Reference: 20 ms.
//
// scattered: 100 000 devices whose phases are spread over the period, cycles of 1 s by row lists.
#include <filesystem>

#include "base/check.h"
#include "bench/bench.h"
#include "twin/warm/run_reader.h"
#include "twin/warm/run_writer.h"

using namespace looptwin;
using namespace looptwin::twin;

namespace {

RunSpec fleet(uint32_t devices) {
  RunSpec spec;
  spec.scenario = "bench";
  spec.program = "bench_warm";
  spec.start = UnixTime{1563174000'000000000};
  spec.cycle = seconds(1);
  TableSpec meters{"meter", {}};
  for (uint32_t i = 0; i < devices; ++i)
    meters.devices.push_back("block-" + std::to_string(i / 50) + "/meter-" + std::to_string(i));
  spec.tables = {meters};
  spec.grids = {{"meter/raw", "meter", seconds(10), {}, {}}};
  spec.grids[0].variables = {variable_for("voltage", "V", 0, 400, 10),
                             variable_for("temperature", "degC", -40, 60, 10)};
  return spec;
}

uint64_t next(uint64_t& state) {
  state ^= state << 13;
  state ^= state >> 7;
  return state ^= state << 17;
}
/// About normal, standard deviation 1.
double normal(uint64_t& state) {
  double sum = 0;
  for (int i = 0; i < 4; ++i) sum += static_cast<double>(next(state) >> 40) / (1 << 24) - 0.5;
  return sum * 1.73;
}

/// `slots` columns of a random walk with the sensor's noise, in steps: [slot][device].
std::vector<int16_t> walks(uint32_t devices, size_t slots, double level, double drift, double noise) {
  std::vector<int16_t> cells(devices * slots);
  uint64_t state = 0x9e3779b97f4a7c15;
  std::vector<double> at(devices, level);
  for (size_t s = 0; s < slots; ++s) {
    for (uint32_t d = 0; d < devices; ++d) {
      at[d] += drift * normal(state) - 0.001 * (at[d] - level);
      cells[s * devices + d] = static_cast<int16_t>(at[d] + noise * normal(state));
    }
  }
  return cells;
}

double folder_bytes(const fs::path& folder) {
  double bytes = 0;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file()) bytes += static_cast<double>(entry.file_size());
  }
  return bytes;
}

template <typename T>
T good(Result<T> result) {
  LT_CHECK(result.has_value(), result ? "" : render(result.error()));
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

/// Writes `slots` slots of a fleet by columns; a day of different samples goes round. Samples a second and
/// core.
double append(const fs::path& folder, uint32_t devices, size_t slots) {
  const size_t day = std::min<size_t>(slots, 8640);
  const auto voltage = walks(devices, day, 2300, 0.5, 5), temperature = walks(devices, day, 210, 0.2, 1.5);
  const double taken = bench::time_of([&] {
    auto writer = good(RunWriter::create(folder, fleet(devices)));
    for (size_t s = 0; s < slots; ++s) {
      const auto of = [&](const std::vector<int16_t>& cells) {
        return Cells(std::span(cells).subspan(s % day * devices, devices));
      };
      writer.lane(0).put(GridId(0), static_cast<int64_t>(s), 0, {of(voltage), of(temperature)});
      writer.end_cycle(Time{seconds(10 * (static_cast<int64_t>(s) + 1)).ns});
    }
    good(writer.finish("{}"));
  });
  return 2.0 * devices * static_cast<double>(slots) / taken;
}

double append_scattered(const fs::path& folder, uint32_t devices, size_t cycles) {
  auto spec = fleet(devices);
  std::vector<std::vector<uint32_t>> rows(10);
  uint64_t state = 42;
  for (uint32_t d = 0; d < devices; ++d) {
    const auto phase = next(state) % 10;
    rows[phase].push_back(d);
    spec.grids[0].phase.push_back(seconds(static_cast<int64_t>(phase)).ns);
  }
  const auto cells = walks(devices, 64, 2300, 0.5, 5);
  double samples = 0;
  const double taken = bench::time_of([&] {
    auto writer = good(RunWriter::create(folder, spec));
    for (size_t c = 0; c < cycles; ++c) {
      const auto& due = rows[c % 10];
      const auto values = Cells(std::span(cells).subspan(c % 64 * devices, due.size()));
      writer.lane(0).put_rows(GridId(0), static_cast<int64_t>(c / 10), due, {values, values});
      samples += 2.0 * static_cast<double>(due.size());
      writer.end_cycle(Time{seconds(static_cast<int64_t>(c) + 1).ns});
    }
    good(writer.finish("{}"));
  });
  return samples / taken;
}

}  // namespace

int main(int argc, char** argv) {
  const auto options = bench::parse(argc, argv);
  bench::Report report(options);
  const fs::path scratch = fs::temp_directory_path() / ("bench_warm." + std::to_string(getpid()));
  fs::create_directories(scratch);
  const uint32_t devices = options.quick ? 50 : 1000;
  const size_t slots = options.quick ? 2000 : 28 * 8640;
  const double samples = 2.0 * devices * static_cast<double>(slots);

  const double speed = append(scratch / "run", devices, slots);
  report.row("append, by columns", speed / 1e6, "M samples/s and core", 30);
  report.row("append, size", folder_bytes(scratch / "run") / samples, "bytes a sample", 1,
             bench::Better::lower);
  auto device = [&, last = 0u]() mutable { return RowRange{(last += 37) % devices, 1}; };
  const SlotRange all{0, static_cast<int64_t>(slots)};
  report.row("read one device, at first",
             bench::median_of(5,
                              [&] {
                                return 1e3 * bench::time_of([&] {
                                         auto run = good(RunReader::open(scratch / "run"));
                                         bench::keep(good(run.read(GridId(0), 0, device(), all)));
                                       });
                              }),
             "ms", 20, bench::Better::lower);
  auto run = good(RunReader::open(scratch / "run"));
  good(run.read(GridId(0), 0, {0, 1}, all));
  report.row("read one device, again",
             bench::median_of(5,
                              [&] {
                                return 1e3 * bench::time_of([&] {
                                         bench::keep(good(run.read(GridId(0), 0, device(), all)));
                                       });
                              }),
             "ms", 20, bench::Better::lower);
  const double scattered =
      append_scattered(scratch / "scattered", options.quick ? 1000 : 100'000, options.quick ? 200 : 4000);
  report.row("append, by row lists", scattered / 1e6, "M samples/s and core", 30);
  fs::remove_all(scratch);
}
