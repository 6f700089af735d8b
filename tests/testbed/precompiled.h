// What nearly every test here includes, compiled once: scenarios, and how they are run.
#pragma once

#include "loading.h"
#include "testbed/simulation.h"
#include "tests/precompiled.h"
