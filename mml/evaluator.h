// Runs the plan at a boundary: stratum by stratum, in parallel over shards, with a barrier between strata.
// Only rows marked in Dirty are evaluated; what they change marks the rows that read it.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "base/archive.h"
#include "base/workers.h"
#include "lang/plan.h"
#include "mml/dirty.h"
#include "twin/boundary_window.h"
#include "twin/registry.h"
#include "twin/tables.h"

namespace looptwin::mml {

class WarmHistory;

class Evaluator {
 public:
  Evaluator(lang::Plan plan, const lang::Schema& schema, const lang::Graph& graph,
            const twin::Registry& registry, twin::Tables& tables, lang::UniformProgram::Feeds& feeds);
  ~Evaluator();

  /// After all columns are allocated.
  void bind();
  /// Where ago() and trends look back; outlives the evaluator.
  void look_back_on(WarmHistory* warm) { warm_ = warm; }

  /// `step` is called for each producer and run of dirty rows, after the programs of its stratum; from
  /// several threads, each its own shard, and must lower due[row / 64] to when the producer wants to be asked
  /// again.
  using ProducerStep =
      std::function<void(size_t producer, size_t shard, size_t first, size_t count, Time* due)>;
  void evaluate(Time previous, Time now, Dirty& dirty, Workers& workers, const ProducerStep& step);

  /// At the next boundary what depends on nothing that changes is evaluated once more.
  void unsettle() { settled_ = false; }

  /// The boundaries after `last` were missed; the next one comes `gap` later than usual.
  void pause(Time last, Duration gap) const;

  const lang::Plan& plan() const { return plan_; }
  /// The value of a demanded node that has no row.
  double uniform(lang::NodeId node) const;
  /// Rows evaluated by programs since the start.
  uint64_t rows_evaluated() const { return rows_evaluated_; }

  void save(ArchiveWriter& archive) const;
  void restore(ArchiveReader& archive);

 private:
  struct Set;     // one aggregate: who owns whom, by member groups
  struct Shadow;  // a related column as it was when last read
  void run_sets(size_t stratum, Dirty& dirty, Workers& workers);
  void run_windows(size_t stratum, Time previous, Time now, Dirty& dirty, Workers& workers);
  void mark_readers(size_t stratum, Dirty& dirty);
  void run_programs(size_t stratum, Time now, Dirty& dirty, Workers& workers, const ProducerStep& step);
  void run_uniforms(Time now);
  void look_again(Time now, Dirty& dirty);

  lang::Plan plan_;
  const lang::Schema& schema_;
  const twin::Registry& registry_;
  twin::Tables& tables_;
  lang::UniformProgram::Feeds& feeds_;
  std::vector<twin::Shard> shards_;
  std::unique_ptr<lang::UniformProgram> uniforms_;
  std::vector<double> uniform_values_;
  std::vector<std::vector<std::vector<double>>> program_uniforms_;  ///< [stratum][program][uniform]
  std::vector<std::vector<std::vector<size_t>>> uniform_index_;
  std::vector<std::vector<uint8_t>> uniforms_changed_;  ///< [stratum][program]
  std::vector<std::vector<Set>> sets_;
  std::vector<std::vector<std::vector<Shadow>>> shadows_;  ///< [stratum][program][related]
  std::vector<std::vector<twin::BoundaryWindow>> windows_;
  std::vector<std::vector<double>> window_scratch_;
  WarmHistory* warm_ = nullptr;
  uint64_t rows_evaluated_ = 0;
  bool settled_ = false;  ///< steady programs have been run
};

}  // namespace looptwin::mml
