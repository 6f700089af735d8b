// Sparkplug B 3.0: the loop as a host application, and our simulated devices as edge nodes.
#pragma once

#include "hil/conventions/convention.h"

namespace looptwin::hil {

std::unique_ptr<Convention> make_sparkplug_host(Speakers speakers);
std::unique_ptr<DeviceSide> make_sparkplug_edge(Speakers speakers);

/// The will of a link whose host says with each connection's timestamp that it is there.
WillOf sparkplug_will(const SparkplugOptions& options);

}  // namespace looptwin::hil
