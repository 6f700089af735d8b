#include "testbed/sequence/bench_transport.h"

#include <algorithm>

namespace looptwin::testbed {
namespace {

/// Of commands that nobody ever answers, so many are remembered.
constexpr size_t kMostUnanswered = 100'000;

}  // namespace

BenchTransport::BenchTransport(twin::Transport& inner, const twin::Registry& registry, size_t shards,
                               hil::Forces* forces, std::function<Time()> now)
    : inner_(inner), registry_(registry), forces_(forces), now_(std::move(now)), hops_(shards) {
  for (const auto& model : registry.models()) groups_.push_back(twin::report_groups(model.config));
}

void BenchTransport::begin(Time boundary) {
  boundary_ = boundary;
  if (forces_ != nullptr) forces_->begin(boundary, [](const hil::Forces::Force&, bool) {});
  inner_.begin(boundary);
}

void BenchTransport::poll(size_t shard, Time boundary, twin::Inbox& inbox) {
  inner_.poll(shard, boundary, inbox);
  if (forces_ != nullptr && forces_->any()) {
    const std::scoped_lock lock(mutex_);
    for (auto& frame : inbox.frames) force(frame);
  }
  note_times(shard, boundary, inbox);
}

void BenchTransport::force(twin::Frame& frame) {
  const auto& fields = groups_[frame.table.index()][frame.group].fields;
  for (size_t i = 0; i < frame.size(); ++i) {
    const twin::DeviceRef device{frame.table, Row(frame.row[i])};
    if (!forces_->any(device)) continue;
    samples_.values.clear();
    for (size_t k = 0; k < fields.size(); ++k) samples_.values.push_back({fields[k], frame.value[k][i]});
    forces_->samples(device, Time{frame.received_at[i]}, samples_, touched_);
    size_t next = 0;
    for (size_t k = 0; k < fields.size(); ++k) {
      const bool there = next < samples_.values.size() && samples_.values[next].first == fields[k];
      frame.value[k][i] = there ? samples_.values[next++].second : twin::kMissing;
    }
  }
}

void BenchTransport::note_times(size_t shard, Time boundary, const twin::Inbox& inbox) {
  auto& hops = hops_[shard];
  const auto of = [&](Hop hop) -> Histogram& { return hops[static_cast<size_t>(hop)]; };
  for (const auto& frame : inbox.frames)
    for (size_t i = 0; i < frame.size(); ++i) {
      // Who says no time took its sample when it arrived.
      if (frame.sampled_at[i] != frame.received_at[i])
        of(Hop::device_to_arrival).add(nanoseconds(frame.received_at[i] - frame.sampled_at[i]));
      of(Hop::arrival_to_cycle).add(boundary - Time{frame.received_at[i]});
    }
  if (inbox.acknowledgements.empty()) return;
  const std::scoped_lock lock(mutex_);
  for (const auto& answer : inbox.acknowledgements) {
    if (const auto told = told_.find(answer.id); told != told_.end()) told->second = answer.outcome;
    const auto sent = sent_.find(answer.id);
    if (sent == sent_.end()) continue;
    if (answer.outcome != twin::Outcome::withheld)
      of(Hop::sent_to_answer).add(answer.received_at - sent->second);
    sent_.erase(sent);
  }
}

void BenchTransport::poll_people(Time boundary, std::vector<twin::OperatorAction>& actions) {
  inner_.poll_people(boundary, actions);
  for (auto& act : acts_) {
    act.at = boundary;
    actions.push_back(std::move(act));
  }
  acts_.clear();
}

void BenchTransport::send(Time boundary, std::span<const twin::Command> commands) {
  inner_.send(boundary, commands);
  const Time left = now_ ? now_() : boundary;
  if (!commands.empty()) sending_.add(left - boundary);
  const std::scoped_lock lock(mutex_);
  if (sent_.size() > kMostUnanswered) sent_.clear();
  for (const auto& command : commands) sent_.emplace(command.id, left);
}

void BenchTransport::tell(const twin::Command& command) {
  {
    const std::scoped_lock lock(mutex_);
    told_.emplace(command.id, std::nullopt);
  }
  send(boundary_, {&command, 1});
  for (size_t shard = 0; shard < hops_.size(); ++shard) set_out(shard, boundary_);
}

std::optional<twin::Outcome> BenchTransport::answer(uint64_t id) const {
  const auto told = told_.find(id);
  return told == told_.end() ? std::nullopt : told->second;
}

HopTimes BenchTransport::hops() const {
  HopTimes all;
  for (const auto& shard : hops_)
    for (size_t h = 0; h < kHops; ++h) all[h].add(shard[h]);
  all[static_cast<size_t>(Hop::cycle_to_sent)].add(sending_);
  return all;
}

}  // namespace looptwin::testbed
