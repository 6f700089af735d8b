#include "testbed/reading/schema.h"

#include <fmt/format.h>
#include <algorithm>

#include "base/json_tree.h"
#include "base/text.h"
#include "testbed/reading/distribution.h"
#include "testbed/reading/load.h"

namespace looptwin::testbed {
namespace {

OrderedJson reference(const SectionInfo& section) { return {{"$ref", "#/$defs/" + section.anchor}}; }

/// A word that looks like a number may be written as one: `version: 5`.
OrderedJson words_schema(const std::vector<std::string>& words) {
  OrderedJson all = words;
  for (const auto& word : words)
    if (OrderedJson number = load_json<OrderedJson>(word); number.is_number())
      all.push_back(std::move(number));
  return all;
}

OrderedJson form_schema(const KeyInfo& key) {
  const OrderedJson scalar = {"string", "number", "boolean"};
  switch (key.form) {
    case Form::text:
    case Form::prose:
    case Form::pattern:
      return {{"type", scalar}};
    case Form::unit:
      return {{"type", {"string", "number"}}};
    case Form::path:
    case Form::date:
    case Form::time_of_day:
    case Form::duration:
    case Form::period:
      return {{"type", "string"}};
    case Form::name:
      return {{"type", "string"}, {"pattern", "^[A-Za-z_][A-Za-z0-9_]*$"}};
    case Form::word:
      return {{"enum", words_schema(key.words)}};
    case Form::texts:
    case Form::words:
      return {{"type", "array"}, {"items", {{"type", scalar}}}};
    case Form::durations:
    case Form::quantities:
      return {{"type", "array"}, {"items", {{"type", {"string", "number"}}}}};
    case Form::boolean:
      return {{"type", "boolean"}};
    case Form::whole_number:
      return {{"type", "integer"}, {"minimum", 0}};
    case Form::number:
    case Form::share:
    case Form::quantity:
    case Form::distribution:
      return {{"type", {"string", "number"}}};
    case Form::range:
      return {
          {"type", "array"}, {"items", {{"type", {"string", "number"}}}}, {"minItems", 2}, {"maxItems", 2}};
    case Form::expression:
      return {{"type", scalar}};
    case Form::expressions:
      return {{"type", "object"}, {"additionalProperties", {{"type", scalar}}}};
    case Form::section:
      return reference(*key.section);
    case Form::word_or_section:
      return {{"anyOf", {reference(*key.section), {{"enum", words_schema(key.words)}}}}};
    case Form::named:
      return {{"type", "object"}, {"additionalProperties", reference(*key.section)}};
    case Form::list:
      return {{"type", "array"}, {"items", reference(*key.section)}};
    case Form::one_or_more:
      return {{"anyOf", {reference(*key.section), {{"type", "array"}, {"items", reference(*key.section)}}}}};
    case Form::other:
      return OrderedJson::object();
  }
  return OrderedJson::object();
}

OrderedJson described(const KeyInfo& key) {
  OrderedJson schema = form_schema(key);
  std::string about = key.about;
  if (!key.fallback.empty()) about += fmt::format(" (default {})", key.fallback);
  // Draft 7 editors ignore what stands beside a $ref, so it is wrapped.
  if (schema.contains("$ref")) schema = {{"allOf", {schema}}};
  schema["description"] = fmt::format("{}: {}", name_of(key.form), about);
  return schema;
}

OrderedJson section_schema(const SectionInfo& section) {
  OrderedJson properties = OrderedJson::object();
  OrderedJson needed = OrderedJson::array();
  for (const auto& key : section.keys) {
    properties[key.name] = described(key);
    if (key.required) needed.push_back(key.name);
  }
  OrderedJson schema = {{"title", section.name}, {"type", "object"}, {"properties", std::move(properties)}};
  schema["additionalProperties"] = section.others ? described(*section.others) : OrderedJson(false);
  if (!needed.empty()) schema["required"] = std::move(needed);
  return schema;
}

void collect(const SectionInfo& section, std::vector<const SectionInfo*>& out) {
  if (std::find(out.begin(), out.end(), &section) != out.end()) return;
  out.push_back(&section);
  for (const auto& key : section.keys)
    if (key.section) collect(*key.section, out);
}

std::string cell(std::string text) {
  for (size_t at = 0; (at = text.find('|', at)) != std::string::npos; at += 2) text.insert(at, 1, '\\');
  return text;
}

}  // namespace

std::vector<const SectionInfo*> sections_of(const SectionInfo& root) {
  std::vector<const SectionInfo*> out;
  collect(root, out);
  return out;
}

std::vector<const SectionInfo*> all_sections() { return sections_of(scenario_section()); }

std::string json_schema(const SectionInfo& top, const std::string& title, bool in_parts) {
  OrderedJson definitions = OrderedJson::object();
  for (const auto* section : sections_of(top))
    if (section != &top) definitions[section->anchor] = section_schema(*section);
  OrderedJson schema = {{"$schema", "http://json-schema.org/draft-07/schema#"}};
  schema.update(section_schema(top));
  if (in_parts) schema.erase("required");
  schema["title"] = title;
  schema["$defs"] = std::move(definitions);
  return dump_json(schema, 2);
}

// A used file holds a part of the scenario only.
std::string json_schema() { return json_schema(scenario_section(), "looptwin scenario", true); }

std::string key_table(const SectionInfo& section) {
  std::string out = "| key | value | default | meaning |\n|---|---|---|---|\n";
  const auto row = [&](const KeyInfo& key) {
    std::string value = name_of(key.form);
    if (key.form == Form::word) value = joined(key.words);
    if (key.section) value = fmt::format("[{}](#{})", value, key.section->anchor);
    // A default that one could write is set as code; others are words about it.
    const auto& f = key.fallback;
    const bool code = !f.empty() && (f.find_first_of("0123456789\"") == 0 || f == "true" || f == "false" ||
                                     std::find(key.words.begin(), key.words.end(), f) != key.words.end());
    const auto fallback = key.required ? "**needed**" : code ? "`" + key.fallback + "`" : key.fallback;
    out += fmt::format("| `{}` | {} | {} | {} |\n", key.name, cell(value), cell(fallback), cell(key.about));
  };
  for (const auto& key : section.keys) row(key);
  if (section.others) row(*section.others);
  return out;
}

std::string with_tables(const std::string& document, const std::vector<const SectionInfo*>& sections) {
  std::string out;
  bool skipping = false;
  for (size_t begin = 0; begin < document.size();) {
    const size_t end = std::min(document.find('\n', begin), document.size() - 1) + 1;
    const auto line = document.substr(begin, end - begin);
    begin = end;
    if (line == "<!-- end -->\n") skipping = false;
    if (!skipping) out += line;
    if (line == "<!-- distributions -->\n") {
      out += distribution_table();
      skipping = true;
    }
    for (const auto* section : sections) {
      if (line != "<!-- keys: " + section->anchor + " -->\n") continue;
      out += key_table(*section);
      skipping = true;
    }
  }
  return out;
}

}  // namespace looptwin::testbed
