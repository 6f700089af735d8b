// What remembers, where it was not looked at for a while: controllers without power, a stuck actuator, a loop
// that was away.
#include <algorithm>
#include <catch2/catch.hpp>

#include "mml/events.h"
#include "simulating.h"
#include "twin/tables.h"

using namespace looptwin;
using namespace looptwin::testbed;
using test::simulated;

namespace {

const std::atomic<bool> kNeverStop{false};

/// A column of the only device at a time.
double at(Simulation& simulation, Duration when, const std::string& column) {
  simulation.advance(kStart + when);
  Assembly& a = simulation.assembly();
  const auto& columns = a.schema().tables[0].columns;
  const auto found =
      std::find_if(columns.begin(), columns.end(), [&](const auto& c) { return c.name == column; });
  REQUIRE(found != columns.end());
  const ColumnId id(static_cast<uint32_t>(found - columns.begin()));
  return twin::load(a.tables().column(TableId(0), id), a.schema().column(TableId(0), id).storage, 0);
}

/// A valve that is asked to open at 5 s and travels by 0.05/s.
std::unique_ptr<Simulation> valve(const std::string& faults) {
  return simulated(R"y(
scenario: valve
start: "2024-01-01T00:00:00"
duration: 2 min
models:
  valve:
    telemetry:
      asked: {from: demand, unit: "1", every: 1 s, phase: 0 s, range: [0, 2], resolution: 0.001}
      place: {from: opening, unit: "1", every: 1 s, phase: 0 s, range: [0, 2], resolution: 0.001}
      moved: {from: stem, unit: "1", every: 1 s, phase: 0 s, range: [0, 2], resolution: 0.001}
      long: {from: lasting, boolean: true, every: 1 s, phase: 0 s}
    physics:
      inputs: {clock: time_of_day()}
      outputs: {demand: "if(clock >= 5 s, 1, 0)"}
    controller:
      outputs:
        opening: ramp(asked, up=0.05 Hz, down=0.05 Hz)
        stem: stiction(ramp(asked, up=0.05 Hz, down=0.05 Hz), band=0.02, jump=0.02)
        lasting: held(asked > 0.5, 20 s)
fleet: {valve: {}}
)y" + faults);
}

/// A level that is high from 100 s to 120 s, and from 160 s on; the loop is away from 119 s to 164 s.
std::unique_ptr<Simulation> level(const std::string& absences) {
  return simulated(R"y(
scenario: level
start: "2024-01-01T00:00:00"
duration: 10 min
models:
  tank:
    telemetry:
      w: {from: w, unit: bar, every: 1 s, phase: 0 s, range: [0, 10], resolution: 0.01}
    physics:
      inputs: {clock: time_of_day()}
      outputs: {w: "if(clock >= 100 s && clock < 120 s || clock >= 160 s, 8 bar, 2 bar)"}
fleet: {
tank : {}
}
faults: [)y" + absences +
                   R"y(]
derived:
  mean: {each: tank, value: avg(w * 1 over 5 min), unit: bar, every: 1 s}
  high: {each: tank, value: time_true(w - 5 bar > 0 bar over 5 min), unit: s, every: 1 s}
events:
  trip: {each: tank, raise: w > 5 bar, on_delay: 1 min}
  kept: {each: tank, raise: "held(w > 5 bar, 1 min)"}
  soon: {each: tank, raise: "held(w > 5 bar, 5 s)"}
)y");
}

/// A counter and a valve that stays as it is, each by its own last value; the level rises while the valve is
/// open.
std::unique_ptr<Simulation> counter(const std::string& faults) {
  return simulated(R"y(
scenario: counter
duration: 1 min
models:
  meter:
    telemetry:
      used: {from: sum, unit: "1", every: 1 s, phase: 0 s, range: [0, 1000], resolution: 0.01}
      filled: {from: level, unit: "1", every: 1 s, phase: 0 s, range: [0, 1000], resolution: 0.01}
    physics: {states: {level: 0}, rates: {level: open * 1 Hz}}
    controller:
      outputs:
        sum: if(known(previous(sum)), previous(sum), 0) + 1
        open: if(known(previous(open)), previous(open), 1)
fleet: {meter: {}}
faults: [)y" + faults +
                   "]\n");
}

}  // namespace

TEST_CASE("pause: an actuator that comes free travels on from where it was stuck") {
  auto free = valve("");
  const double before = at(*free, seconds(10), "place");
  CHECK(before == Approx(0.25).margin(0.11));
  auto stuck =
      valve("faults: [{device: valve-1, signal: opening, kind: actuator_stuck, after: 10 s, lasts: 20 s}]\n");
  const double kept = at(*stuck, seconds(12), "place");
  CHECK(kept == Approx(before).margin(0.051));
  CHECK(at(*stuck, seconds(29), "place") == kept);
  CHECK(at(*stuck, seconds(40), "place") == Approx(kept + 0.5).margin(0.11));
  CHECK(at(*stuck, seconds(60), "place") == 1);
}

TEST_CASE("pause: a device without power comes back as it was, as if no time had passed") {
  auto off = valve("faults: [{device: valve-1, kind: device_off, after: 10 s, lasts: 30 s}]\n");
  const double before = at(*off, seconds(9), "place");
  CHECK(at(*off, seconds(45), "place") == Approx(before + 6 * 0.05).margin(0.11));
  CHECK(at(*off, seconds(45), "moved") == Approx(at(*off, seconds(45), "place")).margin(0.051));
  // Asked since 5 s: 20 s of it are over at 55 s, 30 s of the time it had none.
  CHECK(at(*off, seconds(52), "long") == 0);
  CHECK(at(*off, seconds(58), "long") == 1);
}

TEST_CASE("pause: what reads its own last value goes on from that where power is back") {
  for (const std::string fault : {"kind: device_off", "kind: restart, keeps: [controller]"}) {
    CAPTURE(fault);
    auto off = counter("{device: meter-1, after: 30 s, lasts: 5 s, " + fault + "}");
    const double before = at(*off, seconds(29), "used");
    CHECK(before == Approx(30).margin(1.01));
    // Forked while it has no power, it goes on alike.
    off->advance(kStart + seconds(32));
    auto fork = off->fork(1, kNeverStop);
    REQUIRE(fork.has_value());
    for (Simulation* simulation : {off.get(), fork->get()}) {
      CHECK(at(*simulation, seconds(50), "used") == before + 16);
      // The valve was shut meanwhile, and is open again.
      CHECK(at(*simulation, seconds(50), "filled") == Approx(45).margin(1.01));
    }
  }
  auto anew = counter("{device: meter-1, after: 30 s, lasts: 5 s, kind: restart, keeps: [setpoints]}");
  CHECK(at(*anew, seconds(50), "used") == Approx(16).margin(1.01));
}

TEST_CASE(
    "pause: a signal that is stuck over a loss of power is stuck where it was, and goes on from there") {
  auto stuck = counter(
      "{device: meter-1, signal: sum, kind: actuator_stuck, after: 20 s, lasts: 30 s}, "
      "{device: meter-1, after: 30 s, lasts: 5 s, kind: device_off}");
  const double kept = at(*stuck, seconds(25), "used");
  CHECK(kept == Approx(20).margin(1.01));
  CHECK(at(*stuck, seconds(45), "used") == kept);
  CHECK(at(*stuck, seconds(55), "used") == Approx(kept + 6).margin(1.01));

  // The same of a ramp, whose memory is its own.
  auto ramp = valve(
      "faults: [{device: valve-1, signal: opening, kind: actuator_stuck, after: 10 s, lasts: 30 s}, "
      "{device: valve-1, kind: device_off, after: 20 s, lasts: 5 s}]\n");
  const double place = at(*ramp, seconds(12), "place");
  CHECK(place > 0.1);
  CHECK(at(*ramp, seconds(35), "place") == place);
  CHECK(at(*ramp, seconds(46), "place") == Approx(place + 0.3).margin(0.11));
}

TEST_CASE("pause: what a loop saw last it has seen at its last boundary, not until it went") {
  // High from 8 s to 9.1 s and from 11 s on; the last boundary is at 9 s.
  for (const std::string after : {"9.5 s, lasts: 1.5 s", "10 s, lasts: 1 s"}) {
    CAPTURE(after);
    auto simulation = simulated(R"y(
scenario: delays
duration: 20 s
feeds:
  f:
    signals:
      high: {unit: "1", at: [0 s, 8 s, 9.1 s, 11 s], values: [0, 2, 0, 2]}
      low: {unit: "1", at: [0 s, 8 s, 9.1 s, 11 s], values: [2, 0, 2, 0]}
models: {dev: {}}
fleet: {dev: {}}
events:
  late: {each: dev, raise: f.high > 1, on_delay: 1.3 s}
  gone: {each: dev, raise: f.low > 1, off_delay: 1.3 s}
  kept: {each: dev, raise: "held(f.high > 1, 1.3 s)"}
faults: [{kind: restart, of: mml, after: )y" +
                                after + "}]\n");
    for (const int64_t s : {9, 11, 12, 13, 14}) {
      CAPTURE(s);
      CHECK(at(*simulation, seconds(s), "late") == (s >= 13));
      CHECK(at(*simulation, seconds(s), "kept") == (s >= 13));
      CHECK(at(*simulation, seconds(s), "gone") == (s < 13));
    }
  }
}

TEST_CASE("pause: what a loop has not seen while it was away, it does not count") {
  // With and without what the broker kept; and gone again before anything was decided.
  for (const std::string absences : {"{after: 119 s, kind: restart, of: mml, lasts: 45 s}",
                                     "{after: 119 s, kind: restart, of: mml, lasts: 45 s, persistent: false}",
                                     "{after: 119 s, kind: restart, of: mml, lasts: 20 s}, "
                                     "{after: 139 s, kind: restart, of: mml, lasts: 25 s}"}) {
    auto simulation = level(absences);
    CHECK(at(*simulation, seconds(118), "soon") == 1);
    CHECK(at(*simulation, seconds(165), "trip") == 0);
    CHECK(at(*simulation, seconds(165), "kept") == 0);
    // What had run out goes on, as far as can be seen.
    CHECK(at(*simulation, seconds(165), "soon") == 1);
    // Seen were 99 low values, 19 high ones before, and two afterwards.
    CHECK(at(*simulation, seconds(165), "mean") / 1e5 == Approx((99 * 2 + 21 * 8) / 120.0).margin(0.06));
    CHECK(at(*simulation, seconds(165), "high") == Approx(20).margin(1.01));
    CHECK(at(*simulation, seconds(222), "trip") == 0);
    CHECK(at(*simulation, seconds(222), "kept") == 0);
    CHECK(at(*simulation, seconds(226), "trip") == 1);
    CHECK(at(*simulation, seconds(226), "kept") == 1);
  }
}

TEST_CASE("pause: delays that had run out when the loop went have run out") {
  // Since 50 s the trip waits for its reset, and since 40 s the alarm for the bypass's end; both come at 110
  // s.
  for (const std::string lasts : {"0 s", "1 s", "5 s"}) {
    CAPTURE(lasts);
    auto simulation = simulated(R"y(
scenario: line
start: "2024-01-01T00:00:00"
duration: 5 min
models:
  line:
    telemetry:
      w: {from: w, unit: bar, every: 1 s, phase: 0 s, range: [0, 10], resolution: 0.01}
      v: {from: v, unit: bar, every: 1 s, phase: 0 s, range: [0, 10], resolution: 0.01}
    physics:
      inputs: {clock: time_of_day()}
      outputs: {w: "if(clock >= 10 s && clock < 20 s, 8 bar, 2 bar)", v: "if(clock >= 10 s, 8 bar, 2 bar)"}
fleet: {
line : {}
}
people: {anna: {}}
operator: {ready: {kind: button}, service: {kind: selector, default: true}}
events:
  trip: {each: line, raise: w > 5 bar, off_delay: 30 s, latched: true, reset: ready}
  high: {each: line, raise: v > 5 bar, on_delay: 30 s, bypassed_while: service}
script:
  - {after: 110 s, by: anna, press: ready}
  - {after: 110 s, by: anna, set: {service: false}}
faults: [{after: 100 s, kind: restart, of: mml, lasts: )y" +
                                lasts + "}]\n");
    CHECK(at(*simulation, seconds(109), "trip") == 1);
    CHECK(at(*simulation, seconds(109), "high") == 0);
    CHECK(at(*simulation, seconds(110), "trip") == 0);
    CHECK(at(*simulation, seconds(110), "high") == 1);
    const auto counters = simulation->assembly().events().counters();
    CHECK(counters.refused_resets == 0);
    CHECK(counters.withheld == 1);  // said once
  }
}

TEST_CASE("pause: where boundaries come on arrival, what missed none begins nothing anew") {
  // High from 90 s on; samples come every 10 s.
  const auto rises = [](const std::string& absence, double after, const std::string& greatest = "1 s") {
    CAPTURE(absence, greatest);
    auto simulation = simulated(R"y(
scenario: level
start: "2024-01-01T00:00:00"
duration: 3 min
models:
  tank:
    telemetry: {w: {from: w, unit: bar, every: 10 s, phase: 0 s, range: [0, 10], resolution: 0.01}}
    physics: {inputs: {clock: time_of_day()}, outputs: {w: "if(clock >= 90 s, 8 bar, 2 bar)"}}
fleet: {
tank : {}
}
events: {trip: {each: tank, raise: w > 5 bar, on_delay: 30 s}}
cycle: {least: 50 ms, greatest: )y" +
                                greatest + "}\nfaults: [{kind: restart, of: mml, " + absence + "}]\n");
    CHECK(at(*simulation, milliseconds(static_cast<int64_t>(after * 1000) - 400), "trip") == 0);
    CHECK(at(*simulation, milliseconds(static_cast<int64_t>(after * 1000) + 400), "trip") == 1);
  };
  // Nothing came meanwhile, and nothing was due.
  rises("after: 100.3 s, lasts: 0.4 s", 120);
  rises("after: 102 s, lasts: 6 s", 120, "20 s");
  // A sample did, whether it is kept or not; and a boundary was due.
  rises("after: 99.9 s, lasts: 0.2 s", 131);
  rises("after: 99.9 s, lasts: 0.2 s, persistent: false", 131);
  rises("after: 100.9 s, lasts: 0.4 s", 132);
}

TEST_CASE("pause: a deadband's limit is the reading that it says") {
  // 21.9 less 0.3 is 21.599999999999998 in binary; a reading of 21.6 is not above 21.6.
  auto simulation = simulated(R"y(
scenario: band
start: "2024-01-01T00:00:00"
duration: 1 min
models:
  room:
    telemetry:
      t: {from: t, unit: degC, every: 1 s, phase: 0 s, range: [0 degC, 50 degC], resolution: 0.1 K}
    physics:
      inputs: {clock: time_of_day()}
      outputs: {t: "if(clock >= 10 s && clock < 20 s, 23 degC, 21.6 degC)"}
fleet: {
room : {}
}
events:
  warm: {each: room, raise: t > 21.9 degC, deadband: 0.3 K}
)y");
  CHECK(at(*simulation, seconds(15), "warm") == 1);
  CHECK(at(*simulation, seconds(25), "warm") == 0);
}
