// A hall with a node of Sparkplug's and two pumps on it, for both of its sides.
#pragma once

#include "hil/conventions/sparkplug/payload.h"
#include "hil/conventions/sparkplug/sparkplug.h"
#include "tests/hil/convention_fleet.h"

namespace looptwin::hil::sparkplug {

inline Metric metric(std::string name, Datatype datatype, WireValue value) {
  return {.name = std::move(name), .datatype = datatype, .value = std::move(value)};
}

struct Hall : ConventionFleet {
  std::vector<Outgoing> sent;

  Hall() : ConventionFleet(pump_model(), {"line/pump-1", "line/pump-2"}, mapping()) {}
  static Mapping mapping() {
    Mapping mapping;
    mapping.model = "pump";
    mapping.convention = "sparkplug";
    mapping.group = "hall";
    mapping.fields = {{.name = "level", .at = "Tank/Level"}};
    mapping.sparkplug = {.host = "twin"};
    return mapping;
  }
  /// What the host makes of a message.
  std::string take(const std::string& topic, const Payload& payload, Duration at) {
    return take(topic, encode(payload), at);
  }
  std::string take(const std::string& topic, const std::string& payload, Duration at, bool retained = false) {
    return ConventionFleet::take("spBv1.0/" + topic, payload, retained, at);
  }
  static Payload nbirth(uint64_t session, uint64_t seq = 0) {
    return {1, seq, {metric("bdSeq", Datatype::int64, session)}};
  }
  static Payload dbirth(uint64_t seq) {
    auto level = metric("Tank/Level", Datatype::float32, 1.5f);
    level.alias = 7;
    return {1000,
            seq,
            {level, metric("running", Datatype::boolean, false), metric("speed", Datatype::float32, 0.5f),
             metric("stop", Datatype::boolean, false)}};
  }
  static Payload level(uint64_t seq, float value) { return {1000, seq, {{.alias = 7, .value = value}}}; }
  void bear() {
    CHECK(take("hall/NBIRTH/line", nbirth(3), seconds(1)).empty());
    CHECK(take("hall/DBIRTH/line/pump-1", dbirth(1), seconds(1)) ==
          "line/pump-1 on, line/pump-1 level=150 running=0");
  }
  uint64_t counted(const std::string& what) const {
    for (const auto& [name, number] : loop->counters())
      if (name == what) return number;
    FAIL("nothing counts " << what);
    return 0;
  }
};

}  // namespace looptwin::hil::sparkplug
