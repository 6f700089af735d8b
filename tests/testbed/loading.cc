#include "loading.h"

#include <fmt/format.h>
#include <unistd.h>
#include <atomic>
#include <catch2/catch.hpp>
#include <fstream>
#include <iterator>

namespace looptwin::testbed::test {

namespace fs = std::filesystem;

Folder::Folder() {
  static std::atomic<int> next{0};
  path_ = fs::temp_directory_path() / fmt::format("looptwin-test-{}-{}", ::getpid(), next++);
  fs::create_directories(path_);
}

Folder::~Folder() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

void Folder::write(const std::string& name, const std::string& text) const {
  fs::create_directories((path_ / name).parent_path());
  std::ofstream(path_ / name, std::ios::binary) << text;
}

std::string read_text(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  INFO(path.string());
  REQUIRE(file.good());
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

std::string scenario_of(const std::string& page) {
  const auto document = read_text(fs::path(LT_SOURCE_DIR) / "docs" / page);
  std::string text;
  for (size_t at = 0; (at = document.find("```yaml\n", at)) != std::string::npos;) {
    const size_t begin = at + 8;
    at = document.find("```", begin);
    text += document.substr(begin, at - begin);
    at += 3;
  }
  return text;
}

FileTexts example() {
  const fs::path folder = fs::path(LT_SOURCE_DIR) / "tests/testbed/data/smart-meters";
  FileTexts files;
  for (const char* name : {"scenario.yaml", "models.yaml", "rules.yaml", "weather/phoenix-july.csv"})
    files[name] = read_text(folder / name);
  return files;
}

FileTexts example_with(const std::string& file, const std::string& from, const std::string& to) {
  auto files = example();
  auto& text = files.at(file);
  const auto at = text.find(from);
  INFO(from);
  REQUIRE(at != std::string::npos);
  text.replace(at, from.size(), to);
  return files;
}

std::string in_short(const Diagnostics& diagnostics) {
  std::string out;
  for (const auto& d : diagnostics) {
    if (d.span.source) {
      const auto at = line_column(*d.span.source, d.span.begin);
      out += fmt::format("{}:{}:{}: ", d.span.source->name, at.line, at.column);
    }
    out += d.message + (d.hint.empty() ? "" : " [" + d.hint + "]") + "\n";
  }
  return out;
}

std::string problems(const FileTexts& files, const std::vector<Setting>& settings) {
  const Folder folder(files);
  const auto scenario = load(folder.path(), settings);
  return scenario ? "" : in_short(scenario.error());
}

std::string problems_with(const std::string& file, const std::string& from, const std::string& to) {
  return problems(example_with(file, from, to));
}

Scenario loaded(const FileTexts& files, const std::vector<Setting>& settings) {
  const Folder folder(files);
  auto scenario = load(folder.path(), settings);
  INFO((scenario ? std::string() : render(scenario.error())));
  REQUIRE(scenario.has_value());
  return std::move(*scenario);
}

std::string text_of(const Span& span) {
  return span.source ? span.source->text.substr(span.begin, span.end - span.begin) : "";
}

}  // namespace looptwin::testbed::test
