// The safety of a rig: who is armed, what may leave, and how the rig is made safe when it is stopped, when
// the broker was away, when the loop ends, and (by the watchdog) when there is no loop any more. Used by the
// loop's thread alone.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "hil/rig_journal.h"
#include "hil/safe_values.h"
#include "hil/safety_gate.h"
#include "hil/steady_time.h"
#include "hil/watchdog.h"

namespace looptwin::hil {

struct SafetyOptions {
  std::vector<ModelLimits> limits;  ///< one a model
  std::vector<SafeStep> steps;      ///< in the order in which they are taken
  bool stop_after_loss = true;      ///< a broker that was away is an emergency stop, where there are steps
  Duration teardown = seconds(5);   ///< so long devices may take to answer at the end
  uint64_t salt = 0;                ///< of the run: its commands have other ids than another run's
};

/// What became of making a rig safe.
struct SafeOutcome {
  std::string why;
  size_t orders = 0;      ///< safe values of devices
  size_t answered = 0;    ///< taken by their device
  size_t refused = 0;     ///< by their device
  size_t unanswered = 0;  ///< of devices that are there, and answer otherwise
  size_t absent = 0;      ///< of devices that are not there
  size_t mute = 0;        ///< sent to devices that never answer
  size_t deaf = 0;        ///< of devices whose mapping takes no commands
  Duration took{};
  bool reached = true;  ///< the broker was there
  bool confirmed() const { return reached && refused + unanswered + deaf == 0; }
};

class RigSafety {
 public:
  /// All but the options outlive it; the watchdog may be null.
  RigSafety(const twin::Registry& registry, SafetyOptions options, MqttLink& link, DeviceLanguage language,
            RigJournal& journal, const SteadyTime& time, Watchdog* watchdog);

  /// Before a boundary's commands: what has happened to the broker and the loop, and what is still owed to
  /// devices that are there (again).
  void begin(Time boundary);
  /// Nothing where the command may leave.
  std::optional<Kept> keeps(const twin::Command& command, Time now);
  /// An answer to a safe value, which is nobody else's.
  bool answered(const DeviceLanguage::Answer& answer, Time now);

  // What people do, at a boundary or between two. Each returns how many devices it is about.
  size_t arm(const std::string& pattern, Time now, const std::string& by);
  /// Sends the devices' safe values, then nothing more.
  size_t disarm(const std::string& pattern, Time now, const std::string& by);
  /// The emergency stop: safe values to all devices, and nothing else to any until it is armed again.
  size_t stop(const std::string& why, Time now);
  /// The device is somebody else's now: it is told nothing more, no safe value either, by us or the watchdog.
  void hand_over(twin::DeviceRef device, Time now, const std::string& to);
  /// Which devices may be told anything at all has changed: the watchdog hears of it.
  void devices_changed(Time now) { prepare(now); }

  /// The end: step by step, each answered before the next one, as long as there is time; what is left then is
  /// sent all the same. Only devices that were armed are told anything.
  SafeOutcome tear_down(SteadyTime& time, Time now);

  SafetyGate& gate() { return gate_; }
  const SafetyGate& gate() const { return gate_; }
  /// Whole once nothing is owed to a device any more: each stop's as soon as another one comes, or the end.
  const std::vector<SafeOutcome>& outcomes() const { return outcomes_; }
  uint64_t stops() const { return stops_; }

 private:
  struct Owed {
    twin::Command command;
    size_t outcome = 0;  ///< which one it counts for
    Duration sent{-1};   ///< steady; negative: not yet, while it was there
    bool tried = false;
    bool answered = false, refused = false, deaf = false;
  };
  template <typename Of>
  size_t owe(Of&& of, Time now, const std::string& why);
  void owe_step(const SafeStep& step, const std::function<bool(twin::DeviceRef)>& of, Time now);
  void send(Owed& owed, Time now);
  void send_owed(Time now, bool whoever);
  bool waits_for(const Owed& owed) const;
  size_t& place_of(const Owed& owed);
  void settle(const std::function<bool(twin::DeviceRef)>& of);
  void settle_all();
  void hear_answers(Time now);
  void prepare(Time now);

  const twin::Registry& registry_;
  SafetyOptions options_;
  MqttLink& link_;
  DeviceLanguage language_;
  RigJournal& journal_;
  const SteadyTime& time_;
  Watchdog* watchdog_;
  SafetyGate gate_;
  std::set<twin::DeviceRef> handed_over_;
  std::vector<Owed> owed_;
  std::vector<SafeOutcome> outcomes_;
  std::set<std::tuple<twin::DeviceRef, twin::Command::Kind, uint16_t, Kept>> told_;
  uint64_t episode_ = 0, stops_ = 0, losses_;
  Time stopped_ = kLongAgo;
  bool watched_ = true;
};

}  // namespace looptwin::hil
