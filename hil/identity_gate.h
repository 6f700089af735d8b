// Whether the devices of a rig are the ones that they are to be: each is admitted once it has said the serial
// number and firmware that are listed for it, and not before; one that says otherwise is in quarantine until
// a person has decided. What it says counts until it says something else. The loop's thread only.
#pragma once

#include <functional>
#include <map>
#include <set>

#include "hil/broker_status.h"
#include "hil/identity_reader.h"

namespace looptwin::hil {

class IdentityGate {
 public:
  /// A mapping for each model of the registry, in order. The registry outlives it.
  IdentityGate(const twin::Registry& registry, const std::vector<Mapping>& mappings);

  /// A device has said what it is not to say: `why` in words, and all that it has said.
  using Mismatch =
      std::function<void(twin::DeviceRef device, const std::string& why, const twin::Identity& said)>;
  /// Who hears of mismatches, and who of what people should know.
  void report(Mismatch mismatch, IncidentSink sink);

  /// What a device is to say; empty: nothing is asked of it. `quarantine`: why it is kept out whatever it
  /// says; empty: it is not.
  void expect(twin::DeviceRef device, const twin::Identity& listed, const std::string& quarantine, Time at);

  const IdentityReader& reader() const { return reader_; }
  bool admits(twin::DeviceRef device) const;
  bool is_quarantined(twin::DeviceRef device) const;
  void said(twin::DeviceRef device, const twin::Identity& said, Time at);
  /// A device that is there, or has gone. One that can be asked has to say anew who it is when it comes back.
  void there(twin::DeviceRef device, bool is_there, Time at);
  bool is_there(twin::DeviceRef device) const;
  void lost_broker(Time at);
  /// Once a cycle: asks those that are there and have not said who they are.
  void step(Time now, std::vector<Outgoing>& out);
  /// Devices whose admission may have changed since the last call.
  std::vector<twin::DeviceRef> take_changed();

  const twin::Identity& said_by(twin::DeviceRef device) const;
  /// "2 proved, 1 awaited, 1 in quarantine, 3 not checked".
  std::string text() const;

 private:
  enum class Standing : uint8_t { unchecked, awaited, proved, quarantined };
  struct State {
    twin::Identity listed, said;
    std::string quarantine;
    Standing standing = Standing::unchecked;
    bool there = false, told = false;
    Time ask_from = kStart;
  };
  State& state(twin::DeviceRef device) { return states_[device]; }
  const State* find(twin::DeviceRef device) const;
  /// Only what is listed and can be said is asked for.
  twin::Identity asked(twin::DeviceRef device, const State& state) const;
  void judge(twin::DeviceRef device, State& state, Time at);

  const twin::Registry& registry_;
  IdentityReader reader_;
  std::vector<std::pair<bool, bool>> says_;  ///< [table] serial, firmware
  std::map<twin::DeviceRef, State> states_;  ///< of devices of which anything is known
  std::set<twin::DeviceRef> changed_;
  Mismatch mismatch_;
  IncidentSink sink_;
};

}  // namespace looptwin::hil
