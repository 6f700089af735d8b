#include "bench/loop_reference.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "base/maths.h"
#include "base/random.h"

namespace looptwin::bench {
namespace {

constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();
constexpr int kPeriod = 10;  // s between messages of a home
constexpr int kExact = 30;   // samples of a window of 5 min
constexpr int kPanes = 64;   // panes of a window of 1 h
constexpr double kPaneLength = 3600.0 / kPanes;

struct Rollup {
  int32_t minimum, maximum, last;
  uint32_t count;
  int64_t sum;
};

/// One home, all in one place: physics, controller, what the loop knows, what its rules keep.
struct Home {
  // The plant.
  double air, decay, gain, base, capacity;
  double cool, desired;
  uint64_t key;
  bool compressor;
  uint32_t counter;
  double phase;
  // The twin.
  double temperature, power;
  int64_t sampled_at;
  int32_t temperatures[kExact];
  int exact_next, exact_count;
  int32_t pane_maximum[kPanes];
  int64_t pane_number[kPanes];
  Rollup rollup[2];
  int64_t rollup_minute;
  // Events: when their conditions began to hold, whether they stand.
  int32_t warm_since, odd_since;
  bool warm, rising, odd;
};

struct Message {
  uint32_t home;
  int32_t temperature, power;
  int64_t sampled_at, received_at;
};

struct Block {
  std::array<double, 65> pane_sum{}, pane_weight{};
  std::array<int64_t, 65> pane_number{};
  int32_t busy_since = -1, calm_since = -1, overload_since = -1;
  bool busy = false, overload = false;
  uint32_t occurrence = 0;
};

}  // namespace

struct LoopReference::Body {
  size_t blocks, per_block;
  bool rollups;
  std::vector<Home> homes;
  std::vector<Block> block;
  std::vector<Message> now, next;
  std::vector<std::pair<int, std::pair<uint32_t, uint32_t>>> turns;  // (when, (block, group))
  random::Stream noise, sensor, latency, loss, stagger;
  ReferenceCounts counts;
  int time = 0;
  Rollup closed{};

  Body(size_t b, size_t p, bool r) : blocks(b), per_block(p), rollups(r), homes(b * p), block(b) {
    noise = random::stream(1, "noise");
    sensor = random::stream(1, "sensor");
    latency = random::stream(1, "latency");
    loss = random::stream(1, "loss");
    stagger = random::stream(1, "stagger");
    const auto spread = random::stream(1, "spread");
    for (size_t i = 0; i < homes.size(); ++i) {
      Home& h = homes[i];
      std::memset(static_cast<void*>(&h), 0, sizeof h);
      h.key = random::device("home-" + std::to_string(i));
      const double ua = 190 * (0.7 + 0.6 * random::uniform(random::bits(spread, h.key, 0)));
      const double ca = 2e6;
      h.air = 23;
      h.decay = maths::exp(-ua / ca);
      h.gain = (1 - h.decay) / ua;
      h.base = 500 * (0.2 + 1.8 * random::uniform(random::bits(spread, h.key, 1)));
      h.capacity = 10e3;
      h.cool = h.desired = 23;
      h.phase = static_cast<double>(i % 1024) * kPeriod / 1024;
      h.temperature = h.power = kUnknown;
      h.warm_since = h.odd_since = -1;
      for (auto& n : h.pane_number) n = -1;
    }
  }

  /// Physics and controller of one second, and the message of the homes whose turn it is.
  void simulate() {
    const double outdoor = 36 - 5.0 * time / 43200;
    for (size_t i = 0; i < homes.size(); ++i) {
      Home& h = homes[i];
      const double measured =
          std::nearbyint(
              (h.air + 0.05 * random::noise(random::bits(sensor, h.key, static_cast<uint64_t>(time)))) *
              10) /
          10;
      if (measured - h.cool >= 0.5)
        h.compressor = true;
      else if (measured - h.cool <= -0.5)
        h.compressor = false;
      const double cooling = h.compressor ? h.capacity : 0;
      const double electric = h.base + cooling / 3.5;
      if (static_cast<int>(h.phase) == time % kPeriod) send(i, h, electric);
      h.air = h.decay * h.air + h.gain * (h.base - cooling) + (1 - h.decay) * outdoor;
    }
  }

  void send(size_t i, Home& h, double electric) {
    ++h.counter;
    if (random::uniform(random::bits(loss, h.key, h.counter)) < 0.001) return;
    const double seconds = 0.06 * maths::exp(0.4 * random::normal(random::bits(latency, h.key, h.counter)));
    Message m;
    m.home = static_cast<uint32_t>(i);
    m.temperature = static_cast<int32_t>(
        std::nearbyint((h.air + 0.05 * random::noise(random::bits(noise, h.key, h.counter))) * 10));
    m.power = static_cast<int32_t>(std::nearbyint(electric / 10));
    const double at = time - time % kPeriod + h.phase;
    m.sampled_at = static_cast<int64_t>(at * 1e9);
    m.received_at = m.sampled_at + static_cast<int64_t>(seconds * 1e9);
    (m.received_at <= static_cast<int64_t>(time + 1) * 1'000'000'000 ? now : next).push_back(m);
  }

  static void roll(Rollup& r, int32_t raw) {
    if (r.count == 0) r.minimum = r.maximum = raw;
    r.minimum = std::min(r.minimum, raw);
    r.maximum = std::max(r.maximum, raw);
    r.last = raw;
    r.sum += raw;
    ++r.count;
  }

  /// Takes one message in: range, twin, windows, rollups, events.
  void take_in(const Message& m) {
    Home& h = homes[m.home];
    ++counts.messages;
    counts.samples += 2;
    const double t = m.temperature / 10.0, p = m.power / 100.0;
    if (t < -40 || t > 60 || p < 0 || p > 30 || m.sampled_at <= h.sampled_at) return;
    h.temperature = t;
    h.power = p;
    h.sampled_at = m.sampled_at;
    h.temperatures[h.exact_next] = m.temperature;
    h.exact_next = (h.exact_next + 1) % kExact;
    h.exact_count = std::min(h.exact_count + 1, kExact);
    const auto number = static_cast<int64_t>(static_cast<double>(m.sampled_at) / 1e9 / kPaneLength);
    const size_t pane = static_cast<size_t>(number) % kPanes;
    if (h.pane_number[pane] != number) h.pane_maximum[pane] = std::numeric_limits<int32_t>::min();
    h.pane_number[pane] = number;
    h.pane_maximum[pane] = std::max(h.pane_maximum[pane], m.power);
    if (rollups) {
      const int64_t minute = m.sampled_at / 60'000'000'000;
      if (minute != h.rollup_minute) {
        closed = h.rollup[0];
        h.rollup[0] = h.rollup[1] = {};
        h.rollup_minute = minute;
      }
      roll(h.rollup[0], m.temperature);
      roll(h.rollup[1], m.power);
    }
    evaluate(h);
  }

  void evaluate(Home& h) {
    int64_t sum = 0;
    for (int k = 0; k < h.exact_count; ++k) sum += h.temperatures[k];
    const double mean = static_cast<double>(sum) / h.exact_count / 10;
    int32_t highest = std::numeric_limits<int32_t>::min();
    const auto newest = static_cast<int64_t>(time / kPaneLength);
    for (int k = 0; k < kPanes; ++k)
      if (h.pane_number[k] > newest - kPanes) highest = std::max(highest, h.pane_maximum[k]);
    stands(mean > 26, 60, h.warm_since, h.warm);
    int32_t at_once = -1;
    stands(highest / 100.0 > 20, 0, at_once, h.rising);
    stands((h.temperature < 20 && h.power > 3) || (h.temperature > 28 && h.power < 1), 120, h.odd_since,
           h.odd);
  }

  void stands(bool condition, int delay, int32_t& since, bool& standing) {
    if (condition == standing) {
      since = -1;
      return;
    }
    if (since < 0) since = time;
    if (!standing && time - since < delay) return;
    standing = condition;
    since = -1;
    ++counts.events;
  }

  void decide(size_t b) {
    Block& k = block[b];
    double sum = 0;
    size_t good = 0;
    for (size_t i = b * per_block; i < (b + 1) * per_block; ++i) {
      const Home& h = homes[i];
      if (h.power == h.power && time - h.sampled_at / 1'000'000'000 <= 3 * kPeriod) {
        sum += h.power;
        ++good;
      }
    }
    if (static_cast<double>(good) < 0.9 * static_cast<double>(per_block)) return;
    const auto number = static_cast<int64_t>(time / (300.0 / kPanes));
    const size_t pane = static_cast<size_t>(number) % 65;
    if (k.pane_number[pane] != number) k.pane_sum[pane] = k.pane_weight[pane] = 0;
    k.pane_number[pane] = number;
    k.pane_sum[pane] += sum;
    k.pane_weight[pane] += 1;
    double total = 0, weight = 0;
    for (size_t p = 0; p < 65; ++p) {
      if (k.pane_number[p] <= number - kPanes) continue;
      total += k.pane_sum[p];
      weight += k.pane_weight[p];
    }
    const bool busy_before = k.busy;
    stands(total / weight > 2000, 60, k.busy_since, k.busy);
    if (k.busy && !busy_before)
      for (uint32_t g = 0; g < 10; ++g)
        turns.push_back({time + static_cast<int>(g) * 60, {static_cast<uint32_t>(b), g}});
    if (!k.busy && busy_before)
      for (size_t i = b * per_block; i < (b + 1) * per_block; ++i) homes[i].cool = homes[i].desired = 23;
    stands(sum > (k.overload ? 2900 : 3000), 120, k.overload_since, k.overload);
  }

  void take_turns() {
    for (size_t t = 0; t < turns.size();) {
      if (turns[t].first > time) {
        ++t;
        continue;
      }
      const auto [b, g] = turns[t].second;
      for (size_t i = b * per_block; i < (b + 1) * per_block; ++i) {
        if (random::bits(stagger, homes[i].key, b) % 10 != g) continue;
        homes[i].cool = homes[i].desired = 24;
        ++counts.commands;
      }
      turns.erase(turns.begin() + static_cast<std::ptrdiff_t>(t));
    }
  }
};

LoopReference::LoopReference(size_t blocks, size_t homes_per_block, bool rollups)
    : body_(std::make_unique<Body>(blocks, homes_per_block, rollups)) {}
LoopReference::~LoopReference() = default;

void LoopReference::cycle() {
  Body& b = *body_;
  std::swap(b.now, b.next);
  b.next.clear();
  b.simulate();
  ++b.time;
  for (const Message& m : b.now) b.take_in(m);
  b.now.clear();
  for (size_t k = 0; k < b.blocks; ++k) b.decide(k);
  b.take_turns();
}

const ReferenceCounts& LoopReference::counts() const { return body_->counts; }

}  // namespace looptwin::bench
