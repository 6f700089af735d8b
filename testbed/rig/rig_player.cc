#include "testbed/rig/rig_player.h"

#include <fmt/format.h>

#include "base/json_tree.h"
#include "base/text.h"
#include "hil/steady_time.h"
#include "testbed/rig/base64.h"
#include "testbed/rig/device_mappings.h"
#include "testbed/run_folder.h"
#include "testbed/summary.h"
#include "twin/warm/run_reader.h"

namespace looptwin::testbed {
namespace {

/// A stop is noticed within so long.
constexpr Duration kLongestSleep = milliseconds(50);

struct Recording {
  UnixTime start;
  std::vector<int64_t> received;
  twin::Texts topic, payload;
  std::vector<uint8_t> base64, retained;
};

Result<Recording> read_recording(const std::filesystem::path& run) {
  auto reader = twin::RunReader::open(run);
  if (!reader) return tl::make_unexpected(std::move(reader.error()));
  const auto log = reader->log("packets");
  if (!log)
    return failure(fmt::format("{} holds no packets", run.string()),
                   "record them: recording: true in the rig.yaml of that run");
  Recording recording;
  recording.start = reader->spec().start;
  const auto& columns = reader->spec().logs[log->index()].columns;
  for (size_t c = 0; c < columns.size(); ++c) {
    auto data = reader->read_log(*log, c);
    if (!data) return tl::make_unexpected(std::move(data.error()));
    const auto take = [&](const char* name, auto& into) {
      using Column = std::remove_reference_t<decltype(into)>;
      if (columns[c].name == name) into = std::move(std::get<Column>(*data));
    };
    take("received", recording.received);
    take("topic", recording.topic);
    take("payload", recording.payload);
    take("base64", recording.base64);
    take("retained", recording.retained);
  }
  return recording;
}

/// Where the payloads of a topic say when they are of: the pointer of its mapping. Null where they do not.
const std::string* time_pointer(const std::vector<hil::Mapping>& mappings, const std::string& topic) {
  for (const auto& mapping : mappings)
    for (const auto* of : {&mapping.telemetry, &mapping.acknowledgements})
      if (*of && !(*of)->has_field() && (*of)->match(topic)) return &mapping.time;
  return nullptr;
}

/// The device's time moves along with the message: as long before its arrival as it was.
std::string moved(const std::string& payload, const std::string& pointer, Duration by) {
  auto json = load_json<OrderedJson>(payload);
  if (!json.is_object() || pointer.empty()) return payload;
  try {
    const OrderedJson::json_pointer place(pointer);
    if (!json.contains(place) || !json.at(place).is_number()) return payload;
    json[place] = json.at(place).get<double>() + by.seconds();
  } catch (const OrderedJson::exception&) {  // a pointer that leads nowhere
    return payload;
  }
  return dump_json(json);
}

}  // namespace

Exit play_recording(const RigConfig& rig, const std::filesystem::path& run, const HilRequest& request) {
  if (rig.broker.broker.empty())
    return refuse(
        Diagnostics{{Severity::error,
                     {},
                     "a recording is played to a broker that is there",
                     "say which with --broker mqtt://HOST:PORT: the rig that runs says where it is"}});
  const auto scenario = load(rig.scenario, request.settings);
  if (!scenario) return refuse(scenario.error());
  const auto mappings = device_mappings(rig, *scenario);
  if (!mappings) return refuse(mappings.error());
  auto recording = read_recording(run);
  if (!recording) return refuse(recording.error());
  auto options = rig.broker;
  options.client_id += "-player";
  options.origin = "replayed";
  options.will = nullptr;
  auto link = hil::connect_mqtt(options);
  if (!link) return refuse(link.error());
  const auto& stop = stop_asked();
  stop_on_signals();
  hil::MachineTime time;
  const Duration begun = time.now();
  const UnixTime begun_civil = hil::civil_time();
  const int64_t first = recording->received.empty() ? 0 : recording->received.front();
  size_t played = 0;
  for (; played < recording->received.size() && !stop; ++played) {
    const std::string topic(recording->topic[played]);
    const int64_t offset = recording->received[played];
    const auto passed =
        nanoseconds(static_cast<int64_t>(static_cast<double>(offset - first) / request.speed));
    while (time.now() < begun + passed && !stop)
      time.sleep_until(std::min(begun + passed, time.now() + kLongestSleep));
    std::string payload(recording->payload[played]);
    if (recording->base64[played] != 0) payload = from_base64(payload).value_or(std::string());
    if (const auto* pointer = time_pointer(*mappings, topic))
      payload = moved(payload, *pointer, (begun_civil + passed) - (recording->start + nanoseconds(offset)));
    // What finds no room is waited with: a recording that is played fast loses nothing.
    while (!(*link)->publish(topic, payload, recording->retained[played] != 0) && !stop)
      time.sleep_until(time.now() + kLongestSleep);
  }
  if (!request.quiet) {
    fmt::print("\n{}: {} of {} packets played in {}\n", run.string(), grouped(static_cast<long long>(played)),
               grouped(static_cast<long long>(recording->received.size())), to_string(time.now() - begun));
    print_row("for", fmt::format("{} at {}", rig.name, rig.broker.broker));
  }
  return Exit::held;
}

}  // namespace looptwin::testbed
