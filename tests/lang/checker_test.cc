#include "lang/checker.h"

#include <bit>
#include <catch2/catch.hpp>
#include <cmath>

#include "naive.h"
#include "random_expression.h"
#include "sample_schema.h"

namespace looptwin::lang {
namespace {

struct Bench {
  Schema schema = sample::schema();
  Scopes rules = sample::rules(schema);
  Graph graph;

  Node good(std::string_view text, TableId table = sample::kHome, const Wanted& wanted = {}) {
    return good(text, rules, table, wanted);
  }
  Node good(std::string_view text, const Scopes& scopes, TableId table = sample::kHome,
            const Wanted& wanted = {}) {
    const auto checked = sample::check(text, schema, scopes, graph, table, wanted);
    INFO(text << "\n" << render(checked.diagnostics));
    REQUIRE(checked.node.valid());
    REQUIRE(checked.diagnostics.empty());
    return graph[checked.node];
  }
  std::string bad(std::string_view text, TableId table = sample::kHome, const Wanted& wanted = {}) {
    return bad(text, rules, table, wanted);
  }
  std::string bad(std::string_view text, const Scopes& scopes, TableId table = sample::kHome,
                  const Wanted& wanted = {}) {
    const auto checked = sample::check(text, schema, scopes, graph, table, wanted);
    INFO(text);
    CHECK_FALSE(checked.node.valid());
    REQUIRE_FALSE(checked.diagnostics.empty());
    return checked.first();
  }
  NodeId id(std::string_view text, TableId table = sample::kHome, const Wanted& wanted = {}) {
    const auto checked = sample::check(text, schema, rules, graph, table, wanted);
    REQUIRE(checked.node.valid());
    return checked.node;
  }
  double constant(std::string_view text) {
    const Node node = good(text);
    INFO(text);
    REQUIRE(node.op == Op::constant);
    return node.number[0];
  }
  /// The one node of this operation below a node.
  Node below(const Node& node, Op op) {
    if (node.op == op) return node;
    for (const NodeId arg : node.args)
      if (const Node found = below(graph[arg], op); found.op == op) return found;
    return node;
  }
};

constexpr Dimension kPower{{2, 1, -3}};

}  // namespace

TEST_CASE("checker: constants are folded, in SI") {
  Bench b;
  CHECK(b.constant("1 + 2 * 3") == 7);
  CHECK(b.constant("2 kW + 500 W") == 2500);
  CHECK(b.constant("-40 degC") == Approx(233.15));
  CHECK(b.constant("20 degC - 68 degF") == Approx(0).margin(1e-9));
  CHECK(b.constant("max(1 h, 30 min)") == 3600);
  CHECK(b.constant("if(2 > 1, 3 kW, 0 kW)") == 3000);
  CHECK(b.constant("pow(9 m2, 1 / 2)") == 3);
  CHECK(b.constant("sqrt(9 m2)") == 3);
  CHECK(b.constant("mod(-1, 3)") == 2);
  CHECK(b.constant("interp(15 degC, 10 degC, 1, 20 degC, 2)") == Approx(1.5));
  CHECK(b.constant("clamp(5, 0, 2)") == 2);
  CHECK(b.constant("!(1 == 2)") == 1);
  CHECK(b.constant("kelvin(20 degC)") == 293.15);
  CHECK(b.constant("absolute(2 barg) / 1 bar") == 3);
  CHECK(b.constant("exp(0) + log10(100) + round(2.5)") == 6);
  CHECK(b.constant("10 m/s") == 10);
}

TEST_CASE("checker: points and differences have types of their own") {
  Bench b;
  CHECK(b.good("temperature - cool").type == Type::number(kTemperature));
  CHECK(b.good("temperature + 3 K").type == Type::point_of(kTemperature));
  CHECK(b.good("3 K + temperature").type == Type::point_of(kTemperature));
  CHECK(b.good("max(temperature, cool)").type == Type::point_of(kTemperature));
  CHECK(b.good("avg(temperature, cool)").type == Type::point_of(kTemperature));
  CHECK(b.good("kelvin(temperature) * 2").type == Type::number(kTemperature));
  CHECK(b.good("(temperature - cool) * UA").type == Type::number(kPower));
  CHECK(b.good("feed_water > 3 barg").type == Type::boolean());
  CHECK(b.good("absolute(feed_water) > supply").type == Type::boolean());
  CHECK(b.good("now() - seen > 5 min").type == Type::boolean());
  CHECK(b.bad("temperature - cool > 3 degC") ==
        "`3 degC` is a point on a scale, but `temperature - cool` is a difference in K | write 3 K");
  CHECK(b.bad("temperature + cool") ==
        "`temperature` and `cool` are both points on a scale: they cannot be added | add a difference, or "
        "write avg(a, b)");
  CHECK(b.bad("temperature + 2 degC") ==
        "`temperature` and `2 degC` are both points on a scale: they cannot be added | write 2 K");
  CHECK(b.bad("attic - temperature > 5 degF") ==
        "`5 degF` is a point on a scale, but `attic - temperature` is a difference in degR | write 5 degR "
        "(2.778 K)");
  CHECK(b.bad("3 K - temperature") ==
        "`temperature` is a point on a scale: it cannot be taken from a difference in K | take a difference "
        "from a point, or a point from a point");
  CHECK(b.bad("temperature > 300 K") ==
        "`300 K` is a difference, but `temperature` is a point in degC | write 26.85 degC");
  CHECK(b.bad("feed_water > 3 bar") ==
        "`3 bar` is a difference, but `feed_water` is a point in barg | write 2 barg");
  CHECK(b.bad("temperature * 2") ==
        "`temperature` is a point on a scale: it cannot be multiplied | take a difference first, or write "
        "kelvin(temperature)");
  CHECK(b.bad("20 degC * 2") ==
        "`20 degC` is a point on a scale: it cannot be multiplied | write 20 K for a difference");
  CHECK(b.bad("-feed_water") ==
        "`feed_water` is a point on a scale: it cannot be negated | take a difference first, or write "
        "absolute(feed_water)");
  CHECK(b.bad("temperature > temperature - cool") ==
        "`temperature` is a point in degC, `temperature - cool` is a difference in K: they cannot be "
        "compared | "
        "take the difference of two points first, or write kelvin(temperature)");
  CHECK(b.bad("sum(temperature, cool)")
            .starts_with("`temperature` is a point on a scale: it cannot be added | "));
  CHECK(b.bad("now() > 3 s") ==
        "`now()` is an instant, `3 s` is a value in s: they cannot be compared | take the difference of two "
        "points first");
  CHECK(b.bad("kelvin(3 K)") ==
        "kelvin() takes a temperature such as 20 degC, but `3 K` is a difference in K | write 3 K");
}

TEST_CASE("checker: dimensions are types") {
  Bench b;
  CHECK(b.good("power * 1 h").type == b.good("energy").type);
  CHECK(b.good("energy / power > 2 h").type == Type::boolean());
  CHECK(b.good("power / area").type == b.good("weather.ghi").type);
  CHECK(b.good("sqrt(area)").type == Type::number(Dimension{{1}}));
  CHECK(b.good("pow(area, 1.5)").type == Type::number(Dimension{{3}}));
  CHECK(b.good("cbrt(pow(area, 3))").type == Type::number(Dimension{{2}}));
  CHECK(b.bad("power + supply") ==
        "`power` is a value in kW, `supply` is a value in bar: they cannot be added | ");
  CHECK(b.bad("power > energy") ==
        "`power` is a value in kW, `energy` is a value in kWh: they cannot be compared | one is the rate of "
        "the other: multiply or divide by a time");
  CHECK(b.bad("sqrt(power)") ==
        "sqrt() of a value in kW has no unit | take the root of a ratio, or of a unit to a power of 2");
  CHECK(b.bad("exp(power)") ==
        "exp() takes a ratio, but `power` is a value in kW | divide it, as in power / 1 kW");
  CHECK(b.bad("sin(temperature - cool)") ==
        "sin() takes a ratio, but `temperature - cool` is a difference in K | divide it, as in temperature - "
        "cool / 1 K");
  CHECK(b.bad("round(power)") ==
        "round() takes a ratio, but `power` is a value in kW | divide it, as in power / 1 kW");
  CHECK(b.bad("pow(power, efficiency)") ==
        "the exponent of a value in kW must be a number, so that the unit is known | write pow(x, 2), or "
        "divide x to a ratio first");
  CHECK(b.bad("pow(power, 0.3)").starts_with("`pow(power, 0.3)` has no unit"));
  CHECK(b.bad("pow(pow(power, 5), 5)").starts_with("the unit of this expression has powers beyond 20"));
  CHECK(b.bad("power / 0").starts_with("`power / 0` divides by zero"));
}

TEST_CASE("checker: a missing unit is asked for in the field's own") {
  Bench b;
  CHECK(b.bad("power > 0") == "a unit is missing: `power` is a value in kW | write 0 kW");
  CHECK(b.bad("power > 3") == "a unit is missing: `power` is a value in kW | write 3 kW");
  CHECK(b.bad("0 < power") == "a unit is missing: `power` is a value in kW | write 0 kW");
  CHECK(b.bad("temperature > 30") == "a unit is missing: `temperature` is a point in degC | write 30 degC");
  CHECK(b.bad("temperature - cool > 3") ==
        "a unit is missing: `temperature - cool` is a difference in K | write 3 K");
  CHECK(b.bad("if(online, power, 0)") == "a unit is missing: `power` is a value in kW | write 0 kW");
  CHECK(b.bad("power * 1 h > -5") == "a unit is missing: `power * 1 h` is a value in J | write -5 J");
  CHECK(b.bad("max(power, 0)") == "a unit is missing: `power` is a value in kW | write 0 kW");
  CHECK(b.bad("power in [1, 2 kW]") == "a unit is missing: `power` is a value in kW | write 1 kW");
  CHECK(b.bad("soc > 50") ==
        "a unit is missing: `soc` is a ratio in % | write 50 %, or 5000 % if the ratio 50 is meant");
  CHECK(b.bad("tilt > 45").starts_with("a unit is missing: `tilt` is a ratio in deg | write 45 deg, or"));
  CHECK(b.good("soc > 0").type == Type::boolean());
  CHECK(b.good("efficiency > 0.5").type == Type::boolean());
}

TEST_CASE("checker: words of an enumeration are compared with == != in, and the nearest is shown") {
  Bench b;
  const Node equal = b.good("program == \"standard\"");
  CHECK(equal.op == Op::equal);
  CHECK(b.graph[equal.args[1]].number[0] == 1);
  CHECK(b.good("'frugal' != program").op == Op::not_equal);
  CHECK(b.good("mode in [\"auto\", \"away\"]").op == Op::logical_or);
  CHECK(b.bad("program == \"frugl\"") ==
        "\"frugl\" is not one of frugal, standard | did you mean \"frugal\"?");
  CHECK(b.bad("program == \"x\"") == "\"x\" is not one of frugal, standard | write one of these words");
  CHECK(b.bad("program == frugal") == "'frugal' is not known here | write \"frugal\" with quotes");
  CHECK(b.bad("program > \"frugal\"") ==
        "`program` is one of frugal, standard: it has no order | write ==, != or in [\"a\", \"b\"]");
  CHECK(b.bad("program == mode") ==
        "`program` is one of frugal, standard, `mode` is one of auto, manual, away: they cannot be compared "
        "| ");
  CHECK(b.bad("program == 1")
            .starts_with("`program` is one of frugal, standard, `1` is a number without unit"));
  CHECK(b.bad("power == \"3 kW\"") ==
        "`power` is a value in kW, not one of declared words | write a number with its unit, without quotes");
  CHECK(b.bad("\"a\" == \"a\"").starts_with("two texts are compared"));
  CHECK(b.bad("program in \"frugal\"") == "'in' takes a list | write program in [a, b]");
  CHECK(b.bad("program in []").starts_with("the list is empty"));
  CHECK(b.good("if(online, program, \"frugal\") == \"frugal\"").type == Type::boolean());
}

TEST_CASE("checker: conditions are conditions, and numbers numbers") {
  Bench b;
  CHECK(b.good("online && !fan || power > 1 kW").type == Type::boolean());
  CHECK(b.good("not online").op == Op::logical_not);
  CHECK(b.good("online == fan").op == Op::equal);
  CHECK(b.bad("power && online") ==
        "'&&' needs a condition, but `power` is a value in kW | compare it, as in power > 0 kW");
  CHECK(
      b.bad("!power > 3 kW") ==
      "'!' needs a condition, but `power` is a value in kW | compare it in brackets, as in !(power > 0 kW)");
  CHECK(b.bad("online > fan") == "`online` is a condition: it has no order | write ==, !=, && or ||");
  CHECK(b.bad("online + 1") == "`online` is a condition: it cannot be added | write if(online, 1, 0)");
  CHECK(b.bad("if(power, 1, 2)").starts_with("if() needs a condition, but `power` is a value in kW"));
  CHECK(
      b.bad("if(online, 3 kW, 3 bar)")
          .starts_with("`3 kW` is a value in kW, `3 bar` is a value in bar: they cannot be chosen between"));
  CHECK(b.bad("program && online") ==
        "'&&' needs a condition, but `program` is one of frugal, standard | compare it, as in program == "
        "\"…\"");
}

TEST_CASE("checker: names that mean nothing here say what to write") {
  Bench b;
  CHECK(b.bad("temprature > 3 degC") == "'temprature' is not known here | did you mean 'temperature'?");
  CHECK(b.bad("limit > 3 kW") == "'limit' is not known here | write block.limit or host.limit");
  CHECK(b.bad("air > 3 degC") ==
        "'air' is not visible here | a rule sees what is reported: write temperature");
  CHECK(b.bad("power > zzzzzz", sample::kBlock) ==
        "'power' is not known here | write sum(guests.power) or sum(homes.power)");
  CHECK(b.bad("block.limt > 3 kW") == "block has no 'limt' | did you mean 'limit'?");
  CHECK(b.bad("power.kW") ==
        "`power` is a value and has no 'kW' | only relations and feeds have parts: block.limit, "
        "weather.temperature");
  CHECK(b.bad("weather > 3") == "`weather` is a feed | write one of its signals, as weather.wind");
  CHECK(b.bad("weather.temp > 3 degC") ==
        "the feed weather has no signal 'temp' | it has temperature, ghi, wind");
  CHECK(b.bad("weather.gi > 3 W/m2") == "the feed weather has no signal 'gi' | did you mean weather.ghi?");
  CHECK(b.bad("block > 3") == "`block` is a block, not a value | write one of its values, as block.limit");
  CHECK(b.bad("homes", sample::kBlock) ==
        "`homes` is a set of home, not a value | write one value of it, as sum(homes.UA) or count(homes)");
  CHECK(b.bad("avrg(power)").starts_with("'avrg' is not a function | did you mean avg("));
  CHECK(b.bad("average(power)") == "'average' is not a function | write avg");
  CHECK(b.bad("power(3)") == "'power' is not a function | it is a name: write power * (…) for a product");
  CHECK(b.bad("power / kW > 3").starts_with("'kW' is not known here"));
  CHECK(b.bad("efficiency == True") == "'True' is not known here | write true");
  CHECK(b.bad("now > seen") == "'now' is not known here | write now()");
}

TEST_CASE("checker: each place sees its own names") {
  Bench b;
  const auto controller = sample::controller(b.schema);
  CHECK(b.bad("electric > 3 kW", controller) ==
        "`electric` cannot be read here | a controller sees its telemetry, not true state: write power");
  CHECK(b.bad("block.limit", controller) ==
        "'block' is not visible here | a controller sees only its own device");
  CHECK(b.bad("avg(power over 5 min)", controller)
            .starts_with("avg() looks back in time: that is for rules, events and alarms | "));
  CHECK(b.bad("held(online, 5 s)", sample::physics(b.schema)).starts_with("held() looks back in time"));
  CHECK(b.bad("truth(power)") ==
        "truth() is only for tests and requirements: rules see what was reported | write power");
  CHECK(b.good("truth(power)", sample::requirements(b.schema)).column.valid());
  CHECK(b.bad("truth(program)", sample::requirements(b.schema)).starts_with("`program` has no true value"));
  CHECK(b.bad("hysteresis(power, on=1 kW, off=2 kW)") ==
        "hysteresis() belongs in a controller | write it under controller: of the model");
  CHECK(b.good("desired(cool) - default(cool)").type == Type::number(kTemperature));
  CHECK(b.bad("desired(power)") == "`power` is no setpoint: nothing is desired of it | write it alone");
  CHECK(b.bad("desired(cool + 1 K)") ==
        "desired() takes a name, not an expression | write desired(x) around each name");
  CHECK(b.good("p0", sample::physics(b.schema)).number[0] == 2e5);
}

TEST_CASE("checker: a name may stand for a node that was checked before") {
  Bench b;
  const auto outdoor = sample::check("weather.temperature", b.schema, b.rules, b.graph);
  auto physics = sample::physics(b.schema);
  Symbol input;
  input.is = Symbol::Is::node;
  input.type = b.graph[outdoor.node].type;
  input.node = outdoor.node;
  physics.of_table[sample::kHome.index()].names["outdoor"] = input;
  const Node flow = b.good("UA * (outdoor - temperature)", physics);
  CHECK(flow.type == Type::number(kPower));
  CHECK(b.below(flow, Op::feed).op == Op::feed);
  CHECK(b.bad("outdoor > 3", physics) == "a unit is missing: `outdoor` is a point in degC | write 3 degC");
}

TEST_CASE("checker: relations reach one row, or the members of a set") {
  Bench b;
  const Node limit = b.good("block.limit");
  CHECK(limit.op == Op::related);
  CHECK(limit.table == sample::kHome);
  CHECK(b.graph[limit.args[0]].table == sample::kBlock);
  CHECK(b.good("block.grid.capacity").op == Op::related);

  const Node sum = b.good("sum(homes.power)", sample::kBlock, {.minimum_good = 0.95});
  CHECK(sum.op == Op::set_sum);
  CHECK(sum.table == sample::kBlock);
  CHECK(sum.number == std::vector<double>{0.95});
  CHECK(b.graph[sum.args[0]].table == sample::kHome);
  CHECK(b.id("sum(homes, power)", sample::kBlock, {.minimum_good = 0.95}) ==
        b.id("sum(homes.power)", sample::kBlock, {.minimum_good = 0.95}));
  CHECK(b.good("count(homes)", sample::kBlock).op == Op::set_size);
  CHECK(b.good("count(homes, power > 3 kW)", sample::kBlock).op == Op::set_count);
  CHECK(b.good("count(homes.power > 3 kW)", sample::kBlock).op == Op::set_count);
  CHECK(b.good("share(homes, !online) > 10 %", sample::kBlock).type == Type::boolean());
  CHECK(b.good("all(homes.online)", sample::kBlock).type == Type::boolean());
  CHECK(b.good("any(homes, temperature > 30 degC)", sample::kBlock).type == Type::boolean());
  CHECK(b.good("avg(homes.temperature)", sample::kBlock).type == Type::point_of(kTemperature));
  CHECK(b.good("max(homes.temperature - homes.cool)", sample::kBlock).type == Type::number(kTemperature));
  CHECK(b.good("sum(homes.power * 2)", sample::kBlock).op == Op::set_sum);
  CHECK(b.good("max(age(homes.power)) > 1 min", sample::kBlock).type == Type::boolean());
  CHECK(b.good("sum(block.homes.power)").op == Op::related);
  CHECK(b.good("sum(blocks, sum(homes.power))", sample::kGrid).op == Op::set_sum);
  CHECK(b.good("max(homes, avg(power over 5 min))", sample::kBlock).op == Op::set_maximum);
  CHECK(b.good("count(homes, block.closed)", sample::kBlock).op == Op::set_count);
  CHECK(b.good("voted(2, homes, power > 3 kW, bad=vote)", sample::kBlock).op == Op::greater_equal);
  // A value of the row, seen from each member through the inverse relation.
  const Node scaled = b.good("max(homes.power / limit)", sample::kBlock);
  const Node seen = b.below(scaled, Op::related);
  CHECK(seen.table == sample::kHome);
  CHECK(seen.relation == RelationId(0));
}

TEST_CASE("checker: what a set cannot be is said with what to write") {
  Bench b;
  const auto block = sample::kBlock;
  CHECK(b.bad("homes.power > 3 kW", block) ==
        "`homes.power > 3 kW` has a value for each member of a set, one is wanted | write all(homes.power > "
        "3 kW), any(homes.power > 3 kW) or count(homes.power > 3 kW)");
  CHECK(b.bad("homes.power", block) ==
        "`homes.power` has a value for each member of a set, one is wanted | write sum(homes.power), "
        "avg(homes.power), min(homes.power) or max(homes.power)");
  CHECK(b.bad("sum(homes.power + guests.power)", block) ==
        "`homes.power` and `guests.power` are over different sets | aggregate each, as in sum(homes.power) "
        "and sum(guests.power)");
  CHECK(b.bad("sum(homes.temperature)", block) ==
        "`homes.temperature` is a point on a scale: points have no sum | write avg(homes.temperature), or "
        "sum differences");
  CHECK(b.bad("sum(homes)", block) ==
        "`homes` is a set of home, not a value | write one value of it, as sum(homes.UA) or count(homes)");
  CHECK(b.bad("sum(homes, limit)", block).starts_with("'limit' is not known here | write block.limit"));
  CHECK(
      b.bad("count(homes.power)", block) ==
      "count() needs a condition, but `homes.power` is a value in kW | compare it, as in homes.power > 0 kW");
  CHECK(b.bad("sum(homes.online)", block) ==
        "sum() takes numbers, but `homes.online` is a condition | write count(homes, condition) or "
        "share(homes, condition)");
  CHECK(b.bad("all(online)") ==
        "all() takes a set, but `online` is one value | write a && b, or all(homes, condition)");
  CHECK(b.bad("min(power)") ==
        "min() of one value: `power` is a value in kW | write min(x over 5 min), min(homes.power) or min(a, "
        "b)");
  CHECK(b.bad("blocks.homes.power", sample::kGrid) ==
        "`blocks.homes` is a set within a set | aggregate twice, as in sum(blocks, sum(homes.x))");
  CHECK(b.bad("avg(homes.power over 5 min)", block) ==
        "avg() is about one value, but `homes.power` has one for each member of a set | write sum(homes, "
        "avg(power over 5 min)) or avg(sum(homes.power) over 5 min)");
  CHECK(b.bad("count(homes, weather.wind > 3 m/s)", block)
            .starts_with("`weather.wind > 3 m/s` does not depend on the members of the set"));
  CHECK(b.bad("voted(0, homes, online)", block).starts_with("the number of votes is a whole number from 1"));
}

TEST_CASE("checker: windows are times of fixed length over one value") {
  Bench b;
  const Node mean = b.good("avg(power over 5 min)");
  CHECK(mean.op == Op::window_mean);
  CHECK(mean.span == minutes(5));
  CHECK(mean.table == sample::kHome);
  CHECK(b.good("max(temperature over 2 * 5 min)").span == minutes(10));
  CHECK(b.good("slope(temperature over 1 h) > 2 K/h").type == Type::boolean());
  CHECK(b.good("delta(temperature over 1 h)").type == Type::number(kTemperature));
  CHECK(b.good("stddev(power over 1 h)").type == Type::number(kPower));
  CHECK(b.good("count(power over 1 h) < 60").type == Type::boolean());
  CHECK(b.good("rises(online over 1 h)").op == Op::rises);
  CHECK(b.good("time_true(power > 3 kW over 1 h) > 20 min").type == Type::boolean());
  CHECK(b.good("avg(sum(homes.power) over 5 min)", sample::kBlock).table == sample::kBlock);
  CHECK(b.good("avg(weather.wind over 5 min)").table == sample::kHome);
  CHECK(b.good("held(power > 3 kW, 10 s)").op == Op::held);
  CHECK(b.good("age(power) > 30 s").type == Type::boolean());
  CHECK(b.good("previous(power)").type == Type::number(kPower));
  CHECK(b.bad("avg(power over 0 s)") == "a window of 0 s is empty | write a time above zero, as 5 min");
  CHECK(b.bad("avg(power over -5 min)") == "a window of -300 s is empty | write a time above zero, as 5 min");
  CHECK(b.bad("avg(power over 5)") == "a window needs a unit of time | write 5 s or 5 min");
  CHECK(b.bad("avg(power over power)") ==
        "a window needs a span of time, but `power` is a value in kW | write a time, as 5 min");
  CHECK(b.bad("avg(power over age(power))") ==
        "a window needs a fixed time, known before the run; `age(power)` is not | write a time, as 5 min");
  CHECK(b.bad("avg(power, 5 min)") ==
        "the window of avg() follows the word 'over' | write avg(power over 5 min)");
  CHECK(b.bad("slope(power, 5 min)") ==
        "the window of slope() follows the word 'over' | write slope(power over 5 min)");
  CHECK(b.bad("sum(power over 5 min)").starts_with("sum() has no window"));
  CHECK(b.bad("avg(online over 5 min)") ==
        "avg() takes numbers, but `online` is a condition | write time_true(online over 5 min) / (5 min)");
  CHECK(b.bad("rises(power over 5 min)") ==
        "rises() needs a condition, but `power` is a value in kW | compare it, as in power > 0 kW");
  CHECK(b.bad("held(online, 10)") == "held() needs a unit of time | write 10 s or 10 min");
  CHECK(b.bad("age(cool)") == "`cool` is never sampled: it has no age | age() takes a telemetry field");
  const auto brief = sample::check("avg(power over 5 s)", b.schema, b.rules, b.graph);
  CHECK(brief.node.valid());
  CHECK(brief.first() ==
        "`power` is sampled every 10 s: a window of 5 s is often empty | write at least 20 s");
}

TEST_CASE("checker: forecasts are asked of feeds that have one") {
  Bench b;
  const Node at = b.good("forecast(weather.temperature, 2 h)");
  CHECK(at.number == std::vector<double>{7200});
  CHECK_FALSE(at.table.valid());
  const Node most = b.good("forecast_max(weather.temperature, 0 h, 4 h) > 34 degC");
  CHECK(b.below(most, Op::forecast_maximum).number == std::vector<double>{0, 14400});
  CHECK(b.bad("forecast(power, 2 h)").starts_with("`power` is not a feed's signal: nobody forecasts it"));
  CHECK(b.bad("forecast(weather.wind, 2 h)") ==
        "the feed of `weather.wind` has no forecast | declare forecast: under the feed");
  CHECK(b.bad("forecast_max(weather.ghi, 4 h, 0 h)").starts_with("the window from 4 h to 0 s is empty"));
}

TEST_CASE("checker: controllers' functions hold their arguments together") {
  Bench b;
  const auto c = sample::controller(b.schema);
  const Node switched = b.good("hysteresis(temperature - cool, on=0.25 K, off=-0.25 K, min_off=5 min)", c);
  CHECK(switched.op == Op::hysteresis);
  CHECK(switched.args.size() == 5);
  CHECK(b.graph[switched.args[3]].number[0] == 0);
  CHECK(b.graph[switched.args[4]].number[0] == 300);
  const Node pid =
      b.good("pid(sp=cool, pv=temperature, kp=2 kW/K, ti=5 min, low=0 kW, high=5 kW, action=direct)", c);
  CHECK(pid.type == Type::number(kPower));
  REQUIRE(pid.args.size() == 10);
  CHECK(b.graph[pid.args[2]].number[0] == -2000);
  CHECK(b.graph[pid.args[3]].number[0] == 300);
  CHECK(std::isnan(b.graph[pid.args[8]].number[0]));
  CHECK(pid.span == seconds(1));
  CHECK(b.good("pid(sp=100 %, pv=soc, kp=0.5, mode=mode == \"manual\", track=efficiency)", c).op == Op::pid);
  CHECK(b.good("ramp(cool, 2 K/min)", c).type == Type::point_of(kTemperature));
  CHECK(b.good("delay(power, 10 s)", c).number == std::vector<double>{10});
  CHECK(b.good("latch(power > 3 kW, online)", c).op == Op::latch);
  CHECK(b.bad("hysteresis(temperature, on=25 degC, off=3 K)", c)
            .starts_with("`3 K` is a difference, but `temperature` is a point"));
  CHECK(b.bad("hysteresis(power, on=1 kW, off=1 kW)", c)
            .starts_with("on= and off= are equal: the output would chatter"));
  CHECK(b.bad("hysteresis(power, 1 kW)", c) == "hysteresis() needs off | write hysteresis(x, on=a, off=b)");
  CHECK(b.bad("pid(sp=cool, pv=temperature, kp=2, low=0 kW, high=5 kW)", c) ==
        "a unit is missing: a value in W/K is wanted here | write 2 W/K");
  CHECK(b.bad("pid(sp=cool, pv=power, kp=2)", c)
            .starts_with("`cool` is a point in degC, `power` is a value in kW: they cannot be compared"));
  CHECK(b.bad("pid(sp=cool, pv=temperature, kp=2 kW/K, ti=5 min, low=5 kW, high=0 kW)", c)
            .starts_with("low= is not below high="));
  CHECK(b.bad("pid(sp=cool, pv=temperature, kp=2 kW/K, high=5 kW, acton=direct)", c)
            .ends_with("did you mean action=?"));
  CHECK(b.bad("pid(sp=cool, pv=temperature, kp=2 kW/K, high=5 kW, action=cooling)", c)
            .starts_with("action= says which way"));
  CHECK(b.bad("ramp(power, 2 kW)", c) ==
        "the rate of ramp() is wanted in kW/min, but `2 kW` is a value in kW | write a value in kW/min");
  CHECK(b.bad("delay(power, 1.5 s)", c) == "1.5 s is not a multiple of the period 1 s | write 2 s");
}

TEST_CASE("checker: arguments have names, and each has one value") {
  Bench b;
  CHECK(b.good("clamp(power, low=0 kW, high=5 kW)").op == Op::clamp);
  CHECK(b.bad("clamp(power, 1 kW)") == "clamp() needs high | write clamp(x, low, high)");
  CHECK(b.bad("clamp(power, 1 kW, hgh=2 kW)") == "clamp() has no argument 'hgh' | did you mean high=?");
  CHECK(b.bad("clamp(power, 1 kW, 2 kW, 3 kW)") ==
        "clamp() takes at most 3 arguments | write clamp(x, low, high)");
  CHECK(b.bad("clamp(power, x=1 kW, high=2 kW)") == "x= is given twice | take one out");
  CHECK(b.bad("clamp(power, 5 kW, 1 kW)").starts_with("low `5 kW` is above high `1 kW`"));
  CHECK(b.bad("interp(power, 1 kW, 1, 1 kW, 2)") ==
        "`1 kW` is not above the point before it | write the points in rising order");
  CHECK(b.bad("interp(power, 1 kW, 1)").starts_with("interp() takes a value and at least two points"));
  CHECK(
      b.bad("interp(power, 1 kW, 1, 2 kW, efficiency)").starts_with("the points of interp() are constants"));
}

TEST_CASE("checker: the place says what type it wants, and the unit of a bare number") {
  Bench b;
  const Wanted condition{.type = Type::boolean()};
  CHECK(b.bad("power", sample::kHome, condition) ==
        "a condition is wanted here, but `power` is a value in kW | compare it, as in power > 0 kW");
  Unit degree{"degC", Type::point_of(kTemperature), 1, 273.15};
  const Wanted setpoint{.type = degree.type, .bare = degree};
  CHECK(b.good("23", sample::kHome, setpoint).number[0] == Approx(296.15));
  CHECK(b.good("-5", sample::kHome, setpoint).number[0] == Approx(268.15));
  CHECK(b.good("default(cool) + 2 K", sample::kHome, setpoint).type == degree.type);
  CHECK(b.bad("2 K", sample::kHome, setpoint) ==
        "`2 K` is a difference, but a point in degC is wanted here | write -271.15 degC");
  CHECK(b.bad("power", sample::kHome, setpoint) ==
        "`power` is a value in kW, but a point in degC is wanted here | ");
  CHECK(b.bad("online", sample::kHome, setpoint) ==
        "a point in degC is wanted here, but `online` is a condition | write if(online, a, b)");
  const Wanted program{.type = Type::enumeration_of(EnumId(0))};
  CHECK(b.good("\"standard\"", sample::kHome, program).number[0] == 1);
  CHECK(b.good("if(online, \"standard\", \"frugal\")", sample::kHome, program).op == Op::choose);
  CHECK(b.bad("standard", sample::kHome, program) ==
        "'standard' is not known here | write \"standard\" with quotes");
  CHECK(b.bad("\"standrd\"", sample::kHome, program) ==
        "\"standrd\" is not one of frugal, standard | did you mean \"standard\"?");
}

TEST_CASE("checker: what is written twice is one node, and state is told apart by its place") {
  Bench b;
  CHECK(b.id("power + 1 kW") == b.id("power+1000 W"));
  CHECK(b.id("held(online, 5 s)", sample::kHome, {.instance = 1}) ==
        b.id("held(online, 5 s)", sample::kHome, {.instance = 1}));
  CHECK(b.id("held(online, 5 s)", sample::kHome, {.instance = 1}) !=
        b.id("held(online, 5 s)", sample::kHome, {.instance = 2}));
  CHECK(b.id("avg(power over 5 min)", sample::kHome, {.instance = 1}) ==
        b.id("avg(power over 5 min)", sample::kHome, {.instance = 2}));
}

TEST_CASE("checker: spans are those of the file that the expression stands in") {
  Bench b;
  const std::string file = "rules:\n  raise: >\n    power >\n      3 bar\n";
  const auto source = std::make_shared<Source>(Source{"rules.yaml", file});
  const auto begin = static_cast<uint32_t>(file.find("power")), end = static_cast<uint32_t>(file.size());
  Diagnostics diagnostics;
  Checker checker(sample::units(), b.schema, b.graph, diagnostics);
  CHECK_FALSE(checker.check({source, begin, end}, b.rules, sample::kHome, {}).valid());
  REQUIRE(diagnostics.size() == 1);
  CHECK(file.substr(diagnostics[0].span.begin, diagnostics[0].span.end - diagnostics[0].span.begin) ==
        "power >\n      3 bar");
  CHECK(diagnostics[0].message ==
        "`power` is a value in kW, `3 bar` is a value in bar: they cannot be compared");
  CHECK(render(diagnostics[0]).starts_with("rules.yaml:3:5: error: "));
}

TEST_CASE("checker: a unit that is also a name is a unit, and a warning says so") {
  Bench b;
  Symbol height;
  height.is = Symbol::Is::constant;
  height.type = Type::number(Dimension{{1}});
  b.rules.of_table[sample::kHome.index()].names["h"] = height;
  const auto checked = sample::check("energy / 1 h > 10 kW/h * 1 h", b.schema, b.rules, b.graph);
  CHECK(checked.node.valid());
  REQUIRE(checked.diagnostics.size() == 1);
  CHECK(checked.diagnostics[0].severity == Severity::warning);
  CHECK(checked.first() == "'h' in `10 kW/h` is the unit, not the name | write 10 kW / h for the name");
}

TEST_CASE("checker: an expression has at most three errors") {
  Bench b;
  const auto checked = sample::check("a1 + a2 > a3 + a4", b.schema, b.rules, b.graph);
  CHECK(checked.diagnostics.size() == 3);
}

TEST_CASE("checker: the time of day is a time, weekdays and days of the year are numbers") {
  Bench b;
  CHECK(b.good("time_of_day() >= 16 h && weekday() <= 5").type == Type::boolean());
  CHECK(b.good("day_of_year() < 90").type == Type::boolean());
  CHECK(b.bad("time_of_day() >= 16") == "a unit is missing: `time_of_day()` is a value in h | write 16 h");
  CHECK(b.bad("hour() >= 16") == "'hour' is not a function | write time_of_day(), which compares with 16 h");
}

TEST_CASE("checker: random well-typed expressions are accepted, and are what they were wished to be") {
  Bench b;
  for (uint64_t seed = 0; seed < 3000; ++seed) {
    sample::RandomExpression random(seed, {.state = seed % 2 == 0});
    const auto wish = static_cast<sample::Wish>(random.below(6));
    const auto text = random.text(wish);
    const auto checked = sample::check(text, b.schema, b.rules, b.graph);
    INFO(seed << ": " << text << "\n" << render(checked.diagnostics));
    REQUIRE(checked.node.valid());
    REQUIRE(checked.diagnostics.empty());
    const Type types[] = {
        Type::number(kPower), Type::point_of(kTemperature),   Type::number(kTemperature), Type::number(),
        Type::boolean(),      Type::enumeration_of(EnumId(0))};
    REQUIRE(b.graph[checked.node].type == types[static_cast<int>(wish)]);
  }
}

TEST_CASE("checker: an expression of constants folds to what it means for a row with these values") {
  struct Named {
    std::string_view name, literal;
  };
  static constexpr Named kValues[] = {{"power", "(1.75 kW)"},    {"temperature", "(24 degC)"},
                                      {"cool", "(21.5 degC)"},   {"attic", "(80 degF)"},
                                      {"efficiency", "(0.875)"}, {"soc", "(40 %)"},
                                      {"online", "(1 < 2)"},     {"fan", "(2 < 1)"}};
  Bench b;
  // A home with these values, and the same expression with the values in place of the names.
  World world;
  world.columns.resize(3);
  for (auto& table : world.columns) table.resize(40, {std::nan("")});
  for (const auto& value : kValues) {
    const auto& symbol = b.rules.of_table[sample::kHome.index()].names.at(std::string(value.name));
    world.columns[sample::kHome.index()][symbol.column.index()][0] = b.constant(value.literal);
  }
  int compared = 0;
  for (uint64_t seed = 0; seed < 3000; ++seed) {
    sample::RandomExpression random(seed, {.relations = false, .sets = false, .feeds = false});
    const auto text = random.text(static_cast<sample::Wish>(random.below(5)));
    if (text.find("mode") != text.npos || text.find("program") != text.npos) continue;
    std::string constant;
    for (size_t at = 0; at < text.size();) {
      size_t length = 0;
      while (at + length < text.size() &&
             (std::isalnum(static_cast<unsigned char>(text[at + length])) || text[at + length] == '_'))
        ++length;
      const auto word = std::string_view(text).substr(at, std::max<size_t>(length, 1));
      const auto* named = std::find_if(std::begin(kValues), std::end(kValues),
                                       [&](const Named& n) { return n.name == word; });
      constant += named == std::end(kValues) ? word : named->literal;
      at += word.size();
    }
    const auto general = sample::check(text, b.schema, b.rules, b.graph);
    const auto folded = sample::check(constant, b.schema, b.rules, b.graph);
    INFO(seed << ": " << text << "\n" << constant << "\n" << render(folded.diagnostics));
    if (!folded.node.valid() && folded.diagnostics[0].message.find("divides by zero") != std::string::npos)
      continue;
    if (!folded.node.valid() && folded.diagnostics[0].message.find("by zero") != std::string::npos) continue;
    REQUIRE(folded.node.valid());
    REQUIRE(b.graph[folded.node].op == Op::constant);
    const double meant = Naive(b.schema, b.graph, {&world, 1}).value(general.node, 0);
    const double got = b.graph[folded.node].number[0];
    REQUIRE((meant == got || (std::isnan(meant) && std::isnan(got))));
    ++compared;
  }
  CHECK(compared > 1500);
}

}  // namespace looptwin::lang
