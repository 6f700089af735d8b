// What stands between a rig's broker and its loop in a run: safety with its watchdog, forces, the recording
// of packets. Read before anything is built, begun with the run, and ended before anything else is.
#pragma once

#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>

#include "hil/forces.h"
#include "hil/own_broker.h"
#include "hil/rig_transport.h"
#include "testbed/assembly.h"
#include "testbed/rig/bound_transport.h"
#include "testbed/rig/packet_log.h"
#include "testbed/rig/rig_config.h"
#include "testbed/rig/rig_requests.h"
#include "twin/registry.h"

namespace looptwin::testbed {

class RigInventory;

class RigGuard {
 public:
  /// Holds what the rig's file says against the scenario's fleet. `arm`: patterns of devices that are armed
  /// from the beginning. `out`: the run folder, if any. The config outlives it.
  static Result<std::unique_ptr<RigGuard>> prepare(const RigConfig& config, const Scenario& scenario,
                                                   const std::vector<std::string>& arm,
                                                   const std::optional<std::filesystem::path>& out);
  /// Ends it, where finish() has not.
  ~RigGuard();

  /// Somebody must speak to devices after us: a broker of our own should then outlive us.
  bool has_safe_values() const { return !options_.steps.empty(); }
  /// Starts the watchdog, where there is anything to be made safe, or somebody who is gone with us at a
  /// broker that goes on. While this process has one thread. `own`: the broker of our own; null where it is
  /// somebody else's.
  Result<void> watch(const hil::OwnBroker* own);
  /// Null where there is none. It may be spoken to as long as somebody has it.
  std::shared_ptr<hil::Watchdog> watchdog() const { return watchdog_; }
  /// Where the watchdog hears that the loop moves: the time that the loop's clock waits by.
  hil::SteadyTime& loop_time();
  /// Arms what is to be armed, and begins. All outlive it.
  /// `requests`: what is asked of it; its button is the stop topic's from now on, and outlives the link.
  /// `bindings`: of devices that may be simulated, and need no arming then; null where all are real.
  /// `inventory`: what people change in it acts at boundaries; may be null.
  void begin(Assembly& assembly, hil::RigTransport& transport, hil::MqttLink& link, RigRequests& requests,
             const Bindings* bindings, RigInventory* inventory);

  /// Makes the rig safe; once.
  void finish(Time now);
  /// Devices have confirmed it; or nothing was armed.
  bool is_safe() const;
  /// Every force had something to act on.
  bool is_valid() const;

  /// Rows of the summary; and the run's status (JSON) with what is to be said of the rig.
  void print() const;
  std::string with_rig(const std::string& status) const;

  /// How the rig is once all that came up to a boundary has been taken in; from any thread.
  struct State {
    Time at = kStart;
    size_t devices_there = 0;
    uint64_t acknowledged = 0;  ///< commands
  };
  State state() const;

  // For what is asked of it, in the loop's thread.
  const twin::Registry& registry() const { return assembly_->registry(); }
  hil::RigSafety& safety() { return *safety_; }
  hil::Forces& forces() { return *forces_; }
  /// The journal has it.
  void note(const Swap& swap);
  /// The emergency stop; how many safe values it is about.
  size_t stop(const std::string& why, Time now);
  /// Gives its name.
  Result<std::string> add_force(const std::string& line, Time boundary);

 private:
  class Beating;
  explicit RigGuard(const RigConfig& config);
  void before(Time boundary);
  void leaving(Time now);
  void hand_over(Time now);

  const RigConfig& config_;
  hil::SafetyOptions options_;
  std::vector<hil::ForceConfig> declared_;
  std::vector<std::string> arm_;
  UnixTime start_;
  uint64_t seed_ = 0;
  hil::RigJournal journal_;
  std::filesystem::path journal_file_;
  hil::MachineTime machine_;
  std::shared_ptr<hil::Watchdog> watchdog_;
  std::unique_ptr<Beating> beating_;
  std::unique_ptr<hil::RigSafety> safety_;
  std::unique_ptr<hil::Forces> forces_;
  std::unique_ptr<PacketLog> packets_;
  Assembly* assembly_ = nullptr;
  hil::RigTransport* transport_ = nullptr;
  RigInventory* inventory_ = nullptr;
  hil::SafeOutcome outcome_;
  bool finished_ = false;
  RigRequests* requests_ = nullptr;
  mutable std::mutex mutex_;  ///< of what follows
  State state_;
};

}  // namespace looptwin::testbed
