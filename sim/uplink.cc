#include "sim/uplink.h"

#include <algorithm>
#include <tuple>

namespace looptwin::sim {

void UplinkMessage::save(ArchiveWriter& archive) const {
  archive.put(leaves);
  archive.put(delay);
  archive.put(dated);
  for (const uint32_t x : {shard, row, sequence, bytes, uplink}) archive.put(x);
  archive.put(group);
  archive.put_vector(values);
}

UplinkMessage UplinkMessage::restored(ArchiveReader& archive) {
  UplinkMessage m;
  m.leaves = archive.get<Time>();
  m.delay = archive.get<int64_t>();
  m.dated = archive.get<int64_t>();
  for (uint32_t* x : {&m.shard, &m.row, &m.sequence, &m.bytes, &m.uplink}) *x = archive.get<uint32_t>();
  m.group = archive.get<uint16_t>();
  m.values = archive.get_vector<int32_t>();
  return m;
}

bool before(const UplinkMessage& a, const UplinkMessage& b) {
  return std::tie(a.leaves, a.shard, a.row, a.group, a.sequence, a.delay) <
         std::tie(b.leaves, b.shard, b.row, b.group, b.sequence, b.delay);
}

Duration Uplink::time_of(uint32_t bytes) const {
  constexpr uint64_t kPerSecond = 1'000'000'000;
  const uint64_t bits = uint64_t{bytes} * 8;
  return {static_cast<int64_t>((bits * kPerSecond + bandwidth_ - 1) / bandwidth_)};
}

bool Uplink::make_room(uint32_t bytes) {
  if (queue_ == 0) return true;
  while (drop_oldest_ && !waiting_.empty() && bytes_ + bytes > queue_) {
    bytes_ -= waiting_.front().bytes;
    waiting_.pop_front();
    ++dropped_;
  }
  if (bytes_ + bytes <= queue_) return true;
  ++dropped_;
  return false;
}

void Uplink::forget(uint32_t shard, uint32_t row, Time at) {
  dropped_ += std::erase_if(waiting_, [&](const UplinkMessage& m) {
    const bool forgotten = m.shard == shard && m.row == row && m.leaves < at;
    bytes_ -= forgotten ? m.bytes : 0;
    return forgotten;
  });
}

void Uplink::save(ArchiveWriter& archive) const {
  archive.section("uplink", 1);
  archive.put(free_at_);
  archive.put(bytes_);
  archive.put(dropped_);
  archive.put<uint64_t>(waiting_.size());
  for (const auto& message : waiting_) message.save(archive);
}

void Uplink::restore(ArchiveReader& archive) {
  archive.section("uplink", 1);
  free_at_ = archive.get<Time>();
  bytes_ = archive.get<uint64_t>();
  dropped_ = archive.get<uint64_t>();
  waiting_.clear();
  for (auto n = archive.get<uint64_t>(); n > 0 && archive.ok(); --n)
    waiting_.push_back(UplinkMessage::restored(archive));
}

}  // namespace looptwin::sim
