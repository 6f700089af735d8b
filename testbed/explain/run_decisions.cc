#include "testbed/explain/run_decisions.h"

#include <fmt/format.h>
#include <algorithm>
#include <set>

#include "base/text.h"
#include "twin/warm/run_reader.h"

namespace looptwin::testbed {
namespace {

constexpr size_t kColumns = 12;

std::string value_text(const RunDecision& d) {
  if (d.unit.empty() || !(d.value == d.value)) return {};
  return fmt::format(" {:.6g} {}", d.value, d.unit);
}

}  // namespace

std::string id_text(uint64_t id) { return fmt::format("{:016x}", id); }

std::string RunDecision::line() const {
  std::string line = fmt::format("{}  {}  {}", to_string(at), kind, subject);
  if (!quantity.empty()) line += ": " + quantity;
  line += value_text(*this);
  if (!device.empty()) line += "  " + device;
  if (members > 0) line += fmt::format("  ({} of {} known)", used, members);
  return line;
}

Result<RunDecisions> RunDecisions::read(const std::filesystem::path& run, const StopAsked& stop) {
  auto reader = twin::RunReader::open(run, stop);
  if (!reader) return tl::make_unexpected(std::move(reader.error()));
  const auto log = reader->log("decisions");
  if (!log || reader->spec().logs[log->index()].columns.size() < kColumns)
    return failure(fmt::format("{} keeps no decisions that can be explained", run.string()),
                   "run the scenario anew");
  std::vector<twin::ColumnData> columns;
  for (size_t c = 0; c < kColumns; ++c) {
    auto column = reader->read_log(*log, c);
    if (!column) return tl::make_unexpected(std::move(column.error()));
    columns.push_back(std::move(*column));
  }
  const auto text = [&](size_t c, size_t row) { return std::string(std::get<twin::Texts>(columns[c])[row]); };
  const auto& at = std::get<std::vector<int64_t>>(columns[0]);
  RunDecisions decisions;
  decisions.all_.reserve(at.size());
  for (size_t row = 0; row < at.size(); ++row)
    decisions.all_.push_back(
        {Time{at[row]}, text(1, row), text(2, row), text(3, row), text(4, row), text(7, row),
         std::get<std::vector<double>>(columns[6])[row], std::get<std::vector<int32_t>>(columns[5])[row],
         static_cast<uint64_t>(std::get<std::vector<int64_t>>(columns[8])[row]),
         static_cast<uint64_t>(std::get<std::vector<int64_t>>(columns[9])[row]),
         std::get<std::vector<int32_t>>(columns[10])[row], std::get<std::vector<int32_t>>(columns[11])[row]});
  return decisions;
}

Result<uint64_t> RunDecisions::find(const std::string& digits) const {
  std::vector<uint64_t> found;
  for (const auto& d : all_)
    if (d.id != 0 && id_text(d.id).starts_with(digits) &&
        std::find(found.begin(), found.end(), d.id) == found.end())
      found.push_back(d.id);
  if (found.size() == 1) return found[0];
  if (found.empty())
    return failure(fmt::format("no decision has an id that begins with '{}'", digits),
                   "looptwin explain RUN lists events and alarms with their ids");
  std::vector<std::string> texts;
  for (size_t i = 0; i < found.size() && i < 5; ++i) texts.push_back(id_text(found[i]));
  return failure(fmt::format("{} decisions have an id that begins with '{}'", found.size(), digits),
                 "write more of it: " + joined(texts));
}

std::vector<const RunDecision*> RunDecisions::life(uint64_t id) const {
  std::vector<const RunDecision*> life;
  for (const auto& d : all_)
    if (d.id == id) life.push_back(&d);
  return life;
}

std::vector<std::vector<const RunDecision*>> RunDecisions::consequences(uint64_t id) const {
  std::vector<std::vector<const RunDecision*>> found;
  std::set<uint64_t> seen;
  for (const auto& d : all_) {
    if (d.cause != id || d.id == id) continue;
    if (d.id == 0)
      found.push_back({&d});
    else if (seen.insert(d.id).second)
      found.push_back(life(d.id));
  }
  return found;
}

}  // namespace looptwin::testbed
