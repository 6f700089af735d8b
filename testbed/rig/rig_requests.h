// What is asked of a rig that runs, from any thread, and done by the loop's own: at its next boundary, or at
// once, while it waits for one. Of what was done at once the loop itself hears at its next boundary.
#pragma once

#include <chrono>
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
  /// So long whoever asks waits for the answer; then it is said that there is none.
  explicit RigRequests(std::chrono::milliseconds patience = std::chrono::seconds(30)) : patience_(patience) {}
  /// Something is asked: called in the thread of who asks, without blocking. To be set before anything is.
  void on_request(std::function<void()> told) { told_ = std::move(told); }

  /// What becomes of what was not done when its answer was due. Nobody is to be surprised by it later on, but
  /// by what makes the rig safe.
  enum class Late : uint8_t { dropped, done };

  // From any thread; each waits for what comes of the act.
  /// Before the next boundary's messages are taken in.
  Result<std::string> ask(Act act) { return wait_for(at_boundary_, std::move(act), Late::dropped); }
  /// In the order in which they are asked.
  Result<std::string> ask_at_once(Act act, Late late) { return wait_for(at_once_, std::move(act), late); }

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
  Result<std::string> wait_for(Queue& queue, Act act, Late late);
  void do_all(Queue& queue, Time now);

  const std::chrono::milliseconds patience_;
  std::function<void()> told_;
  std::shared_ptr<Asked> button_;
  std::mutex mutex_;  ///< of what follows, and of the answers
  std::condition_variable answered_;
  Queue at_once_, at_boundary_;
  bool closed_ = false;
};

}  // namespace looptwin::testbed
