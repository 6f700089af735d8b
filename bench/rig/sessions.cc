#include <fmt/format.h>

#include "base/check.h"
#include "bench/rig/rig_plant.h"
#include "hil/mqtt_connections.h"

namespace looptwin::bench {
namespace {

template <typename Condition>
void wait_until(hil::MachineTime& time, Condition condition) {
  const Duration until = time.now() + seconds(120);
  while (!condition()) {
    LT_CHECK(time.now() < until, "the broker answers");
    time.sleep_until(time.now() + milliseconds(1));
  }
}

double passed(const hil::MachineTime& time, Duration since) {
  return static_cast<double>((time.now() - since).ns) / 1e9;
}

}  // namespace

Sessions::Sessions(const std::string& broker, size_t count) {
  std::vector<hil::MqttConnections::Account> accounts(count);
  for (size_t i = 0; i < count; ++i) {
    const auto id = fmt::format("d-{}", i + 1);
    accounts[i].options = {.broker = broker, .client_id = id, .origin = "simulated"};
    accounts[i].options.will = hil::always({fmt::format("looptwin/{}/presence", id), "offline"});
    accounts[i].filters = {fmt::format("looptwin/{}/command", id)};
  }
  auto made = hil::MqttConnections::start(std::move(accounts), {});
  LT_CHECK(made.has_value(), "the broker has an address");
  all_ = std::move(*made);
  count_ = count;
}

Sessions::~Sessions() = default;

double Sessions::join() {
  const Duration begun = time_.now();
  const uint64_t before = all_->counters().subscribed;
  for (size_t i = 0; i < count_; ++i) all_->connect(i);
  wait_until(time_, [&] { return all_->counters().subscribed == before + count_; });
  return passed(time_, begun);
}

double Sessions::come_back(const std::function<void()>& broken, const std::function<void()>& mended) {
  broken();
  wait_until(time_, [&] { return all_->counters().there == 0; });
  const uint64_t before = all_->counters().subscribed;
  mended();
  const Duration begun = time_.now();
  wait_until(time_, [&] { return all_->counters().subscribed == before + count_; });
  return passed(time_, begun);
}

double Sessions::speak(uint64_t messages) {
  constexpr uint64_t kAhead = 500;  // that wait for the broker
  const Duration begun = time_.now();
  const uint64_t before = all_->counters().delivered;
  const auto delivered = [&] { return all_->counters().delivered - before; };
  for (uint64_t n = 0; n < messages; ++n) {
    if (n % 64 == 0) wait_until(time_, [&] { return n < delivered() + kAhead; });
    all_->publish(n % count_, {fmt::format("looptwin/d-{}/telemetry", n % count_ + 1),
                               fmt::format(R"({{"level": 1.5, "n": {}}})", n / count_ + 1)});
  }
  wait_until(time_, [&] { return delivered() == messages; });
  return static_cast<double>(messages) / passed(time_, begun);
}

}  // namespace looptwin::bench
