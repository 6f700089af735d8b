// `looptwin info` and `looptwin export`: what lies in a run folder, and all of it in one file.
#include <fmt/format.h>
#include <cstdio>
#include <map>

#include "base/json_tree.h"
#include "base/text.h"
#include "mml/alarm_state.h"
#include "mml/records.h"
#include "testbed/alarm_report.h"
#include "testbed/last_boundary.h"
#include "testbed/run.h"
#include "twin/warm/disk.h"
#include "twin/warm/export.h"
#include "twin/warm/folder_lock.h"
#include "twin/warm/run_reader.h"

namespace looptwin::testbed {
namespace {

/// A value of a status on one line; of an object ("rig") its single values.
std::string shown(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_boolean()) return value.get<bool>() ? "yes" : "no";
  if (value.is_number_integer()) return grouped(value.get<long long>());
  if (value.is_number()) return fmt::format("{:.4g}", value.get<double>());
  std::string text;
  if (value.is_object())
    for (const auto& [name, inner] : value.items())
      if (!inner.is_structured())
        text += fmt::format("{}{} {}", text.empty() ? "(" : ", ", name, shown(inner));
  return text.empty() ? text : text + ")";
}

/// What the run said of itself at its end: "reached_end", and its counters. One that could say nothing more
/// is still "running", though nobody writes it.
void show_status(const std::string& json, bool is_written) {
  const auto status = load_json<Json>(json);
  if (!status.is_object() || !status.contains("state"))
    return fmt::print("  status       {}\n", json.empty() || json == "{}" ? "it did not end" : json);
  const auto state = status["state"].get<std::string>();
  fmt::print("  status       {}{}\n", state,
             state == "running" && !is_written ? " when its process ended" : "");
  std::string line;
  for (const auto& [name, value] : status.items()) {
    if (name == "state") continue;
    const std::string text = shown(value);
    if (line.size() + name.size() + text.size() > 90) {
      fmt::print("               {}\n", line);
      line.clear();
    }
    line += fmt::format("{}{} {}", line.empty() ? "" : ", ", name, text);
  }
  if (!line.empty()) fmt::print("               {}\n", line);
}

/// "temperature [degC], power [kW]"
std::string quantities(const twin::GridSpec& grid) {
  std::string text;
  for (const auto& v : grid.variables)
    text += fmt::format("{}{} [{}]", text.empty() ? "" : ", ", v.name, v.unit);
  return text;
}

/// All columns of a log of the run; nothing where it has no such log.
Result<std::vector<twin::ColumnData>> read_columns(twin::RunReader& run, const std::string& name) {
  std::vector<twin::ColumnData> columns;
  const auto log = run.log(name);
  if (!log) return columns;
  for (size_t c = 0; c < run.spec().logs[log->index()].columns.size(); ++c) {
    auto column = run.read_log(*log, c);
    if (!column) return tl::make_unexpected(std::move(column.error()));
    columns.push_back(std::move(*column));
  }
  return columns;
}

/// Of alarms over sets, by the id of their decision: how many members had a good value as they were raised.
Result<std::map<int64_t, std::string>> read_members(twin::RunReader& run) {
  std::map<int64_t, std::string> members;
  const auto read = read_columns(run, "decisions");
  if (!read) return tl::make_unexpected(read.error());
  const auto& columns = *read;
  constexpr size_t kKind = 1, kId = 8, kUsed = 10, kMembers = 11;
  if (columns.size() <= kMembers) return members;
  const auto& kind = std::get<twin::Texts>(columns[kKind]);
  const auto& of = std::get<std::vector<int32_t>>(columns[kMembers]);
  for (size_t row = 0; row < of.size(); ++row)
    if (of[row] > 0 && kind[row] == name_of(mml::RecordKind::alarm_raised))
      members[std::get<std::vector<int64_t>>(columns[kId])[row]] =
          fmt::format("{} of {} members known", grouped(std::get<std::vector<int32_t>>(columns[kUsed])[row]),
                      grouped(of[row]));
  return members;
}

/// The alarms that were raised, with what the operator was told: the latest few.
Result<void> show_alarms(twin::RunReader& run) {
  constexpr size_t kMost = 20;
  const auto read = read_columns(run, "alarms");
  if (!read) return tl::make_unexpected(read.error());
  const auto& columns = *read;
  if (columns.empty()) return {};
  const auto text = [&](size_t column, size_t row) { return std::get<twin::Texts>(columns[column])[row]; };
  const auto& at = std::get<std::vector<int64_t>>(columns[0]);
  if (at.empty()) return {};
  const auto members = read_members(run);
  if (!members) return tl::make_unexpected(members.error());
  const size_t first = at.size() > kMost ? at.size() - kMost : 0;
  fmt::print("\n  alarms: {} raised{}\n", at.size(), first > 0 ? fmt::format(", the latest {}", kMost) : "");
  for (size_t row = first; row < at.size(); ++row) {
    // Runs of earlier versions lack the last columns.
    const std::string_view group = columns.size() > 9 ? text(9, row) : std::string_view();
    const std::string_view state = columns.size() > 10 ? text(10, row) : std::string_view();
    const bool hidden = !state.empty() && state != mml::name_of(mml::AlarmState::unacknowledged);
    const auto counted = members->find(std::get<std::vector<int64_t>>(columns[5])[row]);
    fmt::print("  {}  {:<6}  {} on {}{}{}{}\n", to_string(run.spec().start + Duration{at[row]}), text(3, row),
               text(1, row), text(2, row), hidden ? fmt::format(", {}", state) : "",
               group.empty() ? "" : fmt::format(", first out of {}", group),
               counted == members->end() ? "" : ", " + counted->second);
    for (const auto& [what, column] :
         {std::pair("cause", 6), std::pair("consequence", 7), std::pair("action", 8)})
      if (const auto said = text(column, row); !said.empty()) fmt::print("      {:<12} {}\n", what, said);
  }
  return {};
}

/// What the decisions say of bypasses, first-outs and conflicts, and alarms of what was refused.
class Told {
 public:
  explicit Told(twin::RunReader& run) : run_(run) {}

  /// Columns `at` and texts of a log, by place; false where it has none.
  Result<bool> open(const std::string& log, std::vector<size_t> texts) {
    auto columns = read_columns(run_, log);
    if (!columns) return tl::make_unexpected(std::move(columns.error()));
    columns_ = std::move(*columns);
    texts_ = std::move(texts);
    return !columns_.empty();
  }
  size_t rows() const { return at().size(); }
  Time at(size_t row) const { return Time{at()[row]}; }
  std::string_view text(size_t which, size_t row) const {
    return std::get<twin::Texts>(columns_[texts_[which]])[row];
  }
  bool is(mml::RecordKind kind, size_t row) const { return text(0, row) == mml::name_of(kind); }
  std::string date(Time at) const { return to_string(run_.spec().start + (at - kStart)); }

 private:
  const std::vector<int64_t>& at() const { return std::get<std::vector<int64_t>>(columns_[0]); }
  twin::RunReader& run_;
  std::vector<twin::ColumnData> columns_;
  std::vector<size_t> texts_;
};

/// "first out: 30, the latest 20", and those.
void print_latest(const char* what, const std::vector<std::string>& lines) {
  constexpr size_t kMost = 20;
  if (lines.empty()) return;
  const size_t first = lines.size() > kMost ? lines.size() - kMost : 0;
  fmt::print("\n  {}: {}{}\n", what, lines.size(), first > 0 ? fmt::format(", the latest {}", kMost) : "");
  for (size_t i = first; i < lines.size(); ++i) fmt::print("  {}\n", lines[i]);
}

Result<void> show_decisions(twin::RunReader& run) {
  Told told(run);
  const auto opened = told.open("decisions", {1, 2, 3, 4});
  if (!opened) return tl::make_unexpected(opened.error());
  if (!*opened) return {};
  std::map<std::string, Time> bypassed;
  std::map<std::string, size_t> conflicts, outranked;
  std::vector<std::string> first_outs;
  size_t bypasses = 0;
  for (size_t row = 0; row < told.rows(); ++row) {
    const auto place = fmt::format("{} on {}", told.text(1, row), told.text(2, row));
    if (told.is(mml::RecordKind::bypass_begun, row)) {
      ++bypasses;
      bypassed[place] = told.at(row);
    } else if (told.is(mml::RecordKind::bypass_ended, row)) {
      bypassed.erase(place);
    } else if (told.is(mml::RecordKind::first_out, row)) {
      first_outs.push_back(fmt::format("{}  {}: {}", told.date(told.at(row)), told.text(3, row), place));
    } else if (told.is(mml::RecordKind::conflict, row)) {
      ++conflicts[fmt::format("rule {} held {} against another", told.text(1, row), told.text(3, row))];
    } else if (told.is(mml::RecordKind::outranked, row)) {
      ++outranked[fmt::format("rule {} did not get its {}", told.text(1, row), told.text(3, row))];
    }
  }
  if (bypasses > 0)
    fmt::print("\n  bypasses of events: {}, in force at the end {}\n", bypasses, bypassed.size());
  for (const auto& [place, since] : bypassed)
    fmt::print("  {}  {}, for {}\n", told.date(since), place, to_string(last_boundary(run) - since));
  print_latest("first out", first_outs);
  const auto print_counts = [](const char* title, const std::map<std::string, size_t>& counts) {
    if (!counts.empty()) fmt::print("\n  {}\n", title);
    for (const auto& [what, times] : counts)
      fmt::print("  {:>7} x {}\n", grouped(static_cast<long long>(times)), what);
  };
  print_counts("conflicts of overrides with equal priority", conflicts);
  print_counts("overrides that a higher priority made idle", outranked);
  return {};
}

Result<void> show_refusals(twin::RunReader& run) {
  Told told(run);
  const auto opened = told.open("alarm_journal", {1, 2, 3, 9, 10});
  if (!opened) return tl::make_unexpected(opened.error());
  std::vector<std::string> refusals;
  for (size_t row = 0; *opened && row < told.rows(); ++row)
    if (told.is(mml::RecordKind::alarm_refused, row))
      refusals.push_back(fmt::format("{}  {:<12} {} on {}: {}", told.date(told.at(row)), told.text(3, row),
                                     told.text(1, row), told.text(2, row), told.text(4, row)));
  print_latest("refused to people at alarms", refusals);
  return {};
}

/// What people did: the latest few, refused or not.
Result<void> show_people(twin::RunReader& run) {
  constexpr size_t kMost = 20;
  const auto read = read_columns(run, "operator");
  if (!read) return tl::make_unexpected(read.error());
  const auto& columns = *read;
  if (columns.empty()) return {};
  const auto text = [&](size_t column, size_t row) { return std::get<twin::Texts>(columns[column])[row]; };
  const auto number = [&](size_t column, size_t row) {
    return std::get<std::vector<double>>(columns[column])[row];
  };
  const auto& boundary = std::get<std::vector<int64_t>>(columns[0]);
  if (boundary.empty()) return {};
  const size_t first = boundary.size() > kMost ? boundary.size() - kMost : 0;
  fmt::print("\n  people: {} actions{}\n", boundary.size(),
             first > 0 ? fmt::format(", the latest {}", kMost) : "");
  for (size_t row = first; row < boundary.size(); ++row) {
    std::string value;
    if (text(3, row) == "set")
      value = text(8, row).empty() ? fmt::format(" to {:.6g} {}", number(6, row), text(7, row))
                                   : fmt::format(" to {}", text(8, row));
    const double lasts = number(9, row);
    fmt::print(
        "  {}  {:<12} {} {}{} on {}{}{}\n", to_string(run.spec().start + Duration{boundary[row]}),
        text(2, row), text(3, row), text(4, row), value, text(5, row),
        lasts > 0 ? fmt::format(" for {}", to_string(milliseconds(static_cast<int64_t>(lasts * 1000)))) : "",
        text(10, row).empty() ? "" : fmt::format(": {}", text(10, row)));
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

/// What requirements.json says of each requirement, where there is one.
void show_requirements(const std::filesystem::path& folder) {
  const auto text = twin::read_whole_file(folder / "requirements.json");
  const auto json = load_json<Json>(text.value_or(""));
  if (!json.is_object() || !json.contains("requirements")) return;
  fmt::print("\n  {:<12} {:>9} {:>9} {:>9}  {}\n", "requirement", "held", "violated", "undecided", "");
  for (const auto& requirement : json["requirements"])
    fmt::print("  {:<12} {:>9} {:>9} {:>9}  {}\n", requirement.value("verdict", ""),
               requirement.value("held", 0), requirement.value("violated", 0),
               requirement.value("undecided", 0), requirement.value("name", ""));
}

}  // namespace

Exit info(const std::filesystem::path& folder) {
  auto run = twin::RunReader::open(folder);
  if (!run) return refuse(run.error());
  const auto& spec = run->spec();
  fmt::print("{}: {}, seed {}, from {}, cycle {}\n", folder.string(), spec.scenario, spec.seed,
             to_string(spec.start), to_string(spec.cycle));
  fmt::print("  written by   {}\n", spec.program);
  show_status(run->status(), twin::FolderLock::is_held(folder));
  fmt::print("  readable to  {}\n", to_string(spec.start + (last_boundary(*run) - kStart)));
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
  show_requirements(folder);
  if (auto shown = show_people(*run); !shown) return refuse(shown.error());
  if (auto shown = show_refusals(*run); !shown) return refuse(shown.error());
  if (auto shown = show_decisions(*run); !shown) return refuse(shown.error());
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
