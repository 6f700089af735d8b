// The life of commands: issued, sent, acknowledged, verified; or refused, failed, expired, superseded. A
// setpoint's new value is a command as well. What is not acknowledged is sent again with the same id, which
// acts once. What was under way when it expired or was superseded may still be answered: that completes its
// record, and does nothing else.
#pragma once

#include <cstdint>
#include <queue>
#include <span>
#include <vector>

#include "base/archive.h"
#include "base/id_table.h"
#include "base/large_pages.h"
#include "base/prefetch.h"
#include "mml/records.h"
#include "twin/registry.h"
#include "twin/tables.h"
#include "twin/transport.h"

namespace looptwin::mml {

/// A condition that a command's effect is recognised by, on rows of the target's table.
struct Verification {
  ColumnId that;                  ///< boolean
  std::vector<ColumnId> sampled;  ///< instants: all must lie after the acknowledgement
  Duration within{};
};

/// What the loop asks of one device, and why.
struct Request {
  twin::Command command;  ///< id, issued and expires are filled in by issue()
  uint16_t rule = 0;
  uint32_t occurrence = 0;    ///< of the event
  uint64_t cause = 0;         ///< the event's id
  int32_t verification = -1;  ///< into the dispatcher's list; -1: done when acknowledged
};

/// What became of a command that a rule may care about.
struct Ended {
  uint16_t rule = 0;
  twin::DeviceRef device;
  uint16_t quantity = 0;
  twin::Outcome outcome = twin::Outcome::accepted;
};

struct DispatcherCounters {
  uint64_t issued = 0, sent = 0, repeated = 0, acknowledged = 0, verified = 0, refused = 0, failed = 0,
           expired = 0, superseded = 0;
};

class Dispatcher {
 public:
  /// An unacknowledged command is sent again after this, so often; then it has failed. While its device is
  /// offline it waits at the broker instead, until it expires.
  static constexpr Duration kRepeatAfter = seconds(30);
  static constexpr int kAttempts = 5;
  /// The answer to a command that has expired or was superseded is waited for so long.
  static constexpr Duration kAnswersWithin = kRepeatAfter * kAttempts;

  Dispatcher(const twin::Registry& registry, twin::Tables& tables, std::vector<std::string> rule_names,
             std::vector<Verification> verifications);

  /// What is kept of each of the table's devices and this setpoint is made now, not with the first command.
  void expect(TableId table, uint16_t setpoint);
  void issue(Request request, Time now, std::vector<Record>& log);
  /// Asks for the memory of an expected setpoint that will be commanded in a moment.
  void ahead(TableId table, uint16_t setpoint, size_t row) const {
    prefetch(&last_[table.index()][setpoint][row], sizeof(Last));
  }
  void acknowledge(std::span<const twin::Acknowledgement> acks, Time now, std::vector<Record>& log);
  /// Timers: repeats, expiry (at the first boundary at or after it), verification. Fills `out` with what
  /// leaves now, in the order of decision.
  void step(Time now, std::vector<twin::Command>& out, std::vector<Record>& log);

  std::vector<Ended>& ended() { return ended_; }  ///< refusals since the caller last cleared it
  const DispatcherCounters& counters() const { return counters_; }
  size_t active() const { return by_id_.size() - closed_; }  ///< commands that have not ended

  void save(ArchiveWriter& archive) const;
  void restore(ArchiveReader& archive);

 private:
  /// `superseded` and `expired` have ended: only their devices' answers are waited for.
  enum class State : uint8_t { issued, sent, acknowledged, superseded, expired };
  struct Active {
    Request request;
    State state = State::issued;
    uint8_t attempts = 0;
    uint32_t version = 0;  ///< how many of its device and quantity were issued, with this one
    Time wake;             ///< when its timer runs out
    Time applied_at;       ///< by the acknowledgement
  };
  static bool has_ended(State state) { return state >= State::superseded; }
  struct Timer {
    Time at;
    uint32_t slot;
    uint64_t id;
    /// Earliest first; equal times in order of slot.
    friend bool operator<(const Timer& a, const Timer& b) {
      return std::pair(a.at, a.slot) > std::pair(b.at, b.slot);
    }
  };
  void acknowledge(const twin::Acknowledgement& ack, Time now, std::vector<Record>& log);
  void ahead(std::span<const twin::Acknowledgement> acks, size_t next) const;
  void record(RecordKind kind, const Active& active, Time now, std::vector<Record>& log) const;
  void schedule(uint32_t slot, Time at);
  void schedule_repeat(uint32_t slot, Time now);
  void close(uint32_t slot, State state, Time now);
  void forget_newest(uint32_t slot);
  void finish(uint32_t slot);
  void take_timer(uint32_t slot, Time now, std::vector<twin::Command>& out, std::vector<Record>& log);
  void answered_late(uint32_t slot, const twin::Acknowledgement& ack, Time now, std::vector<Record>& log);
  void accept(Active& active, const twin::Acknowledgement& ack, Time now, std::vector<Record>& log);
  bool offline(twin::DeviceRef device) const;
  bool verified(const Active& active) const;
  void check_verifications(Time now, std::vector<Record>& log);

  const twin::Registry& registry_;
  twin::Tables& tables_;
  std::vector<std::string> rule_names_;
  std::vector<Verification> verifications_;
  std::vector<Active> slots_;
  std::vector<uint32_t> free_;
  IdTable by_id_;  ///< the slot
  /// Of one setpoint, or one command, of one device. What was issued last: a resident may end an override
  /// long after having accepted it. And which one the device has applied last: that is what it reports.
  struct Last {
    uint64_t id = 0;
    Time applied_at;
    uint32_t version = 0;  ///< how many were issued
    uint32_t applied_version = 0;
    uint32_t slot = kNoSlot;  ///< of a setpoint: the command that a newer one supersedes
    uint32_t rule = 0;
  };
  static constexpr uint32_t kNoSlot = IdTable::kNone;
  LargeVector<Last>& lasts(TableId table, size_t quantity);
  Last& last_of(const twin::Command& command);
  const Last* find_last(const twin::Acknowledgement& ack, uint16_t& quantity) const;
  /// [table][setpoint, then command][row]; without rows until they are expected, or one is commanded.
  std::vector<std::vector<LargeVector<Last>>> last_;
  std::vector<uint32_t> leaving_;   ///< to be sent at the next step, in order
  std::vector<uint32_t> awaiting_;  ///< acknowledged, not verified yet, in order
  size_t closed_ = 0;               ///< ended, not answered yet
  std::priority_queue<Timer> timers_;
  std::vector<Ended> ended_;
  DispatcherCounters counters_;
};

}  // namespace looptwin::mml
