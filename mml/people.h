// People as a scenario declares them: who they are, what they may do, and the inputs that they give the loop.
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "lang/types.h"
#include "twin/config.h"

namespace looptwin::mml {

/// `people: {anna: {roles: [shift_lead, operator]}}`
struct PersonConfig {
  std::string name;
  Span span;
  std::vector<std::string> roles;
};

/// Everybody has the empty role.
inline bool has_role(const PersonConfig& person, const std::string& role) {
  return role.empty() || std::find(person.roles.begin(), person.roles.end(), role) != person.roles.end();
}

enum class InputKind : uint8_t {
  button,    ///< true at the boundary at which it is pressed, and at no other
  selector,  ///< a word of an enumeration, or a switch
  limit,     ///< a quantity
};

/// `operator: {most_load: {kind: limit, default: 800 kW, range: [0, 900], expires: 2 h, role: shift_lead}}`
struct InputConfig {
  std::string name;
  Span span;
  InputKind kind = InputKind::button;
  std::string each;                ///< a model: one on each of its devices; empty: one for all
  lang::Unit unit;                 ///< of a limit
  std::vector<std::string> words;  ///< of a selector that is no switch
  bool boolean = false;            ///< a button, or a selector that is a switch
  double value = 0;                ///< the default: SI, 1 or 0, or a word's code
  std::optional<twin::Range> range;
  Duration expires{};  ///< after so long it falls back to its default; 0: never
  std::string role;    ///< who may; empty: everybody
  Span role_span;
  std::string about;
};

}  // namespace looptwin::mml
