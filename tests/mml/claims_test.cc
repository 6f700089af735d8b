// Overrides: who holds a setpoint, and what is asked of the devices.
#include "mml/claims.h"

#include <catch2/catch.hpp>
#include <cmath>

#include "scene.h"

using namespace looptwin;
using namespace looptwin::mml;

TEST_CASE("claims: a claim holds while its event stands, and the default returns when it clears") {
  Scene scene({{.rule = "setback"}});
  scene.step(1);
  CHECK(scene.log.empty());
  scene.set_event(0, true);
  scene.step(2);
  CHECK(scene.all_desire(Scene::kDefault + 2));
  CHECK(scene.of(RecordKind::claimed).size() == 4);
  CHECK(scene.out.size() == 4);
  CHECK(scene.rules->claims_held() == 4);
  CHECK(scene.homes.instant(Homes::kHome, scene.homes.model().setpoints[0].changed) == at(2).ns);
  scene.step(3);
  CHECK(scene.log.empty());
  scene.set_event(0, false);
  scene.step(4);
  CHECK(scene.all_desire(Scene::kDefault));
  CHECK(scene.rules->claims_held() == 0);
  REQUIRE(scene.out.size() == 4);
  for (const auto& c : scene.out) {
    CHECK(c.value == Scene::kDefault);
    CHECK_FALSE(c.may_refuse);
  }
  for (const auto& r : scene.of(RecordKind::released)) CHECK(r.cause == scene.cause(0, 1));
  for (const auto& r : scene.of(RecordKind::command_issued)) CHECK(r.cause == scene.cause(0, 1));
}

TEST_CASE("claims: the highest priority wins, and the next holds when it lets go") {
  Scene scene({{.rule = "low", .event = 0, .priority = 1}, {.rule = "high", .event = 1, .priority = 2}});
  scene.set_value(1, 0, Scene::kDefault + 5);
  scene.set_event(1, true);
  scene.step(1);
  CHECK(scene.desired() == Scene::kDefault + 5);
  scene.set_event(0, true);
  scene.step(2);  // the lower one is claimed, but idle
  CHECK(scene.desired() == Scene::kDefault + 5);
  CHECK(scene.of(RecordKind::claimed).size() == 4);
  CHECK(scene.of(RecordKind::command_issued).empty());
  CHECK(scene.rules->counters().conflicts == 0);
  // Where the two want the same, nobody is made idle.
  const auto outranked = scene.of(RecordKind::outranked);
  REQUIRE(outranked.size() == 1);
  CHECK(outranked[0].subject == 0);
  CHECK(outranked[0].value == Scene::kDefault + 5);
  CHECK(outranked[0].cause == scene.cause(1, 1));
  scene.set_event(1, false);
  scene.step(3);
  CHECK(scene.desired() == Scene::kDefault + 2);
  // What is asked for now is the lower rule's doing.
  for (const auto& r : scene.of(RecordKind::command_issued)) {
    CHECK(r.subject == 0);
    CHECK(r.cause == scene.cause(0, 1));
  }
  scene.set_event(0, false);
  scene.step(4);
  CHECK(scene.all_desire(Scene::kDefault));
}

TEST_CASE(
    "claims: of equal priority the earlier claim wins, and of equally early ones the first in the file") {
  for (const bool second_first : {false, true}) {
    Scene scene({{.rule = "a", .event = 0}, {.rule = "b", .event = 1}});
    for (size_t h = 0; h < 4; ++h) scene.set_value(1, h, Scene::kDefault + 5);
    const size_t early = second_first ? 1 : 0;
    scene.set_event(early, true);
    scene.step(1);
    scene.set_event(1 - early, true);
    scene.step(2);
    CHECK(scene.all_desire(second_first ? Scene::kDefault + 5 : Scene::kDefault + 2));
    const auto conflicts = scene.of(RecordKind::conflict);
    REQUIRE(conflicts.size() == 4);
    CHECK(conflicts[0].subject == early);
    CHECK(conflicts[0].value == (second_first ? Scene::kDefault + 5 : Scene::kDefault + 2));
    CHECK(scene.rules->counters().conflicts == 4);
    scene.step(3);
    CHECK(scene.rules->counters().conflicts == 4);  // said once
    scene.set_event(early, false);
    scene.step(4);
    CHECK(scene.all_desire(second_first ? Scene::kDefault + 2 : Scene::kDefault + 5));
  }
  Scene scene({{.rule = "a", .event = 0}, {.rule = "b", .event = 1}});
  for (size_t h = 0; h < 4; ++h) scene.set_value(1, h, Scene::kDefault + 5);
  scene.set_event(0, true);
  scene.set_event(1, true);
  scene.step(1);
  CHECK(scene.all_desire(Scene::kDefault + 2));
  CHECK(scene.rules->counters().conflicts == 4);
}

TEST_CASE("claims: a claim that comes later with a higher priority is said to make the other idle") {
  Scene scene({{.rule = "low", .event = 0, .priority = 1}, {.rule = "high", .event = 1, .priority = 2}});
  scene.set_value(1, 0, Scene::kDefault + 5);
  scene.set_event(0, true);
  scene.step(1);
  CHECK(scene.of(RecordKind::outranked).empty());
  scene.set_event(1, true);
  scene.step(2);
  CHECK(scene.desired() == Scene::kDefault + 5);
  const auto outranked = scene.of(RecordKind::outranked);
  REQUIRE(outranked.size() == 1);
  CHECK(outranked[0].subject == 0);
  CHECK(outranked[0].value == Scene::kDefault + 5);
  CHECK(scene.rules->counters().outranked == 1);
}

TEST_CASE("claims: two claims of one value are no conflict") {
  Scene scene({{.rule = "a", .event = 0}, {.rule = "b", .event = 1}});
  scene.set_event(0, true);
  scene.step(1);
  scene.set_event(1, true);
  scene.step(2);
  CHECK(scene.rules->counters().conflicts == 0);
  CHECK(scene.of(RecordKind::command_issued).empty());
  scene.set_event(0, false);
  scene.step(3);
  CHECK(scene.all_desire(Scene::kDefault + 2));
}

TEST_CASE("claims: a release is caused by the event that let go last, not by the one that claimed last") {
  Scene scene({{.rule = "a", .event = 0}, {.rule = "b", .event = 1}});
  scene.set_event(0, true);
  scene.step(1);
  scene.set_event(1, true);
  scene.step(2);
  scene.set_event(1, false);
  scene.step(3);
  scene.set_event(0, false);
  scene.step(4);
  REQUIRE(scene.of(RecordKind::command_issued).size() == 4);
  for (const auto& r : scene.of(RecordKind::command_issued)) {
    CHECK(r.subject == 0);
    CHECK(r.cause == scene.cause(0, 1));
  }
}

TEST_CASE("claims: claims follow their value while they are held, and no further") {
  Scene scene({{.rule = "setback"}});
  scene.set_event(0, true);
  scene.step(1);
  scene.set_value(0, 1, Scene::kDefault + 3);
  scene.step(2);
  CHECK(scene.desired(1) == Scene::kDefault + 3);
  CHECK(scene.desired(0) == Scene::kDefault + 2);
  REQUIRE(scene.out.size() == 1);
  scene.set_value(0, 1, std::nan(""));  // unknown: stays
  scene.step(3);
  CHECK(scene.desired(1) == Scene::kDefault + 3);
  scene.set_event(0, false);
  scene.step(4);
  scene.set_value(0, 1, Scene::kDefault + 9);
  scene.step(5);
  CHECK(scene.all_desire(Scene::kDefault));
}

TEST_CASE("claims: a resident's refusal ends the claim there, and nothing is sent in its place") {
  Scene scene({{.rule = "setback", .yields = true}});
  scene.set_event(0, true);
  scene.step(1);
  REQUIRE(scene.out.size() == 4);
  for (const auto& c : scene.out) CHECK(c.may_refuse);
  scene.out.resize(1);
  scene.answer(twin::Outcome::refused_local, 2);
  scene.step(2);
  REQUIRE(scene.of(RecordKind::yielded).size() == 1);
  CHECK(scene.of(RecordKind::yielded)[0].device == Homes::home(0));
  CHECK(scene.out.empty());
  CHECK(scene.desired(0) == Scene::kDefault);
  CHECK(scene.desired(1) == Scene::kDefault + 2);
  CHECK(scene.rules->claims_held() == 3);
  scene.set_event(0, false);
  scene.step(3);
  CHECK(scene.of(RecordKind::released).size() == 3);
  scene.set_event(0, true);
  scene.step(4);  // a new occurrence asks anew
  CHECK(scene.rules->claims_held() == 4);
}

TEST_CASE("claims: where another claim stands behind the one that yields, that one is asked for") {
  Scene scene({{.rule = "must", .event = 0, .priority = 0},
               {.rule = "may", .event = 1, .priority = 1, .yields = true}});
  for (size_t h = 0; h < 4; ++h) scene.set_value(1, h, Scene::kDefault + 5);
  scene.set_event(0, true);
  scene.set_event(1, true);
  scene.step(1);
  REQUIRE(scene.all_desire(Scene::kDefault + 5));
  scene.answer(twin::Outcome::refused_local, 2);
  scene.step(2);
  CHECK(scene.all_desire(Scene::kDefault + 2));
  REQUIRE(scene.out.size() == 4);
  CHECK(scene.out[0].value == Scene::kDefault + 2);
  CHECK_FALSE(scene.out[0].may_refuse);
}

TEST_CASE("claims: a refusal for the range does not end the claim") {
  Scene scene({{.rule = "setback", .yields = true}});
  scene.set_event(0, true);
  scene.step(1);
  scene.answer(twin::Outcome::refused_range, 2);
  scene.step(2);
  CHECK(scene.of(RecordKind::yielded).empty());
  CHECK(scene.rules->claims_held() == 4);
}
