// Expressions that a sequence asks of the twin: checked as rules are, in columns of their own, computed after
// each boundary. They change nothing that the loop decides.
#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/workers.h"
#include "lang/checker.h"
#include "lang/program.h"
#include "mml/dirty.h"
#include "mml/evaluator.h"
#include "testbed/explain/conditions.h"
#include "testbed/sequence/probe_text.h"
#include "twin/hot.h"
#include "twin/registry.h"

namespace looptwin::testbed {

class Probes {
 public:
  struct World {
    const lang::Units& units;
    lang::Schema& schema;
    lang::Graph& graph;
    const twin::Registry& registry;
    twin::Tables& tables;
    lang::UniformProgram::Feeds& feeds;
  };
  /// Checks them in the names that rules see, and adds their columns, the last of all, to the schema. All
  /// problems at once. What the world holds outlives the probes.
  static Result<std::unique_ptr<Probes>> compile(const std::vector<ProbeText>& texts,
                                                 const lang::Scopes& scopes, const World& world);

  /// What hot history has to keep for them.
  const std::vector<twin::WindowSpec>& windows() const { return windows_; }
  /// Once all columns are allocated.
  void bind();
  /// After each cycle.
  void look(Time boundary, Workers& workers);

  size_t size() const { return probes_.size(); }
  /// Whom the probe is about: devices, or the site's only row.
  const std::vector<twin::DeviceRef>& devices(size_t probe) const { return probes_[probe].devices; }
  /// SI, or 1, 0, ½ of conditions; NaN: unknown.
  double value(size_t probe, twin::DeviceRef device) const;
  const lang::Unit& unit(size_t probe) const { return probes_[probe].unit; }
  /// Why a condition holds, or does not: a line each.
  std::vector<std::string> why(size_t probe, twin::DeviceRef device) const;

  /// The fields of telemetry that the probes read, and of whom.
  struct Read {
    twin::DeviceRef device;
    uint16_t field = 0;
    auto operator<=>(const Read&) const = default;
  };
  const std::set<Read>& reads() const { return reads_; }

 private:
  struct Probe {
    std::vector<twin::DeviceRef> devices;
    TableId table;
    lang::NodeId node;
    lang::Unit unit;
    std::optional<double> constant;
    ColumnId column;
  };
  explicit Probes(const World& world) : world_(world) {}
  void add(const ProbeText& text, const lang::Scopes& scopes, Diagnostics& problems);
  void settle_unit(const ProbeText& text, Probe& probe, Diagnostics& problems) const;
  void note_reads(lang::NodeId node, const Probe& probe);
  Result<void> plan(Diagnostics problems);

  World world_;
  std::vector<Probe> probes_;
  std::set<Read> reads_;
  std::vector<twin::WindowSpec> windows_;
  lang::Plan plan_;
  std::unique_ptr<mml::Evaluator> evaluator_;
  std::unique_ptr<mml::Dirty> dirty_;
  std::unique_ptr<Conditions> conditions_;
  Time last_ = kStart;
};

}  // namespace looptwin::testbed
