#include "mml/broker.h"

#include <algorithm>
#include <atomic>

namespace looptwin::mml {

Broker::Broker(const twin::Registry& registry) : registry_(registry) {
  for (const auto& model : registry.models()) {
    sessions_.emplace_back(registry.devices(model.table), uint8_t{0});
    closed_.push_back(registry.devices(model.table));
  }
}

bool Broker::connect(twin::DeviceRef device, uint64_t credential) {
  if (credential != registry_.credential(device)) {
    std::atomic_ref(counters_.refused_connections).fetch_add(1, std::memory_order_relaxed);
    return false;
  }
  auto& session = sessions_[device.table.index()][device.row.index()];
  if (session == 0) std::atomic_ref(closed_[device.table.index()]).fetch_sub(1, std::memory_order_relaxed);
  session = 1;
  return true;
}

void Broker::disconnect(twin::DeviceRef device) {
  auto& session = sessions_[device.table.index()][device.row.index()];
  if (session != 0) std::atomic_ref(closed_[device.table.index()]).fetch_add(1, std::memory_order_relaxed);
  session = 0;
}

void Broker::admit(twin::Frame& frame) {
  if (closed_[frame.table.index()] == 0) return;
  const auto& sessions = sessions_[frame.table.index()];
  size_t kept = 0;
  for (size_t i = 0; i < frame.size(); ++i) {
    if (sessions[frame.row[i]] == 0) continue;
    if (kept != i) {
      frame.row[kept] = frame.row[i];
      frame.sequence[kept] = frame.sequence[i];
      frame.sampled_at[kept] = frame.sampled_at[i];
      frame.received_at[kept] = frame.received_at[i];
      for (auto& values : frame.value) values[kept] = values[i];
    }
    ++kept;
  }
  if (kept == frame.size()) return;
  std::atomic_ref(counters_.refused_messages).fetch_add(frame.size() - kept, std::memory_order_relaxed);
  frame.row.resize(kept);
  frame.sequence.resize(kept);
  frame.sampled_at.resize(kept);
  frame.received_at.resize(kept);
  for (auto& values : frame.value) values.resize(kept);
}

void Broker::route(std::span<const twin::Command> commands, std::vector<twin::Command>& out) {
  for (const auto& command : commands) {
    if (connected(command.device)) {
      out.push_back(command);
      ++counters_.routed;
      continue;
    }
    auto& waiting = held_[command.device];
    if (command.kind == twin::Command::Kind::setpoint) {
      std::erase_if(waiting, [&](const twin::Command& w) {
        return w.kind == command.kind && w.index == command.index;
      });
    }
    std::erase_if(waiting, [&](const twin::Command& w) { return w.id == command.id; });
    waiting.push_back(command);
    ++counters_.held;
  }
}

void Broker::release(twin::DeviceRef device, Time now, std::vector<twin::Command>& out) {
  const auto waiting = held_.find(device);
  if (waiting == held_.end()) return;
  for (const auto& command : waiting->second) {
    if (command.expires < now) {
      ++counters_.expired;
      continue;
    }
    out.push_back(command);
    ++counters_.routed;
  }
  held_.erase(waiting);
}

void Broker::save(ArchiveWriter& archive) const {
  archive.section("broker", 1);
  for (const auto& sessions : sessions_) archive.put_vector(sessions);
  archive.put_vector(closed_);
  archive.put<uint64_t>(held_.size());
  for (const auto& [device, commands] : held_) {
    archive.put(device);
    archive.put_vector(commands);
  }
  archive.put(counters_);
}

void Broker::restore(ArchiveReader& archive) {
  archive.section("broker", 1);
  for (auto& sessions : sessions_) archive.get_span(std::span(sessions));
  archive.get_span(std::span(closed_));
  held_.clear();
  for (auto n = archive.get<uint64_t>(); n > 0 && archive.ok(); --n) {
    const auto device = archive.get<twin::DeviceRef>();
    held_[device] = archive.get_vector<twin::Command>();
  }
  counters_ = archive.get<BrokerCounters>();
}

}  // namespace looptwin::mml
