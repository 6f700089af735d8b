// What a Plant is inside: three programs over the rows of its table, and where its hidden columns lie.
#pragma once

#include <vector>

#include "lang/plant.h"
#include "lang/plant_events.h"
#include "lang/program.h"

namespace looptwin::lang {

/// A hidden column with one coefficient of the exact step, row-major by (state, other). `prepare` leaves in
/// it what the continuous system has there (A, or the coefficient of an input), where it has anything; the
/// discretisation then puts Φ, or Γ times the coefficient, in its place.
struct StepColumn {
  size_t state = 0;
  size_t other = 0;
  ColumnId column;
  bool given = false;  ///< the prepare program stores the continuous coefficient there; otherwise that is 0
};

struct PlantCode {
  TableId table;
  Integrator integrator = Integrator::exact;
  Duration step{};
  size_t states = 0;
  size_t inputs = 0;              ///< groups of terms with coefficients of their own
  std::vector<StepColumn> phi;    ///< states × states, without structural zeroes
  std::vector<StepColumn> gamma;  ///< states × inputs, likewise
  std::vector<ColumnId> hoisted;
  Program prepare, outputs, advance;
  std::optional<EventCode> events;
  std::vector<double> prepare_uniforms;  ///< constants that the prepare program wants as uniform values
};

Result<PlantCode> compile_plant(Schema& schema, Graph& graph, const PlantSource& source);

}  // namespace looptwin::lang
