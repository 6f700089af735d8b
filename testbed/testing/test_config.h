// A test of a scenario's rules as it is written: what is given, and what is expected of the loop.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "testbed/setting.h"
#include "testbed/testing/alarm_limits.h"

namespace looptwin::mml {
enum class RecordKind : uint8_t;
}

namespace looptwin::testbed {

struct ScriptConfig;

/// `"block-1/*.power": "3 kW x 60 s, 9 kW"`; `weather.temperature: ...`; `"pump-1": "online x 5 min,
/// offline"`.
struct GivenConfig {
  std::string key;
  Span key_span;
  Span course;  ///< as testbed/testing/written_series.h reads it
};

/// How devices answer what they are sent.
struct AnswerConfig {
  enum class Is : uint8_t { accepted, refused, nothing };
  std::string device;  ///< a pattern of ids
  Span span;
  Is is = Is::accepted;
  Duration after{};  ///< so long after it arrived
};

/// `{alarm: overload, device: block-1, raised: 180 s, within: 10 s}`
struct ExpectConfig {
  enum class Of : uint8_t { event, alarm, command, setpoint, publish };
  struct Moment {
    mml::RecordKind kind;
    std::string word;  ///< as written: "raised"
    Time at;
    Span span;
  };
  Span span;
  Of of = Of::event;
  std::string name;
  Span name_span;
  std::string device;  ///< a pattern of ids; empty: any
  Span device_span;
  std::string by;  ///< of commands, setpoints and publications: the rule; empty: any
  Span by_span;
  std::vector<Moment> moments;    ///< on each device that matches; on any where no device is named
  std::optional<Span> value;      ///< of setpoints: what is asked for
  std::optional<uint64_t> count;  ///< how often in the whole test, on all devices that match together
  bool never = false;
  Duration within{};  ///< a moment may come so much later
};
const char* name_of(ExpectConfig::Of of);

struct TestConfig {
  Span span;
  std::string name;
  std::vector<Setting> settings;   ///< of `fleet` and `set`
  std::vector<GivenConfig> given;  ///< none: the scenario itself is simulated
  std::vector<AnswerConfig> answers;
  std::vector<ScriptConfig> script;
  std::vector<ExpectConfig> expect;
  std::optional<AlarmLimitsConfig> alarms;  ///< the alarm system's figures, over all seeds
  std::string
      decisions;  ///< a file with all decisions, line by line, from the scenario's folder; empty: none
  Span decisions_span;
  std::optional<Duration> lasts;
  /// Of a simulated one: the requirements that must hold, by name or pattern; none: all.
  std::vector<std::string> requirements;
  Span requirements_span;
  uint64_t seeds = 1;  ///< of a simulated one: how many runs, with the seeds 1, 2, 3, …

  bool simulated() const { return given.empty(); }
};

}  // namespace looptwin::testbed
