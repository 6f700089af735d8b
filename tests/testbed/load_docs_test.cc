// What is printed from the tables of keys, and what is written for people: docs, schema, new scenarios.
#include <fmt/format.h>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <fstream>

#include "loading.h"
#include "testbed/new.h"
#include "testbed/reading/schema.h"
#include "testbed/testing/test_runner.h"

using namespace looptwin;
using namespace looptwin::testbed;
using namespace looptwin::testbed::test;

namespace {

const std::string kDocument = LT_SOURCE_DIR "/docs/scenario.md";

/// The ```yaml blocks of a Markdown text, each as a file that stands at the same lines.
FileTexts snippets(const std::string& document) {
  FileTexts files;
  size_t at = 0;
  while ((at = document.find("```yaml\n", at)) != std::string::npos) {
    const size_t begin = at + 8;
    const size_t end = document.find("```", begin);
    const auto line = std::count(document.begin(), document.begin() + static_cast<long>(begin), '\n');
    files[fmt::format("snippet-{:03}.yaml", line)] =
        std::string(static_cast<size_t>(line), '\n') + document.substr(begin, end - begin);
    at = end;
  }
  return files;
}

}  // namespace

TEST_CASE("docs: the key tables of scenario.md are those that the loader reads by") {
  const auto document = read_text(kDocument);
  const auto printed = with_tables(document);
  if (std::getenv("LT_REFRESH") != nullptr) std::ofstream(kDocument, std::ios::binary) << printed;
  INFO("run this test with LT_REFRESH=1 to print them anew");
  CHECK((document == printed || std::getenv("LT_REFRESH") != nullptr));
}

TEST_CASE("docs: every section of the tables has its place in scenario.md") {
  const auto document = read_text(kDocument);
  for (const auto* section : all_sections()) {
    INFO(section->anchor);
    CHECK(document.find("<!-- keys: " + section->anchor + " -->") != std::string::npos);
    const bool heading = document.find("## " + section->anchor) != std::string::npos;
    CHECK((heading || section->anchor == "scenario" ||
           document.find("<a id=\"" + section->anchor + "\">") != std::string::npos));
  }
}

TEST_CASE("docs: the snippets of scenario.md, taken together, are a scenario that loads") {
  auto files = snippets(read_text(kDocument));
  REQUIRE(files.size() > 8);
  std::string use = "use: [";
  for (const auto& [name, text] : files) use += name + ", ";
  files["scenario.yaml"] = use + "]\n";
  files["weather.csv"] = "time,temperature [degC]\n2024-07-19T00:00:00,20\n";
  const auto s = loaded(files);
  CHECK(s.models.size() == 3 + 7 + 4 + 2);  // and the kinds of elements of the plants
  CHECK(s.rules.size() == 3);
  CHECK(s.faults.size() == 5);
  CHECK(s.faults[2].value == Approx(0.2 / 3600));
  CHECK(s.history[0].rollups == std::vector<Duration>{minutes(1), hours(1)});
}

TEST_CASE("schema: every section and key is in it, with what it means") {
  const auto schema = json_schema();
  for (const auto* section : all_sections()) {
    if (section->anchor != "scenario")
      CHECK(schema.find("\"" + section->anchor + "\": {") != std::string::npos);
    for (const auto& key : section->keys) {
      INFO(section->anchor << "." << key.name);
      CHECK_FALSE(key.about.empty());
      CHECK(schema.find("\"" + key.name + "\": {") != std::string::npos);
    }
  }
  CHECK(schema.find("\"additionalProperties\": false") != std::string::npos);
}

TEST_CASE("new: what is written loads, and a folder with something in it is refused") {
  const Folder folder;
  const auto path = folder.path() / "pump-house";
  const auto written = write_new_scenario(path);
  REQUIRE(written.has_value());
  CHECK(written->size() == 4);
  const auto scenario = load(path);
  INFO((scenario ? std::string() : render(scenario.error())));
  REQUIRE(scenario.has_value());
  CHECK(scenario->name == "pump-house");
  CHECK(scenario->fleet[1].id == "{site}/tank-{i}");

  const auto tests = run_tests({.paths = {path}, .coverage = true, .mutation = true});
  CHECK(tests.passed());
  CHECK(tests.results.size() == 5);
  REQUIRE(tests.mutation.size() == 1);
  CHECK(tests.mutation[0].survivors.empty());
  CHECK(seen(tests.coverage.at(0).items) == tests.coverage[0].items.size());

  const auto again = write_new_scenario(path);
  REQUIRE_FALSE(again.has_value());
  CHECK(in_short(again.error()) == path.string() + " is there and not an empty folder [name a new folder]\n");
}
