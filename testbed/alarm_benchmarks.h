// What standards hold acceptable in an alarm system (docs/alarms.md names the sources): beside the figures of
// a run, and as limits of tests.
#pragma once

#include <cstdint>

namespace looptwin::testbed::benchmarks {

// EEMUA 191, IEC 62682: very likely acceptable; twice that is the most that can be managed.
inline constexpr double kPer10Min = 1, kPerHour = 6, kPerDay = 144, kManageable = 2;
// ISA-18.2, IEC 62682, and the peak EEMUA 191 as well.
inline constexpr uint64_t kMostIn10Min = 10;
inline constexpr double kFewTimes = 0.01;  ///< of time in floods, and of busy periods and hours
inline constexpr double kTopTen = 0.05;
inline constexpr uint64_t kStaleBelow = 5;
// Shares of priorities are given as "about": kept up to half as much again.
inline constexpr double kMedium = 0.15, kHigh = 0.05, kUrgent = 0.01, kAbout = 1.5;

}  // namespace looptwin::testbed::benchmarks
