// The decision log: one record for everything the loop decided, with what caused it. Records are made per
// shard and joined in a stated order, so that the log, and the fingerprint over it, depend on the scenario
// and the seed alone.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/archive.h"
#include "base/hash.h"
#include "base/time.h"
#include "twin/device_ref.h"

namespace looptwin::mml {

enum class RecordKind : uint8_t {
  event_raised,
  event_cleared,
  both_true,  ///< raise and clear held at once: raise won
  claimed,    ///< an override claims a setpoint
  released,
  yielded,   ///< the resident refused, the claim ended
  conflict,  ///< two claims of equal priority with different values
  command_issued,
  command_sent,
  command_acknowledged,
  command_verified,
  command_refused,
  command_failed,
  command_expired,
  command_superseded,
  alarm_raised,
  alarm_returned,
  alarm_acknowledged,
  published,
  alarm_shown,      ///< it stands, and nothing hides it any more
  alarm_repeated,   ///< shown again: it still stands after `realarm`
  alarm_late,       ///< not acknowledged within `respond_within`
  alarm_confirmed,  ///< by a person, like the next seven
  alarm_commented,
  alarm_reset,
  alarm_shelved,
  alarm_unshelved,  ///< by a person, or because its time is over
  alarm_suppressed,
  alarm_unsuppressed,
  alarm_out_of_service,
  alarm_in_service,
  alarm_refused,  ///< a person asked for what the alarm's state does not allow
  input_set,      ///< of a person's input, like the next three
  input_pressed,
  input_expired,     ///< it has fallen back to its default
  input_refused,     ///< not that person, or not that value
  step_begun,        ///< of a rule's sequence, like the next three
  step_timed_out,    ///< what it waited for did not come in time
  sequence_done,     ///< its last step has ended
  sequence_aborted,  ///< it ended before that
  event_latched,     ///< what raised it is over; it stands until it is reset
  reset_refused,     ///< its reset began to hold before what raised it was over
  bypass_begun,      ///< of an event, like the next two
  bypass_ended,
  event_withheld,  ///< it would have risen, and is bypassed
  first_out,       ///< it rose before all others of its group
  outranked,       ///< a claim that one of higher priority makes idle; value: what holds in its place
};
const char* name_of(RecordKind kind);
inline constexpr uint8_t kRecordKinds = 47;
/// What a record's `subject` counts.
enum class SubjectKind : uint8_t { event, rule, alarm, input };
SubjectKind subject_of(RecordKind kind);
/// Its subject is an alarm.
constexpr bool is_of_alarm(RecordKind kind) {
  return (kind >= RecordKind::alarm_raised && kind <= RecordKind::alarm_acknowledged) ||
         (kind >= RecordKind::alarm_shown && kind <= RecordKind::alarm_refused);
}

inline constexpr uint16_t kImperative = 0x8000;

struct Record {
  Time at;
  RecordKind kind = RecordKind::event_raised;
  uint16_t subject = 0;     ///< index of the event, rule or alarm among its kind, in file order
  uint16_t quantity = 0;    ///< index of the setpoint, or of the command with kImperative added; of a
                            ///< publication's feed; of an alarm: what hides it (alarm_state.h); of a
                            ///< sequence's step, from 0; of a first-out: its group
  twin::DeviceRef device;   ///< invalid row: the site
  uint32_t occurrence = 0;  ///< of the event on its device, from 1
  double value = 0;         ///< SI; of setpoints: the value asked for
  uint64_t id = 0;          ///< of what this record is about: an event's occurrence, a command, an alarm
  uint64_t cause = 0;       ///< the id of what led to it; 0: the plant
  uint32_t used = 0;        ///< of an event or alarm over a set: members with a good value; not hashed
  uint32_t members = 0;     ///< of how many; 0: over no set
};

/// Ids are functions of what they name, so that a repeated or replayed decision bears the same one.
uint64_t event_id(std::string_view event, uint64_t device_key, uint32_t occurrence);
uint64_t alarm_id(std::string_view alarm, uint64_t device_key, uint32_t occurrence);
uint64_t command_id(std::string_view rule, uint64_t cause, uint64_t device_key, uint16_t quantity,
                    uint32_t version);

/// Version 1 of the decision fingerprint, a chain: after each boundary with records F becomes XXH3-128(F ‖
/// records), F beginning as 16 zero bytes. A record is, little-endian without padding: at (i64 ns), kind
/// (u8), the subject's name and the device's id as XXH3-64 (u64 each), quantity (u16), occurrence (u32),
/// value (f64, one bit pattern for every NaN and for both zeroes), cause (u64).
class DecisionFingerprint {
 public:
  void append(const Record& record, uint64_t subject_name, uint64_t device_key);
  /// The end of a boundary's records.
  void close();
  std::string digest() const { return to_string(chain_); }
  uint64_t records() const { return records_; }

  void save(ArchiveWriter& archive) const;
  void restore(ArchiveReader& archive);

 private:
  Hash128 chain_;
  uint64_t records_ = 0;
  std::vector<std::byte>
      bytes_;  ///< the chain so far and the boundary under way; empty until its first record
};

}  // namespace looptwin::mml
