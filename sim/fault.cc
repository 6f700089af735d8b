#include "sim/fault.h"

#include <algorithm>

#include "base/check.h"

namespace looptwin::sim {
namespace {

Time later(Time t, Duration d) { return t.ns > kNever.ns - d.ns ? kNever : t + d; }

}  // namespace

Duration drawn_span(double seconds) {
  constexpr double kCentury = 3.2e9;
  return std::max(kLeastSpell, Duration{static_cast<int64_t>(std::clamp(seconds, 0.0, kCentury) * 1e9)});
}

void Disturbances::add(uint32_t row, uint16_t source) {
  LT_CHECK(streams_.empty() || streams_.back().row <= row, "sources are added by row");
  const auto index = static_cast<uint32_t>(streams_.size());
  const bool same = index > 0 && streams_.back().row == row;
  first_of_.push_back(same ? first_of_.back() : index);
  link_until_.push_back(kLongAgo);
  streams_.push_back(first(row, source));
  heap_.push_back({streams_.back().from, index});
  std::push_heap(heap_.begin(), heap_.end());
}

Disturbances::Stream Disturbances::first(uint32_t row, uint32_t source) const {
  Stream stream{row, source, 0, sources_[source].after, {}};
  draw(stream);
  return stream;
}

/// Sets from and to of the spell number `count`, where `from` holds the end of the last.
void Disturbances::draw(Stream& stream) const {
  const auto& source = sources_[stream.source];
  if (!source.broker.empty()) return plan(stream);
  const uint64_t key = source.keys ? (*source.keys)[stream.row] : keys_[stream.row];
  if (source.wait)
    stream.from = later(stream.from, drawn_span(source.wait_stream.sample(*source.wait, key, stream.count)));
  if (source.lasts_drawn) {
    stream.to =
        later(stream.from, drawn_span(source.length_stream.sample(*source.lasts_drawn, key, stream.count)));
  } else {
    stream.to = source.lasts ? later(stream.from, *source.lasts) : kNever;
  }
}

/// The same for the broker's restarts. One that comes while the device still waits to connect again prolongs
/// that.
void Disturbances::plan(Stream& stream) const {
  const auto& source = sources_[stream.source];
  const auto& away = source.broker[stream.count];
  Time attempt = away.from;
  Duration wait = kFirstWait;
  for (uint64_t k = 0; attempt < away.to || attempt == away.from; ++k) {
    const double less = source.wait_stream.uniform(keys_[stream.row], stream.count << 32 | k) / 2;
    attempt = attempt + Duration{wait.ns - static_cast<int64_t>(static_cast<double>(wait.ns) * less)};
    wait = std::min(wait + wait, kLongestWait);
  }
  stream.from = std::max(stream.from, away.from);
  stream.to = std::max(stream.from, attempt);
}

/// Goes on to the next spell; false where there is none.
bool Disturbances::follow(Stream& stream) const {
  const auto& source = sources_[stream.source];
  if (stream.to == kNever) return false;
  if (source.broker.empty() ? !source.wait : stream.count + 1 == source.broker.size()) return false;
  stream.from = stream.to;
  ++stream.count;
  draw(stream);
  return true;
}

/// How long the row's link is down from the spell of `index` on, which begins now: whatever else breaks the
/// link before the end prolongs it. And the last restart meanwhile.
Spell Disturbances::link_spell(size_t index) {
  const auto& begins = sources_[streams_[index].source];
  Spell link{streams_[index].from, streams_[index].to};
  link.row = streams_[index].row;
  if (!begins.broker.empty()) link.broker = link.from;
  ahead_.clear();
  for (size_t i = first_of_[index]; i < streams_.size() && streams_[i].row == link.row; ++i)
    if (sources_[streams_[i].source].breaks_link()) ahead_.push_back(streams_[i]);
  size_t merged = 0;
  for (bool changed = true; changed;) {
    changed = false;
    for (Stream& ahead : ahead_) {
      const auto& source = sources_[ahead.source];
      const bool forgets =
          source.kind == FaultKind::restart && (source.keeps & static_cast<uint8_t>(Kept::queue)) == 0;
      // Each goes on from where it came to: what the others have prolonged since is not looked at again.
      while (ahead.from <= link.to) {
        if (forgets) link.forgets = std::max(link.forgets, ahead.from);
        if (!source.broker.empty()) link.broker = std::min(link.broker, ahead.from);
        if (ahead.to > link.to) link.to = ahead.to, changed = true;
        if (++merged == kMostMerged) link.to = kNever;
        if (link.to == kNever) return link;
        if (!follow(ahead)) {
          ahead.from = kNever;
          break;
        }
      }
    }
  }
  return link;
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
    begun.spell = Spell{.from = stream.from,
                        .to = stream.to,
                        .value = source.kind == FaultKind::restart ? source.keeps : source.value,
                        .row = stream.row,
                        .target = source.target,
                        .kind = source.kind};
  auto& link_until = link_until_[first_of_[index]];
  if (source.breaks_link() && stream.from >= link_until) {
    // A spell that begins the instant another ends has been merged into it; the one found here stands alone.
    begun.link = link_spell(index);
    link_until = begun.link->to;
  }
  if (follow(stream)) {
    heap_.push_back({stream.from, index});
    std::push_heap(heap_.begin(), heap_.end());
  }
  return begun;
}

void Disturbances::save(ArchiveWriter& archive) const {
  archive.section("disturbances", 2);
  archive.put_vector(streams_);
  archive.put_vector(link_until_);
  archive.put_vector(heap_);
  archive.put(outages_);
  archive.put(faults_);
}

void Disturbances::restore(ArchiveReader& archive, Time now) {
  archive.section("disturbances", 2);
  const auto saved = archive.get_vector<Stream>();
  const auto link_until = archive.get_vector<Time>();
  const auto heap = archive.get_vector<Entry>();
  outages_ = archive.get<uint64_t>();
  faults_ = archive.get<uint64_t>();
  if (!archive.ok()) return;
  std::vector<uint8_t> pending(saved.size());
  for (const Entry& entry : heap) pending[entry.stream] = 1;
  const auto is_to_come = [&](const Stream& s) { return s.count == 0 && s.from > now; };
  constexpr const char* kGone = "faults that have begun, and are not there any more";
  heap_.clear();
  // Both are by row: [begin, end) are the saved ones of this row, of which so many were found again.
  size_t begin = 0, end = 0, found = 0;
  for (size_t i = 0; i < streams_.size(); ++i) {
    const uint32_t row = streams_[i].row;
    if (first_of_[i] == i) {
      for (begin = end; begin < saved.size() && saved[begin].row < row; ++begin)
        if (!is_to_come(saved[begin])) return archive.fail(kGone);
      for (end = begin; end < saved.size() && saved[end].row == row; ++end) {
      }
      link_until_[i] = begin < end ? link_until[begin] : kLongAgo;
      found = 0;
    }
    size_t s = begin;
    while (s < end && saved[s].source != streams_[i].source) ++s;
    if (!take_over(i, s < end ? &saved[s] : nullptr, now))
      return archive.fail("faults that would have begun before, or of a link that is down just then");
    if (s == end || is_to_come(saved[s]) || pending[s] != 0) heap_.push_back({streams_[i].from, i});
    found += s < end && !is_to_come(saved[s]);
    const bool is_last = i + 1 == streams_.size() || streams_[i + 1].row != row;
    if (is_last &&
        found != static_cast<size_t>(std::count_if(saved.begin() + static_cast<std::ptrdiff_t>(begin),
                                                   saved.begin() + static_cast<std::ptrdiff_t>(end),
                                                   [&](const Stream& o) { return !is_to_come(o); })))
      return archive.fail(kGone);
  }
  for (; end < saved.size(); ++end)
    if (!is_to_come(saved[end])) return archive.fail(kGone);
  // Where nothing is another the heap is what it was, in its order too.
  if (std::equal(streams_.begin(), streams_.end(), saved.begin(), saved.end()))
    heap_ = heap;
  else
    std::make_heap(heap_.begin(), heap_.end());
}

/// What was saved where it has begun by `now`, else the first spell as the source now says. False where that
/// cannot be.
bool Disturbances::take_over(size_t index, const Stream* saved, Time now) {
  Stream& stream = streams_[index];
  if (saved != nullptr && (saved->count > 0 || saved->from <= now)) {
    stream = *saved;
    return true;
  }
  stream = first(stream.row, stream.source);
  if (stream.from <= now) return false;
  // What breaks a link that is down just then would have prolonged that.
  const bool is_new = saved == nullptr || stream.from != saved->from || stream.to != saved->to;
  return !(is_new && sources_[stream.source].breaks_link() && stream.from <= link_until_[first_of_[index]]);
}

}  // namespace looptwin::sim
