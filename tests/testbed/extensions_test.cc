// What a program around us adds to scenarios: refused where it does not, read by rules where it does.
#include <atomic>
#include <catch2/catch.hpp>
#include <cmath>

#include "loading.h"
#include "mml/loop.h"
#include "sim/fleet.h"
#include "testbed/extensions.h"
#include "testbed/reading/load.h"
#include "testbed/simulation.h"

using namespace looptwin;
using namespace looptwin::testbed;
using namespace looptwin::testbed::test;

namespace {

const std::atomic<bool> kNeverStop{false};

constexpr const char* kScenario = R"(scenario: tanks
duration: 2 min
feeds:
  market: {python: {class: "tools:Price", with: {least: 20 cm, many: 3, on_top: true, named: "x y"}}}
models:
  tank:
    telemetry: {level: {from: height, unit: cm, every: 5 s, range: [0, 400], resolution: 0.1}}
    physics: {states: {height: 1 m}, rates: {height: 1 cm/s}}
fleet: {tank: {count: 3}}
functions:
  twice: {each: tank, of: [level], unit: cm, python: {class: "tools:twice"}}
events:
  high: {each: tank, raise: twice > 2.5 m}
  dear: {raise: market.price > 2}
)";

/// Twice the column; above `most` it breaks.
class Twice final : public mml::ColumnFunction {
 public:
  explicit Twice(double most) : most_(most) {}
  Result<void> run(std::span<const std::span<const double>> arguments, std::span<double> result) override {
    ++calls;
    for (size_t row = 0; row < result.size(); ++row) {
      result[row] = 2 * arguments[0][row];
      if (result[row] > most_) result[row] = INFINITY;
    }
    return {};
  }
  size_t calls = 0;

 private:
  double most_;
};

/// A controller that counts how often it has run, and is on while the level is above a metre; it has no
/// answer beyond a number of runs.
class Counting final : public sim::ColumnCode {
 public:
  Counting(const ClassUse& use, double limit) : ColumnCode(use.name, use.span), limit_(limit) {
    const lang::Unit one{"1", lang::Type::number(lang::kRatio), 1, 0};
    const lang::Unit centimetre{"cm", lang::Type::number({{1}}), 0.01, 0};
    inputs_ = {{"level", Is::number, centimetre}};
    states_ = {{"runs", Is::number, one, 10}};
    outputs_ = {{"on", Is::truth, {}}};
  }
  std::span<const Column> inputs() const override { return inputs_; }
  std::span<const Column> states() const override { return states_; }
  std::span<const Column> outputs() const override { return outputs_; }
  std::optional<sim::CodeFailure> run(Time, Duration, sim::CodeColumns inputs, sim::CodeColumns states,
                                      sim::CodeColumns outputs) const override {
    for (size_t row = 0; row < states[0].size(); ++row) {
      states[0][row] += 1;
      if (states[0][row] > limit_ && row == 1) states[0][row] = NAN;
      outputs[0][row] = inputs[0][row] > 100 ? 1 : 0;
    }
    return std::nullopt;
  }

 private:
  double limit_;
  std::vector<Column> inputs_, states_, outputs_;
};

class Tools final : public Extensions {
 public:
  explicit Tools(double most = INFINITY) : twice(std::make_shared<Twice>(most)) {}
  Result<std::unique_ptr<sim::CoupledPlant>> plant(const ClassUse& use, const std::string&,
                                                   uint64_t) const override {
    return failure(use.span, "no plants here");
  }
  Result<std::vector<mml::FeedSignalConfig>> feed(const ClassUse& use, const std::string&, UnixTime,
                                                  Duration until, const lang::Units& units) const override {
    used = use;
    const auto source = std::make_shared<const Source>(Source{"unit", "1"});
    return std::vector<mml::FeedSignalConfig>{
        {"price", {}, *units.unit({source, 0, 1}), {Duration{}, minutes(1), until}, {1, 3, 3}}};
  }
  Result<std::shared_ptr<mml::ColumnFunction>> function(const ClassUse&, const std::string&) const override {
    return std::shared_ptr<mml::ColumnFunction>(twice);
  }
  Result<std::shared_ptr<const sim::ColumnCode>> controller(const ClassUse& use, const std::string&,
                                                            const lang::Units&) const override {
    return std::shared_ptr<const sim::ColumnCode>(std::make_shared<Counting>(use, limit));
  }
  Result<std::shared_ptr<const sim::ColumnCode>> physics(const ClassUse& use, const std::string&,
                                                         const lang::Units&) const override {
    return failure(use.span, "no physics here");
  }
  SourcePtr source(const ClassUse&, const std::string&) const override {
    return std::make_shared<const Source>(Source{"tools.py", "# tools"});
  }

  std::shared_ptr<Twice> twice;
  double limit = INFINITY;  ///< of Counting
  mutable ClassUse used;
};

Result<Scenario> load_with(const std::string& text, const Extensions* extensions) {
  return load_text(std::make_shared<const Source>(Source{"text", text}), ".", {}, extensions);
}

std::string changed(std::string text, const std::string& from, const std::string& to) {
  REQUIRE(text.find(from) != std::string::npos);
  return text.replace(text.find(from), from.size(), to);
}

}  // namespace

TEST_CASE("extensions: a program without any refuses a class where it is named, and says how to run it") {
  const auto refused = load_with(kScenario, nullptr);
  REQUIRE_FALSE(refused.has_value());
  CHECK(
      in_short(refused.error()) ==
      "text:4:12: 'tools:Price' is a Python class, and this program has no Python [write python3 -m looptwin "
      "in place of looptwin, or looptwin.run(\"PATH\") in Python]\n"
      "text:11:46: 'tools:twice' is a Python class, and this program has no Python [write python3 -m "
      "looptwin "
      "in place of looptwin, or looptwin.run(\"PATH\") in Python]\n");
}

TEST_CASE(
    "extensions: a class is made with what the scenario says, quantities in SI, and its file belongs to it") {
  const Tools tools;
  const auto scenario = load_with(kScenario, &tools);
  REQUIRE(scenario.has_value());
  CHECK(std::get<double>(tools.used.with.at("least")) == 0.2);
  CHECK(std::get<double>(tools.used.with.at("many")) == 3);
  CHECK(std::get<bool>(tools.used.with.at("on_top")));
  CHECK(std::get<std::string>(tools.used.with.at("named")) == "x y");
  CHECK(std::count_if(scenario->sources.begin(), scenario->sources.end(),
                      [](const auto& source) { return source->name == "tools.py"; }) == 1);
  CHECK(in_short(load_with(changed(kScenario, "unit: cm, python", "python"), &tools).error())
            .find("the function 'twice' needs one of unit and boolean") != std::string::npos);
  CHECK(in_short(load_with(changed(kScenario, "{python: {class: \"tools:Price\"",
                                   "{file: x.csv, python: {class: \"tools:Price\""),
                           &tools)
                     .error())
            .find("keep one of python:, file: and signals:") != std::string::npos);
}

TEST_CASE(
    "extensions: rules read a function's result in its unit, and it is asked only where something is new") {
  const Tools tools;
  auto scenario = load_with(kScenario, &tools);
  REQUIRE(scenario.has_value());
  auto made = Simulation::make({std::move(*scenario), {}, {}}, {.threads = 1}, kNeverStop);
  REQUIRE(made.has_value());
  auto& simulation = **made;
  CHECK(simulation.advance(simulation.end()) == mml::RunEnd::reached_end);
  // 1.25 m are there after 25 s: three tanks, and the price from the second minute on.
  CHECK(simulation.assembly().loop().decisions() == 4);
  // A tank samples every 5 s, each at a time of its own: at most three boundaries of five have something new.
  CHECK(tools.twice->calls > 24);
  CHECK(tools.twice->calls < 80);
}

TEST_CASE("extensions: a function that fails ends the run with its name, the time and the device") {
  const Tools tools(299);
  auto scenario = load_with(kScenario, &tools);
  REQUIRE(scenario.has_value());
  auto made = Simulation::make({std::move(*scenario), {}, {}}, {.threads = 1}, kNeverStop);
  REQUIRE(made.has_value());
  CHECK((*made)->advance((*made)->end()) == mml::RunEnd::failed);
  const auto why = in_short((*made)->problems());
  CHECK(why.find("the function 'twice' at 00:00:5") != std::string::npos);
  CHECK(why.find("inf for 'tank-") != std::string::npos);
  CHECK(why.find("[return NaN where it is unknown]") != std::string::npos);
}

TEST_CASE(
    "extensions: a function of what is not known before anything is evaluated is refused with the nearest") {
  const Tools tools;
  auto scenario = load_with(changed(kScenario, "of: [level]", "of: [levle]"), &tools);
  REQUIRE(scenario.has_value());
  const auto built = Assembly::build(std::move(*scenario));
  REQUIRE_FALSE(built.has_value());
  CHECK(in_short(built.error())
            .find("'tank' has nothing named 'levle' that a function could be of [did you mean 'level'?") !=
        std::string::npos);
}

namespace {

constexpr const char* kCounting = R"yaml(scenario: tanks
duration: 2 min
models:
  tank:
    telemetry: {level: {from: height, unit: m, every: 5 s, range: [0, 4], resolution: 0.01}}
    physics: {states: {height: 0.5 m}, rates: {height: "if(on, 0 m/s, 2 cm/s)"}}
    controller: {every: 2 s, python: {class: "tools:Counting"}}
fleet: {tank: {count: 3, id: "tank-{i}"}}
)yaml";

double truth(Simulation& simulation, const std::string& name, size_t row) {
  auto& assembly = simulation.assembly();
  for (size_t s = 0; s < assembly.tables().shards().size(); ++s) assembly.fleet().settle(s, simulation.now());
  const auto symbol = assembly.fleet().true_names(TableId(0)).at(name);
  return twin::load(assembly.tables().column(TableId(0), symbol.column),
                    assembly.schema().column(TableId(0), symbol.column).storage, row);
}

}  // namespace

TEST_CASE(
    "extensions: a controller's code sees what is measured, in its units, and its states are the devices'") {
  const Tools tools;
  auto scenario = load_with(kCounting, &tools);
  REQUIRE(scenario.has_value());
  auto made = Simulation::make({std::move(*scenario), {}, {}}, {.threads = 1}, kNeverStop);
  REQUIRE(made.has_value());
  auto& simulation = **made;
  REQUIRE(simulation.advance(kStart + minutes(1)) == mml::RunEnd::reached_end);
  // At 0 s, 2 s, … 60 s; above a metre after 26 s, where it stays.
  CHECK(truth(simulation, "runs", 1) == 41);
  CHECK(truth(simulation, "on", 2) == 1);
  CHECK(truth(simulation, "height", 0) == Approx(1.02).margin(0.021));
  const auto fork = simulation.fork(1, kNeverStop, nullptr);
  REQUIRE(fork.has_value());
  REQUIRE((*fork)->advance(kStart + minutes(2)) == mml::RunEnd::reached_end);
  CHECK(truth(**fork, "runs", 1) == 71);
  CHECK(truth(simulation, "runs", 1) == 41);
}

TEST_CASE(
    "extensions: code in devices that gives no finite number ends the run with the time and the device") {
  Tools tools;
  tools.limit = 40.5;
  auto scenario = load_with(kCounting, &tools);
  REQUIRE(scenario.has_value());
  auto made = Simulation::make({std::move(*scenario), {}, {}}, {.threads = 1}, kNeverStop);
  REQUIRE(made.has_value());
  CHECK((*made)->advance((*made)->end()) == mml::RunEnd::failed);
  CHECK(in_short((*made)->problems()) ==
        "text:7:30: the class 'tools:Counting' at 00:01:00 for tank-2: runs is nan [hand out finite "
        "numbers]\n");
}
