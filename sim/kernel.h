// The discrete-event kernel of coupled and discrete-event islands: it executes *steps* in the total order
// (time, priority, sequence), sequence being the order of scheduling. A step is a call of a handler with up
// to 104 bytes of payload that lie in the kernel. One thread runs a kernel; others reach it by its inbox. A
// handler's address must not change while it is registered, and its id (the order of registration) is what an
// archive knows it by.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "base/archive.h"
#include "base/check.h"
#include "base/ids.h"
#include "base/time.h"
#include "sim/kernel/inbox.h"
#include "sim/kernel/slab.h"
#include "sim/kernel/step_queue.h"

namespace looptwin::sim {

class Kernel;
class Step;

/// What a step is counted as in the profile; from Kernel::add_type.
enum class StepType : uint16_t {};
using HandlerId = Id<struct HandlerTag>;

/// At one instant a lower priority goes first: [0, 63].
using Priority = uint8_t;
constexpr Priority kFirst = 0, kNormal = 32, kLast = 63;

class Handler {
 public:
  /// Executes one step at kernel.now(). The step and its payload live until this returns; it may schedule,
  /// cancel and reschedule anything, steps at this same instant included.
  virtual void step(Kernel& kernel, const Step& step) = 0;
  HandlerId id() const { return id_; }

 protected:
  ~Handler() = default;

 private:
  friend class Kernel;
  HandlerId id_;
};

/// Names a pending step for cancel and reschedule. It goes stale, safely and for ever, when its step begins
/// or is cancelled. It may be kept in archives: a restored kernel knows the same handles.
struct StepHandle {
  uint32_t slot = ~uint32_t{0};
  uint32_t generation = 0;
  bool operator==(const StepHandle&) const = default;
};

/// A step's place in the kernel: two cache lines, the first of which holds payloads of up to 40 bytes.
class alignas(64) Step {
 public:
  static constexpr size_t kMaxPayload = Inbox::kMaxPayload;

  StepType type() const { return type_; }
  Priority priority() const { return priority_; }

  /// A copy of the payload, which must be of the very type that was scheduled (its size is checked).
  template <typename Payload>
  Payload payload() const {
    static_assert(std::is_trivially_copyable_v<Payload>);
    LT_CHECK(sizeof(Payload) == size_);
    Payload value;
    std::memcpy(&value, payload_, sizeof value);
    return value;
  }

 private:
  friend class Kernel;
  static constexpr size_t kFirstLine = 40;
  Handler* handler_;
  uint32_t sequence_;    // of the key that stands for this step; kNoSequence when none does
  uint32_t generation_;  // of handles; goes up when the step begins or is cancelled
  uint32_t next_free_;
  StepType type_;
  uint8_t size_;
  Priority priority_;
  std::byte payload_[kMaxPayload];
};
static_assert(sizeof(Step) == 128);

class Kernel {
 public:
  /// Sequences are numbered anew when they reach the limit; only tests lower it.
  explicit Kernel(uint32_t sequence_limit = kNoSequence);

  /// Registers a handler (in the same order before a restore) or a type of steps by its name.
  HandlerId add(Handler& handler);
  StepType add_type(std::string_view name);

  /// Schedules handler.step at a time that is not before now(). At now() itself it goes behind what is
  /// pending for now at the same priority. The handler's memory is not touched.
  template <typename Payload>
  StepHandle schedule(Handler& handler, Time at, StepType type, const Payload& payload,
                      Priority priority = kNormal) {
    static_assert(std::is_trivially_copyable_v<Payload> && sizeof(Payload) <= Step::kMaxPayload);
    Step& step = place(handler, at, type, priority, sizeof payload);
    std::memcpy(step.payload_, &payload, sizeof payload);
    return {last_slot_, step.generation_};
  }
  StepHandle schedule(Handler& handler, Time at, StepType type, Priority priority = kNormal) {
    const Step& step = place(handler, at, type, priority, 0);
    return {last_slot_, step.generation_};
  }

  bool pending(StepHandle handle) const;
  /// Both are O(1) and return false for a stale handle. A rescheduled step keeps handle, priority and
  /// payload, and goes behind what is pending at its new time.
  bool cancel(StepHandle handle);
  bool reschedule(StepHandle handle, Time at);

  /// Executes all steps up to and at `until`, then stands at it; returns how many. run_until(a), run_until(b)
  /// equals run_until(b). kNever runs until nothing is left, and the kernel stands at its last step.
  uint64_t run_until(Time until);
  /// From within a step: run_until returns after this step and the kernel stands at it.
  void stop() { stopped_ = true; }

  /// From any thread; see Inbox. Taken in before every batch of at most kBatch steps.
  template <typename Payload>
  void post(Handler& handler, Time at, StepType type, const Payload& payload, Priority priority = kNormal) {
    static_assert(std::is_trivially_copyable_v<Payload> && sizeof(Payload) <= Step::kMaxPayload);
    Inbox::Post post{at, &handler, type, priority, sizeof payload, {}};
    std::memcpy(post.payload.data(), &payload, sizeof payload);
    inbox_.post(post);
  }
  Inbox& inbox() { return inbox_; }
  static constexpr uint64_t kBatch = 64;

  Time now() const { return {now_}; }
  /// When the next step is due, or kNever. What waits in the inbox does not count.
  Time next_time();
  size_t pending_count() const { return live_; }
  /// Steps executed so far, by type.
  struct Count {
    std::string name;
    uint64_t steps;
  };
  std::vector<Count> profile() const;
  /// Memory held for pending steps, in bytes, used or not.
  size_t bytes() const;

  /// Between runs only. Writes time, pending steps, what waits in the inbox, handles, sequences and counts.
  /// Restore needs the same handlers and types registered; it puts the saved posts in the place of those that
  /// wait. After a mismatch (see reader) the kernel is empty.
  void save(ArchiveWriter& writer) const;
  void restore(ArchiveReader& reader);

 private:
  static constexpr uint32_t kNoSequence = ~uint32_t{0};
  static constexpr uint32_t kNoSlot = ~uint32_t{0};

  Step& place(Handler& handler, Time at, StepType type, Priority priority, size_t size);
  uint32_t take_slot();
  uint32_t add_slot();
  void free_slot(uint32_t slot) {
    steps_[slot].next_free_ = free_;
    free_ = slot;
  }
  uint64_t run_batch(int64_t until);
  void take_inbox();
  bool is_stale(const StepKey& key) const { return steps_[key.slot()].sequence_ != key.sequence(); }
  void drop_stale_keys();
  void renumber();
  void clear();
  std::string restored(ArchiveReader& reader);
  std::string restored_types(ArchiveReader& reader);

  StepQueue queue_;
  Slab<Step> steps_;
  uint32_t free_ = kNoSlot;
  uint32_t last_slot_ = kNoSlot;
  uint32_t next_sequence_ = 0;
  uint32_t sequence_limit_;
  int64_t now_ = 0;
  size_t live_ = 0;
  bool stopped_ = false;
  bool running_ = false;
  std::vector<Count> counts_;
  std::vector<Handler*> handlers_;
  Inbox inbox_;
  std::vector<Inbox::Post> taken_;
};

}  // namespace looptwin::sim
