// The alarm's state machine, held against a model that knows no table: four facts and what they mean.
#include "mml/alarm_state.h"

#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <fstream>
#include <random>
#include <sstream>

using namespace looptwin::mml;

namespace {

/// What an alarm is, said by facts: an independent definition of the standard's states.
struct Facts {
  bool latching = false, confirming = false;
  bool stands = false;    ///< its condition
  bool told = false;      ///< somebody must still answer
  bool confirmed = true;  ///< nobody must still confirm
  bool kept = false;      ///< latched, and not reset
  bool hidden = false;

  bool over() const { return !stands && !told && confirmed && !kept; }
  AlarmState state() const {
    using enum AlarmState;
    if (stands) return told ? unacknowledged : acknowledged;
    if (kept) return told ? latched_unacknowledged : latched;
    if (told) return returned;
    return confirmed ? normal : unconfirmed;
  }
  /// False: refused.
  bool apply(AlarmInput input) {
    switch (input) {
      case AlarmInput::occurs:
        if (!stands) {
          stands = told = confirmed = true;
          kept = latching;
        }
        return true;
      case AlarmInput::returns:
        stands = false;
        return true;
      case AlarmInput::acknowledge:
        if (hidden || !told) return false;
        told = false;
        confirmed = !confirming;
        return true;
      case AlarmInput::confirm:
        if (hidden || told || confirmed) return false;
        confirmed = true;
        return true;
      case AlarmInput::reset:
        if (hidden || stands || !kept || told || !confirmed) return false;
        kept = false;
        return true;
      case AlarmInput::realarm:
        if (!stands) return false;
        told = confirmed = true;
        return true;
      case AlarmInput::show:
        // What stands is told anew; what is over needs no answer any more, unless it is latched.
        if (stands)
          told = confirmed = true;
        else if (!kept) {
          told = false;
          confirmed = true;
        }
        return true;
    }
    return false;
  }
};

std::string transition_table() {
  std::string text = "| state | input | next | next, `latched: true` | refused |\n|---|---|---|---|---|\n";
  for (const auto& row : alarm_transitions())
    text += row.refused != nullptr
                ? fmt::format("| {} | {} |  |  | {} |\n", name_of(row.from), name_of(row.input), row.refused)
                : fmt::format("| {} | {} | {} | {} |  |\n", name_of(row.from), name_of(row.input),
                              name_of(row.to), row.to_latched == row.to ? "" : name_of(row.to_latched));
  return text;
}

}  // namespace

TEST_CASE("alarm states: random inputs lead where the facts lead, and are refused where they refuse") {
  std::mt19937 random(20160317);
  std::array<size_t, kConditionStates> visits{};
  for (int run = 0; run < 400; ++run) {
    Facts facts{.latching = run % 2 == 0, .confirming = run % 4 < 2};
    const AlarmTraits traits{facts.latching, facts.confirming};
    AlarmStanding standing;
    for (int i = 0; i < 200; ++i) {
      // Persons and plant act at any time; showing follows hiding.
      auto input = static_cast<AlarmInput>(random() % kAlarmInputs);
      const bool toggles = random() % 6 == 0;
      if (toggles && !facts.hidden) {
        facts.hidden = true;
        standing.hidden = kShelved;
        continue;
      }
      if (toggles) input = AlarmInput::show;
      if (input == AlarmInput::show) {
        if (!facts.hidden) continue;
        facts.hidden = false;
        standing.hidden = 0;
      }
      const AlarmStanding before = standing;
      const bool accepted = facts.apply(input);
      const char* refused = move(standing, input, traits);
      CAPTURE(run, i, name_of(before.state), name_of(input), before.to_confirm);
      REQUIRE((refused == nullptr) == accepted);
      REQUIRE(standing.state == facts.state());
      if (!accepted) REQUIRE(standing == before);
      if (standing.hidden == 0) REQUIRE((shown(standing) == AlarmState::normal) == facts.over());
      ++visits[static_cast<size_t>(standing.state)];
    }
  }
  for (const size_t n : visits) CHECK(n > 100);
}

TEST_CASE("alarm states: what an alarm's traits refuse is refused in every state, and for that reason") {
  for (uint8_t state = 0; state < kConditionStates; ++state)
    for (const Hidden hidden : {Hidden{0}, kShelved}) {
      AlarmStanding standing{static_cast<AlarmState>(state), false, hidden};
      CAPTURE(name_of(standing.state), hidden);
      CHECK(std::string(move(standing, AlarmInput::confirm, {.latched = true})) ==
            "it needs no confirmation");
      CHECK(std::string(move(standing, AlarmInput::reset, {.confirm = true})) == "it is not latched");
    }
  CHECK(refused_always(AlarmInput::confirm, {.confirm = true}) == nullptr);
  CHECK(refused_always(AlarmInput::reset, {.latched = true}) == nullptr);
  CHECK(refused_always(AlarmInput::acknowledge, {}) == nullptr);
}

TEST_CASE("alarm states: what hides it most strongly is shown") {
  AlarmStanding standing{AlarmState::acknowledged, false, 0};
  CHECK(shown(standing) == AlarmState::acknowledged);
  standing.hidden = kShelved;
  CHECK(shown(standing) == AlarmState::shelved);
  for (const Hidden why : {kByDesign, kByFlood, kByPerson}) {
    standing.hidden = kShelved | why;
    CHECK(shown(standing) == AlarmState::suppressed);
  }
  standing.hidden |= kOutOfService;
  CHECK(shown(standing) == AlarmState::out_of_service);
}

TEST_CASE("alarm states: the table of docs/alarms.md is the table that is run") {
  std::ifstream file(LT_SOURCE_DIR "/docs/alarms.md");
  std::stringstream text;
  text << file.rdbuf();
  INFO(transition_table());
  CHECK(text.str().find(transition_table()) != std::string::npos);
}
