#include "testbed/testing/series_fleet.h"

#include <algorithm>

#include "base/random.h"

namespace looptwin::testbed {
namespace {

/// An answer is under way for so long: it is there at the next boundary.
constexpr Duration kOnTheWay = nanoseconds(1);

template <typename T>
const T* find_device(const std::vector<T>& all, twin::DeviceRef device) {
  const auto found = std::lower_bound(all.begin(), all.end(), device,
                                      [](const T& one, twin::DeviceRef d) { return one.device < d; });
  return found != all.end() && found->device == device ? &*found : nullptr;
}

}  // namespace

SeriesFleet::SeriesFleet(const twin::Registry& registry, twin::Tables& tables)
    : registry_(registry), shards_(tables.shards()), states_(shards_.size()) {
  for (const auto& model : registry.models()) groups_.push_back(twin::report_groups(model.config));
}

void SeriesFleet::give(const Courses& courses, uint64_t seed) {
  courses_ = &courses;
  for (size_t s = 0; s < shards_.size(); ++s) {
    const auto& shard = shards_[s];
    Shard& state = states_[s];
    state = {};
    if (shard.table.index() >= groups_.size()) continue;
    const auto& groups = groups_[shard.table.index()];
    const auto& telemetry = registry_.model(shard.table).config.telemetry;
    state.sequence.assign(groups.size(), std::vector<uint32_t>(shard.rows, 0));
    for (uint16_t g = 0; g < groups.size(); ++g)
      for (size_t k = 0; k < groups[g].fields.size(); ++k) {
        const uint16_t field = groups[g].fields[k];
        Stream stream{g,
                      k,
                      {},
                      groups[g].every,
                      twin::scaling_of(telemetry[field]),
                      random::stream(seed, "written." + telemetry[field].name),
                      {}};
        for (size_t other = 0; other < groups[g].fields.size(); ++other)
          if (other != k) stream.without.push_back(static_cast<uint16_t>(other));
        for (const auto& given : courses.fields) {
          const size_t row = given.device.row.index();
          if (given.device.table != shard.table || given.field != field || row < shard.first ||
              row >= shard.first + shard.rows)
            continue;
          stream.rows.push_back({static_cast<uint32_t>(row), kStart + twin::phase_of(groups[g], row), 0,
                                 &courses.series[given.series], presence_of(given.device)});
        }
        if (!stream.rows.empty()) state.streams.push_back(std::move(stream));
      }
  }
}

const WrittenSeries* SeriesFleet::presence_of(twin::DeviceRef device) const {
  const auto* given = find_device(courses_->presence, device);
  return given != nullptr ? &courses_->series[given->series] : nullptr;
}

bool SeriesFleet::is_online(twin::DeviceRef device, Time t) const {
  const auto* series = presence_of(device);
  return series == nullptr || series->at(t).from != 0;
}

/// Part `part` of a stream whose first stands at `first`: an empty frame, in memory that was there before.
void SeriesFleet::make_frame(std::vector<twin::Frame>& frames, size_t first, size_t part, TableId table,
                             const Stream& stream) {
  if (frames.size() <= first + part) frames.resize(first + part + 1);
  twin::Frame& frame = frames[first + part];
  frame.clear();
  frame.table = table;
  frame.group = stream.group;
  frame.without = stream.without;
  frame.forced.clear();
  if (part % 2 == 1) frame.forced.push_back(static_cast<uint16_t>(stream.position));
  frame.value.resize(stream.without.size() + 1);
}

void SeriesFleet::sample(const twin::Shard& shard, Shard& state, Stream& stream, Time boundary,
                         std::vector<twin::Frame>& frames, size_t first) const {
  for (Row& row : stream.rows) {
    row.part = 0;
    for (; row.next <= boundary; row.next = row.next + stream.every, ++row.instant) {
      const auto& piece = row.series->at(row.next);
      const bool online = row.presence == nullptr || row.presence->at(row.next).from != 0;
      if (piece.is == WrittenSeries::Is::stale || !online) continue;
      double value = WrittenSeries::value(piece, row.next);
      if (piece.noise > 0) {
        const uint64_t device = registry_.key({shard.table, looptwin::Row(row.row)});
        value += piece.noise * random::normal(random::bits(stream.noise, device, row.instant));
      }
      if ((row.part % 2 == 1) != piece.forced) ++row.part;
      for (; stream.parts <= row.part; ++stream.parts)
        make_frame(frames, first, stream.parts, shard.table, stream);
      auto& frame = frames[first + row.part];
      frame.row.push_back(row.row);
      frame.sequence.push_back(++state.sequence[stream.group][row.row - shard.first]);
      frame.sampled_at.push_back(row.next.ns);
      frame.received_at.push_back(row.next.ns);
      for (size_t k = 0; k < frame.value.size(); ++k)
        frame.value[k].push_back(k == stream.position ? stream.scaling.to_raw(value) : twin::kMissing);
    }
  }
}

/// All devices come online at the start, and those with a course of their own as it says.
void SeriesFleet::come_and_go(const twin::Shard& shard, Time from, bool begun, Time to,
                              std::vector<twin::Presence>& presence) const {
  if (!begun)
    for (size_t row = shard.first; row < shard.first + shard.rows; ++row)
      if (is_online({shard.table, looptwin::Row(row)}, kStart))
        presence.push_back({{shard.table, looptwin::Row(row)}, true, kStart});
  for (const auto& given : courses_->presence) {
    const size_t row = given.device.row.index();
    if (given.device.table != shard.table || row < shard.first || row >= shard.first + shard.rows) continue;
    const auto& pieces = courses_->series[given.series].pieces();
    for (size_t p = 1; p < pieces.size(); ++p)
      if (const bool online = pieces[p].from != 0;
          pieces[p].begin > from && pieces[p].begin <= to && online != (pieces[p - 1].from != 0))
        presence.push_back({given.device, online, pieces[p].begin});
  }
  std::stable_sort(presence.begin(), presence.end(),
                   [](const auto& a, const auto& b) { return a.at < b.at; });
}

void SeriesFleet::advance(size_t shard, Time boundary, sim::Arrivals& arrivals) {
  Shard& state = states_[shard];
  arrivals.acknowledgements.clear();
  arrivals.presence.clear();
  arrivals.strays.clear();
  if (courses_ != nullptr && shards_[shard].table.index() < groups_.size())
    come_and_go(shards_[shard], state.now, state.begun, boundary, arrivals.presence);
  size_t used = 0;
  for (Stream& stream : state.streams) {
    for (size_t part = 0; part < stream.parts; ++part)
      make_frame(arrivals.frames, used, part, shards_[shard].table, stream);
    sample(shards_[shard], state, stream, boundary, arrivals.frames, used);
    used += stream.parts;
  }
  arrivals.frames.resize(used);
  const auto due = std::find_if(state.waiting.begin(), state.waiting.end(),
                                [&](const auto& ack) { return ack.received_at > boundary; });
  for (auto ack = state.waiting.begin(); ack != due; ++ack)
    if (is_online(ack->device, ack->received_at)) arrivals.acknowledgements.push_back(*ack);
  state.waiting.erase(state.waiting.begin(), due);
  state.now = boundary;
  state.begun = true;
}

void SeriesFleet::deliver(size_t shard, Time now, std::span<const twin::Command> commands) {
  auto& waiting = states_[shard].waiting;
  for (const auto& command : commands) {
    const auto* answer = find_device(courses_->answers, command.device);
    if (answer != nullptr && answer->is == AnswerConfig::Is::nothing) continue;
    twin::Acknowledgement ack{command.id, command.device, twin::Outcome::accepted, now, now + kOnTheWay};
    if (answer != nullptr) {
      if (answer->is == AnswerConfig::Is::refused)
        ack.outcome = command.may_refuse ? twin::Outcome::refused_local : twin::Outcome::refused_range;
      ack.applied_at = now + answer->after;
      ack.received_at = ack.applied_at + kOnTheWay;
    }
    if (ack.applied_at > command.expires) ack.outcome = twin::Outcome::expired;
    waiting.push_back(ack);
  }
  std::stable_sort(waiting.begin(), waiting.end(), [](const auto& a, const auto& b) {
    return std::tie(a.received_at, a.device, a.id) < std::tie(b.received_at, b.device, b.id);
  });
}

}  // namespace looptwin::testbed
