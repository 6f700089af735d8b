// Per-device plants written in the scenario's language, as column programs: states, rates, outputs.
// Linear rates with constant coefficients are integrated exactly (x⁺ = Φx + Γg, Φ = e^{Ah}, Γ = ∫e^{As}ds, a
// row its own Φ and Γ, computed once); all others by classical Runge-Kutta of order 4 with the given step, or
// by the explicit method of order 1 or 5 that is asked for (euler; dormand_prince5, J. Comput. Appl. Math. 6,
// 1980). What depends on parameters alone is computed once a row, what depends on feeds alone once a step,
// the rest once a row and step.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "lang/graph.h"
#include "lang/program.h"

namespace looptwin::lang {

enum class Integrator : uint8_t { exact, runge_kutta4, euler, dormand_prince5 };

/// A row whose events do not end within a step, and the last of them: Zeno's case.
struct Crowded {
  size_t row = 0;
  size_t event = 0;
};

struct PlantSource {
  TableId table;
  Duration step{};
  struct State {
    std::string name;
    ColumnId column;
    NodeId rate;  ///< per second
    /// What the state stays within, of parameters alone; invalid: no limit. It is read as clipped, within
    /// steps too; at a limit a rate that points outwards is 0; a step and an event leave it clipped. Not with
    /// the exact integrator.
    NodeId low{}, high{};
    bool limited() const { return low.valid() || high.valid(); }
  };
  std::vector<State> states;
  /// When the condition becomes true, states are set. Where it does within a step, the instant is located to
  /// 2⁻³⁰ of the step, and the rest of the step goes on from there. Conditions see states and
  /// the step's inputs; what was true stays without effect until it has been false at a grid point or at an
  /// event. Of several at one instant the first in this order goes first, and the others are looked at again
  /// after it. Not with the exact integrator.
  struct Event {
    std::string name;
    NodeId when;
    std::vector<Root> resets;  ///< of states, of what is before any of them is set
  };
  std::vector<Event> events;
  std::vector<Root> outputs;         ///< algebraic, in any order; stored at each grid point
  std::vector<ColumnId> parameters;  ///< columns that stay constant over a run (save by bumping `prepare`)
  std::optional<Integrator> integrator;  ///< chosen by linearity where absent
};

class Plant {
 public:
  /// Adds hidden columns to the schema. Fails when `exact` is demanded of rates that are not linear (says
  /// which).
  static Result<Plant> compile(Schema& schema, Graph& graph, const PlantSource& source);
  Plant(Plant&&) noexcept;
  Plant& operator=(Plant&&) noexcept;
  ~Plant();

  void bind(Memory& memory);
  /// Computes what depends on parameters alone (Φ, Γ, hoisted terms) for rows [first, first + count).
  void prepare(size_t first, size_t count);
  /// Stores the outputs of the present states.
  void outputs(const Instant& instant, size_t first, size_t count) const;
  /// Of the conditions of events: none was true. Once, before the first step.
  void start(size_t first, size_t count) const;
  /// Advances the states by one step; inputs and actuators are held over the step. Reads no outputs. The
  /// first row that has more than 1000 events in the step is returned; such rows stay at the last of them.
  std::optional<Crowded> advance(const Instant& instant, size_t first, size_t count) const;

  /// As Program::extents, of what outputs() and advance() read and write; some stand twice.
  std::vector<Extent> extents() const;

  const std::vector<NodeId>& uniforms() const;  ///< order of Instant::uniforms for outputs() and advance()
  Integrator integrator() const;
  size_t operations() const;
  std::vector<ColumnId> hidden_columns() const;  ///< derived from parameters: recomputed, not saved

 private:
  struct Body;
  explicit Plant(std::unique_ptr<Body> body);
  std::unique_ptr<Body> body_;
};

}  // namespace looptwin::lang
