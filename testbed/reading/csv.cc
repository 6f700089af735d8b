#include "testbed/reading/csv.h"

#include <fmt/format.h>
#include <algorithm>

namespace looptwin::testbed {

using yaml::Node;

CsvRows::CsvRows(SourcePtr source, std::vector<std::string> lists, Diagnostics& problems)
    : source_(std::move(source)), text_(source_->text), lists_(std::move(lists)), problems_(problems) {
  if (text_.starts_with("\xef\xbb\xbf")) at_ = 3;  // what Excel puts before UTF-8
  auto header = cells();
  if (!header) {
    error({source_, 0, 0}, "there is no header", "begin with a line of names: id,model,parameters.UA");
    return;
  }
  header_ = std::move(*header);
  check_header();
}

void CsvRows::check_header() {
  const auto& first = header_.front();
  if (const auto sign = first.text.find_first_of(";\t"); header_.size() == 1 && sign != std::string::npos)
    return error(first.span,
                 fmt::format("the columns stand between {}", first.text[sign] == ';' ? "semicolons" : "tabs"),
                 "save it as CSV with commas");
  for (size_t i = 0; i < header_.size(); ++i) {
    const auto& name = header_[i].text;
    if (name.empty()) error(header_[i].span, "a column has no name", "name it, or remove it and its comma");
    for (size_t k = 0; k < i; ++k) {
      const auto& other = header_[k].text;
      if (other == name)
        error(header_[i].span, fmt::format("two columns are named '{}'", name));
      else if (other.starts_with(name + ".") || name.starts_with(other + "."))
        error(header_[i].span, fmt::format("'{}' and '{}' cannot both be columns", other, name),
              "a name is a value, or what stands before a dot");
    }
  }
}

void CsvRows::error(const Span& span, std::string message, std::string hint) {
  problems_.push_back({Severity::error, span, std::move(message), std::move(hint)});
  at_ = text_.size();
}

/// One cell, up to the comma or the line's end that follows it.
std::optional<CsvRows::Cell> CsvRows::cell() {
  Cell cell;
  if (at_ < text_.size() && text_[at_] == '"') {
    cell.quoted = true;
    const size_t begin = ++at_;
    for (;;) {
      const size_t quote = text_.find('"', at_);
      if (quote == std::string_view::npos) {
        error({source_, static_cast<uint32_t>(begin - 1), static_cast<uint32_t>(begin)},
              "the quote that opens here does not close", "a quote within a text is written twice");
        return std::nullopt;
      }
      cell.text += text_.substr(at_, quote - at_);
      at_ = quote + 1;
      if (at_ == text_.size() || text_[at_] != '"') break;
      cell.text += '"';
      ++at_;
    }
    cell.span = {source_, static_cast<uint32_t>(begin), static_cast<uint32_t>(at_ - 1)};
    const size_t end = std::min(text_.find_first_of(",\r\n", at_), text_.size());
    if (end != at_) {
      error({source_, static_cast<uint32_t>(at_), static_cast<uint32_t>(end)},
            "something stands behind the quote", "a quote within a text is written twice");
      return std::nullopt;
    }
    return cell;
  }
  size_t begin = at_;
  at_ = std::min(text_.find_first_of(",\r\n", at_), text_.size());
  size_t end = at_;
  while (begin < end && text_[begin] == ' ') ++begin;
  while (begin < end && text_[end - 1] == ' ') --end;
  cell.text = text_.substr(begin, end - begin);
  cell.span = {source_, static_cast<uint32_t>(begin), static_cast<uint32_t>(end)};
  return cell;
}

std::optional<std::vector<CsvRows::Cell>> CsvRows::cells() {
  // Lines that are no rows.
  while (at_ < text_.size() && (text_[at_] == '\n' || text_[at_] == '\r' || text_[at_] == '#'))
    at_ = std::min(text_.find('\n', at_), text_.size() - 1) + 1;
  if (at_ >= text_.size()) return std::nullopt;
  std::vector<Cell> row;
  for (;;) {
    auto one = cell();
    if (!one) return std::nullopt;
    row.push_back(std::move(*one));
    if (at_ >= text_.size() || text_[at_] != ',') break;
    ++at_;
  }
  if (at_ < text_.size() && text_[at_] == '\r') ++at_;
  if (at_ < text_.size() && text_[at_] == '\n') ++at_;
  return row;
}

Node CsvRows::value_of(const Cell& cell, bool list) const {
  Node node;
  node.is = list ? Node::Is::list : Node::Is::scalar;
  node.span = cell.span;
  if (!list) {
    node.text = cell.text;
    node.quoted = cell.quoted;
    return node;
  }
  for (size_t from = 0; from <= cell.text.size();) {
    const size_t to = std::min(cell.text.find(';', from), cell.text.size());
    Node item;
    item.is = Node::Is::scalar;
    item.quoted = true;
    item.text = cell.text.substr(from, to - from);
    item.span = cell.span;
    node.items.push_back(std::move(item));
    from = to + 1;
  }
  return node;
}

std::optional<Node> CsvRows::next() {
  for (auto row = cells(); row; row = cells()) {
    const Span line{source_, row->front().span.begin, row->back().span.end};
    if (row->size() != header_.size()) {
      problems_.push_back(
          {Severity::error, line,
           fmt::format("the row has {} cells, and the header {}", row->size(), header_.size()),
           "a comma within a text is quoted: \"a, b\""});
      continue;
    }
    Node node;
    node.is = Node::Is::map;
    node.span = line;
    for (size_t i = 0; i < row->size(); ++i) {
      if ((*row)[i].text.empty()) continue;
      const auto& name = header_[i].text;
      const auto dot = name.find('.');
      Node* map = &node;
      if (dot != std::string::npos) {
        map = node.find(name.substr(0, dot));
        if (!map) {
          Node inner;
          inner.is = Node::Is::map;
          inner.span = (*row)[i].span;
          node.entries.push_back({name.substr(0, dot), header_[i].span, std::move(inner)});
          map = &node.entries.back().value;
        }
      }
      const bool list = std::ranges::count(lists_, name) != 0;
      map->entries.push_back({dot == std::string::npos ? name : name.substr(dot + 1), header_[i].span,
                              value_of((*row)[i], list)});
    }
    return node;
  }
  return std::nullopt;
}

}  // namespace looptwin::testbed
