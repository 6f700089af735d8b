// Devices that are sold as they are: each quantity at a topic of its own, or in a JSON text that several
// share, in words and units of theirs; commands are bare words, and what a device then shows is its answer.
#pragma once

#include "hil/conventions/convention.h"

namespace looptwin::hil {

std::unique_ptr<Convention> make_topics(Speakers speakers);
std::unique_ptr<DeviceSide> make_topics_devices(Speakers speakers);

}  // namespace looptwin::hil
