#include "testbed/reading/left_out.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <vector>

#include "testbed/reading/keys.h"

namespace looptwin::testbed {
namespace {

using yaml::Entry;
using yaml::Node;

/// Where a value stands: the keys that lead to it from the top, and the item of a list that it is in last.
struct Way {
  std::vector<const Entry*> keys;
  const Node* item = nullptr;
  size_t item_depth = 0;  ///< keys before the item
};

bool covers(const Span& outer, const Span& inner) {
  return outer.source && outer.source == inner.source && outer.begin <= inner.begin &&
         inner.begin <= outer.end;
}

bool is_in(const Entry& entry, const Span& span);

bool holds(const Node& node, const Span& span) {
  if (node.scalar()) return covers(node.span, span);
  if (node.span.source && node.span.source == span.source && node.span.begin == span.begin) return true;
  return std::any_of(node.entries.begin(), node.entries.end(),
                     [&](const auto& e) { return is_in(e, span); }) ||
         std::any_of(node.items.begin(), node.items.end(),
                     [&](const auto& item) { return holds(item, span); });
}

bool is_in(const Entry& entry, const Span& span) {
  return covers(entry.key_span, span) || holds(entry.value, span);
}

std::pair<std::string, uint32_t> place_of(const Span& span) {
  return {span.source ? span.source->name : "", span.begin};
}

std::string_view text_of(const Span& span) {
  if (!span.source) return {};
  return std::string_view(span.source->text).substr(span.begin, span.end - span.begin);
}

/// To the innermost key that the span lies in, or behind.
void go(const Node& node, const Span& span, Way& way) {
  for (const auto& entry : node.entries) {
    if (!is_in(entry, span)) continue;
    way.keys.push_back(&entry);
    if (!covers(entry.key_span, span)) go(entry.value, span, way);
    return;
  }
  for (const auto& item : node.items) {
    if (item.scalar() || !holds(item, span)) continue;
    way.item = &item;
    way.item_depth = way.keys.size();
    return go(item, span, way);
  }
}

template <size_t n>
bool is_one_of(const std::array<std::string_view, n>& keys, std::string_view key) {
  return std::find(keys.begin(), keys.end(), key) != keys.end();
}

/// Keys that say what their section is: without them it would be another.
bool shapes(std::string_view key) {
  constexpr std::array<std::string_view, 6> kKeys = {"unit",    "each",     "enum",
                                                     "boolean", "forecast", "optional"};
  return is_one_of(kKeys, key);
}

/// What all else stands on, or what gives names that are not known then: classes and plants do.
bool is_ground(const std::vector<const Entry*>& keys) {
  constexpr std::array<std::string_view, 17> kTop = {
      "use",   "start",     "timezone", "duration", "cycle",    "feeds",    "models", "fleet", "plants",
      "links", "functions", "derived",  "events",   "machines", "operator", "people", "alarms"};
  const auto& top = keys.front()->key;
  if (keys.size() == 1) return is_one_of(kTop, top);
  const bool is_class =
      std::any_of(keys.begin(), keys.end(), [](const Entry* entry) { return entry->key == "python"; });
  return is_class || top == "fleet" || top == "plants" || (top == "models" && keys.size() == 2) ||
         keys.back()->key == "inverse";
}

/// Calls take(name) for all that could be names in a text, until it returns true; whether one did.
template <typename Take>
bool any_name(std::string_view text, Take take) {
  for (size_t begin = 0; begin < text.size();) {
    size_t end = begin;
    while (end < text.size() && is_name_sign(text[end])) ++end;
    if (end > begin && take(std::string(text.substr(begin, end - begin)))) return true;
    begin = end + 1;
  }
  return false;
}

/// The same for what stands in quotes.
template <typename Take>
bool any_quoted(std::string_view text, Take take) {
  for (size_t begin = 0; (begin = text.find_first_of("'`", begin)) != std::string_view::npos;) {
    const size_t end = text.find(text[begin], begin + 1);
    if (end == std::string_view::npos) return false;
    if (any_name(text.substr(begin + 1, end - begin - 1), take)) return true;
    begin = end + 1;
  }
  return false;
}

uint32_t end_of(const Node& node) {
  uint32_t end = node.span.end;
  for (const auto& entry : node.entries) end = std::max({end, entry.key_span.end, end_of(entry.value)});
  for (const auto& item : node.items) end = std::max(end, end_of(item));
  return end;
}

void collect_names(const Entry& entry, const Span& all, std::multimap<std::string, Span>& names) {
  const auto collect = [&](std::string_view text) {
    any_name(text, [&](std::string name) {
      names.emplace(std::move(name), all);
      return false;
    });
  };
  collect(entry.key);
  // Names that stand in values: a relation's other one, a group that its members make.
  if (entry.key == "inverse" || entry.key == "first_out")
    collect(text_of({entry.value.span.source, entry.value.span.begin, end_of(entry.value)}));
  for (const auto& inner : entry.value.entries) collect_names(inner, all, names);
}

}  // namespace

bool LeftOut::add(const Node& root, const Diagnostics& problems) {
  bool more = false;
  for (const auto& problem : problems) {
    if (problem.severity != Severity::error) continue;
    Way way;
    go(root, problem.span, way);
    if (way.keys.empty()) return false;
    if (shapes(way.keys.back()->key) && way.keys.size() > 1) way.keys.pop_back();
    const bool is_item = way.item != nullptr && way.keys.size() == way.item_depth;
    if (!is_item && (is_ground(way.keys) || !way.keys.back()->key_span.source)) return false;
    if (is_item) {
      more |= items_.insert(place_of(way.item->span)).second;
      const Span all{way.item->span.source, way.item->span.begin, end_of(*way.item)};
      for (const auto& entry : way.item->entries) collect_names(entry, all, names_);
    } else {
      const Entry& entry = *way.keys.back();
      more |= keys_.insert(place_of(entry.key_span)).second;
      const Span& key = entry.key_span;
      collect_names(entry, {key.source, key.begin, std::max(key.end, end_of(entry.value))}, names_);
      way.keys.pop_back();
    }
    for (const auto* key : way.keys) holed_.insert(place_of(key->key_span));
    if (way.item != nullptr && !is_item) holed_.insert(place_of(way.item->span));
  }
  return more;
}

void LeftOut::take_out(Node& root, Diagnostics& problems) const {
  const auto is_among = [](const std::set<Place>& places, const Span& span) {
    return places.contains(place_of(span));
  };
  std::erase_if(root.entries, [&](const Entry& entry) {
    if (!is_among(keys_, entry.key_span)) return false;
    std::erase_if(problems, [&](const Diagnostic& p) { return is_in(entry, p.span); });
    return true;
  });
  std::erase_if(root.items, [&](const Node& item) {
    if (item.scalar() || !is_among(items_, item.span)) return false;
    std::erase_if(problems, [&](const Diagnostic& p) { return holds(item, p.span); });
    return true;
  });
  for (auto& entry : root.entries) take_out(entry.value, problems);
  for (auto& item : root.items) take_out(item, problems);
}

bool LeftOut::explains(const Diagnostic& problem) const {
  if (empty()) return false;
  if (!problem.span.source) return true;
  const auto is_left_out = [&](const std::string& name) { return names_.contains(name); };
  return holed_.contains(place_of(problem.span)) || any_name(text_of(problem.span), is_left_out) ||
         any_quoted(problem.message, is_left_out);
}

bool LeftOut::explains_beside(const Diagnostic& problem) const {
  const auto is_of_another = [&](const std::string& name) {
    const auto [first, last] = names_.equal_range(name);
    return std::any_of(first, last, [&](const auto& named) { return !covers(named.second, problem.span); });
  };
  return is_of_another(std::string(text_of(problem.span))) || any_quoted(problem.message, is_of_another);
}

}  // namespace looptwin::testbed
