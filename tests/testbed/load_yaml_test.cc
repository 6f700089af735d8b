// What YAML would silently take for something else is an error that shows the quoted form.
#include <catch2/catch.hpp>

#include "loading.h"
#include "testbed/reading/yaml.h"

using namespace looptwin;
using namespace looptwin::testbed::test;
namespace yaml = looptwin::testbed::yaml;

namespace {

std::string refused(const std::string& text) {
  Diagnostics problems;
  yaml::parse(std::make_shared<const Source>(Source{"a.yaml", text}), problems);
  return in_short(problems);
}

}  // namespace

TEST_CASE("yaml: booleans, octal numbers, numbers of base 60 and dates must be quoted") {
  CHECK(refused("a: off") == "a.yaml:1:4: 'off' is a boolean to YAML [write \"off\"]\n");
  CHECK(refused("a: {mode: [Yes]}") == "a.yaml:1:12: 'Yes' is a boolean to YAML [write \"Yes\"]\n");
  CHECK(refused("on: 1") == "a.yaml:1:1: 'on' is a boolean to YAML [write \"on\"]\n");
  CHECK(refused("a: True") == "a.yaml:1:4: 'True' is not how a boolean is written [write true]\n");
  CHECK(
      refused("a: 010") ==
      "a.yaml:1:4: '010' has a leading zero, which YAML reads as octal [write it without, or as \"010\"]\n");
  CHECK(refused("a: -007 W") ==
        "a.yaml:1:4: '-007 W' has a leading zero, which YAML reads as octal [write it without, or as \"-007 "
        "W\"]\n");
  CHECK(refused("a: 14:00") == "a.yaml:1:4: '14:00' is a number of base 60 to YAML [write \"14:00\"]\n");
  CHECK(refused("a: 1:30:00.5") ==
        "a.yaml:1:4: '1:30:00.5' is a number of base 60 to YAML [write \"1:30:00.5\"]\n");
  CHECK(refused("a: 2019-07-15") ==
        "a.yaml:1:4: '2019-07-15' is a timestamp to YAML [write \"2019-07-15\"]\n");
  CHECK(refused("a: \"off\"\nb: 0.5\nc: 0 kW\nd: '14:00'\ne: 100\nf: true\ng: offset\nh: 0\n").empty());
}

TEST_CASE("yaml: nulls, tags, anchors and aliases are refused with what to write") {
  CHECK(
      refused("a:\nb: 1") ==
      "a.yaml:1:1: 'a' has no value [write a: with a value, or remove the key; an empty text is a: \"\"]\n");
  CHECK(refused("a: ~") == "a.yaml:1:4: 'a' is null [remove the key; a text is quoted: a: \"null\"]\n");
  CHECK(refused("a: [1, null]") == "a.yaml:1:8: a null is not a value here [a text is quoted: \"null\"]\n");
  CHECK(refused("a: !running") == "a.yaml:1:4: '!running' begins a tag in YAML [write \"!running\"]\n");
  CHECK(refused("a: !running && open") ==
        "a.yaml:1:4: '!running && open' begins a tag in YAML [write \"!running && open\"]\n");
  CHECK(refused("a: &x 1") == "a.yaml:1:4: '&x 1' begins an anchor in YAML [write \"&x 1\"]\n");
  CHECK(refused("a: &x") == "a.yaml:1:4: '&x' begins an anchor in YAML [write \"&x\"]\n");
  const std::string out = "[leave it out, and write out what it names wherever that is meant]\n";
  const std::string alias = "is an alias in YAML [write out what it stands for]\n";
  CHECK(refused("a: &x [1, 2]\nb: *x\nc: [*x, 3]") == "a.yaml:1:4: '&x' is an anchor in YAML " + out +
                                                          "a.yaml:2:4: '*x' " + alias + "a.yaml:3:5: '*x' " +
                                                          alias);
  CHECK(refused("a: {b: &x {c: 1}}\nd: &y\n  e: 1\nf: &z \"text\"") ==
        "a.yaml:1:8: '&x' is an anchor in YAML " + out + "a.yaml:2:4: '&y' is an anchor in YAML " + out +
            "a.yaml:4:4: '&z' is an anchor in YAML " + out);
  CHECK(refused("a: !set [1, 2]") == "a.yaml:1:4: '!set' is a tag in YAML [leave it out]\n");
  CHECK(refused("a: *x") ==
        "a.yaml:1:4: this is not YAML: the referenced anchor is not defined [write a: \"*x\"]\n");
}

TEST_CASE("yaml: an expression that a flow collection would cut is shown whole and quoted") {
  CHECK(refused("set: {cool: max(a, 2 K), heat: 1 K}") ==
        "a.yaml:1:13: within { } or [ ] YAML splits this text at its commas [write \"max(a, 2 K)\"]\n");
  CHECK(refused("body: [if(x == \"a\", 1, 2), 3]") ==
        "a.yaml:1:8: within { } or [ ] YAML splits this text at its commas [write 'if(x == \"a\", 1, 2)']\n");
  CHECK(refused("{raise: x > ago(x, 20 h) && mod(t, 2 h) < 1 h, each: m}") ==
        "a.yaml:1:9: within { } or [ ] YAML splits this text at its commas [write \"x > ago(x, 20 h) && "
        "mod(t, 2 "
        "h) < 1 h\"]\n");
  CHECK(refused("set: {cool: default(cool) + 2 K, heat: \"max(a, 2 K)\"}").empty());
}

TEST_CASE("yaml: duplicate keys, several documents, tabs and colons") {
  CHECK(refused("a: 1\nb: 2\na: 3") ==
        "a.yaml:3:1: 'a' is here twice; the first is in line 1 [remove one of them]\n");
  CHECK(refused("a: 1\n---\nb: 2") ==
        "a.yaml:2:1: a second document begins here [put each into its own file and name it in use:]\n");
  CHECK(refused("action: Close: the valve") ==
        "a.yaml:1:14: this is not YAML: illegal map value [write action: \"Close: the valve\"]\n");
  CHECK(refused("{a: 1}: 2").find("a key is a word, not a map or a list") != std::string::npos);
}

TEST_CASE("yaml: hostile and torn texts are refused or read, never a crash") {
  const std::string text = example()["models.yaml"] + example()["rules.yaml"];
  for (size_t length = 0; length < text.size(); length += 7) {
    Diagnostics problems;
    const auto document =
        yaml::parse(std::make_shared<const Source>(Source{"a.yaml", text.substr(0, length)}), problems);
    CHECK((document.root.map() || document.root.refused() || document.root.scalar()));
  }
  for (const char* bad : {"[[[[", "{a: {b: [", "\"", "'", "a: \"\\", "a: |", "a: >-\n", "? a", "- - -",
                          "%YAML 9", "a: \"\\x4", "]", ",", ": "}) {
    Diagnostics problems;
    yaml::parse(std::make_shared<const Source>(Source{"a.yaml", bad}), problems);
    for (const auto& d : problems) CHECK_FALSE(render(d).empty());
  }
  CHECK_FALSE(refused(std::string(5000, '[')).empty());
}
