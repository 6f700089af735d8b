// What is asked of a rig that runs, from any thread, and done by the loop's own: at its next boundary, or at
// once, while it waits for one. Of what was done at once the loop itself hears at its next boundary.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "base/result.h"
#include "base/time.h"

namespace looptwin::testbed {

class RigRequests {
 public:
  using Act = std::function<Result<std::string>(Time now)>;
  /// Something is asked: called in the thread of who asks, without blocking. To be set before anything is.
  void on_request(std::function<void()> told) { told_ = std::move(told); }

  // From any thread. Each waits for what comes of the act, or for so long; then it is not done any more.
  /// Before the next boundary's messages are taken in.
  Result<std::string> ask(Act act) { return wait_for(at_boundary_, std::move(act)); }
  /// In the order in which they are asked.
  Result<std::string> ask_at_once(Act act) { return wait_for(at_once_, std::move(act)); }

  /// The button: what it does, of which nobody hears an answer; and somebody presses it, at once as well.
  void on_press(Act act);
  void press();

  // In the loop's thread.
  void do_at_once(Time now) { do_all(at_once_, now); }
  void do_at_boundary(Time boundary) { do_all(at_boundary_, boundary); }
  /// There is no boundary to come any more.
  void close();

 private:
  struct Asked {
    Act act;
    std::optional<Result<std::string>> answer;
  };
  using Queue = std::deque<std::shared_ptr<Asked>>;
  Result<std::string> wait_for(Queue& queue, Act act);
  void do_all(Queue& queue, Time now);

  std::function<void()> told_;
  std::shared_ptr<Asked> button_;
  std::mutex mutex_;  ///< of what follows, and of the answers
  std::condition_variable answered_;
  Queue at_once_, at_boundary_;
  bool closed_ = false;
};

}  // namespace looptwin::testbed
