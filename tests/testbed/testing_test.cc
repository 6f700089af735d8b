// looptwin test: the page that teaches it, run as it stands; what tests mean, and what they refuse.
#include <algorithm>
#include <catch2/catch.hpp>

#include "base/json_tree.h"
#include "loading.h"
#include "testbed/testing/mutation.h"
#include "testbed/testing/mutation_expressions.h"
#include "testbed/testing/test_reports.h"

using namespace looptwin;
using namespace looptwin::testbed;
using namespace looptwin::testbed::test;

namespace {

std::string page() { return read_text(LT_SOURCE_DIR "/docs/testing-rules.md"); }

/// The blocks of the page that begin with `# name`, in order.
std::vector<std::string> blocks(const std::string& name) {
  const auto text = page();
  std::vector<std::string> found;
  const std::string mark = "```yaml\n# " + name + "\n";
  for (size_t at = text.find(mark); at != std::string::npos; at = text.find(mark, at + 1)) {
    const size_t begin = at + 8;
    found.push_back(text.substr(begin, text.find("```", begin) - begin));
  }
  return found;
}

/// Whether each line of a block of output in the page is among what was printed; the first that is not.
std::string missing_line(const std::string& output, const std::string& first_line) {
  const auto text = page();
  const size_t at = text.find("```\n" + first_line);
  REQUIRE(at != std::string::npos);
  std::string block = text.substr(at + 4, text.find("\n```", at + 4) - at - 4);
  for (size_t begin = 0; begin < block.size();) {
    const size_t end = std::min(block.find('\n', begin), block.size());
    const auto line = block.substr(begin, end - begin);
    if (output.find(line) == std::string::npos) return line;
    begin = end + 1;
  }
  return {};
}

FileTexts sump(size_t tests) {
  return {{"scenario.yaml", blocks("scenario.yaml").at(0)},
          {"rules.yaml", blocks("rules.yaml").at(0)},
          {"tests.yaml", blocks("tests.yaml").at(tests)}};
}

TestReport played(const Folder& folder, TestRequest request = {}) {
  request.paths = {folder.path()};
  return run_tests(request);
}

std::string said(const TestReport& report) {
  std::string text;
  for (const auto& result : report.results) text += test_lines(result, false);
  return text + test_summary(report) + coverage_lines(report) + mutation_lines(report);
}

/// A folder with the page's sump, and these tests.
std::string tests_of(const std::string& entries) { return "tests:\n" + entries; }
FileTexts sump_with(const std::string& entries) {
  auto files = sump(0);
  files["tests.yaml"] = tests_of(entries);
  return files;
}

const TestResult& only(const TestReport& report) {
  REQUIRE(report.results.size() == 1);
  return report.results[0];
}

}  // namespace

TEST_CASE("testing-rules.md: its first tests pass, and a weakened rule fails as the page says") {
  auto files = sump(0);
  {
    const Folder folder(files);
    const auto report = played(folder);
    INFO(said(report));
    CHECK(report.passed());
    CHECK(report.results.size() == 2);
  }
  auto& rules = files["rules.yaml"];
  rules.replace(rules.find("on_delay: 20 s"), 14, "on_delay: 2 min");
  const Folder folder(files);
  const auto report = played(folder);
  const auto text = said(report);
  INFO(text);
  CHECK_FALSE(report.passed());
  CHECK(missing_line(text, "  FAIL") == "");
}

TEST_CASE("testing-rules.md: the first tests miss what the page says, the later ones notice every fault") {
  {
    const Folder folder(sump(0));
    const auto report = played(folder, {.coverage = true, .mutation = true});
    const auto text = said(report);
    INFO(text);
    REQUIRE(report.mutation.size() == 1);
    CHECK_FALSE(report.mutation[0].survivors.empty());
    CHECK(missing_line(text, "  not noticed") == "");
  }
  const Folder folder(sump(1));
  const auto report = played(folder, {.coverage = true, .mutation = true});
  INFO(said(report));
  CHECK(report.passed());
  REQUIRE(report.mutation.size() == 1);
  CHECK(report.mutation[0].survivors.empty());
  CHECK(report.mutation[0].killed > 25);
  REQUIRE(report.coverage.size() == 1);
  CHECK(seen(report.coverage[0].items) == report.coverage[0].items.size());
}

TEST_CASE("tests: what was expected and did not happen fails, each with what did") {
  const auto why = [](const std::string& expect) {
    const Folder folder(
        sump_with("  - name: one\n    given: {sump.level: \"1 m x 30 s, 2.4 m x 5 min\"}\n    expect: [" +
                  expect + "]\n"));
    const auto report = played(folder);
    const auto& result = only(report);
    return result.failures.empty() ? std::string("passed") : result.failures[0].what;
  };
  CHECK(why("{event: high, raised: 50 s}") == "passed");
  CHECK(why("{event: high}") == "passed");
  CHECK(why("{event: high, count: 1}") == "passed");
  CHECK(why("{event: very_high, never: true}") == "passed");
  CHECK(why("{event: high, raised: 51 s, within: 1 min}") ==
        "event high was not raised from 00:00:51 to 00:01:51; it was at 00:00:50");
  CHECK(why("{event: high, cleared: 51 s}") ==
        "event high was not cleared at 00:00:51; it was never cleared");
  CHECK(why("{event: high, never: true}") == "event high was raised at 00:00:50 on sump; it must never be");
  CHECK(why("{event: high, count: 2}") == "event high was raised once, not 2 times: at 00:00:50 on sump");
  CHECK(why("{event: very_high}") == "event very_high was never raised");
  CHECK(why("{command: start, device: \"pump-*\"}") == "command start on pump-2 was never issued");
  CHECK(why("{command: start, device: pump-1, by: help}") == "command start on pump-1 was never issued");
  CHECK(why("{alarm: flooding, device: sump, raised: 1 min}") ==
        "alarm flooding on sump was not raised at 00:01:00; it was never raised");
}

TEST_CASE("tests: a command that is refused, unanswered or late is seen as such") {
  const auto played_with = [](const std::string& answer, const std::string& expect) {
    const Folder folder(sump_with(
        "  - name: one\n    lasts: 20 min\n    given: {sump.level: 2.4 m}\n    answers: {pump-1: " + answer +
        "}\n    expect: [" + expect + "]\n"));
    const auto report = played(folder);
    INFO(said(report));
    return report.passed();
  };
  CHECK(played_with("refused", "{command: start, device: pump-1, refused: 20 s, within: 2 s}"));
  CHECK(played_with("nothing", "{command: start, device: pump-1, expired: 80 s, within: 2 s}"));
  CHECK(played_with("after 7 s", "{command: start, device: pump-1, acknowledged: 27 s, within: 2 s}"));
  CHECK_FALSE(played_with("accepted", "{command: start, device: pump-1, refused: 20 s, within: 2 s}"));
}

TEST_CASE("tests: a device that is offline reports nothing, and gets its command when it is back") {
  const Folder folder(sump_with(
      "  - name: one\n    given: {sump.level: 2.4 m, pump-1: \"offline x 40 s, online x 1 min\"}\n"
      "    expect: [{command: start, device: pump-1, issued: 20 s, acknowledged: 41 s, within: 1 s}]\n"));
  const auto report = played(folder);
  INFO(said(report));
  CHECK(report.passed());
}

TEST_CASE("tests: they share a stage and do not see each other, whatever their order and number of jobs") {
  std::string entries;
  for (int i = 0; i < 40; ++i)
    entries += "  - name: test " + std::to_string(i) + "\n    given: {sump.level: \"" +
               (i % 3 == 0   ? "1 m x 30 s"
                : i % 3 == 1 ? "2.4 m noise 0.05 m x 2 min"
                             : "3.5 m x 1 min, stale x 2 min, 0.2 m x 1 min") +
               "\"}\n";
  const Folder folder(sump_with(entries));
  const auto one = played(folder, {.jobs = 1});
  const auto three = played(folder, {.jobs = 3});
  INFO(said(one));
  CHECK(one.passed());
  for (size_t i = 0; i < 40; ++i) {
    CHECK(one.results[i].name == "test " + std::to_string(i));
    CHECK(one.results[i].fingerprint == three.results[i].fingerprint);
    CHECK(one.results[i].fingerprint == one.results[i % 3].fingerprint);
  }
  CHECK(one.results[0].fingerprint != one.results[1].fingerprint);
}

TEST_CASE("tests: a never that nothing makes happen is warned of, and one that something does is not") {
  const std::string never =
      "  - name: a\n    given: {sump.level: 1 m x 30 s}\n    expect: [{event: high, never: true}]\n";
  {
    const Folder folder(sump_with(never));
    CHECK(only(played(folder)).warnings.size() == 1);
  }
  const Folder folder(sump_with(never + "  - name: b\n    given: {sump.level: 2.4 m x 1 min}\n"));
  CHECK(played(folder).results[0].warnings.empty());
}

TEST_CASE("tests: what names nothing is refused with its place") {
  const auto refused = [](const std::string& entry) {
    const Folder folder(sump_with("  - name: one\n" + entry));
    const auto report = played(folder);
    auto all = report.problems;
    for (const auto& result : report.results)
      all.insert(all.end(), result.problems.begin(), result.problems.end());
    return in_short(all);
  };
  CHECK(refused("    given: {sump.lvel: 1 m}\n") ==
        "tests.yaml:3:13: no device that matches 'sump' reports 'lvel' [did you mean 'level'?]\n");
  CHECK(refused("    given: {smp.level: 1 m}\n").find("tests.yaml:3:13: no device matches 'smp'") == 0);
  CHECK(
      refused("    given: {sump.level: 1 kW}\n").find("tests.yaml:3:25: '1 kW' is of another kind than m") ==
      0);
  CHECK(refused("    given: {sump.level: 1 m}\n    expect: [{event: hihg}]\n") ==
        "tests.yaml:4:22: 'hihg' is no event [did you mean 'high'? events: high, very_high]\n");
  CHECK(refused("    given: {sump.level: 1 m}\n    expect: [{event: high, issued: 5 s}]\n") ==
        "tests.yaml:4:36: an event is not issued [it is cleared, raised]\n");
  CHECK(refused("    given: {sump.level: 1 m}\n    expect: [{raised: 5 s}]\n")
            .find("an expectation says what it is about") != std::string::npos);
  CHECK(refused("    given: {sump.level: 1 m}\n    expect: [{command: start, device: sump}]\n")
            .find("no device of command start matches 'sump'") != std::string::npos);
  CHECK(
      refused("    given: {sump.level: 1 m}\n    answers: {pump-1: maybe}\n").find("'maybe' is no answer") !=
      std::string::npos);
  CHECK(refused("    expcet: []\n").find("a test has no key 'expcet'") != std::string::npos);
}

TEST_CASE("tests: what a rig notices of a device is given: violations, diverging, forced") {
  const std::string rules = R"(scenario: cellar
about: Two pumps whose rig is attacked.
duration: 10 s
models:
  pump:
    telemetry: {level: {unit: m, every: 1 s, phase: 0 s, range: [0, 5], resolution: 0.01}}
fleet: {pump: {count: 2, id: "pump-{i}"}}
events:
  attacked: {each: pump, raise: violations >= 3 && violations < 10}
  unlike: {each: pump, raise: status == "diverging"}
  gone: {each: pump, raise: status == "offline"}
  overridden: {each: pump, raise: quality(level) == "forced" && good(level)}
  high: {each: pump, raise: level > 3 m}
)";
  const std::string tests = R"(tests:
  - name: all of it
    lasts: 20 s
    given:
      "*.level": 1 m
      pump-1.level: 1 m x 4500 ms, forced 4 m x 3 s, 1 m x 2500 ms, forced ramp 1 m to 4 m over 4 s, 2 m
      pump-1.violations: 0 x 4 s, 2 x 4 s, 3 x 4 s, 20
      pump-1: online x 3 s, diverging x 3 s, online x 4 s, diverging x 2 s, offline x 4 s, online
    expect:
      - {event: attacked, device: pump-1, raised: 8 s, cleared: 12 s, count: 1}
      - {event: unlike, device: pump-1, raised: [3 s, 10 s], cleared: [6 s, 12 s], count: 2}
      - {event: gone, device: pump-1, raised: 12 s, cleared: 16 s, count: 1}
      - {event: overridden, device: pump-1, raised: [5 s, 10 s], cleared: [8 s, 15 s], count: 2}
      - {event: high, device: pump-1, raised: [5 s], cleared: [8 s], count: 1}
      - {event: attacked, device: pump-2, never: true}
      - {event: unlike, device: pump-2, never: true}
      - {event: overridden, device: pump-2, never: true}
)";
  const auto played_with = [&](const std::string& text) {
    const Folder folder({{"scenario.yaml", rules}, {"tests.yaml", text}});
    const auto report = played(folder);
    auto all = report.problems;
    for (const auto& result : report.results)
      all.insert(all.end(), result.problems.begin(), result.problems.end());
    return in_short(all) + (all.empty() ? said(report) : "");
  };
  const auto text = played_with(tests);
  INFO(text);
  CHECK(text.find("FAIL") == std::string::npos);
  const auto refused = [&](const std::string& given) {
    return played_with("tests:\n  - name: one\n    given: {" + given + "}\n");
  };
  CHECK(refused("pump-1.violations: \"3 x 1 s, 2\"") ==
        "tests.yaml:3:33: violations are whole numbers that never become less: so many there have been by "
        "then [write 0 x 1 min, 3 x 1 min, 7]\n");
  CHECK(refused("pump-1.violations: 0.5").find("whole numbers") != std::string::npos);
  CHECK(refused("pump-9.violations: 1").find("no device matches 'pump-9'") != std::string::npos);
  CHECK(refused("pump-1: divergent").find("write one of offline, online, diverging") != std::string::npos);
  CHECK(refused("pump-1.level: forced stale").find("a value is forced") != std::string::npos);
  CHECK(refused("loop.lateness: forced 1 s").find("forced") != std::string::npos);
}

TEST_CASE("tests: without 'given' the scenario is simulated, once a seed") {
  const Folder folder(sump_with(
      "  - name: floods\n    lasts: 3 h\n    expect: [{event: high, raised: 33 min, within: 2 min}]\n"));
  const auto report = played(folder, {.seeds = 3});
  INFO(said(report));
  CHECK(report.passed());
  CHECK(only(report).seeds_run == 3);
}

TEST_CASE("tests: a simulated one fails where the run violates a requirement") {
  const auto with = [](const std::string& most) {
    auto files = sump_with("  - name: floods\n    lasts: 10 min\n");
    files["tests.yaml"] +=
        "requirements:\n  - {name: stays low, each: sump, always: truth(level) < " + most + "}\n";
    const Folder folder(files);
    return played(folder);
  };
  CHECK(with("2 m").passed());
  const auto report = with("1.1 m");
  CHECK_FALSE(report.passed());
  CHECK(only(report).failures.at(0).what == "the requirement 'stays low' was violated");
}

TEST_CASE("tests: mutants are played with the tests that were asked for") {
  auto files = sump(1);
  files["tests.yaml"] +=
      "  - name: zebra\n    given: {sump.level: 1 m x 10 s}\n    expect: [{event: high}]\n";
  const Folder folder(files);
  const auto report = played(folder, {.filter = "wave", .mutation = true});
  REQUIRE(report.mutation.size() == 1);
  CHECK_FALSE(report.mutation[0].survivors.empty());  // the failing one would notice everything
}

TEST_CASE("tests: where there is none to run, that is an error") {
  const Folder folder(sump(0));
  CHECK(in_short(played(folder, {.filter = "zebra"}).problems) ==
        "no test's name holds 'zebra', or matches it\n");
  auto files = sump(0);
  files.erase("tests.yaml");
  const Folder without(files);
  CHECK(in_short(played(without).problems).find("there are no tests") == 0);
}

TEST_CASE("tests: decisions are kept in a file, and compared with it") {
  auto files = sump_with("  - name: one\n    decisions: one.txt\n    given: {sump.level: 2.4 m x 1 min}\n");
  const Folder folder(files);
  CHECK(only(played(folder)).failures.at(0).what.find("cannot read") == 0);
  CHECK(played(folder, {.update = true}).passed());
  CHECK(read_text(folder.path() / "one.txt").find("00:00:21  event_raised  high: 2.4 m  sump\n") == 0);
  CHECK(played(folder).passed());
  folder.write("one.txt", "00:00:22  event_raised  high: 2.4 m  sump\n");
  const auto changed = played(folder);
  CHECK(only(changed).failures.at(0).what == "decisions differ from one.txt in line 1");
}

TEST_CASE("tests: reports for machines say what the text says") {
  const Folder folder(sump_with(
      "  - name: one & \"only\"\n    given: {sump.level: 1 m x 10 s}\n    expect: [{event: high}]\n"));
  const auto report = played(folder);
  const auto xml = junit_xml(report);
  CHECK(xml.find("tests=\"1\" failures=\"1\" errors=\"0\"") != std::string::npos);
  CHECK(xml.find("name=\"one &amp; &quot;only&quot;\"") != std::string::npos);
  CHECK(xml.find("<failure message=\"event high was never raised\">") != std::string::npos);
  const auto json = load_json<Json>(test_json(report));
  CHECK(json["passed"] == false);
  CHECK(json["tests"][0]["failures"][0]["message"] == "event high was never raised");
  CHECK(json["tests"][0]["failures"][0]["line"] == 4);
  const auto github = github_annotations(report);
  CHECK(github.find("::error file=" + (folder.path() / "tests.yaml").string() + ",line=4,") == 0);
}

TEST_CASE("mutation: an expression's faults keep the rest of it as it was") {
  const lang::Units units;
  const auto source = std::make_shared<const Source>(
      Source{"rules", "raise: avg(level over 5 min) > 2 m && !(count(pumps, on) == 0) || t < 35 degC"});
  const Span span{source, 7, static_cast<uint32_t>(source->text.size())};
  std::vector<std::string> results;
  for (const auto& edit : edits_of(span, "event high", units)) results.push_back(text_of(edited(span, edit)));
  const auto has = [&](const std::string& text) {
    return std::find(results.begin(), results.end(), text) != results.end();
  };
  const std::string a = "avg(level over 5 min) > 2 m", b = "!(count(pumps, on) == 0)", c = "t < 35 degC";
  CHECK(has("avg(level over 5 min) < 2 m && " + b + " || " + c));
  CHECK(has("avg(level over 6 min) > 2 m && " + b + " || " + c));
  CHECK(has("avg(level over 5 s) > 2 m && " + b + " || " + c));
  CHECK(has("avg(level over 5 min) > 2.4 m && " + b + " || " + c));
  CHECK(has("avg(level over 5 min) > 2 cm && " + b + " || " + c));
  CHECK(has(a + " || " + b + " || " + c));
  CHECK(has(a + " && (count(pumps, on) == 0) || " + c));
  CHECK(has(a + " && !(count(pumps, on) != 0) || " + c));
  CHECK(has(a + " && !(count(pumps, on) == 1) || " + c));
  CHECK(has(a + " && " + b + " || t < 28 degC"));
  CHECK(has(a + " && " + b + " || t < 35 degF"));
}
