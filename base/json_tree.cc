#include "base/json_tree.h"

namespace looptwin {

std::string dump_json(const Json& json, int indent) {
  return json.dump(indent, ' ', false, Json::error_handler_t::replace);
}

std::string dump_json(const OrderedJson& json, int indent) {
  return json.dump(indent, ' ', false, OrderedJson::error_handler_t::replace);
}

template <typename Tree>
Tree load_json(std::string_view text, int deepest) {
  if (deepest == std::numeric_limits<int>::max()) return Tree::parse(text, nullptr, false);
  const auto shallow = [&](int depth, typename Tree::parse_event_t, Tree&) { return depth <= deepest; };
  return Tree::parse(text, shallow, false);
}

template Json load_json(std::string_view, int);
template OrderedJson load_json(std::string_view, int);

}  // namespace looptwin
