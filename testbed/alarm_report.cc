#include "testbed/alarm_report.h"

#include <fmt/format.h>

#include <map>

#include "base/text.h"
#include "mml/alarms.h"
#include "testbed/alarm_benchmarks.h"
#include "testbed/last_boundary.h"

namespace looptwin::testbed {

using namespace benchmarks;

namespace {

constexpr const char* kBoth = "ISA-18.2, IEC 62682";

std::string percent(double share) { return fmt::format("{:.1f} %", 100 * share); }
std::string number(uint64_t n) { return grouped(static_cast<long long>(n)); }

void add_rates(const mml::AlarmReport& r, std::vector<AlarmReportLine>& lines) {
  const auto rate = [&](const char* what, double value, double acceptable) {
    lines.push_back({what, fmt::format("{:.2f}", value),
                     fmt::format("{:.0f}; {:.0f} at the most (EEMUA 191, IEC 62682)", acceptable,
                                 kManageable * acceptable),
                     value <= kManageable * acceptable});
  };
  rate("per 10 min", r.per_period, kPer10Min);
  rate("per hour", r.per_hour, kPerHour);
  rate("per day", r.per_day, kPerDay);
  lines.push_back({"most in 10 min", number(r.peak), fmt::format("{} ({})", kMostIn10Min, kBoth),
                   r.peak <= kMostIn10Min});
  const auto rare = [&](const char* what, double share) {
    lines.push_back({what, percent(share), fmt::format("below 1 % ({})", kBoth), share < kFewTimes});
  };
  rare("10 min with more than 10", r.periods_above);
  rare("hours with more than 30", r.hours_above);
  rare("time in flood", r.in_flood);
  lines.push_back({"floods", number(r.floods)});
}

void add_nuisances(const mml::AlarmReport& r, std::vector<AlarmReportLine>& lines) {
  lines.push_back(
      {"top ten", percent(r.top_share), fmt::format("1 % to 5 % ({})", kBoth), r.top_share <= kTopTen});
  const auto none = [&](const char* what, uint64_t n) {
    lines.push_back({what, number(n), fmt::format("none ({})", kBoth), n == 0});
  };
  none("chattering", r.chattering);
  none("fleeting", r.fleeting);
  lines.push_back({"stale", number(r.stale), fmt::format("fewer than {} ({})", kStaleBelow, kBoth),
                   r.stale < kStaleBelow});
}

void add_answers(const mml::AlarmReport& r, std::vector<AlarmReportLine>& lines) {
  lines.push_back({"standing at the end",
                   fmt::format("{}; {} unacknowledged", number(r.standing), number(r.unacknowledged))});
  lines.push_back({"acknowledged", r.acknowledged == 0
                                       ? "0"
                                       : fmt::format("{}; after {} on average, {} at the 95th percentile",
                                                     number(r.acknowledged), to_string(r.to_acknowledge_mean),
                                                     to_string(r.to_acknowledge_p95))});
  lines.push_back({"late, repeated, refused",
                   fmt::format("{}, {}, {}", number(r.late), number(r.repeated), number(r.refused))});
  const auto hidden = [&](const char* what, uint64_t times, uint64_t now) {
    lines.push_back({what, fmt::format("{}; {} at the end", number(times), number(now))});
  };
  lines.push_back({"raised while hidden", number(r.hidden)});
  hidden("shelved", r.shelved, r.shelved_now);
  hidden("suppressed", r.suppressed, r.suppressed_now);
  hidden("out of service", r.out_of_service, r.out_of_service_now);
}

}  // namespace

std::vector<AlarmReportLine> alarm_lines(const mml::AlarmReport& r) {
  std::vector<AlarmReportLine> lines;
  lines.push_back({"annunciated", number(r.annunciated)});
  add_rates(r, lines);
  add_nuisances(r, lines);
  const auto share = [&](mml::AlarmPriority p) {
    const auto n = r.by_priority[static_cast<size_t>(p)];
    return r.annunciated == 0 ? 0.0 : static_cast<double>(n) / static_cast<double>(r.annunciated);
  };
  using P = mml::AlarmPriority;
  // Kept where what is most urgent is rare; that little is urgent at all harms nobody.
  lines.push_back({"low, medium, high, urgent",
                   fmt::format("{}, {}, {}, {}", percent(share(P::low)), percent(share(P::medium)),
                               percent(share(P::high)), percent(share(P::urgent))),
                   fmt::format("about 80 %, 15 %, 5 %, below 1 % ({}, EEMUA 191)", kBoth),
                   share(P::medium) <= kAbout * kMedium && share(P::high) <= kAbout * kHigh &&
                       share(P::urgent) <= kAbout * kUrgent});
  add_answers(r, lines);
  return lines;
}

namespace {

/// One column of the journal, by its name.
template <typename Column>
Result<Column> column_of(twin::RunReader& run, twin::LogId log, std::string_view name) {
  const auto& columns = run.spec().logs[log.index()].columns;
  for (size_t c = 0; c < columns.size(); ++c) {
    if (columns[c].name != name) continue;
    auto column = run.read_log(log, c);
    if (!column) return tl::make_unexpected(std::move(column.error()));
    if (auto* values = std::get_if<Column>(&*column)) return std::move(*values);
  }
  return failure(fmt::format("the log alarm_journal has no column '{}' as this version writes it", name),
                 "read it with the version that wrote the run");
}

template <typename Enum>
std::optional<Enum> value_named(std::string_view name, size_t count) {
  for (size_t i = 0; i < count; ++i)
    if (name == mml::name_of(static_cast<Enum>(i))) return static_cast<Enum>(i);
  return std::nullopt;
}

}  // namespace

Result<std::optional<AlarmJournal>> read_alarm_journal(twin::RunReader& run) {
  const auto log = run.log("alarm_journal");
  if (!log) return std::optional<AlarmJournal>();
  auto at = column_of<std::vector<int64_t>>(run, *log, "at");
  auto hidden = column_of<std::vector<uint8_t>>(run, *log, "hidden");
  if (!at) return tl::make_unexpected(std::move(at.error()));
  if (!hidden) return tl::make_unexpected(std::move(hidden.error()));
  std::array<twin::Texts, 4> texts;
  constexpr const char* kTexts[] = {"kind", "alarm", "device", "priority"};
  for (size_t i = 0; i < texts.size(); ++i) {
    auto column = column_of<twin::Texts>(run, *log, kTexts[i]);
    if (!column) return tl::make_unexpected(std::move(column.error()));
    texts[i] = std::move(*column);
  }
  if (at->empty()) return std::optional<AlarmJournal>();
  mml::AlarmFigures figures;
  std::map<std::string, uint32_t> numbers;
  auto names = std::make_shared<std::vector<std::string>>();
  for (size_t row = 0; row < at->size(); ++row) {
    const auto kind = value_named<mml::RecordKind>(texts[0][row], mml::kRecordKinds);
    const auto priority = value_named<mml::AlarmPriority>(texts[3][row], mml::kAlarmPriorities);
    if (!kind || !priority) continue;  // of a later version
    const auto [found, fresh] =
        numbers.try_emplace(fmt::format("{} on {}", texts[1][row], texts[2][row]), numbers.size());
    if (fresh) names->push_back(found->first);
    figures.take({Time{(*at)[row]}, *kind, {found->second, 0, 0}, *priority, (*hidden)[row]});
  }
  return AlarmJournal{figures.report(last_boundary(run)),
                      [names](const mml::AlarmInstance& i) { return (*names)[i.alarm]; }};
}

}  // namespace looptwin::testbed
