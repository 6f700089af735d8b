// What is owed to devices when a rig is made safe, with a link of the test's own: when it leaves, and under
// which reason it is told what became of it.
#include "hil/rig_safety.h"

#include "tests/hil/rig_hall.h"

using namespace looptwin;
using namespace looptwin::hil;

namespace {

/// A steady clock that stands still but for sleeps.
struct Still final : SteadyTime {
  Duration now() const override { return now_; }
  void sleep_until(Duration until) override { now_ = until; }
  void wake() override {}
  Duration now_{};
};

/// Both pumps are there; to be safe they are told to stop.
struct SafeHall : Hall {
  Still time;
  RigJournal journal;
  std::unique_ptr<RigSafety> safety;

  SafeHall() {
    SafetyOptions options{.limits = std::vector<ModelLimits>(1)};
    options.steps = {{.devices = {pump(0), pump(1)}}};
    safety =
        std::make_unique<RigSafety>(registry, options, link, transport->language(), journal, time, nullptr);
    transport->use({.safety = safety.get()});
    for (const auto* who : {"hall/pump-1", "hall/pump-2"})
      link.receive(std::string(who) + "/presence", "online", milliseconds(100));
    cycle(1);
  }
  /// A pump answers the n-th order that has left.
  void answer(size_t n, const char* pump, const char* outcome, int64_t at_s) {
    const auto& order = link.sent.at(n).second;
    const auto id = order.substr(order.find(R"("id":")") + 6, 16);
    link.receive(std::string(pump) + "/acknowledgement",
                 R"({"id": ")" + id + R"(", "outcome": ")" + outcome + "\"}", seconds(at_s));
  }
  std::string told() const {
    std::string text;
    for (const auto& o : safety->outcomes())
      text += o.why + ": " + std::to_string(o.orders) + ", " + std::to_string(o.answered) + " taken, " +
              std::to_string(o.refused) + " refused, " + std::to_string(o.unanswered) + " unanswered\n";
    return text;
  }
};

}  // namespace

TEST_CASE(
    "safety: what became of a stop's safe values is told as the stop's, and of the end's as the end's") {
  SafeHall hall;
  hall.safety->arm("**", kStart + seconds(1), "anna");
  hall.safety->stop("asked for by anna", kStart + milliseconds(1200));  // between two boundaries
  REQUIRE(hall.link.sent.size() == 2);
  hall.answer(0, "hall/pump-1", "accepted", 2);
  hall.answer(1, "hall/pump-2", "refused", 2);
  hall.cycle(2);
  // The end: nobody answers.
  const auto end = hall.safety->tear_down(hall.time, kStart + seconds(3));
  CHECK(hall.told() ==
        "asked for by anna: 2, 1 taken, 1 refused, 0 unanswered\n"
        "the end of the run: 2, 0 taken, 0 refused, 2 unanswered\n");
  CHECK(end.unanswered == 2);
  CHECK(!end.confirmed());
}

TEST_CASE("safety: an answer that waits for the next boundary when the run ends is the stop's all the same") {
  SafeHall hall;
  hall.safety->stop("asked for by anna", kStart + milliseconds(1200));
  REQUIRE(hall.link.sent.size() == 2);
  hall.answer(0, "hall/pump-1", "accepted", 2);
  hall.answer(1, "hall/pump-2", "accepted", 2);
  const auto end = hall.safety->tear_down(hall.time, kStart + seconds(3));
  CHECK(hall.told() == "asked for by anna: 2, 2 taken, 0 refused, 0 unanswered\n");
  CHECK(end.orders == 0);  // nothing was armed
}

TEST_CASE("safety: each stop, each disarming and each device that is armed again has its own outcome") {
  SafeHall hall;
  hall.safety->stop("the broker was away", kStart + milliseconds(1200));
  hall.answer(0, "hall/pump-1", "accepted", 2);
  hall.cycle(2);
  hall.safety->arm("hall/pump-2", kStart + seconds(2), "anna");  // it had not answered by then
  hall.safety->disarm("hall/pump-2", kStart + seconds(3), "ben");
  REQUIRE(hall.link.sent.size() == 3);
  hall.answer(2, "hall/pump-2", "accepted", 4);
  hall.cycle(4);
  hall.safety->stop("asked for by ben", kStart + seconds(5));
  CHECK(hall.told() ==
        "the broker was away: 2, 1 taken, 0 refused, 1 unanswered\n"
        "hall/pump-2 disarmed by ben: 1, 1 taken, 0 refused, 0 unanswered\n"
        "asked for by ben: 2, 0 taken, 0 refused, 0 unanswered\n");  // it is still waited for
}

TEST_CASE(
    "safety: between two boundaries a stop shuts the gate, and answers within a second are waited for") {
  SafeHall hall;
  hall.safety->arm("**", kStart + seconds(1), "anna");
  hall.time.now_ = seconds(290);
  hall.safety->stop("asked for by anna", kStart + seconds(290));
  CHECK(hall.safety->gate().armed() == 0);
  CHECK(hall.link.sent.size() == 2);
  hall.time.now_ = seconds(290) + milliseconds(500);
  hall.cycle(300, {Hall::stop(0, 400)});
  CHECK(hall.link.sent.size() == 2);  // nor is what the loop has decided on sent
  CHECK(hall.transport->counters().withheld == 1);
  hall.time.now_ = seconds(291);
  hall.cycle(301);
  CHECK(hall.link.sent.size() == 4);
}
