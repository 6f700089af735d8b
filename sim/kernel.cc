#include "sim/kernel.h"

#include <algorithm>

namespace looptwin::sim {

Kernel::Kernel(uint32_t sequence_limit) : sequence_limit_(sequence_limit) {}

HandlerId Kernel::add(Handler& handler) {
  LT_CHECK(!handler.id_.valid(), "a handler belongs to one kernel");
  handlers_.push_back(&handler);
  return handler.id_ = HandlerId(handlers_.size() - 1);
}

StepType Kernel::add_type(std::string_view name) {
  LT_CHECK(counts_.size() < 0xffff);
  counts_.push_back({std::string(name), 0});
  return static_cast<StepType>(counts_.size() - 1);
}

inline uint32_t Kernel::take_slot() {
  const uint32_t slot = free_;
  if (slot == kNoSlot) [[unlikely]]
    return add_slot();
  free_ = steps_[slot].next_free_;
  return slot;
}

uint32_t Kernel::add_slot() {
  const uint32_t slot = steps_.add();
  LT_CHECK(slot < uint32_t{1} << kSlotBits, "more than 67 million pending steps");
  steps_[slot].generation_ = 0;
  return slot;
}

Step& Kernel::place(Handler& handler, Time at, StepType type, Priority priority, size_t size) {
  LT_CHECK(at.ns >= now_, "a step cannot be scheduled before now");
  LT_CHECK(priority <= kLast && static_cast<size_t>(type) < counts_.size());
  if (next_sequence_ >= sequence_limit_) [[unlikely]]
    renumber();
  const uint32_t slot = last_slot_ = take_slot();
  Step& step = steps_[slot];
  step.handler_ = &handler;
  step.sequence_ = next_sequence_;
  step.type_ = type;
  step.size_ = static_cast<uint8_t>(size);
  step.priority_ = priority;
  ++live_;
  queue_.push({StepKey::pack(priority, next_sequence_++, slot), at.ns}, now_);
  return step;
}

bool Kernel::pending(StepHandle handle) const {
  return handle.slot < steps_.size() && steps_[handle.slot].generation_ == handle.generation &&
         steps_[handle.slot].sequence_ != kNoSequence;
}

bool Kernel::cancel(StepHandle handle) {
  if (!pending(handle)) return false;
  Step& step = steps_[handle.slot];
  step.sequence_ = kNoSequence;  // its key, wherever it is, is now stale
  ++step.generation_;
  free_slot(handle.slot);
  --live_;
  drop_stale_keys();
  return true;
}

bool Kernel::reschedule(StepHandle handle, Time at) {
  if (!pending(handle)) return false;
  LT_CHECK(at.ns >= now_, "a step cannot be rescheduled before now");
  if (next_sequence_ >= sequence_limit_) [[unlikely]]
    renumber();
  Step& step = steps_[handle.slot];
  step.sequence_ = next_sequence_;
  queue_.push({StepKey::pack(step.priority_, next_sequence_++, handle.slot), at.ns}, now_);
  drop_stale_keys();
  return true;
}

/// Keys of cancelled steps lie where they are until their time comes. Once they are the larger part they are
/// swept out, so that timers that are always cancelled hold no memory; each sweep is paid for by as many
/// cancellations.
void Kernel::drop_stale_keys() {
  constexpr size_t kTolerated = 1024;
  if (queue_.size() <= 2 * live_ + kTolerated) [[likely]]
    return;
  queue_.remove_if([this](const StepKey& key) { return is_stale(key); });
}

/// Once in 2^32 schedulings: pending steps get sequences 0, 1, ... in their old order.
void Kernel::renumber() {
  queue_.remove_if([this](const StepKey& key) { return is_stale(key); });
  std::vector<StepKey> keys;
  queue_.append_to(keys);
  LT_CHECK(keys.size() < sequence_limit_);
  std::sort(keys.begin(), keys.end(),
            [](const StepKey& a, const StepKey& b) { return a.sequence() < b.sequence(); });
  queue_.clear();
  next_sequence_ = 0;
  for (const StepKey& key : keys) {
    steps_[key.slot()].sequence_ = next_sequence_;
    queue_.push({StepKey::pack(key.priority(), next_sequence_++, key.slot()), key.time}, now_);
  }
}

uint64_t Kernel::run_until(Time until) {
  LT_CHECK(until.ns >= now_ && !running_);
  running_ = true;
  stopped_ = false;
  uint64_t done = 0;
  for (uint64_t batch = 1; batch > 0 && !stopped_; done += batch) {
    if (inbox_.waiting()) [[unlikely]]
      take_inbox();
    batch = run_batch(until.ns);
  }
  running_ = false;
  if (!stopped_ && until != kNever) now_ = until.ns;
  return done;
}

uint64_t Kernel::run_batch(int64_t until) {
  // The ready list and the open bucket are in order, so what comes next is known: a step's own line is
  // fetched kAhead steps early, and half as early, when that line has come, its handler and the rest of its
  // payload.
  constexpr size_t kHalf = StepQueue::kAhead / 2;
  const auto fetch_first = [this] {
    for (size_t i = 0; i <= StepQueue::kAhead; ++i) __builtin_prefetch(&steps_[queue_.upcoming(i).slot()], 1);
  };
  uint64_t done = 0;
  StepKey key;
  while (done < kBatch && !stopped_ && queue_.take(until, key, fetch_first)) {
    __builtin_prefetch(&steps_[queue_.upcoming(StepQueue::kAhead).slot()], 1);
    const Step& soon = steps_[queue_.upcoming(kHalf).slot()];
    __builtin_prefetch(soon.handler_, 1);
    if (soon.size_ > Step::kFirstLine) __builtin_prefetch(soon.payload_ + Step::kFirstLine, 1);

    const uint32_t slot = key.slot();
    Step& step = steps_[slot];
    if (step.sequence_ != key.sequence()) [[unlikely]]
      continue;  // cancelled or rescheduled
    now_ = key.time;
    step.sequence_ = kNoSequence;
    ++step.generation_;
    --live_;
    ++done;
    ++counts_[static_cast<size_t>(step.type_)].steps;
    step.handler_->step(*this, step);
    free_slot(slot);
  }
  return done;
}

void Kernel::take_inbox() {
  inbox_.take(taken_);
  for (const Inbox::Post& post : taken_) {
    Step& step = place(*post.handler, std::max(post.at, now()), post.type, post.priority, post.size);
    std::memcpy(step.payload_, post.payload.data(), post.size);
  }
  taken_.clear();
}

Time Kernel::next_time() {
  for (;;) {
    const StepKey key = queue_.peek();
    if (!(key < kNoStep)) return kNever;
    if (!is_stale(key)) return {key.time};
    StepKey stale;
    queue_.take(key.time, stale, [] {});
  }
}

std::vector<Kernel::Count> Kernel::profile() const { return counts_; }

size_t Kernel::bytes() const {
  return queue_.bytes() + steps_.bytes() + handlers_.capacity() * sizeof(Handler*);
}

}  // namespace looptwin::sim
