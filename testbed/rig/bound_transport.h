// The transport of a rig whose devices may be simulated: what it takes in is noted for the models that may
// take over, and compared for those that run beside; devices are swapped, and people act, at boundaries.
#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "hil/paced_clock.h"
#include "hil/rig_transport.h"
#include "testbed/rig/simulated_devices.h"

namespace looptwin::testbed {

/// A swap as it was done.
struct Swap {
  twin::DeviceRef device;
  Binding from = Binding::real, to = Binding::real;
  Time at;
  std::string by;  ///< who has asked for it
};

class BoundTransport final : public twin::Transport {
 public:
  /// What a rig needs that has bindings. All outlives the transport.
  struct Bound {
    Bindings& bindings;
    Parity& parity;
    SimulatedDevices& devices;
  };
  /// `bound`: absent where all devices are real, for good. `shards` are those of the loop's tables.
  BoundTransport(std::unique_ptr<hil::RigTransport> rig, std::optional<Bound> bound,
                 const twin::Registry& registry);

  void begin(Time boundary) override;
  const Diagnostics& breakdown() const override { return breakdown_; }
  void poll_notices(Time boundary, std::vector<twin::Notice>& notices) override;
  void poll(size_t shard, Time boundary, twin::Inbox& inbox) override;
  void poll_people(Time boundary, std::vector<twin::OperatorAction>& actions) override;
  void send(Time now, std::span<const twin::Command> commands) override;
  void set_out(size_t shard, Time now) override { rig_->set_out(shard, now); }

  hil::RigTransport& rig() { return *rig_; }
  const hil::RigTransport& rig() const { return *rig_; }
  const std::vector<Swap>& swaps() const { return swaps_; }
  bool swappable() const { return bound_.has_value(); }

  /// How punctual boundaries are: asked at each of them.
  void watch_pace(std::function<hil::PacingCounters()> pace) { pace_ = std::move(pace); }
  /// Each swap, when it was done: called in the loop's thread.
  void watch_swaps(std::function<void(const Swap& swap)> sink) { swapped_ = std::move(sink); }
  /// Somebody asks for something at the next boundary: called in their thread.
  void on_request(std::function<void()> told) { told_ = std::move(told); }

  // From any other thread.
  /// At the next boundary, all of them; returns after it, or with nothing when there is none for long: then
  /// nothing is swapped.
  std::vector<Swap> swap(std::span<const twin::DeviceRef> devices, Binding to, const std::string& by);
  /// At the next boundary, in order; done now, whatever `at` says.
  void act(const std::vector<twin::OperatorAction>& actions);
  /// There is no boundary to wait for any more.
  void close();

 private:
  struct Asked {
    std::vector<Swap> swaps;
    bool done = false;
  };
  void swap_now(Swap& swap);
  void note(const twin::Frame& frame);
  void notice_pace(Time boundary, std::vector<twin::Notice>& notices);

  std::unique_ptr<hil::RigTransport> rig_;
  std::optional<Bound> bound_;
  std::vector<std::vector<twin::ReportGroup>> groups_;  ///< [table]
  std::vector<std::vector<LastValues>> last_;           ///< [table][row]
  std::vector<twin::Command> leaving_, tell_;
  std::vector<Swap> swaps_;
  Diagnostics breakdown_;
  twin::DeviceRef loop_;  ///< the registry's site
  std::function<hil::PacingCounters()> pace_;
  hil::PacingCounters told_pace_;  ///< what the loop knows of it
  std::function<void(const Swap&)> swapped_;
  std::function<void()> told_;
  std::mutex mutex_;  ///< of what follows
  std::condition_variable done_;
  std::vector<std::shared_ptr<Asked>> asked_;
  std::vector<twin::OperatorAction> acts_;
  Time boundary_ = kStart;
  bool closed_ = false;
};

}  // namespace looptwin::testbed
