#include "testbed/replay/decision_rows.h"

#include <fmt/format.h>

#include "twin/warm/run_reader.h"

namespace looptwin::testbed {

uint32_t TextPool::number(std::string_view text) {
  const auto [at, is_new] = numbers_.try_emplace(std::string(text), static_cast<uint32_t>(texts_.size()));
  if (is_new) texts_.push_back(&at->first);
  return at->second;
}

namespace {

/// The log's columns, by their names: a column of another version may be missing.
class Columns {
 public:
  Columns(twin::RunReader& run, twin::LogId log) : run_(run), log_(log) {}

  template <typename T>
  const T* get(std::string_view name) {
    if (!problems_.empty()) return nullptr;
    const auto& columns = run_.spec().logs[log_.index()].columns;
    for (size_t c = 0; c < columns.size(); ++c) {
      if (columns[c].name != name) continue;
      auto read = run_.read_log(log_, c);
      if (!read) {
        problems_ = std::move(read.error());
        return nullptr;
      }
      kept_.push_back(std::make_unique<twin::ColumnData>(std::move(*read)));
      if (const T* values = std::get_if<T>(kept_.back().get())) return values;
    }
    problems_ = {{Severity::error, {}, fmt::format("its decisions have no {}", name), {}}};
    return nullptr;
  }
  Diagnostics& problems() { return problems_; }

 private:
  twin::RunReader& run_;
  twin::LogId log_;
  std::vector<std::unique_ptr<twin::ColumnData>> kept_;
  Diagnostics problems_;
};

}  // namespace

Result<DecisionRows> read_decisions(const std::filesystem::path& folder, TextPool& pool, Time after,
                                    Time until, const StopAsked& stop) {
  auto run = twin::RunReader::open(folder, stop);
  if (!run) return tl::make_unexpected(std::move(run.error()));
  const auto log = run->log("decisions");
  if (!log)
    return failure(fmt::format("{} has no log of decisions", folder.string()),
                   "a folder that looptwin run has written");
  Columns columns(*run, *log);
  const auto* at = columns.get<std::vector<int64_t>>("at");
  const auto* occurrence = columns.get<std::vector<int32_t>>("occurrence");
  const auto* value = columns.get<std::vector<double>>("value");
  const auto* id = columns.get<std::vector<int64_t>>("id");
  const auto* cause = columns.get<std::vector<int64_t>>("cause");
  const twin::Texts* texts[] = {columns.get<twin::Texts>("kind"), columns.get<twin::Texts>("subject"),
                                columns.get<twin::Texts>("device"), columns.get<twin::Texts>("quantity"),
                                columns.get<twin::Texts>("unit")};
  if (!columns.problems().empty()) return tl::make_unexpected(std::move(columns.problems()));
  DecisionRows rows;
  for (size_t i = 0; i < at->size(); ++i) {
    if (Time{(*at)[i]} <= after || Time{(*at)[i]} > until) continue;
    const auto number = [&](size_t c) { return pool.number((*texts[c])[i]); };
    rows.push_back({{(*at)[i]},
                    number(0),
                    number(1),
                    number(2),
                    number(3),
                    number(4),
                    (*occurrence)[i],
                    (*value)[i],
                    static_cast<uint64_t>((*id)[i]),
                    static_cast<uint64_t>((*cause)[i])});
  }
  return rows;
}

void DecisionRowSink::describe(std::unique_ptr<DecisionText> text, const twin::Registry& registry) {
  text_ = std::move(text);
  registry_ = &registry;
}

bool DecisionRowSink::decided(Time, std::span<const mml::Record> records) {
  for (const auto& r : records) {
    const auto quantity = text_->quantity_of(r);
    rows_.push_back({r.at, pool_.number(mml::name_of(r.kind)),
                     pool_.number(text_->name_of_subject(mml::subject_of(r.kind), r.subject)),
                     pool_.number(registry_->id(r.device)), pool_.number(quantity.name),
                     pool_.number(quantity.unit), static_cast<int32_t>(r.occurrence), quantity.value, r.id,
                     r.cause});
  }
  return true;
}

}  // namespace looptwin::testbed
