#include "mml/alarm_state.h"

#include <array>

namespace looptwin::mml {
namespace {

using enum AlarmState;
using enum AlarmInput;

constexpr const char* kNothing = "it waits for no acknowledgement";
constexpr const char* kUnconfirmed = "it waits for no confirmation";
constexpr const char* kUnlatched = "it is not latched";
constexpr const char* kStands = "its condition still stands";
constexpr const char* kFirst = "acknowledge it first";
constexpr const char* kAlready = "it was acknowledged already";
constexpr const char* kOver = "its condition is over";

constexpr AlarmTransition to(AlarmState from, AlarmInput input, AlarmState next) {
  return {from, input, next, next};
}
constexpr AlarmTransition stays(AlarmState from, AlarmInput input, const char* why) {
  return {from, input, from, from, why};
}

constexpr std::array<AlarmTransition, size_t{kConditionStates}* kAlarmInputs> kTable = {{
    to(normal, occurs, unacknowledged),
    to(normal, returns, normal),
    stays(normal, acknowledge, kNothing),
    stays(normal, confirm, kUnconfirmed),
    stays(normal, reset, kUnlatched),
    stays(normal, realarm, kOver),
    to(normal, show, normal),

    to(unacknowledged, occurs, unacknowledged),
    {unacknowledged, returns, returned, latched_unacknowledged},
    to(unacknowledged, acknowledge, acknowledged),
    stays(unacknowledged, confirm, kFirst),
    stays(unacknowledged, reset, kStands),
    to(unacknowledged, realarm, unacknowledged),
    to(unacknowledged, show, unacknowledged),

    to(acknowledged, occurs, acknowledged),
    {acknowledged, returns, normal, latched},
    stays(acknowledged, acknowledge, kAlready),
    to(acknowledged, confirm, acknowledged),
    stays(acknowledged, reset, kStands),
    to(acknowledged, realarm, unacknowledged),
    to(acknowledged, show, unacknowledged),

    to(returned, occurs, unacknowledged),
    to(returned, returns, returned),
    to(returned, acknowledge, normal),
    stays(returned, confirm, kFirst),
    stays(returned, reset, kUnlatched),
    stays(returned, realarm, kOver),
    to(returned, show, normal),

    to(unconfirmed, occurs, unacknowledged),
    to(unconfirmed, returns, unconfirmed),
    stays(unconfirmed, acknowledge, kAlready),
    to(unconfirmed, confirm, normal),
    stays(unconfirmed, reset, kUnlatched),
    stays(unconfirmed, realarm, kOver),
    to(unconfirmed, show, normal),

    to(latched_unacknowledged, occurs, unacknowledged),
    to(latched_unacknowledged, returns, latched_unacknowledged),
    to(latched_unacknowledged, acknowledge, latched),
    stays(latched_unacknowledged, confirm, kFirst),
    stays(latched_unacknowledged, reset, kFirst),
    stays(latched_unacknowledged, realarm, kOver),
    to(latched_unacknowledged, show, latched_unacknowledged),

    to(latched, occurs, unacknowledged),
    to(latched, returns, latched),
    stays(latched, acknowledge, kAlready),
    to(latched, confirm, latched),
    to(latched, reset, normal),
    stays(latched, realarm, kOver),
    to(latched, show, latched),
}};

constexpr bool is_in_order() {
  for (size_t i = 0; i < kTable.size(); ++i)
    if (static_cast<size_t>(kTable[i].from) * kAlarmInputs + static_cast<size_t>(kTable[i].input) != i)
      return false;
  return true;
}
static_assert(is_in_order());

bool by_person(AlarmInput input) { return input == acknowledge || input == confirm || input == reset; }

}  // namespace

const char* name_of(AlarmState state) {
  static constexpr const char* kNames[kAlarmStates] = {
      "normal",  "unacknowledged", "acknowledged", "returned",      "unconfirmed", "latched_unacknowledged",
      "latched", "shelved",        "suppressed",   "out_of_service"};
  return kNames[static_cast<size_t>(state)];
}

const char* name_of(AlarmInput input) {
  static constexpr const char* kNames[kAlarmInputs] = {"occurs", "returns", "acknowledge", "confirm",
                                                       "reset",  "realarm", "show"};
  return kNames[static_cast<size_t>(input)];
}

AlarmState shown(const AlarmStanding& standing) {
  if ((standing.hidden & kOutOfService) != 0) return out_of_service;
  if ((standing.hidden & (kByDesign | kByFlood | kByPerson)) != 0) return suppressed;
  if ((standing.hidden & kShelved) != 0) return shelved;
  return standing.state;
}

std::span<const AlarmTransition> alarm_transitions() { return kTable; }

const char* refused_always(AlarmInput input, const AlarmTraits& traits) {
  if (input == confirm && !traits.confirm) return "it needs no confirmation";
  if (input == reset && !traits.latched) return kUnlatched;
  return nullptr;
}

const char* move(AlarmStanding& standing, AlarmInput input, const AlarmTraits& traits) {
  if (const char* why = refused_always(input, traits)) return why;
  if (by_person(input) && standing.hidden != 0) {
    const AlarmState by = shown(standing);
    return by == shelved      ? "it is shelved: unshelve it first"
           : by == suppressed ? "it is suppressed: it is shown when that ends"
                              : "it is out of service: put it back in service first";
  }
  const AlarmTransition& row =
      kTable[static_cast<size_t>(standing.state) * kAlarmInputs + static_cast<size_t>(input)];
  if (row.refused != nullptr) return row.refused;
  if (input == confirm && !standing.to_confirm) return kUnconfirmed;
  if (input == reset && standing.to_confirm) return "confirm it first";

  AlarmState next = traits.latched ? row.to_latched : row.to;
  if (input == acknowledge) standing.to_confirm = traits.confirm;
  const bool over = next == normal && (input == acknowledge || input == returns);
  if (over && standing.to_confirm) next = unconfirmed;
  // A new occurrence, a repeated one, and one that was hidden must be answered anew.
  const bool anew = next == unacknowledged;
  if (anew || input == confirm || (input == show && next == normal)) standing.to_confirm = false;
  standing.state = next;
  return nullptr;
}

}  // namespace looptwin::mml
