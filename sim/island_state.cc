// An island's save and restore. Columns of tables are saved by the tables; here is all the rest.
#include "sim/island.h"

namespace looptwin::sim {

void Island::save(ArchiveWriter& archive) const {
  archive.section("island", 5);
  archive.put(boundary_);
  archive.put<uint8_t>(announced_);
  archive.put<uint64_t>(slices_.size());
  for (const auto& slice : slices_) {
    archive.put(slice.at);
    archive.put(slice.sampled);
    archive.put(slice.wake);
    archive.put(slice.arrival);
    archive.put(slice.overridden);
    archive.put<uint8_t>(slice.commanded);
    archive.put_vector(slice.next);
    archive.put_vector(slice.inbox);
    archive.put_vector(slice.spells);
    archive.put_vector(slice.before);
    slice.remembered.save(archive);
  }
  for (const auto& column : sequence_) archive.put_vector(column);
  archive.put_vector(overrides_);
  disturbances_.save(archive);
  in_flight_.save(archive);
  archive.put_vector(acknowledgements_);
  archive.put_vector(ringing_);
  archive.put_vector(strays_);
  archive.put(counters_);
}

void Island::restore(ArchiveReader& archive) {
  if (archive.section("island", 5) != 5) return archive.fail("written by another version");
  boundary_ = archive.get<Time>();
  announced_ = archive.get<uint8_t>() != 0;
  const auto slices = archive.get<uint64_t>();
  if (archive.ok() && slices != slices_.size()) return archive.fail("a shard that was cut otherwise");
  for (auto& slice : slices_) {
    slice.at = archive.get<int64_t>();
    slice.shown = slice.read = -1;
    slice.sampled = archive.get<Time>();
    slice.wake = archive.get<Time>();
    slice.arrival = archive.get<Time>();
    slice.overridden = archive.get<int64_t>();
    slice.commanded = archive.get<uint8_t>() != 0;
    archive.get_span(std::span(slice.next));
    slice.inbox = archive.get_vector<Pending>();
    slice.spells = archive.get_vector<Spell>();
    slice.before = archive.get_vector<Before>();
    slice.remembered.restore(archive, slice.rows);
  }
  for (auto& column : sequence_) archive.get_span(std::span(column));
  archive.get_span(std::span(overrides_));
  disturbances_.restore(archive, boundary_);
  in_flight_.restore(archive);
  acknowledgements_ = archive.get_vector<twin::Acknowledgement>();
  ringing_ = archive.get_vector<Ringing>();
  strays_ = archive.get_vector<twin::Stray>();
  counters_ = archive.get<FleetCounters>();
}

}  // namespace looptwin::sim
