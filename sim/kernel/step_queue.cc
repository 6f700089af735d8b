#include "sim/kernel/step_queue.h"

#include <bit>

#include "base/check.h"

namespace looptwin::sim {

namespace {

constexpr size_t kHeapOnly =
    64;  // so few pending keys are opened all at once: a heap is then the fastest there is
constexpr uint32_t kMinTarget = 16;
constexpr uint32_t kMaxTarget =
    1024;  // keys of a sorted bucket; two copies of it stay in the first-level cache's reach
constexpr uint32_t kGrainsOfTarget =
    8;  // a spread bucket's grains hold an eighth of that: more keys will come
constexpr size_t kInsertionSort = 20;
constexpr int kMaxCellBits = 12;
constexpr uint32_t kCrowdedCell = 24;

constexpr auto kLater = [](const StepKey& a, const StepKey& b) { return b < a; };

void insertion_sort(StepKey* begin, StepKey* end) {
  for (StepKey* i = begin + 1; i < end; ++i) {
    const StepKey key = *i;
    StepKey* hole = i;
    for (; hole > begin && key < hole[-1]; --hole) *hole = hole[-1];
    *hole = key;
  }
}

}  // namespace

StepQueue::StepQueue() : ready_(64), ready_mask_(63), near_limit_(2 * kHeapOnly), target_(2 * kMinTarget) {
  clear();
}

void StepQueue::clear() {
  if (buckets_) {
    for (uint32_t bucket = 0; bucket < kLevels * kDigits; ++bucket) buckets_[bucket] = {};
  }
  occupied_ = {};
  grain_.fill(kDigits - 1);
  chunks_.clear();
  free_chunks_ = nullptr;
  ready_head_ = ready_tail_ = 0;
  open_.assign(kAhead + 1, kNoStep);
  open_next_ = open_end_ = open_.data();
  open_first_ = 0;
  open_last_ = std::numeric_limits<int64_t>::max();
  near_top_ = kNoStep;
  near_.clear();
  near_limit_ = 2 * kHeapOnly;
  opened_seen_ = near_seen_ = 0;
  size_ = 0;
}

StepKey StepQueue::peek() {
  for (;;) {
    StepKey best = std::min(*open_next_, near_top_);
    if (ready_head_ != ready_tail_) best = std::min(best, ready_[ready_head_ & ready_mask_]);
    if (best < kNoStep || !open_bucket()) return best;
  }
}

void StepQueue::append_to(std::vector<StepKey>& keys) const {
  for (uint64_t i = ready_head_; i != ready_tail_; ++i) keys.push_back(ready_[i & ready_mask_]);
  keys.insert(keys.end(), open_next_, open_end_);
  if (near_top_ < kNoStep) keys.push_back(near_top_);
  keys.insert(keys.end(), near_.begin(), near_.end());
  for (uint32_t bucket = 0; buckets_ && bucket < kLevels * kDigits; ++bucket) {
    const Chunk* chunk = buckets_[bucket].head;
    for (uint32_t left = buckets_[bucket].count; left > 0; chunk = chunk->next) {
      const uint32_t count = std::min(left, kChunkKeys);
      keys.insert(keys.end(), chunk->keys, chunk->keys + count);
      left -= count;
    }
  }
}

size_t StepQueue::bytes() const {
  return chunks_.bytes() + (open_.capacity() + near_.capacity() + ready_.capacity()) * sizeof(StepKey) +
         (buckets_ ? kLevels * kDigits * sizeof(Bucket) : 0);
}

void StepQueue::grow_ready() {
  std::vector<StepKey> larger(2 * ready_.size());
  const uint64_t count = ready_tail_ - ready_head_;
  for (uint64_t i = 0; i < count; ++i) larger[i] = ready_[(ready_head_ + i) & ready_mask_];
  ready_ = std::move(larger);
  ready_mask_ = ready_.size() - 1;
  ready_head_ = 0;
  ready_tail_ = count;
}

void StepQueue::add_chunk(Bucket& bucket) {
  Chunk* chunk = free_chunks_;
  if (chunk) {
    free_chunks_ = chunk->next;
  } else {
    chunk = &chunks_[chunks_.add()];
  }
  if (bucket.count == 0) {
    bucket.head = chunk;
    const auto index = static_cast<uint32_t>(&bucket - buckets_.get());
    occupied_[index / kDigits][(index % kDigits) / 64] |= uint64_t{1} << (index % 64);
  } else {
    reinterpret_cast<Chunk*>(bucket.tail - kFull)->next = chunk;
  }
  bucket.tail = reinterpret_cast<uintptr_t>(chunk);
}

void StepQueue::push_near(StepKey key, int64_t now) {
  ++near_seen_;
  if (key < near_top_) std::swap(key, near_top_);
  if (!(key < kNoStep)) return;
  near_.push_back(key);
  std::push_heap(near_.begin(), near_.end(), kLater);
  if (near_.size() > near_limit_) [[unlikely]]
    close_bucket(now);
}

void StepQueue::pop_near() {
  if (near_.empty()) {
    near_top_ = kNoStep;
    return;
  }
  std::pop_heap(near_.begin(), near_.end(), kLater);
  near_top_ = near_.back();
  near_.pop_back();
}

/// Too much has landed in the open span: it was too wide for the density here. The span is cut to end now,
/// and all keys after now return to the radix. That is consistent while now lies in the span: buckets below
/// the open one's level are empty, and keys above differ from now in the same digit as from the old end. If
/// now is before the span (a bucket was opened to look ahead, then much was scheduled before it), everything
/// is placed anew.
void StepQueue::close_bucket(int64_t now) {
  if (!buckets_) buckets_ = std::make_unique<Bucket[]>(kLevels * kDigits);
  if (now < open_first_) {
    near_limit_ = std::max(near_limit_, size_ / 4);  // so that placing all is paid for by as many pushes
    if (near_.size() > near_limit_) place_anew(now);
    return;
  }
  open_last_ = now;
  for (const StepKey* key = open_next_; key != open_end_; ++key) {
    if (key->time > now) {
      place(*key);
    } else {
      near_.push_back(*key);
    }
  }
  std::fill(open_.begin(), open_.begin() + kAhead + 1, kNoStep);
  open_next_ = open_end_ = open_.data();
  near_.push_back(near_top_);
  const auto kept =
      std::partition(near_.begin(), near_.end(), [now](const StepKey& key) { return key.time <= now; });
  for (auto key = kept; key != near_.end(); ++key) place(*key);
  near_.erase(kept, near_.end());
  std::make_heap(near_.begin(), near_.end(), kLater);
  pop_near();
  // What stays are ties with this very instant; however many they are, closing again would not help.
  near_limit_ = std::max<size_t>({2 * kHeapOnly, target_, 2 * near_.size()});
  opened_seen_ = near_seen_ = 0;
  target_ = std::max(kMinTarget, target_ / 2);
}

void StepQueue::place_anew(int64_t now) {
  std::vector<StepKey> keys;
  append_to(keys);
  clear();
  open_first_ = open_last_ = now;
  size_ = keys.size();
  for (const StepKey& key : keys) {
    if (key.time > now) {
      place(key);
    } else {
      near_.push_back(key);
    }
  }
  std::make_heap(near_.begin(), near_.end(), kLater);
  pop_near();
  near_limit_ = std::max<size_t>({2 * kHeapOnly, target_, 2 * near_.size()});
}

int StepQueue::lowest_level() const {
  for (int level = 0; level < kLevels; ++level) {
    if (next_digit(level, 0) < kDigits) return level;
  }
  return kLevels;
}

/// The first digit at or after `from` whose bucket holds keys, or kDigits.
uint32_t StepQueue::next_digit(int level, uint32_t from) const {
  if (from >= kDigits) return kDigits;
  const auto& words = occupied_[static_cast<size_t>(level)];
  uint64_t word = words[from / 64] & (~uint64_t{0} << (from % 64));
  for (uint32_t i = from / 64;; word = words[i]) {
    if (word != 0) return i * 64 + static_cast<uint32_t>(std::countr_zero(word));
    if (++i == kWords) return kDigits;
  }
}

/// Opens the next keys: about target_ of them, as neighbouring buckets of the lowest level that has any. A
/// bucket with more than that is spread over the level below first. Called when everything nearer is used up.
bool StepQueue::open_bucket() {
  if (size_ == 0) return false;
  near_limit_ = std::max<size_t>(2 * kHeapOnly, target_);
  if (size_ <= kHeapOnly) {
    open_everything();
    return true;
  }
  tune();
  int level = lowest_level();
  uint32_t digit = next_digit(level, 0);
  while (buckets_[static_cast<uint32_t>(level) * kDigits + digit].count > target_ && level > 0) {
    if (!spread(level, digit)) break;
    level = lowest_level();
    digit = next_digit(level, 0);
  }

  // Neighbours are taken as long as they fit. The first one is taken whatever its size: it is one instant
  // then.
  const uint32_t base = static_cast<uint32_t>(level) * kDigits;
  runs_.clear();
  size_t count = 0;
  const uint32_t first_digit = digit;
  uint32_t last_digit = digit;
  for (; digit < kDigits; digit = next_digit(level, digit + 1)) {
    if (count > 0 && count + buckets_[base + digit].count > target_) break;
    count += collect(base + digit);
    last_digit = digit;
  }
  const int shift = kDigitBits * level;
  const int64_t above =
      level + 1 == kLevels ? 0 : runs_.front().front().time >> (shift + kDigitBits) << (shift + kDigitBits);
  const int64_t first = above | int64_t{first_digit} << shift;
  const uint32_t last_of_grain = last_digit | (~grain_[static_cast<size_t>(level)] & (kDigits - 1));
  const int64_t last = (above | int64_t{last_of_grain} << shift) | ((int64_t{1} << shift) - 1);
  sort_collected(count, first, last);
  for (uint32_t d = first_digit; d <= last_digit; ++d) give_back(base + d);
  open_first_ = first;
  open_last_ = last;
  opened_seen_ += count;
  return true;
}

void StepQueue::open_everything() {
  runs_.clear();
  size_t count = 0;
  for (int level = 0; level < kLevels; ++level) {
    for (uint32_t d = next_digit(level, 0); d < kDigits; d = next_digit(level, d + 1)) {
      count += collect(static_cast<uint32_t>(level) * kDigits + d);
    }
  }
  LT_CHECK(count == size_);
  constexpr int64_t kEnd = std::numeric_limits<int64_t>::max();
  sort_collected(count, 0, kEnd);
  for (int level = 0; level < kLevels; ++level) {
    for (uint32_t d = next_digit(level, 0); d < kDigits; d = next_digit(level, d + 1)) {
      give_back(static_cast<uint32_t>(level) * kDigits + d);
    }
  }
  open_first_ = 0;
  open_last_ = kEnd;
}

/// Wider buckets cost less a key to open, but more keys land in their span and go through the heap. The
/// target follows the share that did: up below 1 in 32, down above 1 in 8.
void StepQueue::tune() {
  if (opened_seen_ < 4 * uint64_t{target_}) return;
  if (near_seen_ * 8 > opened_seen_) {
    target_ = std::max(kMinTarget, target_ / 2);
  } else if (near_seen_ * 32 < opened_seen_) {
    target_ = std::min(kMaxTarget, target_ * 2);
  }
  opened_seen_ = near_seen_ = 0;
}

/// Moves a bucket's keys to the highest level below at which they differ, whose grain is set to their number.
/// False (and nothing moved) if they differ at no level below: they are of one instant, or of one grain, and
/// are opened as they are.
bool StepQueue::spread(int level, uint32_t digit) {
  const uint32_t bucket = static_cast<uint32_t>(level) * kDigits + digit;
  const Chunk* chunk = buckets_[bucket].head;
  const int64_t first = chunk->keys[0].time;
  // A difference from this bit on settles the level: keys of a bucket with full grain agree in this level's
  // digit.
  const bool full_grain = grain_[static_cast<size_t>(level)] == kDigits - 1;
  const int known = kDigitBits * (full_grain ? level - 1 : level);
  uint64_t difference = 0;
  for (uint32_t left = buckets_[bucket].count; left > 0; chunk = chunk->next) {
    const uint32_t count = std::min(left, kChunkKeys);
    for (uint32_t i = 0; i < count; ++i) difference |= static_cast<uint64_t>(chunk->keys[i].time ^ first);
    left -= count;
    if (difference >> known != 0) break;  // the usual case, seen in the first chunk
  }
  if (difference == 0 || level_of(difference) >= level) return false;
  const int lower = level_of(difference);
  const uint32_t wanted =
      std::bit_ceil(std::min(kDigits, buckets_[bucket].count / (target_ / kGrainsOfTarget)));
  const uint32_t grain = (kDigits - 1) & ~(kDigits / wanted - 1);
  grain_[static_cast<size_t>(lower)] = grain;
  Bucket* below = &buckets_[static_cast<uint32_t>(lower) * kDigits];
  drain(bucket, [this, below, lower, grain](const StepKey& key) {
    append(below[digit_of(key.time, lower) & grain], key);
  });
  return true;
}

uint32_t StepQueue::collect(uint32_t bucket) {
  const Chunk* chunk = buckets_[bucket].head;
  for (uint32_t left = buckets_[bucket].count; left > 0; chunk = chunk->next) {
    const uint32_t count = std::min(left, kChunkKeys);
    runs_.emplace_back(chunk->keys, count);
    left -= count;
  }
  return buckets_[bucket].count;
}

void StepQueue::give_back(uint32_t bucket) {
  if (buckets_[bucket].count > 0) drain(bucket, [](const StepKey&) {});
}

/// Sorts what runs_ holds into open_: by a distribution over about as many cells of time as there are keys,
/// then by insertion. A crowded cell (ties, or an uneven density) is sorted on its own, so that nothing is
/// quadratic.
void StepQueue::sort_collected(size_t count, int64_t first, int64_t last) {
  if (open_.size() < count + kAhead + 1) open_.resize(std::bit_ceil(count + kAhead + 1));
  StepKey* open = open_.data();
  std::fill_n(open + count, kAhead + 1, kNoStep);
  open_next_ = open;
  open_end_ = open + count;
  if (count <= kInsertionSort) {
    for (const auto& run : runs_) open = std::copy(run.begin(), run.end(), open);
    return insertion_sort(open_.data(), open_.data() + count);
  }

  const auto width = static_cast<uint64_t>(last - first);
  const int cell_bits = std::min(static_cast<int>(std::bit_width(count)), kMaxCellBits);
  const int shift = std::max(0, static_cast<int>(std::bit_width(width)) - cell_bits);
  const size_t cell_count = (width >> shift) + 1;
  cells_.assign(cell_count, 0);
  for (const auto& run : runs_) {
    for (const StepKey& key : run) ++cells_[static_cast<uint64_t>(key.time - first) >> shift];
  }
  uint32_t begin = 0;
  uint32_t crowded = 0;
  for (uint32_t& cell : cells_) {
    crowded += cell > kCrowdedCell;
    begin += std::exchange(cell, begin);
  }
  for (const auto& run : runs_) {
    for (const StepKey& key : run) open[cells_[static_cast<uint64_t>(key.time - first) >> shift]++] = key;
  }
  if (crowded > 0) {
    begin = 0;  // each cell now holds its end
    for (const uint32_t end : cells_) {
      // Keys come in the order of their sequences, so a cell of ties is mostly in order already.
      if (end - begin > kCrowdedCell && !std::is_sorted(open + begin, open + end))
        std::sort(open + begin, open + end);
      begin = end;
    }
  }
  insertion_sort(open, open + count);
}

}  // namespace looptwin::sim
