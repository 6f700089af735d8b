// The stateful operations that have a file each; their meaning stands in lang/stateful.h.
#pragma once

#include "lang/stateful.h"

namespace looptwin::lang {

inline constexpr size_t kRisePanes = 64;  ///< of 8 bits each, eight to a column
inline constexpr size_t kStretches = 8;   ///< of truth that time_true tells apart

void held(const StatefulBlock& block, Duration span);
void rises(const StatefulBlock& block, Duration span);
void time_true(const StatefulBlock& block, Duration span);
void pause_time_true(const StatefulBlock& block, Time from);
void pid(const StatefulBlock& block);
void stiction(const StatefulBlock& block);
void machine(const StatefulBlock& block, const MachineTable& table);
MachineTable machine_table(const std::vector<double>& numbers);

}  // namespace looptwin::lang
