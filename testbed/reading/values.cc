#include "testbed/reading/values.h"

#include <fmt/format.h>
#include <charconv>
#include <cmath>
#include <filesystem>

#include "base/text.h"

namespace looptwin::testbed {
namespace {

/// A reader of a text that only has to be there.
Value<std::string> any_text(Form form, const char* what) {
  return {form, [what](Reader& reader, const yaml::Node& node) -> std::optional<std::string> {
            const auto* found = scalar(reader, node, what);
            return found ? std::optional(found->text) : std::nullopt;
          }};
}

std::optional<Duration> read_duration(Reader& reader, const yaml::Node& node) {
  const auto* found = scalar(reader, node, "a duration");
  if (!found) return std::nullopt;
  if (found->text.starts_with('-')) {
    reader.error(node.span, fmt::format("the duration {} is negative", found->text),
                 "write " + found->text.substr(1));
    return std::nullopt;
  }
  return reader.accept(reader.units.duration(node.span));
}

}  // namespace

const yaml::Node* scalar(Reader& reader, const yaml::Node& node, std::string_view what) {
  if (node.refused()) return nullptr;
  if (!node.scalar()) {
    if (node.map() && node.span.begin == node.span.end) {
      reader.error(node.span, fmt::format("{} stands here, not nothing", what), "write one");
      return nullptr;
    }
    const std::string_view is = node.list() ? "list" : "map";
    const char first = node.span.source->text[node.span.begin];
    reader.error(node.span, fmt::format("{} stands here, not a {}", what, is),
                 first == '[' || first == '{'
                     ? fmt::format("quote a text that begins with {}", first)
                     : std::string(node.list() ? "" : "quote a text that has a colon and a space in it"));
    return nullptr;
  }
  if (node.text.empty()) {
    reader.error(node.span, fmt::format("{} stands here, not an empty text", what),
                 "write one, or remove the key");
    return nullptr;
  }
  return &node;
}

Value<std::string> text() { return any_text(Form::text, "a text"); }
Value<std::string> pattern() { return any_text(Form::pattern, "a pattern of device ids"); }

Value<mml::Prose> prose() {
  return {Form::prose, [](Reader& reader, const yaml::Node& node) -> std::optional<mml::Prose> {
            const auto* found = scalar(reader, node, "a text");
            return found ? std::optional(mml::Prose{found->text, found->span}) : std::nullopt;
          }};
}

Value<std::string> name() {
  return {Form::name, [](Reader& reader, const yaml::Node& node) -> std::optional<std::string> {
            const auto* found = scalar(reader, node, "a name");
            return found ? std::optional(found->text) : std::nullopt;
          }};
}

Value<std::string> new_name() {
  return {Form::name, [](Reader& reader, const yaml::Node& node) -> std::optional<std::string> {
            const auto* found = scalar(reader, node, "a name");
            return found && check_name(reader, found->text, found->span) ? std::optional(found->text)
                                                                         : std::nullopt;
          }};
}

Value<std::string> path() {
  return {Form::path, [](Reader& reader, const yaml::Node& node) -> std::optional<std::string> {
            const auto* found = scalar(reader, node, "a file's path");
            if (!found) return std::nullopt;
            const std::filesystem::path written(found->text);
            if (written.is_absolute()) return written.string();
            return (std::filesystem::path(node.span.source->name).parent_path() / written)
                .lexically_normal()
                .string();
          }};
}

Value<bool> boolean() {
  return {Form::boolean, [](Reader& reader, const yaml::Node& node) -> std::optional<bool> {
            if (node.scalar() && !node.quoted && (node.text == "true" || node.text == "false"))
              return node.text == "true";
            if (!node.refused())
              reader.error(node.span, "true or false stands here",
                           node.quoted ? "write it without quotes" : "");
            return std::nullopt;
          }};
}

Value<uint64_t> whole_number(uint64_t least, uint64_t most) {
  return {Form::whole_number, [=](Reader& reader, const yaml::Node& node) -> std::optional<uint64_t> {
            const auto* found = scalar(reader, node, "a whole number");
            if (!found) return std::nullopt;
            uint64_t value = 0;
            const char* end = found->text.data() + found->text.size();
            const auto [stop, error] = std::from_chars(found->text.data(), end, value);
            if (error == std::errc() && stop == end && value >= least && value <= most) {
              if (!node.quoted) return value;
              reader.error(node.span, "a whole number stands here, not a text", "write it without quotes");
              return std::nullopt;
            }
            const bool bounded = most < UINT64_MAX;
            reader.error(node.span, fmt::format("'{}' is not a whole number of {}", found->text,
                                                bounded ? fmt::format("{} to {}", least, most)
                                                        : fmt::format("{} or more", least)));
            return std::nullopt;
          }};
}

std::optional<double> number(Reader& reader, const yaml::Node& node) {
  const auto* found = scalar(reader, node, "a number");
  if (!found) return std::nullopt;
  const auto value = reader.accept(reader.units.quantity(node.span));
  if (!value) return std::nullopt;
  if (value->unit.type == lang::Type::number()) return value->value;
  reader.error(node.span, fmt::format("a number without unit stands here, not {}", found->text));
  return std::nullopt;
}

Value<double> share() {
  return {Form::share, [](Reader& reader, const yaml::Node& node) -> std::optional<double> {
            const auto value = number(reader, node);
            if (!value) return std::nullopt;
            if (*value >= 0 && *value <= 1) return value;
            reader.error(node.span, fmt::format("the share {} is not between 0 and 1", node.text),
                         "write 0.05, or 5 %");
            return std::nullopt;
          }};
}

Value<Duration> duration() { return {Form::duration, read_duration}; }

Value<Duration> period() {
  return {Form::period, [](Reader& reader, const yaml::Node& node) -> std::optional<Duration> {
            const auto value = read_duration(reader, node);
            if (!value) return std::nullopt;
            if (value->ns > 0) return value;
            reader.error(node.span, fmt::format("the duration {} is zero", node.text),
                         "write one longer than zero, as 1 s");
            return std::nullopt;
          }};
}

Value<Duration> period_from(Duration least) {
  return {Form::period, [least](Reader& reader, const yaml::Node& node) -> std::optional<Duration> {
            const auto value = period().read(reader, node);
            if (!value || *value >= least) return value;
            reader.error(node.span, fmt::format("{} is shorter than {}", node.text, to_string(least)),
                         fmt::format("write {} or longer", to_string(least)));
            return std::nullopt;
          }};
}

Value<lang::Unit> unit() {
  return {Form::unit, [](Reader& reader, const yaml::Node& node) -> std::optional<lang::Unit> {
            if (!scalar(reader, node, "a unit")) return std::nullopt;
            return reader.accept(reader.units.unit(node.span));
          }};
}

Value<Span> expression() {
  return {Form::expression, [](Reader& reader, const yaml::Node& node) -> std::optional<Span> {
            const auto* found = scalar(reader, node, "an expression");
            return found ? std::optional(found->span) : std::nullopt;
          }};
}

Value<std::vector<std::string>> texts() {
  return {Form::texts, [](Reader& reader, const yaml::Node& node) -> std::optional<std::vector<std::string>> {
            if (node.scalar()) {
              reader.error(node.span, "a list stands here", fmt::format("write [{}]", node.text));
              return std::nullopt;
            }
            if (!expect_list(reader, "this", node)) return std::nullopt;
            std::vector<std::string> out;
            for (const auto& item : node.items)
              if (const auto* found = scalar(reader, item, "a text")) out.push_back(found->text);
            return out;
          }};
}

namespace {

/// At least one, none twice. `what` one of them is called.
std::optional<std::vector<std::string>> distinct(Reader& reader, const yaml::Node& node,
                                                 std::string_view what) {
  auto out = texts().read(reader, node);
  if (!out) return std::nullopt;
  if (node.items.empty())
    reader.error(node.span, "the list is empty", fmt::format("write at least one {} in it", what));
  for (size_t i = 0; i < out->size() && out->size() == node.items.size(); ++i)
    if (const auto here = out->begin() + static_cast<long>(i); std::find(out->begin(), here, *here) != here)
      reader.error(node.items[i].span, fmt::format("the {} '{}' is here twice", what, *here),
                   "remove one of them");
  return out;
}

}  // namespace

Value<std::vector<std::string>> names() {
  return {Form::words, [](Reader& reader, const yaml::Node& node) { return distinct(reader, node, "name"); }};
}

Value<std::vector<std::string>> words() {
  return {Form::words, [](Reader& reader, const yaml::Node& node) -> std::optional<std::vector<std::string>> {
            constexpr size_t kMost = 255;  // codes are bytes
            auto out = distinct(reader, node, "word");
            if (out && out->size() > kMost)
              reader.error(node.span,
                           fmt::format("the list has {} words, and {} at the most", out->size(), kMost));
            return out;
          }};
}

Value<const yaml::Node*> later(Form form) {
  return {form, [](Reader&, const yaml::Node& node) { return std::optional(&node); }};
}

std::optional<size_t> find_word(Reader& reader, const yaml::Node& node,
                                const std::vector<std::string>& words) {
  const auto* found = scalar(reader, node, "one of " + joined(words));
  if (!found) return std::nullopt;
  const auto at = std::find(words.begin(), words.end(), found->text);
  if (at != words.end()) return static_cast<size_t>(at - words.begin());
  auto hint = did_you_mean(found->text, words);
  reader.error(node.span, fmt::format("'{}' is not one of: {}", found->text, joined(words)), hint);
  return std::nullopt;
}

std::optional<double> code(Reader& reader, const yaml::Node& node, const std::vector<std::string>& words) {
  const auto found = find_word(reader, node, words);
  return found ? std::optional(static_cast<double>(*found)) : std::nullopt;
}

bool looks_numeric(const yaml::Node& node) {
  if (!node.scalar() || node.text.empty()) return false;
  const size_t at = node.text[0] == '-' || node.text[0] == '+' || node.text[0] == '.' ? 1 : 0;
  return at < node.text.size() && node.text[at] >= '0' && node.text[at] <= '9';
}

std::optional<double> quantity(Reader& reader, const yaml::Node& node, const lang::Unit& unit,
                               bool difference) {
  if (!scalar(reader, node, "a quantity")) return std::nullopt;
  const auto value = reader.accept(reader.units.quantity(node.span, &unit, difference));
  if (!value) return std::nullopt;
  const auto wanted = difference ? lang::difference_unit(unit) : unit;
  if (value->unit.type == wanted.type) return value->value;
  const auto& got = value->unit;
  if (got.type.dimension == wanted.type.dimension && got.type.point != wanted.type.point) {
    reader.error(node.span,
                 wanted.type.point
                     ? fmt::format("a value on the scale of {} stands here, not a difference", wanted.text)
                     : fmt::format("a difference stands here, not a value on the scale of {}", got.text),
                 fmt::format("write it in {}", wanted.text));
  } else {
    reader.error(node.span,
                 fmt::format("{} is in {}; a value in {} stands here", node.text, got.text, wanted.text),
                 fmt::format("write it in {}, or in another unit of {}", wanted.text,
                             lang::to_string(wanted.type.dimension)));
  }
  return std::nullopt;
}

std::optional<twin::Range> range(Reader& reader, const yaml::Node& node, const lang::Unit& unit) {
  if (!node.list() || node.items.size() != 2) {
    if (!node.refused()) reader.error(node.span, "a range is two values", "write [low, high]");
    return std::nullopt;
  }
  const auto low = quantity(reader, node.items[0], unit, false);
  const auto high = quantity(reader, node.items[1], unit, false);
  if (!low || !high) return std::nullopt;
  if (*low < *high) return twin::Range{*low, *high};
  reader.error(node.span, "the range's first value is not below its second", "write [low, high]");
  return std::nullopt;
}

}  // namespace looptwin::testbed
