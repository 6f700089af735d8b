// Rules: what events make happen, and what is told to others.
#include "mml/rules.h"

#include <catch2/catch.hpp>
#include <cmath>

#include "scene.h"

using namespace looptwin;
using namespace looptwin::mml;

TEST_CASE("rules: each block's event claims the homes of that block alone") {
  Scene scene({{.rule = "setback"}}, 3, 4);
  scene.set_event(0, true, 1);
  scene.step(1);
  for (size_t h = 0; h < 12; ++h)
    CHECK(scene.desired(h) == (h / 4 == 1 ? Scene::kDefault + 2 : Scene::kDefault));
}

TEST_CASE("rules: what is published is JSON whatever stands in the texts") {
  Scene scene({{.rule = "setback"}}, 1, 4, true);
  scene.set_event(0, true);
  scene.step(1);
  REQUIRE(scene.published.lines.size() == 1);
  const auto& line = scene.published.lines[0];
  CHECK(line.find("\"block\":\"block-1\"") != std::string::npos);
  CHECK(line.find(R"("say":"a \"b\"\n\\")") != std::string::npos);
  CHECK(scene.of(RecordKind::published).size() == 1);
}

TEST_CASE("rules: saved and restored amid claims and releases they go on as the trunk") {
  const std::vector<SceneRule> claims = {
      {.rule = "a", .event = 0, .groups = 4, .every = seconds(5), .release = seconds(40), .where = true},
      {.rule = "b", .event = 1, .groups = 3, .every = seconds(7), .release = seconds(20)}};
  Scene trunk(claims, 2, 30), branch(claims, 2, 30);
  for (int s = 1; s <= 300; ++s) {
    ArchiveWriter archive;
    trunk.homes.tables.save(archive);
    trunk.rules->save(archive);
    trunk.dispatcher->save(archive);
    ArchiveReader reader(archive.bytes());
    branch.homes.tables.restore(reader);
    branch.rules->restore(reader);
    branch.dispatcher->restore(reader);
    REQUIRE((reader.ok() && reader.at_end()));
    for (Scene* scene : {&trunk, &branch}) {
      scene->set_event(0, s / 37 % 2 == 1, 0);
      scene->set_event(0, s / 23 % 2 == 1, 1);
      scene->set_event(1, s / 51 % 2 == 1, 0);
      for (size_t h = 0; h < 60; ++h) {
        scene->set_where(0, h, (h + static_cast<size_t>(s) / 4) % 3 != 0);
        scene->set_value(1, h, (h * 7 + static_cast<size_t>(s)) % 5 == 0 ? std::nan("") : 298);
      }
      scene->step(s);
    }
    INFO(s);
    REQUIRE(trunk.log.size() == branch.log.size());
    REQUIRE(trunk.out.size() == branch.out.size());
    for (size_t i = 0; i < trunk.out.size(); ++i) REQUIRE(trunk.out[i].id == branch.out[i].id);
    REQUIRE(trunk.rules->claims_held() == branch.rules->claims_held());
  }
  CHECK(trunk.rules->counters().releases > 100);
}
