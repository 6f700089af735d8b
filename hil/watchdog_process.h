// What runs in the watchdog's process (hil/watchdog.h), on its end of the socket.
#pragma once

#include "hil/watchdog.h"

namespace looptwin::hil {

/// The first byte of each packet between the two.
namespace watchdog_packet {
inline constexpr char kBegin = 'c';       ///< of a list of orders: what came before is forgotten
inline constexpr char kOrder = 'o';       ///< a topic, a zero byte, a payload
inline constexpr char kReady = 'r';       ///< the list is whole
inline constexpr char kFarewell = 'w';    ///< a topic, a zero byte, a payload
inline constexpr char kNoFarewell = 'n';  ///< a topic
inline constexpr char kBeat = 'b';
inline constexpr char kDismiss = 'd';
inline constexpr char kFired = 'f';  ///< the only one in the other direction
}  // namespace watchdog_packet

/// Returns when there is nothing more to watch.
void run_watchdog(int socket, const Watchdog::Options& options);

}  // namespace looptwin::hil
