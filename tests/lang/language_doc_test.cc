// docs/language.md: every snippet is checked where it says it stands, every message is the one that is given.
#include <catch2/catch.hpp>
#include <fstream>
#include <sstream>

#include "lang/unit_tables.h"
#include "sample_schema.h"

namespace looptwin::lang {
namespace {

std::string document() {
  std::ifstream file(LT_SOURCE_DIR "/docs/language.md");
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

// The texts between backticks in one cell of a table.
std::vector<std::string> code_of(const std::string& cell) {
  std::vector<std::string> out;
  for (size_t at = cell.find('`'); at != std::string::npos; at = cell.find('`', at + 1)) {
    const auto end = cell.find('`', at + 1);
    if (end == std::string::npos) break;
    out.push_back(cell.substr(at + 1, end - at - 1));
    at = end;
  }
  return out;
}

struct Place {
  std::string name = "rules";
  TableId table = sample::kHome;
};

struct Reader {
  Schema schema = sample::schema();
  Graph graph;
  Place place;
  int checked = 0, refused = 0;

  sample::Checked check(const std::string& text) {
    const auto scopes = place.name == "controller" ? sample::controller(schema) : sample::rules(schema);
    return sample::check(text, schema, scopes, graph, place.table);
  }
  void accept(const std::string& text) {
    const auto result = check(text);
    INFO(text << "\n" << render(result.diagnostics));
    CHECK(result.node.valid());
    CHECK(result.diagnostics.empty());
    ++checked;
  }
  void refuse(const std::string& text, const std::string& message) {
    const auto result = check(text);
    INFO(text);
    REQUIRE_FALSE(result.diagnostics.empty());
    const auto& first = result.diagnostics[0];
    CHECK(first.message + (first.hint.empty() ? "" : "; " + first.hint) == message);
    ++refused;
  }
};

}  // namespace

TEST_CASE("language.md: every snippet is accepted, or refused with the message shown") {
  std::istringstream lines(document());
  Reader reader;
  std::string pending;  // an expression, until it is known whether a message follows
  std::string table;    // the first word of the head of the table that is being read
  bool snippet = false, fence = false;
  const auto flush = [&] {
    if (!pending.empty()) reader.accept(pending);
    pending.clear();
  };
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("<!-- place: ")) {
      std::istringstream words(line.substr(12));
      std::string table_name;
      words >> reader.place.name >> table_name;
      reader.place.table = table_name == "block" ? sample::kBlock : sample::kHome;
    } else if (line.starts_with("```")) {
      flush();
      snippet = !fence && line == "```expression";
      fence = !fence;
    } else if (fence && snippet && line.starts_with("→ ")) {
      reader.refuse(pending, line.substr(std::string("→ ").size()));
      pending.clear();
    } else if (fence && snippet) {
      flush();
      pending = line;
    } else if (line.starts_with("| ") && !fence) {
      const auto cell = line.substr(2, line.find(" |", 2) - 2);
      if (code_of(cell).empty()) table = cell;
      for (const auto& code : code_of(cell)) {
        if (table == "example") reader.accept(code);
        if (table == "ours") CHECK(sample::units().is_unit_name(code));
        if (table == "refused") CHECK(denied_unit(code) != nullptr);
      }
    }
  }
  CHECK(reader.checked > 80);
  CHECK(reader.refused > 20);
}

TEST_CASE("language.md: every unit of ours is listed") {
  const auto text = document();
  for (const auto& unit : overlay_units()) {
    INFO(unit.name);
    CHECK(text.find("`" + std::string(unit.name) + "`") != std::string::npos);
  }
}

}  // namespace looptwin::lang
