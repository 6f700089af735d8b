#include "mml/broker.h"

#include <algorithm>
#include <atomic>
#include <tuple>

namespace looptwin::mml {

Broker::Broker(const twin::Registry& registry) : registry_(registry) {
  for (const auto& model : registry.models()) {
    const size_t rows = registry.devices(model.table);
    sessions_.emplace_back(rows, uint8_t{0});
    closed_.push_back(rows);
    changes_.emplace_back((rows + twin::kShardRows - 1) / twin::kShardRows);
  }
}

void Broker::begin() {
  for (auto& table : changes_)
    for (auto& changes : table) changes.list.clear();
}

bool Broker::connect(twin::DeviceRef device, uint64_t credential, Time at) {
  if (!registry_.admitted(device) || credential != registry_.credential(device)) {
    std::atomic_ref(counters_.refused_connections).fetch_add(1, std::memory_order_relaxed);
    return false;
  }
  change(device, true, at);
  return true;
}

void Broker::disconnect(twin::DeviceRef device, Time at) { change(device, false, at); }

void Broker::change(twin::DeviceRef device, bool open, Time at) {
  auto& session = sessions_[device.table.index()][device.row.index()];
  if ((session != 0) == open) return;
  session = open;
  std::atomic_ref(closed_[device.table.index()]).fetch_add(open ? -1 : 1, std::memory_order_relaxed);
  auto& changes = changes_of(device.table, device.row.index());
  changes.list.push_back({device.row.value, static_cast<uint32_t>(changes.list.size()), at, open});
  changes.sorted = false;
}

bool Broker::was_connected(const Changes& changes, TableId table, uint32_t row, Time at) const {
  const auto later = std::partition_point(changes.list.begin(), changes.list.end(), [&](const Change& c) {
    return c.row != row ? c.row < row : c.at <= at;
  });
  if (later != changes.list.begin() && (later - 1)->row == row) return (later - 1)->opened;
  if (later != changes.list.end() && later->row == row) return !later->opened;
  return sessions_[table.index()][row] != 0;
}

void Broker::admit(twin::Frame& frame) {
  if (frame.size() == 0) return;
  auto& changes = changes_of(frame.table, frame.row[0]);
  size_t refused = 0;
  if (!changes.list.empty()) {
    if (!changes.sorted)
      std::sort(changes.list.begin(), changes.list.end(), [](const Change& a, const Change& b) {
        return std::tie(a.row, a.at, a.order) < std::tie(b.row, b.at, b.order);
      });
    changes.sorted = true;
    refused = frame.erase_if([&](size_t i) {
      return !was_connected(changes, frame.table, frame.row[i], Time{frame.received_at[i]});
    });
  } else if (closed_[frame.table.index()] != 0) {
    const auto& sessions = sessions_[frame.table.index()];
    uint8_t all = 1;  // asked without a branch: most often nobody is refused
    for (const uint32_t row : frame.row) all &= sessions[row];
    if (all != 0) return;
    refused = frame.erase_if([&](size_t i) { return sessions[frame.row[i]] == 0; });
  }
  if (refused != 0) std::atomic_ref(counters_.refused_messages).fetch_add(refused, std::memory_order_relaxed);
}

bool Broker::refuse(const twin::Stray& stray, uint64_t credential) {
  using enum twin::Stray::Form;
  if (by_key_.empty()) {
    for (const auto& model : registry_.models())
      for (size_t row = 0; row < registry_.devices(model.table); ++row)
        by_key_.push_back({registry_.keys(model.table)[row], {model.table, Row(row)}});
    std::sort(by_key_.begin(), by_key_.end());
  }
  if (stray.form == malformed) return ++counters_.malformed, true;
  const auto found = std::lower_bound(by_key_.begin(), by_key_.end(), stray.device,
                                      [](const auto& known, uint64_t key) { return known.first < key; });
  if (found == by_key_.end() || found->first != stray.device) return ++counters_.unknown_devices, true;
  if (credential != registry_.credential(found->second)) return ++counters_.foreign_credentials, true;
  if (stray.form == wrong_type) return ++counters_.wrong_types, true;
  return false;
}

void Broker::restart(bool persistent) {
  ++counters_.restarts;
  if (persistent) return;
  for (const auto& [device, waiting] : held_) counters_.lost += waiting.size();
  held_.clear();
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
  archive.section("broker", 2);
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
  archive.section("broker", 2);
  begin();
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
