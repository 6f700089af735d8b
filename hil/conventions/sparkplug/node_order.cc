#include "hil/conventions/sparkplug/node_order.h"

#include <algorithm>

namespace looptwin::hil::sparkplug {

void NodeOrder::begin(uint64_t seq) {
  begun_ = true;
  expected_ = static_cast<uint8_t>(seq + 1);
  waiting_.clear();
}

void NodeOrder::end() {
  begun_ = false;
  waiting_.clear();
}

bool NodeOrder::take(Message message, std::vector<Message>& ready) {
  const auto seq = static_cast<uint8_t>(message.payload.seq.value_or(expected_));
  if (seq != expected_) {
    // What lies behind by less than it may lie ahead is one that was taken before.
    if (static_cast<uint8_t>(expected_ - seq) <= kMostWaiting || waiting_.contains(seq)) return false;
    if (waiting_.empty()) since_ = message.at;
    waiting_.emplace(seq, std::move(message));
    return true;
  }
  ready.push_back(std::move(message));
  ++expected_;
  for (auto next = waiting_.find(expected_); next != waiting_.end(); next = waiting_.find(expected_)) {
    ready.push_back(std::move(next->second));
    waiting_.erase(next);
    ++expected_;
  }
  // What still waits is missing another one: its time begins with the oldest of what waits.
  for (auto oldest = waiting_.begin(); oldest != waiting_.end(); ++oldest)
    since_ = oldest == waiting_.begin() ? oldest->second.at : std::min(since_, oldest->second.at);
  return true;
}

bool NodeOrder::overdue(Time now, Duration patience) const {
  return !waiting_.empty() && (now - since_ >= patience || waiting_.size() > kMostWaiting);
}

void NodeOrder::give_up(std::vector<Message>& ready) {
  // In the order of the counter, which may have gone past 255.
  for (int ahead = 1; ahead < 256; ++ahead)
    if (const auto next = waiting_.find(static_cast<uint8_t>(expected_ + ahead)); next != waiting_.end())
      ready.push_back(std::move(next->second));
  end();
}

}  // namespace looptwin::hil::sparkplug
