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

/// Keys that say what their section is: without them it would be another.
bool shapes(std::string_view key) {
  constexpr std::array<std::string_view, 5> kKeys = {"unit", "each", "enum", "boolean", "forecast"};
  return std::find(kKeys.begin(), kKeys.end(), key) != kKeys.end();
}

/// What all else stands on, what stands alone at the top, and what gives a name that is not known then.
bool is_ground(const std::vector<const Entry*>& keys) {
  const auto& top = keys.front()->key;
  return keys.size() == 1
             ? !keys.front()->value.map()
             : keys.back()->key == "inverse" || (keys.size() == 2 && (top == "models" || top == "fleet"));
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

void collect_names(const Entry& entry, std::set<std::string>& names) {
  any_name(entry.key, [&](std::string name) {
    names.insert(std::move(name));
    return false;
  });
  for (const auto& inner : entry.value.entries) collect_names(inner, names);
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
    if (way.item != nullptr && way.keys.size() == way.item_depth) {
      more |= items_.insert({way.item->span.source->name, way.item->span.begin}).second;
      for (const auto& entry : way.item->entries) collect_names(entry, names_);
      continue;
    }
    const Entry& entry = *way.keys.back();
    if (is_ground(way.keys) || !entry.key_span.source) return false;
    more |= keys_.insert({entry.key_span.source->name, entry.key_span.begin}).second;
    collect_names(entry, names_);
  }
  return more;
}

void LeftOut::take_out(Node& root, Diagnostics& problems) const {
  const auto is_among = [](const std::set<Place>& places, const Span& span) {
    return span.source && places.contains({span.source->name, span.begin});
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

bool LeftOut::names(const Diagnostic& problem) const {
  const auto& span = problem.span;
  const bool own = span.source && keys_.contains({span.source->name, span.begin});  // not about it, but at it
  return !own && names_.contains(std::string(text_of(span)));
}

bool LeftOut::explains(const Diagnostic& problem) const {
  if (empty()) return false;
  if (!problem.span.source) return true;
  return any_name(text_of(problem.span), [&](const std::string& name) { return names_.contains(name); });
}

}  // namespace looptwin::testbed
