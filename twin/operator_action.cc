#include "twin/operator_action.h"

namespace looptwin::twin {

const char* name_of(OperatorVerb verb) {
  static constexpr const char* kNames[kOperatorVerbs] = {
      "set",      "press",      "acknowledge",    "confirm",    "comment", "shelve", "unshelve",
      "suppress", "unsuppress", "out_of_service", "in_service", "reset",   "raise",  "clear"};
  return kNames[static_cast<size_t>(verb)];
}

}  // namespace looptwin::twin
