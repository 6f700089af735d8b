// Paho leaves Nagle's algorithm on, which with delayed acknowledgements costs 40 ms a round trip.
#pragma once

namespace looptwin::hil {

/// Sets TCP_NODELAY on every TCP socket that this process has. Called after each connection.
void set_no_delay();

}  // namespace looptwin::hil
