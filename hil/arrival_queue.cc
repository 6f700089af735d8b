#include "hil/arrival_queue.h"

#include <algorithm>
#include <iterator>

namespace looptwin::hil {

void ArrivalQueue::put(MqttMessage&& message) {
  ++received_;
  const std::scoped_lock lock(mutex_);
  if (waiting_.size() >= most_) {
    ++dropped_;
  } else if (++waiting_of_[message.topic] > most_of_topic_) {
    ++shed_;
    ++shed_of_[message.topic];
  } else {
    waiting_.push_back(std::move(message));
  }
  if (told_) told_();
}

void ArrivalQueue::put_loss(Duration at) {
  const std::scoped_lock lock(mutex_);
  waiting_.push_back({"", "", false, at});
  if (told_) told_();
}

void ArrivalQueue::take(std::vector<MqttMessage>& out) {
  const std::scoped_lock lock(mutex_);
  waiting_of_.clear();
  if (out.empty()) {
    std::swap(out, waiting_);
  } else {
    std::move(waiting_.begin(), waiting_.end(), std::back_inserter(out));
    waiting_.clear();
  }
}

void ArrivalQueue::on_arrival(std::function<void()> told) {
  const std::scoped_lock lock(mutex_);
  told_ = std::move(told);
}

std::vector<std::pair<std::string, uint64_t>> ArrivalQueue::take_shed() {
  const std::scoped_lock lock(mutex_);
  std::vector<std::pair<std::string, uint64_t>> all(shed_of_.begin(), shed_of_.end());
  shed_of_.clear();
  return all;
}

void ArrivalQueue::count(LinkCounters& counters) const {
  counters.received += received_;
  counters.dropped_in += dropped_;
  counters.shed += shed_;
}

}  // namespace looptwin::hil
