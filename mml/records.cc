#include "mml/records.h"

#include <cstring>

namespace looptwin::mml {
namespace {

uint64_t mixed(std::string_view kind, std::string_view name, std::initializer_list<uint64_t> numbers) {
  std::string bytes(kind);
  bytes += '\0';
  bytes += name;
  bytes += '\0';
  for (const uint64_t n : numbers) bytes.append(reinterpret_cast<const char*>(&n), sizeof n);
  return hash64(bytes);
}

}  // namespace

const char* name_of(RecordKind kind) {
  static constexpr const char* kNames[kRecordKinds] = {
      "event_raised",     "event_cleared",        "both_true",        "claimed",         "released",
      "yielded",          "conflict",             "command_issued",   "command_sent",    "command_acknowledged",
      "command_verified", "command_refused",      "command_failed",   "command_expired", "command_superseded",
      "alarm_raised",     "alarm_returned",       "alarm_acknowledged", "published"};
  return kNames[static_cast<size_t>(kind)];
}

uint64_t event_id(std::string_view event, uint64_t device_key, uint32_t occurrence) {
  return mixed("event", event, {device_key, occurrence});
}
uint64_t alarm_id(std::string_view alarm, uint64_t device_key, uint32_t occurrence) {
  return mixed("alarm", alarm, {device_key, occurrence});
}
uint64_t command_id(std::string_view rule, uint64_t cause, uint64_t device_key, uint16_t quantity, uint32_t version) {
  return mixed("command", rule, {cause, device_key, quantity, version});
}

void DecisionFingerprint::append(const Record& record, uint64_t subject_name, uint64_t device_key) {
  std::byte bytes[8 + 1 + 8 + 8 + 2 + 4 + 8 + 8];
  size_t at = 0;
  const auto put = [&](const auto& value) {
    std::memcpy(bytes + at, &value, sizeof value);
    at += sizeof value;
  };
  const double value = record.value == 0 ? 0.0 : record.value;
  const uint64_t bits = value == value ? [&] { uint64_t b; std::memcpy(&b, &value, 8); return b; }() : 0x7ff8000000000000ULL;
  put(record.at.ns);
  put(static_cast<uint8_t>(record.kind));
  put(subject_name);
  put(device_key);
  put(record.quantity);
  put(record.occurrence);
  put(bits);
  put(record.cause);
  fingerprint_.append(std::span(bytes, at));
  ++records_;
}

}  // namespace looptwin::mml
