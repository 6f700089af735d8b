// A small fleet for tests: one model `home` with physics whose sums are exact in binary (rates and steps are
// sums of powers of two), so that any way of stepping gives the same bits.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/distribution.h"
#include "base/time.h"
#include "lang/units.h"
#include "sim/fleet.h"

namespace looptwin::sim::test {

inline Span text(std::string s) {
  const auto size = static_cast<uint32_t>(s.size());
  return {std::make_shared<Source>(Source{"test", std::move(s)}), 0, size};
}
inline Named line(std::string name, std::string expression) {
  return {std::move(name), {}, text(std::move(expression))};
}

/// A temperature that rises by 1/16 K every 100 s, from 27 degC.
class Weather : public lang::UniformProgram::Feeds {
 public:
  double value(FeedId, Time now) override { return outdoor(now); }
  double forecast(lang::Op, FeedId, Time now, double, double) override { return outdoor(now); }
  double civil(lang::Op, Time) override { return 0; }
  static double outdoor(Time now) {
    const int64_t stairs = now.ns / seconds(100).ns;
    return 273.15 + 27 + static_cast<double>(stairs) / 16;
  }
};

struct Setup {
  std::vector<twin::ModelConfig> models;
  std::vector<DeviceConfig> devices;
  std::vector<twin::FleetConfig> fleet;
  std::vector<LinkConfig> links;
  std::vector<FaultConfig> faults;
  std::span<const BrokerAway> broker;
  uint64_t seed = 7;
  Duration cycle = seconds(1);
};

/// `count` homes on the ideal link. Telemetry: temperature and power every 10 s, running every 30 s from 5 s
/// on.
Setup homes(const lang::Units& units, size_t count);
/// Homes of which every eight hang on one cell, by the link.
Setup in_cells(const lang::Units& units, size_t cells, LinkConfig link);
lang::Unit unit(const lang::Units& units, const std::string& name);

/// All that arrived at the broker, in a canonical order.
struct Message {
  uint32_t row, group, sequence;
  int64_t sampled, received;
  std::vector<int32_t> value;
  auto operator<=>(const Message&) const = default;
};
struct Ack {
  uint32_t row;
  uint64_t id;
  int64_t received, applied;
  int outcome;
  auto operator<=>(const Ack&) const = default;
};
struct Seen {
  int64_t at;
  uint32_t row;
  bool online;
  auto operator<=>(const Seen&) const = default;
};
struct Received {
  std::vector<Message> messages;
  std::vector<Ack> acknowledgements;
  std::vector<Seen> presence;
  void sort();
};

struct World {
  explicit World(const Setup& setup);
  /// Advances to the boundary; shards in order.
  void advance(Time boundary, Received& received);
  void deliver(Time now, std::vector<twin::Command> commands);
  std::span<double> numbers(const std::string& column);
  std::vector<std::byte> save();
  void restore(const std::vector<std::byte>& bytes);

  lang::Units units;
  lang::Schema schema;
  lang::Graph graph;
  twin::Tables tables{schema};
  std::unique_ptr<twin::Registry> registry;
  Weather weather;
  std::unique_ptr<Fleet> fleet;
  std::vector<twin::Shard> shards;
  std::vector<Arrivals> arrivals;
};

struct Delivery {
  Time sent;
  twin::Command command;
};
/// All that is received up to the end, sorted: boundaries every `cycle` (0: irregular ones), and whenever
/// something is sent.
Received run(World& world, Time end, Duration cycle, std::span<const Delivery> deliveries = {});

twin::Command set_cool(uint32_t row, uint64_t id, double kelvin, Time issued);

}  // namespace looptwin::sim::test
