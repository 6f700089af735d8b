// What a rig notices by itself, as rules see it: lateness, violations, devices that diverge, forced values;
// and a replay that decides alike.
#include <catch2/catch.hpp>

#include "mml/events.h"
#include "mml/feeds/feeds.h"
#include "mml/loop.h"
#include "testbed/absent_fleet.h"
#include "testbed/driver.h"
#include "testbed/replay/replay.h"
#include "testbed/run_folder.h"
#include "testbed/summary.h"
#include "testbed/virtual_clock.h"
#include "tests/testbed/loading.h"
#include "twin/transport.h"

using namespace looptwin;
using namespace looptwin::testbed;

namespace {

const std::string kCellar = R"(scenario: cellar
about: Two pumps whose rig is late and attacked.
duration: 10 s
cycle: 1 s
input_log: true
models:
  pump:
    telemetry: {level: {unit: m, every: 1 s, range: [0, 5], resolution: 0.01}}
fleet: {pump: {count: 2, id: "pump-{i}"}}
events:
  behind: {raise: loop.lateness > 10 ms}
  often: {raise: delta(loop.overruns over 4 s) >= 2}
  strangers: {raise: loop.violations >= 5}
  attacked: {each: pump, raise: violations >= 3}
  unlike: {each: pump, raise: status == "diverging"}
  overridden: {each: pump, raise: quality(level) == "forced" && good(level)}
)";

/// A rig of the test's own: two pumps that report each second, and what is noticed at which second.
class Noticing final : public twin::Transport {
 public:
  explicit Noticing(const twin::Registry& registry) : site_{registry.site(), Row(size_t{0})} {}

  void begin(Time) override {}
  void poll_notices(Time boundary, std::vector<twin::Notice>& notices) override {
    using Kind = twin::Notice::Kind;
    const auto tell = [&](int64_t second, Kind kind, twin::DeviceRef about, double value) {
      if (boundary == kStart + seconds(second)) notices.push_back({kind, about, value, boundary});
    };
    tell(2, Kind::lateness, site_, 0.02);
    tell(2, Kind::overruns, site_, 1);
    tell(3, Kind::lateness, site_, 0.001);
    tell(4, Kind::overruns, site_, 2);
    tell(4, Kind::violations, site_, 4);
    tell(5, Kind::violations, site_, 2);
    tell(5, Kind::violations, pump(1), 2);
    tell(6, Kind::violations, pump(1), 1);
    tell(6, Kind::diverging, pump(0), 1);
    tell(8, Kind::diverging, pump(0), 0);
  }
  void poll(size_t shard, Time boundary, twin::Inbox& inbox) override {
    if (shard != 0) return;
    for (size_t row = 0; row < 2; ++row)
      if (boundary == kStart + seconds(1)) inbox.presence.push_back({pump(row), true, boundary});
    const bool forced = kStart + seconds(4) <= boundary && boundary < kStart + seconds(6);
    for (uint32_t row = 0; row < 2; ++row) {
      twin::Frame frame;
      frame.table = TableId(size_t{0});
      frame.row = {row};
      frame.sequence = {static_cast<uint32_t>(boundary.seconds())};
      frame.sampled_at = frame.received_at = {boundary.ns - 1};
      frame.value = {{100}};
      if (forced && row == 0) frame.forced = {0};
      inbox.frames.push_back(std::move(frame));
    }
  }
  void poll_people(Time, std::vector<twin::OperatorAction>&) override {}
  void send(Time, std::span<const twin::Command>) override {}
  void set_out(size_t, Time) override {}

 private:
  static twin::DeviceRef pump(size_t row) { return {TableId(size_t{0}), Row(row)}; }
  twin::DeviceRef site_;
};

template <typename T>
T good(Result<T> result) {
  INFO((result ? std::string() : render(result.error())));
  REQUIRE(result.has_value());
  return std::move(*result);
}

std::string said(const std::vector<Firing>& firings) {
  std::string text;
  for (const auto& firing : firings) {
    text += firing.name;
    for (const auto& [at, device] : firing.first) text += " " + device + "@" + to_string(at);
    text += "\n";
  }
  return text;
}

}  // namespace

TEST_CASE("notices: rules see what a rig notices, and a replay of it decides alike") {
  const test::Folder folder({{"scenario.yaml", kCellar}});
  const auto out = folder.path() / "run";
  auto scenario = good(load(folder.path()));
  const auto hash = hash_of(scenario, {});
  AssemblyOptions options{.out = out};
  options.fleet = [](const twin::Registry&, twin::Tables&) { return std::make_unique<AbsentFleet>(); };
  options.world = [](const twin::Registry& registry, mml::Broker&, std::vector<twin::Shard>) {
    return std::make_unique<Noticing>(registry);
  };
  auto assembly = good(Assembly::build(std::move(scenario), options));
  REQUIRE(note_scenario(*assembly, out, {folder.path(), {}, hash, kStart, {}, true}).has_value());
  auto driver = good(Driver::make(*assembly, out, {}));
  const std::atomic<bool> stop{false};
  VirtualClock clock(assembly->scenario().start, assembly->scenario().cycle, kStart + seconds(10), stop);
  REQUIRE(driver.run(clock, stop) == mml::RunEnd::reached_end);
  REQUIRE(assembly->finish(status_json(*assembly, assembly->loop().now(), mml::RunEnd::reached_end, 1))
              .has_value());

  TextPool pool;
  const auto replayed = good(replay(good(open_recording(out)), {}, pool));
  CHECK(replayed.assembly->loop().fingerprint() == assembly->loop().fingerprint());
  CHECK(said(firings_of(replayed, pool)) ==
        "behind site@00:00:02\n"
        "often site@00:00:04\n"
        "strangers site@00:00:05\n"
        "attacked pump-2@00:00:06\n"
        "unlike pump-1@00:00:06\n"
        "overridden pump-1@00:00:04\n");
  CHECK(replayed.assembly->events().all().size() == 6);
}

TEST_CASE("notices: saved and restored, what was noticed stands") {
  const auto build = [] {
    AssemblyOptions options;
    options.fleet = [](const twin::Registry&, twin::Tables&) { return std::make_unique<AbsentFleet>(); };
    options.world = [](const twin::Registry& registry, mml::Broker&, std::vector<twin::Shard>) {
      return std::make_unique<Noticing>(registry);
    };
    return good(Assembly::build(test::loaded({{"scenario.yaml", kCellar}}), options));
  };
  auto trunk = build();
  auto& transport = trunk->loop_transport();
  for (int64_t second = 1; second <= 7; ++second)
    REQUIRE(trunk->loop().cycle(kStart + seconds(second), transport));
  ArchiveWriter archive;
  trunk->save_loop(archive);
  auto branch = build();
  ArchiveReader reader(archive.bytes());
  branch->restore_loop(reader);
  CHECK(reader.error().empty());
  for (int64_t second = 8; second <= 10; ++second)
    for (auto* assembly : {trunk.get(), branch.get()})
      REQUIRE(assembly->loop().cycle(kStart + seconds(second), assembly->loop_transport()));
  CHECK(branch->loop().fingerprint() == trunk->loop().fingerprint());
  CHECK(branch->feeds().value(FeedId(size_t{1}), kStart) == 3);
  CHECK(branch->feeds().value(FeedId(size_t{2}), kStart) == 6);
}

TEST_CASE("notices: without a rig the loop is never late, and nobody knocks") {
  auto assembly = good(Assembly::build(test::loaded({{"scenario.yaml", kCellar}})));
  for (int64_t second = 1; second <= 3; ++second)
    REQUIRE(assembly->loop().cycle(kStart + seconds(second), assembly->loop_transport()));
  CHECK(assembly->loop().decisions() == 0);
}

TEST_CASE(
    "notices: a feed cannot have the name under which the loop speaks of itself, and physics does not hear "
    "it") {
  CHECK(
      test::problems({{"scenario.yaml", kCellar + "feeds: {loop: {signals: {lateness: {unit: s, every: 1 s, "
                                                  "values: [0, 1]}}}}\n"}})
          .find("the feed 'loop' is what the loop knows of itself [choose another name]") !=
      std::string::npos);
}
