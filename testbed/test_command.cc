#include "testbed/test_command.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <fstream>
#include <map>
#include <memory>

#include "testbed/testing/test_reports.h"

namespace looptwin::testbed {
namespace {

struct Asked {
  TestRequest request;
  std::vector<std::string> paths;
  TestFormat format = TestFormat::text;
  std::string out;
};

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
  return text + test_summary(report);
}

Exit test(const Asked& asked) {
  const bool told = asked.format == TestFormat::text || !asked.out.empty();
  std::string file;
  const auto report = run_tests(asked.request, [&](const TestResult& result) {
    if (!told) return;
    std::fputs(test_lines(result, result.file != file).c_str(), stdout);
    std::fflush(stdout);
    file = result.file;
  });
  if (told) std::fputs(test_summary(report).c_str(), stdout);
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
  return unreadable ? Exit::bad_input : report.passed() ? Exit::held : Exit::failed;
}

}  // namespace

std::function<std::optional<Exit>()> add_test_command(CLI::App& app) {
  auto asked = std::make_shared<Asked>();
  auto* command = app.add_subcommand("test", "runs the tests of scenarios");
  command->add_option("PATH", asked->paths, "scenario folders, folders above them, or files with tests")
      ->required();
  command->add_option("--filter", asked->request.filter,
                      "only tests whose name holds this text, or matches this pattern");
  command->add_option("--jobs", asked->request.jobs, "tests at once; 0: as many as the machine has cores")
      ->check(CLI::Range(0, 1024));
  command
      ->add_option("--seeds", asked->request.seeds,
                   "of simulated tests: so many runs, each with a seed of its own")
      ->check(CLI::Range(1, 1'000'000));
  const std::map<std::string, TestFormat> formats{{"text", TestFormat::text},
                                                  {"junit", TestFormat::junit},
                                                  {"json", TestFormat::json},
                                                  {"github", TestFormat::github}};
  command->add_option("--format", asked->format, "text, junit (XML), json, or github (annotations)")
      ->transform(CLI::CheckedTransformer(formats, CLI::ignore_case));
  command->add_option("--out", asked->out, "writes the report to a file, and text to the terminal");
  return [asked, command]() -> std::optional<Exit> {
    if (!*command) return std::nullopt;
    asked->request.paths.assign(asked->paths.begin(), asked->paths.end());
    return test(*asked);
  };
}

}  // namespace looptwin::testbed
