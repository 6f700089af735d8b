// The order of evaluation: what lands in which stratum, and which circles are refused.
#include "lang/plan.h"

#include <catch2/catch.hpp>

#include "sample_schema.h"

using namespace looptwin;
using namespace looptwin::lang;
using namespace looptwin::lang::sample;

namespace {

/// Expressions and events, as wiring makes them: an event's column is added before any expression is checked.
struct Bench {
  Schema schema = sample::schema();
  Graph graph;
  Scopes scopes = sample::rules(schema);
  std::vector<Demand> demands;
  std::vector<Producer> producers;
  uint32_t instance = 0;

  NodeId check(std::string_view text, TableId table) {
    auto checked = sample::check(text, schema, scopes, graph, table, {.instance = ++instance});
    INFO(text << ": " << checked.first());
    REQUIRE(checked.node.valid());
    return checked.node;
  }
  void demand(std::string_view text, TableId table) { demands.push_back({check(text, table), table, {}}); }

  void declare(const std::string& event, TableId table) {
    Producer p;
    p.name = event;
    p.table = table;
    p.column = schema.add_column(table, {event, Type::boolean(), {}, Storage::boolean});
    p.span = {std::make_shared<Source>(Source{"rules.yaml", event}), 0, static_cast<uint32_t>(event.size())};
    Symbol symbol;
    symbol.type = Type::boolean();
    symbol.column = p.column;
    scopes.of_table[table.index()].names[event] = symbol;
    producers.push_back(p);
  }
  void raise(const std::string& event, std::string_view text) {
    for (auto& p : producers)
      if (p.name == event) p.needs.push_back(check(text, p.table));
  }

  Result<Plan> plan() {
    const auto sampled = [&](TableId table, ColumnId column) {
      const auto& name = schema.column(table, column).name;
      return table == kHome && (name == "temperature" || name == "power");
    };
    const auto constant = [&](TableId table, ColumnId column) {
      const auto& name = schema.column(table, column).name;
      return name == "limit" || name == "cool.default";
    };
    return build_plan(schema, graph, demands, producers, sampled, constant);
  }

  Plan planned() {
    auto made = plan();
    INFO((made ? "" : render(made.error())));
    REQUIRE(made.has_value());
    return std::move(*made);
  }
};

/// "p:home s:block e:hot": what a stratum holds, in the order of evaluation.
std::vector<std::string> shape(const Plan& plan, const Bench& bench) {
  std::vector<std::string> strata;
  for (const auto& stratum : plan.strata) {
    std::string text;
    const auto add = [&](const std::string& item) { text += (text.empty() ? "" : " ") + item; };
    for (const auto& s : stratum.sets) add("s:" + bench.schema.table(s.owner).name);
    for (const auto& w : stratum.windows) add("w:" + bench.schema.table(w.table).name);
    for (const auto& p : stratum.programs) add("p:" + bench.schema.table(p.table).name);
    for (const auto& e : stratum.producers) add("e:" + bench.producers[e.index].name);
    strata.push_back(text);
  }
  return strata;
}
using Shape = std::vector<std::string>;

/// "message | hint" of the problems.
std::string problems(const Result<Plan>& plan) {
  if (plan) return "";
  std::string text;
  for (const auto& d : plan.error()) text += (text.empty() ? "" : "; ") + d.message + " | " + d.hint;
  return text;
}

}  // namespace

TEST_CASE("plan: what depends on nothing that changes has a program of its own") {
  Bench b;
  b.declare("hot", kBlock);
  b.raise("hot", "limit > 2 MW");
  const std::vector<std::string> steady = {"default(cool)", "default(cool) + 3 K", "default(cool) > 20 degC",
                                           "if(default(cool) > 20 degC, 1 K, 2 K)", "25 degC"};
  const std::vector<std::string> changing = {"cool",
                                             "temperature - default(cool)",
                                             "desired(cool) + 3 K",
                                             "weather.temperature > default(cool)",
                                             "held(default(cool) > 20 degC, 1 min)",
                                             "previous(default(cool))",
                                             "time_of_day() > 8 h",
                                             "block.hot",
                                             "block.limit > 1 MW"};
  for (const auto& text : steady) b.demand(text, kHome);
  for (const auto& text : changing) b.demand(text, kHome);
  const auto plan = b.planned();
  for (size_t d = 0; d < plan.demands.size(); ++d) {
    const bool is_steady = d < steady.size();
    INFO((is_steady ? steady[d] : changing[d - steady.size()]));
    CHECK(plan.demands[d].steady == is_steady);
    CHECK(plan.is_steady(kHome, plan.demands[d].column) == is_steady);
  }
  CHECK(shape(plan, b) == Shape{"p:block p:home p:home e:hot", "p:home"});
  for (const auto& p : plan.strata[0].programs)
    if (p.steady) CHECK(p.program.uniforms().empty());
}

TEST_CASE("plan: what reads only reported values is one stratum, one program a table") {
  Bench b;
  b.demand("temperature > 25 degC", kHome);
  b.demand("power * 2 > 3 kW && temperature > 25 degC", kHome);
  b.demand("limit > 1 MW", kBlock);
  const auto plan = b.planned();
  CHECK(shape(plan, b) == Shape{"p:block p:home"});
  CHECK(plan.demands.size() == 3);
  for (const auto& p : plan.strata[0].programs) CHECK(p.steady == (p.table == kBlock));
  for (const auto& d : plan.demands) CHECK(b.schema.column(d.table, d.column).storage == Storage::boolean);
}

TEST_CASE("plan: a set over a computed value comes a stratum after it, a set over a column in the first") {
  Bench b;
  b.demand("sum(homes.power) > limit", kBlock);
  CHECK(shape(b.planned(), b) == Shape{"s:block p:block"});
  Bench c;
  c.demand("count(homes, temperature > 25 degC) > 3", kBlock);
  CHECK(shape(c.planned(), c) == Shape{"p:home", "s:block p:block"});
}

TEST_CASE("plan: sets of sets climb one stratum a level") {
  Bench b;
  b.demand("sum(blocks, sum(homes.power)) > capacity", kGrid);
  CHECK(shape(b.planned(), b) == Shape{"s:block", "s:grid p:grid"});
  Bench c;
  c.demand("any(blocks, count(homes, power * 2 > 3 kW) > 3)", kGrid);
  CHECK(shape(c.planned(), c) == Shape{"p:home", "s:block p:block", "s:grid"});
}

TEST_CASE("plan: related values are computed in the table that they belong to, hop by hop") {
  Bench b;
  b.demand("block.limit > 1 MW", kHome);  // a column: read in place
  CHECK(shape(b.planned(), b) == Shape{"p:home"});
  Bench c;
  c.demand("power > block.grid.capacity / 10", kHome);
  const auto plan = c.planned();
  CHECK(shape(plan, c) == Shape{"p:block", "p:home"});
  REQUIRE(plan.strata[1].programs[0].related.size() == 1);
  CHECK(plan.strata[1].programs[0].related[0].to == kBlock);
  REQUIRE(plan.strata[0].programs[0].related.size() == 1);
  CHECK(plan.strata[0].programs[0].related[0].to == kGrid);
  Bench d;
  d.demand("power > sum(block.homes.power) / 10", kHome);
  CHECK(shape(d.planned(), d) == Shape{"s:block", "p:home"});
}

TEST_CASE("plan: windows over samples belong to the hot history, windows over the rest to their stratum") {
  Bench b;
  b.demand("avg(power over 5 min) > 3 kW", kHome);
  const auto sampled = b.planned();
  CHECK(shape(sampled, b) == Shape{"p:home"});
  REQUIRE(sampled.sampled.size() == 1);
  CHECK(sampled.sampled[0].sampled);
  Bench c;
  c.demand("avg(sum(homes.power) over 5 min) > limit", kBlock);
  const auto boundary = c.planned();
  CHECK(boundary.sampled.empty());
  REQUIRE(boundary.strata.size() == 2);
  CHECK(boundary.strata[0].sets.size() == 1);
  REQUIRE(boundary.strata[1].windows.size() == 1);
  CHECK(boundary.strata[1].windows[0].span == minutes(5));
  CHECK(boundary.strata[1].programs.size() == 1);
  Bench d;
  d.demand("sum(homes, avg(power over 5 min)) > limit", kBlock);
  CHECK(shape(d.planned(), d) == Shape{"", "s:block p:block"});  // the hot history comes before all strata
}

TEST_CASE("plan: what is written twice is computed once") {
  Bench b;
  b.demand("sum(homes.power) > limit", kBlock);
  b.demand("sum(homes.power) > limit * 2", kBlock);
  b.demand("sum(homes.power) > limit", kBlock);
  const auto plan = b.planned();
  CHECK(plan.strata[0].sets.size() == 1);
  CHECK(plan.demands[0].column == plan.demands[2].column);
  CHECK(plan.demands[0].column != plan.demands[1].column);
}

TEST_CASE("plan: an event comes after what it needs and before what reads it, across tables") {
  Bench b;
  b.declare("hot", kHome);
  b.declare("crowded", kBlock);
  b.declare("calm", kHome);
  b.raise("calm", "!block.crowded");
  b.raise("crowded", "count(homes, hot) > 3");
  b.raise("hot", "temperature > 25 degC");
  CHECK(shape(b.planned(), b) == Shape{"p:home e:hot", "s:block p:block e:crowded", "p:home e:calm"});
}

TEST_CASE("plan: events that depend on each other in a circle are an error; previous() breaks it") {
  Bench b;
  b.declare("a", kHome);
  b.declare("b", kHome);
  b.raise("a", "b && power > 1 kW");
  b.raise("b", "!a");
  const auto refused = b.plan();
  CHECK(problems(refused) ==
        "'a' depends on itself, by way of 'b' | write previous(a) where its value of the cycle before is "
        "meant");
  REQUIRE_FALSE(refused.error().empty());
  CHECK(refused.error()[0].span.source->name == "rules.yaml");

  Bench c;
  c.declare("a", kHome);
  c.declare("b", kHome);
  c.raise("a", "b && power > 1 kW");
  c.raise("b", "!previous(a)");
  CHECK(c.planned().strata.size() == 2);
}

TEST_CASE("plan: where a member of a group reads the group, it is the group's value before that is offered") {
  for (const bool group_first : {false, true}) {
    Bench b;
    b.declare(group_first ? "tripped_by" : "low", kHome);
    b.declare(group_first ? "low" : "tripped_by", kHome);
    b.raise("low", "power > 1 kW && !tripped_by");
    b.raise("tripped_by", "low");
    for (auto& p : b.producers) p.of_members = p.name == "tripped_by";
    CHECK(problems(b.plan()).find("write previous(tripped_by) where its value") != std::string::npos);
  }
}

TEST_CASE("plan: a circle through a set and a relation is found") {
  Bench b;
  b.declare("hot", kHome);
  b.declare("crowded", kBlock);
  b.raise("hot", "block.crowded");
  b.raise("crowded", "count(homes, hot) > 3");
  CHECK(problems(b.plan()).find("'hot' depends on itself, by way of 'crowded' | write previous(") !=
        std::string::npos);
  Bench c;
  c.declare("hot", kHome);
  c.raise("hot", "power > 1 kW && hot");
  CHECK(problems(c.plan()) ==
        "'hot' depends on itself | write previous(hot) where its value of the cycle before is meant");
}

TEST_CASE("plan: previous() of an event is kept before the event is stepped, however late it is read") {
  Bench b;
  b.declare("first", kHome);
  b.declare("second", kHome);
  b.declare("third", kHome);
  b.raise("first", "power > 1 kW");
  b.raise("second", "first && temperature > 25 degC");
  b.raise("third", "second && !previous(first)");
  const auto plan = b.planned();
  REQUIRE(plan.strata.size() == 3);
  CHECK(plan.strata[2].producers[0].index == 2);
  // The copy is a root of the first stratum's program, which runs before `first` is stepped.
  REQUIRE(plan.strata[0].programs.size() == 1);
  size_t kept = 0;
  for (const auto& root : plan.strata[0].programs[0].program.roots())
    kept += b.graph[root.node].op == Op::previous;
  CHECK(kept == 1);
}

TEST_CASE("plan: previous() breaks a circle through relations, sets and whatever else stands in it") {
  const auto circle = [](std::string_view hot, std::string_view crowded) {
    Bench b;
    b.declare("hot", kHome);
    b.declare("crowded", kBlock);
    b.raise("hot", hot);
    b.raise("crowded", crowded);
    return shape(b.planned(), b);
  };
  const char* many = "count(homes, hot) > 3";
  CHECK(circle("power > 1 kW && !previous(block.crowded)", many) ==
        Shape{"p:home e:hot", "s:block p:block e:crowded", "p:home"});
  CHECK(circle("!previous(block.crowded || temperature > 25 degC)", many).size() == 3);
  CHECK(circle("power > 1 kW && !block.crowded", "previous(count(homes, hot)) > 3") ==
        Shape{"p:block e:crowded", "p:home e:hot", "s:block"});
  CHECK(circle("previous(held(block.crowded, 10 s))", many).size() == 3);

  Bench still;  // what previous() asks for may not go round itself
  still.declare("hot", kHome);
  still.raise("hot", "previous(power > 1 kW) && hot");
  CHECK(problems(still.plan()).find("'hot' depends on itself") != std::string::npos);
}

TEST_CASE("plan: a window over a feed is over its values at the boundaries") {
  Bench b;
  b.demand("avg(weather.temperature over 1 h) > 25 degC", kHome);
  CHECK(shape(b.planned(), b) == Shape{"p:home", "w:home p:home"});
}
