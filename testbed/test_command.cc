#include <algorithm>
#include <cstdio>
#include <fstream>
#include <memory>

#include "testbed/commands.h"
#include "testbed/options.h"
#include "testbed/testing/test_reports.h"

namespace looptwin::testbed {
namespace {

struct TestOptions {
  TestRequest request;
  std::vector<std::string> paths;
  TestFormat format = TestFormat::text;
  std::string out;
  std::optional<double> least_coverage, least_mutation;  ///< in percent
};

/// Whether the gates are passed; says which are not.
bool enough(const TestOptions& asked, const TestReport& report) {
  bool good = true;
  for (const auto& suite : report.coverage) {
    const double is = suite.items.empty() ? 0 : 100 * share_of(seen(suite.items), suite.items.size());
    if (!asked.least_coverage || is >= *asked.least_coverage) continue;
    std::fprintf(stderr, "%s: coverage is %.1f %%, below --min-coverage %g\n", suite.file.c_str(), is,
                 *asked.least_coverage);
    good = false;
  }
  for (const auto& suite : report.mutation) {
    const double is = suite.all() == 0 ? 0 : 100 * share_of(suite.killed, suite.all());
    if (!asked.least_mutation || is >= *asked.least_mutation) continue;
    std::fprintf(stderr, "%s: the mutation score is %.1f %%, below --min-mutation %g\n", suite.file.c_str(),
                 is, *asked.least_mutation);
    good = false;
  }
  return good;
}

std::string formatted(const TestReport& report, TestFormat format) {
  switch (format) {
    case TestFormat::junit:
      return junit_xml(report);
    case TestFormat::json:
      return test_json(report);
    case TestFormat::github:
      return github_annotations(report);
    case TestFormat::text:
      break;
  }
  std::string text, file;
  for (const auto& result : report.results) {
    text += test_lines(result, result.file != file);
    file = result.file;
  }
  return text + test_summary(report) + coverage_lines(report) + mutation_lines(report);
}

Exit test(const TestOptions& asked) {
  const bool told = asked.format == TestFormat::text || !asked.out.empty();
  std::string file;
  const auto report = run_tests(asked.request, [&](const TestResult& result) {
    if (!told) return;
    std::fputs(test_lines(result, result.file != file).c_str(), stdout);
    std::fflush(stdout);
    file = result.file;
  });
  if (told)
    std::fputs((test_summary(report) + coverage_lines(report) + mutation_lines(report)).c_str(), stdout);
  if (!asked.out.empty()) {
    std::ofstream to(asked.out);
    to << formatted(report, asked.format);
    if (!to.flush()) {
      std::fprintf(stderr, "error: cannot write %s\n", asked.out.c_str());
      return Exit::bad_input;
    }
  } else if (!told) {
    std::fputs(formatted(report, asked.format).c_str(), stdout);
  }
  const bool unreadable =
      !report.problems.empty() || std::any_of(report.results.begin(), report.results.end(),
                                              [](const auto& r) { return !r.problems.empty(); });
  return unreadable ? Exit::bad_input : report.passed() && enough(asked, report) ? Exit::held : Exit::failed;
}

}  // namespace

void add_test_command(ArgumentParser& parser, const Extensions* extensions) {
  auto asked = std::make_shared<TestOptions>();
  asked->request.extensions = extensions;
  const auto command = parser.subcommand("test", "runs the tests of scenarios");
  command.option("PATH", asked->paths, "scenario folders, folders above them, or files with tests")
      .required();
  command.option("--filter", asked->request.filter,
                 "only tests whose name holds this text, or matches this pattern");
  command.option("--jobs", asked->request.jobs, "tests at once; 0: as many as the machine has cores")
      .between(0, 1024);
  command
      .option("--seeds", asked->request.seeds,
              "of simulated tests: so many runs, each with a seed of its own")
      .between(1, 1'000'000);
  command.choice("--format", asked->format,
                 {{"text", TestFormat::text},
                  {"junit", TestFormat::junit},
                  {"json", TestFormat::json},
                  {"github", TestFormat::github}},
                 "text, junit (XML), json, or github (annotations)");
  command.flag("--show", asked->request.show, "shows the decisions of each test");
  command.flag("--update", asked->request.update, "writes the files of decisions that tests name anew");
  command.flag("--coverage", asked->request.coverage, "shows what of the rules the tests have seen at work");
  command.flag("--mutation", asked->request.mutation,
               "puts small faults into the rules, and shows which the tests do not notice");
  command.option("--min-coverage", asked->least_coverage, "fails below so many percent").between(0.0, 100.0);
  command.option("--min-mutation", asked->least_mutation, "fails below so many percent").between(0.0, 100.0);
  command.option("--out", asked->out, "writes the report to a file, and text to the terminal");
  command.job([asked] {
    asked->request.coverage |= asked->least_coverage.has_value();
    asked->request.mutation |= asked->least_mutation.has_value();
    asked->request.paths.assign(asked->paths.begin(), asked->paths.end());
    return test(*asked);
  });
}

}  // namespace looptwin::testbed
