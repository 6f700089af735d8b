#include "testbed/reading/written.h"

namespace looptwin::testbed::yaml {

std::string written(const Node& node) {
  const bool plain = !node.quoted && node.text.find_first_of(",[]{}:#") == std::string::npos;
  if (node.scalar()) return plain ? node.text : in_quotes(node.text);
  std::string all;
  for (const auto& entry : node.entries)
    all += (all.empty() ? "" : ", ") + in_quotes(entry.key) + ": " + written(entry.value);
  for (const auto& item : node.items) all += (all.empty() ? "" : ", ") + written(item);
  return node.map() ? "{" + all + "}" : "[" + all + "]";
}

}  // namespace looptwin::testbed::yaml
