// JSON as a tree: what is no JSON or no UTF-8 ends nothing.
#include "base/json_tree.h"

#include <catch2/catch.hpp>

using namespace looptwin;

TEST_CASE("json tree: members stand as they were put in, or by name") {
  CHECK(dump_json(OrderedJson{{"b", 1}, {"a", {true, nullptr}}}) == R"({"b":1,"a":[true,null]})");
  CHECK(dump_json(Json{{"b", 1}, {"a", 0.5}}, 1) == "{\n \"a\": 0.5,\n \"b\": 1\n}");
  CHECK(dump_json(load_json<OrderedJson>(R"({"b":1,"a":"x"})")) == R"({"b":1,"a":"x"})");
}

TEST_CASE("json tree: what is no UTF-8 comes out as U+FFFD, what is no JSON is discarded") {
  CHECK(dump_json(Json("a\xff\xc3z")) == "\"a\xEF\xBF\xBD\xEF\xBF\xBDz\"");
  CHECK(dump_json(OrderedJson("\xed\xa0\x80")).find('\xed') == std::string::npos);
  for (const char* torn : {"", "{", R"({"a":1)", "[1,]", "{} x", "nul"}) {
    CHECK(load_json<Json>(torn).is_discarded());
    CHECK(load_json<OrderedJson>(torn).is_discarded());
    CHECK(load_json<OrderedJson>(torn, 3).is_discarded());
  }
}

TEST_CASE("json tree: what is deeper than allowed is left out, and cannot exhaust the stack") {
  CHECK(dump_json(load_json<Json>(R"({"a":{"b":{"c":1},"d":2}})", 2)) == R"({"a":{"b":{},"d":2}})");
  CHECK(dump_json(load_json<OrderedJson>(std::string(1'000'000, '[') + std::string(1'000'000, ']'), 1)) ==
        "[[]]");
}
