// Forces on what devices say and are told: what each kind does to values and messages, and what it counts.
#include "hil/forces.h"

#include "tests/hil/fleet.h"

using namespace looptwin;
using namespace looptwin::hil;

namespace {

struct Hall : TwoPumps {
  std::unique_ptr<Forces> forces = std::make_unique<Forces>(registry, 7);

  void add(ForceKind kind, ForcePoint point, double amount = 0, int64_t from = 0, int64_t lasts = 1000) {
    ForceConfig config{.name = name_of(kind), .owner = "anna", .kind = kind, .point = point};
    config.targets = {{pump(), 0}};
    config.amount = amount;
    config.from = kStart + seconds(from);
    config.until = config.from + seconds(lasts);
    forces->add(config);
  }
  /// What a message with this level becomes, in steps.
  std::vector<int32_t> level(int32_t raw, int64_t at, size_t row = 0) {
    Samples samples;
    samples.values = {{uint16_t{0}, raw}, {uint16_t{1}, 1}};
    forces->samples(pump(row), kStart + seconds(at), samples, touched);
    std::vector<int32_t> left;
    for (const auto& [field, value] : samples.values)
      if (field == 0) left.push_back(value);
    CHECK(samples.values.back() == std::pair(uint16_t{1}, 1));  // what is beside it stays
    return left;
  }
  /// The numbers of messages that come at a time, when message `number` arrives then.
  std::vector<uint32_t> arrive(uint32_t number, int64_t at) {
    HeardTelemetry heard{pump(), {}};
    heard.samples.sequence = number;
    std::vector<Forces::Arriving> out;
    forces->due(kStart + seconds(at), out);
    forces->arriving({ForcePoint::telemetry, pump(), heard, "real", kStart + seconds(at)}, out);
    return numbers(out);
  }
  static std::vector<uint32_t> numbers(const std::vector<Forces::Arriving>& out) {
    std::vector<uint32_t> all;
    for (const auto& one : out) all.push_back(*std::get<HeardTelemetry>(one.heard).samples.sequence);
    return all;
  }
  std::vector<double> leave(double speed, int64_t at) {
    twin::Command command{.id = 1, .device = pump()};
    command.value = speed;
    std::vector<Forces::Leaving> out;
    forces->due(kStart + seconds(at), out);
    forces->leaving(command, kStart + seconds(at), out);
    std::vector<double> values;
    for (const auto& one : out) values.push_back(one.command.value);
    return values;
  }
  uint64_t count() const { return forces->all().front().touched; }
  std::vector<bool> touched;
};

using Values = std::vector<int32_t>;
using Numbers = std::vector<uint32_t>;

}  // namespace

TEST_CASE("forces: a forced value is that, from its beginning to before its end, of its device alone") {
  Hall hall;
  hall.add(ForceKind::force, ForcePoint::field, 3, 10, 5);
  CHECK(hall.level(100, 9) == Values{100});
  CHECK(hall.touched == std::vector<bool>{false, false});
  CHECK(hall.level(100, 10) == Values{300});
  CHECK(hall.touched == std::vector<bool>{true, false});
  CHECK(hall.level(twin::kMissing, 14) == Values{300});
  CHECK(hall.level(100, 15) == Values{100});
  CHECK(hall.level(100, 12, 1) == Values{100});
  CHECK(hall.count() == 2);
}

TEST_CASE("forces: an offset adds, a frozen value stays what it was before, a lost one is not said at all") {
  Hall offset, freeze, drop;
  offset.add(ForceKind::offset, ForcePoint::field, -0.5);
  CHECK(offset.level(100, 1) == Values{50});
  CHECK(offset.level(twin::kMissing, 2) == Values{twin::kMissing});  // nothing to add to
  CHECK(offset.count() == 1);
  freeze.add(ForceKind::freeze, ForcePoint::field, 0, 10);
  freeze.level(120, 9);
  CHECK(freeze.level(200, 10) == Values{120});
  CHECK(freeze.level(300, 11) == Values{120});
  drop.add(ForceKind::drop, ForcePoint::field, 1);
  CHECK(drop.level(100, 1).empty());
}

TEST_CASE("forces: noise is of the size that is asked for, and the same for the same seed") {
  Hall one, other;
  one.add(ForceKind::noise, ForcePoint::field, 0.1);
  other.add(ForceKind::noise, ForcePoint::field, 0.1);
  double squares = 0;
  for (int64_t t = 0; t < 1000; ++t) {
    const auto value = one.level(1000, t);
    CHECK(value == other.level(1000, t));
    squares += (value[0] - 1000) * (value[0] - 1000);
  }
  CHECK(squares / 1000 == Approx(100).epsilon(0.15));  // (0.1 m in steps of 1 cm)²
}

TEST_CASE("forces: messages are lost, doubled, late, or behind the next one") {
  Hall drop, duplicate, delay, reorder;
  drop.add(ForceKind::drop, ForcePoint::telemetry, 1, 1, 1);
  CHECK(drop.arrive(1, 0) == Numbers{1});
  CHECK(drop.arrive(2, 1).empty());
  CHECK(drop.arrive(3, 2) == Numbers{3});
  CHECK(drop.count() == 1);
  duplicate.add(ForceKind::duplicate, ForcePoint::telemetry, 1);
  CHECK(duplicate.arrive(1, 0) == Numbers{1, 1});
  reorder.add(ForceKind::reorder, ForcePoint::telemetry, 1);
  CHECK(reorder.arrive(1, 0).empty());
  CHECK(reorder.arrive(2, 1) == Numbers{2, 1});
  CHECK(reorder.arrive(3, 2).empty());
  CHECK(reorder.arrive(4, 3) == Numbers{4, 3});
  ForceConfig late{.name = "late", .kind = ForceKind::delay, .point = ForcePoint::telemetry};
  late.targets = {{Hall::pump(), 0}};
  late.delay = seconds(3);
  late.until = kStart + seconds(2);
  delay.forces->add(late);
  CHECK(delay.arrive(1, 0).empty());
  CHECK(delay.arrive(2, 1).empty());
  CHECK(delay.arrive(3, 2) == Numbers{1, 2, 3});  // a delay that is over keeps nothing back
  CHECK(delay.count() == 2);
}

TEST_CASE("forces: a share is that share of many") {
  Hall hall;
  hall.add(ForceKind::drop, ForcePoint::telemetry, 0.3, 0, 100'000);
  for (uint32_t n = 0; n < 2000; ++n) hall.arrive(n, n);
  CHECK(static_cast<double>(hall.count()) == Approx(600).epsilon(0.1));
}

TEST_CASE("forces: what leaves is forced as well, and nothing leaves late after it was forgotten") {
  Hall offset, freeze, delay;
  offset.add(ForceKind::offset, ForcePoint::setpoint, 0.25);
  CHECK(offset.leave(0.5, 1) == std::vector<double>{0.75});
  freeze.add(ForceKind::freeze, ForcePoint::setpoint, 0, 2);
  freeze.leave(0.5, 1);
  CHECK(freeze.leave(0.9, 2) == std::vector<double>{0.5});
  ForceConfig late{.name = "late", .kind = ForceKind::delay, .point = ForcePoint::commands};
  late.targets = {{Hall::pump(), 0}};
  late.delay = seconds(3);
  delay.forces->add(late);
  CHECK(delay.leave(0.1, 0).empty());
  CHECK(delay.leave(0.2, 3) == std::vector<double>{0.1});
  delay.forces->forget_leaving();
  std::vector<Forces::Leaving> out;
  delay.forces->due(kStart + seconds(9), out);
  CHECK(out.empty());
}

TEST_CASE("forces: damage changes one byte, and shows in a text") {
  Hall hall;
  hall.add(ForceKind::corrupt, ForcePoint::telemetry, 1);
  for (int n = 0; n < 100; ++n) {
    const std::string before = R"({"level": 1.5})";
    std::string after = before;
    CHECK(hall.forces->damage(ForcePoint::telemetry, Hall::pump(), kStart, after));
    int differing = 0;
    for (size_t i = 0; i < before.size(); ++i) differing += before[i] != after[i] ? 1 : 0;
    CHECK(differing == 1);
    CHECK(!JsonCodec(hall.registry.models()[0].config, plain_mapping("pump")).telemetry(after, ""));
  }
  std::string other = "{}";
  CHECK(!hall.forces->damage(ForcePoint::presence, Hall::pump(), kStart, other));
}

TEST_CASE("forces: each is told of as it comes on and as it goes off, once") {
  Hall hall;
  hall.add(ForceKind::force, ForcePoint::field, 1, 5, 5);
  std::string told;
  for (int64_t t = 0; t < 20; ++t) {
    if (t == 7) CHECK(hall.forces->end(kStart + seconds(7), "force") == 1);
    hall.forces->begin(kStart + seconds(t), [&](const Forces::Force& force, bool on) {
      told += force.config.owner + (on ? " on " : " off ") + std::to_string(t) + "; ";
    });
  }
  CHECK(told == "anna on 5; anna off 7; ");
  CHECK(hall.forces->end_all(kStart + seconds(30)) == 0);
}
