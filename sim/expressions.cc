#include "sim/expressions.h"

#include <algorithm>

#include "base/check.h"

namespace looptwin::sim {
namespace {

bool of_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

std::string_view text_of(const Span& span) {
  if (!span.source) return {};
  return std::string_view(span.source->text).substr(span.begin, span.end - span.begin);
}

void visit(size_t one, const std::function<bool(size_t, size_t)>& uses, std::vector<char>& seen,
           std::vector<size_t>& order) {
  if (seen[one]) return;
  seen[one] = 1;
  for (size_t other = 0; other < seen.size(); ++other)
    if (other != one && uses(one, other)) visit(other, uses, seen, order);
  order.push_back(one);
}

/// Where the name stands as a word, from a place on.
size_t find_word(std::string_view text, const std::string& name, size_t from) {
  for (size_t at = text.find(name, from); at != std::string_view::npos; at = text.find(name, at + 1)) {
    const bool begins = at == 0 || !of_word(text[at - 1]);
    const size_t end = at + name.size();
    if (begins && (end == text.size() || !of_word(text[end]))) return at;
  }
  return std::string_view::npos;
}

/// Whether the word at a place is the operand of previous().
bool is_previous(std::string_view text, size_t at) {
  constexpr std::string_view kCall = "previous";
  const size_t open = text.find_last_not_of(' ', at - 1);
  if (at == 0 || open == std::string_view::npos || text[open] != '(' || open < kCall.size()) return false;
  const size_t begin = open - kCall.size();
  return text.substr(begin, kCall.size()) == kCall && (begin == 0 || !of_word(text[begin - 1]));
}

}  // namespace

bool mentions(const Span& span, const std::string& name) {
  return find_word(text_of(span), name, 0) != std::string_view::npos;
}

bool mentions_now(const Span& span, const std::string& name) {
  const auto text = text_of(span);
  size_t at = find_word(text, name, 0);
  while (at != std::string_view::npos && is_previous(text, at)) at = find_word(text, name, at + 1);
  return at != std::string_view::npos;
}

std::vector<size_t> in_order_of_use(size_t count, const std::function<bool(size_t, size_t)>& uses) {
  std::vector<size_t> order;
  std::vector<char> seen(count);
  for (size_t one = 0; one < count; ++one) visit(one, uses, seen, order);
  return order;
}

std::vector<size_t> in_order_of_use(std::span<const Named> lines) {
  return in_order_of_use(
      lines.size(), [&](size_t one, size_t other) { return mentions(lines[one].text, lines[other].name); });
}

bool reads(const lang::Graph& graph, lang::NodeId id, TableId table, ColumnId column) {
  const auto& node = graph[id];
  if (node.op == lang::Op::column) return node.table == table && node.column == column;
  return std::any_of(node.args.begin(), node.args.end(), [&](lang::NodeId arg) {
    const bool before = node.op == lang::Op::previous && graph[arg].op == lang::Op::column;
    return !before && reads(graph, arg, table, column);
  });
}

lang::Storage storage_of(const lang::Type& type) {
  switch (type.kind) {
    case lang::Kind::number:
      return lang::Storage::f64;
    case lang::Kind::boolean:
      return lang::Storage::boolean;
    case lang::Kind::enumeration:
      return lang::Storage::code;
    case lang::Kind::text:
      break;
  }
  LT_CHECK(false, "a text has no column here");
}

}  // namespace looptwin::sim
