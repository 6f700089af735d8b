// What a person does to the loop: an entry of the input log. A transport hands actions over with the boundary
// at which they act, and the loop applies them one by one before anything is evaluated.
#pragma once

#include <cstdint>
#include <string>

#include "base/time.h"
#include "twin/device_ref.h"

namespace looptwin::twin {

enum class OperatorVerb : uint8_t {
  set,    ///< an input to `value`, for `duration` where that is not 0
  press,  ///< a button: an input that is true at one boundary
  acknowledge,
  confirm,
  comment,
  shelve,  ///< an alarm, for `duration`
  unshelve,
  suppress,
  unsuppress,
  out_of_service,
  in_service,
  reset,  ///< a latched alarm
  raise,  ///< an alarm, whatever its condition
  clear,  ///< one that was raised so
};
inline constexpr uint8_t kOperatorVerbs = 14;

/// What `subject` counts, each in file order: inputs of `set` and `press`, alarms of all others.
enum class OperatorSubject : uint8_t { input, alarm };

struct OperatorAction {
  Time at;  ///< when it was done; it acts at the first boundary at or after
  OperatorVerb verb = OperatorVerb::set;
  OperatorSubject of = OperatorSubject::input;
  uint16_t subject = 0;
  DeviceRef device;     ///< of the subject's model; the site's only row where it is one for all
  double value = 0;     ///< of `set`: SI, 1 or 0, or a word's code
  Duration duration{};  ///< 0: until it is undone
  uint16_t by = 0;      ///< index of the person, in file order
  std::string comment;
};

/// "set", "out_of_service": as in scenarios and logs.
const char* name_of(OperatorVerb verb);

}  // namespace looptwin::twin
