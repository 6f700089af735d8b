#include "testbed/reading/json.h"

namespace looptwin::testbed {
namespace {

Span within_quotes(Span span) {
  ++span.begin;
  --span.end;
  return span;
}

yaml::Node node_of(JsonValue value, Diagnostics& problems) {
  using enum JsonValue::Kind;
  yaml::Node node;
  node.is = yaml::Node::Is::scalar;
  node.span = value.kind == string ? within_quotes(value.span) : value.span;
  node.quoted = value.kind == string;
  switch (value.kind) {
    case null:
      problems.push_back({Severity::error, node.span, "a null is not a value here", "leave the key out"});
      node.is = yaml::Node::Is::refused;
      break;
    case boolean:
      node.text = value.number != 0 ? "true" : "false";
      break;
    case number:
    case string:
      node.text = std::move(value.text);
      break;
    case array:
      node.is = yaml::Node::Is::list;
      for (auto& item : value.items) node.items.push_back(node_of(std::move(item), problems));
      break;
    case object:
      node.is = yaml::Node::Is::map;
      for (auto& member : value.members)
        node.entries.push_back({std::move(member.name), within_quotes(member.name_span),
                                node_of(std::move(member.value), problems)});
      break;
  }
  return node;
}

}  // namespace

std::optional<yaml::Node> read_json(const SourcePtr& source, Diagnostics& problems) {
  auto value = parse_json(source);
  if (value) return node_of(std::move(*value), problems);
  problems.insert(problems.end(), value.error().begin(), value.error().end());
  return std::nullopt;
}

std::optional<yaml::Node> JsonArray::next() {
  auto element = elements_.next();
  if (element) return *element ? std::optional(node_of(std::move(**element), problems_)) : std::nullopt;
  problems_.insert(problems_.end(), element.error().begin(), element.error().end());
  return std::nullopt;
}

}  // namespace looptwin::testbed
