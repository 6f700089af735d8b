#include "sim/fleet_uplinks.h"

#include <algorithm>
#include <map>

namespace looptwin::sim {

void FleetUplinks::add(std::span<const LinkConfig> links, const FleetDevices& devices,
                       Diagnostics& problems) {
  of_.resize(devices.models.size());
  for (const auto& config : links) {
    if (config.bandwidth == 0) continue;
    std::map<uint64_t, uint32_t> by_key;
    const auto keys = devices.shared_keys(config.name, config.bandwidth_shared, problems);
    for (const auto& model : devices.models) {
      if (!devices.hangs_on(model.table, config.name)) continue;
      const auto& shared = keys[model.table.index()];
      const auto own = devices.registry.keys(model.table);
      auto& uplinks = of_[model.table.index()];
      uplinks.resize(own.size(), kNoUplink);
      for (size_t row = 0; row < own.size(); ++row) {
        if (devices.registry.link({model.table, Row(row)}) != config.name) continue;
        const auto [it, made] =
            by_key.try_emplace(shared ? (*shared)[row] : own[row], static_cast<uint32_t>(uplinks_.size()));
        if (made) uplinks_.emplace_back(config.bandwidth, config.queue, config.drop_oldest);
        uplinks[row] = it->second;
      }
    }
  }
}

void FleetUplinks::carry(Time boundary, std::span<const std::unique_ptr<Island>> islands) {
  if (uplinks_.empty()) return;
  for (size_t shard = 0; shard < islands.size(); ++shard) {
    if (!islands[shard]->has_uplinks()) continue;
    islands[shard]->work(boundary);
    for (const Cut& cut : islands[shard]->forgotten())
      forgotten_.push_back({cut.at, static_cast<uint32_t>(shard), cut.row});
    islands[shard]->forgotten().clear();
    for (auto& message : islands[shard]->fetch()) {
      message.shard = static_cast<uint32_t>(shard);
      leaving_.push_back(std::move(message));
    }
    islands[shard]->fetch().clear();
  }
  std::sort(leaving_.begin(), leaving_.end(), before);
  std::sort(forgotten_.begin(), forgotten_.end());
  const auto connected = [&](const UplinkMessage& message, Time t) {
    return islands[message.shard]->connected(message.row, t);
  };
  const auto done = [&](const UplinkMessage& message, Time left) {
    islands[message.shard]->carried(message, left);
  };
  size_t forgot = 0;
  const auto forget_until = [&](Time t) {
    for (; forgot < forgotten_.size() && forgotten_[forgot].at <= t; ++forgot) {
      const auto& [at, shard, row] = forgotten_[forgot];
      auto& uplink = uplinks_[islands[shard]->uplink(row)];
      uplink.serve(at, connected, done);
      uplink.forget(shard, row, at);
    }
  };
  size_t due = 0;
  for (; due < leaving_.size() && leaving_[due].leaves <= boundary; ++due) {
    forget_until(leaving_[due].leaves);
    uplinks_[leaving_[due].uplink].offer(std::move(leaving_[due]), connected, done);
  }
  leaving_.erase(leaving_.begin(), leaving_.begin() + static_cast<std::ptrdiff_t>(due));
  forget_until(boundary);
  forgotten_.clear();
  for (auto& uplink : uplinks_) uplink.serve(boundary, connected, done);
}

uint64_t FleetUplinks::dropped() const {
  uint64_t sum = 0;
  for (const auto& uplink : uplinks_) sum += uplink.dropped();
  return sum;
}

void FleetUplinks::save(ArchiveWriter& archive) const {
  for (const auto& uplink : uplinks_) uplink.save(archive);
  archive.put<uint64_t>(leaving_.size());
  for (const auto& message : leaving_) message.save(archive);
}

void FleetUplinks::restore(ArchiveReader& archive) {
  for (auto& uplink : uplinks_) uplink.restore(archive);
  leaving_.clear();
  for (auto n = archive.get<uint64_t>(); n > 0 && archive.ok(); --n)
    leaving_.push_back(UplinkMessage::restored(archive));
}

}  // namespace looptwin::sim
