// The system of record: ids, relations both ways, and what is drawn for each device.
#include "twin/registry.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <numeric>
#include <set>

#include "base/archive.h"
#include "twin/tables.h"

using namespace looptwin;
using namespace looptwin::twin;

namespace {

ModelConfig model(const std::string& name, const std::string& parent = {}, const std::string& inverse = {}) {
  ModelConfig m;
  m.name = name;
  if (!parent.empty()) m.relations.push_back({parent, {}, parent, inverse});
  return m;
}

FleetConfig entry(const std::string& model, uint64_t count, const std::string& id,
                  const std::string& per = {}) {
  FleetConfig f;
  f.model = model;
  f.count = count;
  f.id = id;
  f.per = per;
  return f;
}

struct Built {
  lang::Schema schema;
  Tables tables{schema};
  Result<Registry> registry = failure("not built");

  Built(const std::vector<ModelConfig>& models, const std::vector<FleetConfig>& fleet, uint64_t seed = 7) {
    registry = Registry::build(models, fleet, seed, schema, tables);
  }
  std::string problem() const { return registry ? "" : registry.error()[0].message; }
  TableId table(std::string_view name) const { return *registry->find_model(name); }
  RelationId relation(TableId table, std::string_view name) const {
    const auto& all = schema.table(table).relations;
    const auto found = std::find_if(all.begin(), all.end(), [&](const auto& r) { return r.name == name; });
    REQUIRE(found != all.end());
    return RelationId(static_cast<size_t>(found - all.begin()));
  }
  std::vector<std::string> ids(std::string_view name) const {
    std::vector<std::string> ids;
    for (size_t row = 0; row < registry->devices(table(name)); ++row)
      ids.emplace_back(registry->id({table(name), Row(row)}));
    return ids;
  }
  std::vector<double> values(std::string_view of, size_t parameter) {
    const auto column = registry->model(table(of)).parameters[parameter];
    const auto values = tables.values<double>(table(of), column);
    return {values.begin(), values.end()};
  }
};

std::vector<ModelConfig> three_levels() {
  return {model("home", "block", "homes"), model("hub"), model("block", "hub", "blocks")};
}
std::vector<FleetConfig> three_levels_of(uint64_t hubs, uint64_t blocks, uint64_t homes) {
  // Children stand before their parents: the order is the registry's to find.
  return {entry("home", homes, "{block}/home-{i}", "block"), entry("block", blocks, "{hub}/block-{i}", "hub"),
          entry("hub", hubs, "hub-{i}")};
}

}  // namespace

TEST_CASE("registry: a chain of `per` makes ids from the top down, whatever the order in the file") {
  Built b(three_levels(), three_levels_of(2, 2, 2));
  REQUIRE(b.problem().empty());
  CHECK(b.ids("hub") == std::vector<std::string>{"hub-1", "hub-2"});
  CHECK(b.ids("block") ==
        std::vector<std::string>{"hub-1/block-1", "hub-1/block-2", "hub-2/block-1", "hub-2/block-2"});
  CHECK(b.ids("home").front() == "hub-1/block-1/home-1");
  CHECK(b.ids("home").back() == "hub-2/block-2/home-2");
  CHECK(b.registry->devices() == 2 + 4 + 8);
}

TEST_CASE("registry: relations hold in both directions") {
  Built b(three_levels(), three_levels_of(3, 4, 5));
  REQUIRE(b.problem().empty());
  for (const auto& [child, parent, to, set] :
       {std::tuple{"home", "block", "block", "homes"}, std::tuple{"block", "hub", "hub", "blocks"}}) {
    const TableId children = b.table(child), parents = b.table(parent);
    const auto& up = b.schema.table(children).relations[b.relation(children, to).index()];
    const RelationId down = b.relation(parents, set);
    CHECK_FALSE(up.many);
    CHECK(up.inverse == down);
    CHECK(b.schema.table(parents).relations[down.index()].many);
    const auto rows = b.tables.values<uint32_t>(children, up.rows);
    size_t members = 0;
    for (size_t p = 0; p < b.registry->devices(parents); ++p) {
      const auto of = b.registry->members(parents, down, Row(p));
      CHECK(std::is_sorted(of.begin(), of.end()));
      for (const uint32_t child_row : of) {
        CHECK(rows[child_row] == p);
        CHECK(b.registry->id({children, Row(child_row)})
                  .starts_with(std::string(b.registry->id({parents, Row(p)})) + "/"));
      }
      members += of.size();
    }
    CHECK(members == b.registry->devices(children));
  }
}

TEST_CASE("registry: the site has all devices of each model, by the model's name") {
  Built b(three_levels(), three_levels_of(2, 3, 4));
  REQUIRE(b.problem().empty());
  const TableId site = b.registry->site();
  CHECK(b.tables.rows(site) == 1);
  for (const char* name : {"hub", "block", "home"}) {
    const auto members = b.registry->members(site, b.relation(site, name), Row(size_t{0}));
    std::vector<uint32_t> all(b.registry->devices(b.table(name)));
    std::iota(all.begin(), all.end(), 0u);
    CHECK(std::equal(members.begin(), members.end(), all.begin(), all.end()));
  }
}

TEST_CASE("registry: a device without a parent is in no set") {
  Built b({model("block"), model("home", "block", "homes")},
          {entry("block", 2, "block-{i}"), entry("home", 1, "{block}/home-{i}", "block"),
           entry("home", 2, "stray-{i}")});
  REQUIRE(b.problem().empty());
  size_t members = 0;
  for (size_t p = 0; p < 2; ++p)
    members += b.registry->members(b.table("block"), b.relation(b.table("block"), "homes"), Row(p)).size();
  CHECK(members == 2);
  CHECK(b.registry->devices(b.table("home")) == 4);
}

TEST_CASE("registry: what cannot be is refused with its reason") {
  CHECK(Built({model("home", "blok", "homes"), model("block")}, {}).problem() ==
        "relation 'blok' leads to the unknown model 'blok'");
  CHECK(Built({model("home")}, {entry("hoem", 1, "x-{i}")}).problem() ==
        "the fleet names the unknown model 'hoem'");
  CHECK(Built({model("home")}, {entry("home", 2, "home-{i}"), entry("home", 1, "home-2")}).problem() ==
        "the device id 'home-2' is given twice");
  CHECK(Built({model("a"), model("b")}, {entry("a", 1, "x"), entry("b", 1, "x")}).problem() ==
        "the device id 'x' is given twice");
  CHECK(
      Built({model("block"), model("home")}, {entry("block", 1, "b"), entry("home", 1, "{block}/h", "block")})
          .problem() == "fleet entry 'home' is per 'block', but the model has no relation to it");
  CHECK(Built({model("block"), model("home", "block", "homes")}, {entry("home", 1, "{block}/h", "block")})
            .problem() == "fleet entry 'home' is per 'block', of which there is no device");
  auto a = model("a", "b", "as"), b = model("b", "a", "bs");
  CHECK(Built({a, b}, {entry("a", 1, "{b}/a", "b"), entry("b", 1, "{a}/b", "a")})
            .problem()
            .find("in a circle") != std::string::npos);
}

TEST_CASE(
    "registry: a parameter's spread is a factor of its own for each device, from the seed and the id alone") {
  auto home = model("home");
  ParameterConfig ua;
  ua.name = "UA";
  ua.value = 200;
  ua.spread = *Distribution::uniform(0.7, 1.3);
  home.parameters = {ua};
  Built b({home}, {entry("home", 2000, "home-{i}")});
  const auto values = b.values("home", 0);
  CHECK(*std::min_element(values.begin(), values.end()) >= 140);
  CHECK(*std::max_element(values.begin(), values.end()) <= 260);
  CHECK(std::accumulate(values.begin(), values.end(), 0.0) / 2000 == Approx(200).epsilon(0.02));
  CHECK(std::set<double>(values.begin(), values.end()).size() > 1990);
  // More devices, in another order of the file: each keeps its own.
  Built more({home}, {entry("home", 500, "other-{i}"), entry("home", 3000, "home-{i}")});
  const auto again = more.values("home", 0);
  CHECK(std::equal(values.begin(), values.end(), again.begin() + 500));
  CHECK(Built({home}, {entry("home", 2000, "home-{i}")}, 8).values("home", 0) != values);
}

TEST_CASE("registry: assignments set one value, choose words by weight, or draw") {
  auto home = model("home");
  ParameterConfig program, rooms, area;
  program.name = "program";
  program.words = {"frugal", "standard"};
  program.value = 1;
  rooms.name = "rooms";
  rooms.value = 3;
  area.name = "area";
  area.value = 100;
  home.parameters = {program, rooms, area};
  auto first = entry("home", 4000, "a-{i}"), second = entry("home", 10, "b-{i}");
  AssignmentConfig choose, set, draw;
  choose.parameter = "program";
  choose.weights = {0.3, 0.7};
  set.parameter = "rooms";
  set.value = 5;
  draw.parameter = "area";
  draw.draw = *Distribution::normal(150, 10);
  first.assignments = {choose, set, draw};
  Built b({home}, {first, second});
  REQUIRE(b.problem().empty());
  const auto table = b.table("home");
  const auto words = b.tables.values<uint8_t>(table, b.registry->model(table).parameters[0]);
  const auto frugal = std::count(words.begin(), words.begin() + 4000, 0);
  CHECK(frugal == Approx(1200).margin(100));
  CHECK(std::count(words.begin() + 4000, words.end(), 1) == 10);
  const auto areas = b.values("home", 2);
  CHECK(std::accumulate(areas.begin(), areas.begin() + 4000, 0.0) / 4000 == Approx(150).margin(1));
  CHECK(areas[4005] == 100);
  CHECK(b.values("home", 1)[0] == 5);
  CHECK(b.values("home", 1)[4000] == 3);

  first.assignments[0].parameter = "porgram";
  Built wrong({home}, {first});
  CHECK(wrong.problem() == "model 'home' has no parameter 'porgram'");
  CHECK(wrong.registry.error()[0].hint == "did you mean 'program'?");
}

TEST_CASE("registry: devices are found by id, and by patterns whose * does not cross a slash") {
  Built b(three_levels(), three_levels_of(2, 3, 12));
  REQUIRE(b.problem().empty());
  const auto found = b.registry->find("hub-2/block-3/home-12");
  REQUIRE(found.has_value());
  CHECK(b.registry->id(*found) == "hub-2/block-3/home-12");
  CHECK_FALSE(b.registry->find("hub-2/block-3/home-13"));
  CHECK_FALSE(b.registry->find(""));
  CHECK(b.registry->matching("hub-1").size() == 1);
  CHECK(b.registry->matching("hub-*").size() == 2);
  CHECK(b.registry->matching("hub-1/*").size() == 3);
  CHECK(b.registry->matching("hub-1/*/home-1?").size() == 9);
  CHECK(b.registry->matching("hub-1/**").size() == 3 + 36);
  CHECK(b.registry->matching("**").size() == b.registry->devices());
  CHECK(b.registry->matching("nothing*").empty());
  const auto all = b.registry->matching("**/home-1");
  CHECK(std::is_sorted(all.begin(), all.end()));  // in the order of the registry
}

TEST_CASE("registry: keys and credentials belong to the id and the seed") {
  Built a({model("home")}, {entry("home", 10, "home-{i}")}),
      b({model("other"), model("home")}, {entry("home", 20, "home-{i}")});
  Built c({model("home")}, {entry("home", 10, "home-{i}")}, 8);
  const DeviceRef first{a.table("home"), Row(size_t{3})}, second{b.table("home"), Row(size_t{3})};
  CHECK(a.registry->key(first) == b.registry->key(second));
  CHECK(a.registry->credential(first) == b.registry->credential(second));
  CHECK(a.registry->credential(first) != c.registry->credential(first));
  std::set<uint64_t> keys, credentials;
  for (size_t row = 0; row < 10; ++row) {
    keys.insert(a.registry->key({first.table, Row(row)}));
    credentials.insert(a.registry->credential({first.table, Row(row)}));
  }
  CHECK(keys.size() == 10);
  CHECK(credentials.size() == 10);
}

TEST_CASE("registry: tags and links are those of the device's fleet entry") {
  auto near = entry("home", 2, "near-{i}"), far = entry("home", 2, "far-{i}");
  near.link = "lte";
  near.tags = {"pilot"};
  far.link = "radio";
  Built b({model("home")}, {near, far});
  const auto at = [&](size_t row) { return DeviceRef{b.table("home"), Row(row)}; };
  CHECK(b.registry->link(at(1)) == "lte");
  CHECK(b.registry->link(at(2)) == "radio");
  CHECK(b.registry->tags(at(0)) == std::vector<std::string>{"pilot"});
  CHECK(b.registry->tags(at(3)).empty());
  CHECK(b.registry->matching("tag:pilot") == std::vector<DeviceRef>{at(0), at(1)});
  CHECK(b.registry->matching("tag:p*") == b.registry->matching("tag:pilot"));
  CHECK(b.registry->matching("tag:pil").empty());
}

TEST_CASE(
    "tables: new rows and columns are unknown, what is there stays, and an archive of another shape is "
    "refused") {
  lang::Schema schema;
  schema.tables.push_back({"t", {}, {}});
  const TableId t(size_t{0});
  const auto number = schema.add_column(t, {"x", {}, {}, lang::Storage::f64});
  Tables tables(schema);
  tables.resize(t, 3);
  tables.values<double>(t, number)[2] = 5;
  const auto flag = schema.add_column(t, {"b", lang::Type::boolean(), {}, lang::Storage::boolean});
  const auto instant = schema.add_column(t, {"i", {}, {}, lang::Storage::instant});
  tables.allocate_added();
  CHECK(tables.values<uint8_t>(t, flag)[0] == 2);
  CHECK(tables.values<int64_t>(t, instant)[2] == kNever.ns);
  tables.resize(t, 5000);  // beyond a block
  CHECK(tables.values<double>(t, number)[2] == 5);
  CHECK(std::isnan(tables.values<double>(t, number)[4999]));
  CHECK(tables.values<uint8_t>(t, flag)[4999] == 2);
  CHECK(load(tables.column(t, flag), lang::Storage::boolean, 0) == 0.5);

  ArchiveWriter archive;
  tables.save(archive);
  Tables same(schema), other(schema);
  same.resize(t, 5000);
  other.resize(t, 4000);
  ArchiveReader good(archive.bytes()), bad(archive.bytes());
  same.restore(good);
  CHECK((good.ok() && good.at_end()));
  CHECK(same.values<double>(t, number)[2] == 5);
  other.restore(bad);
  CHECK_FALSE(bad.ok());
}

TEST_CASE("tables: shards cover every row once, in order") {
  lang::Schema schema;
  schema.tables = {{"a", {}, {}}, {"b", {}, {}}};
  Tables tables(schema);
  tables.resize(TableId(size_t{0}), 20'000);
  tables.resize(TableId(size_t{1}), 1);
  std::vector<size_t> next(2);
  for (const auto& shard : tables.shards()) {
    CHECK(shard.first == next[shard.table.index()]);
    CHECK(shard.rows > 0);
    CHECK(shard.rows <= kShardRows);
    next[shard.table.index()] += shard.rows;
  }
  CHECK(next == std::vector<size_t>{20'000, 1});
}
