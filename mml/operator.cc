#include "mml/operator.h"

#include <algorithm>

#include "base/check.h"

namespace looptwin::mml {
namespace {

EnumId enumeration_of(lang::Schema& schema, const InputConfig& config) {
  if (config.words.empty()) return {};
  for (size_t e = 0; e < schema.enumerations.size(); ++e)
    if (schema.enumerations[e].words == config.words) return EnumId(e);
  schema.enumerations.push_back({config.name, config.words});
  return EnumId(schema.enumerations.size() - 1);
}

lang::Column column_of(const InputConfig& config, EnumId words) {
  if (config.boolean) return {config.name, lang::Type::boolean(), {}, lang::Storage::boolean};
  if (!config.words.empty()) return {config.name, lang::Type::enumeration_of(words), {}, lang::Storage::code};
  return {config.name, config.unit.type, config.unit, lang::Storage::f64};
}

}  // namespace

void add_columns(lang::Schema& schema, Input& input, const std::vector<TableId>& copies) {
  const EnumId words = enumeration_of(schema, input.config);
  input.column = schema.add_column(input.table, column_of(input.config, words));
  for (const TableId table : copies)
    input.copies.emplace_back(table, schema.add_column(table, column_of(input.config, words)));
}

const char* name_of(Refusal refusal) {
  static constexpr const char* kNames[] = {"role", "range"};
  return kNames[static_cast<size_t>(refusal)];
}

Operator::Operator(std::vector<PersonConfig> people, std::vector<Input> inputs, twin::Tables& tables)
    : people_(std::move(people)), inputs_(std::move(inputs)), tables_(tables) {}

bool Operator::may(uint16_t person, const std::string& role) const { return has_role(people_[person], role); }

void Operator::bind(bool fresh) {
  if (!fresh) return;
  for (const Input& input : inputs_)
    for (uint32_t row = 0; row < tables_.rows(input.table); ++row)
      put(input, row, input.config.value, nullptr);
}

bool Operator::fits(const Input& input, double value) const {
  const auto& config = input.config;
  if (config.boolean) return value == 0 || value == 1;
  if (!config.words.empty())
    return value >= 0 && value < static_cast<double>(config.words.size()) &&
           value == static_cast<double>(static_cast<size_t>(value));
  return value == value && (!config.range || (config.range->low <= value && value <= config.range->high));
}

/// One row, or all rows of the copies; marks who reads them.
void Operator::put(const Input& input, uint32_t row, double value, Dirty* dirty) {
  const bool wide = !input.config.boolean && input.config.words.empty();
  const auto store = [&](TableId table, ColumnId column, size_t first, size_t count) {
    if (wide)
      std::fill_n(tables_.values<double>(table, column).begin() + static_cast<long>(first), count, value);
    else
      std::fill_n(tables_.values<uint8_t>(table, column).begin() + static_cast<long>(first), count,
                  static_cast<uint8_t>(value));
  };
  store(input.table, input.column, row, 1);
  if (dirty != nullptr) dirty->mark(input.table, row);
  for (const auto& [table, column] : input.copies) {
    store(table, column, 0, tables_.rows(table));
    if (dirty != nullptr) dirty->mark_all(table);
  }
}

Record Operator::record(RecordKind kind, uint16_t input, uint32_t row, double value, Time now) const {
  return {now, kind, input, 0, {inputs_[input].table, Row(row)}, 0, value, 0, 0};
}

void Operator::step(Time now, Dirty& dirty, std::vector<Record>& log) {
  for (const auto& [input, row] : pressed_) put(inputs_[input], row, 0, &dirty);
  pressed_.clear();
  while (!agenda_.empty() && agenda_.top().at <= now) {
    const Expiry expiry = agenda_.top();
    agenda_.pop();
    const auto found = until_.find({expiry.input, expiry.row});
    if (found == until_.end() || found->second != expiry.at) continue;
    until_.erase(found);
    const Input& input = inputs_[expiry.input];
    put(input, expiry.row, input.config.value, &dirty);
    ++counters_.expired;
    log.push_back(record(RecordKind::input_expired, expiry.input, expiry.row, input.config.value, now));
  }
}

void Operator::act(const twin::OperatorAction& action, Time now, Dirty& dirty, std::vector<Record>& log) {
  const Input& input = inputs_[action.subject];
  const auto row = static_cast<uint32_t>(action.device.row.index());
  LT_CHECK(action.device.table == input.table, "an action on a device of another model");
  const bool press = action.verb == twin::OperatorVerb::press;
  const double value = press ? 1 : action.value;
  const bool allowed = may(action.by, input.config.role);
  if (!allowed || !fits(input, value)) {
    Record refused = record(RecordKind::input_refused, action.subject, row, value, now);
    refused.quantity = static_cast<uint16_t>(allowed ? Refusal::range : Refusal::role);
    log.push_back(refused);
    return count(true);
  }
  put(input, row, value, &dirty);
  log.push_back(
      record(press ? RecordKind::input_pressed : RecordKind::input_set, action.subject, row, value, now));
  count(false);
  if (press) {
    pressed_.emplace_back(action.subject, row);
    return;
  }
  until_.erase({action.subject, row});
  const Duration lasts = action.duration.ns > 0 ? action.duration : input.config.expires;
  if (lasts.ns == 0) return;
  until_[{action.subject, row}] = now + lasts;
  agenda_.push({now + lasts, action.subject, row});
}

void Operator::count(bool refused) {
  ++counters_.actions;
  counters_.refused += refused;
}

void Operator::save(ArchiveWriter& archive) const {
  archive.section("operator", 1);
  archive.put<uint64_t>(pressed_.size());
  for (const auto& [input, row] : pressed_) {
    archive.put(input);
    archive.put(row);
  }
  archive.put<uint64_t>(until_.size());
  for (const auto& [place, until] : until_) {
    archive.put(place.first);
    archive.put(place.second);
    archive.put(until);
  }
  archive.put(counters_);
}

void Operator::restore(ArchiveReader& archive) {
  archive.section("operator", 1);
  pressed_.clear();
  until_.clear();
  agenda_ = {};
  const auto pressed = archive.get<uint64_t>();
  for (uint64_t i = 0; i < pressed && archive.ok(); ++i) {
    const auto input = archive.get<uint16_t>();
    pressed_.emplace_back(input, archive.get<uint32_t>());
  }
  const auto waiting = archive.get<uint64_t>();
  for (uint64_t i = 0; i < waiting && archive.ok(); ++i) {
    const auto input = archive.get<uint16_t>();
    const auto row = archive.get<uint32_t>();
    const auto until = archive.get<Time>();
    until_[{input, row}] = until;
    agenda_.push({until, input, row});
  }
  counters_ = archive.get<OperatorCounters>();
}

}  // namespace looptwin::mml
