// JSON to build, to write, and to read where nobody is told what is wrong with it (base/json.h is for what
// people write): nlohmann's values. Reading and writing are compiled here alone: in each source that does
// both they would take a second or two.
#pragma once

#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace looptwin {

using Json = nlohmann::json;                 ///< members by name
using OrderedJson = nlohmann::ordered_json;  ///< members in the order in which they were put in

/// On one line, or over lines where `indent` is not negative. What is no UTF-8 comes out as U+FFFD.
std::string dump_json(const Json& json, int indent = -1);
std::string dump_json(const OrderedJson& json, int indent = -1);

/// `Tree`: Json or OrderedJson. Discarded (`is_discarded()`) where the text is no JSON. Nothing is kept of
/// what lies more than `deepest` levels below the root.
template <typename Tree>
Tree load_json(std::string_view text, int deepest = std::numeric_limits<int>::max());

}  // namespace looptwin
