// Who changes something that is kept for years, and when: goes with every change.
#pragma once

#include <string>

#include "base/time.h"

namespace looptwin::twin {

struct Author {
  std::string name;
  UnixTime at;
};

}  // namespace looptwin::twin
