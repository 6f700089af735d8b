#include "testbed/rig/rig_requests.h"

#include <algorithm>

namespace looptwin::testbed {

Result<std::string> RigRequests::wait_for(Queue& queue, Act act, Late late) {
  const auto asked = std::make_shared<Asked>(Asked{std::move(act), {}});
  std::unique_lock lock(mutex_);
  if (!closed_) queue.push_back(asked);
  if (told_) told_();
  const auto is_settled = [&] { return asked->answer || closed_; };
  // What has begun by then is waited for: it is short.
  if (!answered_.wait_for(lock, patience_, is_settled)) {
    const auto waiting = std::find(queue.begin(), queue.end(), asked);
    if (waiting == queue.end())
      answered_.wait(lock, is_settled);
    else if (late == Late::done)
      return failure("the rig's loop does not move: it is done as soon as it does");
    else
      queue.erase(waiting);
  }
  if (asked->answer) return *asked->answer;
  if (closed_) return failure("the rig is ending: nothing was done");
  return failure("the rig has come to no boundary at which to do it: nothing was done");
}

void RigRequests::on_press(Act act) { button_ = std::make_shared<Asked>(Asked{std::move(act), {}}); }

void RigRequests::press() {
  const std::scoped_lock lock(mutex_);
  // Pressed again before it has acted: the same, unless somebody has asked for something else in between.
  if (at_once_.empty() || at_once_.back() != button_) at_once_.push_back(button_);
  if (told_) told_();
}

/// Outside of the lock: who asks, and who presses, waits for no other act. Only what is there now: the loop
/// is not kept by whoever presses without end.
void RigRequests::do_all(Queue& queue, Time now) {
  Queue begun;
  {
    const std::scoped_lock lock(mutex_);
    begun.swap(queue);
  }
  for (const auto& asked : begun) {
    auto answer = asked->act(now);
    const std::scoped_lock lock(mutex_);
    asked->answer = std::move(answer);
    answered_.notify_all();
  }
}

void RigRequests::close() {
  const std::scoped_lock lock(mutex_);
  closed_ = true;
  answered_.notify_all();
}

}  // namespace looptwin::testbed
