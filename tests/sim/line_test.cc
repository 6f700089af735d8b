// Production lines against queues and lines whose solution is known: M/M/1, M/D/1, M/M/c, Erlang's loss
// formula, Gershwin's deterministic two-machine line (Manufacturing Systems Engineering, 1994, ch. 3; his
// Markov chain solved for these numbers), and inspection by Bayes' rule.
#include <catch2/catch.hpp>
#include <cmath>

#include "base/random.h"
#include "sim/plants/line.h"

using namespace looptwin;
using namespace looptwin::sim;

namespace {

Distribution exponential(double mean) { return *Distribution::exponential(mean); }
Distribution constant(double value) { return *Distribution::constant(value); }

/// P(k) = r (1 - r)^(k - 1) for k = 1, 2, ... as far as it matters.
Distribution geometric(double r) {
  std::vector<double> values, weights;
  double weight = r;
  for (int k = 1; weight > 1e-13; ++k, weight *= 1 - r) {
    values.push_back(k);
    weights.push_back(weight);
  }
  return *Distribution::discrete(values, weights);
}

std::unique_ptr<ProductionLine> make(const LineConfig& config, uint64_t seed = 1) {
  auto made = ProductionLine::make(config, seed);
  if (!made) FAIL(render(made.error()));
  return std::move(*made);
}

double value(ProductionLine& line, const char* port) { return line.values()[*find_port(line, port)]; }
void set(ProductionLine& line, const char* port, double value) {
  line.values()[*find_port(line, port)] = value;
}
void advance(ProductionLine& line, double to) { line.advance(Time{std::llround(to * 1e9)}); }

/// Means over batches of a figure that the ports count up, the first batch left out.
struct Estimate {
  double mean = 0, half_width = 0;  ///< of the 95 % confidence interval
  bool holds(double truth) const { return std::abs(mean - truth) <= half_width; }
};

template <typename Figure>
Estimate estimate(ProductionLine& line, int batches, double length, Figure figure) {
  double before = 0, sum = 0, squares = 0;
  for (int i = 0; i <= batches; ++i) {
    advance(line, (i + 1) * length);
    const double total = figure();
    if (i > 0) {
      const double x = total - before;
      sum += x;
      squares += x * x;
    }
    before = total;
  }
  const double mean = sum / batches;
  const double deviation = std::sqrt((squares - batches * mean * mean) / (batches - 1));
  return {mean / length, 2.05 * deviation / std::sqrt(batches) / length};  // Student's t with 29 degrees
}

LineConfig queue(double every, Distribution takes, uint64_t machines) {
  LineConfig config;
  config.buffers = {{.name = "queue"}};
  config.sources = {{.name = "arrivals", .to = "queue", .every = exponential(every)}};
  config.stations = {{.name = "desk", .from = "queue", .machines = machines, .takes = takes}};
  return config;
}

Estimate waiting(const LineConfig& config, double length) {
  auto line = make(config);
  return estimate(*line, 30, length, [&] { return value(*line, "buffer.queue.level_time"); });
}

LineConfig two_machines(double p, double r, uint64_t places) {
  LineConfig config;
  // Gershwin's places hold the part that the second machine works on as well.
  config.buffers = {{.name = "between", .capacity = places - 1}};
  for (const char* name : {"first", "second"}) {
    LineStationConfig station{.name = name, .takes = constant(1), .blocking = LineBlocking::before_service};
    station.fails = p;
    station.repair = geometric(r);
    config.stations.push_back(station);
  }
  config.stations[0].to = "between";
  config.stations[1].from = "between";
  return config;
}

}  // namespace

TEST_CASE("line: queues have the lengths of their closed forms") {
  const struct {
    const char* name;
    LineConfig config;
    double length, truth;
  } cases[] = {{"M/M/1", queue(1.25, exponential(1), 1), 100'000, 3.2},
               {"M/D/1", queue(1.25, constant(1), 1), 50'000, 1.6},
               {"M/M/3", queue(1 / 2.4, exponential(1), 3), 40'000, 2.588764}};
  for (const auto& c : cases) {
    const Estimate length = waiting(c.config, c.length);
    INFO(c.name << ": " << length.mean << " within " << length.half_width);
    CHECK(length.holds(c.truth));
    CHECK(length.half_width < 0.02 * c.truth);
  }
}

TEST_CASE("line: what finds ten busy machines and no place is lost as Erlang has it") {
  LineConfig config = queue(0.1, exponential(1), 10);
  config.buffers[0].capacity = 0;
  config.sources[0].loses = true;
  auto line = make(config);
  const Estimate lost = estimate(*line, 30, 5'000, [&] { return value(*line, "source.arrivals.lost"); });
  INFO(lost.mean << " within " << lost.half_width);
  CHECK(std::abs(lost.mean / 10 - 0.2145823) <= lost.half_width / 10);
  CHECK(lost.half_width < 0.01 * lost.mean);
}

TEST_CASE("line: two machines with a buffer make what Gershwin's chain says") {
  const struct {
    double p, r;
    uint64_t places;
    double truth;
  } cases[] = {{0.01, 0.1, 4, 0.840936},
               {0.01, 0.1, 10, 0.856175},
               {0.01, 0.1, 50, 0.887845},
               {0.1, 0.1, 4, 0.359375},
               {0.1, 0.1, 10, 0.397727}};
  for (const auto& c : cases) {
    auto line = make(two_machines(c.p, c.r, c.places));
    const Estimate rate = estimate(*line, 30, 50'000, [&] { return value(*line, "line.delivered"); });
    INFO("p " << c.p << " N " << c.places << ": " << rate.mean << " within " << rate.half_width);
    CHECK(rate.holds(c.truth));
    CHECK(rate.half_width < 0.005);
  }
}

TEST_CASE("line: a machine alone makes what its failures leave") {
  LineConfig config;
  config.stations = {{.name = "saw", .takes = constant(1)}};
  config.stations[0].fails_every = exponential(100);
  config.stations[0].repair = exponential(10);
  auto line = make(config);
  const Estimate rate = estimate(*line, 30, 100'000, [&] { return value(*line, "line.delivered"); });
  CHECK(rate.holds(1 / 1.1));
  const double busy = value(*line, "station.saw.working_time"), down = value(*line, "station.saw.down_time");
  CHECK(busy + down == Approx(31 * 100'000.0).margin(1e-6));
  CHECK(down / busy == Approx(0.1).epsilon(0.03));
}

TEST_CASE("line: an inspection accepts, rejects and errs as its rates say") {
  LineConfig config;
  config.stations = {{.name = "press", .takes = constant(1)}};
  config.stations[0].spoils = 0.02;
  config.stations[0].inspects = LineInspectionConfig{.false_reject = 0.01, .false_accept = 0.05};
  auto line = make(config);
  const double n = 1e6;
  advance(*line, n);
  const auto near = [&](double count, double share) {
    INFO(count << " of " << n << ", " << share << " wanted");
    CHECK(std::abs(count / n - share) < 3.3 * std::sqrt(share * (1 - share) / n));
  };
  near(value(*line, "line.delivered"), 0.9712);
  near(value(*line, "line.delivered_defective"), 0.001);
  near(value(*line, "line.scrapped_good"), 0.0098);
}

TEST_CASE("line: a part takes its time through conveyors, at the speed asked for, and not while halted") {
  LineConfig config;
  config.buffers = {{.name = "belt", .travel = seconds(5)}};
  config.sources = {{.name = "in", .to = "belt", .every = constant(20)}};
  config.stations = {{.name = "mill", .from = "belt", .takes = constant(10)}};
  auto line = make(config);
  // In at 20 s, on the belt until 25 s, worked on for 10 s.
  advance(*line, 34.999);
  CHECK(value(*line, "line.delivered") == 0);
  advance(*line, 35);
  CHECK(value(*line, "line.delivered") == 1);
  CHECK(value(*line, "line.lead_time") == 15);
  // The next begins at 45 s: half of its work at full speed, the rest at half speed, with a halt of 3 s.
  advance(*line, 50);
  set(*line, "station.mill.speed", 0.5);
  advance(*line, 52);
  set(*line, "station.mill.halted", 1);
  advance(*line, 55);
  CHECK(value(*line, "station.mill.stopped") == 1);
  set(*line, "station.mill.halted", 0);
  advance(*line, 62.999);
  CHECK(value(*line, "line.delivered") == 1);
  advance(*line, 63);
  CHECK(value(*line, "line.delivered") == 2);
  // Stopped at the end of a cycle, it takes no more parts; the belt fills.
  set(*line, "station.mill.running", 0);
  advance(*line, 200);
  CHECK(value(*line, "line.delivered") == 2);
  CHECK(value(*line, "buffer.belt.level") == 8);
}

namespace {

/// A line with all that there is: merging, mending, conveyors, parallel machines, failures, loss.
LineConfig works() {
  LineConfig config;
  config.buffers = {{.name = "store", .capacity = 20},
                    {.name = "belt", .capacity = 6, .travel = seconds(3)},
                    {.name = "rework", .capacity = 3},
                    {.name = "direct", .capacity = 0}};
  config.sources = {{.name = "a", .to = "store", .every = exponential(4)},
                    {.name = "b", .to = "store", .every = exponential(9), .loses = true}};
  LineStationConfig cut{.name = "cut", .from = "store", .to = "belt", .machines = 3, .takes = exponential(6)};
  cut.fails_every = exponential(60);
  cut.repair = exponential(20);
  LineStationConfig weld{.name = "weld", .from = "belt", .to = "direct", .takes = constant(2)};
  weld.blocking = LineBlocking::before_service;
  weld.spoils = 0.2;
  LineStationConfig look{.name = "look", .from = "direct", .takes = constant(1)};
  look.inspects = LineInspectionConfig{0.05, 0.1, "rework"};
  LineStationConfig mend{.name = "mend", .from = "rework", .takes = exponential(8)};
  mend.fails = 0.1;
  mend.repair = constant(30);
  config.stations = {cut, weld, look, mend};
  return config;
}

/// The hand on the controls at a second, the same each time.
void touch(ProductionLine& line, uint64_t second) {
  const auto dice = [&](uint64_t n) { return random::bits(random::stream(7, "hand"), n, second) % 100; };
  if (dice(0) < 5) set(line, "station.cut.running", static_cast<double>(dice(1) < 70));
  if (dice(2) < 5) set(line, "station.weld.speed", static_cast<double>(dice(3)) / 40);
  if (dice(4) < 5) set(line, "station.look.halted", static_cast<double>(dice(5) < 30));
  if (dice(6) < 5) set(line, "source.a.rate", static_cast<double>(dice(7)) / 50);
  if (dice(8) < 2) set(line, "source.a.rate", std::nan(""));
}

}  // namespace

TEST_CASE("line: whatever is done to it, no part is lost or made, and buffers keep their bounds") {
  auto line = make(works());
  for (uint64_t second = 1; second <= 20'000; ++second) {
    touch(*line, second);
    advance(*line, static_cast<double>(second));
    const double in = value(*line, "source.a.made") + value(*line, "source.b.made");
    const double out = value(*line, "line.delivered") + value(*line, "line.scrapped");
    REQUIRE(in == out + value(*line, "line.in_line"));
    REQUIRE(value(*line, "buffer.store.level") <= 20);
    REQUIRE(value(*line, "buffer.belt.level") <= 6);
    REQUIRE(value(*line, "buffer.direct.level") == 0);
    double machines = 0;
    for (const char* state : {"starved", "working", "blocked", "down", "stopped"})
      machines += value(*line, (std::string("station.cut.") + state).c_str());
    REQUIRE(machines == 3);
  }
  CHECK(value(*line, "line.delivered") > 1000);
}

TEST_CASE("line: restored at any second it goes on as it would have, and steps may be joined") {
  auto trunk = make(works(), 5), restored = make(works(), 5), leaping = make(works(), 5);
  for (uint64_t second = 1; second <= 3'000; ++second) {
    touch(*trunk, second);
    if (second % 7 == 0) {
      ArchiveWriter writer;
      trunk->save(writer);
      restored = make(works(), 5);
      ArchiveReader reader(writer.bytes());
      restored->restore(reader);
      REQUIRE(reader.ok());
    } else {
      touch(*restored, second);
    }
    touch(*leaping, second);
    for (const double part : {0.3, 0.7, 1.0}) advance(*trunk, static_cast<double>(second) - 1 + part);
    advance(*restored, static_cast<double>(second));
    advance(*leaping, static_cast<double>(second));
    for (size_t i = 0; i < trunk->values().size(); ++i) {
      INFO("at " << second << " s, " << trunk->ports()[i].name());
      const double a = trunk->values()[i], b = restored->values()[i], c = leaping->values()[i];
      REQUIRE(((a == b && a == c) || (std::isnan(a) && std::isnan(b) && std::isnan(c))));
    }
  }
}

TEST_CASE("line: what cannot be built is said, all of it") {
  LineConfig config;
  config.buffers = {{.name = "a"}, {.name = "a"}};
  config.sources = {{.name = "in", .to = "b"}};
  config.stations = {{.name = "saw", .from = "a", .to = "a"}, {.name = "mill", .takes = constant(0)}};
  config.stations[1].fails = 0.1;
  const auto made = ProductionLine::make(config, 1);
  REQUIRE(!made);
  const std::string text = render(made.error());
  for (const char* part :
       {"two of the buffers have the name 'a'", "'to' of 'in' names no buffer: 'b'", "'in' needs 'every'",
        "'saw' gives to the buffer that it takes from", "'saw' needs 'takes'",
        "'takes' of 'mill' is always zero", "'mill' fails, but is never repaired"}) {
    INFO(part);
    CHECK(text.find(part) != std::string::npos);
  }
}
