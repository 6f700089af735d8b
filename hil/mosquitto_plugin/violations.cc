#include "hil/mosquitto_plugin/violations.h"

#include <utility>

namespace looptwin::hil {
namespace {

/// Names that differ in one second: whoever makes up more of them is one line by its kind.
constexpr size_t kMostLines = 1000;
constexpr size_t kLongestText = 256;

std::string cut(std::string_view text) { return std::string(text.substr(0, kLongestText)); }

}  // namespace

void Violations::add(Violation kind, std::string_view name, std::string_view client, std::string_view address,
                     std::string_view topic) {
  Line line{kind, cut(name), cut(client), std::string(address), cut(topic), 0};
  if (lines_.size() >= kMostLines && !lines_.contains({kind, line.name, line.client}))
    line = {kind, "", "", "", "", 0};
  auto key = std::tuple(kind, line.name, line.client);
  ++lines_.try_emplace(std::move(key), std::move(line)).first->second.count;
}

std::vector<Violations::Line> Violations::take() {
  std::vector<Line> all;
  for (auto& [key, line] : lines_) all.push_back(std::move(line));
  lines_.clear();
  return all;
}

}  // namespace looptwin::hil
