#include <cstdio>
#include <memory>

#include "testbed/commands.h"
#include "testbed/explain/explanation.h"
#include "testbed/moment.h"
#include "testbed/options.h"

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

void add_explain_command(ArgumentParser& parser, const Extensions* extensions) {
  auto asked = std::make_shared<ExplainOptions>();
  asked->extensions = extensions;
  const auto command = parser.subcommand("explain", "shows why something happened in a run, or did not");
  command.option("RUN", asked->run, "a run's folder").required();
  const auto id = command.option(
      "ID", asked->id,
      "of a decision, or its first digits; without it, events and alarms are listed with theirs");
  const auto why_not =
      command.option("--why-not", asked->why_not, "a rule, an event or an alarm that did not act");
  const auto at = command.option("--at", asked->at, "when: 14:03:20 from the start");
  const auto device = command.option("--device", asked->device, "on which device");
  command.option("--format", asked->format, "text or json").one_of({"text", "json"});
  why_not.needs(at).excludes(id);
  at.needs(why_not);
  device.needs(why_not);
  command.job([asked] { return explain(*asked); });
}

}  // namespace looptwin::testbed
