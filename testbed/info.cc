// `looptwin info` and `looptwin export`: what lies in a run folder, and all of it in one file.
#include <fmt/format.h>
#include <cstdio>

#include "base/text.h"
#include "testbed/alarm_report.h"
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

/// The alarms that were raised, with what the operator was told: the latest few.
Result<void> show_alarms(twin::RunReader& run) {
  constexpr size_t kMost = 20;
  const auto log = run.log("alarms");
  if (!log) return {};
  std::vector<twin::ColumnData> columns;
  for (size_t c = 0; c < run.spec().logs[log->index()].columns.size(); ++c) {
    auto column = run.read_log(*log, c);
    if (!column) return tl::make_unexpected(std::move(column.error()));
    columns.push_back(std::move(*column));
  }
  const auto text = [&](size_t column, size_t row) {
    return std::get<twin::Texts>(columns[column])[row];
  };
  const auto& at = std::get<std::vector<int64_t>>(columns[0]);
  if (at.empty()) return {};
  const size_t first = at.size() > kMost ? at.size() - kMost : 0;
  fmt::print("\n  alarms: {} raised{}\n", at.size(), first > 0 ? fmt::format(", the latest {}", kMost) : "");
  for (size_t row = first; row < at.size(); ++row) {
    fmt::print("  {}  {:<6}  {} on {}\n", to_string(run.spec().start + Duration{at[row]}), text(3, row),
               text(1, row), text(2, row));
    for (const auto& [what, column] :
         {std::pair("cause", 6), std::pair("consequence", 7), std::pair("action", 8)})
      if (const auto said = text(column, row); !said.empty()) fmt::print("      {:<12} {}\n", what, said);
  }
  return {};
}

/// The alarm system's figures.
Result<void> show_alarm_figures(twin::RunReader& run) {
  const auto journal = read_alarm_journal(run);
  if (!journal) return tl::make_unexpected(journal.error());
  if (!*journal) return {};
  const auto& report = (*journal)->report;
  fmt::print("\n  alarm figures over {}, for one operating position\n", to_string(report.length));
  for (const auto& line : alarm_lines(report))
    fmt::print("  {:<26} {:<44} {}{}\n", line.what, line.value, line.kept ? "" : "! ",
               line.held.empty() ? "" : "acceptable: " + line.held);
  for (const auto& [instance, times] : report.top)
    fmt::print("      {:>7} x {}\n", grouped(static_cast<long long>(times)), (*journal)->name(instance));
  return {};
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
  if (auto shown = show_alarms(*run); !shown) return refuse(shown.error());
  if (auto shown = show_alarm_figures(*run); !shown) return refuse(shown.error());
  return Exit::held;
}

Exit export_run(const std::filesystem::path& folder, const std::filesystem::path& file) {
  auto run = twin::RunReader::open(folder);
  if (!run) return refuse(run.error());
  if (auto done = twin::export_single_file(*run, file); !done) return refuse(done.error());
  return Exit::held;
}

}  // namespace looptwin::testbed
