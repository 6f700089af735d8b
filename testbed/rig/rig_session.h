// One run of a rig, in its stages: what it runs is read, its broker and links are there, the loop is built on
// them, it begins, runs, and ends. A stage that fails leaves nothing behind; devices are made safe by the
// guard, whichever way it ends.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "hil/own_broker.h"
#include "hil/paced_clock.h"
#include "hil/sparkplug_state.h"
#include "testbed/driver.h"
#include "testbed/rig/control_socket.h"
#include "testbed/rig/incident_log.h"
#include "testbed/rig/pace_report.h"
#include "testbed/rig/rig_bindings.h"
#include "testbed/rig/rig_guard.h"
#include "testbed/rig/rig_inventory.h"
#include "testbed/rig/rig_requests.h"
#include "testbed/rig/rig_run.h"
#include "testbed/rig/rig_summary.h"
#include "testbed/run_folder.h"
#include "testbed/sequence/sequence_session.h"

namespace looptwin::testbed {

class RigSession {
 public:
  /// The request outlives it.
  RigSession(RigConfig rig, const HilRequest& request);

  /// The scenario as the rig has it, and how its devices speak; they are reserved.
  Result<void> prepare();
  /// A broker of our own where none is named, the watchdog, and the links.
  Result<void> connect();
  Result<void> assemble();
  Result<void> begin();
  Exit run();
  /// What it is that a stage fails: nothing is wrong with a rig whose devices others have.
  Exit failed() const {
    return inventory_ && !inventory_->not_free().empty() ? Exit::failed : Exit::bad_input;
  }

 private:
  Result<void> load();
  Result<void> find_broker();
  Result<std::unique_ptr<hil::MqttLink>> connect_link();
  /// Null: anybody may connect, or whoever the broker itself knows.
  hil::BrokerRegistry* registry() const { return own_ ? own_->registry() : view_.get(); }
  Result<void> plan_sequence();
  SequenceFacts facts(const Realtime& realtime) const;
  Exit end_sequence(const std::string& why, const Realtime& realtime, Exit otherwise);
  /// Whether the run is to end: as soon as a sequence is over, which itself hears whoever asks for the end.
  const std::atomic<bool>& stop() const { return sequence_ ? sequence_->over() : stop_asked(); }
  /// What happened beside the loop up to a boundary.
  void take_incidents(Time boundary);
  RigSeen seen() const;
  Result<void> check_subscriptions();
  void tell_of_echo();
  void forget_run();
  Diagnostics end(mml::RunEnd how, double wall_s, const Realtime& realtime);
  void print(mml::RunEnd how, double wall_s) const;

  const HilRequest& request_;
  RigConfig rig_;
  Scenario scenario_;
  std::vector<Setting> settings_;  ///< what was changed of it, as a replay needs it
  UnixTime start_;                 ///< of the run, on the wall
  std::vector<hil::Mapping> mappings_;
  std::optional<std::filesystem::path> out_;
  IncidentLog incidents_;
  hil::MachineTime machine_;
  Duration begun_at_{};
  std::unique_ptr<hil::OwnBroker> own_;
  std::unique_ptr<hil::BrokerRegistry> view_;  ///< for a broker that is not our own
  std::optional<hil::PacedClock> clock_;       ///< before the links, whose threads tell it what arrives
  RigRequests requests_;                       ///< before the links: the stop topic's are among them
  std::unique_ptr<RigInventory> inventory_;    ///< gives the devices back after all that speaks to them
  std::unique_ptr<hil::IdentityGate> gate_;    ///< outlives the transport
  std::unique_ptr<hil::MqttLink> link_, bridge_link_;
  std::unique_ptr<hil::SparkplugState> state_;  ///< null: no edge node looks for the loop
  bool kept_back_ = false;                      ///< the broker does not bring back what we publish
  std::unique_ptr<RigBindings> bound_;
  std::unique_ptr<SequenceSession> sequence_;  ///< null: none is carried out
  std::unique_ptr<Assembly> assembly_;
  uint64_t hash_ = 0;                    ///< of scenario and settings
  BoundTransport* transport_ = nullptr;  ///< the assembly's
  std::unique_ptr<RigGuard> guard_;      ///< ends before what it speaks by
  std::optional<Driver> driver_;
  std::unique_ptr<ControlSocket> control_;
};

}  // namespace looptwin::testbed
