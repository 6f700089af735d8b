#include "testbed/reading/keys.h"

#include <fmt/format.h>
#include <array>

#include "base/check.h"
#include "base/text.h"

namespace looptwin::testbed {
namespace {

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }

}  // namespace

bool is_name_sign(char c) { return is_letter(c) || (c >= '0' && c <= '9'); }

const char* name_of(Form form) {
  switch (form) {
    case Form::text:
      return "text";
    case Form::prose:
      return "prose";
    case Form::name:
      return "name";
    case Form::pattern:
      return "pattern";
    case Form::path:
      return "path";
    case Form::date:
      return "date and time";
    case Form::time_of_day:
      return "time of day";
    case Form::word:
      return "word";
    case Form::words:
      return "list of words";
    case Form::texts:
      return "list of texts";
    case Form::boolean:
      return "true or false";
    case Form::whole_number:
      return "whole number";
    case Form::number:
      return "number";
    case Form::share:
      return "share";
    case Form::duration:
      return "duration";
    case Form::period:
      return "duration > 0";
    case Form::quantity:
      return "quantity";
    case Form::unit:
      return "unit";
    case Form::range:
      return "[low, high]";
    case Form::distribution:
      return "distribution";
    case Form::durations:
      return "list of durations";
    case Form::quantities:
      return "list of quantities";
    case Form::expression:
      return "expression";
    case Form::expressions:
      return "expressions by name";
    case Form::section:
      return "section";
    case Form::word_or_section:
      return "word, or section";
    case Form::named:
      return "sections by name";
    case Form::list:
      return "list of sections";
    case Form::one_or_more:
      return "section, or a list of them";
    case Form::other:
      return "see there";
  }
  LT_CHECK(false, "a form without a name");
}

std::vector<std::string> SectionInfo::key_names() const {
  std::vector<std::string> names;
  for (const auto& key : keys) names.push_back(key.name);
  return names;
}

bool expect_map(Reader& reader, const SectionInfo& section, const yaml::Node& node, const Span& where) {
  if (node.map()) return true;
  if (node.refused()) return false;
  const Span& span = node.span.source ? node.span : where;
  reader.error(
      span, fmt::format("{} is a map, not a {}", section.name, node.list() ? "list" : "single value"),
      section.keys.empty() ? "write name: value, one a line" : "keys: " + joined(section.key_names()));
  return false;
}

void check_keys(Reader& reader, const SectionInfo& section, const yaml::Node& node, const Span& where) {
  const auto names = section.key_names();
  for (const auto& entry : node.entries) {
    if (section.others || std::find(names.begin(), names.end(), entry.key) != names.end()) continue;
    auto hint = did_you_mean(entry.key, names);
    for (const auto& [word, instead] : section.mistaken)
      if (word == entry.key) hint = instead + '.';
    hint += (hint.empty() ? "keys: " : " keys: ") + joined(names);
    reader.error(entry.key_span, fmt::format("{} has no key '{}'", section.name, entry.key), hint);
  }
  for (const auto& key : section.keys) {
    if (!reader.complete) break;
    if (!key.required || node.find(key.name) != nullptr) continue;
    reader.error(where, fmt::format("{} needs '{}': {}", section.name, key.name, key.about));
  }
}

bool expect_list(Reader& reader, const std::string& key, const yaml::Node& node) {
  if (node.list()) return true;
  if (node.refused()) return false;
  reader.error(node.span, fmt::format("'{}' is a list", key),
               fmt::format("write {}: [ ... ], or an item a line behind '- '", key));
  return false;
}

bool check_name(Reader& reader, const std::string& name, const Span& span) {
  static const std::vector<std::string> kReserved = {"true", "false", "in", "not", "over", "self", "id"};
  if (std::find(kReserved.begin(), kReserved.end(), name) != kReserved.end()) {
    reader.error(span, fmt::format("'{}' is a word of the language and cannot be a name", name),
                 "choose another name");
    return false;
  }
  if (!name.empty() && is_letter(name[0]) && std::all_of(name.begin(), name.end(), is_name_sign)) return true;
  reader.error(span, fmt::format("'{}' cannot be a name", name),
               "a name is letters, digits and _, and does not begin with a digit");
  return false;
}

}  // namespace looptwin::testbed
