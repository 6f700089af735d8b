// Pending keys in the kernel's total order. From near to far: a ready list (steps for this very instant, in
// order of their coming), one open bucket that is sorted, a small heap for keys that land in its span, and a
// radix of buckets by the highest digit in which a time differs from the open bucket's end. A key moves down
// at most once a digit, whatever the delays are; how much is opened at a time follows the density seen.
// Nothing here allocates in steady state.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <vector>

#include "sim/kernel/slab.h"
#include "sim/kernel/step_key.h"

namespace looptwin::sim {

class StepQueue {
 public:
  /// How far ahead upcoming() may look: at real keys, then at kNoStep.
  static constexpr size_t kAhead = 16;

  StepQueue();

  size_t size() const { return size_; }

  /// Adds a key that is not earlier than now. Keys for now keep the order of their coming (they carry rising
  /// sequences).
  void push(StepKey key, int64_t now) {
    ++size_;
    if (key.time == now && (ready_head_ == ready_tail_ || ready_[(ready_tail_ - 1) & ready_mask_] < key)) {
      if (ready_tail_ - ready_head_ > ready_mask_) [[unlikely]]
        grow_ready();
      ready_[ready_tail_++ & ready_mask_] = key;
    } else if (key.time <= open_last_) {
      push_near(key, now);
    } else {
      place(key);
    }
  }

  /// Takes the smallest key out, if it is not after `until`. `on_open()` is called after another bucket was
  /// opened.
  template <typename OnOpen>
  bool take(int64_t until, StepKey& key, OnOpen&& on_open) {
    for (;;) {
      const StepKey* best = open_next_;
      if (near_top_ < *best) [[unlikely]]
        best = &near_top_;
      if (ready_head_ != ready_tail_) {
        const StepKey* ready = &ready_[ready_head_ & ready_mask_];
        if (*ready < *best) best = ready;
      }
      key = *best;
      if (key.low >= kNoStep.low) [[unlikely]] {
        if (!open_bucket()) return false;
        on_open();
        continue;
      }
      if (key.time > until) [[unlikely]]
        return false;
      --size_;
      if (best == open_next_) {
        ++open_next_;
      } else if (best == &near_top_) {
        pop_near();
      } else {
        ++ready_head_;
      }
      return true;
    }
  }

  /// A key that is likely to come k takes later (k <= kAhead), so that what it needs can be fetched early.
  const StepKey& upcoming(size_t k) const {
    return ready_tail_ - ready_head_ > k ? ready_[(ready_head_ + k) & ready_mask_] : open_next_[k];
  }

  /// The smallest key, or kNoStep.
  StepKey peek();

  /// Every key, in no particular order.
  void append_to(std::vector<StepKey>& keys) const;

  /// Drops the keys for which stale(key) holds.
  template <typename Stale>
  void remove_if(Stale&& stale);

  void clear();

  /// Bytes held for keys, used or not.
  size_t bytes() const;

 private:
  static constexpr int kDigitBits = 8;
  static constexpr int kLevels = 8;
  static constexpr uint32_t kDigits = 1u << kDigitBits;
  static constexpr uint32_t kWords = kDigits / 64;
  static constexpr uint32_t kChunkKeys = 31;
  static constexpr uintptr_t kChunkBytes = 512;

  struct alignas(kChunkBytes) Chunk {
    StepKey keys[kChunkKeys];
    Chunk* next;
  };
  static_assert(sizeof(Chunk) == kChunkBytes);
  /// Keys in a chain of chunks. `tail` is where the next key goes; at the end of a chunk, or where there is
  /// none, its offset in the chunk is kFull, so that one test finds both.
  struct Bucket {
    uintptr_t tail = kFull;
    Chunk* head = nullptr;
    uint32_t count = 0;
  };
  static constexpr uintptr_t kFull = kChunkKeys * sizeof(StepKey);

  static int level_of(uint64_t difference) { return (63 - __builtin_clzll(difference)) / kDigitBits; }
  static uint32_t digit_of(int64_t time, int level) {
    return static_cast<uint32_t>(time >> (kDigitBits * level)) & (kDigits - 1);
  }

  void place(StepKey key) {
    const int level = level_of(static_cast<uint64_t>(key.time ^ open_last_));
    const uint32_t digit = digit_of(key.time, level) & grain_[static_cast<uint32_t>(level)];
    append(buckets_[static_cast<uint32_t>(level) * kDigits + digit], key);
  }
  void append(Bucket& bucket, StepKey key) {
    if ((bucket.tail & (kChunkBytes - 1)) == kFull) [[unlikely]]
      add_chunk(bucket);
    *reinterpret_cast<StepKey*>(bucket.tail) = key;
    bucket.tail += sizeof(StepKey);
    ++bucket.count;
  }
  void add_chunk(Bucket& bucket);
  /// Empties a bucket and calls visit(key) for each of its keys, in the order of their coming.
  template <typename Visit>
  void drain(uint32_t bucket, Visit&& visit);

  void push_near(StepKey key, int64_t now);
  void pop_near();
  void close_bucket(int64_t now);
  void place_anew(int64_t now);
  void grow_ready();
  bool open_bucket();
  void open_everything();
  void tune();
  int lowest_level() const;
  uint32_t next_digit(int level, uint32_t from) const;
  bool spread(int level, uint32_t digit);
  uint32_t collect(uint32_t bucket);
  void give_back(uint32_t bucket);
  void sort_collected(size_t count, int64_t first, int64_t last);

  // The ready list: a ring whose length is a power of two.
  std::vector<StepKey> ready_;
  uint64_t ready_head_ = 0;
  uint64_t ready_tail_ = 0;
  uint64_t ready_mask_ = 0;
  // The open bucket: sorted, then kAhead + 1 times kNoStep. Its span is [open_first_, open_last_].
  std::vector<StepKey> open_;
  const StepKey* open_next_ = nullptr;
  const StepKey* open_end_ = nullptr;
  int64_t open_first_ = 0;
  int64_t open_last_ = std::numeric_limits<int64_t>::max();
  // The heap beside it; near_top_ is its smallest key, which near_ does not hold.
  StepKey near_top_ = kNoStep;
  std::vector<StepKey> near_;
  size_t near_limit_;
  // The radix. A level's bits tell which of its buckets hold keys; its grain is the mask of the digit's bits
  // that are told apart, so that 2^n neighbouring digits share a bucket where keys are few.
  std::unique_ptr<Bucket[]> buckets_;
  std::array<uint32_t, kLevels> grain_;
  std::array<std::array<uint64_t, kWords>, kLevels> occupied_{};
  Slab<Chunk> chunks_;
  Chunk* free_chunks_ = nullptr;
  // What is opened at a time, and what it is tuned by: keys opened, and keys that landed in an open bucket's
  // span.
  uint32_t target_;
  uint64_t opened_seen_ = 0;
  uint64_t near_seen_ = 0;
  size_t size_ = 0;
  // Scratch of sorting.
  std::vector<std::span<const StepKey>> runs_;
  std::vector<uint32_t> cells_;
};

template <typename Visit>
void StepQueue::drain(uint32_t bucket, Visit&& visit) {
  Bucket chain = std::exchange(buckets_[bucket], Bucket{});
  occupied_[bucket / kDigits][(bucket % kDigits) / 64] &= ~(uint64_t{1} << (bucket % 64));
  for (Chunk* chunk = chain.head; chain.count > 0;) {
    const uint32_t count = std::min(chain.count, kChunkKeys);
    Chunk* next = chain.count > count ? chunk->next : nullptr;
    // Chunks of one chain lie anywhere: the hardware cannot guess the next one.
    for (size_t line = 0; next && line < kChunkBytes; line += 64) {
      __builtin_prefetch(reinterpret_cast<const std::byte*>(next) + line);
    }
    for (uint32_t i = 0; i < count; ++i) visit(chunk->keys[i]);
    chain.count -= count;
    chunk->next = free_chunks_;
    free_chunks_ = std::exchange(chunk, next);
  }
}

template <typename Stale>
void StepQueue::remove_if(Stale&& stale) {
  // The ready list and the open bucket close up in place.
  uint64_t kept = ready_head_;
  for (uint64_t i = ready_head_; i != ready_tail_; ++i) {
    const StepKey key = ready_[i & ready_mask_];
    if (!stale(key)) ready_[kept++ & ready_mask_] = key;
  }
  size_t removed = ready_tail_ - kept;
  ready_tail_ = kept;
  StepKey* begin = open_.data() + (open_next_ - open_.data());
  StepKey* end = open_.data() + (open_end_ - open_.data());
  StepKey* open_kept = std::remove_if(begin, end, stale);
  std::fill(open_kept, end, kNoStep);
  removed += static_cast<size_t>(end - open_kept);
  open_end_ = open_kept;
  // The heap is built anew; a bucket's keys are appended to it again.
  if (near_top_ < kNoStep) near_.push_back(near_top_);
  removed += std::erase_if(near_, stale);
  const auto later = [](const StepKey& a, const StepKey& b) { return b < a; };
  std::make_heap(near_.begin(), near_.end(), later);
  near_top_ = kNoStep;
  if (!near_.empty()) {
    std::pop_heap(near_.begin(), near_.end(), later);
    near_top_ = near_.back();
    near_.pop_back();
  }
  for (uint32_t bucket = 0; buckets_ && bucket < kLevels * kDigits; ++bucket) {
    if (buckets_[bucket].count == 0) continue;
    drain(bucket, [&](StepKey key) {
      if (stale(key)) {
        ++removed;
      } else {
        append(buckets_[bucket], key);
      }
    });
  }
  size_ -= removed;
}

}  // namespace looptwin::sim
