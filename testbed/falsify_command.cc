#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <memory>

#include "base/text.h"
#include "testbed/commands.h"
#include "testbed/common_options.h"
#include "testbed/falsify/campaign_report.h"
#include "testbed/falsify/found_test.h"
#include "testbed/run_folder.h"
#include "testbed/terminal_line.h"

namespace looptwin::testbed {
namespace {

enum class Shown : uint8_t { text, json };

struct FalsifyOptions {
  CampaignRequest request;
  SettingOptions changes;
  std::string write;
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

void add_falsify_command(ArgumentParser& parser, const Extensions* extensions) {
  auto asked = std::make_shared<FalsifyOptions>();
  asked->request.extensions = extensions;
  auto& request = asked->request;
  const auto command =
      parser.subcommand("falsify", "searches for a run that violates a requirement, within `search:`");
  command.option("SCENARIO", request.scenario, "a scenario's folder, or its scenario.yaml").required();
  command.key_values("--set", asked->changes.set, "changes one value, of all runs");
  command.option("--seed", asked->changes.seed, "the seed of the runs and of the search");
  command.option("--duration", asked->changes.duration, "how long to simulate: '6 h'");
  command.option("--requirement", request.requirements,
                 "only requirements of this name, or that match this pattern");
  command.option("--runs", request.runs, "simulations of a search, at the most")
      .between(1, 100'000'000)
      .show_default();
  command.choice("--method", request.method,
                 {{"guided", SearchMethod::guided}, {"uniform", SearchMethod::uniform}},
                 "guided (by how near runs come to a violation) or uniform (draws)");
  command
      .option("--shrink", request.shrink_runs, "simulations to make a violation small, at the most; 0: none")
      .between(0, 1'000'000)
      .show_default();
  command
      .option("--repeats", request.repeats,
              "searches so often with other draws, to measure how many runs they need; nothing is made small")
      .between(1, 100'000);
  command.option("--jobs", request.jobs, "simulations at once; 0: as many as the machine has cores")
      .between(0, 1024);
  const auto write = command
                         .option("--write", asked->write,
                                 "adds what was found as tests to this file (tests.yaml beside the scenario)")
                         .values(0, 1);
  command.choice("--format", asked->shown, {{"text", Shown::text}, {"json", Shown::json}}, "text or json");
  command.job([write, asked] {
    asked->request.settings = asked->changes.settings();
    return falsify_scenario(*asked, write.given());
  });
}

}  // namespace looptwin::testbed
