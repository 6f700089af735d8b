// A simulation in the hand decides what a run decides, and its forks and people do not disturb it.
#include <atomic>
#include <catch2/catch.hpp>

#include "loading.h"
#include "mml/loop.h"
#include "sim/fleet.h"
#include "simulating.h"
#include "testbed/driver.h"
#include "testbed/reading/load.h"
#include "testbed/sim_transport.h"
#include "testbed/simulation.h"

using namespace looptwin;
using namespace looptwin::testbed;
using namespace looptwin::testbed::test;

namespace {

const std::atomic<bool> kNeverStop{false};

std::unique_ptr<Simulation> made(const std::string& page, const std::string& more = {}) {
  return simulated(scenario_of(page) + more);
}

SourcePtr entry(const std::string& text) { return std::make_shared<const Source>(Source{"act", text}); }

}  // namespace

TEST_CASE("simulation: advanced in steps it decides what it decides in one go") {
  auto whole = made("people.md"), steps = made("people.md");
  CHECK(whole->advance(whole->end()) == mml::RunEnd::reached_end);
  for (Time to = kStart; to <= steps->end(); to = to + milliseconds(700)) steps->advance(to);
  CHECK(steps->now() == floor_to(steps->end(), seconds(1)) - seconds(1));
  steps->advance(steps->end());
  CHECK(steps->now() == whole->now());
  CHECK(whole->assembly().loop().decisions() > 0);
  CHECK(steps->assembly().loop().fingerprint() == whole->assembly().loop().fingerprint());
}

TEST_CASE("simulation: what people do waits for the next boundary, in a fork as well") {
  auto trunk = made("people.md"), alone = made("people.md");
  trunk->advance(kStart + seconds(20));
  REQUIRE(trunk->act(entry("{by: anna, press: may_start, device: pump-1}")).has_value());
  auto fork = trunk->fork(1, kNeverStop);
  REQUIRE(fork.has_value());
  for (auto* one : {trunk.get(), fork->get(), alone.get()}) one->advance(kStart + seconds(40));
  CHECK((*fork)->assembly().loop().fingerprint() == trunk->assembly().loop().fingerprint());
  CHECK(alone->assembly().loop().fingerprint() != trunk->assembly().loop().fingerprint());
}

TEST_CASE("simulation: a fault by hand is what the scenario's own would have been, in a fork as well") {
  const std::string fault = "device: pump-1, kind: device_off, lasts: 15 s";
  auto script = made("people.md", "faults:\n  - {after: 12.000000001 s, " + fault + "}\n");
  auto live = made("people.md"), alone = made("people.md");
  live->advance(kStart + seconds(12));
  REQUIRE(live->inject(entry("{" + fault + "}")).has_value());
  auto fork = live->fork(1, kNeverStop);
  REQUIRE(fork.has_value());
  for (auto* one : {live.get(), fork->get(), script.get(), alone.get()}) one->advance(one->end());
  CHECK(live->assembly().fleet().counters().faults == 1);
  CHECK(alone->assembly().fleet().counters().faults == 0);
  const auto counted = [](Simulation& one) { return one.assembly().fleet().counters().lost; };
  CHECK(counted(*live) == counted(*script));
  CHECK(live->assembly().loop().fingerprint() == script->assembly().loop().fingerprint());
  CHECK((*fork)->assembly().loop().fingerprint() == script->assembly().loop().fingerprint());
}

TEST_CASE("simulation: a fault by hand that is none is refused, and nothing has changed") {
  auto one = made("people.md"), alone = made("people.md");
  one->advance(kStart + seconds(12));
  const auto refused = [&](const std::string& text) {
    const auto injected = one->inject(entry(text));
    return injected ? std::string() : in_short(injected.error());
  };
  CHECK(refused("{device: pump-1, kind: device_off, every: 1 h}").find("cannot be given by hand") !=
        std::string::npos);
  CHECK(refused("{kind: restart, of: mml, lasts: 5 s}").find("cannot be given by hand") != std::string::npos);
  CHECK(refused("{device: pomp-1, kind: device_off}").find("no device's id matches 'pomp-1'") !=
        std::string::npos);
  CHECK(refused("{device: pump-1, kind: of}").find("device_off") != std::string::npos);
  for (auto* s : {one.get(), alone.get()}) s->advance(s->end());
  CHECK(one->assembly().loop().fingerprint() == alone->assembly().loop().fingerprint());
  CHECK(one->assembly().fleet().counters().faults == 0);
}

TEST_CASE("simulation: through a restart of the MML time goes on, and only forks have to wait") {
  const std::string away = "faults:\n  - {kind: restart, of: mml, after: 20 s, lasts: 10 s}\n";
  auto whole = made("people.md", away), steps = made("people.md", away);
  whole->advance(whole->end());
  steps->advance(kStart + seconds(24));
  CHECK(steps->now() == kStart + seconds(24));
  CHECK_FALSE(steps->fork(1, kNeverStop).has_value());
  steps->advance(kStart + seconds(35));
  CHECK(steps->now() == kStart + seconds(35));
  CHECK(steps->fork(1, kNeverStop).has_value());
  steps->advance(steps->end());
  CHECK(whole->driver().restarts() == 1);
  CHECK(steps->assembly().loop().fingerprint() == whole->assembly().loop().fingerprint());
}

TEST_CASE("simulation: an act that makes no sense is refused with its place, and nothing happens") {
  auto simulation = made("people.md");
  const auto refused = simulation->act(entry("{by: anna, set: {highest: 20 m}}"));
  REQUIRE_FALSE(refused.has_value());
  CHECK(render(refused.error()).find("act:1:27: error: 20 m is outside of what 'highest' can be") == 0);
  CHECK_FALSE(simulation->act(entry("{by: anna, presss: may_start}")).has_value());
  CHECK_FALSE(simulation->act(entry("{by: anna, press: may_start, device: pump-9}")).has_value());
  CHECK_FALSE(simulation->act(entry("{by: anna")).has_value());
  CHECK(simulation->assembly().transport().pending().empty());
}
