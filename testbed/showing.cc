#include "testbed/showing.h"

#include <fmt/format.h>
#include <algorithm>

#include "base/check.h"
#include "testbed/field_at.h"

namespace looptwin::testbed {
namespace {

using lang::NodeId;
using lang::Op;

std::string_view text_of(const Span& span) {
  return std::string_view(span.source->text).substr(span.begin, span.end - span.begin);
}

bool is_space(char c) { return c == ' ' || c == '\n' || c == '\t' || c == '\r'; }

Span trimmed(Span span) {
  const std::string_view text = text_of(span);
  size_t first = 0, last = text.size();
  while (first < last && is_space(text[first])) ++first;
  while (first < last && is_space(text[last - 1])) --last;
  span.end = span.begin + static_cast<uint32_t>(last);
  span.begin += static_cast<uint32_t>(first);
  return span;
}

/// A text between expressions, and where in the whole the expression after it stands.
struct Scanned {
  std::string text;
  size_t begin = 0, end = 0;
  bool has_value = false;
};

/// Walks along a text; fail(position, message, hint) is told of braces that are wrong.
template <typename Fail>
std::vector<Scanned> scan(std::string_view text, Fail fail) {
  std::vector<Scanned> out(1);
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c != '{' && c != '}') {
      out.back().text += c;
    } else if (i + 1 < text.size() && text[i + 1] == c) {
      out.back().text += c;
      ++i;
    } else if (c == '}') {
      fail(i, "nothing opens this brace", "write }} for a brace");
      return out;
    } else {
      char quote = 0;
      size_t end = i + 1;
      for (; end < text.size() && (quote != 0 || (text[end] != '}' && text[end] != '{')); ++end) {
        if (quote != 0 ? text[end] == quote : text[end] == '"' || text[end] == '\'')
          quote = quote != 0 ? char{0} : text[end];
      }
      if (end == text.size() || text[end] == '{') {
        fail(i, "nothing closes this brace", "write {expression}, or {{ for a brace");
        return out;
      }
      out.back().begin = i + 1;
      out.back().end = end;
      out.back().has_value = true;
      out.emplace_back();
      i = end;
    }
  }
  return out;
}

/// The grid that a value lies on, SI; 0: none that is known.
double resolution_of(NodeId id, const lang::Graph& graph, const twin::Registry& registry) {
  const lang::Node& node = graph[id];
  const auto of = [&](size_t arg) { return resolution_of(node.args[arg], graph, registry); };
  // Constants are exact; of the others the coarsest shows, if all are known.
  const auto of_all = [&](size_t first) {
    double coarsest = 0;
    for (size_t a = first; a < node.args.size(); ++a) {
      if (graph[node.args[a]].op == Op::constant) continue;
      const double one = of(a);
      if (one == 0) return 0.0;
      coarsest = std::max(coarsest, one);
    }
    return coarsest;
  };
  switch (node.op) {
    case Op::column: {
      const auto field = field_at(registry, node.table, node.column);
      if (!field) return 0;
      const auto& config = registry.model(node.table).config.telemetry[*field];
      return config.resolution * config.unit.scale;
    }
    case Op::set_count:
    case Op::set_size:
    case Op::window_count:
    case Op::rises:
    case Op::floor:
    case Op::ceil:
    case Op::round:
      return 1;
    case Op::related:
    case Op::previous:
    case Op::negate:
    case Op::absolute:
    case Op::set_sum:
    case Op::set_mean:
    case Op::set_minimum:
    case Op::set_maximum:
    case Op::window_mean:
    case Op::window_minimum:
    case Op::window_maximum:
    case Op::window_delta:
      return of(0);
    case Op::add:
    case Op::subtract:
    case Op::minimum:
    case Op::maximum:
    case Op::clamp:
      return of_all(0);
    case Op::choose:
      return of_all(1);
    default:
      return 0;
  }
}

lang::Unit si_unit(const lang::Type& type) {
  if (type.point && type.dimension == lang::kTemperature) return {"degC", type, 1, 273.15};
  return {lang::unit_text(type.dimension), type, 1, 0};
}

/// The unit that was asked for, if values of the type can be shown in it.
std::optional<lang::Unit> asked_unit(const lang::Type& type, const lang::Unit& own, const ShownText& text,
                                     const lang::Units& units, Diagnostics& problems) {
  auto unit = units.unit(*text.unit);
  if (!unit) {
    problems.insert(problems.end(), unit.error().begin(), unit.error().end());
    return std::nullopt;
  }
  if (unit->type == type) return *unit;
  const bool alike = unit->type.dimension == type.dimension;
  const std::string in = own.text == "1" ? "a ratio" : "in " + own.text;
  std::string hint = own.text == "1" ? "write %, or no unit"
                                     : fmt::format("write {}, or another unit of its kind", own.text);
  if (alike && !type.point) hint = fmt::format("write {}", lang::difference_unit(*unit).text);
  problems.push_back({Severity::error, *text.unit,
                      fmt::format("`{}` cannot be shown in {}{}", text_of(text.expression), unit->text,
                                  !alike       ? ": it is " + in
                                  : type.point ? ": it is a point on a scale"
                                               : ": it is a difference"),
                      hint});
  return std::nullopt;
}

}  // namespace

std::vector<ProsePiece> split_prose(const mml::Prose& prose, Diagnostics& problems) {
  if (!prose.span.source) return {};
  // The words are YAML's, which joins lines; the expressions keep their places in the file.
  bool whole = true;
  const auto places = scan(text_of(prose.span), [&](size_t at, std::string message, std::string hint) {
    const auto begin = prose.span.begin + static_cast<uint32_t>(at);
    problems.push_back(
        {Severity::error, {prose.span.source, begin, begin + 1}, std::move(message), std::move(hint)});
    whole = false;
  });
  if (!whole) return {};
  const auto words = scan(prose.text, [](size_t, const char*, const char*) {});
  LT_CHECK(words.size() == places.size(), "a text and its place in the file differ: " + prose.text);
  std::vector<ProsePiece> out;
  for (size_t i = 0; i < words.size(); ++i) {
    auto& piece = out.emplace_back(ProsePiece{words[i].text, {}});
    if (!places[i].has_value) continue;
    piece.value = Span{prose.span.source, prose.span.begin + static_cast<uint32_t>(places[i].begin),
                       prose.span.begin + static_cast<uint32_t>(places[i].end)};
  }
  auto& last = out.back().text;  // the line end of a block says nothing
  while (!out.back().value && !last.empty() && is_space(last.back())) last.pop_back();
  if (last.empty() && !out.back().value) out.pop_back();
  return out;
}

ShownText split_unit(const Span& span) {
  const std::string_view text = text_of(span);
  char quote = 0;
  size_t found = text.npos;
  for (size_t i = 0; i + 3 < text.size(); ++i) {
    if (quote != 0 ? text[i] == quote : text[i] == '"' || text[i] == '\'')
      quote = quote != 0 ? char{0} : text[i];
    if (quote == 0 && is_space(text[i]) && text.substr(i + 1, 2) == "as" && is_space(text[i + 3])) found = i;
  }
  if (found == text.npos) return {trimmed(span), {}};
  const auto at = span.begin + static_cast<uint32_t>(found);
  return {trimmed({span.source, span.begin, at}), trimmed({span.source, at + 3, span.end})};
}

std::optional<mml::Shown> shown_as_written(const Span& span) {
  const std::string_view text = text_of(trimmed(span));
  mml::Shown shown;
  if (text == "id") {
    shown.is = mml::Shown::Is::id;
    return shown;
  }
  if (text.size() < 2 || text.front() != '"' || text.find('"', 1) != text.size() - 1) return std::nullopt;
  shown.is = mml::Shown::Is::text;
  shown.text = text.substr(1, text.size() - 2);
  return shown;
}

std::optional<mml::Shown> shown_as(const lang::Checked& checked, const ShownText& text,
                                   const lang::Units& units, const lang::Graph& graph,
                                   const twin::Registry& registry, Diagnostics& problems) {
  const lang::Type type = graph[checked.node].type;
  const auto refuse = [&](const Span& at, std::string message, std::string hint) {
    problems.push_back({Severity::error, at, std::move(message), std::move(hint)});
    return std::nullopt;
  };
  mml::Shown shown;
  if (type.kind != lang::Kind::number) {
    shown.is = type.kind == lang::Kind::boolean ? mml::Shown::Is::boolean : mml::Shown::Is::word;
    shown.words = type.enumeration;
    if (!text.unit) return shown;
    return refuse(*text.unit, fmt::format("`{}` is no number: it has no unit", text_of(text.expression)),
                  "remove `as` and the unit");
  }
  if (type.point && type.dimension == lang::kTimeDimension)
    return refuse(text.expression,
                  fmt::format("`{}` is an instant, which is not shown", text_of(text.expression)),
                  "every record bears its time; write a span of time, as now() - x or age(x)");
  const bool has_own = !checked.unit.text.empty() && checked.unit.type == type;
  shown.unit = has_own ? checked.unit : si_unit(type);
  if (text.unit) {
    const auto asked = asked_unit(type, shown.unit, text, units, problems);
    if (!asked) return std::nullopt;
    shown.unit = *asked;
  }
  shown.resolution = resolution_of(checked.node, graph, registry) / shown.unit.scale;
  return shown;
}

}  // namespace looptwin::testbed
