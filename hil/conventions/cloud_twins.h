// Devices that were made for a cloud's twin: a document of what is desired and what is reported, that the
// loop keeps in the cloud's place. Two skins: AWS IoT's shadow, and Azure IoT Hub's twin with direct methods,
// whose devices the broker has to mount at azure/DEVICE/, for their topics do not name them. Places are
// pointers into the document; without one a quantity stands at /NAME.
#pragma once

#include "hil/conventions/convention.h"

namespace looptwin::hil {

std::unique_ptr<Convention> make_aws_shadow(Speakers speakers);
std::unique_ptr<Convention> make_azure_twin(Speakers speakers);

}  // namespace looptwin::hil
