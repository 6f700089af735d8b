// The event kernel: runs cut in pieces, saved and restored, are the run in one piece.
#include <catch2/catch.hpp>
#include <memory>

#include "base/archive.h"
#include "sim/kernel.h"

using namespace looptwin;
using namespace looptwin::sim;

namespace {

/// A small world whose whole state is its kernel and a few numbers; it keeps handles, as a model of a device
/// would.
class World final : public Handler {
 public:
  explicit World(uint64_t agents = 700) : handles_(agents) {
    kernel_.add(*this);
    hop_ = kernel_.add_type("hop");
    timer_ = kernel_.add_type("timer");
    for (uint64_t i = 0; i < agents; ++i) {
      handles_[i] =
          kernel_.schedule(*this, Time{static_cast<int64_t>(next() % 1'000'000)}, timer_, Hop{i, 0});
      kernel_.schedule(*this, Time{static_cast<int64_t>(next() % 1000)}, hop_, Hop{i, 0});
    }
  }

  void step(Kernel& kernel, const Step& step) override {
    const auto hop = step.payload<Hop>();
    trace_ =
        (trace_ ^ static_cast<uint64_t>(kernel.now().ns) ^ hop.agent << 40 ^ hop.count << 20) * 0x100000001b3;
    const uint64_t bits = next();
    const Hop onward{bits % handles_.size(), hop.count + 1};
    if (step.type() == timer_) {
      handles_[hop.agent] = kernel.schedule(*this, kernel.now() + milliseconds(1), timer_, hop);
      return;
    }
    // Watchdogs are pushed back by every hop, some are cancelled and set again; a fifth of the hops take no
    // time.
    if (bits >> 60 == 0) kernel.cancel(handles_[onward.agent]);
    if (!kernel.reschedule(handles_[onward.agent], kernel.now() + microseconds(50))) {
      handles_[onward.agent] = kernel.schedule(*this, kernel.now() + milliseconds(2), timer_, onward, kFirst);
    }
    const int64_t delay = bits % 5 == 0 ? 0 : static_cast<int64_t>((bits >> 20) % 20'000) / 100 * 100;
    kernel.schedule(*this, kernel.now() + Duration{delay}, hop_, onward);
  }

  /// As another thread would; at an instant that is past by then the hop is due at once.
  void post(Time at, uint64_t agent) { kernel_.post(*this, at, hop_, Hop{agent, 1}); }

  Kernel& kernel() { return kernel_; }
  uint64_t trace() const { return trace_; }
  std::vector<std::byte> save() const {
    ArchiveWriter writer;
    kernel_.save(writer);
    writer.put(trace_);
    writer.put(random_);
    writer.put_vector(handles_);
    return writer.take();
  }
  void restore(const std::vector<std::byte>& bytes) {
    ArchiveReader reader(bytes);
    kernel_.restore(reader);
    trace_ = reader.get<uint64_t>();
    random_ = reader.get<uint64_t>();
    handles_ = reader.get_vector<StepHandle>();
    REQUIRE(reader.error() == "");
    REQUIRE(reader.at_end());
  }

 private:
  struct Hop {
    uint64_t agent;
    uint64_t count;
  };
  uint64_t next() {
    random_ = random_ * 6364136223846793005u + 1442695040888963407u;
    return random_ ^ random_ >> 33;
  }

  Kernel kernel_;
  StepType hop_, timer_;
  std::vector<StepHandle> handles_;
  uint64_t random_ = 5;
  uint64_t trace_ = 0;
};

constexpr Time kEnd{3'000'000};

std::vector<std::byte> saved_kernel() {
  World world(20);
  world.kernel().run_until(Time{50'000});
  world.post(Time{60'000}, 7);
  ArchiveWriter writer;
  world.kernel().save(writer);
  return writer.take();
}

}  // namespace

TEST_CASE("kernel: advancing to a and then to b is advancing to b, byte for byte") {
  World trunk;
  trunk.kernel().run_until(kEnd);
  for (const int64_t piece : {999, 40'000, 1'100'000}) {
    World cut;
    for (Time t{0}; t < kEnd; t = t + Duration{piece})
      cut.kernel().run_until(std::min(kEnd, t + Duration{piece}));
    CHECK(cut.trace() == trunk.trace());
    CHECK(cut.save() == trunk.save());
  }
}

TEST_CASE(
    "kernel: a world saved in the middle and restored elsewhere goes on as the trunk does, byte for byte") {
  World trunk;
  trunk.kernel().run_until(kEnd);
  World first;
  for (const int64_t middle : {0, 1, 700'000, 2'000'001}) {
    first.kernel().run_until(Time{middle});
    const auto bytes = first.save();
    World second(700);
    second.restore(bytes);
    CHECK(second.save() == bytes);
    second.kernel().run_until(kEnd);
    CHECK(second.trace() == trunk.trace());
    CHECK(second.save() == trunk.save());
  }
}

TEST_CASE("kernel: what waits in the inbox is saved, in its order, and saving leaves it where it is") {
  constexpr Time kMiddle{700'000};
  const auto post = [](World& world) {
    for (const uint64_t agent : {3, 1, 2}) world.post(Time{900'000}, agent);
    world.post(Time{10}, 4);
  };
  World trunk, without;
  trunk.kernel().run_until(kMiddle);
  post(trunk);
  const auto bytes = trunk.save();
  CHECK(trunk.save() == bytes);
  World restored;
  post(restored);  // gives way to what was saved
  restored.restore(bytes);
  CHECK(restored.save() == bytes);

  without.kernel().run_until(kMiddle);
  CHECK(without.save() != bytes);
  for (World* world : {&trunk, &restored, &without}) world->kernel().run_until(kEnd);
  CHECK(restored.trace() == trunk.trace());
  CHECK(restored.save() == trunk.save());
  CHECK(without.trace() != trunk.trace());
}

TEST_CASE(
    "kernel: an archive that is cut short or belongs to another kernel is refused, and leaves the kernel "
    "empty") {
  const auto bytes = saved_kernel();
  for (const size_t size : {size_t{0}, size_t{30}, bytes.size() / 2, bytes.size() - 1}) {
    World world(20);
    const std::vector<std::byte> part(bytes.begin(), bytes.begin() + static_cast<long>(size));
    ArchiveReader reader(part);
    world.kernel().restore(reader);
    CHECK_FALSE(reader.ok());
    CHECK(world.kernel().pending_count() == 0);
    CHECK(world.kernel().next_time() == kNever);
  }
  Kernel other;
  other.add_type("hop");
  ArchiveReader reader(bytes);
  other.restore(reader);
  CHECK(reader.error().find("1 step types") != std::string::npos);
}

TEST_CASE("kernel: no flipped byte of an archive makes a restored kernel misbehave") {
  const auto bytes = saved_kernel();
  for (size_t i = 0; i < bytes.size(); i += 3) {
    auto flipped = bytes;
    flipped[i] ^= std::byte{0xff};
    World world(20);
    ArchiveReader reader(flipped);
    world.kernel().restore(reader);
    if (reader.ok()) continue;
    CHECK(world.kernel().pending_count() == 0);
    CHECK_FALSE(world.kernel().inbox().waiting());
  }
}
