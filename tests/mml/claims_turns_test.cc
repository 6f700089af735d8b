// Overrides: whom an event claims and when it lets go.
#include <catch2/catch.hpp>
#include <cmath>
#include <map>
#include <random>

#include "base/random.h"
#include "scene.h"

using namespace looptwin;
using namespace looptwin::mml;

TEST_CASE("claims: only targets that meet `where` are claimed; unknown is not met") {
  Scene scene({{.rule = "setback", .where = true}});
  for (size_t h = 0; h < 4; ++h)
    scene.homes.flag(Homes::kHome, scene.where[0], h) = static_cast<uint8_t>(h % 3);
  scene.set_event(0, true);
  scene.step(1);
  for (size_t h = 0; h < 4; ++h) CHECK(scene.desired(h) == (h == 1 ? Scene::kDefault + 2 : Scene::kDefault));
  // Who was claimed is released, whatever `where` says by then.
  for (size_t h = 0; h < 4; ++h) scene.homes.flag(Homes::kHome, scene.where[0], h) = 0;
  scene.set_event(0, false);
  scene.step(2);
  CHECK(scene.all_desire(Scene::kDefault));
  CHECK(scene.rules->claims_held() == 0);
}

TEST_CASE("claims: nothing is claimed where the value is unknown") {
  Scene scene({{.rule = "setback"}});
  scene.set_value(0, 2, std::nan(""));
  scene.set_event(0, true);
  scene.step(1);
  CHECK(scene.rules->claims_held() == 3);
  CHECK(scene.desired(2) == Scene::kDefault);
}

TEST_CASE("claims: groups are claimed one after the other, and released over the time that is given") {
  Scene scene({{.rule = "setback", .groups = 5, .every = seconds(10), .release = seconds(100)}}, 1, 200);
  scene.set_event(0, true);
  std::map<double, size_t> claimed, released;
  for (int s = 1; s <= 60; ++s) {
    scene.step(s);
    if (const auto n = scene.of(RecordKind::claimed).size()) claimed[s] = n;
  }
  CHECK(claimed.size() == 5);
  size_t total = 0;
  for (const auto& [s, n] : claimed) {
    CHECK(std::fmod(s, 10) == 1);
    CHECK(n > 20);
    CHECK(n < 60);
    total += n;
  }
  CHECK(total == 200);
  scene.set_event(0, false);
  for (int s = 61; s <= 200; ++s) {
    scene.step(s);
    if (const auto n = scene.of(RecordKind::released).size()) released[s] = n;
  }
  CHECK(released.size() == 5);
  for (const auto& [s, n] : released) CHECK(std::fmod(s - 61, 20) == 0);
  CHECK(scene.rules->counters().releases == 200);
  CHECK(scene.all_desire(Scene::kDefault));
}

TEST_CASE("claims: a group whose turn comes after the event has cleared is not claimed") {
  Scene scene({{.rule = "setback", .groups = 5, .every = seconds(10)}}, 1, 100);
  scene.set_event(0, true);
  scene.step(1);
  const auto first = scene.of(RecordKind::claimed).size();
  CHECK(first < 100);
  scene.set_event(0, false);
  scene.step(5);
  CHECK(scene.of(RecordKind::released).size() == first);
  for (int s = 6; s <= 60; ++s) scene.step(s);
  CHECK(scene.rules->counters().claims == first);
  CHECK(scene.all_desire(Scene::kDefault));
}

TEST_CASE(
    "claims: an event that rises again during the release keeps its claims, and lets all go in the end") {
  Scene scene({{.rule = "setback", .groups = 4, .every = seconds(5), .release = seconds(80)}}, 1, 100);
  scene.set_event(0, true);
  for (int s = 1; s <= 20; ++s) scene.step(s);
  CHECK(scene.all_desire(Scene::kDefault + 2));
  scene.set_event(0, false);
  for (int s = 21; s <= 45; ++s) scene.step(s);
  const auto held = scene.rules->claims_held();
  CHECK(held > 0);
  CHECK(held < 100);
  scene.set_event(0, true);
  for (int s = 46; s <= 140; ++s) scene.step(s);
  CHECK(scene.rules->claims_held() == 100);
  CHECK(scene.all_desire(Scene::kDefault + 2));
  scene.set_event(0, false);
  for (int s = 141; s <= 240; ++s) scene.step(s);
  CHECK(scene.rules->claims_held() == 0);
  CHECK(scene.all_desire(Scene::kDefault));
}

TEST_CASE("claims: a brief second rise does not leave a claim of the first behind") {
  Scene scene({{.rule = "setback", .groups = 4, .every = seconds(30), .release = seconds(80)}}, 1, 100);
  scene.set_event(0, true);
  for (int s = 1; s <= 120; ++s) scene.step(s);
  scene.set_event(0, false);
  scene.step(121);
  scene.set_event(0, true);
  scene.step(122);
  scene.set_event(0, false);
  for (int s = 123; s <= 300; ++s) scene.step(s);
  CHECK(scene.rules->claims_held() == 0);
  CHECK(scene.all_desire(Scene::kDefault));
}

TEST_CASE("claims: a target that does not meet `where` at its turn is claimed as soon as it does") {
  Scene scene({{.rule = "setback", .groups = 2, .every = seconds(10), .where = true}}, 1, 20);
  scene.set_event(0, true);
  for (size_t h = 0; h < 20; ++h) scene.set_where(0, h, h % 2 == 0 ? 0 : 2);
  for (int s = 1; s <= 5; ++s) scene.step(s);
  CHECK(scene.rules->claims_held() == 0);
  for (size_t h = 0; h < 20; ++h) scene.set_where(0, h, 1);
  scene.step(6);
  const auto first = scene.rules->claims_held();
  CHECK(first > 0);
  CHECK(first < 20);  // the second group's turn has not come
  for (int s = 7; s <= 11; ++s) scene.step(s);
  CHECK(scene.rules->claims_held() == 20);
  // Once claimed it stays so, whatever `where` says.
  for (size_t h = 0; h < 20; ++h) scene.set_where(0, h, 0);
  scene.step(12);
  CHECK(scene.log.empty());
  CHECK(scene.all_desire(Scene::kDefault + 2));
}

TEST_CASE("claims: a value that becomes known is claimed then; after the event it is not") {
  Scene scene({{.rule = "setback"}});
  for (size_t h = 0; h < 3; ++h) scene.set_value(0, h, std::nan(""));
  scene.set_event(0, true);
  scene.step(1);
  CHECK(scene.rules->claims_held() == 1);
  scene.set_value(0, 1, Scene::kDefault + 4);
  scene.step(2);
  REQUIRE(scene.of(RecordKind::claimed).size() == 1);
  CHECK(scene.of(RecordKind::claimed)[0].cause == scene.cause(0, 1));
  CHECK(scene.desired(1) == Scene::kDefault + 4);
  scene.set_event(0, false);
  scene.step(3);
  scene.set_value(0, 0, Scene::kDefault + 4);
  scene.step(4);
  CHECK(scene.all_desire(Scene::kDefault));
}

TEST_CASE("claims: what is still held when the event rises again belongs to the new occurrence, unasked") {
  Scene scene({{.rule = "setback", .groups = 4, .every = seconds(5), .release = seconds(80)}}, 1, 100);
  scene.set_event(0, true);
  for (int s = 1; s <= 20; ++s) scene.step(s);
  scene.set_event(0, false);
  for (int s = 21; s <= 45; ++s) scene.step(s);
  const auto kept = scene.rules->claims_held();
  scene.set_event(0, true);
  scene.step(46);
  const auto asked = scene.of(RecordKind::command_issued).size();
  const auto claims = scene.of(RecordKind::claimed);
  CHECK(claims.size() == kept + asked);  // the first group of those let go, beside those kept
  for (const auto& r : claims) CHECK(r.occurrence == 2);
  CHECK(asked > 0);
  CHECK(asked < 100 - kept);
  for (int s = 47; s <= 120; ++s) {
    scene.step(s);
    CHECK(scene.of(RecordKind::released).empty());  // the first occurrence's release has lost its claims
  }
  CHECK(scene.rules->claims_held() == 100);
}

TEST_CASE(
    "claims: whoever is held is whoever the definition says, whatever rises, clears, is met or refused") {
  std::mt19937_64 random(41);
  size_t late = 0, kept = 0, anew = 0, refusals = 0;
  for (int trial = 0; trial < 150; ++trial) {
    const SceneRule rule{.rule = "setback",
                         .groups = static_cast<uint32_t>(1 + random() % 4),
                         .every = seconds(static_cast<int64_t>(1 + random() % 6)),
                         .release = seconds(static_cast<int64_t>(random() % 3 * 9)),
                         .yields = true,
                         .where = true};
    constexpr size_t kHomes = 8;
    Scene scene({rule}, 1, kHomes);
    struct Home {
      bool claimed = false;
      uint32_t claimed_in = 0, refused_in = 0;
    } homes[kHomes];
    const auto stream = random::stream(Scene::kSeed, "stagger.setback");
    const auto group = [&](size_t h, uint32_t occurrence, uint32_t groups) {
      return random::bits(stream, scene.homes.registry.key(Homes::home(h)), occurrence) % groups;
    };
    const uint32_t releases = rule.release.ns == 0 ? 1 : rule.groups > 1 ? rule.groups : 10;
    bool stands = false;
    uint32_t occurrence = 0;
    Time rose, cleared;
    for (int s = 1; s <= 120; ++s) {
      // What the plant and the residents do.
      const Time now = at(s);
      bool raise = stands;
      if (random() % 12 == 0) raise = !stands;
      scene.set_event(0, raise);
      bool met[kHomes], known[kHomes], refused[kHomes] = {};
      for (size_t h = 0; h < kHomes; ++h) {
        met[h] = random() % 4 != 0;
        known[h] = random() % 8 != 0;
        scene.set_where(0, h, met[h] ? 1 : static_cast<uint8_t>(random() % 2 * 2));
        scene.set_value(0, h, known[h] ? Scene::kDefault + 2 : std::nan(""));
      }
      for (const auto& c : scene.out) {
        const bool refuses = c.may_refuse && random() % 6 == 0;
        refused[c.device.row.index()] |= refuses;
        const twin::Acknowledgement ack{
            c.id, c.device, refuses ? twin::Outcome::refused_local : twin::Outcome::accepted, now, now};
        scene.dispatcher->acknowledge({&ack, 1}, now, scene.log);
      }
      scene.step(s);

      // The definition.
      if (raise && !stands) {
        rose = now;
        ++occurrence;
        for (auto& home : homes)
          if (home.claimed) home.claimed_in = occurrence, ++kept;
      }
      if (!raise && stands) cleared = now;
      stands = raise;
      for (size_t h = 0; h < kHomes; ++h) {
        INFO("trial " << trial << ", second " << s << ", home " << h);
        auto& home = homes[h];
        if (refused[h] && home.claimed) {
          home.claimed = false;
          home.refused_in = home.claimed_in;
          ++refusals;
        }
        const Time turn = rose + rule.every * static_cast<int64_t>(group(h, occurrence, rule.groups));
        const bool may = stands && turn <= now && home.refused_in != occurrence;
        if (may && !home.claimed && met[h] && known[h]) {
          late += turn < now;
          anew += home.claimed_in != 0 && home.claimed_in != occurrence;
          home.claimed = true;
          home.claimed_in = occurrence;
        }
        const Duration step = nanoseconds(rule.release.ns / releases);
        if (!stands && home.claimed &&
            cleared + step * static_cast<int64_t>(group(h, occurrence, releases)) <= now)
          home.claimed = false;
        REQUIRE(scene.claimed(0, h) == home.claimed);
        REQUIRE(scene.desired(h) == (home.claimed ? Scene::kDefault + 2 : Scene::kDefault));
      }
    }
  }
  CHECK(late > 1000);
  CHECK(kept > 300);
  CHECK(anew > 1000);
  CHECK(refusals > 500);
}
