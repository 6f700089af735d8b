// People at the loop: inputs that they give, what is refused, what falls back, and what is kept of it.
#include <fmt/format.h>
#include <catch2/catch.hpp>

#include "decisions.h"
#include "loading.h"
#include "mml/loop.h"
#include "mml/operator.h"
#include "testbed/driver.h"
#include "testbed/script.h"
#include "testbed/sim_transport.h"
#include "testbed/virtual_clock.h"
#include "twin/warm/run_reader.h"

using namespace looptwin;
using namespace looptwin::testbed;
using namespace looptwin::testbed::test;

namespace {

using Lines = std::vector<std::string>;

std::string pumps() { return scenario_of("people.md"); }

std::string pumps_with(const std::string& from, const std::string& to) {
  auto text = pumps();
  const auto at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

/// All problems of the scenario, those of devices too.
std::string refused(const std::string& from, const std::string& to) {
  const Folder folder({{"scenario.yaml", pumps_with(from, to)}});
  const auto scenario = load(folder.path());
  if (!scenario) return in_short(scenario.error());
  const auto built = Assembly::build(*scenario);
  return built ? std::string() : in_short(built.error());
}

std::unique_ptr<Assembly> assemble(const std::string& text,
                                   const std::optional<std::filesystem::path>& out = {}) {
  auto assembly = Assembly::build(loaded({{"scenario.yaml", text}}), {.threads = 1, .out = out});
  INFO((assembly ? std::string() : render(assembly.error())));
  REQUIRE(assembly.has_value());
  return std::move(*assembly);
}

void run_to(Assembly& a, Duration end) {
  while (a.loop().now() < kStart + end)
    REQUIRE(a.loop().cycle(a.loop().now() + a.scenario().cycle, a.transport()));
}

/// "5 input_pressed may_start pump-2 1", a line a decision that names one of `subjects`.
Lines decisions(const std::filesystem::path& folder, const std::vector<std::string>& subjects) {
  Lines lines;
  for (const auto& d : decisions_about(folder, subjects)) {
    lines.push_back(fmt::format("{} {} {} {}", d.at.seconds(), d.kind, d.subject, d.device));
    if (d.kind.starts_with("input")) lines.back() += fmt::format(" {} {}{}", d.value, d.unit, d.quantity);
  }
  return lines;
}

Lines ran(const std::string& text, const std::vector<std::string>& subjects, Duration length) {
  const Folder folder;
  auto a = assemble(text, folder.path() / "run");
  run_to(*a, length);
  REQUIRE(a->finish("{}").has_value());
  return decisions(folder.path() / "run", subjects);
}

}  // namespace

TEST_CASE(
    "people: a button stands for one boundary, on the devices where it was pressed, for who may press it") {
  CHECK(ran(pumps(), {"may_start", "permitted", "restart"}, seconds(9)) ==
        Lines{"5 input_pressed may_start pump-2 1 ", "5 event_raised permitted pump-2",
              "5 command_issued restart pump-2", "5 command_sent restart pump-2",
              "6 command_acknowledged restart pump-2", "6 input_refused may_start pump-1 1 role",
              "6 input_refused may_start pump-2 1 role", "6 event_cleared permitted pump-2"});
}

TEST_CASE("people: a limit is read by its name on every device, and falls back when its time is over") {
  CHECK(ran(pumps(), {"highest", "high", "mode"}, seconds(29)) ==
        Lines{"10 input_set highest site 1 m", "10 event_raised high pump-1", "10 event_raised high pump-2",
              "15 input_set mode pump-1 1 ", "19 input_expired mode pump-1 0 ",
              "20 input_expired highest site 4 m", "20 event_cleared high pump-1",
              "20 event_cleared high pump-2"});
}

TEST_CASE("people: what is set again counts anew, and the script's time goes before the input's") {
  const auto text = pumps_with("  - {after: 15 s, by: ben, set: {mode: hand}, device: pump-1, for: 4 s}\n",
                               "  - {after: 15 s, by: ben, set: {highest: 2 m}}\n"
                               "  - {after: 18 s, by: ben, set: {highest: 3 m}, for: 2 s}\n");
  CHECK(ran(text, {"highest"}, seconds(40)) ==
        Lines{"10 input_set highest site 1 m", "15 input_set highest site 2 m",
              "18 input_set highest site 3 m", "20 input_expired highest site 4 m"});
}

TEST_CASE(
    "people: actions of one instant act in written order, each at the first boundary at or after its time") {
  const auto text = pumps_with("script:\n",
                               "script:\n"
                               "  - {after: 7400 ms, by: ben, set: {highest: 3 m}}\n"
                               "  - {after: 7 s, by: ben, set: {highest: 7 m}}\n"
                               "  - {after: 7400 ms, by: ben, set: {highest: 2 m}}\n");
  CHECK(ran(text, {"highest"}, seconds(9)) == Lines{"7 input_set highest site 7 m",
                                                    "8 input_set highest site 3 m",
                                                    "8 input_set highest site 2 m"});
}

TEST_CASE("people: what they did is kept in the run folder, refused or not") {
  const Folder folder;
  auto a = assemble(pumps(), folder.path() / "run");
  run_to(*a, seconds(60));
  CHECK(a->people().counters().actions == 7);
  CHECK(a->people().counters().refused == 2);
  CHECK(a->people().counters().expired == 4);
  REQUIRE(a->finish("{}").has_value());
  auto run = twin::RunReader::open(folder.path() / "run");
  REQUIRE(run.has_value());
  const auto person = texts(*run, "operator", 2), verb = texts(*run, "operator", 3),
             subject = texts(*run, "operator", 4), device = texts(*run, "operator", 5),
             unit = texts(*run, "operator", 7), word = texts(*run, "operator", 8),
             comment = texts(*run, "operator", 10);
  const auto log = *run->log("operator");
  const auto value = std::get<std::vector<double>>(*run->read_log(log, 6));
  const auto lasts = std::get<std::vector<double>>(*run->read_log(log, 9));
  Lines lines;
  for (size_t i = 0; i < value.size(); ++i)
    lines.push_back(fmt::format("{} {} {} {} {} {}{} {} {}", person[i], verb[i], subject[i], device[i],
                                value[i], unit[i], word[i], lasts[i], comment[i]));
  CHECK(lines == Lines{"anna press may_start pump-2 0  0 ", "ben press may_start pump-1 0  0 ",
                       "ben press may_start pump-2 0  0 ",
                       "ben set highest site 1 m 0 the sump is being cleaned",
                       "ben set mode pump-1 1 hand 4 ", "anna set frozen site 1 true 5 ",
                       "anna set highest site 2 m 5 "});
}

TEST_CASE("people: looking only where something can have changed decides what looking everywhere does") {
  const auto lazy = assemble(pumps());
  const auto everything = assemble(pumps());
  everything->loop().evaluate_everything(true);
  run_to(*lazy, minutes(2));
  run_to(*everything, minutes(2));
  CHECK(lazy->loop().decisions() > 15);
  CHECK(lazy->loop().fingerprint() == everything->loop().fingerprint());
}

TEST_CASE("people: saved and restored at every boundary, inputs go on as if nothing had happened") {
  const auto straight = assemble(pumps());
  auto broken = assemble(pumps());
  for (int second = 1; second <= 70; ++second) {
    run_to(*straight, seconds(second));
    run_to(*broken, seconds(second));
    ArchiveWriter saved;
    broken->save(saved);
    broken = assemble(pumps());
    ArchiveReader reader(saved.bytes());
    broken->restore(reader);
    REQUIRE(reader.ok());
    CHECK(reader.at_end());
    REQUIRE(broken->loop().fingerprint() == straight->loop().fingerprint());
  }
  CHECK(broken->people().counters().expired == 4);
}

TEST_CASE(
    "people: what is done while the MML is away acts in its first cycle, after what expired meanwhile") {
  const auto text = pumps() + "faults:\n  - {kind: restart, of: mml, after: 13 s, lasts: 9 s}\n";
  const Folder folder;
  auto a = assemble(text, folder.path() / "run");
  auto driver = Driver::make(*a, folder.path() / "run", {});
  REQUIRE(driver.has_value());
  std::atomic<bool> stop{false};
  VirtualClock clock(a->scenario().start, a->scenario().cycle, kStart + seconds(28), stop);
  CHECK(driver->run(clock, stop) == mml::RunEnd::reached_end);
  REQUIRE(a->finish("{}").has_value());
  CHECK(decisions(folder.path() / "run", {"highest", "mode"}) ==
        Lines{"10 input_set highest site 1 m", "22 input_expired highest site 4 m",
              "22 input_set mode pump-1 1 ", "26 input_expired mode pump-1 0 "});
}

TEST_CASE("people: who will be refused is a warning, with the place") {
  const auto a = assemble(pumps());
  const auto warnings = in_short(a->warnings());
  CHECK(warnings.find("'may_start' will be refused: ben does not have the role 'shift_lead'") !=
        std::string::npos);
}

TEST_CASE("people: what nobody declared, or what does not fit, is refused with its place") {
  const auto says = [](const std::string& problem, const std::string& what) {
    INFO(problem);
    return problem.find(what) != std::string::npos;
  };
  CHECK(says(refused("by: ben, press", "by: bern, press"),
             "'bern' is nobody that is declared [did you mean 'ben'? people: anna, ben]"));
  CHECK(says(refused("role: shift_lead", "role: shift_led"),
             "nobody has the role 'shift_led' [did you mean 'shift_lead'? roles: shift_lead]"));
  CHECK(says(refused("{highest: 1 m}", "{hihgest: 1 m}"),
             "'hihgest' is no operator's input [did you mean 'highest'?"));
  CHECK(says(refused("{highest: 1 m}", "{highest: 1 kW}"), "1 kW is in kW; a value in m stands here"));
  CHECK(says(refused("{highest: 1 m}", "{highest: 11 m}"),
             "11 m is outside of what 'highest' can be [write 0 to 10 m]"));
  CHECK(says(refused("{mode: hand}", "{mode: hands}"), "'hands' is not one of: auto, hand"));
  CHECK(says(refused("{frozen: true", "{frozen: maybe"), "true or false stands here"));
  CHECK(
      says(refused("{mode: hand}", "{may_start: true}"), "'may_start' is a button [write press: may_start]"));
  CHECK(says(refused("press: may_start, device: pump-2", "press: mode, device: pump-2"),
             "'mode' is no button [write set: {mode: ...}]"));
  CHECK(says(refused("device: pump-2", "device: pump-3"), "no device of 'pump' matches 'pump-3'"));
  CHECK(says(refused(", device: pump-2", ""), "'may_start' is on each device of 'pump' [write device:"));
  CHECK(says(refused("{highest: 1 m},", "{highest: 1 m}, device: pump-1,"),
             "'highest' is one for all [remove 'device']"));
  CHECK(says(refused("by: anna, press: may_start", "by: anna, acknowledge: may_start"),
             "'may_start' is no alarm [there are no alarms]"));
  CHECK(says(refused("press: may_start, device: pump-2", "comment: hello"), "does nothing"));
  CHECK(says(refused("after: 5 s", "after: 5 s, at: \"14:00\""), "has one of after and at"));
  CHECK(says(refused("kind: button, each", "kind: button, default: true, each"),
             "'may_start' is a button, which is pressed, or not"));
  CHECK(says(refused("enum: [auto, hand], default: auto", "default: 3 m"),
             "'mode' is a selector, which chooses among words"));
  CHECK(says(refused("default: 4 m", "default: 40 m"), "the default is outside of 'range'"));
  CHECK(says(refused("  frozen: {", "  level: {kind: button}\n  frozen: {"),
             "the name 'level' is taken in 'pump'"));
}
