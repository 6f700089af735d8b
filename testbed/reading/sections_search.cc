#include "testbed/reading/sections_search.h"

#include <fmt/format.h>
#include <charconv>
#include <cmath>

namespace looptwin::testbed {
namespace {

using yaml::Node;

constexpr std::string_view kTo = " to ", kBy = " by ";

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

/// `12.5 kW`: the number and what stands behind it.
std::optional<std::pair<double, std::string>> number_and_unit(std::string_view text) {
  text = trimmed(text);
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || !std::isfinite(value)) return std::nullopt;
  return std::pair(value, std::string(trimmed({end, static_cast<size_t>(text.data() + text.size() - end)})));
}

std::optional<lang::Unit> unit_of(const lang::Units& units, const std::string& name) {
  if (name.empty()) return std::nullopt;
  const auto source = std::make_shared<const Source>(Source{"search", name});
  auto unit = units.unit({source, 0, static_cast<uint32_t>(name.size())});
  return unit ? std::optional(std::move(*unit)) : std::nullopt;
}

/// The number in `unit`, too: 1 min is 60 s. `difference`: of a step.
bool convert(const lang::Units& units, std::pair<double, std::string>& number, const std::string& unit,
             bool difference) {
  if (number.second == unit) return true;
  const auto from = unit_of(units, number.second), to = unit_of(units, unit);
  if (!from || !to || from->type.dimension != to->type.dimension) return false;
  const double offset = difference ? 0 : from->offset - to->offset;
  // What is a short number in one unit is one in the other.
  number = {std::stod(fmt::format("{:.12g}", (number.first * from->scale + offset) / to->scale)), unit};
  return true;
}

bool is_range(const Node& node) {
  if (!node.scalar()) return false;
  const auto to = node.text.find(kTo);
  return to != std::string::npos && number_and_unit(node.text.substr(0, to)).has_value();
}

/// `1 s to 30 s by 1 s`; reports what is wrong with it.
std::optional<SearchRange> read_range(Reader& reader, const Node& node) {
  const auto refuse = [&](std::string message) {
    reader.error(node.span, std::move(message),
                 "write 1 s to 30 s, or 1 to 100 by 1 for whole numbers, or [a, b, c] for choices");
    return std::nullopt;
  };
  const auto to = node.text.find(kTo);
  if (to == std::string::npos) return refuse(fmt::format("'{}' is no range", node.text));
  const auto by = node.text.find(kBy, to);
  const auto part = [&](size_t from, size_t until) {
    return number_and_unit(
        std::string_view(node.text).substr(from, until == std::string::npos ? until : until - from));
  };
  auto low = part(0, to);
  auto high = part(to + kTo.size(), by);
  auto step = by == std::string::npos ? std::optional(std::pair(0.0, std::string()))
                                      : part(by + kBy.size(), std::string::npos);
  if (!low || !high || !step) return refuse(fmt::format("'{}' is no range of numbers", node.text));
  // In the smaller unit: 100 s is no whole number of minutes.
  const auto first = unit_of(reader.units, low->second), last = unit_of(reader.units, high->second);
  const auto unit = first && last && last->scale < first->scale ? high->second : low->second;
  if (!convert(reader.units, *low, unit, false) || !convert(reader.units, *high, unit, false) ||
      (step->first != 0 && !convert(reader.units, *step, unit, true)))
    return refuse(fmt::format("the parts of '{}' are not of one kind", node.text));
  if (!(low->first < high->first)) return refuse(fmt::format("'{}' does not go upwards", node.text));
  if (by != std::string::npos && !(0 < step->first && step->first <= high->first - low->first))
    return refuse(fmt::format("the steps of '{}' do not fit into it", node.text));
  return SearchRange{node.span, low->first, high->first, step->first, low->second, {}};
}

/// A text as it may stand within `{}` and `[]`.
std::string in_flow(const Node& scalar) {
  const bool plain = scalar.text.find_first_of(",[]{}:#'\"&*!|>%@`\n") == std::string::npos;
  return scalar.quoted || !plain ? yaml::in_quotes(scalar.text) : scalar.text;
}

class EntryReader {
 public:
  explicit EntryReader(Reader& reader) : reader_(reader) {}

  std::optional<SearchedEntry> read(const std::string& section, const Node& node) {
    entry_.section = section;
    entry_.span = node.span;
    entry_.texts.emplace_back();
    if (!node.map()) {
      reader_.error(node.span, fmt::format("an entry of '{}' is a map", section),
                    "write - {kind: outage, of: pump, after: 1 min to 1 h, lasts: 1 s to 5 min, up_to: 2}");
      return std::nullopt;
    }
    write(node, "");
    if (bad_) return std::nullopt;
    return std::move(entry_);
  }

 private:
  std::string& text() { return entry_.texts.back(); }

  void write(const Node& node, const std::string& key) {
    if (node.refused()) {
      bad_ = true;
    } else if (is_range(node)) {
      auto range = read_range(reader_, node);
      bad_ |= !range;
      if (!range) return;
      entry_.ranges.push_back(std::move(*range));
      entry_.keys.push_back(key);
      entry_.texts.emplace_back();
    } else if (node.scalar()) {
      text() += in_flow(node);
    } else if (node.list()) {
      text() += '[';
      for (size_t i = 0; i < node.items.size(); ++i) {
        if (i > 0) text() += ", ";
        write(node.items[i], key);
      }
      text() += ']';
    } else {
      write_map(node, key.empty());
    }
  }

  void write_map(const Node& node, bool outermost) {
    text() += '{';
    bool first = true;
    for (const auto& item : node.entries) {
      if (outermost && item.key == "up_to") {
        const auto count = whole_number(1, 1000).read(reader_, item.value);
        bad_ |= !count;
        entry_.up_to = count.value_or(1);
        continue;
      }
      if (!first) text() += ", ";
      first = false;
      text() += item.key + ": ";
      write(item.value, item.key);
    }
    text() += '}';
  }

  Reader& reader_;
  SearchedEntry entry_;
  bool bad_ = false;
};

Key<SearchConfig> entries_key(const std::string& section, std::string about) {
  return {{.name = section, .form = Form::other, .about = std::move(about)},
          [section](Reader& reader, const yaml::Entry& entry, SearchConfig& out) {
            if (!expect_list(reader, section, entry.value)) return;
            for (const auto& item : entry.value.items)
              if (auto read = EntryReader(reader).read(section, item))
                out.entries.push_back(std::move(*read));
          }};
}

Key<SearchConfig> values_key() {
  return {
      {.name = "values",
       .form = Form::other,
       .about =
           "values by their paths, as `--set` names them, each with a range, `feeds.driver.signals.throttle."
           "values: 0 to 100`, or with choices, `[slow, fast]`; of a list each is searched for itself"},
      [](Reader& reader, const yaml::Entry& entry, SearchConfig& out) {
        if (!entry.value.map())
          return reader.error(entry.key_span, "'values' holds paths with ranges",
                              "write values: {models.home.parameters.UA.default: 100 W/K to 300 W/K}");
        for (const auto& item : entry.value.entries) {
          SearchedValue value{item.key, {.span = item.value.span, .choices = {}}, 0, {}};
          if (item.value.list()) {
            for (const auto& choice : item.value.items)
              if (const auto* text = scalar(reader, choice, "a choice"))
                value.range.choices.push_back(in_flow(*text));
            if (value.range.choices.size() < 2) {
              reader.error(item.value.span, "there is nothing to choose", "write [a, b]");
              continue;
            }
          } else if (scalar(reader, item.value, "a range") == nullptr) {
            continue;
          } else if (auto range = read_range(reader, item.value)) {
            value.range = std::move(*range);
          } else {
            continue;
          }
          out.values.push_back(std::move(value));
        }
      }};
}

const Node* child(const Node& node, std::string_view part) {
  if (!node.list()) return node.find(part);
  size_t index = 0;
  const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), index);
  const bool is_index = error == std::errc() && end == part.data() + part.size();
  return is_index && index < node.items.size() ? &node.items[index] : nullptr;
}

const Node* descend(const Node& root, std::string_view path) {
  const Node* node = &root;
  while (node != nullptr && !path.empty()) {
    const auto dot = path.find('.');
    node = child(*node, path.substr(0, dot));
    path = dot == std::string_view::npos ? std::string_view() : path.substr(dot + 1);
  }
  return node;
}

}  // namespace

const Section<SearchConfig>& search_section() {
  static const Section<SearchConfig> kSection(
      "what is searched", "search",
      {values_key(),
       entries_key(
           "faults",
           "[faults](#faults) that may be added, each value as it is or as a range, `after: 1 min to 1 h`; "
           "`up_to: 3` is how many of it (1)"),
       entries_key("script", "acts of people that may be added, likewise ([script](#script))")});
  return kSection;
}

void find_searched(const Node& root, SearchConfig& search) {
  for (auto& value : search.values) {
    const Node* node = descend(root, value.path);
    if (node == nullptr) continue;
    if (node->scalar()) value.held = {in_flow(*node)};
    if (!node->list()) continue;
    value.elements = node->items.size();
    for (const auto& item : node->items) value.held.push_back(item.scalar() ? in_flow(item) : std::string());
  }
  for (auto& entry : search.entries)
    if (const Node* section = root.find(entry.section)) entry.first = section->items.size();
}

}  // namespace looptwin::testbed
