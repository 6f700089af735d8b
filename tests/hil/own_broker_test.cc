// A broker of our own and whoever keeps it: a real Mosquitto, killed.
#include "hil/own_broker.h"

#include <signal.h>

#include <atomic>
#include <catch2/catch.hpp>

#include "tests/hil/eventually.h"

using namespace looptwin;
using namespace looptwin::hil;

TEST_CASE("own broker: one that is killed is started again, and nobody is told who listens no more") {
  MqttOptions link;
  auto started = OwnBroker::start({}, link);
  REQUIRE(started.has_value());
  OwnBroker& own = **started;
  const int first = own.process();
  std::atomic<int> process{0}, told{0};
  own.on_restart([&](int now) {
    process = now;
    ++told;
  });
  own.look_after();
  ::kill(first, SIGKILL);
  REQUIRE(eventually([&] { return told == 1; }));
  CHECK(own.restarts() == 1);
  CHECK(process != first);
  own.on_restart({});
  ::kill(process, SIGKILL);
  REQUIRE(eventually([&] { return own.restarts() == 2; }));
  link.client_id = "somebody";
  CHECK(connect_mqtt(link).has_value());
  CHECK(told == 1);
}
