// A few devices of one model and a convention for each side, for tests of what messages become.
#pragma once

#include "hil/conventions/convention.h"
#include "tests/hil/fleet.h"

namespace looptwin::hil {

/// When their runs begin.
inline constexpr UnixTime kRunStart{1'700'000'000'000'000'000};

struct ConventionFleet : Fleet {
  std::vector<Mapping> mappings;
  std::unique_ptr<Convention> loop;
  std::unique_ptr<DeviceSide> devices;
  std::vector<Heard> heard;

  ConventionFleet(const twin::ModelConfig& model, std::vector<std::string> ids, const Mapping& mapping)
      : Fleet(model, std::move(ids)), mappings{mapping} {
    loop = std::move(make_conventions(registry, mappings, kRunStart)[0]);
    auto sides = make_device_sides(registry, mappings, kRunStart).all;
    if (!sides.empty()) devices = std::move(sides[0]);
  }

  /// What the loop hears in a message, as "ID power=12 switched=1, ID on".
  std::string take(const std::string& topic, const std::string& payload, bool retained = false,
                   Duration at = {}) {
    heard.clear();
    if (!loop->take({topic, payload, retained, at}, kStart + at, heard)) return "none";
    return said();
  }
  std::vector<Outgoing> step(Duration at = seconds(1)) {
    heard.clear();
    std::vector<Outgoing> out;
    loop->step(kStart + at, heard, out);
    return out;
  }
  /// Topic and payload of what tells a device so; "none" where nothing does.
  std::string tell(const twin::Command& command) {
    std::vector<Outgoing> out;
    if (!loop->tell(command, out)) return "none";
    std::string text;
    for (const auto& message : out) {
      CHECK_FALSE(message.retain);  // a retained command acts again at each reconnection
      text += (text.empty() ? "" : ", ") + message.topic + " " + message.payload;
    }
    return text;
  }
  std::string said() const {
    std::string text;
    const auto id = [&](twin::DeviceRef device) { return std::string(registry.id(device)); };
    for (const auto& one : heard) {
      if (!text.empty()) text += ", ";
      if (const auto* p = std::get_if<HeardPresence>(&one))
        text += id(p->device) + (p->online ? " on" : " off") + (p->kept ? " kept" : "");
      if (const auto* t = std::get_if<HeardTelemetry>(&one)) {
        text += id(t->device) + (t->old ? " old" : "");
        for (const auto& [field, raw] : t->samples.values)
          text += " " + registry.models()[0].config.telemetry[field].name + "=" +
                  (raw == twin::kMissing ? "none" : std::to_string(raw));
      }
      if (const auto* a = std::get_if<HeardAnswer>(&one))
        text += "answer " + std::to_string(a->answer.id) +
                (a->answer.outcome == twin::Outcome::accepted ? "" : " refused");
      if (const auto* p = std::get_if<PayloadProblem>(&one))
        text += *p == PayloadProblem::malformed ? "malformed" : "wrong type";
    }
    return text;
  }
};

}  // namespace looptwin::hil
