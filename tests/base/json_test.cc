// JSON with places: what RFC 8259 allows and forbids, whole and element by element.
#include "base/json.h"

#include <catch2/catch.hpp>

using namespace looptwin;

namespace {

SourcePtr source(const std::string& text) { return std::make_shared<const Source>(Source{"x.json", text}); }

std::string problem(const std::string& text) {
  const auto read = parse_json(source(text));
  return read ? std::string() : render(read.error());
}

}  // namespace

TEST_CASE("json: values are what RFC 8259 says, and know their bytes") {
  const std::string text = R"( {"a": [1, -2.5e3, true, null, "é\n\"\\\u00e4\ud83d\ude00"], "b": {}} )";
  const auto tree = parse_json(source(text));
  REQUIRE(tree);
  const JsonValue* a = tree->find("a");
  REQUIRE(a);
  CHECK(tree->find("c") == nullptr);
  CHECK(a->items[1].number == -2500);
  CHECK(a->items[1].text == "-2.5e3");
  CHECK(a->items[2].kind == JsonValue::Kind::boolean);
  CHECK(a->items[3].kind == JsonValue::Kind::null);
  CHECK(a->items[4].text == "é\n\"\\ä😀");
  CHECK(text.substr(a->items[1].span.begin, 6) == "-2.5e3");
  CHECK(text.substr(tree->members[1].name_span.begin, 3) == "\"b\"");
}

TEST_CASE("json: what is none is told at its place") {
  for (const char* bad : {"",
                          "{",
                          "[1,]",
                          "{\"a\" 1}",
                          "{'a': 1}",
                          "[1] 2",
                          "[nan]",
                          "[.5]",
                          "[1.]",
                          "[01]",
                          "[-]",
                          "\"\\x\"",
                          "\"a",
                          "\"a\nb\"",
                          "tru",
                          "[\"\\ud800\"]",
                          "[\"\\ud800\\u0041\"]",
                          "[\"\\u00g0\"]",
                          "[\"\t\"]",
                          "{\"a\":1,\"a\":2}",
                          "[1e999]"}) {
    INFO(bad);
    CHECK_FALSE(problem(bad).empty());
  }
  CHECK_FALSE(problem(std::string(1000, '[')).empty());
  CHECK(problem("[1,\n 2 3]").find("x.json:2:4: error: a ',' or ']' should stand here") != std::string::npos);
  CHECK(problem("{\"a\": 1, \"a\": 2}").find("x.json:1:10: error: the key \"a\" stands twice") !=
        std::string::npos);
}

TEST_CASE("json: a byte order mark before the text is passed over, and nowhere else") {
  const auto parsed = parse_json(source("\xEF\xBB\xBF{\"a\": 1}"));
  REQUIRE(parsed.has_value());
  CHECK(parsed->find("a")->number == 1);
  CHECK(parsed->find("a")->span.begin == 9);
  CHECK_FALSE(parse_json(source("{\xEF\xBB\xBF\"a\": 1}")).has_value());
}

TEST_CASE("json: an array is read an element at a time, up to its first error") {
  JsonElements good(source("[ {\"n\": 1}, [2, 3] ]\n"));
  auto first = good.next();
  REQUIRE(first);
  CHECK((*first)->find("n")->number == 1);
  auto second = good.next();
  REQUIRE(second);
  CHECK((*second)->items.size() == 2);
  for (int i = 0; i < 2; ++i) {
    const auto end = good.next();
    REQUIRE(end);
    CHECK_FALSE(end->has_value());
  }

  for (const char* torn : {"[1, 2", "[1, 2,]", "[1, 2] 3", "[1, 2 3]"}) {
    INFO(torn);
    JsonElements elements(source(torn));
    REQUIRE(elements.next());
    REQUIRE(elements.next());
    const auto bad = elements.next();
    REQUIRE_FALSE(bad);
    CHECK(bad.error().size() == 1);
    const auto after = elements.next();
    REQUIRE(after);
    CHECK_FALSE(after->has_value());
  }
  JsonElements object(source("{\"n\": 1}"));
  CHECK_FALSE(object.next());
  JsonElements none(source("[]"));
  const auto end = none.next();
  REQUIRE(end);
  CHECK_FALSE(end->has_value());
}
