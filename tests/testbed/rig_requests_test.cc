// What is asked of a rig that runs: in which order it is done, by whom, and what becomes of what is too late.
#include "testbed/rig/rig_requests.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <future>
#include <string>
#include <thread>
#include <vector>

using namespace looptwin;
using namespace looptwin::testbed;

namespace {

using Late = RigRequests::Late;
constexpr std::chrono::hours kLong(1);

std::string said(const Result<std::string>& answer) { return answer ? *answer : answer.error()[0].message; }

/// A loop that is told of each request, and the names of what was done.
struct Asked {
  RigRequests requests;
  std::atomic<int> told{0};
  std::vector<std::string> done;

  explicit Asked(std::chrono::milliseconds patience) : requests(patience) {
    requests.on_request([this] { ++told; });
    requests.on_press(act("press"));
  }
  RigRequests::Act act(const std::string& name) {
    return [this, name](Time now) -> Result<std::string> {
      done.push_back(name + " at " + to_string(now));
      return name;
    };
  }
  /// Somebody asks, and is heard before anybody else asks.
  template <typename Ask>
  std::future<std::string> ask(Ask ask) {
    const int before = told;
    auto answer = std::async(std::launch::async, [ask] { return said(ask()); });
    while (told == before) std::this_thread::yield();
    return answer;
  }
};

}  // namespace

TEST_CASE("requests: what cannot wait is done in its order, what waits for a boundary at the boundary") {
  Asked asked(kLong);
  auto& requests = asked.requests;
  auto force = asked.ask([&] { return requests.ask(asked.act("force")); });
  auto stop = asked.ask([&] { return requests.ask_at_once(asked.act("stop"), Late::done); });
  auto arm = asked.ask([&] { return requests.ask_at_once(asked.act("arm"), Late::dropped); });
  CHECK(asked.done.empty());
  requests.do_at_once(kStart + seconds(1));
  CHECK(stop.get() == "stop");
  CHECK(arm.get() == "arm");
  requests.do_at_boundary(kStart + seconds(60));
  CHECK(force.get() == "force");
  CHECK(asked.done == std::vector<std::string>{"stop at 00:00:01", "arm at 00:00:01", "force at 00:01:00"});
}

TEST_CASE("requests: a button that is pressed again before it has acted acts once, and again after others") {
  Asked asked(kLong);
  auto& requests = asked.requests;
  for (int n = 0; n < 1000; ++n) requests.press();
  auto arm = asked.ask([&] { return requests.ask_at_once(asked.act("arm"), Late::dropped); });
  for (int n = 0; n < 1000; ++n) requests.press();
  requests.do_at_once(kStart);
  CHECK(arm.get() == "arm");
  CHECK(asked.done == std::vector<std::string>{"press at 00:00:00", "arm at 00:00:00", "press at 00:00:00"});
}

TEST_CASE("requests: who presses while it acts keeps nobody") {
  Asked asked(kLong);
  int presses = 0;
  asked.requests.on_press([&](Time) -> Result<std::string> {
    ++presses;
    asked.requests.press();
    return std::string();
  });
  asked.requests.press();
  asked.requests.do_at_once(kStart);
  CHECK(presses == 1);
  asked.requests.do_at_once(kStart);
  CHECK(presses == 2);
}

TEST_CASE("requests: what is not done in time is not done later, but for what makes the rig safe") {
  Asked asked(std::chrono::milliseconds(1));
  auto& requests = asked.requests;
  CHECK(said(requests.ask(asked.act("force"))) ==
        "the rig has come to no boundary at which to do it: nothing was done");
  CHECK(said(requests.ask_at_once(asked.act("arm"), Late::dropped)).ends_with("nothing was done"));
  CHECK(said(requests.ask_at_once(asked.act("stop"), Late::done)) ==
        "the rig's loop does not move: it is done as soon as it does");
  requests.do_at_once(kStart);
  requests.do_at_boundary(kStart);
  CHECK(asked.done == std::vector<std::string>{"stop at 00:00:00"});
}

TEST_CASE("requests: when the rig ends whoever waits hears it, and whoever asks after that") {
  Asked asked(kLong);
  auto& requests = asked.requests;
  auto force = asked.ask([&] { return requests.ask(asked.act("force")); });
  requests.close();
  CHECK(force.get() == "the rig is ending: nothing was done");
  CHECK(said(requests.ask_at_once(asked.act("stop"), Late::done)) == "the rig is ending: nothing was done");
  requests.do_at_once(kStart);
  CHECK(asked.done.empty());
}
