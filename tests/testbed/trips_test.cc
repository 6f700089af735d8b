// Events that latch, are bypassed, and say which came first, in whole runs.
#include <fmt/format.h>
#include <catch2/catch.hpp>

#include "decisions.h"
#include "loading.h"
#include "mml/alarms.h"
#include "mml/events.h"
#include "mml/loop.h"
#include "testbed/assembly.h"
#include "testbed/sim_transport.h"
#include "twin/warm/run_reader.h"

using namespace looptwin;
using namespace looptwin::testbed;
using namespace looptwin::testbed::test;

namespace {

using Lines = std::vector<std::string>;

std::string compressors() { return scenario_of("trips.md"); }

/// Two limits that people set, on one tank, and two events about them in one group.
std::string tanks(const std::string& high, const std::string& low, const std::string& more,
                  const std::string& script) {
  return R"yaml(scenario: tanks
duration: 5 min
models: {tank: {}}
fleet: {tank: {}}
people: {anna: {}}
operator:
  level: {kind: limit, each: tank, default: 0 m}
  flow: {kind: limit, each: tank, default: 9 kg/s}
  reset: {kind: button, each: tank}
events:
  high:
    each: tank
    raise: level > 5 m
    first_out: trip
)yaml" + high +
         "  low:\n    each: tank\n    raise: flow < 5 kg/s\n    first_out: trip\n" + low + more +
         "script:\n" + script;
}
std::string act(int at, const std::string& what) {
  return fmt::format("  - {{after: {} s, by: anna, device: \"**\", {}}}\n", at, what);
}

std::string refused(const std::string& text) {
  const Folder folder({{"scenario.yaml", text}});
  const auto scenario = load(folder.path());
  if (!scenario) return in_short(scenario.error());
  const auto built = Assembly::build(*scenario);
  return built ? std::string() : in_short(built.error());
}
std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const auto at = text.find(from);
  INFO(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

std::unique_ptr<Assembly> assemble(const std::string& text, int threads = 1,
                                   const std::optional<std::filesystem::path>& out = {}) {
  auto assembly = Assembly::build(loaded({{"scenario.yaml", text}}), {.threads = threads, .out = out});
  INFO((assembly ? std::string() : render(assembly.error())));
  REQUIRE(assembly.has_value());
  return std::move(*assembly);
}

void run_to(Assembly& a, Duration end) {
  while (a.loop().now() < kStart + end)
    REQUIRE(a.loop().cycle(a.loop().now() + a.scenario().cycle, a.transport()));
}

/// "22 event_raised discharge_high", a line a decision about one of the page's or the tank's events on
/// `device`; a first-out with its group.
Lines events(const std::filesystem::path& run, const std::string& device) {
  Lines lines;
  for (const auto& d : decisions_about(
           run, {"discharge_high", "oil_low", "tripped", "high", "low", "hot", "by_low", "new"})) {
    if (d.device != device || d.kind.starts_with("alarm_")) continue;
    lines.push_back(fmt::format("{} {} {}", d.at.seconds(), d.kind, d.subject));
    if (!d.quantity.empty()) lines.back() += fmt::format(" {}", d.quantity);
  }
  return lines;
}

/// "22 alarm_raised compressor_tripped compressor-1 unacknowledged tripped_by"
Lines journal(twin::RunReader& run) {
  const auto at = std::get<std::vector<int64_t>>(*run.read_log(*run.log("alarm_journal"), 0));
  const auto text = [&](size_t column) { return texts(run, "alarm_journal", column); };
  const auto kind = text(1), alarm = text(2), device = text(3), state = text(7), group = text(12);
  Lines lines;
  for (size_t i = 0; i < at.size(); ++i)
    lines.push_back(
        fmt::format("{} {} {} {} {}", at[i] / 1'000'000'000, kind[i], alarm[i], state[i], group[i]));
  return lines;
}

struct Ran {
  Lines events, journal;
  twin::Texts causes;
};
Ran ran(const std::string& text, Duration length, const std::string& device = "tank-1") {
  const Folder folder;
  auto a = assemble(text, 1, folder.path() / "run");
  run_to(*a, length);
  REQUIRE(a->finish("{}").has_value());
  auto run = twin::RunReader::open(folder.path() / "run");
  REQUIRE(run.has_value());
  return {events(folder.path() / "run", device), journal(*run), texts(*run, "alarms", 6)};
}

}  // namespace

TEST_CASE("trips: what the page tells comes about: latched, withheld, refused, first out") {
  const Folder folder;
  auto a = assemble(compressors(), 1, folder.path() / "run");
  run_to(*a, a->scenario().duration);
  CHECK(a->events().counters().bypasses == 2);
  CHECK(a->events().counters().withheld == 1);
  CHECK(a->events().counters().refused_resets == 5);
  CHECK(a->events().waiting().bypassed == 1);
  CHECK(a->events().waiting().oldest_since == kStart + seconds(53));
  REQUIRE(a->finish("{}").has_value());
  auto run = twin::RunReader::open(folder.path() / "run");
  REQUIRE(run.has_value());
  CHECK(events(folder.path() / "run", "compressor-1") ==
        Lines{"22 event_raised discharge_high", "22 first_out discharge_high tripped_by",
              "22 event_raised tripped", "23 event_raised oil_low", "40 reset_refused discharge_high",
              "40 reset_refused oil_low", "53 bypass_begun oil_low", "55 event_latched discharge_high",
              "80 event_cleared discharge_high", "80 reset_refused oil_low", "90 event_latched oil_low",
              "100 event_cleared oil_low", "100 event_cleared tripped"});
  CHECK(events(folder.path() / "run", "compressor-2") ==
        Lines{"10 bypass_begun oil_low", "22 event_raised discharge_high",
              "22 first_out discharge_high tripped_by", "22 event_raised tripped",
              "23 event_withheld oil_low", "40 reset_refused discharge_high",
              "55 event_latched discharge_high", "70 bypass_ended oil_low", "70 event_raised oil_low",
              "80 event_cleared discharge_high", "80 reset_refused oil_low", "90 event_latched oil_low",
              "100 event_cleared oil_low", "100 event_cleared tripped"});
  const auto causes = texts(*run, "alarms", 6);
  REQUIRE(causes.size() == 4);
  CHECK(causes[0] == "It was stopped by discharge_high: discharge 62.0 bar, oil 3.0 bar.");
}

TEST_CASE("trips: lazily or fully evaluated, on one thread or two, the same is decided") {
  const auto text = replaced(compressors(), "{count: 2,", "{count: 20000,");
  const auto lazy = assemble(text);
  const auto full = assemble(text, 2);
  full->loop().evaluate_everything(true);
  run_to(*lazy, seconds(110));
  run_to(*full, seconds(110));
  CHECK(lazy->loop().decisions() > 20000);
  CHECK(lazy->loop().fingerprint() == full->loop().fingerprint());
}

TEST_CASE("trips: saved and restored at every boundary, a trip goes on as if nothing had happened") {
  const auto straight = assemble(compressors());
  auto broken = assemble(compressors());
  while (straight->loop().now() < kStart + straight->scenario().duration) {
    run_to(*straight, straight->loop().now() + seconds(1) - kStart);
    run_to(*broken, straight->loop().now() - kStart);
    ArchiveWriter saved;
    broken->save(saved);
    broken = assemble(compressors());
    ArchiveReader reader(saved.bytes());
    broken->restore(reader);
    REQUIRE((reader.ok() && reader.at_end()));
    REQUIRE(broken->loop().fingerprint() == straight->loop().fingerprint());
  }
  CHECK(broken->events().counters().refused_resets == 5);
  CHECK(broken->alarms().latest().front().first_out.empty());
}

TEST_CASE("first-out: at one boundary the delay that ended first, then the order of the files") {
  const auto first_outs = [](const std::string& high, const std::string& low, const std::string& script) {
    Lines lines;
    for (const auto& line : ran(tanks(high, low, {}, script), seconds(20)).events)
      if (line.find("first_out") != std::string::npos) lines.push_back(line);
    return lines;
  };
  const auto both = act(5, "set: {level: 6 m, flow: 1 kg/s}");
  CHECK(first_outs({}, {}, both) == Lines{"5 first_out high trip"});
  CHECK(first_outs("    on_delay: 1500 ms\n", "    on_delay: 1200 ms\n", both) ==
        Lines{"7 first_out low trip"});
  CHECK(first_outs("    on_delay: 1500 ms\n", "    on_delay: 500 ms\n",
                   act(5, "set: {level: 6 m}") + act(6, "set: {flow: 1 kg/s}")) ==
        Lines{"7 first_out high trip"});  // 6.5 s both
  CHECK(first_outs("    on_delay: 2 s\n", {}, both) == Lines{"5 first_out low trip"});
}

TEST_CASE("first-out: it stays until all are over, and is read as a word, also as it was before") {
  const std::string more =
      "  by_low:\n    each: tank\n    raise: trip == \"low\"\n"
      "  new:\n    each: tank\n    raise: trip != previous(trip)\n";
  CHECK(ran(tanks({}, {}, more,
                  act(5, "set: {flow: 1 kg/s}") + act(8, "set: {level: 6 m}") +
                      act(10, "set: {flow: 9 kg/s}") + act(12, "set: {flow: 1 kg/s}") +
                      act(14, "set: {level: 0 m, flow: 9 kg/s}") + act(16, "set: {level: 6 m}")),
            seconds(20))
            .events == Lines{"5 event_raised low", "5 first_out low trip", "5 event_raised by_low",
                             "5 event_raised new", "6 event_cleared new", "8 event_raised high",
                             "10 event_cleared low", "12 event_raised low", "14 event_cleared high",
                             "14 event_cleared low", "14 event_cleared by_low", "14 event_raised new",
                             "15 event_cleared new", "16 event_raised high", "16 first_out high trip",
                             "16 event_raised new", "17 event_cleared new"});
}

TEST_CASE("first-out: a latched alarm keeps it until a person has reset it, hidden or not") {
  const std::string reasons =
      "    cause: \"{trip}\"\n    consequence: b\n    action: c\n    respond_within: 1 h\n";
  const std::string alarm =
      "alarms:\n  hot:\n    each: tank\n    raise: level > 8 m\n    first_out: trip\n    latched: true\n" +
      reasons + "  starved:\n    of: low\n" + reasons;
  const auto done = ran(
      tanks({}, {}, alarm,
            act(5, "set: {level: 9 m}") + act(7, "set: {level: 0 m}") + act(8, "suppress: hot, comment: x") +
                act(9, "set: {flow: 1 kg/s}") + act(11, "unsuppress: hot") + act(12, "acknowledge: hot") +
                act(13, "reset: hot") + act(15, "set: {flow: 9 kg/s}") + act(17, "set: {flow: 1 kg/s}")),
      seconds(20));
  // `high` stands before `hot` in the files, and both rise at 5 s.
  CHECK(done.events == Lines{"5 event_raised high", "5 first_out high trip", "7 event_cleared high",
                             "9 event_raised low", "15 event_cleared low", "17 event_raised low",
                             "17 first_out low trip"});
  CHECK(done.journal ==
        Lines{"5 alarm_raised hot unacknowledged ", "7 alarm_returned hot latched_unacknowledged ",
              "8 alarm_suppressed hot suppressed ", "9 alarm_raised starved unacknowledged ",
              "11 alarm_unsuppressed hot latched_unacknowledged ",
              "11 alarm_shown hot latched_unacknowledged ", "12 alarm_acknowledged hot latched ",
              "13 alarm_reset hot normal ", "15 alarm_returned starved returned ",
              "17 alarm_raised starved unacknowledged trip"});
  CHECK(done.causes[0] == "high");
}

TEST_CASE("trips: what cannot be meant is refused, and it is said what to write") {
  const auto says = [](const std::string& from, const std::string& to, const std::string& problem) {
    const auto said = refused(replaced(compressors(), from, to));
    INFO(said);
    return said.find(problem) != std::string::npos;
  };
  CHECK(says(
      "    reset: reset_trip\n    first_out", "    first_out",
      "scenario.yaml:26:3: event 'discharge_high' is latched, and nothing resets it [write reset: with a "
      "condition, as an operator's button that somebody presses]\n"));
  CHECK(says(
      "    latched: true\n", "",
      "scenario.yaml:32:12: event 'discharge_high' is not latched: nothing is to be reset [write latched: "
      "true as well, or remove reset:]\n"));
  CHECK(says("reset: reset_trip", "reset: true",
             "what resets 'discharge_high' never changes [write a condition that comes and goes"));
  CHECK(says("oil_bypass\n    first_out: tripped_by", "oil_bypass\n    first_out: trippd_by",
             "'oil_low' is alone in first_out: 'trippd_by' [did you mean 'tripped_by'?]"));
  CHECK(says("tripped_by\n  tripped:\n    each: compressor\n",
             "tripped_by\n  tripped:\n    first_out: tripped_by\n",
             "'tripped' is one for all, 'discharge_high' of the same first_out: tripped_by is on each "
             "'compressor' [a group is of the same devices"));
  CHECK(says("raise: oil < 1 bar", "raise: tripped_by == \"none\"", "depends on itself"));
  CHECK(says("of: tripped", "of: tripped\n    first_out: tripped_by",
             "alarm 'compressor_tripped' is of an event, which has the condition [move each, delays, clear, "
             "deadband and first_out there]"));
  CHECK(says("of: tripped", "of: tripped\n    bypassed_while: oil_bypass",
             "an alarm has no key 'bypassed_while' [an alarm is suppressed_while; what keeps from tripping"));
  CHECK(says("    bypassed_while: oil_bypass", "    suppress_if: oil_bypass",
             "an event has no key 'suppress_if' [write bypassed_while: with a condition"));
  CHECK(says("press: reset_trip", "reset: oil_low",
             "'oil_low' is an event: it is reset by its own 'reset' [write reset: at the event"));
  CHECK(says("press: reset_trip", "acknowledge: oil_low",
             "'oil_low' is an event, which disturbs nobody [write an alarm with of: oil_low]"));
  CHECK(says(
      "while: tripped", "while: compressor_tripped",
      "rule 'stop' is about the alarm 'compressor_tripped', which is no event [write its event: tripped]"));
}
