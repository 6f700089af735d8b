#include <fmt/format.h>

#include <cstdio>

#include "testbed/commands.h"
#include "testbed/options.h"
#include "testbed/replay/report.h"

namespace looptwin::testbed {
namespace {

struct DiffOptions {
  std::vector<std::string> runs, rules;
  std::string format = "text";
  size_t show = 20;
  const Extensions* extensions = nullptr;
};

Exit tell(const DiffOptions& asked, const DifferenceReport& report, const TextPool& pool) {
  const auto text =
      asked.format == "json" ? difference_json(report, pool) : difference_text(report, pool, asked.show);
  std::fputs(text.c_str(), stdout);
  return report.difference.equal() ? Exit::held : Exit::failed;
}

Exit diff_runs(const DiffOptions& asked) {
  const bool json = asked.format == "json";
  const auto told = difference_of_runs(asked.runs[0], asked.runs[1],
                                       {json ? std::nullopt : std::optional(asked.show), json});
  if (!told) return refuse(told.error());
  std::fputs((json ? told->json : told->text).c_str(), stdout);
  return told->equal ? Exit::held : Exit::failed;
}

/// One recording: with its own rules or those given first, against those given last.
Exit diff_rules(const DiffOptions& asked) {
  auto recording = open_recording(asked.runs[0], asked.extensions);
  if (!recording) return refuse(recording.error());
  TextPool pool;
  std::vector<DecisionRows> rows;
  std::vector<std::string> of;
  Time last = kNever;
  for (const auto& file : asked.rules) {
    const OtherRules rules{file, {}};
    auto replayed = replay(*recording, {.rules = &rules}, pool);
    if (!replayed) return refuse(replayed.error());
    last = replayed->last;
    rows.push_back(std::move(replayed->rows));
    of.push_back(file + " on " + recording->run.string());
  }
  if (asked.rules.size() == 1) {
    // Of a run that was killed its log of decisions may be longer than its input log.
    auto recorded = read_decisions(recording->run, pool, kLongAgo, last);
    if (!recorded) return refuse(recorded.error());
    rows.insert(rows.begin(), std::move(*recorded));
    of.insert(of.begin(), recording->run.string() + " as recorded");
  }
  const auto difference = compare(rows[0], rows[1], pool);
  return tell(asked, {of[0], of[1], rows[0], rows[1], difference, {}, true}, pool);
}

}  // namespace

void add_diff_command(ArgumentParser& parser, const Extensions* extensions) {
  auto asked = std::make_shared<DiffOptions>();
  asked->extensions = extensions;
  const auto command =
      parser.subcommand("diff", "compares what two runs, or two sets of rules on one, decided");
  command.option("RUN", asked->runs, "two run folders; or one, with --rules").required().values(1, 2);
  command
      .option("--rules", asked->rules,
              "rules to replay the run with: given once, against its own; given twice, against each other")
      .one_value_each();
  command.option("--format", asked->format, "text or json").one_of({"text", "json"});
  command.option("--show", asked->show, "how many differences the text lists");
  command.job([asked] {
    if (asked->rules.empty() ? asked->runs.size() != 2 : asked->runs.size() != 1 || asked->rules.size() > 2)
      refuse_use("diff", "give two RUNs, or one RUN and --rules once or twice");
    return asked->rules.empty() ? diff_runs(*asked) : diff_rules(*asked);
  });
}

}  // namespace looptwin::testbed
