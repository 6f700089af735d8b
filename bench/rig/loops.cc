#include <fmt/format.h>
#include <mqtt/async_client.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include "base/check.h"
#include "bench/rig/rig_plant.h"
#include "hil/no_delay.h"
#include "hil/paced_clock.h"
#include "hil/rig_transport.h"
#include "hil/spread_link.h"
#include "mml/loop.h"
#include "mml/processor.h"
#include "testbed/absent_fleet.h"
#include "testbed/assembly.h"
#include "testbed/driver.h"
#include "testbed/scenario.h"

namespace looptwin::bench {
namespace {

const char* const kScenario = R"yaml(scenario: bench
about: A level that is told to start above and to stop below.
start: "2026-01-01T00:00:00"
duration: 10 h
cycle: {}
models:
  pump:
    telemetry:
      level: {{from: height, unit: m, every: 1 s, phase: 0 s, stale_after: 1 h,
              range: [0, 5], resolution: 0.01}}
    commands: {{start: {{expires: 1 h}}, stop: {{expires: 1 h}}}}
    controller: {{outputs: {{turning: "latch(start, stop)"}}}}
    physics: {{states: {{height: 1 m}}, rates: {{height: 0 m/s}}}}
fleet: {{pump: {{count: {}, id: "d-{{i}}"}}}}
events:
  high: {{each: pump, raise: level > 2 m, clear: level < 0.5 m}}
rules:
  empty: {{when_raised: high, send: {{target: self, command: start}}}}
  rest: {{when_cleared: high, send: {{target: self, command: stop}}}}
)yaml";

/// A boundary as soon as something has come.
class ArrivalClock final : public Clock {
 public:
  ArrivalClock(const hil::MqttLink& link, UnixTime start, const std::atomic<bool>& stop)
      : link_(link), start_(start), stop_(stop), begin_(time_.now()) {}
  Time next() override {
    while (!stop_ && link_.counters().received == seen_) time_.sleep_until(time_.now() + microseconds(20));
    seen_ = link_.counters().received;
    now_ = std::max(now_ + nanoseconds(1), at(time_.now()));
    return stop_ ? kNever : now_;
  }
  UnixTime civil(Time t) const override { return start_ + (t - kStart); }
  Time at(Duration steady) const { return kStart + (steady - begin_); }

 private:
  hil::MachineTime time_;
  const hil::MqttLink& link_;
  UnixTime start_;
  const std::atomic<bool>& stop_;
  Duration begin_;
  Time now_ = kStart;
  uint64_t seen_ = 0;
};

std::string scenario_file(size_t devices, Duration cycle) {
  auto name = (std::filesystem::temp_directory_path() / "looptwin-bench.XXXXXX").string();
  LT_CHECK(::mkdtemp(name.data()) != nullptr, "a folder");
  std::ofstream(name + "/scenario.yaml")
      << fmt::format(fmt::runtime(kScenario), cycle == Duration{} ? "1 ms" : to_string(cycle), devices);
  return name;
}

/// Asks whether something has come for so long that nothing more will.
class Patience {
 public:
  explicit Patience(Duration patience) : patience_(patience), last_(time_.now()) {}
  bool over(uint64_t count) {
    if (count != seen_) last_ = time_.now();
    seen_ = count;
    return time_.now() - last_ > patience_;
  }

 private:
  hil::MachineTime time_;
  Duration patience_, last_;
  uint64_t seen_ = 0;
};

}  // namespace

Taken run_loop(const std::string& broker, size_t devices, Duration cycle, const Until& until,
               const std::function<void()>& ready, const std::function<void()>& each, size_t more) {
  const auto folder = scenario_file(devices, cycle);
  auto scenario = testbed::load(folder);
  if (!scenario) std::fputs(render(scenario.error()).c_str(), stderr);
  LT_CHECK(scenario.has_value(), "the scenario is read");
  const UnixTime start = scenario->start = hil::civil_time();  // devices say when by their clocks
  auto link = hil::connect_mqtt({.broker = broker, .client_id = "looptwin-bench"});
  LT_CHECK(link.has_value(), "the broker runs");
  if (more != 0)
    link = std::make_unique<hil::SpreadLink>(
        std::move(*link), hil::MqttOptions{.broker = broker, .client_id = "looptwin-bench"}, more);
  hil::MachineTime machine;
  std::atomic<bool> stop{false};
  ArrivalClock arrivals(**link, start, stop);
  std::optional<hil::PacedClock> paced;
  hil::RigTransport* transport = nullptr;
  testbed::AssemblyOptions options;
  options.fleet = [](const twin::Registry&, twin::Tables&) {
    return std::make_unique<testbed::AbsentFleet>();
  };
  options.world = [&](const twin::Registry& registry, mml::Broker& mml, std::vector<twin::Shard> shards) {
    auto made = std::make_unique<hil::RigTransport>(
        **link, registry, mml, std::move(shards), std::vector{hil::plain_mapping("pump")},
        hil::RigTransport::RigTime{
            [&](Duration steady) { return paced ? paced->at(steady) : arrivals.at(steady); }, start});
    transport = made.get();
    return made;
  };
  auto built = testbed::Assembly::build(std::move(*scenario), options);
  LT_CHECK(built.has_value(), "the scenario is sound");
  testbed::Assembly& assembly = **built;
  auto driver = testbed::Driver::make(assembly, {}, {});
  LT_CHECK(driver.has_value(), "the loop runs");
  if (cycle > Duration{})
    paced.emplace(
        hil::PacedClock::Options{
            .start = start, .cycle = cycle, .end = kNever, .begun = hil::civil_time() - start},
        machine, stop);

  ready();
  const Duration first = machine.now();
  Patience waiting(until.patience);
  std::atomic<bool> done{false};
  std::atomic<uint64_t> count{0};
  // Where nothing comes there is no boundary at which the end could be noticed.
  std::thread watch([&] {
    while (!done && !waiting.over(count)) machine.sleep_until(machine.now() + milliseconds(20));
    stop = true;
  });
  driver->run(paced ? static_cast<Clock&>(*paced) : arrivals, stop, [&](Time) {
    count = assembly.processor().counters().messages;
    if (each) each();
    if (count >= until.enough) stop = true;
  });
  const Duration last = machine.now();
  done = true;
  watch.join();
  const auto counters = assembly.processor().counters();
  std::error_code ignored;
  std::filesystem::remove_all(folder, ignored);
  return {.messages = counters.messages,
          .duplicates = counters.duplicates + transport->counters().resent,
          .gaps = counters.gaps,
          .commands = (*link)->counters().sent,
          .losses = (*link)->counters().losses,
          .given_up = transport->lost(),
          .seconds = static_cast<double>((last - first).ns) / 1e9};
}

Taken run_bare(const std::string& broker, bool answers, const Until& until,
               const std::function<void()>& ready) {
  mqtt::async_client client("tcp://" + broker.substr(std::string("mqtt://").size()), "bare",
                            mqtt::create_options(MQTTVERSION_5, 60'000));
  std::atomic<uint64_t> count{0};
  hil::MachineTime time;
  client.set_message_callback([&](const mqtt::const_message_ptr& message) {
    ++count;
    if (!answers) return;
    auto topic = message->get_topic();
    topic.replace(topic.rfind('/'), std::string::npos, "/command");
    client.publish(topic, R"({"id":"0000000000000000","command":"start","expires":1700000000.0})", 1, false);
  });
  mqtt::connect_options connect;
  connect.set_mqtt_version(MQTTVERSION_5);
  connect.set_clean_start(true);
  connect.set_max_inflight(1000);
  client.connect(connect)->wait();
  hil::set_no_delay();
  client.subscribe("looptwin/+/telemetry", 1)->wait();
  ready();
  const Duration first = time.now();
  Patience waiting(until.patience);
  while (count < until.enough && !waiting.over(count)) time.sleep_until(time.now() + milliseconds(1));
  const Duration last = time.now();
  client.disconnect()->wait_for(std::chrono::seconds(5));
  return {.messages = count, .seconds = static_cast<double>((last - first).ns) / 1e9};
}

}  // namespace looptwin::bench
