#include "hil/spread_link.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "hil/wait_for.h"

namespace looptwin::hil {

SpreadLink::SpreadLink(std::unique_ptr<MqttLink> link, const MqttOptions& options, size_t more)
    : options_(options), more_(more), queue_(options.arrivals), link_(std::move(link)) {}

SpreadLink::~SpreadLink() {
  const bool connected = !connections_.empty() && link_->connected();
  connections_.clear();
  if (connected) forget_sessions();
}

std::vector<MqttConnections::Account> SpreadLink::accounts(bool fresh) const {
  std::vector<MqttConnections::Account> all(more_);
  for (size_t i = 0; i < more_; ++i) {
    all[i].options = options_;
    all[i].options.client_id += fmt::format("-{}", i + 1);
    all[i].options.will = nullptr;
    all[i].fresh = fresh;
  }
  return all;
}

/// Comes and goes once, so that the broker has nothing of us.
void SpreadLink::forget_sessions() const {
  MachineTime time;
  auto all = MqttConnections::start(accounts(true), {});
  if (!all) return;
  for (size_t i = 0; i < more_; ++i) (*all)->connect(i);
  wait_for(time, options_.patience, [&] { return (*all)->counters().joined == more_; });
  for (size_t i = 0; i < more_; ++i) (*all)->leave(i);
  wait_for(time, options_.patience, [&] { return (*all)->counters().there == 0; });
}

void SpreadLink::subscribe_more(std::vector<std::vector<std::string>> filters) {
  forget_sessions();
  auto all = accounts(false);
  for (size_t i = 0; i < more_ && i < filters.size(); ++i) {
    all[i].filters = std::move(filters[i]);
    auto made = MqttConnections::start(
        {std::move(all[i])},
        {.heard = [this](size_t, MqttMessage&& message) { queue_.put(std::move(message)); },
         .refused = [this](size_t,
                           const std::string& filter) { queue_.note(kSubscriptionRefused, filter); }});
    if (!made) return;  // the link has the same address: it is right
    connections_.push_back(std::move(*made));
    connections_.back()->connect(0);
  }
  wait_for(time_, options_.patience, [&] {
    return std::all_of(connections_.begin(), connections_.end(),
                       [](const auto& one) { return one->counters().subscribed > 0; });
  });
}

void SpreadLink::take(std::vector<MqttMessage>& out) {
  link_->take(out);
  own_.clear();
  queue_.take(own_);
  if (own_.empty()) return;
  const auto before = static_cast<std::ptrdiff_t>(out.size());
  if (out.empty())
    std::swap(out, own_);
  else
    std::move(own_.begin(), own_.end(), std::back_inserter(out));
  // Stable, and each device's come over one connection: they stay in their order.
  const auto earlier = [](const MqttMessage& a, const MqttMessage& b) { return a.received < b.received; };
  if (before != 0 || connections_.size() > 1) std::stable_sort(out.begin(), out.end(), earlier);
}

void SpreadLink::on_arrival(std::function<void()> told) {
  link_->on_arrival(told);
  queue_.on_arrival(std::move(told));
}

LinkCounters SpreadLink::counters() const {
  auto counters = link_->counters();
  queue_.count(counters);
  return counters;
}

std::vector<Incident> SpreadLink::take_incidents() {
  auto all = link_->take_incidents();
  for (auto& one : queue_.take_incidents()) all.push_back(std::move(one));
  return all;
}

}  // namespace looptwin::hil
