// Between the two halves of check_equations: kinds as checked (each a table of a schema of their own, each
// element a row), and writing them out.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "lang/graph.h"
#include "lang/schema.h"
#include "lang/units.h"
#include "sim/plants/equations_system.h"

namespace looptwin::sim {

struct EquationKind {
  /// A parameter, an input or a state: a column, with a value at the start a row, of parameters.
  struct Quantity {
    std::string name;
    Span span;
    ColumnId column;
    lang::Unit unit;
    lang::NodeId fallback;            ///< where no element gives its own
    std::vector<lang::NodeId> given;  ///< [row] invalid: none
    lang::NodeId at(size_t row) const { return given[row].valid() ? given[row] : fallback; }
  };
  struct State : Quantity {
    lang::NodeId rate;
    Span rate_span;
    double tolerance = 0;
    lang::NodeId low{}, high{};  ///< its limits; invalid: none
    Span limits_span;
  };
  struct Output {
    std::string name;
    Span span;
    ColumnId column;
    lang::Unit unit;
    lang::NodeId node;
  };
  struct Reset {
    size_t state = 0;
    lang::NodeId value;
  };
  struct Event {
    std::string name;
    Span span;
    lang::NodeId when;
    std::vector<Reset> resets;
  };
  std::string name;
  std::vector<std::string> elements;  ///< [row]
  std::vector<Quantity> parameters, inputs;
  std::vector<State> states;
  std::vector<Output> outputs;
  std::vector<Event> events;
  /// [relation][row] the related row; of an inverse, nothing.
  std::vector<std::vector<uint32_t>> related;

  std::string label(size_t row) const { return elements[row].empty() ? name : name + "." + elements[row]; }
};

struct EquationKinds {
  lang::Schema schema;
  lang::Graph graph;
  std::vector<EquationKind> kinds;  ///< [table]
};

Result<EquationKinds> check_kinds(const EquationsConfig& config, const lang::Units& units);
Result<std::shared_ptr<const EquationSystem>> write_out(const EquationsConfig& config,
                                                        const EquationKinds& kinds);

}  // namespace looptwin::sim
