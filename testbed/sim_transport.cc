#include "testbed/sim_transport.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace looptwin::testbed {
namespace {

template <typename T>
void add(std::vector<T>& to, const std::vector<T>& from) {
  to.insert(to.end(), from.begin(), from.end());
}

/// What has arrived after what is kept; its presence only, where its messages are lost.
void append(twin::Inbox& kept, const sim::Arrivals& arrivals, bool with_messages) {
  kept.frames.resize(arrivals.frames.size());
  for (size_t f = 0; f < arrivals.frames.size(); ++f) {
    auto& to = kept.frames[f];
    const auto& from = arrivals.frames[f];
    to.table = from.table;
    to.group = from.group;
    to.without = from.without;
    to.value.resize(from.value.size());
    if (!with_messages) continue;
    add(to.row, from.row);
    add(to.sequence, from.sequence);
    add(to.sampled_at, from.sampled_at);
    add(to.received_at, from.received_at);
    for (size_t v = 0; v < from.value.size(); ++v) add(to.value[v], from.value[v]);
  }
  if (with_messages) add(kept.acknowledgements, arrivals.acknowledgements);
  add(kept.presence, arrivals.presence);
}

void put(ArchiveWriter& archive, const twin::Inbox& inbox) {
  archive.put<uint64_t>(inbox.frames.size());
  for (const auto& frame : inbox.frames) {
    archive.put(frame.table);
    archive.put(frame.group);
    archive.put_vector(frame.row);
    archive.put_vector(frame.sequence);
    archive.put_vector(frame.sampled_at);
    archive.put_vector(frame.received_at);
    archive.put<uint64_t>(frame.value.size());
    for (const auto& values : frame.value) archive.put_vector(values);
    archive.put_vector(frame.without);
    archive.put_vector(frame.forced);
  }
  archive.put_vector(inbox.acknowledgements);
  archive.put_vector(inbox.presence);
}

twin::Inbox get_inbox(ArchiveReader& archive) {
  twin::Inbox inbox;
  const auto frames = archive.get<uint64_t>();
  for (uint64_t f = 0; f < frames && archive.ok(); ++f) {
    auto& frame = inbox.frames.emplace_back();
    frame.table = archive.get<TableId>();
    frame.group = archive.get<uint16_t>();
    frame.row = archive.get_vector<uint32_t>();
    frame.sequence = archive.get_vector<uint32_t>();
    frame.sampled_at = archive.get_vector<int64_t>();
    frame.received_at = archive.get_vector<int64_t>();
    const auto fields = archive.get<uint64_t>();
    for (uint64_t v = 0; v < fields && archive.ok(); ++v)
      frame.value.push_back(archive.get_vector<int32_t>());
    frame.without = archive.get_vector<uint16_t>();
    frame.forced = archive.get_vector<uint16_t>();
  }
  inbox.acknowledgements = archive.get_vector<twin::Acknowledgement>();
  inbox.presence = archive.get_vector<twin::Presence>();
  return inbox;
}

}  // namespace

SimTransport::SimTransport(sim::Fleet& fleet, mml::Broker& broker, const twin::Registry& registry,
                           std::vector<twin::Shard> shards, std::vector<Away> restarts,
                           std::vector<twin::OperatorAction> script)
    : fleet_(fleet),
      broker_(broker),
      registry_(registry),
      shards_(std::move(shards)),
      restarts_(std::move(restarts)),
      script_(std::move(script)),
      arrivals_(shards_.size()),
      kept_(shards_.size()),
      returned_(shards_.size()),
      by_shard_(shards_.size()) {
  for (size_t s = 0; s < shards_.size(); ++s) {
    while (first_shard_.size() <= shards_[s].table.index()) first_shard_.push_back(s);
  }
}

size_t SimTransport::shard_of(twin::DeviceRef device) const {
  return first_shard_[device.table.index()] + device.row.index() / twin::kShardRows;
}

void SimTransport::begin(Time boundary) {
  fleet_.begin(boundary);
  broker_.begin();
  for (; next_restart_ < restarts_.size() && restarts_[next_restart_].from <= boundary; ++next_restart_)
    broker_.restart(restarts_[next_restart_].persistent);
}

void SimTransport::receive(size_t shard, Time boundary) {
  auto& arrivals = arrivals_[shard];
  fleet_.advance(shard, boundary, arrivals);
  for (const auto& presence : arrivals.presence) {
    if (!presence.online) {
      broker_.disconnect(presence.device, presence.at);
    } else if (broker_.connect(presence.device, registry_.credential(presence.device), presence.at)) {
      returned_[shard].push_back(presence.device);
    }
  }
  for (auto& frame : arrivals.frames) broker_.admit(frame);
}

void SimTransport::poll(size_t shard, Time boundary, twin::Inbox& inbox) {
  receive(shard, boundary);
  auto& arrivals = arrivals_[shard];
  auto& kept = kept_[shard];
  if (!kept.frames.empty() || !kept.acknowledgements.empty() || !kept.presence.empty()) {
    append(kept, arrivals, true);
    std::swap(inbox, kept);
    kept = {};
    return;
  }
  std::swap(inbox.frames, arrivals.frames);
  std::swap(inbox.acknowledgements, arrivals.acknowledgements);
  std::swap(inbox.presence, arrivals.presence);
}

void SimTransport::pass(Time boundary, bool keep, Workers& workers) {
  begin(boundary);
  if (!keep)  // what was looked at before is lost as well
    for (auto& kept : kept_) kept.frames.clear(), kept.acknowledgements.clear();
  workers.run(shards_.size(), [&](size_t shard, int) {
    receive(shard, boundary);
    append(kept_[shard], arrivals_[shard], keep);
  });
  send(boundary, {});
  workers.run(shards_.size(), [&](size_t shard, int) { set_out(shard, boundary); });
}

bool SimTransport::arrived_by(Time time, Workers& workers) {
  if (time < looked_) return false;
  if (time > looked_) {
    looked_ = time;
    pass(time, true, workers);
    if (!fleet_.breakdown().empty()) return true;
  }
  const auto any = [](const twin::Inbox& kept) {
    return !kept.acknowledgements.empty() || !kept.presence.empty() ||
           std::any_of(kept.frames.begin(), kept.frames.end(), [](const auto& f) { return f.size() > 0; });
  };
  if (std::any_of(kept_.begin(), kept_.end(), any)) return true;
  for (auto& kept : kept_) kept = {};
  return (next_action_ < script_.size() && script_[next_action_].at <= time) ||
         (!pending_.empty() && pending_.front().at <= time);
}

void SimTransport::follow(std::vector<twin::OperatorAction> script) {
  script_ = std::move(script);
  next_action_ = 0;
}

void SimTransport::notice(std::vector<twin::Notice> notices) {
  notices_ = std::move(notices);
  next_notice_ = 0;
}

void SimTransport::was_away(Time from, Duration lasted) {
  away_ = {twin::Notice::Kind::away, {registry_.site(), Row(0)}, lasted.seconds(), from};
}

void SimTransport::poll_notices(Time boundary, std::vector<twin::Notice>& notices) {
  if (away_) notices.push_back(*away_);
  away_.reset();
  for (; next_notice_ < notices_.size() && notices_[next_notice_].at <= boundary; ++next_notice_)
    notices.push_back(notices_[next_notice_]);
}

void SimTransport::skip_script_to(Time done) {
  next_action_ = 0;
  while (next_action_ < script_.size() && script_[next_action_].at <= done) ++next_action_;
}

void SimTransport::poll_people(Time boundary, std::vector<twin::OperatorAction>& actions) {
  for (; next_action_ < script_.size() && script_[next_action_].at <= boundary; ++next_action_)
    actions.push_back(script_[next_action_]);
  const auto due = std::find_if(pending_.begin(), pending_.end(),
                                [&](const auto& action) { return action.at > boundary; });
  if (due == pending_.begin()) return;
  actions.insert(actions.end(), pending_.begin(), due);
  pending_.erase(pending_.begin(), due);
  std::stable_sort(actions.begin(), actions.end(), [](const auto& a, const auto& b) { return a.at < b.at; });
}

void SimTransport::act(std::vector<twin::OperatorAction> actions) {
  pending_.insert(pending_.end(), actions.begin(), actions.end());
  std::stable_sort(pending_.begin(), pending_.end(),
                   [](const auto& a, const auto& b) { return a.at < b.at; });
}

void SimTransport::send(Time now, std::span<const twin::Command> commands) {
  leaving_.clear();
  for (size_t shard = 0; shard < shards_.size(); ++shard) {
    for (const auto& stray : arrivals_[shard].strays) {
      const uint64_t own = registry_.credential({shards_[shard].table, Row(stray.row)});
      const bool refused = broker_.refuse(stray, stray.foreign ? ~own : own);
      LT_CHECK(refused, "a stray with which nothing is wrong");
    }
    arrivals_[shard].strays.clear();
  }
  for (auto& returned : returned_) {
    for (const auto device : returned)
      if (broker_.connected(device)) broker_.release(device, now, leaving_);  // it may have gone again
    returned.clear();
  }
  broker_.route(commands, leaving_);
  for (const auto& command : leaving_) by_shard_[shard_of(command.device)].push_back(command);
}

void SimTransport::set_out(size_t shard, Time now) {
  if (by_shard_[shard].empty()) return;
  fleet_.deliver(shard, now, by_shard_[shard]);
  by_shard_[shard].clear();
}

void SimTransport::save(ArchiveWriter& archive) const {
  archive.section("sim transport", 1);
  archive.put<uint64_t>(next_restart_);
  archive.put<uint64_t>(next_action_);
  archive.put<int64_t>(looked_.ns);
  for (const auto& kept : kept_) put(archive, kept);
  fleet_.save(archive);
  broker_.save(archive);
}

void SimTransport::restore(ArchiveReader& archive) {
  archive.section("sim transport", 1);
  next_restart_ = archive.get<uint64_t>();
  next_action_ = archive.get<uint64_t>();
  looked_ = Time{archive.get<int64_t>()};
  for (auto& kept : kept_) kept = get_inbox(archive);
  fleet_.restore(archive);
  broker_.restore(archive);
}

}  // namespace looptwin::testbed
