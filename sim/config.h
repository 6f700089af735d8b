// What a scenario says about the simulated world: physics, controllers, sensors, links, faults. Values are in
// SI, expressions are spans of the scenario's files.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/distribution.h"
#include "base/result.h"
#include "base/time.h"
#include "lang/machine.h"
#include "lang/types.h"

namespace looptwin::lang {
enum class Integrator : uint8_t;
}

namespace looptwin::sim {

class ColumnCode;
class CoupledPlant;

/// A named expression: `cooling: if(compressor, capacity, 0 kW)`.
struct Named {
  std::string name;
  Span name_span;
  Span text;
};

/// `random: {appliance: {draw: "gamma(2, 0.3 kW)", every: 10 min}}`: piecewise constant, drawn per device and
/// period.
struct RandomSignalConfig {
  std::string name;
  Span span;
  lang::Unit unit;
  std::optional<Distribution> draw;  ///< always there once loaded
  Duration every{};
};

/// What a device does to an element of a coupled plant: `drives: {station: {running: on}}`.
struct DriveConfig {
  std::string relation;
  std::string port;
  Span span;
  Span text;
};

/// `events: {bounce: {when: height < 0 m && speed < 0 m/s, reset: {speed: -0.8 * speed}}}`
struct PhysicsEventConfig {
  std::string name;
  Span span;
  Span when;
  std::vector<Named> reset;  ///< states
};

/// `limits: {level: {low: 0 m, high: 3 m}}`: what a state stays within; expressions of parameters.
struct LimitConfig {
  std::string name;  ///< of the state
  Span span;
  std::optional<Span> low, high;
};

struct PhysicsConfig {
  Span span;
  std::vector<Named> inputs;  ///< of feeds and civil time, or of a plant's element: `at.pressure`
  std::vector<DriveConfig> drives;
  std::vector<RandomSignalConfig> random;
  std::vector<Named> states;  ///< name: initial value (an expression of parameters)
  std::vector<Named> rates;   ///< one a state
  std::vector<LimitConfig> limits;
  std::vector<PhysicsEventConfig> events;
  std::vector<Named> outputs;
  Duration step{};  ///< default 1 s
  std::optional<lang::Integrator> integrator;
  std::shared_ptr<const ColumnCode> code;  ///< in the place of rates (sim/column_code.h)
};

struct ControllerConfig {
  Span span;
  Duration every{};            ///< default 1 s
  std::vector<Named> outputs;  ///< signals; physics sees them by name as actuators
  std::vector<lang::Machine> machines;
  std::shared_ptr<const ColumnCode> code;  ///< in the place of outputs and machines
};

/// The sensor behind one telemetry field, in the order of ModelConfig::telemetry. Noise, bias and drift in
/// SI.
struct SensorConfig {
  Span from;           ///< an expression of the physics' states and outputs
  double noise = 0;    ///< standard deviation
  double bias = 0;     ///< standard deviation over devices of a constant offset
  double drift = 0;    ///< standard deviation over devices of a slope, per second
  double dropout = 0;  ///< probability that a sample is not taken
};

/// A device's clock: what it dates its samples and answers by. Between two synchronisations it drifts.
struct ClockConfig {
  std::optional<Distribution> offset;  ///< s, ahead; at the start and after each synchronisation
  std::optional<Distribution> drift;   ///< a ratio, of each device for ever
  std::optional<Duration> sync;        ///< absent: never
};

/// What simulating a device model needs beside its ModelConfig; one a model, in the same order.
struct DeviceConfig {
  std::optional<PhysicsConfig> physics;
  std::optional<ControllerConfig> controller;
  std::vector<SensorConfig> sensors;
  std::optional<ClockConfig> clock;  ///< absent: it is right
  /// The resident's opt-out from overrides of local setpoints: a boolean expression of the device's own
  /// telemetry, setpoints and parameters, evaluated by the device when an override arrives and every
  /// controller period.
  std::optional<Span> refuses;
};

/// What devices of a link have in common: a cell, a gateway. Each is a path of to-one relations, as
/// `opens_to.station`, or `self`, the device itself, or `all`, the link; of several a device has the first
/// that leads somewhere. Empty, or where none does: each device on its own.
struct SharedBy {
  std::vector<std::string> paths;
  Span span;
};

/// `lte: {latency: "lognormal(60 ms, 0.4)", loss: 0.1 %, outage: {every: 3 d, lasts: 10 min}}`
struct LinkConfig {
  std::string name;
  Span span;
  std::optional<Distribution> latency;  ///< s; default 0: arrives at the next boundary
  double loss = 0;                      ///< probability a message is lost
  double duplication = 0;
  double reordering = 0;  ///< probability that a message takes another `reorder_delay`
  Duration reorder_delay{};
  std::optional<Duration> outage_every;      ///< mean time between outages of one device (exponential)
  std::optional<Distribution> outage_up;     ///< s between two outages; in place of outage_every
  std::optional<Distribution> outage_lasts;  ///< s
  SharedBy outage_shared;                    ///< whose devices have their outages together
  /// Of telemetry, from the device (or all that share it) to the broker; 0: no limit.
  uint64_t bandwidth = 0;     ///< bit/s
  uint64_t queue = 0;         ///< bytes that may wait for it; 0: no limit
  bool drop_oldest = false;   ///< of a full queue; else what comes is dropped
  SharedBy bandwidth_shared;  ///< whose devices have it together
  uint32_t stored = 0;        ///< samples a device keeps during an outage, and sends afterwards; 0: none
  /// Gilbert and Elliott's second state, in which messages are lost with `burst_loss`.
  std::optional<Distribution> burst_up;     ///< s between two bursts
  std::optional<Distribution> burst_lasts;  ///< s
  double burst_loss = 1;
  SharedBy burst_shared;
};

/// The broker is away in [from, to).
struct BrokerAway {
  Time from;
  Time to;
};

/// What a device still has after a restart.
enum class Kept : uint8_t {
  setpoints = 1,   ///< else they are the defaults
  queue = 2,       ///< messages that wait for its link
  numbers = 4,     ///< of its messages; else they begin at 0
  controller = 8,  ///< its state; else it is that of the start
  commands = 16,   ///< the last commands that it got; else one that is sent again acts again
};

enum class FaultKind : uint8_t {
  stuck,                ///< the sensor repeats its last value
  bias,                 ///< `value` is added
  drift,                ///< `value` per second is added
  noise,                ///< the noise is multiplied by `value`
  dropout,              ///< no sample is taken, with probability `value`
  out_of_range,         ///< the sensor reads `value`
  link_down,            ///< the device's link is down
  actuator_stuck,       ///< a controller's signal stays as it is
  device_off,           ///< the device is without power: controller, sensors and link
  restart,              ///< it begins anew, having lost what it does not keep
  loss,                 ///< messages from and to the device are lost, with probability `value`
  malformed,            ///< its messages cannot be read
  wrong_type,           ///< its messages bear a value of another type than the model declares
  unknown_device,       ///< it sends with an id that the registry does not have
  foreign_credentials,  ///< it sends with another device's credential
};

/// `- {after: 14 h, device: "block-3/*", sensor: temperature, kind: stuck, lasts: 2 h}`; or drawn: `every: 30
/// d`.
struct FaultConfig {
  Span span;
  FaultKind kind = FaultKind::stuck;
  std::string device;             ///< a pattern of device ids
  std::string sensor;             ///< a telemetry field, or a controller's signal for actuator_stuck
  std::optional<Time> after;      ///< scheduled
  std::optional<Duration> every;  ///< drawn: mean time between faults of one device
  std::optional<Duration> lasts;  ///< absent: to the run's end
  double value = 0;               ///< SI where it has a unit
  uint8_t keeps = 0;              ///< of Kept, for restarts
  /// [model] the value for devices of each, where models have the sensor in different units; nothing where it
  /// means nothing to the model's sensor. Empty: `value` for all.
  std::vector<std::optional<double>> values;
};

struct PlantConfig {
  std::string name;
  Span span;
  Duration exchange = seconds(1);
  std::string folder;              ///< what the description's files are relative to
  std::vector<std::string> files;  ///< that the description names: files, or folders of them
  std::function<Result<std::unique_ptr<CoupledPlant>>(uint64_t seed, const std::string& folder)> make;
  /// Builds it anew, with this seed of all that it draws, or says what is wrong with its description.
  Result<std::unique_ptr<CoupledPlant>> build(uint64_t seed) const;
};

}  // namespace looptwin::sim
