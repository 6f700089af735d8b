// `looptwin info` and `looptwin export`: what lies in a run folder, and all of it in one file.
#include <fmt/format.h>
#include <cstdio>

#include "base/text.h"
#include "testbed/run.h"
#include "twin/warm/export.h"
#include "twin/warm/run_reader.h"

namespace looptwin::testbed {
namespace {

Exit refuse(const Diagnostics& problems) {
  std::fputs(render(problems).c_str(), stderr);
  return Exit::bad_input;
}

/// "temperature [degC], power [kW]"
std::string quantities(const twin::GridSpec& grid) {
  std::string text;
  for (const auto& v : grid.variables)
    text += fmt::format("{}{} [{}]", text.empty() ? "" : ", ", v.name, v.unit);
  return text;
}

}  // namespace

Exit info(const std::filesystem::path& folder) {
  auto run = twin::RunReader::open(folder);
  if (!run) return refuse(run.error());
  const auto& spec = run->spec();
  fmt::print("{}: {}, seed {}, from {}, cycle {}\n", folder.string(), spec.scenario, spec.seed,
             to_string(spec.start), to_string(spec.cycle));
  fmt::print("  written by   {}\n  status       {}\n", spec.program, run->status());
  fmt::print("  readable to  {}\n", to_string(run->end().boundary));
  if (!run->fingerprint().empty()) fmt::print("  fingerprint  {}\n", run->fingerprint());
  for (const auto& damage : run->damage()) fmt::print("  damaged      {}\n", damage);
  fmt::print("\n  {:<28} {:>10} {:>10} {:>10}  {}\n", "grid", "devices", "period", "slots", "quantities");
  for (size_t g = 0; g < spec.grids.size(); ++g) {
    const auto slots = run->slots(twin::GridId(g));
    if (!slots) return refuse(slots.error());
    fmt::print("  {:<28} {:>10} {:>10} {:>10}  {}\n", spec.grids[g].name, grouped(spec.rows(spec.grids[g])),
               to_string(spec.grids[g].period), grouped(slots->size()), quantities(spec.grids[g]));
  }
  fmt::print("\n  {:<28} {:>10}  {}\n", "log", "rows", "columns");
  for (size_t l = 0; l < spec.logs.size(); ++l) {
    const auto column = run->read_log(twin::LogId(l), 0);
    if (!column) return refuse(column.error());
    std::string names;
    for (const auto& c : spec.logs[l].columns) names += (names.empty() ? "" : ", ") + c.name;
    fmt::print("  {:<28} {:>10}  {}\n", spec.logs[l].name,
               grouped(static_cast<long long>(twin::rows_of(*column))), names);
  }
  return Exit::held;
}

Exit export_run(const std::filesystem::path& folder, const std::filesystem::path& file) {
  auto run = twin::RunReader::open(folder);
  if (!run) return refuse(run.error());
  if (auto done = twin::export_single_file(*run, file); !done) return refuse(done.error());
  return Exit::held;
}

}  // namespace looptwin::testbed
