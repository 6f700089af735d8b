// How many files and connections this process may have open.
#pragma once

#include <cstddef>

#include "base/result.h"

namespace looptwin::hil {

/// From now on as many as the machine lets us have; and as many for processes that are started afterwards.
void raise_descriptor_limit();
/// An error where that is less than `needed`; `what` takes them.
Result<void> check_descriptor_limit(size_t needed, const char* what);

}  // namespace looptwin::hil
