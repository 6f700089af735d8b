// A plant written in the scenario's language as a coupled plant: one system of states, integrated from grid
// point to grid point. The solver begins anew at each grid point, so that a state saved there is all that
// there is. docs/plants/equations.md has the language, the solvers and the semantics of events.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "lang/program.h"
#include "sim/plant.h"
#include "sim/plants/equations_poles.h"
#include "sim/plants/equations_solver.h"
#include "sim/plants/equations_system.h"

namespace looptwin::sim {

/// Values of a system's expressions at any time and state, inputs held.
class EquationEvaluator final : private lang::Memory {
 public:
  explicit EquationEvaluator(const EquationSystem& system);

  void set_input(size_t input, double value) { at(system_.inputs[input].column) = value; }
  void rates(double t, std::span<const double> y, std::span<double> out);
  void outputs(double t, std::span<const double> y, std::span<double> out);
  /// Of the events, 1 where it holds; 0 where not, or unknown.
  void conditions(double t, std::span<const double> y, std::span<double> out);
  /// What an event leaves of `y`; all its new values are of before.
  void reset(size_t event, double t, std::span<double> y);
  /// Brings states to within their limits. All of the above read them so.
  void clip(std::span<double> y) const;

 private:
  struct Part {
    lang::Program program;
    std::vector<ColumnId> columns;
  };
  Part compile(std::span<const lang::NodeId> nodes);
  void run(Part& part, double t, std::span<const double> y);
  void read(const Part& part, std::span<double> out);
  double clipped(size_t state, double value) const;
  double& at(ColumnId column) { return values_[column.index()]; }
  void* column(TableId, ColumnId column) override { return &at(column); }
  size_t rows(TableId) const override { return 1; }

  const EquationSystem& system_;
  lang::Schema schema_;  ///< the system's, and the columns of results
  Part rates_, outputs_, conditions_;
  std::vector<Part> resets_;
  std::vector<size_t> limited_;  ///< states with limits
  std::vector<double> values_;   ///< [column]
};

class EquationPlant final : public CoupledPlant {
 public:
  /// Fails where the rates at the start are no numbers.
  static Result<std::unique_ptr<EquationPlant>> make(std::shared_ptr<const EquationSystem> system);

  std::span<const Port> ports() const override { return system_->ports; }
  std::span<double> values() override { return values_; }
  void advance(Time to) override;
  const Diagnostics& breakdown() const override { return breakdown_; }
  void save(ArchiveWriter& writer) const override;
  void restore(ArchiveReader& reader) override;

  uint64_t events() const { return events_; }  ///< that have acted since the start

 private:
  explicit EquationPlant(std::shared_ptr<const EquationSystem> system);
  double seconds(double within) const;
  void latch_inputs();
  bool take_step();
  bool integrate();
  bool any_risen(double within, std::span<const double> y);
  double locate(double low, double high);
  void state_at(double within, std::span<double> y);
  void start(double within);
  bool fail(double within, SolverFailure failure);
  bool act(double within);
  void publish();
  void fail(double within, const Span& span, const std::string& name, std::string why, std::string hint);

  std::shared_ptr<const EquationSystem> system_;
  EquationEvaluator evaluator_;
  std::unique_ptr<EquationSolver> solver_;
  std::unique_ptr<PoleWatch> poles_;  ///< as solver_, none without states
  double length_;                     ///< of a grid step, s

  std::vector<double> values_, outputs_;
  std::vector<double> y_;      ///< at the last grid point
  std::vector<uint8_t> held_;  ///< [event] its condition held when last looked at
  uint64_t events_ = 0;
  Time now_ = kStart;
  int64_t steps_ = 0;           ///< taken
  bool latched_ = false;        ///< the inputs of the step under way are in the evaluator
  std::vector<double> acting_;  ///< these inputs
  Diagnostics breakdown_;

  // Of the step under way.
  std::vector<double> next_, trial_, conditions_;
  std::vector<uint8_t> next_held_;
  uint64_t acted_ = 0;
};

}  // namespace looptwin::sim
