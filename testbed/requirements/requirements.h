// The requirements of a run, looked at after every cycle: settles the truth where it is asked, computes the
// atoms, and feeds a monitor for each requirement and device. It changes nothing that the loop decides.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/archive.h"
#include "base/workers.h"
#include "lang/program.h"
#include "testbed/requirements/compiled.h"
#include "testbed/requirements/pulses.h"

namespace looptwin::testbed {

struct Bound;
struct Robustness;

enum class Verdict : uint8_t { held, violated, undecided };
const char* name_of(Verdict verdict);

/// What one requirement came to on one device.
struct RequirementResult {
  size_t requirement = 0;  ///< in the scenario's order
  std::string_view name;
  std::string_view device;  ///< empty: one for all
  Verdict verdict = Verdict::undecided;
  double low = 0, high = 0;  ///< the robustness lies between them, in `unit`
  /// What decided it: of a violation the worst atom, of what held the one nearest to failing, of what is
  /// undecided the one that is not known (null where the run's end is to blame, or nothing at all).
  const Atom* atom = nullptr;
  Time when;                   ///< of that atom
  double left = 0, right = 0;  ///< the two sides of a comparison, in the unit of the atom; NaN of others
  bool run_ended = false;      ///< undecided because the run ended
  Time open_since = kNever;    ///< instants from here on were not decided before the run ended
};

class Requirements {
 public:
  struct World {
    const lang::Schema& schema;
    const lang::Graph& graph;
    const twin::Registry& registry;
    twin::Tables& tables;
    lang::UniformProgram::Feeds& feeds;
    sim::Fleet* fleet;  ///< null: there is no truth
  };
  /// Once all columns are allocated. What is passed in outlives this.
  Requirements(CompiledRequirements compiled, const World& world, Duration cycle);
  ~Requirements();

  /// What the loop hands its decisions to, before `next`.
  mml::DecisionSink* tap(mml::DecisionSink* next);

  /// The instant 0, before the first cycle; nothing where it was looked at before.
  void start(Workers& workers);
  /// After each cycle; `away`: there was none, for the loop was not there.
  void look(Time boundary, bool away, Workers& workers);
  /// The run is over.
  void finish();

  /// One for each requirement and device, in order; valid as long as this.
  std::vector<RequirementResult> results() const;
  const std::vector<Requirement>& all() const { return compiled_.requirements; }

  /// Columns of the tables are the caller's to save.
  bool owns_column(size_t table, size_t column) const { return column >= compiled_.first_column[table]; }
  void save(ArchiveWriter& archive) const;
  void restore(ArchiveReader& archive);

 private:
  struct Source;
  struct Watched;
  struct Group;
  void look_at(Group& group, Time now, Workers& workers);
  void choose_rows(Watched& watched);
  void feed(Watched& watched, Time now, Workers& workers);
  void values_of(const Watched& watched, size_t atom, std::span<const uint32_t> rows, Time now,
                 Robustness* out) const;
  Robustness truth_of(const Watched& watched, size_t atom, double holds, Bound bound) const;
  bool pulsed(const Watched& watched, size_t atom, uint32_t row) const;
  RequirementResult result(size_t requirement, size_t index) const;

  CompiledRequirements compiled_;
  World world_;
  Duration cycle_;
  std::vector<std::unique_ptr<Group>> groups_;
  std::vector<Watched> watched_;  ///< [requirement]
  std::vector<PulseTap::Marks> marks_;
  std::unique_ptr<PulseTap> tap_;
  Time now_ = kStart;
  bool started_ = false;
};

}  // namespace looptwin::testbed
