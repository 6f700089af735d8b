// Homie 5, and 4 and 3 as far as they are read: devices that say all that they are in retained topics,
// homie/5/DEVICE/NODE/PROPERTY. A place is NODE/PROPERTY; without one MODEL/FIELD is, with hyphens for
// underscores.
#pragma once

#include "hil/conventions/convention.h"

namespace looptwin::hil {

std::unique_ptr<Convention> make_homie(Speakers speakers);
std::unique_ptr<DeviceSide> make_homie_devices(Speakers speakers);

bool is_homie_place(std::string_view at);

}  // namespace looptwin::hil
