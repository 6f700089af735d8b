#include "testbed/falsify/found_test.h"

#include <fmt/format.h>
#include <algorithm>
#include <set>

#include "base/text.h"
#include "testbed/reading/yaml.h"
#include "twin/warm/disk.h"

namespace looptwin::testbed {
namespace {

namespace fs = std::filesystem;

/// Where further tests go in a file, and how they are indented there.
struct Place {
  size_t at = 0, indent = 2;
  std::set<std::string> names;
};

size_t line_begin(const std::string& text, size_t at) {
  const auto before = text.rfind('\n', at == 0 ? 0 : at - 1);
  return before == std::string::npos || at == 0 ? 0 : before + 1;
}

Result<Place> place_in(const fs::path& file, const SourcePtr& source) {
  const auto refuse = [&](const Span& span, std::string message) {
    return failure(span, std::move(message), "name another file after --write; tests.yaml is read by itself");
  };
  Diagnostics problems;
  const auto root = yaml::parse(source, problems).root;
  if (!problems.empty()) return tl::make_unexpected(std::move(problems));
  const auto& text = source->text;
  Place place;
  const auto* tests = root.find("tests");
  if (tests == nullptr) {
    if (!root.map()) return refuse(root.span, fmt::format("{} is not a map of sections", file.string()));
    place.at = text.size();
    return place;
  }
  if (!tests->list()) return refuse(tests->span, "'tests' is no list here");
  for (const auto& item : tests->items)
    if (const auto* name = item.find("name")) place.names.insert(name->text);
  if (tests->items.empty()) return refuse(tests->span, "'tests' is an empty list here");
  const size_t first = line_begin(text, tests->items.front().span.begin);
  place.indent = text.find_first_not_of(' ', first) - first;
  if (text[first + place.indent] != '-') return refuse(tests->span, "'tests' is written on one line here");
  // Up to the next section, or the end; what stands between (comments) stays before the new ones.
  place.at = text.size();
  for (const auto& entry : root.entries)
    if (entry.key_span.begin > tests->items.back().span.begin)
      place.at = std::min<size_t>(place.at, line_begin(text, entry.key_span.begin));
  return place;
}

}  // namespace

std::string test_text(const FoundTest& test, size_t indent) {
  const std::string pad(indent, ' ');
  std::string text = fmt::format("{}- name: {}\n", pad, yaml::in_quotes(test.name));
  std::string lasts;
  bool any = false;
  for (const auto& [path, value] : test.settings) {
    if (path == "duration") {
      lasts = value;
      continue;
    }
    if (!any) text += pad + "  set:\n";
    any = true;
    text += fmt::format("{}    {}: {}\n", pad, path, value);
  }
  if (!lasts.empty()) text += fmt::format("{}  lasts: {}\n", pad, lasts);
  text += fmt::format("{}  requirements: [{}]\n", pad, yaml::in_quotes(test.requirement));
  return text;
}

Result<std::vector<std::string>> add_tests(const fs::path& file, std::vector<FoundTest> tests) {
  std::error_code ignored;
  std::string text;
  if (fs::exists(file, ignored)) {
    auto read = twin::read_whole_file(file);
    if (!read) return tl::make_unexpected(std::move(read.error()));
    text = std::move(*read);
  }
  Place place;
  std::string added;
  if (!text.empty()) {
    auto found = place_in(file, std::make_shared<const Source>(Source{file.string(), text}));
    if (!found) return tl::make_unexpected(std::move(found.error()));
    place = std::move(*found);
    if (place.at > 0 && text[place.at - 1] != '\n') added += '\n';
  }
  if (place.names.empty()) added += "tests:\n";
  std::vector<std::string> names;
  for (auto& test : tests) {
    const auto plain = test.name;
    for (int n = 2; place.names.contains(test.name); ++n) test.name = fmt::format("{} ({})", plain, n);
    place.names.insert(test.name);
    names.push_back(test.name);
    added += test_text(test, place.indent);
  }
  text.insert(place.at, added);
  if (auto written = twin::write_whole_file(file, text); !written)
    return tl::make_unexpected(std::move(written.error()));
  return names;
}

}  // namespace looptwin::testbed
