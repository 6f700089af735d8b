// Save and restore of a kernel. The archive holds what the future depends on and nothing of how the queue
// happens to lie: two kernels that would go on alike write the same bytes.
#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "sim/kernel.h"

namespace looptwin::sim {

namespace {

constexpr uint32_t kVersion = 1;

struct SavedStep {
  int64_t time;
  uint32_t sequence;
  uint32_t slot;
  uint32_t handler;
  uint16_t type;
  uint8_t size;
  uint8_t priority;
};
static_assert(sizeof(SavedStep) == 24);

}  // namespace

void Kernel::save(ArchiveWriter& writer) const {
  LT_CHECK(!running_, "a kernel is saved between runs");
  writer.section("kernel", kVersion);
  writer.put(now_);
  writer.put(next_sequence_);
  writer.put<uint64_t>(handlers_.size());
  writer.put<uint64_t>(counts_.size());
  for (const Count& count : counts_) {
    writer.put(std::string_view(count.name));
    writer.put(count.steps);
  }

  // Generations of all slots and the order in which free ones will be taken: handles must go on alike.
  std::vector<uint32_t> generations(steps_.size());
  for (uint32_t slot = 0; slot < steps_.size(); ++slot) generations[slot] = steps_[slot].generation_;
  writer.put_vector(generations);
  std::vector<uint32_t> free;
  for (uint32_t slot = free_; slot != kNoSlot; slot = steps_[slot].next_free_) free.push_back(slot);
  writer.put_vector(free);

  std::vector<StepKey> keys;
  queue_.append_to(keys);
  std::erase_if(keys, [this](const StepKey& key) { return is_stale(key); });
  std::sort(keys.begin(), keys.end(), [](const StepKey& a, const StepKey& b) { return a.slot() < b.slot(); });
  std::vector<SavedStep> saved;
  std::vector<std::byte> payloads;
  for (const StepKey& key : keys) {
    const Step& step = steps_[key.slot()];
    LT_CHECK(step.handler_->id_.valid(), "a step of an unregistered handler cannot be saved");
    saved.push_back({key.time, key.sequence(), key.slot(), step.handler_->id_.value,
                     static_cast<uint16_t>(step.type_), step.size_, step.priority_});
    payloads.insert(payloads.end(), step.payload_, step.payload_ + step.size_);
  }
  writer.put_vector(saved);
  writer.put_vector(payloads);
}

void Kernel::clear() {
  queue_.clear();
  steps_.clear();
  free_ = kNoSlot;
  next_sequence_ = 0;
  now_ = 0;
  live_ = 0;
  for (Count& count : counts_) count.steps = 0;
}

void Kernel::restore(ArchiveReader& reader) {
  LT_CHECK(!running_, "a kernel is restored between runs");
  clear();
  if (reader.section("kernel", kVersion) == 0) return;
  const auto refuse = [&](std::string why) {
    reader.fail(std::move(why));
    clear();
  };
  now_ = reader.get<int64_t>();
  next_sequence_ = reader.get<uint32_t>();
  const auto handler_count = reader.get<uint64_t>();
  const auto type_count = reader.get<uint64_t>();
  if (handler_count != handlers_.size() || type_count != counts_.size()) {
    return refuse(fmt::format("the kernel has {} handlers and {} step types, the archive {} and {}",
                              handlers_.size(), counts_.size(), handler_count, type_count));
  }
  for (Count& count : counts_) {
    const std::string name = reader.get_string();
    if (name != count.name) return refuse(fmt::format("step type '{}' was saved as '{}'", count.name, name));
    count.steps = reader.get<uint64_t>();
  }
  const auto generations = reader.get_vector<uint32_t>();
  const auto free = reader.get_vector<uint32_t>();
  auto saved = reader.get_vector<SavedStep>();
  const auto payloads = reader.get_vector<std::byte>();
  if (!reader.ok()) return clear();

  // Every slot is either free or pending, once; anything else is not an archive of ours.
  if (now_ < 0 || generations.size() != free.size() + saved.size() ||
      generations.size() > size_t{1} << kSlotBits) {
    return refuse("its pending steps do not add up");
  }
  std::vector<bool> seen(generations.size());
  const auto is_new = [&](uint32_t slot) {
    if (slot >= seen.size() || seen[slot]) return false;
    seen[slot] = true;
    return true;
  };
  for (const uint32_t generation : generations) {
    Step& step = steps_[steps_.add()];
    step.generation_ = generation;
    step.sequence_ = kNoSequence;
  }
  for (auto slot = free.rbegin(); slot != free.rend(); ++slot) {
    if (!is_new(*slot)) return refuse("its free slots are broken");
    free_slot(*slot);
  }
  size_t offset = 0;
  for (const SavedStep& step : saved) {
    if (!is_new(step.slot) || step.time < now_ || step.sequence >= next_sequence_ ||
        step.handler >= handlers_.size() || step.type >= counts_.size() || step.size > Step::kMaxPayload ||
        step.priority > kLast || step.size > payloads.size() - offset) {
      return refuse("its pending steps are broken");
    }
    Step& target = steps_[step.slot];
    target.handler_ = handlers_[step.handler];
    target.sequence_ = step.sequence;
    target.type_ = static_cast<StepType>(step.type);
    target.size_ = step.size;
    target.priority_ = step.priority;
    std::copy_n(payloads.data() + offset, step.size, target.payload_);
    offset += step.size;
  }
  // In the order of scheduling, so that ties come to lie as they did.
  std::sort(saved.begin(), saved.end(),
            [](const SavedStep& a, const SavedStep& b) { return a.sequence < b.sequence; });
  for (const SavedStep& step : saved) {
    queue_.push({StepKey::pack(step.priority, step.sequence, step.slot), step.time}, now_);
  }
  live_ = saved.size();
}

}  // namespace looptwin::sim
