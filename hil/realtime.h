// What makes a process punctual, where the machine permits it: a fixed priority for the thread that paces,
// and memory that is never paged out.
#pragma once

#include <string>
#include <vector>

namespace looptwin::hil {

/// Asks for SCHED_FIFO for this thread and those that it starts, and locks the process's memory. What was
/// refused comes back, with what would permit it; empty: all was granted.
std::vector<std::string> ask_for_realtime();

}  // namespace looptwin::hil
