// Why an event, an alarm or a rule did not act on a device at an instant: which conditions held, which did
// not and by how much, what else stood in the way, and the smallest change that would have made it act.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "testbed/assembly.h"
#include "testbed/explain/conditions.h"

namespace looptwin::testbed {

/// Of an assembly, with the conditions behind the names of derived values and of events.
Conditions conditions_of(Assembly& assembly);

/// One comparison's other side moved so far that it holds; or one report that says otherwise.
struct ValueChange {
  std::string what;      ///< "limit at most 793.2 kW (it is 800 kW)"
  Span literal;          ///< where it is written, if it is a number in the rules; else no source
  std::string path;      ///< of a parameter: "models.block.parameters.limit.default"; else empty
  std::string reported;  ///< of a field that devices report: "valve-17.line_break"; else empty
  std::string by;        ///< what is to stand there, with its unit
  double relative = 0;   ///< how large it is, against what it is compared with
};

/// What would make the condition hold: all of these together. Nothing where no value decides.
std::optional<std::vector<ValueChange>> smallest_change(const Condition& condition,
                                                        const Conditions& conditions, Assembly& assembly);

struct WhyNot {
  std::string name;        ///< of the event: "alarm overload"
  twin::DeviceRef device;  ///< of the event
  bool stands = false;     ///< it stood at that time
  Explanation told;
  std::vector<ValueChange> changes;  ///< the smallest; empty where no value decides
};

/// Watches an event while a run is played, and answers at its end.
class WhyNotWatch {
 public:
  /// `name`: of a rule, an event or an alarm; `device`: of the event, or of a rule's target; empty where
  /// there is only one. Both are checked.
  static Result<WhyNotWatch> make(Assembly& assembly, const std::string& name, const std::string& device);

  /// After each boundary: keeps how the condition went, as long as its delay.
  void look(Time now);
  WhyNot answer() const;
  /// How long before the instant that is asked about the watch has to begin.
  Duration needs() const { return delay_; }

 private:
  explicit WhyNotWatch(Assembly& assembly);
  void tell_standing(WhyNot& out) const;
  void tell_targets(WhyNot& out) const;

  Assembly* assembly_;
  Conditions conditions_;
  size_t event_ = 0;
  std::optional<size_t> rule_;
  twin::DeviceRef device_;                 ///< of the event
  std::optional<twin::DeviceRef> target_;  ///< of the rule
  Duration delay_{};
  std::vector<std::pair<Time, Condition>> seen_;  ///< within the last `delay_`
};

}  // namespace looptwin::testbed
