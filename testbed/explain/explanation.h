// The whole answer to "why did this happen": what led to a decision, the condition that decided with its
// values, the samples behind it, and what came of it.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/stop.h"
#include "base/time.h"
#include "testbed/explain/said.h"

namespace looptwin::testbed {

class Extensions;

/// Events and alarms of a run with their ids, the latest at the end. `stop` ends each of these early.
Result<Explanation> list_decisions(const std::filesystem::path& run, const StopAsked& stop = {});
/// As a tree of lines. `digits`: of an id, its first ones.
Result<Explanation> explain_decision(const std::filesystem::path& run, const std::string& digits,
                                     const Extensions* extensions = nullptr, const StopAsked& stop = {});
/// Why a rule, an event or an alarm did not act on a device at an instant.
Result<Explanation> explain_why_not(const std::filesystem::path& run, const std::string& name,
                                    const std::string& device, Time at,
                                    const Extensions* extensions = nullptr, const StopAsked& stop = {});

}  // namespace looptwin::testbed
