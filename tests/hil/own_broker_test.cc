// A broker of our own and whoever keeps it: a real Mosquitto, killed, and one whose owner was killed.
#include "hil/own_broker.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>

#include "tests/hil/eventually.h"

using namespace looptwin;
using namespace looptwin::hil;

namespace {

/// A process that has a broker of its own, which outlives it.
class Owner {
 public:
  Owner() {
    std::array<int, 2> ends{};
    REQUIRE(::pipe(ends.data()) == 0);
    process_ = ::fork();
    REQUIRE(process_ >= 0);
    if (process_ == 0) {
      MqttOptions link;
      const auto own = OwnBroker::start({.dies_with_us = false}, link);
      const std::string folder = own ? (*own)->folder().string() : std::string("none");
      if (::write(ends[1], folder.data(), folder.size()) > 0) ::pause();
      ::_exit(1);
    }
    ::close(ends[1]);
    std::array<char, 4096> text{};
    const ssize_t size = ::read(ends[0], text.data(), text.size());
    ::close(ends[0]);
    REQUIRE(size > 0);
    folder_ = std::string(text.data(), static_cast<size_t>(size));
  }
  ~Owner() { kill(); }
  void kill() {
    if (process_ < 0) return;
    ::kill(process_, SIGKILL);
    ::waitpid(process_, nullptr, 0);
    process_ = -1;
  }
  const std::filesystem::path& folder() const { return folder_; }

 private:
  ::pid_t process_ = -1;
  std::filesystem::path folder_;
};

}  // namespace

TEST_CASE("own broker: one that is killed is started again, as often as it is") {
  MqttOptions link;
  auto started = OwnBroker::start({}, link);
  REQUIRE(started.has_value());
  OwnBroker& own = **started;
  own.look_after();
  link.client_id = "somebody";
  for (uint64_t times = 1; times <= 2; ++times) {
    const auto running = brokers_in(own.folder());
    REQUIRE(running.size() == 1);
    ::kill(running[0], SIGKILL);
    REQUIRE(eventually([&] { return own.restarts() == times; }));
    CHECK(connect_mqtt(link).has_value());
  }
}

TEST_CASE("own broker: what a killed owner has left is cleared by the next, what somebody holds is not") {
  Owner dead, alive;
  REQUIRE(brokers_in(dead.folder()).size() == 1);
  REQUIRE(brokers_in(alive.folder()).size() == 1);
  dead.kill();
  CHECK(brokers_in(dead.folder()).size() == 1);
  {
    MqttOptions link;
    const auto next = OwnBroker::start({}, link);
    REQUIRE(next.has_value());
    CHECK_FALSE(std::filesystem::exists(dead.folder()));
    CHECK(brokers_in(dead.folder()).empty());
    CHECK(std::filesystem::exists(alive.folder()));
    CHECK(brokers_in(alive.folder()).size() == 1);
    CHECK(std::filesystem::exists((*next)->folder()));
  }
  alive.kill();
  CHECK(BrokerFolder::make().has_value());
  CHECK_FALSE(std::filesystem::exists(alive.folder()));
}
