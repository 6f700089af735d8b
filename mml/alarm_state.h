// The states of one alarm on one device, as ANSI/ISA-18.2-2016 and IEC 62682:2014 draw them, with the
// confirmation of OPC UA Part 9. A pure function over one table: no time, no device, no side effects.
#pragma once

#include <cstdint>
#include <span>

namespace looptwin::mml {

enum class AlarmState : uint8_t {
  normal,                  ///< A
  unacknowledged,          ///< B: its condition stands, nobody has answered
  acknowledged,            ///< C
  returned,                ///< D: the condition is over, nobody has answered
  unconfirmed,             ///< over and acknowledged, not yet confirmed; only with `confirm: true`
  latched_unacknowledged,  ///< E: over, but it waits for acknowledgement and reset; only with `latched: true`
  latched,                 ///< F: over and acknowledged, it waits for its reset
  shelved,                 ///< G: hidden by a person, for a time
  suppressed,              ///< H: hidden by design, a flood, or a person who suppressed it
  out_of_service,          ///< I: hidden by a person, until it is put back
};
inline constexpr uint8_t kConditionStates = 7;  ///< the first: those that an alarm which is not hidden shows
inline constexpr uint8_t kAlarmStates = 10;
const char* name_of(AlarmState state);

/// What moves it. `show` is that nothing hides it any more.
enum class AlarmInput : uint8_t { occurs, returns, acknowledge, confirm, reset, realarm, show };
inline constexpr uint8_t kAlarmInputs = 7;
const char* name_of(AlarmInput input);

/// Why it is hidden: bits.
using Hidden = uint8_t;
inline constexpr Hidden kShelved = 1, kByDesign = 2, kByFlood = 4, kByPerson = 8, kOutOfService = 16;

struct AlarmTraits {
  bool latched = false;
  bool confirm = false;
};

struct AlarmStanding {
  AlarmState state = AlarmState::normal;  ///< a condition state
  bool to_confirm = false;
  Hidden hidden = 0;
  bool operator==(const AlarmStanding&) const = default;
};

/// What a person sees: out of service before suppressed before shelved before the condition's state.
AlarmState shown(const AlarmStanding& standing);
/// Its condition stands, whether shown or not.
inline bool is_active(AlarmState state) {
  return state == AlarmState::unacknowledged || state == AlarmState::acknowledged;
}
inline bool waits_for_answer(AlarmState state) {
  return state == AlarmState::unacknowledged || state == AlarmState::returned ||
         state == AlarmState::latched_unacknowledged;
}

/// A row of the table; `refused` says why where the input leads nowhere, and is null where it leads to `to`.
struct AlarmTransition {
  AlarmState from;
  AlarmInput input;
  AlarmState to;
  AlarmState to_latched;  ///< the same of an alarm with `latched: true`
  const char* refused = nullptr;
};
/// One row for each state and input, states outermost.
std::span<const AlarmTransition> alarm_transitions();

/// Why an alarm of such traits refuses the input whatever its state; null: it may lead somewhere.
const char* refused_always(AlarmInput input, const AlarmTraits& traits);

/// Moves `standing`, or leaves it and says why not; null: it moved. Persons' inputs to a hidden alarm are
/// refused: the standards let it be shown first.
const char* move(AlarmStanding& standing, AlarmInput input, const AlarmTraits& traits);

}  // namespace looptwin::mml
