#include "twin/hot_samples.h"

#include <algorithm>
#include <limits>

#include "base/check.h"
#include "twin/ahead.h"
#include "twin/frame.h"

namespace looptwin::twin {
namespace {

constexpr int32_t kEmpty = std::numeric_limits<int32_t>::min();
constexpr int64_t kFar = int64_t{1} << 30;  ///< ticks of a block stay within ±kFar of its base
constexpr int64_t kMicrosecond = 1'000, kMillisecond = 1'000'000, kSecond = 1'000'000'000;

int64_t floor_divide(int64_t a, int64_t b) { return a / b - (a % b < 0); }

/// The tick at or after t. The shift keeps the division unsigned, which the compiler turns into a product.
template <int64_t kTick>
int64_t tick_of(int64_t t) {
  constexpr int64_t kShift = int64_t{4'000'000'000} * kSecond;  // 127 years, whole ticks
  return static_cast<int64_t>((static_cast<uint64_t>(t + kShift) + (kTick - 1)) / kTick) - kShift / kTick;
}

int32_t clamp32(int64_t x) {
  constexpr int64_t kLow = std::numeric_limits<int32_t>::min(), kHigh = std::numeric_limits<int32_t>::max();
  return static_cast<int32_t>(std::clamp(x, kLow, kHigh));
}

int64_t choose_tick(Duration spacing, Duration longest) {
  if (spacing < milliseconds(16)) return kMicrosecond;
  return (longest + spacing).ns / kMillisecond < kFar / 2 ? kMillisecond : kSecond;
}

}  // namespace

SampleRing::SampleRing(size_t rows, Duration spacing, Duration longest)
    : spacing_(spacing.ns), tick_(choose_tick(spacing, longest)) {
  LT_CHECK(spacing.ns > 0 && longest.ns > 0, "a ring of samples without a spacing or a window");
  // What the newest sample may be ahead of the window's end, a period at least, and one more for jitter: the
  // sample that a full ring replaces is then always out of the window.
  const Duration kept = longest + std::max(spacing, kFutureTolerance);
  capacity_ = static_cast<size_t>((kept.ns + spacing.ns - 1) / spacing.ns) + 1;
  keep_ = kept.ns / tick_;
  LT_CHECK(keep_ < kFar, "a window of exact samples that is too long for int32 ticks");
  const size_t blocks = (rows + kRows - 1) / kRows;
  blocks_.assign(blocks, Block{.newest = kLongAgo.ns});
  at_.assign(blocks * capacity_ * kRows, kEmpty);
  raw_.assign(blocks * capacity_ * kRows, 0);
  spilled_.resize(blocks * kGroupsPerBlock);
}

void SampleRing::insert(std::span<const uint32_t> row, std::span<const int64_t> sampled_at,
                        std::span<const int32_t> raw, std::span<const uint8_t> by_arrival, Taken* taken) {
  LT_CHECK(by_arrival.empty() || by_arrival.size() == row.size(), "columns of unequal length");
  switch (tick_) {
    case kMicrosecond:
      return insert_ticks<kMicrosecond>(row, sampled_at, raw, by_arrival, taken);
    case kMillisecond:
      return insert_ticks<kMillisecond>(row, sampled_at, raw, by_arrival, taken);
    default:
      return insert_ticks<kSecond>(row, sampled_at, raw, by_arrival, taken);
  }
}

template <int64_t kTick>
void SampleRing::insert_ticks(std::span<const uint32_t> row, std::span<const int64_t> sampled_at,
                              std::span<const int32_t> raw, std::span<const uint8_t> by_arrival,
                              Taken* taken) {
  Period period;
  for (size_t i = 0; i < row.size();) {
    const int64_t t = sampled_at[i];
    if (t < period.begin || t >= period.end) period = period_of(t);
    i = insert_run<kTick>(i, period, row, sampled_at, raw, by_arrival, taken);
  }
}

// Samples i, i + 1, ... as long as they are of one block and one period, which share a column. Returns the
// next.
template <int64_t kTick>
size_t SampleRing::insert_run(size_t i, const Period& period, std::span<const uint32_t> row,
                              std::span<const int64_t> sampled_at, std::span<const int32_t> raw,
                              std::span<const uint8_t> by_arrival, Taken* taken) {
  const size_t block = row[i] / kRows;
  Block& b = blocks_[block];
  const int64_t first_tick = tick_of<kTick>(sampled_at[i]);
  if (first_tick - b.base > kFar - spacing_ / kTick) rebase(block, first_tick);
  int32_t* const at_column = at_.data() + index(block, period.slot);
  int32_t* const raw_column = raw_.data() + index(block, period.slot);
  int64_t newest = b.newest;
  for (; i < row.size(); ++i) {
    const int64_t t = sampled_at[i];
    if (row[i] / kRows != block || t < period.begin || t >= period.end) break;
    const size_t lane = row[i] % kRows;
    const int64_t tick = tick_of<kTick>(t) - b.base;
    if (raw[i] == kMissing) [[unlikely]] {
      taken[i] = Taken::ignored;
    } else if (tick >= -kFar && at_column[lane] <= tick - keep_) [[likely]] {
      at_column[lane] = static_cast<int32_t>(tick);
      raw_column[lane] = raw[i];
      newest = std::max(newest, t);
      taken[i] = Taken::yes;
    } else {
      taken[i] = probe(block, period.slot, lane, {tick, raw[i], !by_arrival.empty() && by_arrival[i] != 0});
      if (taken[i] == Taken::yes) newest = std::max(newest, t);
    }
  }
  b.newest = newest;
  return i;
}

// An occupant is only ever replaced by a later sample, and only once it is out of every window. So a sample
// that was placed beyond its home is still found by its repetition on the way from its home: nothing on that
// way can have become replaceable for it since.
Taken SampleRing::probe(size_t block, size_t home, size_t lane, const Sample& sample) {
  const int64_t tick = sample.tick;
  if (tick < -kFar) return Taken::outdated;
  const auto slot_at = [&](size_t distance) { return index(block, (home + distance) % capacity_) + lane; };
  const auto place = [&](size_t distance) {
    at_[slot_at(distance)] = static_cast<int32_t>(tick);
    raw_[slot_at(distance)] = sample.raw;
    blocks_[block].displaced = std::max<uint64_t>(blocks_[block].displaced, distance);
    return Taken::yes;
  };
  int64_t newest = tick;
  for (size_t distance = 0; distance < capacity_; ++distance) {
    const int64_t at = at_[slot_at(distance)];
    if (at == tick && raw_[slot_at(distance)] == sample.raw && !sample.by_arrival) return Taken::ignored;
    if (tick <= at - keep_) return Taken::outdated;
    if (at <= tick - keep_) return place(distance);
    newest = std::max(newest, at);
  }
  if (const Spilled* spilled = spilled_[group_of(block, lane)].get(); spilled != nullptr)
    for (size_t cell = lane % kLanes; cell < spilled->at.size(); cell += kLanes) {
      const int64_t at = spilled->at[cell];
      if (at == tick && spilled->raw[cell] == sample.raw && !sample.by_arrival) return Taken::ignored;
      if (tick <= at - keep_) return Taken::outdated;
      newest = std::max(newest, at);
    }
  // A late sample: what is out of its own windows is not there, but out of the row's newest windows may be.
  for (size_t distance = 0; distance < capacity_; ++distance)
    if (at_[slot_at(distance)] <= newest - keep_) return place(distance);
  return spill(block, lane, newest, sample);
}

// Up to as many slots as the ring has.
Taken SampleRing::spill(size_t block, size_t lane, int64_t newest, const Sample& sample) {
  auto& spilled = spilled_[group_of(block, lane)];
  if (!spilled) spilled = std::make_unique<Spilled>();
  const size_t cells = spilled->at.size();
  size_t cell = lane % kLanes;
  while (cell < cells && spilled->at[cell] > newest - keep_) cell += kLanes;
  if (cell >= cells) {
    if (cells == capacity_ * kLanes) {
      ++blocks_[block].shed;
      return Taken::shed;
    }
    spilled->at.resize(cells + kLanes, kEmpty);
    spilled->raw.resize(cells + kLanes, 0);
  }
  spilled->at[cell] = static_cast<int32_t>(sample.tick);
  spilled->raw[cell] = sample.raw;
  blocks_[block].displaced = std::max<uint64_t>(blocks_[block].displaced, 1);
  return Taken::yes;
}

SampleRing::Period SampleRing::period_of(int64_t sampled_at) const {
  const int64_t number = floor_divide(sampled_at, spacing_);
  const int64_t capacity = static_cast<int64_t>(capacity_);
  const int64_t slot = number - floor_divide(number, capacity) * capacity;
  return {number * spacing_, (number + 1) * spacing_, static_cast<size_t>(slot)};
}

void SampleRing::rebase(size_t block, int64_t tick) {
  const int64_t shift = tick - blocks_[block].base;
  const auto move = [shift](std::span<int32_t> column) {
    for (int32_t& at : column) {
      const int64_t moved = at - shift;
      at = at == kEmpty || moved < -kFar ? kEmpty : static_cast<int32_t>(moved);
    }
  };
  move({at_.data() + index(block, 0), capacity_ * kRows});
  for (size_t group = block * kGroupsPerBlock; group < (block + 1) * kGroupsPerBlock; ++group)
    if (spilled_[group]) move(spilled_[group]->at);
  blocks_[block].base = tick;
}

int SampleRing::columns_between(size_t group, Time from, Time to, bool and_later,
                                SampleColumns out[kRanges]) const {
  const size_t block = group / kGroupsPerBlock;
  const Block& b = blocks_[block];
  const int64_t after = floor_divide(from.ns, tick_);
  const int64_t until = floor_divide(to.ns, tick_);
  const int64_t first = floor_divide(from.ns - tick_, spacing_);
  const int64_t last = floor_divide(and_later ? std::max(to.ns, b.newest) : to.ns, spacing_);
  const uint64_t slots = std::min<uint64_t>(capacity_, static_cast<uint64_t>(last - first) + 1 + b.displaced);
  const int64_t capacity = static_cast<int64_t>(capacity_);
  const size_t begin = static_cast<size_t>(first - floor_divide(first, capacity) * capacity);
  const size_t lane = group % kGroupsPerBlock * kLanes;
  const auto range = [&](size_t slot, size_t count) -> SampleColumns {
    const size_t offset = index(block, slot) + lane;
    return {at_.data() + offset,     raw_.data() + offset,   kRows, count,
            clamp32(after - b.base), clamp32(until - b.base)};
  };
  const size_t straight = std::min<size_t>(slots, capacity_ - begin);
  int ranges = 0;
  out[ranges++] = range(begin, straight);
  if (straight != slots) out[ranges++] = range(0, slots - straight);
  if (const Spilled* spilled = spilled_[group].get(); spilled != nullptr)
    out[ranges++] = {spilled->at.data(),          spilled->raw.data(),     kLanes,
                     spilled->at.size() / kLanes, clamp32(after - b.base), clamp32(until - b.base)};
  return ranges;
}

// Replaced was at most what is older than the newest by keep_.
bool SampleRing::holds_all(size_t group, Time after) const {
  return blocks_[group / kGroupsPerBlock].newest <= (floor_divide(after.ns, tick_) + keep_) * tick_;
}

size_t SampleRing::bytes() const {
  size_t bytes = (at_.size() + raw_.size()) * sizeof(int32_t) + spilled_.size() * sizeof spilled_[0];
  for (const auto& spilled : spilled_)
    if (spilled) bytes += spilled->at.size() * 2 * sizeof(int32_t);
  return bytes;
}

uint64_t SampleRing::shed() const {
  uint64_t shed = 0;
  for (const Block& b : blocks_) shed += b.shed;
  return shed;
}

void SampleRing::save(ArchiveWriter& archive) const {
  archive.section("sample ring", 2);
  archive.put(spacing_);
  archive.put(keep_);
  archive.put_vector(blocks_);
  archive.put_column(at_);
  archive.put_column(raw_);
  archive.put<uint64_t>(static_cast<uint64_t>(
      std::count_if(spilled_.begin(), spilled_.end(), [](auto& s) { return s != nullptr; })));
  for (size_t group = 0; group < spilled_.size(); ++group) {
    if (!spilled_[group]) continue;
    archive.put<uint64_t>(group);
    archive.put_vector(spilled_[group]->at);
    archive.put_vector(spilled_[group]->raw);
  }
}

void SampleRing::restore(ArchiveReader& archive) {
  const uint32_t version = archive.section("sample ring", 2);
  const auto spacing = archive.get<int64_t>();
  const auto keep = archive.get<int64_t>();
  if (archive.ok() && (spacing != spacing_ || keep != keep_))
    return archive.fail("samples kept for other windows");
  archive.get_span(std::span(blocks_));
  archive.get_span(std::span(at_));
  archive.get_span(std::span(raw_));
  for (auto& spilled : spilled_) spilled.reset();
  if (version < 2) return;
  for (auto groups = archive.get<uint64_t>(); groups > 0 && archive.ok(); --groups) {
    const auto group = archive.get<uint64_t>();
    if (group >= spilled_.size()) return archive.fail("samples of more rows");
    auto spilled = std::make_unique<Spilled>();
    spilled->at = archive.get_vector<int32_t>();
    spilled->raw = archive.get_vector<int32_t>();
    if (spilled->at.size() != spilled->raw.size() || spilled->at.size() % kLanes != 0)
      return archive.fail("samples of other rows");
    spilled_[group] = std::move(spilled);
  }
}

}  // namespace looptwin::twin
