// Relations, sets, windows, forecasts and controllers' functions: what the checker makes of them.
#include <catch2/catch.hpp>

#include "checker_bench.h"

namespace looptwin::lang {
namespace {

constexpr Dimension kPower{{2, 1, -3}};

}  // namespace

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

TEST_CASE("checker: quality() is a field's quality as a word, good() says that its value is known") {
  Bench b;
  const auto block = sample::kBlock;
  const Node stale = b.good("quality(power) == \"stale\"");
  CHECK(stale.op == Op::equal);
  CHECK(b.graph[stale.args[0]].op == Op::column);
  CHECK(b.graph[stale.args[0]].type == Type::enumeration_of(EnumId(2)));
  CHECK(b.good("quality(power) in [\"stale\", \"flat\"]").type == Type::boolean());
  CHECK(b.good("quality(power) == quality(temperature)").type == Type::boolean());
  CHECK(b.good("count(homes, quality(power) == \"flat\") > 2", block).type == Type::boolean());
  CHECK(b.good("share(quality(homes.power) == \"flat\")", block).type == Type::number());
  CHECK(b.good("time_true(good(power) over 5 min)").type == Type::number(kTimeDimension));

  CHECK(b.good("good(power)").op == Op::known);
  CHECK(b.id("good(power)") == b.id("known(power)"));
  CHECK(b.good("count(homes, good(power))", block).op == Op::set_count);
  CHECK(b.id("count(good(homes.power))", block) == b.id("count(homes, good(power))", block));

  CHECK(b.bad("quality(power) == \"fine\"") ==
        "\"fine\" is not one of good, never, stale, flat | write one of these words");
  CHECK(b.bad("quality(cool) == \"good\"") ==
        "`cool` is no telemetry field: it has no quality | write known(cool)");
  CHECK(b.bad("good(cool)") == "`cool` is no telemetry field: it has no quality | write known(cool)");
  CHECK(b.bad("good(block)") == "`block` is a block, not a value | write one of its values, as block.limit");
  CHECK(b.bad("good(power * 2)") ==
        "good() takes a name, not an expression | write good(x) around each name, or known(power * 2)");
  CHECK(b.bad("quality(power * 2)") ==
        "quality() takes a name, not an expression | write quality(x) around each name");
  CHECK(b.bad("avg(quality(power) over 5 min) > 1")
            .starts_with("avg() takes numbers, but `quality(power)` is"));
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

TEST_CASE("checker: what is about one value says how a set is asked, with all that it was given") {
  Bench b;
  const auto says = [&](const std::string& text, TableId table = sample::kBlock) {
    const auto said = b.bad(text, table);
    return said.substr(said.find(" | ") + 3);
  };
  CHECK(says("ago(homes.power, 1 h)") == "write sum(homes, ago(power, 1 h))");
  CHECK(says("percentile(homes.power over 1 d, 50 %)") ==
        "write sum(homes, percentile(power over 1 d, 50 %)) or percentile(sum(homes.power) over 1 d, 50 %)");
  CHECK(says("avg(homes.temperature over 1 d, same_hour=true)") ==
        "write avg(homes, avg(temperature over 1 d, same_hour=true)) or avg(avg(homes.temperature) over 1 d, "
        "same_hour=true)");
  CHECK(says("ago(power, 500 d)", sample::kHome) == "write a longer every=, as every=2 h");
  CHECK(b.good("ago(power, 500 d, every=2 h)").op == Op::ago);
  CHECK(says("held(homes.online, 10 s)") == "write all(homes, held(online, 10 s))");
  CHECK(b.good("sum(homes, percentile(power over 1 d, 50 %))", sample::kBlock).op == Op::set_sum);
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
  CHECK(b.good("delay(power, 4096 s)", c).number == std::vector<double>{4096});
  CHECK(b.bad("delay(power, 4097 s)", c) ==
        "a delay of 4097 periods is kept for every device | at most 4096 are: use a shorter delay or a "
        "longer period");
}

}  // namespace looptwin::lang
