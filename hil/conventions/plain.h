// The plain convention: topics with the device's id in them, JSON or scalar payloads (hil/json_codec.h).
#pragma once

#include "hil/conventions/convention.h"

namespace looptwin::hil {

std::unique_ptr<Convention> make_plain(Speakers speakers);
std::unique_ptr<DeviceSide> make_plain_devices(Speakers speakers);

}  // namespace looptwin::hil
