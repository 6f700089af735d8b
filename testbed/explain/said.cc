#include "testbed/explain/said.h"

#include <cmath>

#include "base/json_tree.h"

namespace looptwin::testbed {

void add_below(Explanation& to, const Explanation& from, size_t levels, size_t spaces) {
  for (Said said : from) {
    said.level += levels;
    said.indent += spaces;
    to.push_back(std::move(said));
  }
}

std::vector<std::string> lines_of(const Explanation& explanation) {
  std::vector<std::string> lines;
  for (const auto& said : explanation) lines.push_back(std::string(said.indent, ' ') + said.text);
  return lines;
}

std::string json_of(const Explanation& explanation) {
  std::string text = "[";
  for (const auto& said : explanation) {
    OrderedJson one = {{"is", said.is}, {"level", said.level}, {"text", said.text}};
    for (const auto& [name, value] : said.facts) {
      const auto* number = std::get_if<double>(&value);
      if (number != nullptr && !std::isfinite(*number))
        one[name] = nullptr;
      else
        std::visit([&, n = name](const auto& v) { one[n] = v; }, value);
    }
    text += (text.size() == 1 ? "\n " : ",\n ") + dump_json(one);
  }
  return text + "\n]\n";
}

}  // namespace looptwin::testbed
