// A checked plant of equations, element by element: states, rates, outputs and events over the columns of one
// row (the time, states, inputs), in a graph of its own. equations_check.h makes it; equations_plant.h runs
// it.
#pragma once

#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "lang/graph.h"
#include "lang/schema.h"
#include "sim/plant.h"
#include "sim/plants/equations_config.h"

namespace looptwin::sim {

struct EquationSystem {
  /// The one table of `schema`.
  static constexpr TableId kTable{0};

  struct State {
    std::string name;  ///< "tank.upper.level"
    Span span;         ///< of its rate
    ColumnId column;
    lang::NodeId rate;                                      ///< SI per second
    double initial = 0;                                     ///< SI
    double tolerance = 0;                                   ///< absolute, SI
    double low = -std::numeric_limits<double>::infinity();  ///< it is read as clipped to these
    double high = std::numeric_limits<double>::infinity();
    size_t port = 0;
  };
  struct Input {
    ColumnId column;
    size_t port = 0;
    double initial = 0;
  };
  struct Output {
    lang::NodeId node;
    size_t port = 0;
  };
  struct Reset {
    size_t state = 0;
    lang::NodeId value;
  };
  struct Event {
    std::string name;  ///< "tank.upper.overflow"
    Span span;
    lang::NodeId when;
    std::vector<Reset> resets;
  };

  EquationMethod method = EquationMethod::cvode;
  Duration step{};
  double relative_tolerance = 1e-8;
  lang::Schema schema;
  lang::Graph graph;
  ColumnId time;  ///< s since the start
  std::vector<Port> ports;
  std::vector<State> states;
  std::vector<Input> inputs;
  std::vector<Output> outputs;
  std::vector<Event> events;
};

}  // namespace looptwin::sim
