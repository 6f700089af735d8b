// What two of three sources here include, compiled once: a scenario in all its parts. See base/precompiled.h.
#pragma once

#include "base/precompiled.h"
#include "testbed/scenario.h"
