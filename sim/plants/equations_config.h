// What a scenario says about a plant of equations: kinds of elements with their equations, and which elements
// of each kind there are. Expressions and quantities are spans of the scenario's files.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "sim/config.h"

namespace looptwin::sim {

/// `from: {to: tank, inverse: outlets}`: each element belongs to one of another kind.
struct EquationRelationConfig {
  std::string name;
  Span span;
  std::string to;
  std::string inverse;  ///< what the other side calls the set of these elements; empty: nothing
};

/// `overflow: {when: level > height, reset: {level: height}}`
struct EquationEventConfig {
  std::string name;
  Span span;
  Span when;
  std::vector<Named> reset;  ///< states with their new values
};

/// One element, with its own values of parameters, inputs and states, and what it is related to.
struct EquationElementConfig {
  struct Given {
    std::string name;
    Span name_span;
    Span text;
    std::string element;  ///< the text, with what counts along put in: of a relation
  };
  std::string name;  ///< empty: the one element of a kind that names none
  Span span;
  std::vector<Given> given;
};

struct EquationKindConfig {
  std::string name;
  Span span;
  std::vector<EquationElementConfig> each;
  std::vector<EquationRelationConfig> relations;
  std::vector<Named> parameters;  ///< quantities
  std::vector<Named> inputs;      ///< ports that devices drive, with the value while none does: quantities
  std::vector<Named> states;      ///< with their values at the start: expressions of parameters
  std::vector<Named> rates;       ///< one a state
  std::vector<Named> outputs;
  std::vector<LimitConfig> limits;
  std::vector<Named> tolerances;  ///< absolute ones of states: quantities
  std::vector<EquationEventConfig> events;
};

enum class EquationMethod : uint8_t {
  cvode,            ///< BDF of variable step and order with Newton's method: SUNDIALS
  runge_kutta4,     ///< one classical step of order 4 a grid step
  dormand_prince5,  ///< one step of Dormand and Prince's order 5 a grid step
};

struct EquationsConfig {
  Span span;
  EquationMethod method = EquationMethod::cvode;
  Duration step{};                   ///< of the grid
  double relative_tolerance = 1e-8;  ///< of cvode
  std::vector<EquationKindConfig> kinds;
};

}  // namespace looptwin::sim
