// From the text of a device model to its compiled form. One use: construct, run, take.
#pragma once

#include <string>
#include <vector>

#include "lang/checker.h"
#include "sim/device_model.h"
#include "sim/expressions.h"

namespace looptwin::sim {

class DeviceCompiler {
 public:
  DeviceCompiler(const lang::Units& units, lang::Schema& schema, lang::Graph& graph,
                 const twin::Registry& registry, TableId table, const DeviceConfig& config, uint64_t seed,
                 std::span<const std::unique_ptr<Coupling>> plants, Diagnostics& problems);

  DeviceModel run();

 private:
  struct Line {  ///< a checked expression and the column that it is stored in
    std::string name;
    ColumnId column;
    lang::NodeId node;
  };

  // Columns and the scopes that see them.
  void add_setpoints_and_commands();
  void add_readings();
  void add_random();
  void add_inputs();
  void add_states();
  void add_limits();
  lang::NodeId limit(const Span& text, size_t state);
  void add_hints();
  void add_parameters();
  // Expressions.
  void check_controller();
  void check_outputs();
  void check_events();
  void check_drives();
  void check_drive(const DriveConfig& drive);
  void check_sensors();
  void check_refusal();
  void check_controller_code();
  void check_physics_code();
  std::optional<CodeUse> use_code(std::shared_ptr<const ColumnCode> code, const lang::Scope& scope,
                                  const std::string& prefix);
  lang::NodeId check_read(const ColumnCode& code, const ColumnCode::Column& input, const lang::Scope& scope);
  std::vector<Line> check_lines(std::span<const Named> lines, lang::Scope& scope, const char* prefix,
                                std::vector<lang::Scope*> also);
  std::optional<Line> check_line(const Named& line, lang::Scope& scope, const char* prefix,
                                 const std::vector<lang::Scope*>& also);
  void declare_machines();
  std::optional<Line> check_machine(const lang::Machine& machine);
  bool refuse_circle(const Span& text, const std::string& name, lang::NodeId node);
  lang::NodeId check(const Span& text, const lang::Scope& scope, std::optional<lang::Type> type,
                     std::optional<lang::Unit> bare = {});
  lang::NodeId check_into(Diagnostics& problems, const Span& text, const lang::Scope& scope,
                          std::optional<lang::Type> type, std::optional<lang::Unit> bare);
  lang::NodeId check_recursive(const Named& line, lang::Scope& scope);
  // Programs.
  void compile_coupling();
  void compile_plant();
  void compile_sensors();
  void compile_controller();
  void compile_groups();
  ColumnProgram program(std::span<const lang::Root> roots);
  size_t add_uniforms(const std::vector<lang::NodeId>& uniforms);
  void explain(const std::string& name, lang::NodeId node, size_t operations = 0);
  void mark_seen(lang::NodeId node);

  ColumnId add_column(const std::string& name, const lang::Type& type, const lang::Unit& unit = {});
  static lang::Symbol symbol(ColumnId column, const lang::Type& type);
  void error(const Span& span, std::string message, std::string hint = {});

  const lang::Units& units_;
  lang::Schema& schema_;
  lang::Graph& graph_;
  const twin::Model& model_;
  const TableId table_;
  const DeviceConfig& config_;
  const uint64_t seed_;
  const std::span<const std::unique_ptr<Coupling>> plants_;
  Diagnostics& problems_;
  const size_t problems_before_;

  DeviceModel out_;
  lang::Scope parameters_, physics_, sensor_, controller_;
  uint32_t instance_ = 0;
  bool controls_ = false;  ///< checking a controller: its functions are at hand

  std::vector<lang::PlantSource::Event> events_;
  std::vector<Line> states_, rates_, outputs_, signal_lines_;
  std::vector<lang::Root> row_inputs_, drives_;
  std::vector<std::pair<lang::NodeId, lang::NodeId>> limits_;  ///< [state] low and high; invalid: none
  std::vector<lang::NodeId> initial_, sources_;
  lang::NodeId refusal_;
};

}  // namespace looptwin::sim
