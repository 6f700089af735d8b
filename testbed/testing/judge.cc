#include "testbed/testing/judge.h"

#include <fmt/format.h>
#include <algorithm>
#include <cmath>
#include <set>

#include "base/text.h"
#include "mml/alarms.h"
#include "mml/events.h"
#include "mml/rules.h"
#include "testbed/scenario.h"
#include "twin/registry.h"

namespace looptwin::testbed {
namespace {

using mml::RecordKind;
using Of = ExpectConfig::Of;

/// What is meant where only the name is given.
RecordKind first_kind(Of of) {
  switch (of) {
    case Of::event:
      return RecordKind::event_raised;
    case Of::alarm:
      return RecordKind::alarm_raised;
    case Of::command:
      return RecordKind::command_issued;
    case Of::setpoint:
      return RecordKind::claimed;
    case Of::publish:
      return RecordKind::published;
  }
  return RecordKind::event_raised;
}

const char* word_of(Of of) {
  static constexpr const char* kWords[] = {"raised", "raised", "issued", "claimed", "published"};
  return kWords[static_cast<size_t>(of)];
}

std::string how_often(uint64_t count) { return count == 1 ? "once" : fmt::format("{} times", count); }

/// "alarm overload"
std::string said(const ExpectConfig& e) { return std::string(name_of(e.of)) + " " + e.name; }

std::optional<Of> of_record(const mml::Record& r) {
  using enum RecordKind;
  if (mml::is_of_alarm(r.kind)) return Of::alarm;
  if (r.kind == event_raised || r.kind == event_cleared) return Of::event;
  if (r.kind == published) return Of::publish;
  const bool of_quantity = r.kind >= claimed && r.kind <= command_superseded;
  if (!of_quantity) return std::nullopt;
  return (r.quantity & mml::kImperative) != 0 ? Of::command : Of::setpoint;
}

}  // namespace

std::string Judge::name_of(const mml::Record& r, Of of) const {
  switch (of) {
    case Of::event:
      return assembly_->events().all()[r.subject].config.name;
    case Of::alarm:
      return assembly_->alarms().all()[r.subject].config.event.name;
    case Of::publish:
      return assembly_->scenario().feeds[r.quantity].name;
    case Of::command:
      return assembly_->registry().model(r.device.table).config.commands[r.quantity & ~mml::kImperative].name;
    case Of::setpoint:
      return assembly_->registry().model(r.device.table).config.setpoints[r.quantity].name;
  }
  return {};
}

Result<Judge> Judge::make(Assembly& assembly, const TestConfig& test) {
  Judge judge(assembly);
  Diagnostics problems;
  for (const auto& config : test.expect) {
    auto expected = judge.expected(config);
    if (expected)
      judge.expected_.push_back(std::move(*expected));
    else
      problems.insert(problems.end(), expected.error().begin(), expected.error().end());
  }
  if (!problems.empty()) return tl::make_unexpected(std::move(problems));
  return judge;
}

/// All devices that it can happen to.
std::vector<twin::DeviceRef> Judge::candidates(const ExpectConfig& config) const {
  std::vector<TableId> tables;
  for (const auto& event : assembly_->events().all())
    if (config.of == Of::event && event.config.name == config.name) tables.push_back(event.table);
  for (const auto& alarm : assembly_->alarms().all())
    if (config.of == Of::alarm && alarm.config.event.name == config.name) tables.push_back(alarm.table);
  const auto has = [&](const auto& all) {
    return std::any_of(all.begin(), all.end(), [&](const auto& one) { return one.name == config.name; });
  };
  const auto& registry = assembly_->registry();
  for (const auto& model : registry.models())
    if (config.of == Of::publish || (config.of == Of::command && has(model.config.commands)) ||
        (config.of == Of::setpoint && has(model.config.setpoints)))
      tables.push_back(model.table);
  if (config.of == Of::publish) tables.push_back(registry.site());
  std::vector<twin::DeviceRef> devices;
  for (const auto table : tables)
    for (size_t row = 0; row < assembly_->tables().rows(table); ++row) devices.push_back({table, Row(row)});
  return devices;
}

Result<double> Judge::value_of(const ExpectConfig& config,
                               const std::vector<twin::DeviceRef>& devices) const {
  const auto& setpoints = assembly_->registry().model(devices.front().table).config.setpoints;
  const auto setpoint =
      std::find_if(setpoints.begin(), setpoints.end(), [&](const auto& s) { return s.name == config.name; });
  const auto& text = config.value->source->text;
  const auto written = text.substr(config.value->begin, config.value->end - config.value->begin);
  if (setpoint->boolean && (written == "true" || written == "false")) return written == "true" ? 1.0 : 0.0;
  if (!setpoint->words.empty()) {
    const auto word = std::find(setpoint->words.begin(), setpoint->words.end(), written);
    if (word != setpoint->words.end()) return static_cast<double>(word - setpoint->words.begin());
    return failure(*config.value, fmt::format("'{}' is no word of '{}'", written, config.name),
                   "it is one of " + joined(setpoint->words));
  }
  auto read = assembly_->units().quantity(*config.value, &setpoint->unit);
  if (!read) return tl::make_unexpected(std::move(read.error()));
  if (!read->unit.text.empty() && read->unit.type != setpoint->unit.type)
    return failure(*config.value, fmt::format("'{}' is of another kind than '{}'", written, config.name),
                   "write it in " + setpoint->unit.text);
  return read->value;
}

Result<Judge::Expected> Judge::expected(const ExpectConfig& config) const {
  Expected expected{&config, candidates(config), config.device.empty(), {}};
  if (!config.device.empty()) {
    const auto matching = assembly_->registry().matching(config.device);
    const std::set<twin::DeviceRef> wanted(matching.begin(), matching.end());
    std::erase_if(expected.devices, [&](auto device) { return !wanted.contains(device); });
    if (expected.devices.empty())
      return failure(config.device_span,
                     fmt::format("no device of {} {} matches '{}'", testbed::name_of(config.of), config.name,
                                 config.device),
                     "`*` stands for any part of an id without '/', `**` for any part");
  }
  if (config.value && !expected.devices.empty()) {
    auto value = value_of(config, expected.devices);
    if (!value) return tl::make_unexpected(std::move(value.error()));
    expected.value = *value;
  }
  return expected;
}

bool Judge::is_about(const mml::Record& record, const Expected& expected) const {
  const ExpectConfig& config = *expected.config;
  if (of_record(record) != config.of || name_of(record, config.of) != config.name) return false;
  if (!config.by.empty() && assembly_->rules().all()[record.subject].config.name != config.by) return false;
  if (expected.value && record.kind == RecordKind::claimed &&
      std::fabs(record.value - *expected.value) > 1e-9 * std::max(1.0, std::fabs(*expected.value)))
    return false;
  return std::binary_search(expected.devices.begin(), expected.devices.end(), record.device);
}

std::vector<Unmet> Judge::unmet(std::span<const mml::Record> records) const {
  std::vector<Unmet> out;
  for (const auto& expected : expected_) {
    std::vector<mml::Record> about;
    for (const auto& record : records)
      if (is_about(record, expected)) about.push_back(record);
    const size_t before = out.size();
    check_moments(expected, about, out);
    if (out.size() == before) check_count(expected, about, out);
  }
  return out;
}

void Judge::check_count(const Expected& expected, std::span<const mml::Record> about,
                        std::vector<Unmet>& out) const {
  const ExpectConfig& e = *expected.config;
  const auto& registry = assembly_->registry();
  std::vector<const mml::Record*> first;
  for (const auto& record : about)
    if (record.kind == first_kind(e.of)) first.push_back(&record);
  const auto at = [&](const mml::Record& r) {
    return r.device.table == registry.site()
               ? to_string(r.at)
               : fmt::format("{} on {}", to_string(r.at), registry.id(r.device));
  };
  if (e.never && !first.empty()) {
    out.push_back({&e, e.span,
                   fmt::format("{} was {} at {}; it must never be", said(e), word_of(e.of), at(*first[0])),
                   first[0]->at, first[0]->device, true});
    return;
  }
  if (e.count && first.size() != *e.count) {
    std::vector<std::string> times;
    for (size_t i = 0; i < first.size() && i < 6; ++i) times.push_back(at(*first[i]));
    if (first.size() > times.size()) times.emplace_back("...");
    const bool more = first.size() > *e.count;
    Unmet unmet{&e,
                e.span,
                fmt::format("{} was {} {}, not {}{}", said(e), word_of(e.of), how_often(first.size()),
                            how_often(*e.count), times.empty() ? "" : ": at " + joined(times)),
                kNever,
                expected.devices.empty() ? twin::DeviceRef{} : expected.devices[0],
                more};
    if (more) unmet.at = first[*e.count]->at, unmet.device = first[*e.count]->device;
    out.push_back(std::move(unmet));
  }
  if (e.never || e.count || !e.moments.empty()) return;
  for (const auto device : expected.devices) {
    const bool there = std::any_of(first.begin(), first.end(),
                                   [&](const auto* r) { return expected.any || r->device == device; });
    if (!there)
      out.push_back({&e, e.span,
                     fmt::format("{}{} was never {}", said(e),
                                 expected.any || device.table == registry.site()
                                     ? ""
                                     : fmt::format(" on {}", registry.id(device)),
                                 word_of(e.of)),
                     kNever, device, false});
    if (expected.any) break;
  }
}

void Judge::check_moments(const Expected& expected, std::span<const mml::Record> about,
                          std::vector<Unmet>& out) const {
  const ExpectConfig& e = *expected.config;
  const auto& registry = assembly_->registry();
  for (const auto& moment : e.moments) {
    const Time last = moment.at + e.within;
    for (const auto device : expected.devices) {
      const mml::Record* nearest = nullptr;
      bool met = false;
      for (const auto& record : about) {
        if (record.kind != moment.kind || (!expected.any && record.device != device)) continue;
        met |= record.at >= moment.at && record.at <= last;
        const auto off = [&](const mml::Record& r) { return std::abs((r.at - moment.at).ns); };
        if (nearest == nullptr || off(record) < off(*nearest)) nearest = &record;
      }
      if (!met) {
        const bool named = !expected.any && device.table != registry.site();
        std::string what = fmt::format("{}{} was not {} ", said(e),
                                       named ? fmt::format(" on {}", registry.id(device)) : "", moment.word);
        what += e.within.ns == 0 ? "at " + to_string(moment.at)
                                 : fmt::format("from {} to {}", to_string(moment.at), to_string(last));
        what += nearest == nullptr ? fmt::format("; it was never {}", moment.word)
                                   : fmt::format("; it was at {}", to_string(nearest->at));
        const bool early = nearest != nullptr && nearest->at < moment.at;
        out.push_back({&e, moment.span, std::move(what), early ? nearest->at : last,
                       nearest != nullptr ? nearest->device : device, early});
      }
      if (expected.any) break;
    }
  }
}

std::set<Subject> Judge::happened(std::span<const mml::Record> records) const {
  std::set<Subject> all;
  for (const auto& record : records) {
    const auto of = of_record(record);
    if (of && record.kind == first_kind(*of)) all.insert({*of, name_of(record, *of)});
  }
  return all;
}

}  // namespace looptwin::testbed
