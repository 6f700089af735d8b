// The simulated fleet (sim/fleet.h) alone: what a device-second and a message cost on one core.
//
// Workload: homes with a two-state thermal plant (exact step of 1 s), outdoor temperature and sun from a
// feed, a thermostat with hysteresis every second on its measured temperature, temperature and power reported
// every 10 s at spread phases. Three links: ideal; with lognormal latency; with latency, loss and outages.
// Thermostats measure without and with noise. Figures: ns of processor time a device-second without
// telemetry, and a message on top. Reference: none in this file; bench_loop compares the whole loop with
// hand-written code.
#include <cmath>

#include "base/check.h"
#include "bench/bench.h"
#include "lang/units.h"
#include "sim/fleet.h"

using namespace looptwin;
using namespace looptwin::sim;

namespace {

Span text(std::string s) {
  const auto size = static_cast<uint32_t>(s.size());
  return {std::make_shared<Source>(Source{"bench", std::move(s)}), 0, size};
}
Named line(std::string name, std::string expression) {
  return {std::move(name), {}, text(std::move(expression))};
}

struct Weather : lang::UniformProgram::Feeds {
  double value(FeedId feed, Time now) override {
    const double day = std::sin(now.seconds() * 7.27e-5);
    return feed.index() == 0 ? 273.15 + 32 + 6 * day : 400 + 300 * day;
  }
  double forecast(lang::Op, FeedId feed, Time now, double, double) override { return value(feed, now); }
  double civil(lang::Op, Time) override { return 0; }
};

struct Case {
  const char* name;
  bool telemetry = true;
  double noise = 0;
  const char* link = "";
};

class Fleets {
 public:
  Fleets(const Case& c, size_t homes) {
    const auto unit = [&](const char* name) {
      auto u = units_.unit(text(name));
      LT_CHECK(u.has_value(), name);
      return *u;
    };
    twin::ModelConfig home{.name = "home"};
    const auto parameter = [&](const char* name, const char* in, double value) {
      const auto u = unit(in);
      home.parameters.push_back(
          {.name = name, .unit = u, .value = u.to_si(value), .spread = *Distribution::uniform(0.8, 1.2)});
    };
    parameter("UA", "W/K", 250), parameter("HM", "W/K", 4100), parameter("CA", "MJ/K", 1.6),
        parameter("CM", "MJ/K", 6.5);
    parameter("capacity", "kW", 14), parameter("solar", "m2", 6);
    const Duration every = c.telemetry ? seconds(10) : hours(1000);
    home.telemetry = {{.name = "temperature",
                       .unit = unit("degC"),
                       .every = every,
                       .range = twin::Range{233.15, 333.15},
                       .resolution = 0.1},
                      {.name = "power",
                       .unit = unit("kW"),
                       .every = every,
                       .range = twin::Range{0, 30000},
                       .resolution = 0.01}};
    home.setpoints = {{.name = "cool", .unit = unit("degC"), .value = 296.15}};
    DeviceConfig device;
    device.physics.emplace();
    device.physics->inputs = {line("outdoor", "weather.temperature"), line("sun", "weather.ghi")};
    device.physics->states = {line("air", "23 degC"), line("mass", "23 degC")};
    device.physics->rates = {line("air", "(UA * (outdoor - air) + HM * (mass - air) + 500 W - cooling) / CA"),
                             line("mass", "(HM * (air - mass) + solar * sun) / CM")};
    device.physics->outputs = {line("cooling", "if(compressor, capacity, 0 kW)"),
                               line("electric", "500 W + cooling / 3.5")};
    device.controller.emplace();
    device.controller->outputs = {
        line("compressor", "hysteresis(temperature - cool, on=0.25 K, off=-0.25 K, min_off=5 min)")};
    device.sensors = {{.from = text("air"), .noise = c.noise}, {.from = text("electric")}};
    LinkConfig fast{.name = "fast"}, lossy{.name = "lossy", .loss = 0.001};
    fast.latency = lossy.latency = *Distribution::lognormal(0.06, 0.4);
    lossy.outage_every = days(3);
    lossy.outage_lasts = *Distribution::exponential(600);
    const twin::FleetConfig entry{.model = "home", .count = homes, .id = "home-{i}", .link = c.link};
    auto registry = twin::Registry::build(std::span(&home, 1), std::span(&entry, 1), 1, schema_, tables_);
    LT_CHECK(registry.has_value());
    registry_ = std::make_unique<twin::Registry>(std::move(*registry));
    const auto w_per_m2 = unit("W/m2");
    schema_.feeds = {
        {"weather", "temperature", lang::Type::point_of(lang::kTemperature), unit("degC"), false},
        {"weather", "ghi", w_per_m2.type, w_per_m2, false}};
    const LinkConfig links[] = {fast, lossy};
    auto fleet = Fleet::build(units_, schema_, graph_, *registry_, tables_, weather_,
                              {std::span(&device, 1), links, {}, 1, seconds(1)});
    LT_CHECK(fleet.has_value(), fleet ? "" : render(fleet.error()));
    fleet_ = std::move(*fleet);
    tables_.allocate_added();
    fleet_->start();
    arrivals_.resize(tables_.shards().size());
  }

  void run(int64_t cycles) {
    for (int64_t k = 0; k < cycles; ++k) {
      now_ = now_ + seconds(1);
      fleet_->begin(now_);
      for (size_t shard = 0; shard < arrivals_.size(); ++shard)
        fleet_->advance(shard, now_, arrivals_[shard]);
    }
  }
  FleetCounters counters() const { return fleet_->counters(); }

 private:
  lang::Units units_;
  lang::Schema schema_;
  lang::Graph graph_;
  twin::Tables tables_{schema_};
  std::unique_ptr<twin::Registry> registry_;
  Weather weather_;
  std::unique_ptr<Fleet> fleet_;
  std::vector<Arrivals> arrivals_;
  Time now_ = kStart;
};

}  // namespace

int main(int argc, char** argv) {
  const auto options = bench::parse(argc, argv);
  const size_t homes = options.quick ? 10'000 : 1'000'000;
  const int64_t cycles = options.quick ? 20 : 60;
  double quiet = 0;
  for (const Case c : {Case{"no telemetry", false}, Case{"ideal link"}, Case{"noise 0.05 K", true, 0.05},
                       Case{"latency", true, 0, "fast"}, Case{"latency, loss, outages", true, 0, "lossy"}}) {
    if (!options.only.empty() && std::string(c.name).find(options.only) == std::string::npos) continue;
    Fleets fleets(c, homes);
    fleets.run(c.telemetry ? 20 : 1030);
    const auto before = fleets.counters();
    const double time = bench::time_of([&] { fleets.run(c.telemetry ? cycles : 10 * cycles); });
    const auto after = fleets.counters();
    const double steps = static_cast<double>(after.steps - before.steps);
    const double messages = static_cast<double>(after.delivered - before.delivered);
    if (!c.telemetry) quiet = time * 1e9 / steps;
    std::printf("%-26s %6.2f ns a device-second", c.name, time * 1e9 / steps);
    if (messages > 0 && quiet > 0)
      std::printf(", %6.1f ns a message on top, %5.1f M messages/s", (time * 1e9 - quiet * steps) / messages,
                  messages / time * 1e-6);
    std::printf("\n");
  }
  return 0;
}
