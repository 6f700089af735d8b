#include "testbed/falsify_command.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <map>
#include <memory>

#include "base/text.h"
#include "testbed/falsify/campaign_report.h"
#include "testbed/falsify/found_test.h"
#include "testbed/run_folder.h"
#include "testbed/settings_option.h"
#include "testbed/terminal_line.h"

namespace looptwin::testbed {
namespace {

enum class Shown : uint8_t { text, json };

struct FalsifyOptions {
  CampaignRequest request;
  std::vector<std::string> set;
  std::string seed, duration, write;
  Shown shown = Shown::text;
};

/// What was found as tests, in the file that was asked for.
Result<void> write_tests(const FalsifyOptions& asked, const Campaign& campaign) {
  std::vector<FoundTest> tests;
  for (const auto& result : campaign.results) {
    if (!result.violated()) continue;
    FoundTest test{fmt::format("{}, which falsify broke", result.requirement), result.requirement,
                   asked.request.settings};
    for (auto& setting : what_differs(campaign, result)) {
      std::erase_if(test.settings, [&](const auto& s) { return s.path == setting.path; });
      test.settings.push_back(std::move(setting));
    }
    tests.push_back(std::move(test));
  }
  if (tests.empty()) return {};
  const auto file =
      asked.write.empty() ? campaign.scenario.folder / "tests.yaml" : std::filesystem::path(asked.write);
  auto names = add_tests(file, std::move(tests));
  if (!names) return tl::make_unexpected(std::move(names.error()));
  for (const auto& name : *names)
    std::fprintf(stderr, "%s: added the test '%s'\n", file.c_str(), name.c_str());
  return {};
}

Exit falsify_scenario(const FalsifyOptions& asked, bool writes) {
  const bool text = asked.shown == Shown::text, repeated = asked.request.repeats > 1;
  bool begun = false;
  TerminalLine line(text);
  auto request = asked.request;
  request.stop = &stop_asked();
  request.progress = [&](const std::string& requirement, const SearchOutcome& so_far) {
    if (line.due())
      line.draw(fmt::format("{}: {} of {} runs, the nearest by {:.4g}", requirement, so_far.runs,
                            request.runs, so_far.result.robustness));
  };
  stop_on_signals();
  const auto campaign = falsify(request, [&](const Campaign& all, const Falsified& result) {
    line.clear();
    if (!text) return;
    if (repeated && !begun) std::fputs(repeats_head().c_str(), stdout);
    begun = true;
    std::fputs((repeated ? repeats_row(result) : falsified_lines(all, result)).c_str(), stdout);
    std::fflush(stdout);
  });
  line.clear();
  if (!campaign) return refuse(campaign.error());
  std::fputs((text ? campaign_summary(*campaign) : campaign_json(*campaign)).c_str(), stdout);
  if (writes)
    if (auto written = write_tests(asked, *campaign); !written) return refuse(written.error());
  const bool violated = std::any_of(campaign->results.begin(), campaign->results.end(),
                                    [](const auto& r) { return r.violated(); });
  return violated || campaign->stopped ? Exit::failed : Exit::held;
}

}  // namespace

std::function<std::optional<Exit>()> add_falsify_command(CLI::App& app, const Extensions* extensions) {
  auto asked = std::make_shared<FalsifyOptions>();
  asked->request.extensions = extensions;
  auto& request = asked->request;
  auto* command =
      app.add_subcommand("falsify", "searches for a run that violates a requirement, within `search:`");
  command->add_option("SCENARIO", request.scenario, "a scenario's folder, or its scenario.yaml")->required();
  command->add_option("--set", asked->set, "changes one value, of all runs")->type_name("KEY=VALUE");
  command->add_option("--seed", asked->seed, "the seed of the runs and of the search");
  command->add_option("--duration", asked->duration, "how long to simulate: '6 h'");
  command->add_option("--requirement", request.requirements,
                      "only requirements of this name, or that match this pattern");
  command->add_option("--runs", request.runs, "simulations of a search, at the most")
      ->check(CLI::Range(1, 100'000'000))
      ->capture_default_str();
  const std::map<std::string, SearchMethod> methods{{"guided", SearchMethod::guided},
                                                    {"uniform", SearchMethod::uniform}};
  command
      ->add_option("--method", request.method,
                   "guided (by how near runs come to a violation) or uniform (draws)")
      ->transform(CLI::CheckedTransformer(methods, CLI::ignore_case));
  command
      ->add_option("--shrink", request.shrink_runs,
                   "simulations to make a violation small, at the most; 0: none")
      ->check(CLI::Range(0, 1'000'000))
      ->capture_default_str();
  command
      ->add_option(
          "--repeats", request.repeats,
          "searches so often with other draws, to measure how many runs they need; nothing is made small")
      ->check(CLI::Range(1, 100'000));
  command->add_option("--jobs", request.jobs, "simulations at once; 0: as many as the machine has cores")
      ->check(CLI::Range(0, 1024));
  auto* write = command->add_option(
      "--write", asked->write, "adds what was found as tests to this file (tests.yaml beside the scenario)");
  write->expected(0, 1);
  const std::map<std::string, Shown> shown{{"text", Shown::text}, {"json", Shown::json}};
  command->add_option("--format", asked->shown, "text or json")
      ->transform(CLI::CheckedTransformer(shown, CLI::ignore_case));
  return [command, write, asked]() -> std::optional<Exit> {
    if (!*command) return std::nullopt;
    asked->request.settings = settings_of(asked->set);
    if (!asked->seed.empty()) asked->request.settings.push_back({"seed", asked->seed});
    if (!asked->duration.empty()) asked->request.settings.push_back({"duration", asked->duration});
    return falsify_scenario(*asked, write->count() > 0);
  };
}

}  // namespace looptwin::testbed
