#include <fmt/format.h>

#include <cstdio>

#include "base/text.h"
#include "mml/loop.h"
#include "testbed/assembly.h"
#include "testbed/commands.h"
#include "testbed/common_options.h"
#include "testbed/moment.h"
#include "testbed/replay/report.h"
#include "testbed/summary.h"

namespace looptwin::testbed {
namespace {

std::string number(uint64_t n) { return grouped(static_cast<long long>(n)); }

struct AskedReplay {
  std::string run, rules, until, format = "text";
  SettingOptions changes;
  OutOption out;
  int threads = 0;
  const Extensions* extensions = nullptr;
};

void print_inputs(const Replayed& replayed, bool other_rules) {
  const auto& inputs = replayed.inputs;
  print_row("taken in",
            fmt::format("{} messages at {} boundaries up to {}; people's actions {}", number(inputs.messages),
                        number(inputs.boundaries), to_string(replayed.last), number(inputs.actions)));
  if (!replayed.damage.empty()) print_row("torn", replayed.damage);
  if (!other_rules) return;
  print_row("open loop",
            fmt::format("{} commands went nowhere; of the acknowledgements {} answer one of them, "
                        "{} none and are ignored",
                        number(inputs.commands), number(inputs.acknowledgements),
                        number(inputs.foreign_acknowledgements)));
  if (inputs.foreign_actions > 0)
    print_row("", fmt::format("{} actions of people are on alarms that are not there, and are ignored",
                              number(inputs.foreign_actions)));
}

/// Whether the replay decided as the run did: by the fingerprint of all of it, or decision by decision.
Result<Exit> judge(const Recording& recording, const Replayed& replayed, TextPool& pool, bool told) {
  const auto fingerprint = replayed.assembly->loop().fingerprint();
  if (replayed.whole && fingerprint == recording.fingerprint) {
    if (told) fmt::print("same decisions as recorded: {}\n", fingerprint);
    return Exit::held;
  }
  auto recorded = read_decisions(recording.run, pool, replayed.after, replayed.last);
  if (!recorded) return tl::make_unexpected(std::move(recorded.error()));
  // What a killed run took in last may be on disk without what it made of it.
  DecisionRows rows = replayed.rows;
  const bool cut = recording.fingerprint.empty() && rows.size() > recorded->size();
  if (cut) rows.resize(recorded->size());
  const auto difference = compare(*recorded, rows, pool);
  const bool finished = replayed.whole && !recording.fingerprint.empty();
  if (difference.equal() && !finished) {
    const Time last = !cut ? replayed.last : recorded->empty() ? replayed.after : recorded->back().at;
    if (told)
      fmt::print("same decisions as recorded up to {}: {} of them\n", to_string(last),
                 number(recorded->size()));
    return Exit::held;
  }
  if (told)
    fmt::print("other decisions than recorded: {}, recorded {}\n{}", fingerprint, recording.fingerprint,
               difference_text({"recorded", "replayed", *recorded, rows, difference, {}, true}, pool, 10));
  return Exit::failed;
}

Exit replay_run(const AskedReplay& asked) {
  Time until = kNever;
  if (!asked.until.empty()) {
    auto moment = moment_of("--until", asked.until);
    if (!moment) return refuse(moment.error());
    until = *moment;
  }
  auto recording = open_recording(asked.run, asked.extensions);
  if (!recording) return refuse(recording.error());
  const OtherRules rules{asked.rules, asked.changes.settings()};
  const bool other_rules = !rules.file.empty() || !rules.settings.empty();
  ReplayOptions options{.rules = other_rules ? &rules : nullptr, .until = until};
  options.threads = asked.threads;
  options.out = asked.out.folder();
  TextPool pool;
  auto replayed = replay(*recording, options, pool);
  if (!replayed) return refuse(replayed.error());

  const bool told = asked.format == "text";
  const auto firings = firings_of(*replayed, pool);
  if (told) {
    fmt::print("{}: replayed {}\n", recording->scenario.name,
               other_rules ? "open loop, with other rules" : "with its own rules");
    print_inputs(*replayed, other_rules);
    std::fputs(firing_lines(firings, other_rules).c_str(), stdout);
    if (options.out) print_row("run folder", options.out->string());
    if (other_rules) print_row("fingerprint", replayed->assembly->loop().fingerprint());
  } else {
    std::fputs(firings_json(firings, *replayed, recording->fingerprint).c_str(), stdout);
  }
  if (other_rules) return Exit::held;
  const auto judged = judge(*recording, *replayed, pool, told);
  return judged ? *judged : refuse(judged.error());
}

}  // namespace

void add_replay_command(ArgumentParser& parser, const Extensions* extensions) {
  auto asked = std::make_shared<AskedReplay>();
  asked->extensions = extensions;
  const auto command = parser.subcommand("replay", "runs a recorded run's loop again on what it took in");
  command.option("RUN", asked->run, "a run's folder, written with input_log: true").required();
  command.option("--rules", asked->rules,
                 "a file or a scenario whose events, rules, alarms, derived and machines are used instead");
  command.key_values("--set", asked->changes.set,
                     "changes one value of the rules: events.hot.on_delay='2 min'");
  command.option("--until", asked->until, "how far after the run's start: '2 h'");
  command.option("--out", asked->out.out,
                 "writes what is decided into a new run folder; 'none' writes nothing, as without it");
  command.option("--threads", asked->threads, "0: as many as the machine has and the fleet has use for")
      .between(0, 1024);
  command.option("--format", asked->format, "text or json").one_of({"text", "json"});
  command.job([asked] { return replay_run(*asked); });
}

}  // namespace looptwin::testbed
