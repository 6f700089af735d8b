// What may leave for devices: each reason to keep a command back, and how two of them are told apart.
#include "hil/safety_gate.h"

#include <cmath>

#include "tests/hil/fleet.h"

using namespace looptwin;
using namespace looptwin::hil;

namespace {

struct Hall : TwoPumps {
  std::unique_ptr<SafetyGate> gate;

  explicit Hall(SendingLimits speed = {}, SendingLimits stop = {})
      : gate(std::make_unique<SafetyGate>(registry, std::vector<ModelLimits>{{{speed}, {stop}}})) {}
  std::optional<Kept> speed(double value, double at_s, size_t row = 0) {
    twin::Command command{.id = 1, .device = pump(row)};
    command.value = value;
    return gate->keeps(command, kStart + nanoseconds(static_cast<int64_t>(at_s * 1e9)));
  }
  std::optional<Kept> stop(double at_s) {
    const twin::Command command{.id = 1, .device = pump(0), .kind = twin::Command::Kind::command};
    return gate->keeps(command, kStart + nanoseconds(static_cast<int64_t>(at_s * 1e9)));
  }
};

}  // namespace

TEST_CASE("safety: nothing leaves for a device that is not armed, and arming one arms no other") {
  Hall hall;
  CHECK(hall.speed(0.5, 1) == Kept::not_armed);
  hall.gate->arm(Hall::pump(1));
  CHECK(hall.speed(0.5, 1) == Kept::not_armed);
  CHECK(!hall.speed(0.5, 1, 1));
  hall.gate->disarm(Hall::pump(1));
  CHECK(hall.speed(0.5, 1, 1) == Kept::not_armed);
  CHECK(hall.gate->was_armed(Hall::pump(1)));
  CHECK(!hall.gate->was_armed(Hall::pump(0)));
  CHECK(hall.gate->armed() == 0);
  CHECK(hall.gate->counters()[static_cast<size_t>(Kept::not_armed)] == 3);
}

TEST_CASE("safety: a stop holds until a device is armed again, and for all others after that") {
  Hall hall;
  hall.gate->arm(Hall::pump(0));
  hall.gate->arm(Hall::pump(1));
  hall.gate->stop();
  CHECK(hall.stop(1) == Kept::stopped);
  hall.gate->arm(Hall::pump(0));
  CHECK(!hall.stop(1));
  CHECK(hall.speed(0.5, 1, 1) == Kept::stopped);
}

TEST_CASE("safety: who needs no arming may be told anything but while the rig is stopped") {
  Hall hall;
  hall.gate->arming_is_for([](twin::DeviceRef device) { return device.row.index() == 0; });
  CHECK(hall.speed(0.5, 1) == Kept::not_armed);
  CHECK(!hall.speed(0.5, 1, 1));
  hall.gate->stop();
  CHECK(hall.speed(0.5, 1, 1) == Kept::stopped);
}

TEST_CASE("safety: ranges hold at their ends, and no number is outside of them") {
  Hall hall({.range = twin::Range{0.2, 0.9}});
  hall.gate->arm(Hall::pump(0));
  CHECK(!hall.speed(0.2, 1));
  CHECK(!hall.speed(0.9, 1));
  CHECK(hall.speed(0.95, 1) == Kept::out_of_range);
  CHECK(hall.speed(std::nan(""), 1) == Kept::out_of_range);
}

TEST_CASE(
    "safety: a rate counts from what was sent last, be it a safe value, and not from what was kept back") {
  Hall hall({.rate = 0.1});
  hall.gate->arm(Hall::pump(0));
  CHECK(!hall.speed(0.5, 1));  // the first one has nothing before it
  CHECK(hall.speed(0.8, 2) == Kept::too_fast);
  CHECK(!hall.speed(0.8, 4));
  twin::Command safe{.id = 9, .device = Hall::pump(0)};
  hall.gate->sent_safe(safe, kStart + seconds(5));
  CHECK(hall.speed(0.3, 6) == Kept::too_fast);
  CHECK(!hall.speed(0.1, 6));
}

TEST_CASE("safety: so many messages in any minute are let through, and others again as the minute moves on") {
  Hall hall({}, {.most = 2});
  hall.gate->arm(Hall::pump(0));
  CHECK(!hall.stop(0));
  CHECK(!hall.stop(30));
  CHECK(hall.stop(59.9) == Kept::too_often);
  CHECK(!hall.stop(60));
  CHECK(hall.stop(89) == Kept::too_often);
  CHECK(!hall.stop(90));
}

TEST_CASE("safety: what is not allowed is never sent, and the first reason is the one that counts") {
  Hall hall({.allowed = false, .range = twin::Range{0, 1}});
  CHECK(hall.speed(2, 1) == Kept::not_armed);
  hall.gate->arm(Hall::pump(0));
  CHECK(hall.speed(2, 1) == Kept::not_allowed);
  CHECK(hall.gate->counters()[static_cast<size_t>(Kept::out_of_range)] == 0);
}
