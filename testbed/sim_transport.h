// The Transport of a simulation: the simulated fleet on one side, the in-process broker on the other.
#pragma once

#include <optional>
#include <vector>

#include "base/archive.h"
#include "base/workers.h"
#include "mml/broker.h"
#include "sim/fleet.h"
#include "testbed/restarts.h"
#include "twin/transport.h"

namespace looptwin::testbed {

class SimTransport final : public twin::Transport {
 public:
  SimTransport(sim::Fleet& fleet, mml::Broker& broker, const twin::Registry& registry,
               std::vector<twin::Shard> shards, std::vector<Away> restarts = {},
               std::vector<twin::OperatorAction> script = {});

  void begin(Time boundary) override;
  const Diagnostics& breakdown() const override { return fleet_.breakdown(); }
  void poll_notices(Time boundary, std::vector<twin::Notice>& notices) override;
  void poll(size_t shard, Time boundary, twin::Inbox& inbox) override;
  /// A boundary at which nobody polls or sends: the fleet goes on, and the broker keeps what arrives for the
  /// next poll; what does not `keep` is lost but for the devices' presence, which the broker retains.
  void pass(Time boundary, bool keep, Workers& workers);
  /// Whether anything has arrived since the last boundary by this time, which is no boundary yet: the fleet
  /// goes on to it, and what arrives is kept for the next poll. Times before the last that was looked at had
  /// nothing.
  bool arrived_by(Time time, Workers& workers);
  void poll_people(Time boundary, std::vector<twin::OperatorAction>& actions) override;
  void send(Time now, std::span<const twin::Command> commands) override;
  void set_out(size_t shard, Time now) override;

  /// Other actions of people from now on; by time.
  void follow(std::vector<twin::OperatorAction> script);
  /// What is noticed from now on, as if something were real; by time.
  void notice(std::vector<twin::Notice> notices);
  /// The loop was away from `from` on, so long in all, and has missed boundaries: it is told at the next one.
  void was_away(Time from, Duration lasted);
  /// What people do besides the script, while the run is under way: no part of a saved state until it has
  /// acted.
  void act(std::vector<twin::OperatorAction> actions);
  const std::vector<twin::OperatorAction>& pending() const { return pending_; }
  /// What people did up to `done` has been handed over, whatever a restored state says.
  void skip_script_to(Time done);

  void save(ArchiveWriter& archive) const;
  void restore(ArchiveReader& archive);

 private:
  size_t shard_of(twin::DeviceRef device) const;
  void receive(size_t shard, Time boundary);

  sim::Fleet& fleet_;
  mml::Broker& broker_;
  const twin::Registry& registry_;
  std::vector<twin::Shard> shards_;
  std::vector<Away> restarts_;  ///< of the broker
  size_t next_restart_ = 0;
  Time looked_ = kStart;  ///< so far the fleet has gone on, to see whether anything arrives
  std::vector<twin::OperatorAction> script_;  ///< what people do, by time
  size_t next_action_ = 0;
  std::vector<twin::Notice> notices_;  ///< what is noticed, by time
  size_t next_notice_ = 0;
  std::optional<twin::Notice> away_;           ///< until the loop is told
  std::vector<twin::OperatorAction> pending_;  ///< besides the script, by time
  std::vector<size_t> first_shard_;            ///< [table]
  std::vector<sim::Arrivals> arrivals_;        ///< [shard]
  std::vector<twin::Inbox> kept_;              ///< [shard] since the last poll
  std::vector<std::vector<twin::DeviceRef>>
      returned_;  ///< [shard] devices that came online and may have messages waiting
  std::vector<twin::Command> leaving_;
  std::vector<std::vector<twin::Command>> by_shard_;
};

}  // namespace looptwin::testbed
