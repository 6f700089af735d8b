// Save and restore of a kernel. The archive holds what the future depends on and nothing of how the queue
// happens to lie: two kernels that would go on alike write the same bytes.
#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "sim/kernel.h"

namespace looptwin::sim {

namespace {

constexpr uint32_t kVersion = 2;

/// What is to be called when: of a pending step, or of a post. The payloads of all lie in a row behind them.
struct SavedCall {
  int64_t time;
  uint32_t handler;
  uint16_t type;
  uint8_t size;
  uint8_t priority;
};
static_assert(sizeof(SavedCall) == 16);

struct SavedStep {
  SavedCall call;
  uint32_t sequence;
  uint32_t slot;
};
static_assert(sizeof(SavedStep) == 24);

/// Payloads one after the other, cut as their calls say.
class Payloads {
 public:
  explicit Payloads(std::vector<std::byte> bytes) : bytes_(std::move(bytes)) {}
  bool holds(size_t size) const { return size <= bytes_.size() - offset_; }
  void take(size_t size, std::byte* into) {
    std::copy_n(bytes_.data() + offset_, size, into);
    offset_ += size;
  }
  bool at_end() const { return offset_ == bytes_.size(); }

 private:
  std::vector<std::byte> bytes_;
  size_t offset_ = 0;
};

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
  const auto call = [](Time at, const Handler& handler, StepType type, uint8_t size, Priority priority) {
    LT_CHECK(handler.id().valid(), "a step of an unregistered handler cannot be saved");
    return SavedCall{at.ns, handler.id().value, static_cast<uint16_t>(type), size, priority};
  };
  std::vector<SavedStep> steps;
  std::vector<std::byte> payloads;
  for (const StepKey& key : keys) {
    const Step& step = steps_[key.slot()];
    steps.push_back({call({key.time}, *step.handler_, step.type_, step.size_, step.priority_), key.sequence(),
                     key.slot()});
    payloads.insert(payloads.end(), step.payload_, step.payload_ + step.size_);
  }
  std::vector<SavedCall> posts;
  for (const Inbox::Post& post : inbox_.posts()) {
    posts.push_back(call(post.at, *post.handler, post.type, post.size, post.priority));
    payloads.insert(payloads.end(), post.payload.begin(), post.payload.begin() + post.size);
  }
  writer.put_vector(steps);
  writer.put_vector(posts);
  writer.put_vector(payloads);
}

void Kernel::clear() {
  queue_.clear();
  steps_.clear();
  inbox_.replace({});
  free_ = kNoSlot;
  next_sequence_ = 0;
  now_ = 0;
  live_ = 0;
  for (Count& count : counts_) count.steps = 0;
}

void Kernel::restore(ArchiveReader& reader) {
  LT_CHECK(!running_, "a kernel is restored between runs");
  clear();
  const uint32_t version = reader.section("kernel", kVersion);
  if (version == 0) return;
  const std::string why = version == kVersion ? restored(reader) : "it is of an older looptwin";
  if (!why.empty()) reader.fail(why);
  if (!reader.ok()) clear();
}

std::string Kernel::restored_types(ArchiveReader& reader) {
  const auto handler_count = reader.get<uint64_t>();
  const auto type_count = reader.get<uint64_t>();
  if (handler_count != handlers_.size() || type_count != counts_.size())
    return fmt::format("the kernel has {} handlers and {} step types, the archive {} and {}",
                       handlers_.size(), counts_.size(), handler_count, type_count);
  for (Count& count : counts_) {
    const std::string name = reader.get_string();
    if (name != count.name) return fmt::format("step type '{}' was saved as '{}'", count.name, name);
    count.steps = reader.get<uint64_t>();
  }
  return {};
}

/// What is wrong with the archive, beyond what the reader itself has found.
std::string Kernel::restored(ArchiveReader& reader) {
  now_ = reader.get<int64_t>();
  next_sequence_ = reader.get<uint32_t>();
  if (auto why = restored_types(reader); !why.empty()) return why;
  const auto generations = reader.get_vector<uint32_t>();
  const auto free = reader.get_vector<uint32_t>();
  auto steps = reader.get_vector<SavedStep>();
  const auto calls = reader.get_vector<SavedCall>();
  Payloads payloads(reader.get_vector<std::byte>());
  if (!reader.ok()) return {};

  // Every slot is either free or pending, once; anything else is not an archive of ours.
  if (now_ < 0 || generations.size() != free.size() + steps.size() ||
      generations.size() > size_t{1} << kSlotBits)
    return "its pending steps do not add up";
  std::vector<bool> seen(generations.size());
  const auto is_new = [&](uint32_t slot) {
    if (slot >= seen.size() || seen[slot]) return false;
    seen[slot] = true;
    return true;
  };
  const auto is_ours = [&](const SavedCall& call) {
    return call.handler < handlers_.size() && call.type < counts_.size() && call.size <= Step::kMaxPayload &&
           call.priority <= kLast && payloads.holds(call.size);
  };
  for (const uint32_t generation : generations) {
    Step& step = steps_[steps_.add()];
    step.generation_ = generation;
    step.sequence_ = kNoSequence;
  }
  for (auto slot = free.rbegin(); slot != free.rend(); ++slot) {
    if (!is_new(*slot)) return "its free slots are broken";
    free_slot(*slot);
  }
  for (const auto& [call, sequence, slot] : steps) {
    if (!is_ours(call) || !is_new(slot) || call.time < now_ || sequence >= next_sequence_)
      return "its pending steps are broken";
    Step& step = steps_[slot];
    step.handler_ = handlers_[call.handler];
    step.sequence_ = sequence;
    step.type_ = static_cast<StepType>(call.type);
    step.size_ = call.size;
    step.priority_ = call.priority;
    payloads.take(call.size, step.payload_);
  }
  std::vector<Inbox::Post> posts;
  for (const SavedCall& call : calls) {
    if (!is_ours(call)) return "what waits in its inbox is broken";
    posts.push_back({{call.time},
                     handlers_[call.handler],
                     static_cast<StepType>(call.type),
                     call.priority,
                     call.size,
                     {}});
    payloads.take(call.size, posts.back().payload.data());
  }
  if (!payloads.at_end()) return "its payloads do not add up";
  inbox_.replace(std::move(posts));
  // In the order of scheduling, so that ties come to lie as they did.
  std::sort(steps.begin(), steps.end(),
            [](const SavedStep& a, const SavedStep& b) { return a.sequence < b.sequence; });
  for (const auto& [call, sequence, slot] : steps)
    queue_.push({StepKey::pack(call.priority, sequence, slot), call.time}, now_);
  live_ = steps.size();
  return {};
}

}  // namespace looptwin::sim
