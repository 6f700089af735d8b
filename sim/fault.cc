#include "sim/fault.h"

#include <algorithm>

#include "base/check.h"

namespace looptwin::sim {
namespace {

Time later(Time t, Duration d) { return t.ns > kNever.ns - d.ns ? kNever : t + d; }

}  // namespace

Duration drawn_span(double seconds) {
  constexpr double kCentury = 3.2e9;
  return {std::max<int64_t>(1, static_cast<int64_t>(std::clamp(seconds, 0.0, kCentury) * 1e9))};
}

void Disturbances::add(uint32_t row, uint16_t source) {
  LT_CHECK(streams_.empty() || streams_.back().row <= row, "sources are added by row");
  const auto index = static_cast<uint32_t>(streams_.size());
  const bool same = index > 0 && streams_.back().row == row;
  first_of_.push_back(same ? first_of_.back() : index);
  link_until_.push_back(kLongAgo);
  streams_.push_back({row, source, 0, sources_[source].after, {}});
  draw(streams_.back());
  heap_.push_back({streams_.back().from, index});
  std::push_heap(heap_.begin(), heap_.end());
}

/// Sets from and to of the spell number `count`, where `from` holds the end of the last.
void Disturbances::draw(Stream& stream) const {
  const auto& source = sources_[stream.source];
  const uint64_t key = keys_[stream.row];
  if (source.wait)
    stream.from = later(stream.from, drawn_span(source.wait_stream.sample(*source.wait, key, stream.count)));
  if (source.lasts_drawn) {
    stream.to =
        later(stream.from, drawn_span(source.length_stream.sample(*source.lasts_drawn, key, stream.count)));
  } else {
    stream.to = source.lasts ? later(stream.from, *source.lasts) : kNever;
  }
}

/// Goes on to the next spell; false where there is none.
bool Disturbances::follow(Stream& stream) const {
  if (!sources_[stream.source].wait || stream.to == kNever) return false;
  stream.from = stream.to;
  ++stream.count;
  draw(stream);
  return true;
}

/// When the row's link works again after the spell of `index` that begins now: whatever else breaks the link
/// before the end prolongs it.
Time Disturbances::connected_again(size_t index) const {
  Time end = streams_[index].to;
  for (bool changed = true; changed && end != kNever;) {
    changed = false;
    for (size_t i = first_of_[index]; i < streams_.size() && streams_[i].row == streams_[index].row; ++i) {
      if (!sources_[streams_[i].source].breaks_link()) continue;
      Stream ahead = streams_[i];
      do {
        if (ahead.from > end) break;
        if (ahead.to > end) end = ahead.to, changed = true;
      } while (follow(ahead));
    }
  }
  return end;
}

Disturbances::Begun Disturbances::next() {
  std::pop_heap(heap_.begin(), heap_.end());
  const size_t index = heap_.back().stream;
  heap_.pop_back();
  auto& stream = streams_[index];
  const auto& source = sources_[stream.source];
  ++(source.outage ? outages_ : faults_);
  Begun begun;
  if (source.kind != FaultKind::link_down)
    begun.spell = Spell{stream.from, stream.to, source.value, stream.row, source.target, source.kind};
  auto& link_until = link_until_[first_of_[index]];
  if (source.breaks_link() && stream.from >= link_until) {
    // A spell that begins the instant another ends has been merged into it; the one found here stands alone.
    link_until = connected_again(index);
    begun.link = Spell{stream.from, link_until, 0, stream.row, 0, FaultKind::link_down};
  }
  if (follow(stream)) {
    heap_.push_back({stream.from, index});
    std::push_heap(heap_.begin(), heap_.end());
  }
  return begun;
}

void Disturbances::save(ArchiveWriter& archive) const {
  archive.section("disturbances", 1);
  archive.put_vector(streams_);
  archive.put_vector(link_until_);
  archive.put_vector(heap_);
  archive.put(outages_);
  archive.put(faults_);
}

void Disturbances::restore(ArchiveReader& archive) {
  archive.section("disturbances", 1);
  auto streams = archive.get_vector<Stream>();
  if (archive.ok() && streams.size() != streams_.size()) return archive.fail("other faults");
  streams_ = std::move(streams);
  link_until_ = archive.get_vector<Time>();
  heap_ = archive.get_vector<Entry>();
  outages_ = archive.get<uint64_t>();
  faults_ = archive.get<uint64_t>();
}

}  // namespace looptwin::sim
