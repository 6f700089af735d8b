// One device model, compiled: the column programs of its physics, controller and sensors, and where its
// columns lie. Read-only once it is bound: all islands of the model share it.
//
// Names. Physics sees parameters, states, outputs, inputs, random signals and the controller's signals
// (actuators). A controller sees its telemetry as measured, setpoints as held, commands, parameters and its
// own signals. A sensor's `from` sees what physics sees, and the setpoints.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "lang/plant.h"
#include "lang/program.h"
#include "sim/code_use.h"
#include "sim/coupling.h"
#include "sim/draws.h"
#include "sim/fleet.h"
#include "twin/frame.h"
#include "twin/raw_range.h"

namespace looptwin::sim {

/// A program and where its uniform values stand in its model's list.
struct ColumnProgram {
  lang::Program program;
  size_t first_uniform = 0;
};

struct RandomSignal {
  ColumnId column;
  double* value = nullptr;  ///< [row]
  Distribution draw;
  Draws stream;
  Duration every{};
};

/// A state of the physics that the plant integrates: a run ends where it is no finite number any more.
struct State {
  std::string name;
  Span span;
  ColumnId column;
  const double* value = nullptr;  ///< [row]
};

/// An event of the physics: what it is called, and where.
struct PlantEvent {
  std::string name;
  Span span;
};

/// A controller's output, which physics sees as an actuator; or the state of one of its machines.
struct Signal {
  std::string name;
  ColumnId column;
  lang::Storage storage = lang::Storage::f64;
  void* value = nullptr;             ///< [row]
  std::optional<uint8_t> initial{};  ///< of a machine: its first state; it is kept where power is lost

  std::span<std::byte> cell(size_t row) const {
    const size_t size = lang::size_of(storage);
    return {static_cast<std::byte*>(value) + row * size, size};
  }
};

/// A setpoint as the device holds it.
struct HeldSetpoint {
  ColumnId column;
  lang::Storage storage = lang::Storage::f64;
  void* value = nullptr;  ///< [row]
  double initial = 0;
  twin::Range range{};  ///< infinite where none is declared
  bool local = false;

  bool accepts(double value) const;
  void set(size_t row, double value) const;
};

/// The sensor of one telemetry field: true value in, reading out. Readings are SI at the field's resolution.
struct Sensor {
  bool present = false;  ///< false: the model does not say where the value comes from
  lang::Storage storage = lang::Storage::f64;
  ColumnId source;                       ///< the true value
  ColumnId reading;                      ///< the last reading
  std::optional<ColumnProgram> program;  ///< stores the true value where `from` is more than a name
  bool seen = false;                     ///< by the controller, or by `refuses`
  bool lasting = false;         ///< what the controller read is what telemetry reads, until the next step
  const void* truth = nullptr;  ///< [row]
  void* value = nullptr;        ///< [row]
  twin::Scaling scaling;
  twin::RawRange range;  ///< what it can read at all
  double noise = 0;
  double dropout = 0;
  std::vector<double> bias;   ///< [row], empty where none is declared
  std::vector<double> drift;  ///< [row], per second
  Draws noise_stream;
  Draws dropout_stream;
};

/// Fields that one report group can have.
inline constexpr size_t kMostFields = 63;

/// A report group, with the phases of the rows of a block.
struct Report {
  twin::ReportGroup group;
  std::vector<int64_t> phase;  ///< [row % kBlockRows] ns, ascending
  bool silent = false;         ///< no sensor stands behind any of its fields
};

struct DeviceModel {
  TableId table;
  std::string name;
  Duration step = seconds(1);
  Duration period{};  ///< the controller's; a multiple of `step`
  std::span<const uint64_t> keys;

  std::optional<lang::Plant> plant;
  std::optional<ColumnProgram> initial;  ///< states at the start, from parameters
  std::optional<ColumnProgram> inputs;   ///< what is read from the elements of coupled plants
  std::optional<ColumnProgram> driving;  ///< what is done to them
  std::vector<Drive> drives;
  std::optional<ColumnProgram> controller;
  std::optional<CodeUse> controller_code;  ///< in its place
  std::optional<CodeUse> physics_code;     ///< in the place of the plant's rates
  std::optional<ColumnProgram> refuses;
  ColumnId refusing;
  const uint8_t* refusal = nullptr;  ///< [row]
  std::vector<PlantEvent> events;    ///< in the plant's order
  std::vector<State> states;         ///< of the plant
  size_t plant_uniforms = 0;
  bool outputs_seen = false;  ///< a field that the controller or `refuses` sees may read the plant's outputs
  std::vector<lang::Extent> extents;  ///< columns that a step or a sample touches, each once

  std::vector<RandomSignal> random;
  std::vector<Signal> signals;
  std::vector<HeldSetpoint> setpoints;
  std::vector<ColumnId> commands;
  std::vector<uint8_t*> command;  ///< [command][row]
  std::vector<Sensor> sensors;    ///< in the order of the telemetry
  std::vector<Report> reports;
  std::vector<double> clock_drift;  ///< [row] a ratio; empty: clocks do not drift
  std::optional<Distribution> clock_offset;
  Draws clock_stream;
  Duration clock_sync{};               ///< 0: never
  std::vector<lang::NodeId> uniforms;  ///< of all programs, one after the other
  std::vector<Fleet::Explained> explained;
  std::map<std::string, lang::Symbol> true_names;  ///< what fields' sensors may see, but for parameters

  /// Nothing of it changes by itself between two inputs.
  bool idle() const { return !plant && !physics_code && !controls() && !inputs && random.empty(); }
  bool controls() const { return controller || controller_code; }
  /// It exchanges values with a coupled plant.
  bool coupled() const { return inputs || driving; }
  /// There is a device to speak with: telemetry, setpoints or commands.
  bool connected() const { return !reports.empty() || !setpoints.empty() || !commands.empty(); }
  bool keeps_time() const { return clock_drift.empty() && !clock_offset; }
  /// How far the row's clock is ahead at t, ns.
  int64_t clock_error(size_t row, Time t) const;
  lang::Instant instant(int64_t grid, const double* values, size_t first, size_t count) const {
    return {Time{grid * step.ns}, {values + first, count}};
  }
  lang::Instant instant(int64_t grid, const double* values, const ColumnProgram& p) const {
    return instant(grid, values, p.first_uniform, p.program.uniforms().size());
  }

  /// Resolves pointers, draws biases, sets what devices hold at the start.
  void bind(lang::Memory& memory, const twin::Registry& registry, const DeviceConfig& config, uint64_t seed);

 private:
  void find_extents();
};

/// Checks and compiles one model's expressions and adds its columns. Problems are appended; the model is then
/// of no use. `plants` are those that its devices may be related to.
DeviceModel compile_model(const lang::Units& units, lang::Schema& schema, lang::Graph& graph,
                          const twin::Registry& registry, TableId table, const DeviceConfig& config,
                          uint64_t seed, std::span<const std::unique_ptr<Coupling>> plants,
                          Diagnostics& problems);

}  // namespace looptwin::sim
