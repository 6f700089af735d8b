// Types, units, names and places: what the checker makes of them, and what it says where they do not fit.
#include "lang/checker.h"

#include <bit>
#include <catch2/catch.hpp>
#include <cmath>

#include "checker_bench.h"

namespace looptwin::lang {
namespace {

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
  CHECK(
      b.bad("sin(temperature - cool)") ==
      "sin() takes a ratio, but `temperature - cool` is a difference in K | divide it, as in (temperature - "
      "cool) / 1 K");
  CHECK(
      b.bad("log((power - 1 kW))") ==
      "log() takes a ratio, but `(power - 1 kW)` is a value in kW | divide it, as in (power - 1 kW) / 1 kW");
  CHECK(
      b.bad("log((power) + (1 kW))") ==
      "log() takes a ratio, but `(power) + (1 kW)` is a value in kW | divide it, as in ((power) + (1 kW)) / "
      "1 kW");
  CHECK(b.bad("exp(2 * power)") ==
        "exp() takes a ratio, but `2 * power` is a value in kW | divide it, as in 2 * power / 1 kW");
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
  CHECK(b.bad("interp(power, 1 kW, 1, 2 kW, 3, outside=beyond)")
            .starts_with("outside= says what stands beyond the table's ends"));
  CHECK(b.bad("interp(power, 1 kW, 1, 2 kW, y=3)")
            .starts_with("interp() takes its points by position, and outside= by name"));
}

TEST_CASE("checker: a table in two directions has rows of one length, rising points and values of one type") {
  Bench b;
  const auto table = [](const std::string& rows) {
    return "interp(efficiency, power, [1 kW, 2 kW], " + rows + ")";
  };
  CHECK(b.good(table("[0 %, 10 kW, 20 kW], [50 %, 30 kW, 60 kW]")).op == Op::interpolate2);
  CHECK(b.constant("interp(1, 3, [2, 4], [0, 10, 20], [2, 30, 60])") == Approx(30));
  CHECK(b.bad(table("[0 %, 10 kW], [50 %, 30 kW, 60 kW]"))
            .starts_with("this row has 2 values instead of 3: its point, then one for each of the 2 points"));
  CHECK(b.bad(table("[0 %, 10 kW, 20 kW]")).starts_with("a table in two directions has at least two points"));
  CHECK(b.bad(table("[50 %, 10 kW, 20 kW], [0 %, 30 kW, 60 kW]")) ==
        "`0 %` is not above the point before it | write the points in rising order");
  CHECK(b.bad(table("[0 %, 10 kW, 20 kW], [50 %, 30 kW, 60 K]")).find("`60 K`") != std::string::npos);
  CHECK(b.bad(table("[0 %, 10 kW, 20 kW], [50 %, 30 kW, power]"))
            .starts_with("the points of interp() are constants"));
  CHECK(b.bad(table("[0 %, 10 kW, 20 kW], 50 %"))
            .starts_with("a table in two directions has a list for each row"));
}

TEST_CASE("checker: outside=extend goes on along a table's last straight piece") {
  Bench b;
  CHECK(b.constant("interp(5, 1, 1, 2, 3)") == 3);
  CHECK(b.constant("interp(5, 1, 1, 2, 3, outside=hold)") == 3);
  CHECK(b.constant("interp(5, 1, 1, 2, 3, outside=extend)") == 9);
  CHECK(b.constant("interp(-1, 1, 1, 2, 3, 4, 3, outside=extend)") == -3);
  CHECK(b.constant("interp(3, 3, [1, 2], [1, 0, 1], [2, 2, 5])") == 5);
  // z = x·y·2 - ..., worked out from the cell's corners: rows at y = 3 are 2 and 8, and at x = 3 14.
  CHECK(b.constant("interp(3, 3, [1, 2], [1, 0, 1], [2, 2, 5], outside=extend)") == 14);
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

}  // namespace looptwin::lang
