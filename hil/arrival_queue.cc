#include "hil/arrival_queue.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace looptwin::hil {

void ArrivalQueue::put(MqttMessage&& message) {
  ++received_;
  const size_t bytes = message.topic.size() + message.payload.size();
  const std::scoped_lock lock(mutex_);
  if (message.payload.size() > bounds_.longest) {
    ++too_long_;
    note_locked("too_long", message.topic);
  } else if (waiting_.size() >= bounds_.messages || bytes_ + bytes > bounds_.bytes) {
    ++dropped_;
  } else if (auto& of_topic = waiting_of_[message.topic];
             of_topic.messages >= bounds_.of_topic || of_topic.bytes + bytes > bounds_.bytes_of_topic) {
    ++shed_;
    note_locked("shed", message.topic);
  } else {
    ++of_topic.messages;
    of_topic.bytes += bytes;
    bytes_ += bytes;
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
  bytes_ = 0;
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

void ArrivalQueue::note(const std::string& kind, std::string detail) {
  const std::scoped_lock lock(mutex_);
  note_locked(kind, std::move(detail));
}

/// Whoever makes up topics without end does not make it grow without end.
void ArrivalQueue::note_locked(const std::string& kind, std::string detail) {
  constexpr size_t kMostNoted = 1000;
  if (noted_.size() >= kMostNoted && !noted_.contains({kind, detail})) detail = "others";
  ++noted_[{kind, std::move(detail)}];
}

std::vector<Incident> ArrivalQueue::take_incidents() {
  const std::scoped_lock lock(mutex_);
  std::vector<Incident> all;
  for (const auto& [what, count] : std::exchange(noted_, {}))
    all.push_back({{}, what.first, "", what.second, count});
  return all;
}

void ArrivalQueue::count(LinkCounters& counters) const {
  counters.received += received_;
  counters.dropped_in += dropped_;
  counters.shed += shed_;
  counters.too_long += too_long_;
}

}  // namespace looptwin::hil
