// Alarms in whole runs: what the script's people do with them, what delays and deadbands mean, what the run
// folder keeps, and that a run which is saved and restored anywhere goes on the same.
#include <fmt/format.h>
#include <catch2/catch.hpp>
#include <functional>
#include <string>
#include <vector>

#include "loading.h"
#include "mml/alarms.h"
#include "mml/loop.h"
#include "testbed/alarm_report.h"
#include "testbed/assembly.h"
#include "testbed/sim_transport.h"
#include "twin/warm/run_reader.h"

using namespace looptwin;
using namespace looptwin::testbed;
using namespace looptwin::testbed::test;

namespace {

using Lines = std::vector<std::string>;

/// One limit that people set, `level`, and one alarm about it with `keys`; more alarms after it.
FileTexts files(const std::string& keys, const std::string& script, const std::string& more = {}) {
  const std::string reasons =
      "    cause: \"{level}\"\n    consequence: It spills.\n    action: Open the drain.\n    respond_within: "
      "1 min\n";
  return {{"scenario.yaml", R"yaml(scenario: one-alarm
duration: 5 min
models: {tank: {parameters: {limit: {default: 50 kW}}}}
fleet: {tank: {}}
people: {anna: {roles: [shift_lead]}, ben: {}}
operator:
  level: {kind: limit, default: 0 kW}
  maintenance: {kind: selector, default: false}
alarms:
  high:
    raise: level > 50 kW
)yaml" + keys + reasons + more + "script:\n" +
                                script}};
}
std::string set(int at, const std::string& level) {
  return fmt::format("  - {{after: {} s, by: anna, set: {{level: {}}}}}\n", at, level);
}
std::string act(int at, const std::string& by, const std::string& what) {
  return fmt::format("  - {{after: {} s, by: {}, {}}}\n", at, by, what);
}

std::unique_ptr<Assembly> assemble(const FileTexts& texts, const std::optional<std::filesystem::path>& out) {
  auto assembly = Assembly::build(loaded(texts), {.threads = 1, .out = out});
  INFO((assembly ? std::string() : render(assembly.error())));
  REQUIRE(assembly.has_value());
  return std::move(*assembly);
}
void cycle(Assembly& a) { REQUIRE(a.loop().cycle(a.loop().now() + a.scenario().cycle, a.transport())); }

/// "12 alarm_raised high unacknowledged", a line a row of the journal; with person and text where there are
/// any.
Lines journal(const std::filesystem::path& folder) {
  auto run = twin::RunReader::open(folder);
  REQUIRE(run.has_value());
  const auto log = *run->log("alarm_journal");
  const auto at = std::get<std::vector<int64_t>>(*run->read_log(log, 0));
  const auto text = [&](size_t column) { return std::get<twin::Texts>(*run->read_log(log, column)); };
  const auto kind = text(1), alarm = text(2), state = text(7), person = text(9), said = text(10);
  Lines lines;
  for (size_t i = 0; i < at.size(); ++i) {
    lines.push_back(fmt::format("{} {} {} {}", at[i] / 1'000'000'000, kind[i].substr(6), alarm[i], state[i]));
    if (!person[i].empty()) lines.back() += fmt::format(" | {}: {}", person[i], said[i]);
  }
  return lines;
}

Lines run(const FileTexts& texts, Duration length = minutes(5)) {
  const Folder folder;
  auto a = assemble(texts, folder.path() / "run");
  while (a->loop().now() < kStart + length) cycle(*a);
  REQUIRE(a->finish("{}").has_value());
  return journal(folder.path() / "run");
}

}  // namespace

TEST_CASE("alarms in a run: an on-delay passes over what is shorter, and runs anew after each break") {
  CHECK(run(files("    on_delay: 5 s\n", set(10, "60 kW") + set(14, "0 kW") + set(20, "60 kW"))) ==
        Lines{"25 raised high unacknowledged", "85 late high unacknowledged"});
}

TEST_CASE("alarms in a run: an off-delay keeps what dips for less, and runs anew after each dip") {
  CHECK(run(files("    off_delay: 5 s\n",
                  set(10, "60 kW") + set(20, "0 kW") + set(24, "60 kW") + set(30, "0 kW"))) ==
        Lines{"10 raised high unacknowledged", "35 returned high returned"});
}

TEST_CASE("alarms in a run: a deadband works on the return only, and comes before the off-delay") {
  CHECK(run(files("    deadband: 10 kW\n    off_delay: 5 s\n",
                  set(10, "50 kW") + set(12, "51 kW") + set(20, "41 kW") + set(30, "40 kW"))) ==
        Lines{"12 raised high unacknowledged", "35 returned high returned"});
}

TEST_CASE("alarms in a run: people answer, hide and reset, and the journal says who and why") {
  CHECK(run(files("    latched: true\n    role: shift_lead\n    longest_shelving: 30 s\n",
                  set(10, "60 kW") + act(15, "ben", "acknowledge: high") +
                      act(20, "ben", "shelve: high, for: 10 s, comment: noisy") +
                      act(21, "anna", "shelve: high, for: 31 s, comment: noisy") +
                      act(22, "anna", "shelve: high, for: 10 s, comment: noisy") +
                      act(40, "ben", "acknowledge: high") + act(45, "anna", "reset: high") + set(50, "0 kW") +
                      act(55, "anna", "comment_on: high, comment: drained") +
                      act(60, "anna", "reset: high"))) ==
        Lines{"10 raised high unacknowledged", "15 acknowledged high acknowledged | ben: ",
              "20 refused high acknowledged | ben: shelve: ben does not have the role shift_lead",
              "21 refused high acknowledged | anna: shelve: it may be shelved for 30 s at the most",
              "22 shelved high shelved | anna: noisy", "32 unshelved high unacknowledged",
              "32 shown high unacknowledged", "40 acknowledged high acknowledged | ben: ",
              "45 refused high acknowledged | anna: reset: its condition still stands",
              "50 returned high latched", "55 commented high latched | anna: drained",
              "60 reset high normal | anna: "});
}

TEST_CASE("alarms in a run: suppressed by design while an expression holds") {
  CHECK(run(files("    suppressed_while: maintenance\n",
                  act(5, "anna", "set: {maintenance: true}") + set(10, "60 kW") +
                      act(20, "anna", "set: {maintenance: false}") + set(30, "0 kW") +
                      act(40, "ben", "acknowledge: high") + set(50, "60 kW") +
                      act(60, "anna", "set: {maintenance: true}"))) ==
        Lines{"5 suppressed high suppressed", "10 raised high suppressed",
              "20 unsuppressed high unacknowledged", "20 shown high unacknowledged",
              "30 returned high returned", "40 acknowledged high normal | ben: ",
              "50 raised high unacknowledged", "60 suppressed high suppressed"});
}

TEST_CASE("alarms in a run: what rises together with what suppresses it is not shown") {
  const auto lines = run(
      files("    suppressed_while: maintenance\n", act(5, "anna", "set: {maintenance: true, level: 60 kW}")));
  CHECK(lines == Lines{"5 suppressed high suppressed", "5 raised high suppressed"});
}

TEST_CASE("alarms in a run: late is late once, escalates, and a repetition asks again") {
  const auto lines = run(files("    realarm: 100 s\n    escalate_to: high\n",
                               set(10, "60 kW") + act(90, "ben", "acknowledge: high")),
                         seconds(180));
  CHECK(lines == Lines{"10 raised high unacknowledged", "70 late high unacknowledged",
                       "90 acknowledged high acknowledged | ben: ", "110 repeated high unacknowledged",
                       "170 late high unacknowledged"});
}

TEST_CASE("alarms in a run: the figures of the run are those of its folder's journal") {
  std::string script;
  for (int i = 0; i < 15; ++i) script += set(10 + 12 * i, "60 kW") + set(16 + 12 * i, "0 kW");
  script += act(12, "ben", "acknowledge: high") + act(30, "anna", "shelve: high, for: 20 s, comment: x") +
            act(31, "anna", "unsuppress: high");
  const Folder folder;
  auto a = assemble(files("", script), folder.path() / "run");
  while (a->loop().now() < kStart + minutes(5)) cycle(*a);
  REQUIRE(a->finish("{}").has_value());
  auto reader = twin::RunReader::open(folder.path() / "run");
  REQUIRE(reader.has_value());
  const auto kept = read_alarm_journal(*reader);
  REQUIRE((kept.has_value() && kept->has_value()));
  const auto& there = (*kept)->report;
  const auto here = a->alarms().figures().report(kStart + minutes(5));
  CHECK(here.annunciated == 14);  // two of fifteen came while it was shelved; one of them outlasted that
  CHECK(there.annunciated == here.annunciated);
  CHECK(there.hidden == here.hidden);
  CHECK(there.chattering == 1);
  CHECK(there.fleeting == here.fleeting);
  CHECK(there.refused == 1);
  CHECK(there.to_acknowledge_mean == seconds(2));
  CHECK((*kept)->name(there.top.at(0).first).find("high on ") == 0);
  CHECK(there.length == here.length);
  CHECK(there.hours_above == here.hours_above);
  const auto lines = alarm_lines(there);
  const auto line =
      std::find_if(lines.begin(), lines.end(), [](const auto& l) { return l.what == "chattering"; });
  REQUIRE(line != lines.end());
  CHECK_FALSE(line->kept);
  CHECK(line->held == "none (ISA-18.2, IEC 62682)");
}

TEST_CASE("alarms in a run: what the alarm will refuse to the script whatever happens is a warning") {
  const auto warnings = [](const std::string& entry) {
    const auto keys = "    role: shift_lead\n    longest_shelving: 30 s\n";
    auto text = in_short(assemble(files(keys, act(10, "ben", entry)), {})->warnings());
    const auto begin = text.find(": ");
    return text.empty() ? text : text.substr(begin + 2, text.find(" [") - begin - 2);
  };
  CHECK(warnings("suppress: high, comment: x") ==
        "suppress 'high' will be refused: ben does not have the role 'shift_lead'");
  CHECK(warnings("acknowledge: high").empty());
  const auto anna = [](const std::string& entry) {
    return in_short(assemble(files("    longest_shelving: 30 s\n", act(10, "anna", entry)), {})->warnings());
  };
  CHECK(anna("shelve: high, for: 20 s").find("shelve 'high' will be refused: it needs a comment [") !=
        std::string::npos);
  CHECK(anna("suppress: high, comment: \" \"").find("it needs a comment") != std::string::npos);
  CHECK(anna("unsuppress: high").empty());
  CHECK(anna("in_service: high").empty());
  CHECK(anna("confirm: high").find("confirm 'high' will be refused: it needs no confirmation [") !=
        std::string::npos);
  CHECK(anna("reset: high").find("reset 'high' will be refused: it is not latched [") != std::string::npos);
  CHECK(anna("shelve: high, for: 31 s, comment: x").find("it may be shelved for 30 s at the most") !=
        std::string::npos);
  CHECK(anna("shelve: high, for: 30 s, comment: x").empty());
}

TEST_CASE("alarms in a run: only what ends by itself has a length") {
  CHECK(problems(files("", act(10, "anna", "suppress: high, for: 2 h, comment: x")))
            .find("nothing in this entry has a length [remove 'for'") != std::string::npos);
  CHECK(problems(files("", act(10, "anna", "shelve: high, for: 2 h, comment: x"))).empty());
}

TEST_CASE("alarms in a run: the log of alarms says what hid the ones that nobody saw") {
  const Folder folder;
  auto a = assemble(files("", act(5, "anna", "suppress: high, comment: x") + set(10, "60 kW") +
                                  set(20, "0 kW") + act(30, "anna", "unsuppress: high") + set(40, "60 kW")),
                    folder.path() / "run");
  while (a->loop().now() < kStart + minutes(1)) cycle(*a);
  REQUIRE(a->finish("{}").has_value());
  auto run = twin::RunReader::open(folder.path() / "run");
  REQUIRE(run.has_value());
  const auto state = std::get<twin::Texts>(*run->read_log(*run->log("alarms"), 10));
  REQUIRE(state.size() == 2);
  CHECK(state[0] == "suppressed");
  CHECK(state[1] == "unacknowledged");
}

TEST_CASE("alarms in a run: saved and restored after every cycle, it goes on the same") {
  const std::string flood =
      "  many:\n    flood: {of: [high, other], more_than: 2, within: 40 s, ends_below: 2}\n    cause: Many.\n"
      "    consequence: Some are overlooked.\n    action: Call help.\n    respond_within: 5 min\n"
      "  other:\n    raise: level > 55 kW\n    confirm: true\n    cause: x\n    consequence: y\n    action: "
      "z\n"
      "    respond_within: 20 s\n    escalate_to: urgent\n";
  std::string script;
  for (int i = 0; i < 6; ++i) script += set(10 + 12 * i, "60 kW") + set(16 + 12 * i, "0 kW");
  script += act(12, "ben", "acknowledge: other") + act(13, "ben", "confirm: other") + set(120, "60 kW") +
            act(130, "anna", "shelve: other, for: 30 s, comment: x") +
            act(131, "anna", "out_of_service: high, comment: pump is out") +
            act(170, "anna", "in_service: high");
  const auto texts = files("    realarm: 50 s\n    latched: true\n", script, flood);
  auto whole = assemble(texts, {}), parts = assemble(texts, {});
  while (whole->loop().now() < kStart + minutes(4)) {
    cycle(*whole);
    ArchiveWriter archive;
    parts->save(archive);
    parts = assemble(texts, {});
    ArchiveReader reader(archive.bytes());
    parts->restore(reader);
    REQUIRE((reader.ok() && reader.at_end()));
    cycle(*parts);
    CAPTURE(to_string(whole->loop().now()));
    REQUIRE(parts->loop().fingerprint() == whole->loop().fingerprint());
  }
  const auto a = whole->alarms().figures().report(whole->loop().now());
  const auto b = parts->alarms().figures().report(whole->loop().now());
  CHECK(a.hidden > 0);
  CHECK(a.late > 0);
  CHECK(a.repeated > 0);
  CHECK(a.annunciated == b.annunciated);
  CHECK(a.late == b.late);
  CHECK(a.out_of_service == 1);
}
