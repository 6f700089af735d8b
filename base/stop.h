// How what takes long is ended early: it asks on the way. Who asks is the thread that began the work, every
// few milliseconds at the most often; what it has made so far is thrown away.
#pragma once

#include <functional>

#include "base/result.h"

namespace looptwin {

/// Whether somebody wants the end. Empty: nobody will.
using StopAsked = std::function<bool()>;

inline bool wants_stop(const StopAsked& asked) { return asked && asked(); }

/// What comes of work that was ended early.
inline tl::unexpected<Diagnostics> stopped_early() { return failure("it was stopped before it was done"); }

}  // namespace looptwin
