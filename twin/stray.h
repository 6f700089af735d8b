// A message at the broker's door that is not what a registered device sends: its text cannot be read, it
// bears an id that nobody has, another's credential, or a value of another type than the model declares. The
// broker refuses it, whole, and counts why.
#pragma once

#include <cstdint>

#include "base/time.h"

namespace looptwin::twin {

struct Stray {
  enum class Form : uint8_t { malformed, wrong_type, sound };
  Time received;
  uint64_t device = 0;  ///< the key of the id that it bears (Registry::key)
  uint32_t row = 0;     ///< who sent it
  Form form = Form::sound;
  bool foreign = false;  ///< sent with another's credential
  uint16_t unused = 0;   ///< no padding: saved as they lie
};

}  // namespace looptwin::twin
