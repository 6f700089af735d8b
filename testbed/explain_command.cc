#include "testbed/explain_command.h"

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>

#include "testbed/explain/explanation.h"
#include "testbed/moment.h"

namespace looptwin::testbed {
namespace {

struct ExplainOptions {
  std::string run, id, why_not, at, device;
  std::string format = "text";
  const Extensions* extensions = nullptr;
};

Exit explain(const ExplainOptions& asked) {
  Result<Explanation> told;
  if (!asked.why_not.empty()) {
    const auto at = moment_of("--at", asked.at);
    told = at ? explain_why_not(asked.run, asked.why_not, asked.device, *at, asked.extensions)
              : tl::make_unexpected(at.error());
  } else {
    told = asked.id.empty() ? list_decisions(asked.run)
                            : explain_decision(asked.run, asked.id, asked.extensions);
  }
  if (!told) {
    std::fputs(render(told.error()).c_str(), stderr);
    return Exit::bad_input;
  }
  if (asked.format == "json")
    std::fputs(json_of(*told).c_str(), stdout);
  else
    for (const auto& line : lines_of(*told)) std::printf("%s\n", line.c_str());
  return Exit::held;
}

}  // namespace

std::function<std::optional<Exit>()> add_explain_command(CLI::App& app, const Extensions* extensions) {
  auto asked = std::make_shared<ExplainOptions>();
  asked->extensions = extensions;
  auto* command = app.add_subcommand("explain", "shows why something happened in a run, or did not");
  command->add_option("RUN", asked->run, "a run's folder")->required();
  auto* id = command->add_option(
      "ID", asked->id,
      "of a decision, or its first digits; without it, events and alarms are listed with theirs");
  auto* why_not =
      command->add_option("--why-not", asked->why_not, "a rule, an event or an alarm that did not act");
  auto* at = command->add_option("--at", asked->at, "when: 14:03:20 from the start");
  auto* device = command->add_option("--device", asked->device, "on which device");
  command->add_option("--format", asked->format, "text or json")->check(CLI::IsMember({"text", "json"}));
  why_not->needs(at)->excludes(id);
  at->needs(why_not);
  device->needs(why_not);
  return [asked, command]() -> std::optional<Exit> {
    if (!*command) return std::nullopt;
    return explain(*asked);
  };
}

}  // namespace looptwin::testbed
