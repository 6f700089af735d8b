// What a scenario says about the loop: feeds, events, rules, alarms. Expressions are spans of the scenario's
// files.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "lang/machine.h"
#include "lang/types.h"

namespace looptwin::mml {

class ColumnFunction;

enum class OnUnknown : uint8_t { hold, raise, clear };

/// The form that events and alarms share.
struct EventConfig {
  std::string name;
  Span span;
  std::string each;  ///< a model: the event lives on each of its devices; empty: one for all
  Span raise;
  Duration on_delay{};
  std::optional<Span> clear;  ///< default: not raise
  Duration off_delay{};
  std::optional<Span> deadband;  ///< a quantity; needs `raise` to be one comparison; excludes `clear`
  OnUnknown unknown = OnUnknown::hold;
  double min_good = 1;                 ///< of aggregates over sets
  bool latched = false;                ///< of events alone: it stands on until it is reset
  std::optional<Span> reset;           ///< the condition that does it; needed where it is latched
  std::optional<Span> bypassed_while;  ///< of events alone: it does not rise while this holds
  std::string first_out;  ///< a group: the first of its members to rise is kept until all are over
};

enum class AlarmPriority : uint8_t { low, medium, high, urgent };

/// A text for people, with `{expression}` or `{expression as unit}` in it.
struct Prose {
  std::string text;  ///< as YAML reads it
  Span span;
};

/// An alarm about a group: more than `more_than` of its members were raised within `within`.
struct FloodConfig {
  Span span;
  std::vector<std::string> of;  ///< the members, alarms
  uint64_t more_than = 10;
  Duration within = minutes(10);
  uint64_t ends_below = 5;  ///< in the same time
};

struct AlarmConfig {
  EventConfig event;  ///< its own condition; or
  std::string of;     ///< the event that it is about; or (`event` then has name and span only)
  std::optional<FloodConfig> flood;
  AlarmPriority priority = AlarmPriority::medium;
  Prose cause, consequence, action;  ///< for the operator
  Duration respond_within{};
  std::optional<AlarmPriority> escalate_to;  ///< its priority once nobody has answered within that time
  Duration realarm{};                        ///< shown anew each time it has stood so long; 0: never
  bool latched = false;                      ///< a person resets it after its condition is over
  bool confirm = false;                      ///< acknowledged, it waits for confirmation as well
  Duration longest_shelving = hours(8);
  std::string role;                      ///< who may hide and reset it; empty: everybody
  std::optional<Span> suppressed_while;  ///< suppressed by design while this holds
};

struct VerifyConfig {
  Span span;
  Span that;  ///< a condition on the target's telemetry
  Duration within{};
};

/// Claims on setpoints of related devices, held while the rule's event stands.
struct OverrideConfig {
  Span span;
  std::string target;         ///< a relation of the event's device, or `self`
  std::optional<Span> where;  ///< on the target; unknown is not met
  struct Set {
    std::string setpoint;
    Span name_span;
    Span value;
  };
  std::vector<Set> set;
  uint32_t stagger_groups = 1;  ///< targets fall into groups at random, by (seed, rule, occurrence, device)
  Duration stagger_every{};
  bool yield_to_local = false;  ///< a refusal by the resident ends the claim on that device
  Duration release_over{};      ///< claims are released in the same groups, spread over this time
  int priority = 0;
  std::optional<VerifyConfig> verify;
};

struct SendConfig {
  Span span;
  std::string target;
  std::optional<Span> where;
  std::string command;
  std::optional<VerifyConfig> verify;
};

/// `publish: {feed: crm, body: {block: id, credit_usd: 1.5}}`
struct PublishConfig {
  Span span;
  std::string feed;
  struct Item {
    std::string key;
    Span value;  ///< an expression of the event's device; `id` is its id
  };
  std::vector<Item> body;
};

/// What is done in one cycle, in this order.
struct ActionsConfig {
  Span span;
  std::vector<OverrideConfig> overrides;  ///< only with while_standing
  std::vector<SendConfig> sends;
  std::vector<PublishConfig> publishes;

  bool empty() const { return overrides.empty() && sends.empty() && publishes.empty(); }
};

/// A step of a sequence: what is done as it begins, and what ends it.
struct StepConfig {
  Span span;
  ActionsConfig actions;      ///< of `do`
  std::optional<Span> until;  ///< on the event's device; absent: it ends as it begins
  Duration within{};          ///< how long `until` is waited for; 0: as long as it takes
  struct Otherwise : ActionsConfig {
    bool stop = false;  ///< the sequence ends; else it goes on with the next step
  };
  std::optional<Otherwise> otherwise;  ///< what is done when it was waited for in vain
};

enum class Trigger : uint8_t { while_standing, when_raised, when_cleared };

/// What a rule does itself it does in one cycle; or it has steps.
struct RuleConfig : ActionsConfig {
  std::string name;
  Trigger trigger = Trigger::while_standing;
  std::string event;
  Span event_span;
  std::vector<StepConfig> steps;
};

struct ForecastConfig {
  Duration issued{};
  Duration horizon{};
  Span error;  ///< a quantity: the standard deviation at the horizon
  /// Of single signals, in place of it.
  struct SignalError {
    std::string signal;
    Span span;
    Span error;
  };
  std::vector<SignalError> errors;
};

/// A signal that is written in the scenario: each value holds from its time on, the last one for ever.
struct FeedSignalConfig {
  std::string name;
  Span span;
  lang::Unit unit;
  std::vector<Duration> at;    ///< since the start, rising
  std::vector<double> values;  ///< one a time, SI
};

/// Inbound: a file with signals, or the signals themselves. Outbound: where publications go (JSON lines in
/// the run folder when `file` is empty).
struct FeedConfig {
  std::string name;
  Span span;
  bool inbound = true;
  std::string file;
  std::vector<FeedSignalConfig> signals;
  std::optional<ForecastConfig> forecast;
  std::optional<Duration> longest_gap;  ///< holes up to this are interpolated; default: none are
};

/// `derived: {load: {each: block, value: sum(homes.power), unit: kW, every: 1 min}}`
struct DerivedConfig {
  std::string name;
  Span span;
  std::string each;  ///< a model; empty: of the site
  Span value;        ///< an expression: a number of `unit`'s dimension, or a boolean
  lang::Unit unit;   ///< of numbers
  bool boolean = false;
  std::vector<std::string> words;  ///< of a machine's state; empty otherwise
  double min_good = 1;             ///< of the members that aggregates over sets need
  Duration every{};                ///< how often it is kept in the run folder; zero: never
  std::string publish;             ///< the outbound feed that it goes to as often; empty: none
  Span publish_span;
};

/// `machines: {mode: {each: pump, states: [idle, filling], transitions: [{to: filling, when: level < 1 m},
/// ...]}}`: a derived value that is a state.
struct MachineConfig : lang::Machine {
  std::string each;  ///< a model; empty: of the site
  double min_good = 1;
  Duration every{};  ///< how often it is kept in the run folder; zero: never
};

/// `functions: {comfort: {each: home, of: [temperature, humidity], unit: "1", python: {...}}}`
struct FunctionConfig {
  std::string name;
  Span span;
  std::string each;             ///< a model
  std::vector<std::string> of;  ///< names of its devices
  Span of_span;
  lang::Unit unit;  ///< of numbers
  bool boolean = false;
  std::shared_ptr<ColumnFunction> function;
};

}  // namespace looptwin::mml
