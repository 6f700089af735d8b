#include "twin/inventory_item.h"

#include <fmt/format.h>
#include <algorithm>

#include "base/civil.h"
#include "base/text.h"
#include "twin/record_rules.h"

namespace looptwin::twin {
namespace {

constexpr size_t kLongestValue = 1000;  // bytes: a note is a line, not an essay

/// The place of a value that is one text; null where `key` is none.
std::string* place_of(InventoryItem& item, const std::string& key) {
  const std::pair<const char*, std::string*> places[] = {
      {"model", &item.model},     {"serial", &item.identity.serial}, {"firmware", &item.identity.firmware},
      {"fixture", &item.fixture}, {"calibrated", &item.calibrated},  {"due", &item.due},
      {"notes", &item.notes},     {"quarantine", &item.quarantine}};
  for (const auto& [name, place] : places)
    if (key == name) return place;
  return nullptr;
}

bool is_day(const std::string& text) {
  return text.size() == 10 && text.find_first_not_of("0123456789-") == std::string::npos && parse_iso(text);
}

}  // namespace

const std::vector<std::string>& item_keys() {
  static const std::vector<std::string> kKeys = {"model",      "serial", "firmware", "fixture",   "tags",
                                                 "calibrated", "due",    "notes",    "quarantine"};
  return kKeys;
}

std::map<std::string, std::string> values_of(const InventoryItem& item) {
  std::map<std::string, std::string> values;
  InventoryItem copy = item;
  for (const auto& key : item_keys()) {
    const auto* place = place_of(copy, key);
    auto text = place != nullptr ? *place : joined(item.tags, ";");
    if (!text.empty()) values[key] = std::move(text);
  }
  if (item.retired) values["state"] = "retired";
  return values;
}

Result<void> set_value(InventoryItem& item, const std::string& key, const std::string& value) {
  if (auto* place = place_of(item, key)) {
    *place = value;
    return {};
  }
  if (key != "tags")
    return failure(fmt::format("a device of an inventory has no '{}' to set", key),
                   "these can be set: " + joined(item_keys()));
  item.tags.clear();
  for (size_t from = 0; from < value.size();) {
    const size_t to = std::min(value.find(';', from), value.size());
    if (to > from) item.tags.push_back(value.substr(from, to - from));
    from = to + 1;
  }
  std::ranges::sort(item.tags);
  item.tags.erase(std::unique(item.tags.begin(), item.tags.end()), item.tags.end());
  return {};
}

Result<void> check_item(const InventoryItem& item) {
  if (auto good = check_device_id(item.id); !good) return good;
  for (const auto& tag : item.tags)
    if (auto good = check_tag(tag); !good) return good;
  for (const auto& [key, value] : values_of(item))
    if (key != "tags" && (!is_line(value) || value.size() > kLongestValue))
      return failure(fmt::format("the {} of '{}' is no line of text", key, item.id),
                     fmt::format("it is one line of UTF-8, of {} bytes at the most", kLongestValue));
  for (const auto& [key, day] : {std::pair("calibrated", &item.calibrated), std::pair("due", &item.due)})
    if (!day->empty() && !is_day(*day))
      return failure(fmt::format("'{}' is no day, at the {} of '{}'", *day, key, item.id),
                     "write 2027-03-31");
  if (!item.calibrated.empty() && !item.due.empty() && item.due < item.calibrated)
    return failure(
        fmt::format("'{}' is due on {}, before it was calibrated on {}", item.id, item.due, item.calibrated),
        "due is the last day that the calibration is good for");
  return {};
}

bool is_overdue(const InventoryItem& item, UnixTime now) {
  const auto day = item.due.empty() ? std::nullopt : parse_iso(item.due);
  return day && now >= from_utc_fields(day->local) + days(1);
}

}  // namespace looptwin::twin
