#include "twin/transport.h"

namespace looptwin::twin {

void Inbox::clear() {
  for (auto& frame : frames) frame.clear();
  acknowledgements.clear();
  presence.clear();
}

}  // namespace looptwin::twin
