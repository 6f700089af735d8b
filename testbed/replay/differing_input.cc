// Where two runs begin to differ in what came to them: the first row of their logs of inputs, or the first
// sample, that is another.
#include <fmt/format.h>

#include <algorithm>

#include "testbed/replay/difference.h"
#include "twin/warm/run_reader.h"

namespace looptwin::testbed {
namespace {

/// Slots that are compared at once, so that what differs early is found early.
constexpr int64_t kSlotsAtOnce = 512;

struct First {
  Time at = kNever;
  std::string said;
  void offer(Time t, auto&& say) {
    if (t >= at) return;
    at = t;
    said = say();
  }
};

std::string cell(const twin::ColumnData& column, size_t i) {
  return std::visit(
      [&](const auto& values) {
        if constexpr (std::is_same_v<std::decay_t<decltype(values)>, twin::Texts>)
          return std::string(values[i]);
        else
          return fmt::format("{}", values[i]);
      },
      column);
}

/// Rows of a log as texts, with its boundaries.
struct Rows {
  std::vector<twin::ColumnData> columns;
  std::vector<size_t> rows;  ///< in (after, until]
  Time at(size_t i) const { return {std::get<std::vector<int64_t>>(columns[0])[rows[i]]}; }
  std::string text(const twin::LogSpec& spec, size_t i) const {
    std::string all;
    for (size_t c = 1; c < columns.size(); ++c) {
      const auto value = cell(columns[c], rows[i]);
      if (value.empty() || spec.columns[c].type == twin::ColumnType::time) continue;
      all += fmt::format("{}{} {}", all.empty() ? "" : ", ", spec.columns[c].name, value);
    }
    return all;
  }
};

Result<Rows> rows_of_log(twin::RunReader& run, twin::LogId log, Time after, Time until) {
  Rows rows;
  for (size_t c = 0; c < run.spec().logs[log.index()].columns.size(); ++c) {
    auto column = run.read_log(log, c);
    if (!column) return tl::make_unexpected(std::move(column.error()));
    rows.columns.push_back(std::move(*column));
  }
  const auto& boundary = std::get<std::vector<int64_t>>(rows.columns[0]);
  for (size_t i = 0; i < boundary.size(); ++i)
    if (Time{boundary[i]} > after && Time{boundary[i]} <= until) rows.rows.push_back(i);
  return rows;
}

Result<void> compare_logs(twin::RunReader& a, twin::RunReader& b, const char* name, Time after, Time until,
                          First& first) {
  const auto log_a = a.log(name), log_b = b.log(name);
  if (!log_a || !log_b) return {};
  const auto& spec = a.spec().logs[log_a->index()];
  auto in_a = rows_of_log(a, *log_a, after, until), in_b = rows_of_log(b, *log_b, after, until);
  if (!in_a) return tl::make_unexpected(std::move(in_a.error()));
  if (!in_b) return tl::make_unexpected(std::move(in_b.error()));
  if (in_a->columns.size() != in_b->columns.size()) return {};
  for (size_t i = 0; i < std::max(in_a->rows.size(), in_b->rows.size()); ++i) {
    const bool has_a = i < in_a->rows.size(), has_b = i < in_b->rows.size();
    const auto text_a = has_a ? in_a->text(spec, i) : std::string();
    const auto text_b = has_b ? in_b->text(spec, i) : std::string();
    if (has_a && has_b && text_a == text_b && in_a->at(i) == in_b->at(i)) continue;
    const Time at = !has_b ? in_a->at(i) : !has_a ? in_b->at(i) : std::min(in_a->at(i), in_b->at(i));
    first.offer(at, [&] {
      return fmt::format("{} {}: A has {}, B has {}", to_string(at), name,
                         has_a && in_a->at(i) == at ? text_a : "none",
                         has_b && in_b->at(i) == at ? text_b : "none");
    });
    return {};
  }
  return {};
}

Result<void> compare_grid(twin::RunReader& a, twin::RunReader& b, const twin::GridSpec& grid, Time after,
                          First& first) {
  const auto in_a = a.grid(grid.name), in_b = b.grid(grid.name);
  if (!in_a || !in_b) return {};
  const auto& devices = a.spec().table_of(grid).devices;
  if (devices != b.spec().table_of(grid).devices) return {};
  const auto slots_a = a.slots(*in_a), slots_b = b.slots(*in_b);
  if (!slots_a) return tl::make_unexpected(slots_a.error());
  if (!slots_b) return tl::make_unexpected(slots_b.error());
  const auto range = twin::hull(*slots_a, *slots_b);
  const int64_t begin = std::max(range.first, floor_to(after, grid.period).ns / grid.period.ns);
  const twin::RowRange rows{0, static_cast<uint32_t>(devices.size())};
  for (int64_t slot = begin; slot < range.end; slot += kSlotsAtOnce) {
    const twin::SlotRange some{slot, std::min(slot + kSlotsAtOnce, range.end)};
    if (kStart + nanoseconds(some.first * grid.period.ns) >= first.at) return {};
    for (size_t v = 0; v < grid.variables.size(); ++v) {
      if (grid.variables[v].name == "taken_in_after") continue;
      const auto x = a.read(*in_a, v, rows, some), y = b.read(*in_b, v, rows, some);
      if (!x) return tl::make_unexpected(x.error());
      if (!y) return tl::make_unexpected(y.error());
      for (size_t i = 0; i < x->size(); ++i) {
        const double p = (*x)[i], q = (*y)[i];
        if (p == q || (p != p && q != q)) continue;
        const size_t row = i / static_cast<size_t>(some.size());
        const int64_t in_slot = some.first + static_cast<int64_t>(i % static_cast<size_t>(some.size()));
        const Time at = kStart + nanoseconds(in_slot * grid.period.ns) +
                        (grid.phase.empty() ? Duration{} : Duration{grid.phase[row]});
        if (at <= after) continue;
        first.offer(at, [&] {
          const auto show = [&](double value) {
            return value != value ? std::string("none")
                                  : fmt::format("{:.6g} {}", value, grid.variables[v].unit);
          };
          return fmt::format("{} sample of {} of {}: A has {}, B has {}", to_string(at),
                             grid.variables[v].name, devices[row], show(p), show(q));
        });
      }
    }
  }
  return {};
}

}  // namespace

Result<std::string> first_differing_input(const std::filesystem::path& folder_a,
                                          const std::filesystem::path& folder_b, Time after, Time until,
                                          const StopAsked& stop) {
  auto a = twin::RunReader::open(folder_a, stop), b = twin::RunReader::open(folder_b, stop);
  if (!a) return tl::make_unexpected(std::move(a.error()));
  if (!b) return tl::make_unexpected(std::move(b.error()));
  First first{until + nanoseconds(1), {}};
  for (const char* log : {"inputs", "operator"})
    if (auto done = compare_logs(*a, *b, log, after, until, first); !done)
      return tl::make_unexpected(std::move(done.error()));
  for (const auto& grid : a->spec().grids)
    if (grid.name.find("/raw/") != std::string::npos)
      if (auto done = compare_grid(*a, *b, grid, after, first); !done)
        return tl::make_unexpected(std::move(done.error()));
  return first.said;
}

}  // namespace looptwin::testbed
