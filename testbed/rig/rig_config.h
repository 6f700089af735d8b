// A rig as its file states it: which scenario's loop runs, at which broker the devices are, and how they
// speak.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "hil/mqtt_link.h"
#include "hil/paced_clock.h"
#include "testbed/reading/yaml.h"
#include "testbed/rig/bindings.h"
#include "testbed/rig/mapping_sections.h"
#include "testbed/rig/safety_config.h"
#include "testbed/scenario.h"

namespace looptwin::testbed {

/// `shadow: {tolerance: {level: 5 cm}}`: of a field, in the unit of whichever model has it.
struct ToleranceConfig {
  std::string field;
  Span span;
  yaml::Node value;
};

/// `reserve: {lease: 1 min, wait: 1 h}`: of the rig's devices, in its inventory.
struct ReserveConfig {
  Duration lease = minutes(1);
  Duration wait{};
  bool overdue = false;  ///< also devices whose calibration is overdue
  Span span;             ///< of nothing where it is not written
};

/// `equipment: {"cellar/*": [pump, hot]}`: each of the devices is any piece of the inventory with these tags.
struct EquipmentConfig {
  std::string pattern;  ///< of device ids
  Span span;
  std::vector<std::string> tags;
};

/// When a rig's run begins, for feeds and for what asks for the time of day.
enum class RigStart : uint8_t { now, as_written };

struct RigConfig {
  std::string name;  ///< letters, digits, '.', '_' and '-': sockets and clients of brokers bear it
  Span name_span;
  std::string key;                 ///< what it is found by while it runs: its name, and which file it is
  std::filesystem::path scenario;  ///< from where we are
  hil::MqttOptions broker;         ///< its `broker` is empty: one of our own
  hil::Overrun overrun = hil::Overrun::catch_up;
  Duration tolerance = milliseconds(10);
  bool realtime = false;
  std::filesystem::path registry;  ///< from where we are; whose devices may connect. Empty: the scenario's
  std::filesystem::path view;      ///< from where we are; of the registries, for a broker that is not our own
  std::filesystem::path inventory;  ///< from where we are; empty: none
  Span inventory_span;
  ReserveConfig reserve;
  std::vector<EquipmentConfig> equipment;  ///< later ones win; who is in none is the piece with its own id
  uint64_t most_messages = 1000;           ///< of one device in a second, at a broker of our own
  std::vector<DeviceDraft> devices;        ///< of models that are not plain
  hil::SparkplugOptions sparkplug;
  SafetyText safety;
  std::vector<ForceText> forces;
  bool recording = false;
  bool durable = false;           ///< what is sent has reached the disk before
  std::vector<Setting> settings;  ///< of the scenario, before those of the command line
  RigStart start = RigStart::now;
  std::optional<std::vector<BindingConfig>> bindings;  ///< absent: all are real, for good
  std::vector<ToleranceConfig> tolerances;             ///< of shadowed devices
  bool own_connections = false;                        ///< each simulated device has one of its own
  std::filesystem::path secrets;                       ///< of these, a CSV; from where we are; may be empty
  Span own_connections_span, secrets_span;
  uint64_t ingest_connections = 0;      ///< over which comes what devices say; 0: over the one for all
  std::map<std::string, Span> written;  ///< which of its keys stand in the file, and where

  bool has(const std::string& key) const { return written.contains(key); }
};

/// Reads rig.yaml of a folder, or the file itself. All problems at once.
Result<RigConfig> load_rig(const std::filesystem::path& path);

/// The JSON Schema of such files, for editors.
std::string rig_schema();

}  // namespace looptwin::testbed
