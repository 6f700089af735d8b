#include "testbed/testing/test_reports.h"

#include <fmt/format.h>
#include <algorithm>
#include <filesystem>

#include "base/json_tree.h"
#include "base/text.h"
#include "testbed/markup.h"
#include "testbed/testing/alarm_text.h"

namespace looptwin::testbed {
namespace {

constexpr size_t kNameWidth = 64;

std::string place(const Span& span) {
  if (!span.source) return {};
  const auto at = line_column(*span.source, span.begin);
  return fmt::format("{}:{}:{}: ", span.source->name, at.line, at.column);
}

/// Of a failure: its message, and all that is known about it.
std::string whole(const TestFailure& failure) {
  std::string text = place(failure.span) + failure.what + '\n';
  for (const auto& line : failure.why) text += "  " + line + '\n';
  return text;
}

std::string seeds_said(const TestResult& result) {
  if (result.seeds_run <= 1) return {};
  if (result.seeds_failed == 0) return fmt::format("  {} seeds", result.seeds_run);
  return fmt::format("  {} of {} seeds failed, the first is {}", result.seeds_failed, result.seeds_run,
                     result.seed);
}

/// The file that a span lies in, as the test's file was named: paths of sources are relative to its folder.
std::string path_of(const TestResult& result, const Span& span) {
  const std::filesystem::path file = result.file;
  const auto folder = std::filesystem::is_directory(file) ? file : file.parent_path();
  return span.source ? (folder / span.source->name).lexically_normal().string() : file.string();
}

std::string annotation(const char* level, const TestResult& result, const Span& span,
                       std::string_view message) {
  std::string text;
  for (const char c : message) text += c == '\n' ? "%0A" : c == '%' ? "%25" : std::string(1, c);
  const int line = span.source ? line_column(*span.source, span.begin).line : 1;
  return fmt::format("::{} file={},line={},title={}::{}\n", level, path_of(result, span), line, result.name,
                     text);
}

}  // namespace

double share_of(size_t part, size_t all) {
  return all == 0 ? 1 : static_cast<double>(part) / static_cast<double>(all);
}

std::string test_lines(const TestResult& result, bool file) {
  std::string out;
  if (file) out += result.file + '\n';
  out += fmt::format("  {}  {:<{}} {:6.0f} ms{}\n", result.passed ? "ok  " : "FAIL", result.name, kNameWidth,
                     1000 * result.seconds, seeds_said(result));
  for (const auto& line : result.log) out += "        " + line + '\n';
  if (!result.problems.empty()) out += render(result.problems);
  for (const auto& failure : result.failures) {
    out += "        " + place(failure.span) + failure.what + '\n';
    for (const auto& line : failure.why) out += "          " + line + '\n';
  }
  if (result.alarms)
    for (const auto& line : alarm_table(*result.alarms)) out += "        " + line + '\n';
  return out;
}

std::string test_summary(const TestReport& report) {
  std::string out;
  for (const auto& result : report.results)
    for (const auto& warning : result.warnings)
      out += fmt::format("warning: {}: {}: {}\n", result.file, result.name, warning);
  if (!report.problems.empty()) out += render(report.problems);
  const auto failed =
      std::count_if(report.results.begin(), report.results.end(), [](const auto& r) { return !r.passed; });
  out += fmt::format("{} test{}, {} failed, in {:.2f} s\n", report.results.size(),
                     report.results.size() == 1 ? "" : "s", failed, report.seconds);
  return out;
}

std::string coverage_lines(const TestReport& report) {
  std::string out;
  for (const auto& suite : report.coverage) {
    if (suite.items.empty()) continue;  // nothing could be played
    const size_t all = suite.items.size(), there = seen(suite.items);
    out += fmt::format("{}: {} of {} seen, coverage {:.1f} %\n", suite.file, there, all,
                       100.0 * share_of(there, all));
    for (const auto& [what, item] : suite.items)
      if (!item.seen) out += fmt::format("  not seen: {}\n", what);
  }
  return out;
}

std::string mutation_lines(const TestReport& report) {
  std::string out;
  for (const auto& suite : report.mutation) {
    out += fmt::format("{}: {} of {} faults noticed, mutation score {:.1f} %, in {:.1f} s\n", suite.file,
                       suite.killed, suite.all(), 100.0 * share_of(suite.killed, suite.all()), suite.seconds);
    for (const auto& survivor : suite.survivors)
      out += fmt::format("  not noticed: {}{}\n    write {}\n", place(survivor.span), survivor.what,
                         survivor.hint);
  }
  return out;
}

std::string junit_xml(const TestReport& report) {
  std::string out = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n";
  for (size_t i = 0; i < report.results.size();) {
    size_t end = i, failures = 0, errors = 0;
    double seconds = 0;
    for (; end < report.results.size() && report.results[end].file == report.results[i].file; ++end) {
      const auto& r = report.results[end];
      seconds += r.seconds;
      errors += !r.problems.empty();
      failures += !r.passed && r.problems.empty();
    }
    out +=
        fmt::format("  <testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"{}\" time=\"{:.3f}\">\n",
                    markup(report.results[i].file), end - i, failures, errors, seconds);
    for (; i < end; ++i) {
      const auto& r = report.results[i];
      out += fmt::format("    <testcase classname=\"{}\" name=\"{}\" time=\"{:.3f}\"", markup(r.file),
                         markup(r.name), r.seconds);
      if (r.passed && r.warnings.empty() && !r.alarms) {
        out += "/>\n";
        continue;
      }
      out += ">\n";
      if (!r.problems.empty())
        out += fmt::format("      <error message=\"{}\">{}</error>\n", markup(r.problems.front().message),
                           markup(render(r.problems)));
      for (const auto& failure : r.failures)
        out += fmt::format("      <failure message=\"{}\">{}</failure>\n", markup(failure.what),
                           markup(whole(failure)));
      for (const auto& warning : r.warnings)
        out += fmt::format("      <system-out>warning: {}</system-out>\n", markup(warning));
      if (r.alarms)
        out +=
            fmt::format("      <system-out>{}</system-out>\n", markup(joined(alarm_table(*r.alarms), "\n")));
      out += "    </testcase>\n";
    }
    out += "  </testsuite>\n";
  }
  return out + "</testsuites>\n";
}

std::string test_json(const TestReport& report) {
  Json tests = Json::array();
  for (const auto& r : report.results) {
    Json failures = Json::array();
    for (const auto& failure : r.failures) {
      Json one{{"message", failure.what}, {"why", failure.why}};
      if (failure.span.source) {
        const auto at = line_column(*failure.span.source, failure.span.begin);
        one["file"] = path_of(r, failure.span);
        one["line"] = at.line;
        one["column"] = at.column;
      }
      failures.push_back(std::move(one));
    }
    Json test{{"file", r.file},           {"name", r.name},
              {"passed", r.passed},       {"seconds", r.seconds},
              {"decisions", r.decisions}, {"fingerprint", r.fingerprint},
              {"failures", failures},     {"warnings", r.warnings},
              {"seeds", r.seeds_run},     {"seeds_failed", r.seeds_failed}};
    if (r.alarms) test["alarms"] = alarm_json(*r.alarms);
    if (!r.problems.empty()) test["problems"] = render(r.problems);
    if (r.seeds_failed > 0) test["first_failing_seed"] = r.seed;
    tests.push_back(std::move(test));
  }
  Json all{{"passed", report.passed()}, {"seconds", report.seconds}, {"tests", tests}};
  if (!report.problems.empty()) all["problems"] = render(report.problems);
  for (const auto& suite : report.coverage) {
    Json missing = Json::array();
    for (const auto& [what, item] : suite.items)
      if (!item.seen) missing.push_back(what);
    all["coverage"].push_back({{"file", suite.file},
                               {"seen", seen(suite.items)},
                               {"all", suite.items.size()},
                               {"not_seen", missing}});
  }
  for (const auto& suite : report.mutation) {
    Json survivors = Json::array();
    for (const auto& s : suite.survivors)
      survivors.push_back({{"at", place(s.span)}, {"what", s.what}, {"hint", s.hint}});
    all["mutation"].push_back(
        {{"file", suite.file}, {"killed", suite.killed}, {"all", suite.all()}, {"survivors", survivors}});
  }
  return dump_json(all, 2) + '\n';
}

std::string github_annotations(const TestReport& report) {
  std::string out;
  for (const auto& r : report.results) {
    for (const auto& problem : r.problems) out += annotation("error", r, problem.span, problem.message);
    for (const auto& failure : r.failures) out += annotation("error", r, failure.span, whole(failure));
    for (const auto& warning : r.warnings) out += annotation("warning", r, r.span, warning);
    if (r.alarms) out += annotation("notice", r, r.span, joined(alarm_table(*r.alarms), "\n"));
  }
  for (const auto& problem : report.problems)
    out += annotation("error",
                      {.file = problem.span.source ? problem.span.source->name : ".", .name = "looptwin"},
                      problem.span, problem.message);
  return out;
}

}  // namespace looptwin::testbed
