#include "mml/records.h"

#include <array>
#include <bit>
#include <cstring>

namespace looptwin::mml {
namespace {

constexpr uint64_t kCanonicalNan = 0x7ff8000000000000;

/// Of names by their hashes, on the stack: ids are made in every cycle that decides anything.
uint64_t mixed(uint64_t kind, std::string_view name, uint64_t a, uint64_t b, uint64_t c = 0, uint64_t d = 0) {
  const uint64_t words[] = {kind, hash64(name), a, b, c, d};
  return hash64(std::as_bytes(std::span(words)));
}

}  // namespace

const char* name_of(RecordKind kind) {
  static constexpr const char* kNames[kRecordKinds] = {"event_raised",       "event_cleared",
                                                       "both_true",          "claimed",
                                                       "released",           "yielded",
                                                       "conflict",           "command_issued",
                                                       "command_sent",       "command_acknowledged",
                                                       "command_verified",   "command_refused",
                                                       "command_failed",     "command_expired",
                                                       "command_superseded", "alarm_raised",
                                                       "alarm_returned",     "alarm_acknowledged",
                                                       "published",          "alarm_shown",
                                                       "alarm_repeated",     "alarm_late",
                                                       "alarm_confirmed",    "alarm_commented",
                                                       "alarm_reset",        "alarm_shelved",
                                                       "alarm_unshelved",    "alarm_suppressed",
                                                       "alarm_unsuppressed", "alarm_out_of_service",
                                                       "alarm_in_service",   "alarm_refused",
                                                       "input_set",          "input_pressed",
                                                       "input_expired",      "input_refused",
                                                       "step_begun",         "step_timed_out",
                                                       "sequence_done",      "sequence_aborted",
                                                       "event_latched",      "reset_refused",
                                                       "bypass_begun",       "bypass_ended",
                                                       "event_withheld",     "first_out",
                                                       "outranked"};
  return kNames[static_cast<size_t>(kind)];
}

SubjectKind subject_of(RecordKind kind) {
  using enum RecordKind;
  if (kind <= both_true || (kind >= event_latched && kind <= first_out)) return SubjectKind::event;
  if (kind >= input_set && kind <= input_refused) return SubjectKind::input;
  return is_of_alarm(kind) ? SubjectKind::alarm : SubjectKind::rule;
}

uint64_t event_id(std::string_view event, uint64_t device_key, uint32_t occurrence) {
  return mixed(1, event, device_key, occurrence);
}
uint64_t alarm_id(std::string_view alarm, uint64_t device_key, uint32_t occurrence) {
  return mixed(2, alarm, device_key, occurrence);
}
uint64_t command_id(std::string_view rule, uint64_t cause, uint64_t device_key, uint16_t quantity,
                    uint32_t version) {
  return mixed(3, rule, cause, device_key, quantity, version);
}

void DecisionFingerprint::append(const Record& record, uint64_t subject_name, uint64_t device_key) {
  std::array<std::byte, 64> bytes;
  size_t size = 0;
  const auto put = [&](const auto& value) {
    std::memcpy(&bytes[size], &value, sizeof value);
    size += sizeof value;
  };
  const double value = record.value == record.value ? (record.value == 0 ? 0.0 : record.value)
                                                    : std::bit_cast<double>(kCanonicalNan);
  put(record.at.ns);
  put(static_cast<uint8_t>(record.kind));
  put(subject_name);
  put(device_key);
  put(record.quantity);
  put(record.occurrence);
  put(std::bit_cast<uint64_t>(value));
  put(record.cause);
  if (bytes_.empty()) {
    const auto chain = std::as_bytes(std::span(&chain_, 1));
    bytes_.assign(chain.begin(), chain.end());
  }
  bytes_.insert(bytes_.end(), bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size));
  ++records_;
}

void DecisionFingerprint::close() {
  if (bytes_.empty()) return;
  chain_ = hash128(bytes_);
  bytes_.clear();
}

void DecisionFingerprint::save(ArchiveWriter& archive) const {
  archive.section("fingerprint", 1);
  archive.put(chain_);
  archive.put(records_);
}

void DecisionFingerprint::restore(ArchiveReader& archive) {
  archive.section("fingerprint", 1);
  chain_ = archive.get<Hash128>();
  records_ = archive.get<uint64_t>();
  bytes_.clear();
}

}  // namespace looptwin::mml
