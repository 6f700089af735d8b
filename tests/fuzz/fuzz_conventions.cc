// Messages of devices in every convention, hostile ones among them: which convention, then messages a topic,
// a line's end and a payload each, with 0x1e between. Whatever arrives is read or refused; what was read is
// of devices and fields that there are, and the loop and the devices' side go on.
#include <cstdlib>

#include "hil/conventions/convention.h"
#include "twin/tables.h"

using namespace looptwin;
using namespace looptwin::hil;

namespace {

const char* const kConventions[] = {"plain", "topics", "homie", "aws-shadow", "azure-twin", "sparkplug"};

twin::ModelConfig pump() {
  twin::ModelConfig model;
  model.name = "pump";
  model.telemetry = {{.name = "level", .every = seconds(1), .resolution = 0.01},
                     {.name = "running", .boolean = true, .every = seconds(1)},
                     {.name = "mode", .words = {"off", "auto"}, .every = seconds(1)}};
  model.setpoints = {{.name = "speed"}, {.name = "mode", .words = {"off", "auto"}}};
  model.commands = {{.name = "stop", .expires = seconds(60)}};
  return model;
}

Mapping mapping_of(const std::string& convention) {
  Mapping mapping = plain_mapping("pump");
  mapping.convention = convention;
  if (convention == "sparkplug") {
    mapping.group = "hall";
    mapping.sparkplug = {.host = "twin"};
  }
  if (convention != "topics") return mapping;
  const auto place = [](const char* name, const char* at, const char* topic, const char* payload = "") {
    Place made;
    made.name = name;
    made.at = at;
    made.topic = known_topic(topic);
    made.payload = payload;
    return made;
  };
  mapping.presence = known_topic("tele/{device}/LWT");
  auto running = place("running", "/POWER", "stat/{device}/RESULT");
  running.words = {{"ON", "true"}, {"OFF", "false"}};
  mapping.fields = {place("level", "/SR04/Distance", "tele/{device}/SENSOR"), running};
  auto speed = place("speed", "", "cmnd/{device}/Speed");
  speed.shows = {place("speed", "/Speed", "stat/{device}/RESULT")};
  mapping.setpoints = {speed};
  mapping.orders = {place("stop", "", "cmnd/{device}/POWER", "OFF")};
  return mapping;
}

/// Two devices that speak one convention: made once, for tables take their time.
struct Fleet {
  lang::Schema schema;
  twin::Tables tables{schema};
  twin::Registry registry;
  std::vector<Mapping> mappings;

  explicit Fleet(const std::string& convention) : mappings{mapping_of(convention)} {
    twin::FleetConfig fleet;
    fleet.model = "pump";
    fleet.ids = {"hall/pump-1", "pump-2"};
    if (convention == "sparkplug") fleet.ids = {"edge-1/pump-1", "edge-1"};  // of group hall
    fleet.count = 2;
    const twin::ModelConfig models[] = {pump()};
    auto built = twin::Registry::build(models, std::span(&fleet, 1), 1, schema, tables);
    if (!built) std::abort();
    registry = std::move(*built);
  }
};

const Fleet& fleet_of(size_t convention) {
  static std::unique_ptr<Fleet> fleets[std::size(kConventions)];
  auto& fleet = fleets[convention];
  if (!fleet) fleet = std::make_unique<Fleet>(kConventions[convention]);
  return *fleet;
}

struct Hall {
  const twin::Registry& registry;
  std::vector<std::unique_ptr<Convention>> loop;
  DeviceSides devices;
  std::vector<Heard> heard;
  std::vector<Outgoing> out;

  explicit Hall(const Fleet& fleet) : registry(fleet.registry) {
    const UnixTime start{1'700'000'000'000'000'000};
    loop = make_conventions(registry, fleet.mappings, start);
    devices = make_device_sides(registry, fleet.mappings, start);
    auto* side = devices.of_table[0];
    if (side == nullptr) return;
    const twin::DeviceRef device{TableId(size_t{0}), Row(size_t{0})};
    side->presence(device, true, kStart, out);
    side->joined(side->holder(device), {0, start}, kStart, out);
    out.clear();
  }

  void is_there(twin::DeviceRef device) const {
    if (device.table.index() != 0 || device.row.index() >= 2) std::abort();
  }
  void look_at_heard() {
    for (const auto& one : heard) {
      if (const auto* presence = std::get_if<HeardPresence>(&one)) is_there(presence->device);
      if (const auto* answer = std::get_if<HeardAnswer>(&one)) is_there(answer->device);
      const auto* telemetry = std::get_if<HeardTelemetry>(&one);
      if (telemetry == nullptr) continue;
      is_there(telemetry->device);
      for (const auto& [field, raw] : telemetry->samples.values)
        if (field >= registry.models()[0].config.telemetry.size()) std::abort();
    }
    heard.clear();
    out.clear();
  }
  void take(const MqttMessage& message, Time at) {
    for (const auto& convention : loop) {
      convention->take(message, at, heard);
      look_at_heard();
    }
    std::vector<HeardAsked> asked;
    for (const auto& side : devices.all) {
      side->take(message, asked);
      while (side->say_due(at, out)) {
      }
      if (const auto gone = side->said_gone(message)) is_there(*gone);
    }
    for (const auto& one : asked)
      if (one) is_there(one->command.device);
  }
  void step(Time now) {
    for (const auto& convention : loop) convention->step(now, heard, out);
    look_at_heard();
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  Hall hall(fleet_of(data[0] % std::size(kConventions)));
  std::string_view rest(reinterpret_cast<const char*>(data) + 1, size - 1);
  hall.heard.clear();
  for (const auto& convention : hall.loop) convention->joined(kStart, {}, hall.out);
  for (int64_t second = 1; !rest.empty(); ++second) {
    const auto message = rest.substr(0, rest.find('\x1e'));
    rest.remove_prefix(std::min(rest.size(), message.size() + 1));
    const auto line = message.find('\n');
    if (line == std::string_view::npos) continue;
    const Time at = kStart + seconds(second);
    hall.take(
        {std::string(message.substr(0, line)), std::string(message.substr(line + 1)), false, seconds(second)},
        at);
    hall.step(at);
  }
  return 0;
}
